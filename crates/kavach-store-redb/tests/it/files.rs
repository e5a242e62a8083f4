//! Files as operators meet them.

use std::error::Error;
use std::path::{Path, PathBuf};

use kavach_store::kavach_audit::Query;
use kavach_store::{Batch, Key, Revision, Space, Store, StoreErrorKind};
use kavach_store_redb::RedbStore;
use redb::{Database, TableDefinition};
use tempfile::TempDir;

use crate::dice::Dice;

const GRAPH: Space = Space::graph("graph");

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kavach.redb");
    (folder, path)
}

fn put(value: &str) -> Batch {
    Batch {
        puts: vec![(Key::new(GRAPH, *b"k"), value.into())],
        ..Batch::default()
    }
}

async fn value(store: &RedbStore) -> Option<Vec<u8>> {
    let snapshot = store.read(&[Key::new(GRAPH, *b"k")]).await.unwrap();
    snapshot
        .records
        .into_iter()
        .flatten()
        .next()
        .map(|record| record.bytes)
}

#[track_caller]
fn check_refused(
    opened: Result<RedbStore, kavach_store::StoreError>,
    kind: StoreErrorKind,
    message: &str,
) {
    let error = opened.unwrap_err();
    assert_eq!(*error.kind(), kind, "{error}");
    assert_eq!(error.to_string(), message);
}

#[test]
fn one_process_writes() {
    let (_folder, path) = folder();
    let store = RedbStore::open(&path).unwrap();
    let message = format!(
        "another process has `{}` open; stop it, or use another folder",
        path.display()
    );
    check_refused(RedbStore::open(&path), StoreErrorKind::Locked, &message);
    drop(store);
    RedbStore::open(&path).unwrap();
}

#[tokio::test]
async fn others_read_what_one_process_writes() {
    let (_folder, path) = folder();
    let writer = RedbStore::open(&path).unwrap();
    writer.commit(put("one")).await.unwrap();
    let reader = RedbStore::open_read_only(&path).unwrap();
    assert_eq!(value(&reader).await.unwrap(), b"one");
    let committed = writer.commit(put("two")).await.unwrap();
    assert_eq!(value(&reader).await.unwrap(), b"two");
    assert_eq!(reader.health().await.unwrap().revision, committed.revision);
    assert_eq!(
        reader.changes(Revision::ZERO, 10).await.unwrap().revision,
        committed.revision
    );
    assert!(
        reader
            .audit_scan(&Query::default(), None, 10)
            .await
            .unwrap()
            .events
            .is_empty()
    );

    let error = reader.commit(put("three")).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::ReadOnly);
    let message = format!(
        "`{}` is open for reading only; open it for writing",
        path.display()
    );
    assert_eq!(error.to_string(), message);

    // A reader does not keep the next writer out.
    drop(writer);
    let writer = RedbStore::open(&path).unwrap();
    writer.commit(put("four")).await.unwrap();
    assert_eq!(value(&reader).await.unwrap(), b"four");
}

#[test]
fn what_is_not_there_cannot_be_read() {
    let (_folder, path) = folder();
    let message = format!(
        "there is no `{}`, or no folder for it; create the folder",
        path.display()
    );
    check_refused(
        RedbStore::open_read_only(&path),
        StoreErrorKind::Unavailable,
        &message,
    );
    let path = path.join("deeper");
    let message = format!(
        "there is no `{}`, or no folder for it; create the folder",
        path.display()
    );
    check_refused(
        RedbStore::open(&path),
        StoreErrorKind::Unavailable,
        &message,
    );
}

#[test]
fn a_folder_is_not_a_file() {
    let (folder, _) = folder();
    let message = format!(
        "`{}` is a folder; name a file in it",
        folder.path().display()
    );
    check_refused(
        RedbStore::open(folder.path()),
        StoreErrorKind::InvalidInput,
        &message,
    );
}

#[tokio::test]
async fn a_file_that_was_not_closed_is_opened_for_writing_first() {
    let (folder, path) = folder();
    let store = RedbStore::open(&path).unwrap();
    store.commit(put("one")).await.unwrap();
    // What a crash leaves: the file as it is while it is open.
    let copy = folder.path().join("copy.redb");
    std::fs::copy(&path, &copy).unwrap();
    let message = format!(
        "`{}` was not closed and needs a repair; open it for writing once, then read it",
        copy.display()
    );
    check_refused(
        RedbStore::open_read_only(&copy),
        StoreErrorKind::Unavailable,
        &message,
    );
    assert_eq!(
        value(&RedbStore::open(&copy).unwrap()).await.unwrap(),
        b"one"
    );
    assert_eq!(
        value(&RedbStore::open_read_only(&copy).unwrap())
            .await
            .unwrap(),
        b"one"
    );
}

