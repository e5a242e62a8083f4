//! What the checks are made of: spaces, batches, events, and how they are asked for.

use std::future::Future;
use std::ops::Bound;
use std::sync::Arc;

use kavach_audit::{Event, EventKind, Outcome, Query, SealedEvent};
use kavach_core::{EventId, LogId, Reason, TenantId};
use tokio::sync::Barrier;

use crate::batch::{Batch, Committed, Expect, Revision, Version};
use crate::error::StoreErrorKind;
use crate::key::{Key, Space};
use crate::store::{Change, Record, Store};

pub(super) const GRAPH: Space = Space::graph("kit_graph");
pub(super) const OTHER: Space = Space::graph("kit_other");
pub(super) const QUIET: Space = Space::quiet("kit_quiet");

/// A range that holds everything.
pub(super) const ALL: (Bound<Vec<u8>>, Bound<Vec<u8>>) = (Bound::Unbounded, Bound::Unbounded);

/// `usual`, or `campaign` if somebody asked for more with `KAVACH_CAMPAIGN=1`.
pub(super) fn scale(usual: usize, campaign: usize) -> usize {
    let asked = std::env::var_os("KAVACH_CAMPAIGN").is_some_and(|value| value == "1");
    if asked { campaign } else { usual }
}

pub(super) fn key(space: Space, bytes: impl AsRef<[u8]>) -> Key {
    Key::new(space, bytes.as_ref())
}

/// The key `name/number`.
pub(super) fn numbered(space: Space, name: &str, number: usize) -> Key {
    key(space, format!("{name}/{number}"))
}

pub(super) fn batch() -> Batch {
    Batch::default()
}

/// Batches said in one line.
pub(super) trait Compose {
    fn put(self, key: &Key, bytes: impl AsRef<[u8]>) -> Self;
    fn delete(self, key: &Key) -> Self;
    fn absent(self, key: &Key) -> Self;
    fn version(self, key: &Key, version: Version) -> Self;
    fn event(self, event: &SealedEvent) -> Self;
}

impl Compose for Batch {
    fn put(mut self, key: &Key, bytes: impl AsRef<[u8]>) -> Self {
        self.puts.push((key.clone(), bytes.as_ref().to_vec()));
        self
    }

    fn delete(mut self, key: &Key) -> Self {
        self.deletes.push(key.clone());
        self
    }

    fn absent(mut self, key: &Key) -> Self {
        self.expectations.push((key.clone(), Expect::Absent));
        self
    }

    fn version(mut self, key: &Key, version: Version) -> Self {
        self.expectations
            .push((key.clone(), Expect::Version(version)));
        self
    }

    fn event(mut self, event: &SealedEvent) -> Self {
        self.events.push(event.clone());
        self
    }
}

pub(super) fn log(number: u64) -> LogId {
    LogId::from_parts(1_790_000_000_000, number.into())
}

/// An event at this place, as plain as can be.
pub(super) fn event(log: LogId, index: u64, time_ns: u64) -> Event {
    let id = EventId::from_parts(1_790_000_000_000, log.as_u128() << 32 | u128::from(index));
    let (tenant, kind) = (TenantId::default(), EventKind::Authorize);
    let event = Event::new(id, tenant, kind, Outcome::Allow, Reason::Granted);
    Event {
        log,
        index,
        time_ns,
        ..event
    }
}

/// The same, sealed.
pub(super) fn sealed(log: LogId, index: u64, time_ns: u64) -> SealedEvent {
    event(log, index, time_ns).seal()
}

/// Commits what must go through.
#[track_caller]
pub(super) fn committed(store: &dyn Store, batch: Batch) -> impl Future<Output = Committed> {
    let caller = std::panic::Location::caller();
    async move {
        match store.commit(batch).await {
            Ok(committed) => committed,
            Err(error) => panic!("the commit at {caller} failed: {:?}, {error}", error.kind()),
        }
    }
}

/// Commits what must fail, and answers how.
#[track_caller]
pub(super) fn refused(store: &dyn Store, batch: Batch) -> impl Future<Output = StoreErrorKind> {
    let caller = std::panic::Location::caller();
    async move {
        match store.commit(batch).await {
            Ok(_) => panic!("the commit at {caller} went through"),
            Err(error) => error.kind().clone(),
        }
    }
}

pub(super) async fn record(store: &dyn Store, key: &Key) -> Option<Record> {
    let snapshot = store.read(std::slice::from_ref(key)).await.unwrap();
    let [record] = <[_; 1]>::try_from(snapshot.records).expect("one record for each key");
    record
}

/// The bytes of the record, if it is there.
pub(super) async fn bytes(store: &dyn Store, key: &Key) -> Option<Vec<u8>> {
    record(store, key).await.map(|record| record.bytes)
}

/// Every record of the range, page by page.
pub(super) async fn scan(
    store: &dyn Store,
    space: Space,
    range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
    limit: usize,
) -> Vec<(Vec<u8>, Record)> {
    let (mut lower, upper) = range;
    let mut found: Vec<(Vec<u8>, Record)> = Vec::new();
    loop {
        let page = store
            .scan(space, (lower.clone(), upper.clone()), limit)
            .await
            .unwrap();
        assert!(
            page.records.len() <= limit,
            "a page of {} with limit {limit}",
            page.records.len()
        );
        found.extend(page.records);
        let Some(next) = page.next else {
            return found;
        };
        if let Bound::Excluded(before) | Bound::Included(before) = &lower {
            assert!(
                *before <= next,
                "the scan goes back to {}",
                next.escape_ascii()
            );
        }
        let next = Bound::Excluded(next);
        assert_ne!(lower, next, "the scan does not move on");
        lower = next;
    }
}

/// Every change after `after`, page by page, and the revision they lead to.
pub(super) async fn changes(
    store: &dyn Store,
    after: Revision,
    limit: usize,
) -> (Vec<Change>, Revision) {
    let mut found = Vec::new();
    let mut at = after;
    loop {
        let page = store.changes(at, limit).await.unwrap();
        assert!(
            page.complete || page.revision != at,
            "the feed does not move on from {at:?}"
        );
        found.extend(page.changes);
        at = page.revision;
        if page.complete {
            return (found, at);
        }
    }
}

/// Every event that matches, page by page.
pub(super) async fn events(store: &dyn Store, query: &Query, limit: usize) -> Vec<SealedEvent> {
    let mut found = Vec::new();
    let mut cursor = None;
    // Empty pages are legal, but not for ever.
    for _ in 0..100_000 {
        let page = store
            .audit_scan(query, cursor.as_ref(), limit)
            .await
            .unwrap();
        assert!(
            page.events.len() <= limit,
            "a page of {} with limit {limit}",
            page.events.len()
        );
        found.extend(page.events);
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
    panic!("the audit scan does not end");
}

/// Runs `racers` tasks that start together, and gives back their answers in order.
pub(super) async fn race<F>(racers: usize, mut racer: impl FnMut(usize) -> F) -> Vec<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let start = Arc::new(Barrier::new(racers));
    let tasks: Vec<_> = (0..racers)
        .map(|number| {
            let (start, racer) = (start.clone(), racer(number));
            tokio::spawn(async move {
                start.wait().await;
                racer.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(racers);
    for task in tasks {
        answers.push(task.await.expect("a racer failed"));
    }
    answers
}

/// The one of several handles that this racer uses.
pub(super) fn handle(handles: &[Arc<dyn Store>], racer: usize) -> Arc<dyn Store> {
    handles[racer % handles.len()].clone()
}
