//! PostgreSQL.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use kavach_store::kavach_audit::{Query, SealedEvent};
use kavach_store::kavach_core::LogId;
use kavach_store::limits::page_size;
use kavach_store::{
    AuditCursor, AuditPage, Batch, ChangesPage, Committed, Health, Key, Migration, Revision,
    ScanPage, SchemaState, Snapshot, Space, Store, StoreError, StoreErrorKind,
};
use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres};

use crate::error::Failure;
use crate::log;
use crate::names::Names;
use crate::records::Scan;
use crate::task::{Threads, Work, to_its_end};
use crate::trail::{self, Dialect};

mod again;
mod commit;
mod events;
mod meaning;
mod migrate;
mod options;
#[cfg(test)]
mod plans;
mod read;
mod wake;

pub use options::PostgresOptions;

/// A store in a PostgreSQL database.
///
/// A clone is another handle onto the same connections. Methods are called inside a `tokio` runtime.
/// [Close](Self::close) it at the end: otherwise what is under way may still land after the last handle is
/// gone.
///
/// A commit locks the rows that it expects something of or writes, in order, and those that are not there
/// by writing them for a moment. So batches are serializable without the engine having to guess, those
/// that touch different records do not wait for each other, and only those that change the graph wait for
/// the one row with its revision.
#[derive(Clone)]
pub struct PostgresStore {
    shared: Arc<Shared>,
}

struct Shared {
    /// Server and database, for messages; never the password.
    name: String,
    names: Names,
    schema: Option<String>,
    pool: PgPool,
    /// The connection of the last commit, if it was done and nobody needs it: the next one finds plans and rows
    /// in its memory, and nobody has to ask whether it is in a transaction.
    kept: Mutex<Option<PoolConnection<Postgres>>>,
    threads: Threads,
    /// The id of the store, once its schema was seen to be the one that this version works with.
    ready: OnceLock<i64>,
    /// A history that goes on from a copy of the database gets tags that no other has.
    tags: RandomState,
    /// How many tags were drawn.
    drawn: AtomicU64,
    wake: wake::Wake,
}

impl PostgresStore {
    /// A store at this address: `postgres://user@host/database`. Nothing is asked of the server yet.
    ///
    /// A fresh database holds no store until it is [migrated](Store::migrate).
    ///
    /// # Errors
    /// `InvalidInput` for an address that is none.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(PostgresOptions::parse(url)?)
    }

    /// The same, with other options.
    ///
    /// # Errors
    /// `InvalidInput` for a prefix or schema that is no name.
    pub fn open_with(options: PostgresOptions) -> Result<Self, StoreError> {
        let names = Names::new(options.schema(), options.prefix())?;
        let threads = Threads::start()?;
        // Pools begin tasks of their own.
        let (pool, ears) = {
            let _here = threads.handle().enter();
            (options.pool(), options.ears())
        };
        Ok(Self {
            shared: Arc::new(Shared {
                name: options.name(),
                names,
                schema: options.schema().map(str::to_owned),
                pool,
                kept: Mutex::default(),
                threads,
                ready: OnceLock::new(),
                tags: RandomState::new(),
                drawn: AtomicU64::new(0),
                wake: wake::Wake::new(ears),
            }),
        })
    }

    /// Waits for what is under way, and ends all connections. Later calls answer `Unavailable`.
    pub async fn close(&self) {
        self.shared.wake.close().await;
        let closing = self.shared.pool.close();
        drop(self.shared.take_kept());
        closing.await;
    }

    /// For tests: the connections that the store works with.
    #[doc(hidden)]
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.shared.pool
    }

    /// Runs `work` on a connection, on a task of its own, and once more if the connection turns out to be
    /// a dead one.
    async fn reading<T: Send + 'static>(
        &self,
        work: impl for<'c> Fn(&'c mut PgConnection, &'c Shared) -> Work<'c, Result<T, Failure>>
        + Send
        + Sync
        + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let (name, on) = (&self.shared.name, self.shared.threads.handle());
        to_its_end(on, name, StoreErrorKind::Unavailable, async move {
            let mut again = again::Again::new();
            loop {
                let failure = match shared.attempt(&work).await {
                    Ok(found) => return Ok(found),
                    Err(failure) => failure,
                };
                if !again.may(&failure).await {
                    return Err(shared.explain(failure));
                }
            }
        })
        .await
    }
}

impl Shared {
    fn explain(&self, failure: Failure) -> StoreError {
        failure.explain(&self.name, meaning::of)
    }

