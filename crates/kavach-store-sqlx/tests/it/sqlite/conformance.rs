//! The whole kit, on a file whose machine loses power.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use kavach_store::conformance::{Harness, Killed};
use kavach_store::{Batch, Migration, Store};
use kavach_store_sqlx::SqliteStore;

use super::torn::{Rest, copy_torn, wal_len};

/// Bytes of the log between two moments of death: no divisor of what one page takes there, so that
/// pages are torn at different places, and large enough that the kit gets to the end.
const MOMENT_BYTES: u64 = 3_083;

mod in_a_file_whose_machine_loses_power {
    kavach_store::conformance_tests!(super::InFile::default());
}

#[derive(Default)]
struct InFile {
    folder: Option<tempfile::TempDir>,
    /// All handles that were given away, with connections of their own each.
    handles: Vec<SqliteStore>,
}

impl InFile {
    fn path(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().join("kavach.sqlite")
    }

    async fn open(&mut self) -> Arc<SqliteStore> {
        let store = SqliteStore::open(self.path()).await.unwrap();
        self.handles.push(store.clone());
        Arc::new(store)
    }

    async fn close(&mut self) {
        for handle in self.handles.drain(..) {
            handle.close().await;
        }
    }
}

#[async_trait]
impl Harness for InFile {
    async fn fresh(&mut self) -> Arc<dyn Store> {
        self.close().await;
        self.folder = Some(tempfile::tempdir().unwrap());
        let store = self.open().await;
        store.migrate(Migration::Apply).await.unwrap();
        store
    }

    async fn second_handle(&mut self) -> Arc<dyn Store> {
        self.open().await
    }

    async fn reopen(&mut self) -> Arc<dyn Store> {
        self.close().await;
        self.open().await
    }

    /// Counts bytes of the write-ahead log. What was synced before the last commit is there in full, and
    /// of the last commit, whatever lies before the moment.
    async fn kill_mid_commit(&mut self, batches: Vec<Batch>, moment: u64) -> Killed {
        // Closing moves everything into the file, so the log begins with what is committed now.
        self.close().await;
        let store = self.open().await;
        let old = self.path();
        let torn = tempfile::tempdir().unwrap();
        let mut acknowledged = 0;
        for batch in batches {
            store.commit(batch).await.unwrap();
            if wal_len(&old) > moment * MOMENT_BYTES {
                break;
            }
            acknowledged += 1;
        }
        let to = torn.path().join("kavach.sqlite");
        copy_torn(&old, &to, moment * MOMENT_BYTES, Rest::Missing);
        self.close().await;
        self.folder = Some(torn);
        Killed {
            acknowledged,
            store: self.open().await,
        }
    }
}
