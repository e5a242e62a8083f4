//! A PostgreSQL that goes wrong when told to: made of its installed binaries, in a folder of its own.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::sleep;

#[path = "../../../../kavach-store-sqlx/tests/it/postgres/binaries.rs"]
mod binaries;

/// Makes a cluster, and runs its server, again whenever it was killed, until the lifeline ends.
const WATCH: &str = r#"
set -e
"$1/initdb" -D "$2/data" -A trust -U kavach -E UTF8 --locale=C --no-sync >"$2/initdb.log" 2>&1
(
    while :; do
        "$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=200 -c fsync=off \
            -c deadlock_timeout=200ms -c shared_buffers=32MB >>"$2/log" 2>&1 </dev/null || true
        sleep 0.1
    done
) &
keeper=$!
cat >/dev/null
kill -KILL $keeper
kill -KILL $(head -n 1 "$2/data/postmaster.pid") || true
sleep 0.3
rm -rf "$2"
"#;

/// A table that everything goes through, and what its trigger does.
const SLOW: &str = "PERFORM pg_sleep(0.2)";
const FULL: &str = "RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'";

pub(crate) struct Database {
    folder: PathBuf,
    watch: Child,
}

impl Database {
    pub(crate) fn start() -> Self {
        let folder = binaries::folder();
        let mut watch = binaries::as_nobody("sh", &folder);
        let watch = watch
            .args(["-c", WATCH, "watch"])
            .args([binaries::binaries(), folder.clone()])
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self {
            folder,
            watch: watch.unwrap(),
        }
    }

    /// The address of the schema that one story has for itself.
    pub(crate) fn url(&self, schema: &str) -> String {
        let folder = self.folder.display();
        format!("postgres://kavach@localhost/postgres?host={folder}&schema={schema}")
    }

    /// Does something to the database, once it answers, and again if that was cut off.
    async fn execute(&self, sql: &str) {
        for _ in 0..300 {
            let mut told = Command::new("psql");
            told.args(["--no-psqlrc", "--quiet", "-U", "kavach", "-d", "postgres"])
                .args(["-v", "ON_ERROR_STOP=1", "-c", sql, "-h"])
                .arg(&self.folder)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let told = tokio::task::spawn_blocking(move || told.status());
            let told = told.await.unwrap();
            let told = told.unwrap_or_else(|error| {
                panic!("`psql` cannot be run ({error}); install the client of PostgreSQL")
            });
            if told.success() {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        let read = |name| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        panic!("no `{sql}`: {}{}", read("initdb.log"), read("log"));
    }

    /// Waits until it does.
    pub(crate) async fn answers(&self) {
        self.execute("SELECT 1").await;
    }

    /// Ends every session, in the midst of whatever it does.
    pub(crate) async fn cut_connections(&self) {
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
        )
        .await;
    }

    /// Kills the server with all its sessions; it starts again by itself, and recovers.
    pub(crate) fn kill(&self) {
        let lock = std::fs::read_to_string(self.folder.join("data/postmaster.pid"));
        // While it starts there is none, or it is empty yet.
        let id = lock
            .ok()
            .and_then(|lock| lock.lines().next()?.parse::<u32>().ok());
        if let Some(id) = id {
            let _ = Command::new("kill")
                .args(["-KILL", &id.to_string()])
                .status();
        }
    }

    pub(crate) async fn be_slow(&self, schema: &str) {
        self.trigger(schema, SLOW).await;
        sleep(Duration::from_millis(500)).await;
        self.be_well(schema).await;
    }

    pub(crate) async fn be_full(&self, schema: &str) {
        self.trigger(schema, FULL).await;
        sleep(Duration::from_millis(500)).await;
        self.be_well(schema).await;
    }

    async fn trigger(&self, schema: &str, does: &str) {
        self.execute(&format!(
            "SET lock_timeout = '5s';
             CREATE OR REPLACE FUNCTION {schema}.go_wrong() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN {does}; RETURN NULL; END $$;
             CREATE OR REPLACE TRIGGER go_wrong AFTER INSERT ON {schema}.kavach_event
                 FOR EACH STATEMENT EXECUTE FUNCTION {schema}.go_wrong()"
        ))
        .await;
    }

    pub(crate) async fn be_well(&self, schema: &str) {
        self.execute(&format!(
            "SET lock_timeout = '5s'; DROP TRIGGER IF EXISTS go_wrong ON {schema}.kavach_event"
        ))
        .await;
    }

    pub(crate) async fn forget(&self, schema: &str) {
        self.execute(&format!("DROP SCHEMA {schema} CASCADE")).await;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        let _ = self.watch.wait();
    }
}
