//! The whole kit, on a disk in memory that loses power and in a file whose process is killed.

use std::sync::Arc;

use async_trait::async_trait;
use kavach_store::conformance::{Harness, Killed, commit_until_killed};
use kavach_store::{Batch, Store};
use kavach_store_redb::RedbStore;

use crate::dice::Dice;
use crate::disk::{Disk, Fault, Loss};

mod on_a_disk_that_loses_power {
    kavach_store::conformance_tests!(super::OnDisk::default());
}

mod in_a_file_whose_process_is_killed {
    kavach_store::conformance_tests!(super::killed::InFile::default());
}

mod killed;

#[derive(Default)]
struct OnDisk {
    disk: Disk,
    store: Option<Arc<RedbStore>>,
}

impl OnDisk {
    fn open(&mut self) -> Arc<RedbStore> {
        let disk = self.disk.clone();
        let store = Arc::new(RedbStore::open_on(move || disk.open()).unwrap());
        self.store = Some(Arc::clone(&store));
        store
    }
}

#[async_trait]
impl Harness for OnDisk {
    async fn fresh(&mut self) -> Arc<dyn Store> {
        self.store = None;
        self.disk = Disk::default();
        self.open()
    }

    async fn second_handle(&mut self) -> Arc<dyn Store> {
        let store: &Arc<RedbStore> = self.store.as_ref().unwrap();
        Arc::new(RedbStore::clone(store))
    }

    async fn reopen(&mut self) -> Arc<dyn Store> {
        self.store = None;
        self.open()
    }

    /// Counts writes, resizes and syncs.
    async fn kill_mid_commit(&mut self, batches: Vec<Batch>, moment: u64) -> Killed {
        let store = self.store.take().unwrap();
        self.disk.strike_after(moment, Fault::PowerCut);
        let acknowledged = commit_until_killed(&*store, batches).await;
        let mut dice = Dice::new(moment);
        let loss = dice.pick(&Loss::EACH);
        self.disk.lose(loss, &mut dice);
        drop(store);
        Killed {
            acknowledged,
            store: self.open(),
        }
    }
}
