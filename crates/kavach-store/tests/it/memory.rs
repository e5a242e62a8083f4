//! The memory store passes the kit.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use async_trait::async_trait;
use kavach_store::conformance::{Harness, Killed, commit_until_killed};
use kavach_store::{Batch, MemoryStore, Store};

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
