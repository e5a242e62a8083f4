//! Scans: key order, bounds, pages.

use std::collections::BTreeSet;
use std::ops::{Bound, RangeBounds};

use kavach_audit::Query;
use tokio::task::JoinHandle;

use crate::conformance::dice::Dice;
use crate::conformance::fixture::{
    ALL, Compose, GRAPH, OTHER, QUIET, batch, committed, key, numbered, scale, scan,
};
use crate::conformance::harness::Harness;
use crate::limits::KEY_BYTES_MAX;
use crate::store::Store;
use crate::{Revision, Space, StoreErrorKind};

/// Keys in the order of their bytes, which is not the one of any alphabet.
fn ordered() -> Vec<Vec<u8>> {
    vec![
        vec![0],
        vec![0, 0],
        vec![0, 0xff],
        vec![1; KEY_BYTES_MAX - 1],
        vec![1; KEY_BYTES_MAX],
        b"10".to_vec(),
        b"9".to_vec(),
        b"A".to_vec(),
        b"B".to_vec(),
        b"Z".to_vec(),
        b"_".to_vec(),
        b"a".to_vec(),
        b"a\0".to_vec(),
        b"a\0\0".to_vec(),
        b"a\x01".to_vec(),
        b"a ".to_vec(),
        b"aa".to_vec(),
        b"a\xff".to_vec(),
        b"b".to_vec(),
        vec![0x7f],
        vec![0x80],
        "é".into(),
        "😀".into(),
        vec![0xff],
        vec![0xff, 0],
        vec![0xff; KEY_BYTES_MAX],
    ]
}

/// Puts the keys, each as its own value, in a shuffled order and several commits.
async fn put_shuffled(store: &dyn Store, space: Space, mut keys: Vec<Vec<u8>>) {
    Dice::new(7).shuffle(&mut keys);
    for chunk in keys.chunks(3) {
        let batch = chunk
            .iter()
            .fold(batch(), |batch, bytes| batch.put(&key(space, bytes), bytes));
        committed(store, batch).await;
    }
}

pub(super) async fn a_scan_is_in_key_order(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let want = ordered();
    assert!(want.is_sorted());
    for space in [GRAPH, QUIET] {
        assert!(scan(&*store, space, ALL, 10).await.is_empty());
        put_shuffled(&*store, space, want.clone()).await;
        let found = scan(&*store, space, ALL, 1000).await;
        let keys: Vec<Vec<u8>> = found.iter().map(|(key, _)| key.clone()).collect();
        assert_eq!(keys, want, "the keys are not in the order of their bytes");
        for (key, record) in found {
            assert_eq!(key, record.bytes, "a key came with the record of another");
        }
    }
}

pub(super) async fn a_scan_keeps_to_its_bounds(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let keys = ordered();
    put_shuffled(&*store, QUIET, keys.clone()).await;
    // Some are keys, some lie between them, and some cannot be keys at all.
    let edges: [&[u8]; 10] = [
        b"",
        b"\0",
        b"9",
        b"9\0",
        b"a",
        b"a\0",
        b"a\xff",
        b"m",
        &[0xff; KEY_BYTES_MAX],
        &[0xff; KEY_BYTES_MAX + 8],
    ];
    let mut bounds = vec![Bound::Unbounded];
    bounds.extend(edges.map(|edge| Bound::Included(edge.to_vec())));
    bounds.extend(edges.map(|edge| Bound::Excluded(edge.to_vec())));
    for lower in &bounds {
        for upper in &bounds {
            // A range that ends before it begins holds nothing.
            let range = (lower.clone(), upper.clone());
            let want: Vec<Vec<u8>> = keys
                .iter()
                .filter(|&key| range.contains(key))
                .cloned()
                .collect();
            let found = scan(&*store, QUIET, range, 1000).await;
            let found: Vec<Vec<u8>> = found.into_iter().map(|(key, _)| key).collect();
            assert_eq!(found, want, "from {lower:?} to {upper:?}");
        }
    }
}

