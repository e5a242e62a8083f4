//! The contract once more, as simply as can be: lists, and nothing at once.

use std::collections::HashSet;
use std::ops::{Bound, RangeBounds};

use kavach_audit::{Query, SealedEvent};

use crate::batch::{Batch, Committed, Revision, Version};
use crate::error::StoreErrorKind;
use crate::key::{Key, Space, SpaceKind};
use crate::store::{Change, Record};

/// What a store must answer. It does not invent versions and tags, it takes them from the store and
/// checks that they are new.
pub(super) struct Model {
    pub(super) records: Vec<(Key, Record)>,
    /// The state before the first commit, and each commit of the graph with its keys in order.
    pub(super) commits: Vec<(Revision, Vec<Key>)>,
    pub(super) events: Vec<SealedEvent>,
    pub(super) versions: HashSet<Version>,
    tags: HashSet<u64>,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            records: Vec::new(),
            commits: vec![(Revision::ZERO, Vec::new())],
            events: Vec::new(),
            versions: HashSet::new(),
            tags: HashSet::new(),
        }
    }

    pub(super) fn revision(&self) -> Revision {
        self.commits.last().unwrap().0
    }

    pub(super) fn record(&self, key: &Key) -> Option<&Record> {
        self.records
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, record)| record)
    }

    /// How a commit must fail, if it must.
    pub(super) fn refusal(&self, batch: &Batch) -> Option<StoreErrorKind> {
        let keys: Vec<&Key> = batch
            .puts
            .iter()
            .map(|(key, _)| key)
            .chain(&batch.deletes)
            .collect();
        let twice = |place: usize| keys[..place].contains(&keys[place]);
        if (0..keys.len()).any(twice) {
            return Some(StoreErrorKind::InvalidInput);
        }
        let failed: Vec<usize> = (0..batch.expectations.len())
            .filter(|&place| {
                let (key, expect) = &batch.expectations[place];
                !expect.holds(self.record(key).map(|record| record.version))
            })
            .collect();
        let place = |event: &SealedEvent| (event.event.log, event.event.index);
        let taken =
            |event: &SealedEvent| self.events.iter().any(|known| place(known) == place(event));
        (!failed.is_empty() || batch.events.iter().any(taken))
            .then_some(StoreErrorKind::Conflict(failed))
    }

    /// Takes in a commit that was answered with `Ok`.
    pub(super) fn apply(&mut self, batch: &Batch, answer: Committed) {
        let written = batch.puts.iter().map(|(key, _)| key).chain(&batch.deletes);
        let mut graph: Vec<Key> = written
            .clone()
            .filter(|key| key.space().kind() == SpaceKind::Graph)
            .cloned()
            .collect();
        graph.sort_by_key(|key| (key.space().name(), key.bytes().to_vec()));
        if graph.is_empty() {
            assert_eq!(
                answer.revision,
                self.revision(),
                "a quiet batch moved the revision"
            );
        } else {
            let number = self.revision().number() + 1;
            assert_eq!(
                answer.revision.number(),
                number,
                "the revision is not the next"
            );
            assert!(
                self.tags.insert(answer.revision.tag()),
                "a tag was used twice"
            );
            self.commits.push((answer.revision, graph));
        }
        let written: Vec<Key> = written.cloned().collect();
        self.records.retain(|(key, _)| !written.contains(key));
        if !batch.puts.is_empty() {
            assert!(
                self.versions.insert(answer.version),
                "a version was used twice"
            );
        }
        for (key, bytes) in &batch.puts {
            let record = Record {
                bytes: bytes.clone(),
                version: answer.version,
            };
            self.records.push((key.clone(), record));
        }
        self.events.extend(batch.events.iter().cloned());
    }

    pub(super) fn scan(
        &self,
        space: Space,
        range: &(Bound<Vec<u8>>, Bound<Vec<u8>>),
    ) -> Vec<(Vec<u8>, Record)> {
        let inside = |(key, _): &&(Key, Record)| {
            key.space() == space && range.contains(&key.bytes().to_vec())
        };
        let mut found: Vec<_> = self
            .records
            .iter()
            .filter(inside)
            .map(|(key, record)| (key.bytes().to_vec(), record.clone()))
            .collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        found
    }

    /// All changes after the commit with this number.
    pub(super) fn changes(&self, after: usize) -> Vec<Change> {
        let changes = self.commits[after + 1..]
            .iter()
            .flat_map(|(revision, keys)| {
                keys.iter().map(|key| Change {
                    revision: *revision,
                    space: key.space().name().to_owned(),
                    key: key.bytes().to_vec(),
                    record: self.record(key).cloned(),
                })
            });
        changes.collect()
    }

    pub(super) fn audit(&self, query: &Query) -> Vec<SealedEvent> {
        let mut found: Vec<SealedEvent> = self
            .events
            .iter()
            .filter(|event| query.matches(&event.event))
            .cloned()
            .collect();
        found.sort_by_key(|SealedEvent { event, .. }| (event.time_ns, event.log, event.index));
        found
    }
}
