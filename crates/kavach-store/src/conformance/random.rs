//! Random operations, each compared with a simple model.

use std::ops::Bound;
use std::sync::Arc;

use kavach_audit::{Outcome, Query};

use crate::conformance::dice::Dice;
use crate::conformance::fixture::{
    GRAPH, OTHER, QUIET, changes, event, events, handle, key, log, scale, scan,
};
use crate::conformance::harness::Harness;
use crate::conformance::model::Model;
use crate::store::Store;
use crate::{Batch, Expect, Key, Space, Version};

pub(super) async fn random_operations_agree_with_a_simple_model(harness: &mut dyn Harness) {
    for seed in 0..scale(4, 400) as u64 {
        println!("random operations with seed {seed}");
        let mut run = Run::start(harness, seed).await;
        for _ in 0..120 {
            run.step(harness).await;
        }
    }
}

struct Run {
    dice: Dice,
    model: Model,
    handles: Vec<Arc<dyn Store>>,
}

impl Run {
    async fn start(harness: &mut dyn Harness, seed: u64) -> Self {
        let handles = vec![harness.fresh().await, harness.second_handle().await];
        Self {
            dice: Dice::new(seed),
            model: Model::new(),
            handles,
        }
    }

    fn store(&mut self) -> Arc<dyn Store> {
        handle(&self.handles, self.dice.below(2))
    }

    async fn step(&mut self, harness: &mut dyn Harness) {
        let touched = self.commit().await;
        self.check_read(&touched).await;
        match self.dice.below(16) {
            0 => {
                self.handles.clear();
                self.handles = vec![harness.reopen().await, harness.second_handle().await];
                for space in [GRAPH, OTHER, QUIET] {
                    self.check_scan(space, (Bound::Unbounded, Bound::Unbounded))
                        .await;
                }
            }
            1..6 => {
                let space = self.space();
                let range = (self.bound(), self.bound());
                self.check_scan(space, range).await;
            }
            6..11 => self.check_changes().await,
            _ => self.check_audit().await,
        }
    }

    fn space(&mut self) -> Space {
        *self.dice.pick(&[GRAPH, OTHER, QUIET])
    }

    /// One of few keys, so that batches meet.
    fn bytes(&mut self) -> Vec<u8> {
        let alphabet = [0, b'a', b'b', 0xff];
        (0..1 + self.dice.below(2))
            .map(|_| *self.dice.pick(&alphabet))
            .collect()
    }

    fn key(&mut self) -> Key {
        key(self.space(), self.bytes())
    }

    fn bound(&mut self) -> Bound<Vec<u8>> {
        match self.dice.below(3) {
            0 => Bound::Unbounded,
            1 => Bound::Included(self.bytes()),
            _ => Bound::Excluded(self.bytes()),
        }
    }

    fn batch(&mut self) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..self.dice.below(3) {
            let key = self.key();
            let found = self.model.record(&key).map(|record| record.version);
            // Mostly what holds, sometimes what held once, or never.
            let expect = match (found, self.dice.below(6)) {
                (Some(version), 1..) => Expect::Version(version),
                (None, 0) | (Some(_), 0) => {
                    let known = self
                        .model
                        .versions
                        .iter()
                        .map(|version| version.as_u64())
                        .max();
                    Expect::Version(Version::from_u64(
                        self.dice.below(1 + known.unwrap_or(0) as usize) as u64,
                    ))
                }
                (None, _) => Expect::Absent,
            };
            batch.expectations.push((key, expect));
        }
        for _ in 0..self.dice.below(4) {
            let value = vec![b'v'; self.dice.below(40)];
            batch.puts.push((self.key(), value));
        }
        for _ in 0..self.dice.below(3) {
            batch.deletes.push(self.key());
        }
        for _ in 0..self.dice.below(3) {
            let log = log(self.dice.below(2) as u64);
            // Sometimes a place that is taken.
            let taken = self.model.events.len() as u64;
            let back = if self.dice.once_in(8) { 1 } else { 0 };
            let index = (taken + batch.events.len() as u64).saturating_sub(back);
            let mut event = event(log, index, 1_000 + self.dice.below(20) as u64);
            event.outcome = *self.dice.pick(&[Outcome::Allow, Outcome::Deny]);
            let twice = |known: &kavach_audit::SealedEvent| {
                (known.event.log, known.event.index) == (event.log, event.index)
            };
            if !batch.events.iter().any(twice) {
                batch.events.push(event.seal());
            }
        }
        batch
    }

    /// Commits a random batch, and answers the keys that it named.
    async fn commit(&mut self) -> Vec<Key> {
        let batch = self.batch();
        let want = self.model.refusal(&batch);
        match (self.store().commit(batch.clone()).await, want) {
            (Ok(committed), None) => self.model.apply(&batch, committed),
            (Err(error), Some(want)) => assert_eq!(*error.kind(), want, "{batch:?}"),
            (answer, want) => panic!("{answer:?} instead of {want:?} for {batch:?}"),
        }
        let expected = batch.expectations.into_iter().map(|(key, _)| key);
        let put = batch.puts.into_iter().map(|(key, _)| key);
        expected.chain(put).chain(batch.deletes).collect()
    }

    async fn check_read(&mut self, keys: &[Key]) {
        let found = self.store().read(keys).await.unwrap();
        let want: Vec<_> = keys
            .iter()
            .map(|key| self.model.record(key).cloned())
            .collect();
        assert_eq!(found.records, want);
        assert_eq!(found.revision, self.model.revision());
    }

    async fn check_scan(&mut self, space: Space, range: (Bound<Vec<u8>>, Bound<Vec<u8>>)) {
        let want = self.model.scan(space, &range);
        let limit = 1 + self.dice.below(5);
        let found = scan(&*self.store(), space, range.clone(), limit).await;
        assert_eq!(found, want, "scan of {space:?}, {range:?}");
    }

    async fn check_changes(&mut self) {
        let after = self.dice.below(self.model.commits.len());
        let limit = 1 + self.dice.below(5);
        let (found, covered) = changes(&*self.store(), self.model.commits[after].0, limit).await;
        assert_eq!(found, self.model.changes(after), "changes after {after}");
        assert_eq!(covered, self.model.revision());
    }

    async fn check_audit(&mut self) {
        let query = Query {
            outcome: [None, Some(Outcome::Deny)][self.dice.below(2)],
            since_ns: [None, Some(1_000 + self.dice.below(20) as u64)][self.dice.below(2)],
            until_ns: [None, Some(1_000 + self.dice.below(25) as u64)][self.dice.below(2)],
            ..Query::default()
        };
        let limit = 1 + self.dice.below(5);
        let found = events(&*self.store(), &query, limit).await;
        assert_eq!(found, self.model.audit(&query), "{query:?}");
        let health = self.store().health().await.unwrap();
        assert_eq!(health.events, self.model.events.len() as u64);
    }
}