/// A writer moves a token from key to key; every page must show exactly one.
pub(super) async fn a_scan_page_is_one_snapshot(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    let places = 16;
    let place = |round: usize| numbered(GRAPH, "place", round * 7 % places);
    committed(&*handles[0], batch().put(&place(0), "token")).await;
    let reads = scale(100, 5000);
    let readers: Vec<_> = handles
        .iter()
        .map(|store| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..reads {
                    let page = store.scan(GRAPH, ALL, 100).await.unwrap();
                    assert_eq!(
                        page.records.len(),
                        1,
                        "the token is not in exactly one place"
                    );
                    assert!(page.next.is_none());
                    let round = usize::try_from(page.revision.number()).unwrap() - 1;
                    let want = format!("place/{}", round * 7 % places).into_bytes();
                    assert_eq!(page.records[0].0, want, "the page is not of its revision");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut round = 0;
    while !readers.iter().all(JoinHandle::is_finished) {
        round += 1;
        let step = batch()
            .delete(&place(round - 1))
            .put(&place(round), "token");
        committed(&*handles[round % 2], step).await;
        tokio::task::yield_now().await;
    }
    for reader in readers {
        reader.await.expect("a reader saw half a commit");
    }
}

pub(super) async fn pages_of_a_scan_join_up(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let keys = ordered();
    put_shuffled(&*store, GRAPH, keys.clone()).await;
    for limit in [
        1,
        2,
        3,
        7,
        keys.len() - 1,
        keys.len(),
        keys.len() + 1,
        usize::MAX,
    ] {
        let found = scan(&*store, GRAPH, ALL, limit).await;
        let found: Vec<Vec<u8>> = found.into_iter().map(|(key, _)| key).collect();
        assert_eq!(found, keys, "limit {limit}");

        let inner = (
            Bound::Excluded(b"9".to_vec()),
            Bound::Included(b"b".to_vec()),
        );
        let want: Vec<Vec<u8>> = keys
            .iter()
            .filter(|&key| inner.contains(key))
            .cloned()
            .collect();
        let found = scan(&*store, GRAPH, inner, limit).await;
        let found: Vec<Vec<u8>> = found.into_iter().map(|(key, _)| key).collect();
        assert_eq!(found, want, "limit {limit} with bounds");
    }

    // What is deleted or added behind the cursor does not disturb the rest.
    let page = store.scan(GRAPH, ALL, 5).await.unwrap();
    let next = page.next.expect("there is more");
    committed(
        &*store,
        batch()
            .delete(&key(GRAPH, &next))
            .put(&key(GRAPH, [0, 1]), "new"),
    )
    .await;
    let rest = scan(
        &*store,
        GRAPH,
        (Bound::Excluded(next.clone()), Bound::Unbounded),
        4,
    )
    .await;
    let rest: Vec<Vec<u8>> = rest.into_iter().map(|(key, _)| key).collect();
    let want: Vec<Vec<u8>> = keys.into_iter().filter(|key| *key > next).collect();
    assert_eq!(rest, want, "after a deleted cursor");
}

/// Spaces whose names begin alike, with keys that would be one text if name and key were joined.
pub(super) async fn spaces_do_not_leak_into_each_other(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let spaces = [
        Space::graph("a"),
        Space::quiet("aa"),
        Space::graph("a_"),
        Space::quiet("a_b"),
        Space::graph("ab"),
        Space::quiet("b"),
    ];
    let keys = ["a", "aa", "a_b", "b", "_b", "/a", "\0a", "\u{1}", "\u{ff}"];
    let all: BTreeSet<(&str, &str)> = spaces
        .iter()
        .flat_map(|space| keys.map(|key| (space.name(), key)))
        .collect();
    for space in spaces {
        for name in keys {
            let value = format!("{} {name}", space.name());
            let key = key(space, name);
            committed(&*store, batch().absent(&key).put(&key, value)).await;
        }
    }
    let mut left = all.clone();
    for space in spaces {
        for limit in [2, 100] {
            check_space(&*store, space, &left, limit).await;
        }
        for name in keys {
            committed(&*store, batch().delete(&key(space, name))).await;
        }
        left.retain(|(name, _)| *name != space.name());
        for space in spaces {
            check_space(&*store, space, &left, 100).await;
        }
    }
}

async fn check_space(store: &dyn Store, space: Space, all: &BTreeSet<(&str, &str)>, limit: usize) {
    let mut want: Vec<(Vec<u8>, Vec<u8>)> = all
        .iter()
        .filter(|(name, _)| *name == space.name())
        .map(|(name, key)| {
            (
                key.as_bytes().to_vec(),
                format!("{name} {key}").into_bytes(),
            )
        })
        .collect();
    want.sort();
    let found = scan(store, space, ALL, limit).await;
    let found: Vec<(Vec<u8>, Vec<u8>)> = found
        .into_iter()
        .map(|(key, record)| (key, record.bytes))
        .collect();
    assert_eq!(found, want, "in {space:?}");
}

pub(super) async fn a_page_of_zero_is_refused(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    committed(&*store, batch().put(&key(OTHER, "k"), "v")).await;
    let errors = [
        store.scan(OTHER, ALL, 0).await.unwrap_err(),
        store.changes(Revision::ZERO, 0).await.unwrap_err(),
        store
            .audit_scan(&Query::default(), None, 0)
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(*error.kind(), StoreErrorKind::InvalidInput);
    }
}
