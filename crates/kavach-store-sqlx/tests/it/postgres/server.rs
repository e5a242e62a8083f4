//! A PostgreSQL of our own: made of its installed binaries, in a folder of its own, reached by a socket
//! in that folder and by nothing else, run by somebody who is not root, and gone when the tests are.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::Connection;

/// The one server of this binary.
static SERVER: LazyLock<Server> = LazyLock::new(|| {
    // The test that comes first has a runtime on its thread already.
    std::thread::spawn(Server::start).join().unwrap()
});

/// Keeps the server running: whoever watches over it reads from this pipe, which ends with our process,
/// however it ends.
pub(crate) struct Server {
    folder: PathBuf,
    _lifeline: ChildStdin,
}

/// Makes a database cluster, runs the server until the lifeline ends, and cleans up.
const WATCH: &str = r#"
set -e
"$1/initdb" -D "$2/data" -A trust -U kavach -E UTF8 --locale=C --no-sync >"$2/initdb.log" 2>&1
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=300 -c fsync=off \
    -c deadlock_timeout=200ms -c shared_buffers=64MB $3 >"$2/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
while kill -INT $server 2>/dev/null; do sleep 0.1; done
rm -rf "$2"
"#;

impl Server {
    /// The folder with the socket of the server that all tests of this binary share.
    ///
    /// Its `fsync` is off: processes die in these tests, and the machine does not.
    pub(crate) fn shared() -> &'static Path {
        &SERVER.folder
    }

    fn start() -> Self {
        let binaries = binaries();
        // A short path: that of a socket may have about a hundred bytes.
        let folder = tempfile::Builder::new()
            .prefix("kavach-pg-")
            .tempdir()
            .unwrap()
            .keep();
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
        let mut watch = Command::new("sh");
        watch
            .args(["-c", WATCH, "watch"])
            .arg(&binaries)
            .arg(&folder)
            .arg("");
        if id(&["-u"]) == 0 {
            // PostgreSQL refuses to be run by root.
            let who = ["postgres", "nobody"]
                .into_iter()
                .find(|who| user_exists(who));
            let who = who.expect("there is no user `postgres` or `nobody` to run PostgreSQL as");
            let (user, group) = (id(&["-u", who]), id(&["-g", who]));
            chown(&folder, Some(user), Some(group)).unwrap();
            watch.uid(user).gid(group);
        }
        watch.current_dir(&folder);
        let mut watch = watch
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            folder,
            _lifeline: watch.stdin.take().unwrap(),
        };
        server.wait(&mut watch);
        server
    }

    /// Waits until the server answers.
    fn wait(&self, watch: &mut std::process::Child) {
        let url = url(&self.folder);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            for _ in 0..600 {
                if let Ok(connection) = sqlx::PgConnection::connect(&url).await {
                    connection.close().await.unwrap();
                    return;
                }
                if let Some(status) = watch.try_wait().unwrap() {
                    panic!("PostgreSQL ended with {status}: {}", self.logs());
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            panic!("PostgreSQL does not answer: {}", self.logs());
        });
    }

    fn logs(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        read("initdb.log") + &read("log")
    }
}

/// The address of the database behind the socket in `folder`.
pub(crate) fn url(folder: &Path) -> String {
    format!(
        "postgres://kavach@localhost/postgres?host={}",
        folder.display()
    )
}

/// The name of a schema that no other test uses.
pub(crate) fn schema() -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    format!("test_{}", MADE.fetch_add(1, Ordering::Relaxed))
}

/// Where `initdb` and `postgres` are: on the `PATH`, or where packages put them; the newest of several.
fn binaries() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Debian and its kin; Red Hat and its kin; Homebrew; from source.
    for (parent, below) in [
        ("/usr/lib/postgresql", "bin"),
        ("/usr", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/usr/local/opt", "bin"),
        ("/usr/local", "bin"),
        ("/opt", "bin"),
    ] {
        let found = std::fs::read_dir(parent).into_iter().flatten().flatten();
        let mut found: Vec<PathBuf> = found.map(|entry| entry.path().join(below)).collect();
        found.sort_by_key(|path| std::cmp::Reverse(version(path)));
        folders.extend(found);
    }
    let has_both =
        |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("postgres").is_file();
    let found = folders.into_iter().find(has_both);
    found.expect(
        "there is no PostgreSQL here; install its server, such as `apt-get install postgresql`",
    )
}

/// The number in a path such as `postgresql/15/bin`, so that the newest comes first.
fn version(path: &Path) -> u32 {
    let text = path.to_string_lossy();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

fn user_exists(who: &str) -> bool {
    Command::new("id")
        .arg(who)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn id(arguments: &[&str]) -> u32 {
    let output = Command::new("id").args(arguments).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}
