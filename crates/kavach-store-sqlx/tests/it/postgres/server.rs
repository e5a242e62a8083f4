//! A PostgreSQL of our own: made of its installed binaries, in a folder of its own, reached by a socket
//! in that folder and by nothing else, run by somebody who is not root, and gone when the tests are.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

#[path = "binaries.rs"]
mod binaries;

/// The one server of this binary.
static SERVER: LazyLock<Server> = LazyLock::new(|| {
    // The test that comes first has a runtime on its thread already.
    let start = || Server::start(&[], &[]).unwrap_or_else(|why| panic!("{why}"));
    std::thread::spawn(start).join().unwrap()
});

/// Keeps the server running: whoever watches over it reads from a pipe of ours, which ends with our
/// process, however it ends.
pub(crate) struct Server {
    folder: PathBuf,
    _watch: Child,
}

/// Makes a database cluster, runs the server until the lifeline ends, and cleans up. Signals to all of us, as a
/// terminal sends them, end the tests, and so the lifeline, and not who cleans up. The server takes a
/// certificate and a key only from files that are its own.
const WATCH: &str = r#"
set -e
trap '' HUP INT TERM
binaries=$1 folder=$2 fsync=$3
shift 3
"$binaries/initdb" -D "$folder/data" -A trust -U kavach -E UTF8 --locale=C --no-sync >"$folder/initdb.log" 2>&1
for file in server.crt server.key; do
    if [ -f "$folder/$file" ]; then (umask 077 && cat "$folder/$file" >"$folder/data/$file"); fi
done
"$binaries/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c max_connections=300 \
    -c fsync="$fsync" -c deadlock_timeout=200ms -c shared_buffers=64MB "$@" \
    >"$folder/log" 2>&1 </dev/null &
server=$!
until grep -q ready "$folder/data/postmaster.pid" 2>/dev/null; do kill -0 $server; sleep 0.1; done
echo ready
cat >/dev/null
while kill -INT $server 2>/dev/null; do sleep 0.1; done
rm -rf "$folder"
"#;

impl Server {
    /// The folder with the socket of the server that all tests of this binary share.
    ///
    /// Its `fsync` is off in tests: processes die there, and the machine does not. It is on where speed is
    /// measured.
    pub(crate) fn shared() -> &'static Path {
        &SERVER.folder
    }

    /// A server with these settings besides its own, and these files to take into its data.
    ///
    /// # Errors
    /// What it said, if it does not start.
    pub(crate) fn start(settings: &[String], files: &[(&str, &str)]) -> Result<Self, String> {
        let folder = binaries::folder();
        for (name, text) in files {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let mut watch = binaries::as_nobody("sh", &folder);
        watch
            .args(["-c", WATCH, "watch"])
            .args([binaries::binaries(), folder.clone()])
            .arg(if cfg!(test) { "off" } else { "on" })
            .args(settings.iter().flat_map(|setting| ["-c", setting]));
        watch.current_dir(&folder);
        let mut watch = watch
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let told = BufReader::new(watch.stdout.take().unwrap()).read_line(&mut ready);
        let server = Self {
            folder,
            _watch: watch,
        };
        if told.is_ok() && ready == "ready\n" {
            Ok(server)
        } else {
            Err(format!("PostgreSQL does not start: {}", server.logs()))
        }
    }

    /// What it said until now.
    pub(crate) fn logs(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        read("initdb.log") + read("log").as_str()
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
