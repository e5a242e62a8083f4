//! Copies that are refused, interrupted, and whole.

use std::sync::Arc;

use kavach_store::{Batch, Fault, Faults, FaultyStore, Key, MemoryStore, Space, Store, When};

use super::{CopyError, copy};
use crate::Kavach;
use crate::census::{check, tests::some_history};

async fn source() -> MemoryStore {
    let store = MemoryStore::new();
    some_history(store.clone(), "planner").await.close().await;
    store
}

#[tokio::test]
async fn a_target_with_something_in_it_is_refused() {
    let from = source().await;
    let other = source().await;
    assert!(matches!(
        copy(&from, &other, |_| ()).await,
        Err(CopyError::NotEmpty)
    ));
    let quiet = MemoryStore::new();
    let puts = vec![(Key::new(Space::quiet("counter"), *b"k"), vec![])];
    quiet
        .commit(Batch {
            puts,
            ..Batch::default()
        })
        .await
        .unwrap();
    assert!(matches!(
        copy(&from, &quiet, |_| ()).await,
        Err(CopyError::NotEmpty)
    ));
}

#[tokio::test]
async fn a_copy_is_everything() {
    let (from, to) = (source().await, MemoryStore::new());
    let mut told = 0;
    let copied = copy(&from, &to, |written| told = written).await.unwrap();
    assert!(!copied.resumed);
    assert_eq!(copied.census, check(&to).await.unwrap());
    let records: u64 = copied.census.records.values().sum();
    assert_eq!(told, records + copied.census.events());
    // And it is a store: the node goes on writing its log where it stood.
    some_more(&to).await;
    assert_eq!(
        check(&to).await.unwrap().events(),
        copied.census.events() + 1
    );
}

async fn some_more(store: &MemoryStore) {
    let kavach = Kavach::open(store.clone()).await.unwrap();
    let planner: kavach_core::Name = "planner".parse().unwrap();
    let _ = kavach.authorize(&planner, "read", "app:x:y").await.unwrap();
    kavach.close().await;
}

/// Interrupts a copy at its `nth` commit, goes on, and answers whether that was interrupted at all.
async fn interrupted(from: &MemoryStore, nth: u64, fault: Fault) -> bool {
    let to = MemoryStore::new();
    let faults = Faults::new();
    faults.inject(kavach_store::Call::Commit, When::Nth(nth), fault);
    let faulty = FaultyStore::new(Arc::new(to.clone()), faults);
    if copy(from, &faulty, |_| ()).await.is_ok() {
        return false;
    }
    let begun = check(&to).await.is_err() || super::refuse_unfinished(&to).await.is_err();
    if begun {
        let refused = Kavach::open(to.clone()).await;
        assert!(refused.is_err(), "half a copy was taken for a store");
        let error = copy(&to, &MemoryStore::new(), |_| ()).await.unwrap_err();
        assert!(
            matches!(error, CopyError::Store(_)),
            "half a copy was copied: {error}"
        );
    }
    // Where the very last commit landed without an answer, there is nothing left to do.
    match copy(from, &to, |_| ()).await {
        Ok(copied) => assert_eq!(copied.census, check(from).await.unwrap()),
        Err(error) => assert!(matches!(error, CopyError::NotEmpty) && !begun, "{error}"),
    }
    assert_eq!(check(&to).await.unwrap(), check(from).await.unwrap());
    some_more(&to).await;
    true
}

#[tokio::test]
async fn a_copy_that_was_interrupted_goes_on() {
    let from = source().await;
    for fault in [Fault::Unavailable, Fault::UnknownDone] {
        let mut nth = 1;
        while interrupted(&from, nth, fault.clone()).await {
            nth += 1;
        }
        assert!(nth > 5, "a copy has {nth} commits only");
    }
}

#[tokio::test]
async fn a_copy_of_a_source_that_went_on_is_refused() {
    let from = source().await;
    let to = MemoryStore::new();
    let faults = Faults::new();
    faults.inject(kavach_store::Call::Commit, When::Nth(4), Fault::Unavailable);
    let faulty = FaultyStore::new(Arc::new(to.clone()), faults);
    copy(&from, &faulty, |_| ()).await.unwrap_err();
    some_more(&from).await;
    let error = copy(&from, &to, |_| ()).await.unwrap_err();
    assert!(matches!(error, CopyError::OtherSource), "{error}");
}
