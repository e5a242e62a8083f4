//! The change feed: everything, in order, once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::conformance::dice::Dice;
use crate::conformance::fixture::{
    Compose, GRAPH, OTHER, QUIET, batch, changes, committed, handle, key, log, numbered, race,
    refused, scale, sealed,
};
use crate::conformance::follower::Follower;
use crate::conformance::harness::Harness;
use crate::limits::FEED_CHANGES_MIN;
use crate::store::Store;
use crate::{Revision, StoreErrorKind};

/// What the feed lists: the number of the commit, space, key, and the bytes there now.
async fn listed(store: &dyn Store, after: Revision) -> Vec<(u64, String, String, Option<String>)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (changes, _) = changes(store, after, 100).await;
    let listed = changes.into_iter().map(|change| {
        let now = change.record.map(|record| text(record.bytes));
        (
            change.revision.number(),
            change.space,
            text(change.key),
            now,
        )
    });
    listed.collect()
}

pub(super) async fn the_feed_lists_each_commit_once_in_order(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let (a, b, c) = (key(GRAPH, "a"), key(GRAPH, "b"), key(OTHER, "c"));
    let mut revisions = vec![Revision::ZERO];
    for batch in [
        // Neither the order of the batch nor puts before deletes: space, then key.
        batch().put(&c, "1").put(&b, "1").put(&a, "1"),
        batch().put(&c, "2").delete(&a),
        batch().delete(&key(GRAPH, "nowhere")),
        batch().put(&a, "4").delete(&b),
    ] {
        refused(
            &*store,
            batch
                .clone()
                .version(&key(QUIET, "x"), crate::Version::from_u64(1)),
        )
        .await;
        committed(
            &*store,
            crate::Batch::default().put(&key(QUIET, "q"), "between"),
        )
        .await;
        revisions.push(committed(&*store, batch).await.revision);
    }
    let want = [
        (1, "kit_graph", "a", Some("4")),
        (1, "kit_graph", "b", None),
        (1, "kit_other", "c", Some("2")),
        (2, "kit_graph", "a", Some("4")),
        (2, "kit_other", "c", Some("2")),
        (3, "kit_graph", "nowhere", None),
        (4, "kit_graph", "a", Some("4")),
        (4, "kit_graph", "b", None),
    ]
    .map(|(number, space, key, now)| {
        (
            number,
            space.to_owned(),
            key.to_owned(),
            now.map(str::to_owned),
        )
    });
    for after in revisions {
        let want: Vec<_> = want
            .iter()
            .filter(|change| change.0 > after.number())
            .cloned()
            .collect();
        assert_eq!(listed(&*store, after).await, want, "after {after:?}");
    }
}

pub(super) async fn the_feed_shows_values_as_they_are_now(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let key = key(GRAPH, "k");
    committed(&*store, batch().put(&key, "old")).await;
    let page = store.changes(Revision::ZERO, 10).await.unwrap();
    assert_eq!(page.changes[0].record.as_ref().unwrap().bytes, b"old");
    let new = committed(&*store, batch().put(&key, "new")).await;
    let page = store.changes(Revision::ZERO, 10).await.unwrap();
    for change in &page.changes {
        let record = change.record.as_ref().unwrap();
        assert_eq!(
            (&record.bytes[..], record.version),
            (&b"new"[..], new.version)
        );
    }
    committed(&*store, batch().delete(&key)).await;
    let page = store.changes(Revision::ZERO, 10).await.unwrap();
    assert_eq!(page.changes.len(), 3);
    assert!(
        page.changes.iter().all(|change| change.record.is_none()),
        "a deleted value shows"
    );
}

pub(super) async fn pages_of_the_feed_hold_whole_commits(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    for (number, size) in [1, 5, 2, 2, 9, 1, 1, 1, 3].into_iter().enumerate() {
        let write = |batch: crate::Batch, place: usize| {
            let space = if place.is_multiple_of(2) {
                GRAPH
            } else {
                OTHER
            };
            batch.put(
                &numbered(space, "k", number * 10 + place),
                number.to_string(),
            )
        };
        committed(&*store, (0..size).fold(batch(), write)).await;
    }
    for limit in [1, 2, 3, 4, 5, 9, 10, 24, 25, 26, usize::MAX] {
        let mut follower = Follower::new();
        follower.catch_up(&*store, limit).await;
        assert_eq!(follower.seen.len(), 9, "limit {limit}");
        follower.check_state(&*store, &[GRAPH, OTHER]).await;
    }
    let page = store.changes(Revision::ZERO, 1000).await.unwrap();
    let nothing = store.changes(page.revision, 1).await.unwrap();
    assert_eq!(
        (nothing.changes, nothing.revision, nothing.complete),
        (vec![], page.revision, true)
    );
}

