//! A memory store with one flaw: reading.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kavach_store::kavach_audit::{Query, SealedEvent};
use kavach_store::kavach_core::{LogId, TenantId};
use kavach_store::limits::KEY_BYTES_MAX;
use kavach_store::{
    AuditCursor, AuditPage, Batch, Change, ChangesPage, Committed, Health, Key, MemoryStore,
    Migration, Record, Revision, ScanPage, SchemaState, Snapshot, Space, Store, StoreError,
    StoreErrorKind, Version,
};
use tokio::task::yield_now;

use super::flaws::Flaw;

#[derive(Debug)]
pub(super) struct Broken {
    pub(super) flaw: Flaw,
    pub(super) inner: MemoryStore,
    pub(super) memory: Arc<Memory>,
}

/// What a flaw needs to remember, shared by all handles.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Records that were read, and how often.
    cached: Mutex<HashMap<Key, (Option<Record>, u32)>>,
    /// Changes that were listed.
    listed: Mutex<Listed>,
    /// From which version on how much is subtracted.
    shifts: Mutex<Vec<(u64, u64)>>,
    /// The first revision that the feed still knows.
    pub(super) feed_from: Mutex<u64>,
    /// Whether a future was dropped before it was done.
    pub(super) dropped: AtomicBool,
    pub(super) commits: AtomicU64,
}

type Listed = HashMap<(Revision, Vec<u8>), Option<Record>>;

impl Memory {
    /// Has versions count on from the greatest that is left.
    pub(super) async fn start_versions_again(&self, store: &MemoryStore) {
        let newest = store
            .commit(Batch::default())
            .await
            .unwrap()
            .version
            .as_u64();
        let mut left = 0;
        for name in ["kit_graph", "kit_other", "kit_quiet"] {
            let all = (Bound::Unbounded, Bound::Unbounded);
            let page = store.scan(Space::quiet(name), all, 1000).await.unwrap();
            let versions = page
                .records
                .iter()
                .map(|(_, record)| self.shifted(record.version).as_u64());
            left = left.max(versions.max().unwrap_or(0));
        }
        self.shifts
            .lock()
            .unwrap()
            .push((newest + 1, newest - left));
    }

    fn shifted(&self, version: Version) -> Version {
        let shifts = self.shifts.lock().unwrap();
        let shift = shifts
            .iter()
            .rev()
            .find(|(from, _)| version.as_u64() >= *from);
        Version::from_u64(version.as_u64() - shift.map_or(0, |(_, shift)| *shift))
    }
}

impl Broken {
    pub(super) fn new(flaw: Flaw, inner: MemoryStore, memory: Arc<Memory>) -> Self {
        Self {
            flaw,
            inner,
            memory,
        }
    }

    pub(super) fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// The version that this store shows for the record.
    pub(super) fn shown_version(&self, record: &Record) -> Version {
        match self.flaw {
            Flaw::VersionIsAHashOfTheContent => {
                let mut hasher = DefaultHasher::new();
                record.bytes.hash(&mut hasher);
                Version::from_u64(hasher.finish() >> 1)
            }
            Flaw::VersionsStartAgainAfterReopening => self.memory.shifted(record.version),
            _ => record.version,
        }
    }

    fn shown(&self, record: Option<Record>) -> Option<Record> {
        let mut record = record?;
        if self.is(Flaw::EmptyIsAbsent) && record.bytes.is_empty() {
            return None;
        }
        record.version = self.shown_version(&record);
        Some(record)
    }

    pub(super) fn shown_revision(&self, revision: Revision) -> Revision {
        match self.flaw {
            Flaw::OneTagForEachStore => {
                Revision::new(revision.number(), revision.number().min(1) * 77)
            }
            _ => revision,
        }
    }