    async fn attempt<T>(
        &self,
        work: impl for<'c> Fn(&'c mut PgConnection, &'c Self) -> Work<'c, Result<T, Failure>>,
    ) -> Result<T, Failure> {
        self.store_id().await?;
        let mut connection = self.pool.acquire().await?;
        let found = work(&mut connection, self).await;
        if matches!(found, Err(Failure::Sql(_))) {
            // Whatever state it is in.
            connection.close_on_drop();
        }
        found
    }

    /// A connection to commit with.
    async fn connection(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        match self.take_kept() {
            Some(connection) => Ok(connection),
            None => self.pool.acquire().await,
        }
    }

    /// Takes back one that has just ended its transaction. Others may need it, where there are few.
    fn keep(&self, connection: PoolConnection<Postgres>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at behind the lock: whoever closes the pool says so first, and then takes what is kept.
        if self.pool.options().get_max_connections() > 1 && !self.pool.is_closed() {
            kept.get_or_insert(connection);
        }
    }

    fn take_kept(&self) -> Option<PoolConnection<Postgres>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take()
    }

    /// A number that nobody can tell, for a revision.
    fn draw_tag(&self) -> u64 {
        self.tags
            .hash_one(self.drawn.fetch_add(1, Ordering::Relaxed))
    }

    /// The id of the store. Looks once whether the schema is ours.
    async fn store_id(&self) -> Result<i64, Failure> {
        if let Some(id) = self.ready.get() {
            return Ok(*id);
        }
        let mut connection = self.pool.acquire().await?;
        let found = migrate::found(&mut connection, &self.names, &self.name).await?;
        let wanted = migrate::wanted();
        if found < wanted {
            return Err(crate::schema::too_old(found, wanted, &self.name).into());
        }
        let sql = self.names.sql("SELECT store FROM {state} WHERE one = 1");
        let id = sqlx::query_scalar(sql).fetch_one(&mut *connection).await?;
        Ok(*self.ready.get_or_init(|| id))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Whoever gives a connection back begins a task.
        let _here = self.threads.handle().enter();
        drop(self.take_kept());
    }
}

/// Runs statements that answer nothing.
async fn run(connection: &mut PgConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(connection).await.map(|_| ())
}

/// Takes back what a transaction did. A connection that stays in it is not used again.
async fn roll_back(mut connection: PoolConnection<Postgres>) {
    if run(&mut connection, "ROLLBACK").await.is_err() {
        connection.close_on_drop();
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("name", &self.shared.name)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, StoreError> {
        let keys: Arc<[Key]> = keys.into();
        self.reading(move |connection, shared| {
            let keys = Arc::clone(&keys);
            Box::pin(async move { read::read(connection, &shared.names, &keys).await })
        })
        .await
    }

    async fn scan(
        &self,
        space: Space,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        let scan = Arc::new(Scan::new(space, range, limit)?);
        self.reading(move |connection, shared| {
            let scan = Arc::clone(&scan);
            Box::pin(async move { read::scan(connection, &shared.names, &scan).await })
        })
        .await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        batch.check()?;
        let shared = Arc::clone(&self.shared);
        let (name, on) = (&self.shared.name, self.shared.threads.handle());
        to_its_end(on, name, StoreErrorKind::OutcomeUnknown, async move {
            let committed = commit::commit(&shared, &batch).await;
            if committed.is_ok() && !batch.graph_changes().is_empty() {
                wake::tell(&shared);
            }
            committed.map_err(|failure| shared.explain(failure))
        })
        .await
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesPage, StoreError> {
        let size = page_size(limit)?;
        self.reading(move |connection, shared| {
            Box::pin(async move { read::changes(connection, &shared.names, after, size).await })
        })
        .await
    }

    async fn audit_scan(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let scan = Arc::new(trail::Scan::new(Dialect::Postgres, query, after, limit)?);
        self.reading(move |connection, shared| {
            let scan = Arc::clone(&scan);
            Box::pin(async move {
                let store = shared.store_id().await?;
                read::audit(connection, &shared.names, &scan, store).await
            })
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
        self.reading(move |connection, shared| {
            Box::pin(async move { read::of_log(connection, &shared.names, scan).await })
        })
        .await
    }

    async fn migrate(&self, migration: Migration) -> Result<SchemaState, StoreError> {
        let shared = Arc::clone(&self.shared);
        let (name, on) = (&self.shared.name, self.shared.threads.handle());
        to_its_end(on, name, StoreErrorKind::OutcomeUnknown, async move {
            let migrated = migrate::migrate(&shared, migration).await;
            migrated.map_err(|failure| shared.explain(failure))
        })
        .await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.reading(move |connection, shared| {
            Box::pin(async move { read::health(connection, &shared.names, &shared.name).await })
        })
        .await
    }

    async fn stirred(&self, _: Revision) {
        wake::stirred(&self.shared).await;
    }
}
