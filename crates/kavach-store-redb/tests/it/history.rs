//! What was sent to a store, and whether it holds what it must.

use std::collections::BTreeMap;
use std::ops::Bound;

use kavach_store::kavach_audit::{Event, EventKind, Outcome, Query, SealedEvent};
use kavach_store::kavach_core::{EventId, LogId, Reason, TenantId};
use kavach_store::{Batch, Committed, Expect, Key, Revision, Space, Store, Version};

use crate::dice::Dice;

const GRAPH: Space = Space::graph("graph");
const QUIET: Space = Space::quiet("quiet");
/// Holds the number of the batch that landed last.
const PROGRESS: Space = Space::quiet("progress");

/// By the name of the space and the key: the bytes, and the number of the batch.
type Records<'a> = BTreeMap<(&'a str, Vec<u8>), (Vec<u8>, usize)>;

/// Every batch that was sent, in order. What landed is always the first so many of them: commits are
/// made in the order in which they are sent, and what a crash takes was sent last.
#[derive(Debug, Default)]
pub(crate) struct History {
    batches: Vec<Batch>,
    acknowledged: usize,
    /// The version of each batch that is known.
    versions: BTreeMap<usize, Version>,
    /// The batch of each version that was ever seen.
    owners: BTreeMap<u64, usize>,
    events: u64,
    time_ns: u64,
}

fn progress() -> Key {
    Key::new(PROGRESS, *b"n")
}

fn log() -> LogId {
    LogId::from_parts(1, 1)
}

impl History {
    /// A batch to send next.
    pub(crate) fn next_batch(&mut self, dice: &mut Dice) -> Batch {
        let number = self.batches.len() as u64;
        let mut batch = Batch::default();
        // By the version of the batch before, if that is known: whoever reads and then writes.
        if self.acknowledged == self.batches.len()
            && let Some(version) = number
                .checked_sub(1)
                .and_then(|n| self.versions.get(&(n as usize)))
        {
            batch
                .expectations
                .push((progress(), Expect::Version(*version)));
        }
        batch.puts.push((progress(), number.to_be_bytes().to_vec()));
        for space in [GRAPH, QUIET] {
            for _ in 0..dice.below(3) {
                let key = Key::new(space, [b'a' + dice.below(12) as u8]);
                if batch.puts.iter().any(|(put, _)| *put == key) || batch.deletes.contains(&key) {
                    continue;
                }
                if dice.below(3) == 0 {
                    batch.deletes.push(key);
                } else {
                    let len = if dice.below(8) == 0 {
                        9_000
                    } else {
                        dice.below(300)
                    };
                    batch.puts.push((key, vec![number as u8; len]));
                }
            }
        }
        // Sometimes the first is large, so that blocks of the index are completed soon.
        let is_large = number == 0 && dice.below(3) == 0;
        let events = if is_large { 900 } else { dice.below(40) as u64 };
        for _ in 0..events {
            self.time_ns += dice.below(3) as u64;
            batch.events.push(event(self.events, self.time_ns));
            self.events += 1;
        }
        self.batches.push(batch.clone());
        batch
    }

    /// The first batch that was not answered yet has landed.
    pub(crate) fn acknowledged(&mut self, committed: Committed) {
        let number = self.acknowledged;
        self.acknowledged += 1;
        self.learn(number, committed.version);
    }

    /// By the contract, no version belongs to two batches that anybody has seen.
    fn learn(&mut self, number: usize, version: Version) {
        let before = self.versions.insert(number, version);
        assert!(
            before.is_none_or(|before| before == version),
            "batch {number} has two versions"
        );
        let owner = *self.owners.entry(version.as_u64()).or_insert(number);
        assert_eq!(owner, number, "a version was used twice");
    }

