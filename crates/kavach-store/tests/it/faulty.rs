//! A faulty store without faults passes the kit too: it adds nothing of its own.

use std::sync::Arc;

use async_trait::async_trait;
use kavach_store::conformance::{Harness, Killed};
use kavach_store::{Batch, Faults, FaultyStore, Store};

use crate::memory::MemoryHarness;

#[derive(Default)]
struct FaultyHarness(MemoryHarness);

fn faulty(store: Arc<dyn Store>) -> Arc<dyn Store> {
    Arc::new(FaultyStore::new(store, Faults::new()))
}

#[async_trait]
impl Harness for FaultyHarness {
    async fn fresh(&mut self) -> Arc<dyn Store> {
        faulty(self.0.fresh().await)
    }

    async fn second_handle(&mut self) -> Arc<dyn Store> {
        faulty(self.0.second_handle().await)
    }

    async fn reopen(&mut self) -> Arc<dyn Store> {
        faulty(self.0.reopen().await)
    }

    async fn kill_mid_commit(&mut self, batches: Vec<Batch>, moment: u64) -> Killed {
        let Killed {
            acknowledged,
            store,
        } = self.0.kill_mid_commit(batches, moment).await;
        Killed {
            acknowledged,
            store: faulty(store),
        }
    }
}

mod conformance {
    use super::FaultyHarness;

    kavach_store::conformance_tests!(FaultyHarness::default());
}
