//! The contract in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use kavach_audit::{Query, SealedEvent};
use kavach_core::LogId;

use crate::batch::{Batch, Committed, Revision, Version};
use crate::error::{StoreError, StoreErrorKind};
use crate::key::{Key, Space};
use crate::limits::page_size;
use crate::memory::bell::Bell;
use crate::memory::feed::Feed;
use crate::memory::trail::Trail;
use crate::store::{
    AuditCursor, AuditPage, Change, ChangesPage, Health, Migration, Record, ScanPage, SchemaState,
    Snapshot, Store,
};

mod bell;
mod feed;
#[cfg(test)]
mod tests;
mod trail;

/// The only schema there is.
const SCHEMA: u32 = 1;

/// A store that lives as long as its last handle.
///
/// A clone is another handle onto the same records. Everything is done under one lock, within one
/// poll of the future, so a future that was dropped has either not begun or is done.
#[derive(Clone)]
pub struct MemoryStore {
    state: Arc<RwLock<State>>,
    /// Rings with each change of the graph.
    bell: Arc<Bell>,
}

struct State {
    /// By the name of the space, then by key.
    records: BTreeMap<&'static str, BTreeMap<Box<[u8]>, Record>>,
    /// INVARIANT (versions): no version above this one was ever given away.
    newest_version: u64,
    feed: Feed,
    trail: Trail,
    tag_seed: u64,
}

impl MemoryStore {
    /// An empty store, whose revisions have tags that no other store has.
    #[must_use]
    pub fn new() -> Self {
        // Every `RandomState` hashes with keys of its own, so the hash of nothing differs too.
        Self::with_tag_seed(RandomState::new().hash_one(()))
    }

    /// An empty store whose tags follow from `seed`: the same in every run, for simulations.
    ///
    /// Two stores with one seed look like one history, so give each its own.
    #[must_use]
    pub fn with_tag_seed(seed: u64) -> Self {
        let state = State {
            records: BTreeMap::new(),
            newest_version: 0,
            feed: Feed::default(),
            trail: Trail::default(),
            tag_seed: seed,
        };
        Self {
            state: Arc::new(RwLock::new(state)),
            bell: Arc::default(),
        }
    }

