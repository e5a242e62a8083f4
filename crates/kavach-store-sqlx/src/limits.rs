//! Every bound of these backends, with the reason for the number.

use std::time::Duration;

/// How long a call waits for a connection. Whoever asks for a decision waits no longer than that before
/// the answer is no.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long SQLite waits for another process that writes.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a commit to SQLite waits for those before it in this process. Each takes an `fsync`, so this
/// is room for thousands.
pub const WRITER_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that read from one SQLite file: as many as the cores of a small machine.
pub const SQLITE_READERS: u32 = 4;
/// Connections to PostgreSQL, unless somebody says otherwise. A node has one committer, and reads from
/// memory: these are for its questions to the trail and for tests.
pub const POSTGRES_CONNECTIONS: u32 = 8;
/// Times that a batch is tried when the engine rolls it back because two met. Each racer that loses lets
/// another through, so this is for storms.
pub const ATTEMPTS_MAX: u32 = 12;
/// Threads that speak with a server: one that commits, and one that takes a page of a long answer apart.
#[cfg(feature = "postgres")]
pub(crate) const THREADS: usize = 2;
/// The first pause before the next try, at most. Doubles each time, up to [`RETRY_PAUSE_MAX`].
pub const RETRY_PAUSE_MIN: Duration = Duration::from_millis(2);
/// The longest such pause.
pub const RETRY_PAUSE_MAX: Duration = Duration::from_millis(200);
/// How long the connection that hears of changes may take to be made or to answer.
pub const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);
/// Silence after which that connection is asked whether it is alive. Other nodes' changes are heard of by
/// asking meanwhile. (The tests inside the crate do not wait for so long.)
pub const LISTEN_CHECK_EVERY: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 30 });
/// The first pause before that connection is made again. Doubles each time, up to [`DEAF_PAUSE_MAX`].
pub const DEAF_PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest such pause, and for how long nobody is told of changes after the server refused to.
pub const DEAF_PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long a statement waits for a row that another transaction holds.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a transaction may lie idle before the server ends it: a node that was paused in the middle
/// of a commit must not hold up all others.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// Commits that the change feed reaches back: each holds one change at least, so this is sixteen times
/// what the contract asks for. (The tests inside the crate have a short feed, to see it forget.)
pub const FEED_COMMITS_MAX: u64 = if cfg!(test) { 128 } else { 64 * 1024 };
/// Commits after which those that are too old are forgotten together.
pub const FEED_TRIM_EVERY: u64 = 64;
/// Bytes of records or events in one page, beyond the first. Keeps a page in memory.
pub const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Entries of an index that one page of the trail walks through where most of them do not match. (The tests
/// inside the crate have small pages, to meet many of them.)
pub const SCAN_ENTRIES_MAX: usize = if cfg!(test) { 8 } else { 16 * 1024 };
/// Characters in a prefix or in the name of a schema. PostgreSQL cuts names off at 63 bytes, and ours
/// stand behind it.
pub const PREFIX_CHARS_MAX: usize = 30;
/// Rows that one statement of SQLite writes or asks for. It is compiled once for each of these sizes. Powers
/// of two, so that however many rows there are, few statements cross to the thread that writes.
#[cfg(feature = "sqlite")]
pub(crate) const CHUNKS: [usize; 9] = [256, 128, 64, 32, 16, 8, 4, 2, 1];
/// Statements that a connection to SQLite keeps compiled: nine sizes of each that comes in sizes, and the rest.
#[cfg(feature = "sqlite")]
pub(crate) const STATEMENTS_KEPT: usize = 256;