    /// The key that this store takes for the one asked for.
    pub(super) fn taken_for(&self, key: &Key) -> Key {
        let mut bytes = key.bytes().to_vec();
        match self.flaw {
            Flaw::CutsLongKeys => bytes.truncate(KEY_BYTES_MAX),
            Flaw::CutsKeysAtNul => {
                let end = bytes
                    .iter()
                    .position(|byte| *byte == 0)
                    .unwrap_or(bytes.len());
                bytes.truncate(end.max(1));
            }
            Flaw::FoldsCase => bytes.make_ascii_lowercase(),
            Flaw::TrimsBlanks => {
                let end = bytes.trim_ascii_end().len();
                bytes.truncate(end.max(1));
            }
            _ => {}
        }
        let space = match self.flaw {
            Flaw::FeedListsQuietRecords => Space::graph(key.space().name()),
            _ => key.space(),
        };
        Key::new(space, bytes)
    }

    /// The revision with this number, whatever its tag is said to be.
    async fn real_revision(&self, number: u64) -> Option<Revision> {
        if number == 0 {
            return Some(Revision::ZERO);
        }
        let all = self
            .inner
            .changes(Revision::ZERO, 4096)
            .await
            .unwrap()
            .changes;
        all.iter()
            .map(|change| change.revision)
            .find(|revision| revision.number() == number)
    }

    async fn after(&self, after: Revision) -> Revision {
        match self.flaw {
            Flaw::OneTagForEachStore | Flaw::FeedIgnoresTags => {
                self.real_revision(after.number()).await.unwrap_or(after)
            }
            _ => after,
        }
    }

    async fn scan_shown(
        &self,
        space: Space,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        let mut page = self.inner.scan(space, range.clone(), limit).await?;
        match self.flaw {
            Flaw::LeaksSpacesWithTheSamePrefix => {
                let others = ["aa", "a_", "a_b", "ab"]
                    .into_iter()
                    .filter(|name| *name != space.name());
                for name in others.filter(|name| name.starts_with(space.name())) {
                    let leaked = self
                        .inner
                        .scan(Space::quiet(name), range.clone(), limit)
                        .await?;
                    page.records.extend(leaked.records);
                }
                page.records.sort_by(|(one, _), (other, _)| one.cmp(other));
                page.records.truncate(limit);
            }
            Flaw::ScansInTwoSteps => {
                for _ in 0..3 {
                    yield_now().await;
                }
                let later = self.inner.scan(space, range, limit).await?;
                let half = |key: &[u8]| key < &b"place/5"[..];
                page.records.retain(|(key, _)| half(key));
                page.records
                    .extend(later.records.into_iter().filter(|(key, _)| !half(key)));
                page.revision = later.revision;
            }
            Flaw::EndsAfterOnePage => page.next = None,
            Flaw::ScansBackwards => page.records.reverse(),
            _ => {}
        }
        Ok(page)
    }

    fn events_shown(&self, page: &mut AuditPage) {
        match self.flaw {
            Flaw::SortsIndexesAsText => page.events.sort_by_key(|SealedEvent { event, .. }| {
                (event.time_ns, event.log, event.index.to_string())
            }),
            Flaw::EncodesEventsAgain => {
                page.events
                    .iter_mut()
                    .for_each(|event| event.bytes.push(b' '));
            }
            Flaw::CannotHoldEmoji => {
                for sealed in &mut page.events {
                    let mut event = sealed.event.clone();
                    if let Some(text) = &mut event.request_id {
                        *text = text.replace(|letter: char| letter.len_utf8() == 4, "?");
                    }
                    *sealed = event.seal();
                }
            }
            Flaw::SkipsTiesBetweenPages => {
                page.next = page.next.take().map(|next| {
                    let mut bytes = next.as_bytes().to_vec();
                    bytes[8..].fill(0xff);
                    AuditCursor::new(bytes)
                });
            }
            Flaw::EndsAtAnEmptyPage if page.events.is_empty() => page.next = None,
            _ => {}
        }
    }

