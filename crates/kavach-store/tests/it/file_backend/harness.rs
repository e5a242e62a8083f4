//! The file store passes the kit.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use kavach_store::conformance::{Harness, Killed, commit_until_killed};
use kavach_store::{Batch, Key, Space, Store, StoreError, StoreErrorKind};
use tempfile::TempDir;

use super::FileStore;
use super::disk::Disk;

/// The file at `path`, opened. A test beside this one starts a process, which holds what we just let go until
/// it has begun.
fn disk(path: &Path, power: Option<(usize, usize)>) -> Disk {
    let is_locked = |opened: &Result<Disk, StoreError>| matches!(opened, Err(error) if *error.kind() == StoreErrorKind::Locked);
    let mut opened = Disk::open(path, power);
    for _ in 0..100_000 {
        if !is_locked(&opened) {
            break;
        }
        std::thread::yield_now();
        opened = Disk::open(path, power);
    }
    opened.unwrap()
}

struct FileHarness {
    folder: TempDir,
    store: Option<Arc<FileStore>>,
}

impl FileHarness {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            store: None,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    fn open(&mut self, power: Option<(usize, usize)>) -> Arc<FileStore> {
        let disk = disk(&self.path(), power);
        self.store
            .insert(Arc::new(FileStore::open(disk).unwrap()))
            .clone()
    }

    /// Waits for operations whose futures were dropped, and closes the file.
    async fn close(&mut self) {
        let Some(store) = self.store.take() else {
            return;
        };
        let mut opened = Arc::into_inner(store)
            .expect("the kit dropped its handles")
            .opened;
        while let Err(still) = Arc::try_unwrap(opened) {
            opened = still;
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Harness for FileHarness {
    async fn fresh(&mut self) -> Arc<dyn Store> {
        self.store = None;
        self.folder = TempDir::new().unwrap();
        self.open(None)
    }

    /// The file is locked, so there can be no second one.
    async fn second_handle(&mut self) -> Arc<dyn Store> {
        self.store.clone().unwrap()
    }

    async fn reopen(&mut self) -> Arc<dyn Store> {
        self.close().await;
        self.open(None)
    }

    /// The first moments fail a sync, the later ones cut a write short, in steps through the lines.
    async fn kill_mid_commit(&mut self, batches: Vec<Batch>, moment: u64) -> Killed {
        let moment = usize::try_from(moment).unwrap();
        let power = match moment.checked_sub(batches.len()) {
            None => (usize::MAX, moment),
            Some(step) => (step * 1499, usize::MAX),
        };
        self.close().await;
        let store = self.open(Some(power));
        let acknowledged = commit_until_killed(&*store, batches).await;
        drop(store);
        self.close().await;
        Killed {
            acknowledged,
            store: self.open(None),
        }
    }
}

mod conformance {
    use super::FileHarness;

    kavach_store::conformance_tests!(FileHarness::new());
}

fn put(key: &[u8]) -> Batch {
    Batch {
        puts: vec![(Key::new(Space::graph("graph"), key), b"v".to_vec())],
        ..Batch::default()
    }
}

#[test]
fn a_second_process_is_told_that_the_file_is_in_use() {
    let mut harness = FileHarness::new();
    let _held = harness.open(None);
    let error = Disk::open(&harness.path(), None).err().unwrap();
    assert_eq!(*error.kind(), StoreErrorKind::Locked);
}

#[tokio::test]
async fn one_changed_byte_is_noticed() {
    let mut harness = FileHarness::new();
    let store = harness.open(None);
    store.commit(put(b"1")).await.unwrap();
    store.commit(put(b"2")).await.unwrap();
    drop(store);
    harness.close().await;
    let mut journal = std::fs::read(harness.path()).unwrap();
    journal[80] ^= 1;
    std::fs::write(harness.path(), &journal).unwrap();
    let error = FileStore::open(disk(&harness.path(), None)).unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Corrupt);
}

#[tokio::test]
async fn after_a_failed_write_nothing_is_written_until_the_file_is_opened_again() {
    let mut harness = FileHarness::new();
    let store = harness.open(Some((1000, usize::MAX)));
    let mut kinds = Vec::new();
    for number in 0..20_u8 {
        if let Err(error) = store.commit(put(&[number])).await {
            kinds.push(error.kind().clone());
        }
    }
    assert_eq!(kinds[0], StoreErrorKind::OutcomeUnknown);
    assert!(
        kinds[1..]
            .iter()
            .all(|kind| *kind == StoreErrorKind::Unavailable)
    );
    assert!(kinds.len() > 1);
}
