//! A real file, and a process that dies between two writes.

use std::fs::OpenOptions;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use kavach_store::conformance::{Harness, Killed, commit_until_killed};
use kavach_store::{Batch, Store};
use kavach_store_redb::RedbStore;
use redb::backends::FileBackend;
use redb::{BackendError, StorageBackend};

#[derive(Default)]
pub(crate) struct InFile {
    folder: Option<tempfile::TempDir>,
    store: Option<Arc<RedbStore>>,
}

impl InFile {
    fn path(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().join("kavach.redb")
    }

    fn open(&mut self) -> Arc<RedbStore> {
        let store = Arc::new(RedbStore::open(self.path()).unwrap());
        self.store = Some(Arc::clone(&store));
        store
    }
}

#[async_trait]
impl Harness for InFile {
    async fn fresh(&mut self) -> Arc<dyn Store> {
        self.store = None;
        self.folder = Some(tempfile::tempdir().unwrap());
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

    /// Counts writes, resizes and syncs. What was written stays: a process dies, not the machine.
    async fn kill_mid_commit(&mut self, batches: Vec<Batch>, moment: u64) -> Killed {
        self.store = None;
        let path = self.path();
        let left = Arc::new(AtomicU64::new(u64::MAX));
        let countdown = Arc::clone(&left);
        let store = RedbStore::open_on(move || Mortal::open(&path, &countdown)).unwrap();
        left.store(moment, Ordering::SeqCst);
        let acknowledged = commit_until_killed(&store, batches).await;
        left.store(0, Ordering::SeqCst);
        drop(store);
        Killed {
            acknowledged,
            store: self.open(),
        }
    }
}

/// A file that can be changed so many times and no more.
#[derive(Debug)]
struct Mortal {
    file: FileBackend,
    left: Arc<AtomicU64>,
}

impl Mortal {
    fn open(path: &Path, left: &Arc<AtomicU64>) -> Self {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        Self {
            file: FileBackend::new(file).unwrap(),
            left: Arc::clone(left),
        }
    }

    fn count(&self) -> io::Result<()> {
        let counted = |left: u64| {
            if left == u64::MAX {
                Some(left)
            } else {
                left.checked_sub(1)
            }
        };
        match self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, counted)
        {
            Ok(_) => Ok(()),
            Err(_) => Err(io::Error::other("killed")),
        }
    }
}

impl StorageBackend for Mortal {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.count()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.count()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.count()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}