    fn changes_shown(&self, page: &mut ChangesPage, limit: usize) {
        match self.flaw {
            Flaw::FeedHasGaps => page
                .changes
                .retain(|change| change.revision.number() % 5 != 3),
            Flaw::FeedLeavesOutDeletes => page.changes.retain(|change| change.record.is_some()),
            Flaw::FeedSplitsCommits => page.changes.truncate(limit),
            Flaw::FeedShowsOldValues => {
                let mut listed = self.memory.listed.lock().unwrap();
                for Change {
                    revision,
                    key,
                    record,
                    ..
                } in &mut page.changes
                {
                    *record = listed
                        .entry((*revision, key.clone()))
                        .or_insert(record.clone())
                        .clone();
                }
            }
            _ => {}
        }
        for change in &mut page.changes {
            change.record = self.shown(change.record.take());
            change.revision = self.shown_revision(change.revision);
        }
        page.revision = self.shown_revision(page.revision);
    }
}

/// Remembers that a future was dropped before it was done.
pub(super) struct Armed<'a>(Option<&'a AtomicBool>);

impl<'a> Armed<'a> {
    pub(super) async fn wait(store: &'a Broken) {
        if store.is(Flaw::LosesACommitAfterADrop) {
            let mut armed = Self(Some(&store.memory.dropped));
            yield_now().await;
            yield_now().await;
            armed.0 = None;
        }
    }
}

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        if let Some(dropped) = self.0 {
            dropped.store(true, Ordering::Relaxed);
        }
    }
}

#[async_trait]
impl Store for Broken {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, StoreError> {
        Armed::wait(self).await;
        let keys: Vec<Key> = keys.iter().map(|key| self.taken_for(key)).collect();
        let mut snapshot = self.inner.read(&keys).await?;
        match self.flaw {
            Flaw::AnswersRepeatedKeysOnce => {
                let mut seen = BTreeSet::new();
                let mut keys = keys.iter();
                snapshot
                    .records
                    .retain(|_| seen.insert(keys.next().unwrap()));
            }
            Flaw::ReadsKeysOneByOne => {
                for (place, key) in keys.iter().enumerate() {
                    let one = self.inner.read(std::slice::from_ref(key)).await?;
                    snapshot.records[place] = one.records.into_iter().next().unwrap();
                    snapshot.revision = one.revision;
                    yield_now().await;
                }
            }
            Flaw::CachesReads => {
                let mut cached = self.memory.cached.lock().unwrap();
                for (key, record) in keys.iter().zip(&mut snapshot.records) {
                    let (cached, times) = cached.entry(key.clone()).or_insert((record.clone(), 0));
                    *times += 1;
                    if *times < 3 {
                        *record = cached.clone();
                    }
                }
            }
            _ => {}
        }
        snapshot.records = snapshot
            .records
            .into_iter()
            .map(|record| self.shown(record))
            .collect();
        snapshot.revision = self.shown_revision(snapshot.revision);
        Ok(snapshot)
    }

    async fn scan(
        &self,
        space: Space,
        (lower, mut upper): (Bound<Vec<u8>>, Bound<Vec<u8>>),
        mut limit: usize,
    ) -> Result<ScanPage, StoreError> {
        Armed::wait(self).await;
        if self.is(Flaw::AcceptsPagesOfZero) {
            limit = limit.max(1);
        }
        if let (Flaw::IncludesTheUpperBound, Bound::Excluded(key)) = (self.flaw, &upper) {
            upper = Bound::Included(key.clone());
        }
        let mut page = self.scan_shown(space, (lower, upper), limit).await?;
        let shown = |(key, record)| Some((key, self.shown(Some(record))?));
        page.records = page.records.into_iter().filter_map(shown).collect();
        page.revision = self.shown_revision(page.revision);
        Ok(page)
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.commit_with_flaw(batch).await
    }

