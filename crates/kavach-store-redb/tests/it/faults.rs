//! Disks that fail, and stores that go on.

use kavach_store::{Batch, Key, Space, Store, StoreError, StoreErrorKind};
use kavach_store_redb::RedbStore;

use crate::disk::{Disk, Fault};

const QUIET: Space = Space::quiet("quiet");

fn key(number: u64) -> Key {
    Key::new(QUIET, number.to_be_bytes())
}

fn put(number: u64) -> Batch {
    Batch {
        puts: vec![(key(number), vec![1; 6_000])],
        ..Batch::default()
    }
}

async fn is_there(store: &RedbStore, number: u64) -> bool {
    store.read(&[key(number)]).await.unwrap().records[0].is_some()
}

fn open(disk: &Disk) -> RedbStore {
    let disk = disk.clone();
    RedbStore::open_on(move || disk.open()).unwrap()
}

/// Whether what the caller was told is so.
async fn check_answer<T>(store: &RedbStore, number: u64, answer: Result<T, StoreError>) {
    let there = is_there(store, number).await;
    match answer {
        Ok(_) => assert!(there, "{number} was acknowledged and is lost"),
        Err(error) if *error.kind() == StoreErrorKind::OutcomeUnknown => {}
        Err(error) => {
            assert_eq!(*error.kind(), StoreErrorKind::Unavailable, "{error}");
            assert!(!there, "{number} was said not to be written, and is there");
        }
    }
}

#[tokio::test]
async fn an_operation_that_fails_once_costs_one_commit() {
    let disk = Disk::default();
    let store = open(&disk);
    let mut failures = 0;
    for moment in 0..60 {
        disk.strike_after(moment, Fault::Once);
        let answer = store.commit(put(moment)).await;
        failures += u64::from(answer.is_err());
        disk.lift();
        check_answer(&store, moment, answer).await;
        store.commit(put(1_000 + moment)).await.unwrap();
        store.health().await.unwrap();
    }
    assert!(failures >= 5, "only {failures} commits failed");
}

#[tokio::test]
async fn a_full_disk_refuses_commits_until_there_is_room() {
    for moment in 0..24 {
        let disk = Disk::default();
        let store = open(&disk);
        store.commit(put(0)).await.unwrap();
        disk.strike_after(moment, Fault::Full);
        let answer = store.commit(put(1)).await;
        if answer.is_err() {
            for number in [2, 3] {
                let error = store.commit(put(number)).await.unwrap_err();
                assert_eq!(*error.kind(), StoreErrorKind::Unavailable, "{error}");
                assert_eq!(
                    *store.health().await.unwrap_err().kind(),
                    StoreErrorKind::Unavailable
                );
            }
            // While there is no room, trying again does no harm.
            assert_eq!(
                *store.checkpoint().await.unwrap_err().kind(),
                StoreErrorKind::Unavailable
            );
        }
        disk.lift();
        store.checkpoint().await.unwrap();
        assert!(is_there(&store, 0).await);
        check_answer(&store, 1, answer).await;
        assert!(!is_there(&store, 2).await);
        store.commit(put(4)).await.unwrap();
        assert!(is_there(&store, 4).await);
        store.health().await.unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_is_named_and_known_to_have_written_nothing() {
    let disk = Disk::default();
    let store = open(&disk);
    disk.strike_now(Fault::Full);
    let error = store.commit(put(1)).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        "no space left for `test storage`; make room on its disk"
    );
}

#[tokio::test]
async fn a_store_that_failed_comes_back_by_itself() {
    let disk = Disk::default();
    let store = open(&disk);
    disk.strike_now(Fault::Full);
    store.commit(put(1)).await.unwrap_err();
    disk.lift();
    while store.health().await.is_err() {
        std::thread::yield_now();
    }
    store.commit(put(2)).await.unwrap();
}

#[tokio::test]
async fn what_failed_stays_failed_after_reopening() {
    for moment in 0..24 {
        let disk = Disk::default();
        let store = open(&disk);
        disk.strike_after(moment, Fault::Full);
        let answer = store.commit(put(1)).await;
        drop(store);
        disk.lift();
        check_answer(&open(&disk), 1, answer).await;
    }
}