    /// Checks a store that was opened after a crash; `whole` reads the events too. What did not land is
    /// forgotten.
    pub(crate) async fn check(&mut self, store: &impl Store, whole: bool) {
        let snapshot = store.read(&[progress()]).await.unwrap();
        let landed = match &snapshot.records[0] {
            None => 0,
            Some(record) => {
                1 + u64::from_be_bytes(record.bytes.as_slice().try_into().unwrap()) as usize
            }
        };
        assert!(
            landed >= self.acknowledged,
            "{landed} landed, {} were acknowledged",
            self.acknowledged
        );
        assert!(landed <= self.batches.len());
        self.batches.truncate(landed);
        self.acknowledged = landed;
        if let Some(record) = &snapshot.records[0] {
            self.learn(landed - 1, record.version);
        }
        self.check_records(store).await;
        self.check_feed(store, snapshot.revision).await;
        self.check_events(store, whole).await;
    }

    async fn check_records(&mut self, store: &impl Store) {
        let mut want: Records<'_> = BTreeMap::new();
        for (number, batch) in self.batches.iter().enumerate() {
            for (key, bytes) in &batch.puts {
                let at = (key.space().name(), key.bytes().to_vec());
                want.insert(at, (bytes.clone(), number));
            }
            for key in &batch.deletes {
                want.remove(&(key.space().name(), key.bytes().to_vec()));
            }
        }
        let mut learned = Vec::new();
        for space in [GRAPH, QUIET, PROGRESS] {
            let range = (Bound::Unbounded, Bound::Unbounded);
            for (key, record) in store.scan(space, range, 1_000).await.unwrap().records {
                let (bytes, number) = want
                    .remove(&(space.name(), key))
                    .expect("nothing else is there");
                assert_eq!(record.bytes, bytes);
                learned.push((number, record.version));
            }
        }
        assert!(want.is_empty(), "missing: {:?}", want.keys());
        for (number, version) in learned {
            self.learn(number, version);
        }
    }

    async fn check_feed(&self, store: &impl Store, newest: Revision) {
        let commits = self
            .batches
            .iter()
            .map(Batch::graph_changes)
            .filter(|keys| !keys.is_empty());
        let want: Vec<(u64, Vec<u8>)> = (1..)
            .zip(commits)
            .flat_map(|(number, keys)| {
                keys.into_iter()
                    .map(move |key| (number, key.bytes().to_vec()))
            })
            .collect();
        let (mut found, mut after) = (Vec::new(), Revision::ZERO);
        loop {
            let page = store.changes(after, 1_000).await.unwrap();
            after = page.revision;
            found.extend(
                page.changes
                    .into_iter()
                    .map(|change| (change.revision.number(), change.key)),
            );
            if page.complete {
                break;
            }
        }
        assert_eq!(found, want);
        assert_eq!(after, newest);
    }

    async fn check_events(&mut self, store: &impl Store, whole: bool) {
        let want: Vec<&SealedEvent> = self
            .batches
            .iter()
            .flat_map(|batch| &batch.events)
            .collect();
        self.events = want.len() as u64;
        self.time_ns = want.last().map_or(0, |sealed| sealed.event.time_ns);
        assert_eq!(store.health().await.unwrap().events, self.events);
        let outcomes: &[Outcome] = if whole {
            &[Outcome::Allow, Outcome::Deny]
        } else {
            &[Outcome::Deny]
        };
        for outcome in outcomes {
            let query = Query {
                outcome: Some(*outcome),
                ..Query::default()
            };
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let page = store
                    .audit_scan(&query, cursor.as_ref(), 500)
                    .await
                    .unwrap();
                found.extend(page.events);
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            let want = want
                .iter()
                .filter(|sealed| sealed.event.outcome == *outcome);
            assert!(
                found.iter().eq(want.copied()),
                "the events are not those that landed"
            );
        }
    }
}

/// One in sixteen is a denial.
fn event(index: u64, time_ns: u64) -> SealedEvent {
    let outcome = if index.is_multiple_of(16) {
        Outcome::Deny
    } else {
        Outcome::Allow
    };
    let id = EventId::from_parts(1, index.into());
    let mut event = Event::new(
        id,
        TenantId::DEFAULT,
        EventKind::Authorize,
        outcome,
        Reason::Granted,
    );
    event.log = log();
    event.index = index;
    event.time_ns = time_ns;
    event.request_id = Some("x".repeat((index % 700) as usize));
    event.seal()
}