    async fn changes(&self, after: Revision, mut limit: usize) -> Result<ChangesPage, StoreError> {
        let now = self.inner.health().await?.revision.number();
        if self.is(Flaw::AcceptsPagesOfZero) {
            limit = limit.max(1);
        }
        let short = self.is(Flaw::FeedIsShort) && after.number() + 10 < now;
        if short || after.number() < *self.memory.feed_from.lock().unwrap() {
            return Err(StoreError::new(StoreErrorKind::Compacted, "forgotten"));
        }
        if self.is(Flaw::FeedAcceptsTheFuture) && after.number() > now {
            return Ok(ChangesPage {
                changes: Vec::new(),
                revision: after,
                complete: true,
            });
        }
        let mut page = self.inner.changes(self.after(after).await, limit).await?;
        self.changes_shown(&mut page, limit);
        Ok(page)
    }

    async fn audit_scan(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        mut limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let mut query = query.clone();
        match self.flaw {
            Flaw::AcceptsPagesOfZero => limit = limit.max(1),
            Flaw::UnderMeansAgent => query.agent = query.under.take().or(query.agent),
            Flaw::IgnoresTheResource => query.resource = None,
            Flaw::IncludesTheEndOfTime => {
                query.until_ns = query.until_ns.map(|until| until.saturating_add(1));
            }
            _ => {}
        }
        let answer = match self.flaw {
            // Takes a page of all, and only then looks what matches.
            Flaw::EndsAtAnEmptyPage => {
                let all = Query {
                    tenant: query.tenant,
                    ..Query::default()
                };
                let mut page = self.inner.audit_scan(&all, after, limit).await?;
                page.events.retain(|sealed| query.matches(&sealed.event));
                Ok(page)
            }
            _ => self.inner.audit_scan(&query, after, limit).await,
        };
        let mut page = match answer {
            Err(_) if self.is(Flaw::AcceptsAnyCursor) => {
                self.inner.audit_scan(&query, None, limit).await?
            }
            answer => answer?,
        };
        self.events_shown(&mut page);
        Ok(page)
    }

    async fn log_scan(
        &self,
        log: LogId,
        mut from: u64,
        mut limit: usize,
    ) -> Result<Vec<SealedEvent>, StoreError> {
        match self.flaw {
            Flaw::AcceptsPagesOfZero => limit = limit.max(1),
            Flaw::LogsBeginBehind => from = from.saturating_add(1),
            _ => {}
        }
        let mut page = self.inner.log_scan(log, from, limit).await?;
        match self.flaw {
            Flaw::LogsKeepToOneTenant => {
                page.retain(|sealed| sealed.event.tenant == TenantId::default());
            }
            Flaw::LogsComeInOrderOfTime => page.sort_by_key(|sealed| sealed.event.time_ns),
            Flaw::LogsLeakIntoTheNext if page.is_empty() => {
                let next = LogId::from_u128(log.as_u128() + 1);
                page = self.inner.log_scan(next, from, limit).await?;
            }
            _ => {}
        }
        Ok(page)
    }

    async fn migrate(&self, migration: Migration) -> Result<SchemaState, StoreError> {
        let state = self.inner.migrate(migration).await?;
        Ok(if self.is(Flaw::IsNeverMigrated) {
            SchemaState { found: 0, ..state }
        } else {
            state
        })
    }

    async fn health(&self) -> Result<Health, StoreError> {
        let mut health = self.inner.health().await?;
        if self.is(Flaw::CountsRevisionsAsEvents) {
            health.events = health.revision.number() / 2;
        }
        health.revision = self.shown_revision(health.revision);
        Ok(health)
    }

    async fn stirred(&self, known: Revision) {
        match self.flaw {
            Flaw::HintsNeverEnd => {}
            Flaw::HintsAtEveryBatch => {
                while self.memory.commits.swap(0, Ordering::Relaxed) == 0 {
                    yield_now().await;
                }
            }
            Flaw::LosesACommitAfterADroppedHint => {
                let mut armed = Armed(Some(&self.memory.dropped));
                self.inner.stirred(known).await;
                armed.0 = None;
            }
            _ => self.inner.stirred(known).await,
        }
    }
}