/// Writers move pairs of records in step; followers with small pages must see every commit once, and
/// no pair out of step wherever the feed says that it is complete.
pub(super) async fn the_feed_has_no_gaps_under_concurrent_writers(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    let done = Arc::new(AtomicBool::new(false));
    let followers: Vec<_> = [3, 7]
        .into_iter()
        .map(|limit| {
            let (store, done) = (handle(&handles, limit), done.clone());
            tokio::spawn(async move {
                let mut follower = Follower::new();
                loop {
                    let last = done.load(Ordering::Acquire);
                    if follower.page(&*store, limit).await {
                        check_pairs(&follower);
                        if last {
                            return follower;
                        }
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();

    let (writers, rounds) = (8, scale(20, 400));
    let acknowledged = race(writers, |writer| {
        let store = handle(&handles, writer);
        async move {
            let mut dice = Dice::new(writer as u64);
            let mut acknowledged = Vec::new();
            for round in 0..rounds {
                let pair = dice.below(5);
                let (left, right) = (numbered(GRAPH, "pair", pair), numbered(OTHER, "pair", pair));
                let value = format!("{writer}/{round}");
                let batch = match dice.below(4) {
                    0 => batch().delete(&left).delete(&right),
                    1 => batch()
                        .put(&left, &value)
                        .put(&right, &value)
                        .put(&key(QUIET, "q"), &value),
                    _ => batch().put(&left, &value).put(&right, &value),
                };
                acknowledged.push(committed(&*store, batch).await.revision);
                committed(
                    &*store,
                    crate::Batch::default().put(&key(QUIET, "q"), "between"),
                )
                .await;
            }
            acknowledged
        }
    })
    .await;
    done.store(true, Ordering::Release);

    let tags: BTreeMap<u64, Revision> = acknowledged
        .into_iter()
        .flatten()
        .map(|revision| (revision.number(), revision))
        .collect();
    let want: Vec<Revision> = tags.into_values().collect();
    assert_eq!(want.len(), writers * rounds, "two commits had one revision");
    for follower in followers {
        let follower = follower.await.expect("a follower saw a gap");
        assert_eq!(
            follower.seen, want,
            "the feed lists other revisions than commit answered"
        );
        follower.check_state(&*handles[0], &[GRAPH, OTHER]).await;
    }
}

fn check_pairs(follower: &Follower) {
    for pair in 0..5 {
        let side = |space: crate::Space| {
            let place = (space.name().to_owned(), format!("pair/{pair}").into_bytes());
            follower.state.get(&place).map(|record| &record.bytes)
        };
        assert_eq!(
            side(GRAPH),
            side(OTHER),
            "a complete page leaves pair {pair} out of step"
        );
    }
}

pub(super) async fn quiet_records_stay_out_of_the_feed(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let (graph, quiet) = (key(GRAPH, "k"), key(QUIET, "k"));
    let event = sealed(log(1), 0, 100);
    committed(&*store, batch().put(&quiet, "v").event(&event)).await;
    assert_eq!(listed(&*store, Revision::ZERO).await, []);
    committed(&*store, batch().put(&quiet, "w").put(&graph, "v")).await;
    committed(&*store, batch().delete(&quiet)).await;
    let want = (
        1,
        "kit_graph".to_owned(),
        "k".to_owned(),
        Some("v".to_owned()),
    );
    assert_eq!(listed(&*store, Revision::ZERO).await, [want]);
}

/// A replica that lost commits and went on has the same numbers and other tags.
pub(super) async fn a_revision_that_never_was_is_unknown(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    let mut known = vec![Revision::ZERO];
    for number in 0..3 {
        let batch = batch().put(&numbered(GRAPH, "k", number), "v");
        known.push(committed(&*store, batch).await.revision);
    }
    for reopened in [false, true] {
        if reopened {
            drop(store);
            store = harness.reopen().await;
        }
        for &revision in &known {
            let page = store
                .changes(revision, 10)
                .await
                .expect("a revision that was is known");
            assert_eq!(page.changes.len() as u64, 3 - revision.number());
            let tag = revision.tag();
            let strangers = [
                Revision::new(revision.number(), tag ^ 1),
                Revision::new(revision.number(), tag ^ 1 << 63),
                Revision::new(revision.number() + 1, tag),
                Revision::new(4, tag),
                Revision::new(u64::MAX, tag),
                Revision::new(1 << 63, tag),
            ];
            for stranger in strangers {
                let error = store
                    .changes(stranger, 10)
                    .await
                    .expect_err("a stranger was accepted");
                assert_eq!(
                    *error.kind(),
                    StoreErrorKind::UnknownRevision,
                    "{stranger:?}: {error}"
                );
            }
        }
        let error = store
            .changes(Revision::new(2, 0), 10)
            .await
            .expect_err("no tag was accepted");
        assert_eq!(*error.kind(), StoreErrorKind::UnknownRevision);
    }
}

pub(super) async fn the_feed_survives_reopening(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    let mut follower = Follower::new();
    for round in 0..6 {
        let write = batch()
            .put(&numbered(GRAPH, "k", round), "v")
            .put(&key(OTHER, "same"), round.to_string())
            .delete(&numbered(GRAPH, "k", round / 2));
        // In the first round that would be the same key twice.
        let write = if round == 0 {
            batch().put(&key(OTHER, "same"), "first")
        } else {
            write
        };
        committed(&*store, write).await;
        if round % 2 == 0 {
            drop(store);
            store = harness.reopen().await;
        }
        follower.page(&*store, 2).await;
    }
    follower.catch_up(&*store, 2).await;
    assert_eq!(follower.seen.len(), 6);
    follower.check_state(&*store, &[GRAPH, OTHER]).await;
    let mut again = Follower::new();
    again.catch_up(&*store, 100).await;
    assert_eq!(
        again.seen, follower.seen,
        "the tags of old revisions changed"
    );
    again.check_state(&*store, &[GRAPH, OTHER]).await;
}

pub(super) async fn the_feed_reaches_back_far_enough(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let first = committed(&*store, batch().put(&key(GRAPH, "first"), "v"))
        .await
        .revision;
    let size = 256;
    for round in 0..FEED_CHANGES_MIN / size {
        let write =
            |batch: crate::Batch, number: usize| batch.put(&numbered(GRAPH, "k", number), "v");
        committed(
            &*store,
            (round * size..(round + 1) * size).fold(batch(), write),
        )
        .await;
    }
    let (changes, _) = changes(&*store, first, 1000).await;
    assert_eq!(changes.len(), FEED_CHANGES_MIN);
}
