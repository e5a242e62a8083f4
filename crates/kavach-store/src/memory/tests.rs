//! What the kit cannot see from outside: bounds of this backend, and its tags.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

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

#[test]
fn a_hint_comes_with_the_next_change_of_the_graph_and_leaves_nothing_behind() {
    let store = MemoryStore::new();
    let other = store.clone();
    let mut context = Context::from_waker(Waker::noop());
    let mut hint = Box::pin(store.stirred(Revision::ZERO));
    assert!(hint.as_mut().poll(&mut context).is_pending());
    assert!(hint.as_mut().poll(&mut context).is_pending());
    now(other.commit(one(Space::quiet("quiet")))).unwrap();
    assert!(hint.as_mut().poll(&mut context).is_pending());
    let first = now(other.commit(one(GRAPH))).unwrap().revision;
    assert!(hint.as_mut().poll(&mut context).is_ready());
    // Who has not heard of it is told at once, who has waits.
    now(store.stirred(Revision::ZERO));
    now(store.stirred(Revision::new(1, first.tag() ^ 1)));
    let mut hint = Box::pin(store.stirred(first));
    assert!(hint.as_mut().poll(&mut context).is_pending());
    assert_eq!(store.bell.count(), 1);
    drop(hint);
    assert_eq!(store.bell.count(), 0);
}

/// A waker that counts.
struct Counted(AtomicU64);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_hint_wakes_everybody_who_waits_for_it_and_nobody_for_a_quiet_batch() {
    let store = MemoryStore::new();
    let counted = Arc::new(Counted(AtomicU64::new(0)));
    let waker = Waker::from(Arc::clone(&counted));
    let mut context = Context::from_waker(&waker);
    let mut hints: Vec<_> = (0..3).map(|_| store.stirred(Revision::ZERO)).collect();
    for hint in &mut hints {
        assert!(hint.as_mut().poll(&mut context).is_pending());
    }
    now(store.commit(one(Space::quiet("quiet")))).unwrap();
    assert_eq!(counted.0.load(Ordering::Relaxed), 0);
    now(store.commit(one(GRAPH))).unwrap();
    assert_eq!(counted.0.load(Ordering::Relaxed), 3);
}

fn one(space: Space) -> Batch {
    Batch {
        puts: vec![(Key::new(space, *b"k"), b"v".to_vec())],
        ..Batch::default()
    }
}
