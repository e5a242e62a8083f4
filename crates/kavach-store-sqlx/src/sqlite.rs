//! SQLite in a file.

use std::fmt;
use std::hash::RandomState;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use kavach_store::kavach_audit::{Query, SealedEvent};
use kavach_store::kavach_core::LogId;
use kavach_store::limits::page_size;
use kavach_store::{
    AuditCursor, AuditPage, Batch, ChangesPage, Committed, Health, Key, Migration, Revision,
    ScanPage, SchemaState, Snapshot, Space, Store, StoreError, StoreErrorKind,
};
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use tokio::runtime::Handle;

use crate::error::Failure;
use crate::log;
use crate::names::Names;
use crate::records::Scan;
use crate::task::{Work, to_its_end};
use crate::trail::{self, Dialect};

mod commit;
mod integrity;
mod meaning;
mod migrate;
mod open;
#[cfg(test)]
mod plans;
mod read;

pub use open::SqliteOptions;

/// A store in an SQLite file.
///
/// One connection writes, several read. A clone is another handle onto the same connections; other
/// processes may have the file open too, and wait for each other's commits. Methods are called inside a
/// `tokio` runtime. [Close](Self::close) it at the end: otherwise what is under way may still land after
/// the last handle is gone.
#[derive(Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

struct Shared {
    /// The path, for messages.
    name: String,
    names: Names,
    writer: SqlitePool,
    readers: SqlitePool,
    /// Whether the schema was seen to be the one that this version works with.
    is_ready: AtomicBool,
    /// A history that goes on from a copy of the file gets tags that no other has.
    tags: RandomState,
}

impl SqliteStore {
    /// Opens the store in the file at `path`, which is created if it is not there. The folder must be.
    ///
    /// A fresh file holds no store until it is [migrated](Store::migrate).
    ///
    /// # Errors
    /// `Corrupt`: it is another kind of file. `ReadOnly`, `Unavailable`: the message says what is missing.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(path, SqliteOptions::default()).await
    }

    /// The same, with other options.
    ///
    /// # Errors
    /// As [`open`](Self::open), and `InvalidInput` for a prefix that is none.
    pub async fn open_with(
        path: impl AsRef<Path>,
        options: SqliteOptions,
    ) -> Result<Self, StoreError> {
        let path: PathBuf = path.as_ref().to_owned();
        let name = path.display().to_string();
        let names = Names::new(None, options.prefix())?;
        let shown = name.clone();
        let here = Handle::current();
        let opened = to_its_end(&here, &name, StoreErrorKind::Unavailable, async move {
            let opened = open::pools(&path, &options).await;
            opened.map_err(|error| Failure::from(error).explain(&shown, meaning::of))
        });
        let (writer, readers) = opened.await?;
        Ok(Self {
            shared: Arc::new(Shared {
                name,
                names,
                writer,
                readers,
                is_ready: AtomicBool::new(false),
                tags: RandomState::new(),
            }),
        })
    }

    /// Waits for what is under way, and closes the file. Later calls answer `Unavailable`.
    pub async fn close(&self) {
        self.shared.readers.close().await;
        // The last connection that closes moves what was written into the file itself.
        self.shared.writer.close().await;
    }

    /// Runs `work` on a snapshot.
    async fn reading<T: Send + 'static>(
        &self,
        work: impl for<'c> FnOnce(&'c mut SqliteConnection, &'c Names) -> Work<'c, Result<T, Failure>>
        + Send
        + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let name = &self.shared.name;
        to_its_end(
            &Handle::current(),
            name,
            StoreErrorKind::Unavailable,
            async move {
                let read = async {
                    shared.check_ready().await?;
                    let mut connection = shared.readers.acquire().await?;
                    run(&mut connection, "BEGIN").await?;
                    let found = work(&mut connection, &shared.names).await;
                    end(connection, "COMMIT").await;
                    found
                };
                read.await.map_err(|failure| shared.explain(failure))
            },
        )
        .await
    }
}

impl Shared {
    fn explain(&self, failure: Failure) -> StoreError {
        failure.explain(&self.name, meaning::of)
    }

    /// Looks once whether the schema is ours.
    async fn check_ready(&self) -> Result<(), Failure> {
        if self.is_ready.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut connection = self.readers.acquire().await?;
        let found = migrate::found(&mut connection, &self.names, &self.name).await?;
        drop(connection);
        let wanted = migrate::wanted();
        if found < wanted {
            return Err(crate::schema::too_old(found, wanted, &self.name).into());
        }
        self.is_ready.store(true, Ordering::Release);
        Ok(())
    }
}

/// Runs statements that answer nothing.
async fn run(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(connection).await.map(|_| ())
}

/// Ends a transaction whose outcome does not matter. A connection that stays in it is not used again.
async fn end(mut connection: PoolConnection<Sqlite>, sql: &'static str) {
    if run(&mut connection, sql).await.is_err() {
        connection.close_on_drop();
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("name", &self.shared.name)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, StoreError> {
        let keys = keys.to_vec();
        self.reading(move |connection, names| {
            Box::pin(async move { read::read(connection, names, &keys).await })
        })
        .await
    }

    async fn scan(
        &self,
        space: Space,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        let scan = Scan::new(space, range, limit)?;
        self.reading(move |connection, names| {
            Box::pin(async move { read::scan(connection, names, &scan).await })
        })
        .await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        batch.check()?;
        let shared = Arc::clone(&self.shared);
        let name = &self.shared.name;
        to_its_end(
            &Handle::current(),
            name,
            StoreErrorKind::OutcomeUnknown,
            async move {
                let committed = commit::commit(&shared, &batch).await;
                committed.map_err(|failure| shared.explain(failure))
            },
        )
        .await
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesPage, StoreError> {
        let size = page_size(limit)?;
        self.reading(move |connection, names| {
            Box::pin(async move { read::changes(connection, names, after, size).await })
        })
        .await
    }

    async fn audit_scan(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let scan = trail::Scan::new(Dialect::Sqlite, query, after, limit)?;
        self.reading(move |connection, names| {
            Box::pin(async move { read::audit(connection, names, &scan).await })
        })
        .await
    }

    async fn log_scan(
        &self,
        log: LogId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedEvent>, StoreError> {
        let size = page_size(limit)?;
        let scan = log::Scan { log, from, size };
        self.reading(move |connection, names| {
            Box::pin(async move { read::of_log(connection, names, scan).await })
        })
        .await
    }

    async fn migrate(&self, migration: Migration) -> Result<SchemaState, StoreError> {
        let shared = Arc::clone(&self.shared);
        let name = &self.shared.name;
        to_its_end(
            &Handle::current(),
            name,
            StoreErrorKind::OutcomeUnknown,
            async move {
                let migrated = migrate::migrate(&shared, migration).await;
                migrated.map_err(|failure| shared.explain(failure))
            },
        )
        .await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        let shared = Arc::clone(&self.shared);
        let name = &self.shared.name;
        to_its_end(
            &Handle::current(),
            name,
            StoreErrorKind::Unavailable,
            async move {
                let probe = async {
                    shared.check_ready().await?;
                    // Whether a commit could be made now.
                    let mut connection = shared.writer.acquire().await?;
                    run(&mut connection, "BEGIN IMMEDIATE").await?;
                    let health = read::health(&mut connection, &shared.names).await;
                    end(connection, "ROLLBACK").await;
                    health
                };
                probe.await.map_err(|failure| shared.explain(failure))
            },
        )
        .await
    }
}
