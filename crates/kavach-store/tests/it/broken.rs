//! The kit can fail: a store with one flaw fails the checks that are about it.

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::sync::Arc;

use async_trait::async_trait;
use kavach_store::conformance::{CHECKS, Harness, Killed};
use kavach_store::{Batch, Key, MemoryStore, Space, Store};

use flaws::{FLAWS, Flaw};
use store::{Broken, Memory};

mod commit;
mod flaws;
mod store;

/// Whether the check called `name` fails on a store with this flaw.
///
/// On one thread, so that tasks take turns exactly where the store awaits, and the answer is the same
/// every time.
fn finds(name: &str, flaw: Flaw) -> bool {
    let (_, check) = CHECKS.iter().find(|(known, _)| *known == name).unwrap();
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(check.run(&mut BrokenHarness::new(flaw)));
    };
    catch_unwind(run).is_err()
}

#[test]
fn every_flaw_is_found() {
    let mut missed = Vec::new();
    for (flaw, names) in FLAWS {
        missed.extend(
            names
                .iter()
                .filter(|name| !finds(name, *flaw))
                .map(|name| (flaw, name)),
        );
    }
    assert!(
        missed.is_empty(),
        "flaws that a check does not find: {missed:#?}"
    );
}

#[test]
fn every_check_has_a_flaw_to_find() {
    let known: BTreeSet<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
    let used: BTreeSet<&str> = FLAWS
        .iter()
        .flat_map(|(_, names)| *names)
        .copied()
        .collect();
    assert_eq!(used, known);
}

struct BrokenHarness {
    flaw: Flaw,
    store: MemoryStore,
    memory: Arc<Memory>,
}

impl BrokenHarness {
    fn new(flaw: Flaw) -> Self {
        Self {
            flaw,
            store: MemoryStore::new(),
            memory: Arc::default(),
        }
    }
}

/// Commits that the harness makes itself go to a space that no check looks at.
fn hidden() -> Batch {
    let key = Key::new(Space::graph("hidden"), *b"k");
    Batch {
        puts: vec![(key, Vec::new())],
        ..Batch::default()
    }
}

#[async_trait]
impl Harness for BrokenHarness {
    async fn fresh(&mut self) -> Arc<dyn Store> {
        self.memory = Arc::default();
        self.store = match self.flaw {
            Flaw::TagsRepeatBetweenStores => MemoryStore::with_tag_seed(7),
            _ => MemoryStore::new(),
        };
        if self.flaw == Flaw::StartsAtOne {
            self.store.commit(hidden()).await.unwrap();
        }
        self.second_handle().await
    }

    async fn second_handle(&mut self) -> Arc<dyn Store> {
        Arc::new(Broken::new(
            self.flaw,
            self.store.clone(),
            self.memory.clone(),
        ))
    }

    async fn reopen(&mut self) -> Arc<dyn Store> {
        match self.flaw {
            Flaw::ForgetsOnReopen => self.store = MemoryStore::new(),
            Flaw::VersionsStartAgainAfterReopening => {
                self.memory.start_versions_again(&self.store).await
            }
            Flaw::FeedForgetsOnReopen => {
                let revision = self.store.health().await.unwrap().revision;
                *self.memory.feed_from.lock().unwrap() = revision.number();
            }
            _ => {}
        }
        self.second_handle().await
    }

    /// Dies before the batch with this number.
    async fn kill_mid_commit(&mut self, batches: Vec<Batch>, moment: u64) -> Killed {
        let moment = usize::try_from(moment).unwrap();
        let mut acknowledged = 0;
        for (number, batch) in batches.into_iter().enumerate() {
            let batch = match self.flaw {
                Flaw::DoesNotCrash => batch,
                _ if number < moment => batch,
                Flaw::HalvesOnCrash if number == moment => Batch {
                    deletes: Vec::new(),
                    events: Vec::new(),
                    ..batch
                },
                Flaw::LosesTheLastOnCrash if number == moment => {
                    acknowledged += 1;
                    continue;
                }
                _ => continue,
            };
            self.store.commit(batch).await.unwrap();
            acknowledged += usize::from(number < moment || self.flaw == Flaw::DoesNotCrash);
        }
        Killed {
            acknowledged,
            store: self.second_handle().await,
        }
    }
}