    // A poisoned lock is taken all the same: `State::apply` checks first and then only inserts, so
    // nothing between taking and releasing the lock leaves half a batch behind.
    fn reading(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, StoreError> {
        let state = self.reading();
        Ok(Snapshot {
            records: keys.iter().map(|key| state.record(key).cloned()).collect(),
            revision: state.feed.newest(),
        })
    }

    async fn scan(
        &self,
        space: Space,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        let size = page_size(limit)?;
        let state = self.reading();
        let bounds = (
            range.0.as_ref().map(Vec::as_slice),
            range.1.as_ref().map(Vec::as_slice),
        );
        let records = state
            .records
            .get(space.name())
            .filter(|_| !is_inverted(&bounds));
        let mut found = records
            .into_iter()
            .flat_map(|records| records.range::<[u8], _>(bounds));
        let page: Vec<(Vec<u8>, Record)> = found
            .by_ref()
            .take(size)
            .map(|(key, record)| (key.to_vec(), record.clone()))
            .collect();
        let last = page.last().map(|(key, _)| key.clone());
        Ok(ScanPage {
            next: last.filter(|_| found.next().is_some()),
            records: page,
            revision: state.feed.newest(),
        })
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        batch.check()?;
        let changes_graph = !batch.graph_changes().is_empty();
        let committed = self.writing().apply(batch)?;
        if changes_graph {
            self.bell.ring();
        }
        Ok(committed)
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesPage, StoreError> {
        let size = page_size(limit)?;
        let state = self.reading();
        let mut page = ChangesPage {
            changes: Vec::new(),
            revision: after,
            complete: true,
        };
        for (revision, keys) in state.feed.after(after)? {
            if !page.changes.is_empty() && page.changes.len() + keys.len() > size {
                page.complete = false;
                break;
            }
            page.revision = *revision;
            page.changes.extend(keys.iter().map(|key| Change {
                revision: *revision,
                space: key.space().name().to_owned(),
                key: key.bytes().to_vec(),
                record: state.record(key).cloned(),
            }));
        }
        Ok(page)
    }

    async fn audit_scan(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let size = page_size(limit)?;
        self.reading().trail.page(query, after, size)
    }

    async fn log_scan(
        &self,
        log: LogId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedEvent>, StoreError> {
        let size = page_size(limit)?;
        Ok(self.reading().trail.of_log(log, from, size))
    }

    async fn migrate(&self, _: Migration) -> Result<SchemaState, StoreError> {
        Ok(SchemaState {
            found: SCHEMA,
            wanted: SCHEMA,
        })
    }

    async fn health(&self) -> Result<Health, StoreError> {
        let state = self.reading();
        Ok(Health {
            backend: "memory".to_owned(),
            revision: state.feed.newest(),
            events: state.trail.len(),
        })
    }

    async fn stirred(&self, known: Revision) {
        let is_newer = || self.reading().feed.newest() != known;
        self.bell.until(is_newer).await;
    }
}

impl State {
    fn record(&self, key: &Key) -> Option<&Record> {
        self.records.get(key.space().name())?.get(key.bytes())
    }

    /// Applies a batch that was checked, or writes nothing.
    fn apply(&mut self, batch: Batch) -> Result<Committed, StoreError> {
        let failed = |(_, (key, expect)): &(usize, &(Key, _))| {
            let expect: &crate::Expect = expect;
            !expect.holds(self.record(key).map(|record| record.version))
        };
        let failed: Vec<usize> = batch
            .expectations
            .iter()
            .enumerate()
            .filter(failed)
            .map(|(place, _)| place)
            .collect();
        if !failed.is_empty() {
            let message = "an expectation of the batch does not hold; read again and decide anew";
            return Err(StoreError::new(StoreErrorKind::Conflict(failed), message));
        }
        if let Some(event) = batch.events.iter().find(|event| self.trail.contains(event)) {
            let event = &event.event;
            let message = format!(
                "event {} of `{}` is there already; read the log's head again",
                event.index, event.log
            );
            return Err(StoreError::new(
                StoreErrorKind::Conflict(Vec::new()),
                message,
            ));
        }

        // INVARIANT (versions): one for each commit, never given back.
        self.newest_version += 1;
        let version = Version::from_u64(self.newest_version);
        let changed: Vec<Key> = batch.graph_changes().into_iter().cloned().collect();
        if !changed.is_empty() {
            let number = self.feed.newest().number() + 1;
            let revision = Revision::new(number, mix(self.tag_seed ^ mix(number)));
            self.feed.push(revision, changed);
        }
        for (key, bytes) in batch.puts {
            let space = self.records.entry(key.space().name()).or_default();
            space.insert(key.bytes().into(), Record { bytes, version });
        }
        for key in batch.deletes {
            if let Some(space) = self.records.get_mut(key.space().name()) {
                space.remove(key.bytes());
            }
        }
        self.trail.append(batch.events);
        Ok(Committed {
            revision: self.feed.newest(),
            version,
        })
    }
}

/// Whether the range ends before it begins; `BTreeMap::range` panics on such a one.
fn is_inverted<T: Ord + ?Sized>(range: &(Bound<&T>, Bound<&T>)) -> bool {
    match range {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Excluded(lower), Bound::Excluded(upper)) => lower >= upper,
        (
            Bound::Included(lower) | Bound::Excluded(lower),
            Bound::Included(upper) | Bound::Excluded(upper),
        ) => lower > upper,
    }
}

/// The output function of `SplitMix64`: spreads a number over all bits, no two onto one.
fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
