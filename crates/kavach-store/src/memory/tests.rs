//! What the kit cannot see from outside: bounds of this backend, and its tags.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::{MemoryStore, is_inverted, mix};
use crate::limits::{MEMORY_FEED_CHANGES, PAGE_MAX};
use crate::{Batch, Committed, Key, Revision, Space, Store, StoreErrorKind};
use std::ops::Bound;

const GRAPH: Space = Space::graph("graph");

/// Every future of this store is done after one poll.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the memory store waited"),
    }
}

fn put(store: &MemoryStore, keys: impl Iterator<Item = usize>) -> Committed {
    let puts = keys
        .map(|key| (Key::new(GRAPH, key.to_be_bytes()), Vec::new()))
        .collect();
    now(store.commit(Batch {
        puts,
        ..Batch::default()
    }))
    .unwrap()
}

#[test]
fn the_feed_forgets_its_oldest_commits_once_it_is_full() {
    let store = MemoryStore::new();
    let first = put(&store, 0..1).revision;
    let second = put(&store, 1..2).revision;
    for chunk in 0..MEMORY_FEED_CHANGES / 8192 {
        put(&store, chunk * 8192..(chunk + 1) * 8192);
    }
    for forgotten in [Revision::ZERO, first] {
        let error = now(store.changes(forgotten, 1)).unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Compacted);
    }
    let page = now(store.changes(second, usize::MAX)).unwrap();
    assert_eq!(
        page.changes.len(),
        8192,
        "one whole commit, though a page has {PAGE_MAX} entries"
    );
    assert!(!page.complete);
}

#[test]
fn a_page_is_bounded_whatever_the_caller_allows() {
    let store = MemoryStore::new();
    put(&store, 0..PAGE_MAX + 1);
    let page = now(store.scan(GRAPH, (Bound::Unbounded, Bound::Unbounded), usize::MAX)).unwrap();
    assert_eq!(page.records.len(), PAGE_MAX);
    assert!(page.next.is_some());
}

#[test]
fn tags_follow_from_the_seed_and_otherwise_differ() {
    let tag = |store: MemoryStore| put(&store, 0..1).revision.tag();
    assert_eq!(
        tag(MemoryStore::with_tag_seed(7)),
        tag(MemoryStore::with_tag_seed(7))
    );
    assert_ne!(
        tag(MemoryStore::with_tag_seed(7)),
        tag(MemoryStore::with_tag_seed(8))
    );
    assert_ne!(tag(MemoryStore::new()), tag(MemoryStore::new()));
}

#[test]
fn tags_of_one_store_differ_from_each_other() {
    assert_ne!(mix(7 ^ mix(1)), mix(7 ^ mix(2)));
    // From the reference implementation of SplitMix64, first output of seed 0.
    assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
}

#[test]
fn a_clone_is_another_handle_onto_the_same_records() {
    let store = MemoryStore::new();
    put(&store.clone(), 0..1);
    assert_eq!(now(store.health()).unwrap().revision.number(), 1);
}

#[test]
fn a_range_is_inverted_if_nothing_can_lie_in_it() {
    use Bound::{Excluded, Included, Unbounded};
    let cases = [
        ((Included(&2), Included(&1)), true),
        ((Included(&2), Excluded(&1)), true),
        ((Excluded(&1), Excluded(&1)), true),
        ((Included(&1), Excluded(&1)), false),
        ((Excluded(&1), Included(&1)), false),
        ((Included(&1), Included(&1)), false),
        ((Unbounded, Excluded(&1)), false),
        ((Excluded(&1), Unbounded), false),
    ];
    for (range, want) in cases {
        assert_eq!(is_inverted(&range), want, "{range:?}");
        if !want {
            let _ = std::collections::BTreeMap::<i32, ()>::new().range::<i32, _>(range);
        }
    }
}
