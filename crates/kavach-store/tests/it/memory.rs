//! The memory store passes the kit.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use async_trait::async_trait;
use kavach_store::conformance::{Harness, Killed, commit_until_killed};
use kavach_store::{
    Batch, Call, Fault, Faults, FaultyStore, Gate, Key, MemoryStore, ReadOnly, Revision, Space,
    Store, When,
};

/// Memory does not outlive its process, so reopening and crashing are played: what was committed is
/// what is in the shared state, and a handle that is dropped takes nothing with it.
#[derive(Default)]
pub(crate) struct MemoryHarness {
    store: MemoryStore,
}

#[async_trait]
impl Harness for MemoryHarness {
    async fn fresh(&mut self) -> Arc<dyn Store> {
        self.store = MemoryStore::new();
        self.second_handle().await
    }

    async fn second_handle(&mut self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    async fn reopen(&mut self) -> Arc<dyn Store> {
        self.second_handle().await
    }

    /// A commit is done within one poll of its future, so there are two moments in each: before that
    /// poll, and after it but before anybody sees the answer.
    async fn kill_mid_commit(&mut self, mut batches: Vec<Batch>, moment: u64) -> Killed {
        let before = usize::try_from(moment / 2).unwrap().min(batches.len());
        let last = (before < batches.len()).then(|| batches.swap_remove(before));
        batches.truncate(before);
        let acknowledged = commit_until_killed(&self.store, batches).await;
        if let Some(last) = last {
            let mut commit = pin!(self.store.commit(last));
            if moment % 2 == 1 {
                let _unseen = commit
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()));
            }
        }
        Killed {
            acknowledged,
            store: self.second_handle().await,
        }
    }
}

mod conformance {
    use super::MemoryHarness;

    kavach_store::conformance_tests!(MemoryHarness::default());
}

#[test]
fn hints_pass_through_whatever_stands_around_a_store() {
    let store = MemoryStore::new();
    let known = Revision::ZERO;
    let wrapped: [Arc<dyn Store>; 4] = [
        Arc::new(store.clone()),
        Arc::new(Arc::new(store.clone()) as Arc<dyn Store>),
        Arc::new(ReadOnly::new(Arc::new(store.clone()))),
        Arc::new(FaultyStore::new(Arc::new(store.clone()), Faults::new())),
    ];
    let mut context = Context::from_waker(Waker::noop());
    let mut hints: Vec<_> = wrapped.iter().map(|store| store.stirred(known)).collect();
    for hint in &mut hints {
        assert!(hint.as_mut().poll(&mut context).is_pending());
    }
    let put = Batch {
        puts: vec![(Key::new(Space::graph("graph"), *b"k"), Vec::new())],
        ..Batch::default()
    };
    let commit = pin!(store.commit(put)).poll(&mut context);
    assert!(commit.is_ready());
    for (number, hint) in hints.iter_mut().enumerate() {
        assert!(hint.as_mut().poll(&mut context).is_ready(), "{number}");
    }
}

#[test]
fn a_hint_that_a_test_strikes_never_comes_and_one_that_it_holds_comes_late() {
    let store = MemoryStore::new();
    let faults = Faults::new();
    let faulty = FaultyStore::new(Arc::new(store.clone()), faults.clone());
    let mut context = Context::from_waker(Waker::noop());
    let gate = Gate::new();
    faults.inject(Call::Stirred, When::Nth(1), Fault::Unavailable);
    faults.inject(Call::Stirred, When::Nth(2), Fault::HeldAfter(gate.clone()));
    // It is older than what is there, so it would come at once.
    let known = Revision::new(7, 7);
    let (mut struck, mut held) = (faulty.stirred(known), faulty.stirred(known));
    for hint in [&mut struck, &mut held] {
        assert!(hint.as_mut().poll(&mut context).is_pending());
    }
    gate.open();
    assert!(struck.as_mut().poll(&mut context).is_pending());
    assert!(held.as_mut().poll(&mut context).is_ready());
    assert_eq!(faults.seen(Call::Stirred), 2);
}
