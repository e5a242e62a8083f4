//! The contract.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use kavach_audit::{Query, SealedEvent};
use kavach_core::LogId;

use crate::batch::{Batch, Committed, Revision, Version};
use crate::error::StoreError;
use crate::key::{Key, Space};

/// Where records and audit events live.
///
/// Every method may be called from many tasks at once. Dropping a returned future leaves the
/// operation done or not done, never half, and never harms a later one; a commit that was under way
/// may still land after its future is gone. Records are the caller's
/// bytes: a store keeps them and compares keys byte for byte, and never looks inside.
///
/// Every answer reflects at least what was committed, through any handle, before the call was made.
///
/// `docs/write-a-backend.md` explains how to write one; the module `conformance` (feature `kit`)
/// judges it.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Reads all of `keys` from one snapshot, in order; `None` where absent. A key may occur twice.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`.
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, StoreError>;

    /// Reads one page of the records of `space` whose keys lie in `range`, in key order: byte by byte,
    /// a prefix first. A range that ends before it begins holds nothing.
    ///
    /// `limit` is at least 1; a page may be shorter than `limit` and still not be the last: go on from
    /// [`ScanPage::next`] until it is `None`. Each page is a snapshot of its own.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`, `InvalidInput` for a limit of zero.
    async fn scan(
        &self,
        space: Space,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<ScanPage, StoreError>;

    /// Applies `batch` if every expectation in it holds; otherwise writes nothing.
    ///
    /// Commits are serializable. Once the answer is `Ok`, the batch survives the loss of the process
    /// and of power. Whether the batch is in order ([`Batch::check`]) is looked at before anything else.
    /// A conflict is never spurious: racing batches whose expectations hold all go through.
    ///
    /// # Errors
    /// `Conflict` names every expectation that failed, and nothing was written. After
    /// `OutcomeUnknown`, read before repeating. `Unavailable` and `ReadOnly`: nothing was written.
    /// `InvalidInput`: what [`Batch::check`] refuses.
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError>;

    /// Reads which graph records were changed after `after`, in commit order, without gaps, each with
    /// its value *now*.
    ///
    /// A page is one snapshot, and holds whole commits: at least one if there is any, and then no more
    /// than fit in `limit` (at least 1) changes. A value may be newer than the commit that is listed;
    /// whoever follows the feed has a consistent state once a page has reached `complete`. A key that
    /// several commits wrote is listed with each of them.
    ///
    /// The feed reaches back at least [`FEED_CHANGES_MIN`](crate::limits::FEED_CHANGES_MIN) changes,
    /// and as long as it reaches back to the first commit, to [`Revision::ZERO`] too.
    ///
    /// # Errors
    /// `Compacted` if the feed no longer reaches back to `after`: take a snapshot. `UnknownRevision` if it
    /// does, and no revision with this number and tag was ever committed here, or if the number is not
    /// reached yet: a replica that lost commits has the same numbers with other tags. `Unavailable`,
    /// `Corrupt`, `InvalidInput` for a limit of zero.
    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesPage, StoreError>;

    /// Reads one page of the audit events that match `query`, in order of time, then log, then index.
    ///
    /// Start with a cursor of `None`, go on from [`AuditPage::next`] until it is `None`; a page may be
    /// empty and still not be the last. `limit` is at least 1. Events committed before the call are all
    /// found. Each page is a snapshot of its own: an event that another log adds behind the cursor
    /// meanwhile is found by the next query, not by this one.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`, `InvalidInput` for a limit of zero or a cursor that is not from here.
    async fn audit_scan(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError>;

    /// Reads one page of the events of `log`, of all tenants, in order of their indexes: those whose index is
    /// at least `from`.
    ///
    /// `limit` is at least 1; a page may be shorter than `limit` and still not be the last: go on behind its
    /// last event until a page is empty, which it is only behind the last event and of a log that is not
    /// there. Events committed before the call are all found.
    ///
    /// # Errors
    /// `Unavailable`, `Corrupt`, `InvalidInput` for a limit of zero.
    async fn log_scan(
        &self,
        log: LogId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedEvent>, StoreError>;

    /// Brings the schema up to date, or says whether it is. The answer is about the store after the call.
    ///
    /// # Errors
    /// `SchemaTooNew`, `ReadOnly`, `Unavailable`.
    async fn migrate(&self, migration: Migration) -> Result<SchemaState, StoreError>;

    /// Answers once the store can serve, with what is known about it.
    ///
    /// # Errors
    /// Whatever keeps it from serving.
    async fn health(&self) -> Result<Health, StoreError>;

    /// Waits until somebody may have changed the graph, through any handle, since `known`: the time to ask
    /// for [`changes`](Self::changes) is now.
    ///
    /// A hint, and nothing else: it may come late, without cause, or never, and nothing that must hold may
    /// rest on it. Whoever follows the feed asks every so often, and this only lets them ask sooner. But a
    /// store that nobody changes falls silent sooner or later, and batches of quiet records and events make
    /// no hints: those are most of what a busy node commits.
    ///
    /// This body never answers, which is right for every store that cannot know better. The one method that
    /// has a body, because leaving it out takes nothing from anybody but time.
    async fn stirred(&self, known: Revision) {
        let _ = known;
        std::future::pending().await
    }
}

/// Another handle onto the same store, for whoever picks a backend while the program runs.
#[async_trait]
impl Store for Arc<dyn Store> {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, StoreError> {
        (**self).read(keys).await
    }

    async fn scan(
        &self,
        space: Space,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        (**self).scan(space, range, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        (**self).commit(batch).await
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesPage, StoreError> {
        (**self).changes(after, limit).await
    }

    async fn audit_scan(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        (**self).audit_scan(query, after, limit).await
    }

    async fn log_scan(
        &self,
        log: LogId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedEvent>, StoreError> {
        (**self).log_scan(log, from, limit).await
    }

    async fn migrate(&self, migration: Migration) -> Result<SchemaState, StoreError> {
        (**self).migrate(migration).await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        (**self).health().await
    }

    async fn stirred(&self, known: Revision) {
        (**self).stirred(known).await;
    }
}

/// One record as it stands.
#[expect(clippy::exhaustive_structs, reason = "built by every backend")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Record {
    /// The bytes that were put.
    pub bytes: Vec<u8>,
    /// Its version.
    pub version: Version,
}

/// The answer of [`Store::read`].
#[expect(clippy::exhaustive_structs, reason = "built by every backend")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Snapshot {
    /// One for each key, in order.
    pub records: Vec<Option<Record>>,
    /// The revision that they reflect.
    pub revision: Revision,
}

/// The answer of [`Store::scan`].
#[expect(clippy::exhaustive_structs, reason = "built by every backend")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScanPage {
    /// Keys within the space, and the records: at most as many as were asked for.
    pub records: Vec<(Vec<u8>, Record)>,
    /// Where the next page begins (as `Bound::Excluded`); `None` if this was the last.
    pub next: Option<Vec<u8>>,
    /// The revision that the page reflects.
    pub revision: Revision,
}

/// One changed record of the graph.
#[expect(clippy::exhaustive_structs, reason = "built by every backend")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// The commit that is listed here.
    pub revision: Revision,
    /// The name of the space.
    pub space: String,
    /// The key within it.
    pub key: Vec<u8>,
    /// The record now; `None` if it is gone.
    pub record: Option<Record>,
}

/// The answer of [`Store::changes`].
#[expect(clippy::exhaustive_structs, reason = "built by every backend")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChangesPage {
    /// The changes, in commit order; those of one commit by the name of the space, then by key.
    pub changes: Vec<Change>,
    /// The last revision covered, and what was asked after if there is nothing newer; give it to the
    /// next call.
    pub revision: Revision,
    /// Whether there was nothing further when the page was read.
    pub complete: bool,
}

