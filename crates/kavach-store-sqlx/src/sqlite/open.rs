//! Opening the file.

use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection, SqlitePool};

use crate::limits::{
    ACQUIRE_TIMEOUT, BUSY_TIMEOUT, SQLITE_READERS, STATEMENTS_KEPT, WRITER_TIMEOUT,
};

/// How an SQLite file is used.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    prefix: String,
}

impl SqliteOptions {
    /// Tables and views whose names begin with `prefix`, instead of `kavach_`: 1 to 30 of `a-z`, `0-9`
    /// and `_`, the first no digit.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            prefix: "kavach_".to_owned(),
        }
    }
}

/// The one connection that writes, and those that read.
pub(super) async fn pools(
    path: &Path,
    _options: &SqliteOptions,
) -> Result<(SqlitePool, SqlitePool), sqlx::Error> {
    let is_new = !path.exists();
    let file = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // With less, a commit can be gone after the power was.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        // Rows hold text that attackers choose: no function of the schema runs by itself.
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .pragma("cache_size", "-16384")
        .statement_cache_capacity(STATEMENTS_KEPT)
        .disable_statement_logging();
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(WRITER_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(is_free(connection)))
        .connect_with(file.clone())
        .await?;
    if is_new {
        make_private(path);
    }
    let readers = SqlitePoolOptions::new()
        .max_connections(SQLITE_READERS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(is_free(connection)))
        .connect_lazy_with(file.create_if_missing(false).pragma("query_only", "ON"));
    Ok((writer, readers))
}

/// Whether the connection is in no transaction: there is none to take back.
async fn is_free(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let taken_back = super::run(connection, "ROLLBACK").await;
    Ok(matches!(taken_back, Err(sqlx::Error::Database(_))))
}

/// A trail says who did what: nobody else's business.
fn make_private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for end in ["", "-wal", "-shm"] {
            let mut file = path.as_os_str().to_owned();
            file.push(end);
            // Where the file system knows no such rights, there is nothing to take away.
            let _ = std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600));
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}
