//! The store that callers hold.

use std::fmt;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kavach_store::kavach_audit::{Query, SealedEvent};
use kavach_store::kavach_core::LogId;
use kavach_store::limits::page_size;
use kavach_store::{
    AuditCursor, AuditPage, Batch, ChangesPage, Committed, Health, Key, Migration, Revision,
    ScanPage, SchemaState, Snapshot, Space, Store, StoreError, StoreErrorKind,
};
use redb::{ReadTransaction, StorageBackend};

use crate::engine::{Engine, Handle};
use crate::error::Failure;
use crate::limits::CHECKPOINT_AFTER;
use crate::schema::{SCHEMA, State};
use crate::storage::Syncs;
use crate::writer::Writer;
use crate::{feed, file, records, trail};

/// A store in one file.
///
/// A clone is another handle onto the same file. When the last one is dropped, what was sent to the
/// store is done, and the file is closed: dropping waits for that. Methods are called inside a `tokio`
/// runtime, because reading happens on its threads for blocking work; writing has a thread of its own.
#[derive(Clone)]
pub struct RedbStore {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Arc<Engine>,
    /// `None` if the file is open for reading only.
    writer: Option<Writer>,
}

impl RedbStore {
    /// Opens the store in the file at `path`, which is created if it is not there. The folder must be.
    ///
    /// After a crash this may have to read the whole file: about a second for each gigabyte.
    ///
    /// # Errors
    /// `Locked`: another process has it open for writing. `SchemaTooNew`, `Corrupt`: use another version,
    /// or another file. `ReadOnly`, `Unavailable`: the message says what is missing.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let name = path.display().to_string();
        let open = move |syncs: &Syncs| Ok(Handle::Writing(file::open(&path, syncs)?));
        Self::start(Engine::start(name, Box::new(open))?, CHECKPOINT_AFTER)
    }

    /// Opens the store in the file at `path` for reading, also while another process writes to it.
    ///
    /// `commit` answers `ReadOnly`. What the other process commits is seen by the next call.
    ///
    /// # Errors
    /// As [`open`](Self::open); a file that is not there is not created, and one that was not closed
    /// after a crash is `Unavailable` until it was opened for writing.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let name = path.display().to_string();
        let open = move |_: &Syncs| Ok(Handle::Reading(file::open_read_only(&path)?));
        let engine = Arc::new(Engine::start(name, Box::new(open))?);
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                writer: None,
            }),
        })
    }

    /// For tests: opens the store on what `storage` makes, each time that it has to be opened. It
    /// makes checkpoints only when told to.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    #[doc(hidden)]
    pub fn open_on<B: StorageBackend>(
        storage: impl Fn() -> B + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let open = move |syncs: &Syncs| Ok(Handle::Writing(file::open_storage(storage(), syncs)?));
        Self::start(
            Engine::start("test storage".to_owned(), Box::new(open))?,
            Duration::MAX,
        )
    }

    /// For tests: notes down which pages are free, as the store does when it is quiet.
    ///
    /// # Errors
    /// As [`Store::commit`].
    #[doc(hidden)]
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        self.writer()?.checkpoint().await
    }

    fn start(engine: Engine, checkpoint_after: Duration) -> Result<Self, StoreError> {
        let engine = Arc::new(engine);
        let writer = Some(Writer::start(Arc::clone(&engine), checkpoint_after)?);
        Ok(Self {
            shared: Arc::new(Shared { engine, writer }),
        })
    }

    fn writer(&self) -> Result<&Writer, StoreError> {
        self.shared.writer.as_ref().ok_or_else(|| {
            let name = self.shared.engine.name();
            let message = format!("`{name}` is open for reading only; open it for writing");
            StoreError::new(StoreErrorKind::ReadOnly, message)
        })
    }

    /// Runs `read` on a snapshot, on a thread that may wait for the disk.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let engine = Arc::clone(&self.shared.engine);
        let task = tokio::task::spawn_blocking(move || {
            let result = engine.begin_read().and_then(|snapshot| read(&snapshot));
            result.map_err(|failure| failure.explain(engine.name()))
        });
        task.await
            .unwrap_or_else(|error| Err(self.reading_stopped(error)))
    }

    fn reading_stopped(&self, error: tokio::task::JoinError) -> StoreError {
        let name = self.shared.engine.name();
        if error.is_panic() {
            // redb checks what it reads when it repairs a file, and not each time.
            let message =
                format!("`{name}` cannot be read, and is probably damaged; restore a backup");
            return StoreError::new(StoreErrorKind::Corrupt, message).because(error);
        }
        let message = format!("`{name}` was not read, because the program is stopping");
        StoreError::new(StoreErrorKind::Unavailable, message).because(error)
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore")
            .field("name", &self.shared.engine.name())
            .finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // First the writer, which waits for its thread. A read that nobody waits for any more may still
        // hold the engine, and must not keep the file locked.
        self.writer = None;
        self.engine.close();
    }
}

#[async_trait]
impl Store for RedbStore {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, StoreError> {
        let keys = keys.to_vec();
        self.reading(move |snapshot| records::read(snapshot, &keys))
            .await
    }

    async fn scan(
        &self,
        space: Space,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        let scan = records::Scan::new(space, range, limit)?;
        self.reading(move |snapshot| records::scan(snapshot, &scan))
            .await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        batch.check()?;
        self.writer()?.commit(batch).await
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesPage, StoreError> {
        self.reading(move |snapshot| feed::changes(snapshot, after, limit))
            .await
    }

    async fn audit_scan(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let store = self.shared.engine.id();
        let scan = trail::Scan::new(store, query, after, limit)?;
        self.reading(move |snapshot| scan.run(snapshot, store))
            .await
    }

    async fn log_scan(
        &self,
        log: LogId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedEvent>, StoreError> {
        let size = page_size(limit)?;
        self.reading(move |snapshot| trail::of_log(snapshot, log, from, size))
            .await
    }

    async fn migrate(&self, _: Migration) -> Result<SchemaState, StoreError> {
        // A fresh file gets the only schema there is when it is opened, and any other is refused then.
        Ok(SchemaState {
            found: SCHEMA,
            wanted: SCHEMA,
        })
    }

    async fn health(&self) -> Result<Health, StoreError> {
        if let Some(writer) = &self.shared.writer {
            writer.probe().await?;
        }
        self.reading(|snapshot| {
            Ok(Health {
                backend: "redb".to_owned(),
                revision: State::read(snapshot)?.revision,
                events: trail::len(snapshot)?,
            })
        })
        .await
    }
}