/// Where an audit query goes on. Opaque outside the backend that made it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct AuditCursor(Box<[u8]>);

impl AuditCursor {
    /// For backends: a cursor of these bytes.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The answer of [`Store::audit_scan`].
#[expect(clippy::exhaustive_structs, reason = "built by every backend")]
#[derive(Clone, Debug)]
pub struct AuditPage {
    /// The events, each with the bytes that were hashed: at most as many as were asked for.
    pub events: Vec<SealedEvent>,
    /// Where the next page begins; `None` if there is nothing further now.
    pub next: Option<AuditCursor>,
}

/// What [`Store::migrate`] may do.
#[expect(clippy::exhaustive_enums, reason = "every backend must handle both")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Migration {
    /// Only look.
    Check,
    /// Change the schema if it is old.
    Apply,
}

/// The answer of [`Store::migrate`]: version numbers of the schema, from 1.
#[expect(clippy::exhaustive_structs, reason = "built by every backend")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SchemaState {
    /// What the store has; 0 if it was never migrated.
    pub found: u32,
    /// What this backend writes.
    pub wanted: u32,
}

/// The answer of [`Store::health`].
#[expect(clippy::exhaustive_structs, reason = "built by every backend")]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Health {
    /// Which backend, for people: `redb`, `memory`.
    pub backend: String,
    /// The newest revision.
    pub revision: Revision,
    /// The number of audit events.
    pub events: u64,
}
