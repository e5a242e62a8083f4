//! Revisions: one more for each commit that touches the graph.

use std::collections::HashSet;

use crate::conformance::fixture::{
    ALL, Compose, GRAPH, OTHER, QUIET, batch, committed, key, log, refused, sealed,
};
use crate::conformance::harness::Harness;
use crate::{Batch, Revision, Version};

pub(super) async fn a_fresh_store_is_at_zero(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    for reopened in [false, true] {
        if reopened {
            drop(store);
            store = harness.reopen().await;
        }
        assert_eq!(store.read(&[]).await.unwrap().revision, Revision::ZERO);
        assert_eq!(
            store.scan(GRAPH, ALL, 1).await.unwrap().revision,
            Revision::ZERO
        );
        assert_eq!(store.health().await.unwrap().revision, Revision::ZERO);
        let page = store.changes(Revision::ZERO, 1).await.unwrap();
        assert_eq!(
            (page.changes, page.revision, page.complete),
            (vec![], Revision::ZERO, true)
        );
    }
}

pub(super) async fn a_quiet_batch_leaves_the_revision_alone(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let quiet = key(QUIET, "q");
    let quiet_batches = || {
        [
            batch(),
            batch().put(&quiet, "v"),
            batch().put(&quiet, "w").put(&key(QUIET, "r"), "v"),
            batch().delete(&quiet),
            batch().delete(&key(QUIET, "nowhere")),
        ]
    };
    let mut index = 0;
    for graph_commits in [0, 1] {
        if graph_commits == 1 {
            committed(&*store, batch().put(&key(GRAPH, "g"), "v")).await;
        }
        let now = store.read(&[]).await.unwrap().revision;
        assert_eq!(now.number(), graph_commits);
        for quiet_batch in quiet_batches() {
            let event = sealed(log(1), index, 100 + index);
            index += 1;
            assert_eq!(
                committed(&*store, quiet_batch.event(&event)).await.revision,
                now
            );
            assert_eq!(store.read(&[]).await.unwrap().revision, now);
        }
    }
    // To expect something of the graph is not to touch it.
    let now = store.read(&[]).await.unwrap().revision;
    let asked = batch().absent(&key(GRAPH, "nowhere")).put(&quiet, "v");
    assert_eq!(committed(&*store, asked).await.revision, now);
}

pub(super) async fn a_graph_batch_adds_exactly_one(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    let (one, two, quiet) = (key(GRAPH, "one"), key(OTHER, "two"), key(QUIET, "q"));
    let batches = |round: u64| -> Vec<Batch> {
        vec![
            batch().put(&one, "v"),
            batch().put(&one, "v"),
            batch().put(&one, "w").put(&two, "w"),
            batch().put(&two, "x").delete(&one).put(&quiet, "v"),
            batch().delete(&two).event(&sealed(log(1), round, 100)),
            // It counts whether or not there was anything to delete.
            batch().delete(&two),
        ]
    };
    let mut number = 0;
    for round in 0..3 {
        for batch in batches(round) {
            refused(&*store, batch.clone().version(&quiet, Version::from_u64(0))).await;
            number += 1;
            let revision = committed(&*store, batch).await.revision;
            assert_eq!(revision.number(), number, "not one more than before");
            assert_eq!(store.read(&[]).await.unwrap().revision, revision);
            assert_eq!(store.health().await.unwrap().revision, revision);
            assert_eq!(store.scan(QUIET, ALL, 1).await.unwrap().revision, revision);
        }
        let before = store.read(&[]).await.unwrap().revision;
        drop(store);
        store = harness.reopen().await;
        assert_eq!(
            store.read(&[]).await.unwrap().revision,
            before,
            "after reopening"
        );
    }
}

/// The tag tells apart two histories that reached the same number, also where they began as one: so
/// it is drawn anew with each commit, not once for a store.
pub(super) async fn every_revision_has_a_tag_of_its_own(harness: &mut dyn Harness) {
    let mut tags = HashSet::new();
    for _ in 0..3 {
        let mut store = harness.fresh().await;
        for number in 1..=4 {
            let revision = committed(&*store, batch().put(&key(GRAPH, "k"), "v"))
                .await
                .revision;
            assert_eq!(revision.number(), number);
            assert!(
                tags.insert(revision.tag()),
                "the tag of {revision:?} was there before"
            );
            if number == 2 {
                drop(store);
                store = harness.reopen().await;
            }
        }
    }
}
