//! A store that is only looked at.

use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use kavach_audit::{Query, SealedEvent};
use kavach_core::LogId;

use crate::batch::{Batch, Committed, Revision};
use crate::error::{StoreError, StoreErrorKind};
use crate::key::{Key, Space};
use crate::store::{
    AuditCursor, AuditPage, ChangesPage, Health, Migration, ScanPage, SchemaState, Snapshot, Store,
};

/// Any store, to which nothing is written: every commit fails with `ReadOnly`, and a schema that is old stays
/// so.
///
/// ```
/// use std::sync::Arc;
/// use kavach_store::{Batch, MemoryStore, ReadOnly, Store, StoreErrorKind};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = ReadOnly::new(Arc::new(MemoryStore::new()));
/// let error = store.commit(Batch::default()).await.unwrap_err();
/// assert_eq!(*error.kind(), StoreErrorKind::ReadOnly);
/// # }
/// ```
#[derive(Debug)]
pub struct ReadOnly<S: ?Sized>(Arc<S>);

impl<S: Store + ?Sized> ReadOnly<S> {
    /// `store`, to be looked at.
    pub fn new(store: Arc<S>) -> Self {
        Self(store)
    }
}

fn read_only() -> StoreError {
    let words = "the store was opened to be looked at; open it for writing";
    StoreError::new(StoreErrorKind::ReadOnly, words)
}

#[async_trait]
impl<S: Store + ?Sized> Store for ReadOnly<S> {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, StoreError> {
        self.0.read(keys).await
    }

    async fn scan(
        &self,
        space: Space,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        self.0.scan(space, range, limit).await
    }

    async fn commit(&self, _: Batch) -> Result<Committed, StoreError> {
        Err(read_only())
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesPage, StoreError> {
        self.0.changes(after, limit).await
    }

    async fn audit_scan(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        self.0.audit_scan(query, after, limit).await
    }

    async fn log_scan(
        &self,
        log: LogId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedEvent>, StoreError> {
        self.0.log_scan(log, from, limit).await
    }

    async fn migrate(&self, migration: Migration) -> Result<SchemaState, StoreError> {
        let state = self.0.migrate(Migration::Check).await?;
        match migration {
            Migration::Apply if state.found < state.wanted => Err(read_only()),
            Migration::Apply | Migration::Check => Ok(state),
        }
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.0.health().await
    }

    async fn stirred(&self, known: Revision) {
        self.0.stirred(known).await;
    }
}