#[tokio::test]
async fn a_store_that_was_quiet_before_a_crash_needs_no_repair() {
    let (folder, path) = folder();
    let store = RedbStore::open(&path).unwrap();
    store.commit(put("one")).await.unwrap();
    let copy = folder.path().join("copy.redb");
    loop {
        // What a crash would leave now.
        std::fs::copy(&path, &copy).unwrap();
        let mut builder = Database::builder();
        builder.set_repair_callback(|repair| repair.abort());
        if builder.open(&copy).is_ok() {
            break;
        }
    }
    assert_eq!(
        value(&RedbStore::open(&copy).unwrap()).await.unwrap(),
        b"one"
    );
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let (_folder, path) = folder();
    std::fs::write(
        &path,
        b"hello, this is not a database, and long enough to have a head",
    )
    .unwrap();
    let message = format!(
        "`{}` is not a redb file, or is damaged; restore a backup",
        path.display()
    );
    for opened in [RedbStore::open(&path), RedbStore::open_read_only(&path)] {
        check_refused(opened, StoreErrorKind::Corrupt, &message);
    }
}

#[test]
fn a_redb_file_of_another_program_is_refused() {
    let (_folder, path) = folder();
    let foreign: TableDefinition<u32, u32> = TableDefinition::new("theirs");
    edit(&path, |database| {
        let transaction = database.begin_write().unwrap();
        transaction.open_table(foreign).unwrap();
        transaction.commit().unwrap();
    });
    let message = "the file is not a store of this program; use another file";
    for opened in [RedbStore::open(&path), RedbStore::open_read_only(&path)] {
        check_refused(opened, StoreErrorKind::Corrupt, message);
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let (_folder, path) = folder();
    drop(RedbStore::open(&path).unwrap());
    let meta: TableDefinition<&str, u64> = TableDefinition::new("meta");
    edit(&path, |database| {
        let transaction = database.begin_write().unwrap();
        transaction
            .open_table(meta)
            .unwrap()
            .insert("schema", 2)
            .unwrap();
        transaction.commit().unwrap();
    });
    let message = "the store has schema 2, and this version knows 1; use a newer version";
    for opened in [RedbStore::open(&path), RedbStore::open_read_only(&path)] {
        check_refused(opened, StoreErrorKind::SchemaTooNew, message);
    }
}

fn edit(path: &Path, edit: impl FnOnce(&Database)) {
    edit(&Database::create(path).unwrap());
}

#[test]
fn an_error_has_its_cause() {
    let (_folder, path) = folder();
    let _store = RedbStore::open(&path).unwrap();
    let error = RedbStore::open(&path).unwrap_err();
    assert!(error.source().is_some());
}

#[test]
fn nothing_but_the_file_is_left_in_the_folder() {
    let (folder, path) = folder();
    drop(RedbStore::open(&path).unwrap());
    let names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["kavach.redb"]);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_a_new_file() {
    use std::os::unix::fs::PermissionsExt;

    let (_folder, path) = folder();
    drop(RedbStore::open(&path).unwrap());
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_last_handle_closes_the_file() {
    let (_folder, path) = folder();
    let store = RedbStore::open(&path).unwrap();
    let clone = store.clone();
    drop(store);
    clone.commit(put("one")).await.unwrap();
    assert_eq!(
        *RedbStore::open(&path).unwrap_err().kind(),
        StoreErrorKind::Locked
    );
    drop(clone);
    assert_eq!(
        value(&RedbStore::open(&path).unwrap()).await.unwrap(),
        b"one"
    );
}

#[tokio::test]
async fn what_was_sent_is_done_when_the_store_is_dropped() {
    let (_folder, path) = folder();
    let store = RedbStore::open(&path).unwrap();
    {
        let mut commit = store.commit(put("one"));
        // One poll sends it.
        let poll = std::future::poll_fn(|context| {
            std::task::Poll::Ready(commit.as_mut().poll(context).is_ready())
        });
        poll.await;
    }
    drop(store);
    assert_eq!(
        value(&RedbStore::open(&path).unwrap()).await.unwrap(),
        b"one"
    );
}

/// 120 files, each with one stretch overwritten, from a fixed seed. What is damaged where nobody looks at
/// opening may open; the rest is refused, and nothing panics. (redb itself panics on some: those messages
/// stand in this test's output.)
#[tokio::test]
async fn a_damaged_file_is_refused_in_words_or_opens() {
    let (_folder, path) = folder();
    let store = RedbStore::open(&path).unwrap();
    store.commit(put("v")).await.unwrap();
    drop(store);
    let whole = std::fs::read(&path).unwrap();
    let mut dice = Dice::new(7);
    let mut refused = 0;
    for _ in 0..120 {
        let mut damaged = whole.clone();
        // Most of a fresh file is empty: stay where something lies.
        let at = dice.below(8 * 1024);
        for byte in damaged.iter_mut().skip(at).take(dice.pick(&[8, 512, 4096])) {
            *byte = dice.below(256) as u8;
        }
        std::fs::write(&path, &damaged).unwrap();
        if let Err(error) = RedbStore::open(&path) {
            let kinds = [
                StoreErrorKind::Corrupt,
                StoreErrorKind::Unavailable,
                StoreErrorKind::SchemaTooNew,
            ];
            assert!(kinds.contains(error.kind()), "{error:?}");
            refused += 1;
        }
    }
    assert!((10..120).contains(&refused), "{refused}");
}
