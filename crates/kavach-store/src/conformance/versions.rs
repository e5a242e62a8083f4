//! Versions: which incarnation of a record an expectation means.

use std::collections::HashSet;

use crate::conformance::fixture::{
    ALL, Compose, GRAPH, QUIET, batch, changes, committed, key, record, refused, scan,
};
use crate::conformance::harness::Harness;
use crate::limits::NUMBER_MAX;
use crate::{Revision, StoreErrorKind, Version};

/// ABA. A record is deleted and written again, byte for byte as it was; who read the first must not
/// be able to act on the second. Stores that count versions for each key, or start again above the
/// greatest that is left, fall here.
pub(super) async fn a_stale_version_does_not_match_a_record_created_again(
    harness: &mut dyn Harness,
) {
    for space in [QUIET, GRAPH] {
        let mut store = harness.fresh().await;
        let code = key(space, "code");
        let mut stale: Vec<Version> = Vec::new();
        for life in 0..6 {
            let current = committed(&*store, batch().put(&code, "for agent 1"))
                .await
                .version;
            for &version in &stale {
                assert_ne!(version, current, "a version was used twice");
                for batch in [batch().delete(&code), batch().put(&code, "stolen"), batch()] {
                    let refused = refused(&*store, batch.version(&code, version)).await;
                    assert_eq!(
                        refused,
                        StoreErrorKind::Conflict(vec![0]),
                        "{version:?} matches"
                    );
                }
            }
            let found = record(&*store, &code)
                .await
                .expect("the record is still there");
            assert_eq!(
                (found.bytes, found.version),
                (b"for agent 1".to_vec(), current)
            );
            stale.push(current);
            // The next life follows on a delete, on a reopening, on both, or on neither.
            if life % 2 == 0 {
                committed(&*store, batch().version(&code, current).delete(&code)).await;
                assert_eq!(record(&*store, &code).await, None);
            }
            if life % 3 != 0 {
                drop(store);
                store = harness.reopen().await;
            }
        }
    }
}

pub(super) async fn a_version_belongs_to_one_commit(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let (one, two, other) = (key(GRAPH, "one"), key(QUIET, "two"), key(GRAPH, "other"));
    let first = committed(&*store, batch().put(&one, "a").put(&two, "b"))
        .await
        .version;
    let second = committed(&*store, batch().put(&other, "c")).await.version;
    let third = committed(&*store, batch().put(&one, "a")).await.version;
    assert_eq!(
        HashSet::from([first, second, third]).len(),
        3,
        "two commits share a version"
    );

    let snapshot = store.read(&[one, two, other]).await.unwrap();
    let versions: Vec<Version> = snapshot
        .records
        .into_iter()
        .map(|found| found.unwrap().version)
        .collect();
    assert_eq!(
        versions,
        [third, first, second],
        "a read shows other versions than commit gave"
    );
    let scanned = scan(&*store, GRAPH, ALL, 10).await;
    let versions: Vec<Version> = scanned
        .into_iter()
        .map(|(_, found)| found.version)
        .collect();
    assert_eq!(versions, [third, second], "a scan shows other versions");
    let (listed, _) = changes(&*store, Revision::ZERO, 10).await;
    let versions: Vec<Version> = listed
        .into_iter()
        .map(|change| change.record.unwrap().version)
        .collect();
    assert_eq!(
        versions,
        [third, second, third],
        "the feed shows other versions"
    );
}

pub(super) async fn versions_are_not_reused_after_reopening(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    let mut seen = HashSet::new();
    for round in 0..6_u8 {
        for space in [GRAPH, QUIET] {
            let key = key(space, [b'k', round]);
            let version = committed(&*store, batch().put(&key, [round])).await.version;
            assert!(seen.insert(version), "{version:?} was used before");
            assert!(
                version.as_u64() <= NUMBER_MAX,
                "{version:?} does not fit a signed column"
            );
            // A commit that fails must not shake the counter either.
            refused(&*store, batch().absent(&key).put(&key, "x")).await;
            // Odd rounds leave the store empty, so that nothing is left to count from.
            if round % 2 == 1 {
                committed(&*store, batch().delete(&key)).await;
                committed(
                    &*store,
                    batch().delete(&self::key(space, [b'k', round - 1])),
                )
                .await;
            }
        }
        drop(store);
        store = harness.reopen().await;
    }
}
