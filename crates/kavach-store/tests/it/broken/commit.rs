//! A memory store with one flaw: writing.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use kavach_store::kavach_audit::{Query, SealedEvent};
use kavach_store::{
    Batch, Committed, Expect, Key, Record, Store, StoreError, StoreErrorKind, Version,
};
use tokio::task::yield_now;

use super::flaws::Flaw;
use super::hidden;
use super::store::{Armed, Broken};

impl Broken {
    pub(super) async fn commit_with_flaw(&self, mut batch: Batch) -> Result<Committed, StoreError> {
        Armed::wait(self).await;
        let first = batch.puts.first().cloned();
        self.translate(&mut batch).await?;
        let mut committed = match self.flaw {
            Flaw::LosesACommitAfterADrop | Flaw::LosesACommitAfterADroppedHint
                if self.memory.dropped.swap(false, Ordering::Relaxed) =>
            {
                self.inner.commit(Batch::default()).await?
            }
            Flaw::HintsAtEveryBatch => {
                self.memory.commits.fetch_add(1, Ordering::Relaxed);
                self.inner.commit(batch).await?
            }
            Flaw::ConflictStillWrites | Flaw::ConflictStillRecords => {
                self.conflict_writes(batch).await?
            }
            Flaw::ChecksThenActs => self.check_then_act(batch).await?,
            Flaw::WritesOneByOne => self.one_by_one(batch, 1).await?,
            Flaw::ChunksLargeBatches if batch.puts.len() > 1000 => {
                self.one_by_one(batch, 1000).await?
            }
            _ => {
                self.break_batch(&mut batch).await?;
                self.break_answer(self.inner.commit(batch).await)?
            }
        };
        if let Some((_, bytes)) = first {
            committed.version = self.shown_version(&Record {
                bytes,
                version: committed.version,
            });
        }
        committed.revision = self.shown_revision(committed.revision);
        Ok(committed)
    }

    async fn version(&self, key: &Key) -> Option<Record> {
        self.inner
            .read(std::slice::from_ref(key))
            .await
            .unwrap()
            .records
            .into_iter()
            .next()
            .unwrap()
    }

    /// From the keys and versions that this store shows to those that it has.
    async fn translate(&self, batch: &mut Batch) -> Result<(), StoreError> {
        if self.is(Flaw::CutsLongKeys) {
            batch.check()?;
        }
        for (key, _) in &mut batch.puts {
            *key = self.taken_for(key);
        }
        for key in &mut batch.deletes {
            *key = self.taken_for(key);
        }
        for (key, expect) in &mut batch.expectations {
            *key = self.taken_for(key);
            if let (Expect::Version(wanted), Some(found)) = (*expect, self.version(key).await) {
                let same = self.shown_version(&found) == wanted;
                let never = Version::from_u64(u64::MAX);
                *expect = Expect::Version(if same { found.version } else { never });
            }
        }
        Ok(())
    }

    async fn break_batch(&self, batch: &mut Batch) -> Result<(), StoreError> {
        let refuse = |kind| Err(StoreError::new(kind, "a flaw"));
        match self.flaw {
            Flaw::LosesEvents => batch.events.clear(),
            Flaw::IgnoresAbsent => {
                batch
                    .expectations
                    .retain(|(_, expect)| *expect != Expect::Absent);
            }
            Flaw::ExpectsAfterwards => {
                let put = |key: &Key| batch.puts.iter().any(|(put, _)| put == key);
                let broken = batch
                    .expectations
                    .iter()
                    .position(|(key, expect)| *expect == Expect::Absent && put(key));
                if let Some(place) = broken {
                    return refuse(StoreErrorKind::Conflict(vec![place]));
                }
            }
            Flaw::TheLastOfTwoWritesWins => {
                let mut seen = HashSet::new();
                batch.puts.reverse();
                batch.puts.retain(|(key, _)| seen.insert(key.clone()));
                batch.deletes.retain(|key| seen.insert(key.clone()));
            }
            Flaw::RefusesToDeleteNothing => {
                for key in &batch.deletes {
                    if self.version(key).await.is_none() {
                        return refuse(StoreErrorKind::Conflict(Vec::new()));
                    }
                }
            }
            Flaw::RefusesLargeRecords
                if batch.puts.iter().any(|(_, bytes)| bytes.len() > 65_535) =>
            {
                return refuse(StoreErrorKind::InvalidInput);
            }
            Flaw::QuietBatchesCount => batch.puts.extend(hidden().puts),
            Flaw::DeletesOfNothingDoNotCount => {
                let mut there = Vec::new();
                for key in std::mem::take(&mut batch.deletes) {
                    if self.version(&key).await.is_some() {
                        there.push(key);
                    }
                }
                batch.deletes = there;
            }
            Flaw::ConflictsAtRandom
                if self.memory.commits.fetch_add(1, Ordering::Relaxed) % 10 == 9 =>
            {
                return refuse(StoreErrorKind::Conflict(Vec::new()));
            }
            Flaw::DropsDuplicatesInSilence => {
                let known = self
                    .inner
                    .audit_scan(&Query::default(), None, 4096)
                    .await?
                    .events;
                let place = |sealed: &SealedEvent| (sealed.event.log, sealed.event.index);
                batch
                    .events
                    .retain(|event| !known.iter().any(|known| place(known) == place(event)));
            }
            _ => {}
        }
        Ok(())
    }

    fn break_answer(&self, answer: Result<Committed, StoreError>) -> Result<Committed, StoreError> {
        answer.map_err(|error| match (self.flaw, error.kind().clone()) {
            (Flaw::NamesOneConflict, StoreErrorKind::Conflict(mut failed)) => {
                failed.truncate(1);
                StoreError::new(StoreErrorKind::Conflict(failed), "a flaw")
            }
            _ => error,
        })
    }

    async fn conflict_writes(&self, batch: Batch) -> Result<Committed, StoreError> {
        let answer = self.inner.commit(batch.clone()).await;
        if let Err(error) = &answer
            && matches!(error.kind(), StoreErrorKind::Conflict(_))
        {
            let left = match self.flaw {
                Flaw::ConflictStillWrites => Batch {
                    puts: batch.puts,
                    ..Batch::default()
                },
                _ => Batch {
                    events: batch.events,
                    ..Batch::default()
                },
            };
            let _ = self.inner.commit(left).await;
        }
        answer
    }

    async fn check_then_act(&self, batch: Batch) -> Result<Committed, StoreError> {
        let asked = Batch {
            expectations: batch.expectations.clone(),
            ..Batch::default()
        };
        self.inner.commit(asked).await?;
        yield_now().await;
        self.inner
            .commit(Batch {
                expectations: Vec::new(),
                ..batch
            })
            .await
    }

    /// Writes so many records at a time, and pauses in between.
    async fn one_by_one(&self, batch: Batch, size: usize) -> Result<Committed, StoreError> {
        batch.check()?;
        let rest = Batch {
            puts: Vec::new(),
            ..batch.clone()
        };
        for puts in batch.puts.chunks(size) {
            self.inner
                .commit(Batch {
                    puts: puts.to_vec(),
                    ..Batch::default()
                })
                .await?;
            yield_now().await;
        }
        self.inner.commit(rest).await
    }
}
