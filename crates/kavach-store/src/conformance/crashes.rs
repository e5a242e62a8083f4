//! Reopening and crashing: what `Ok` is worth.

use std::collections::HashSet;

use kavach_audit::Query;

use crate::conformance::fixture::{
    ALL, Compose, GRAPH, OTHER, QUIET, batch, changes, committed, events, key, log, numbered,
    scale, scan, sealed,
};
use crate::conformance::harness::Harness;
use crate::conformance::photo::Photo;
use crate::store::Store;
use crate::{Batch, Key, Revision};

pub(super) async fn what_was_acknowledged_survives_reopening(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    for round in 0..4_u64 {
        let number = round as usize;
        let everything = batch()
            .put(&numbered(GRAPH, "k", number), format!("graph {round}"))
            .put(&key(OTHER, "same"), format!("other {round}"))
            .put(&numbered(QUIET, "k", number), format!("quiet {round}"))
            .delete(&numbered(GRAPH, "k", number.wrapping_sub(2)))
            .event(&sealed(log(1), round, 100 + round))
            .event(&sealed(log(2), round, 100 + round));
        committed(&*store, everything).await;
        committed(&*store, batch().put(&key(QUIET, "last"), round.to_string())).await;
        let before = Photo::of(&*store).await;
        drop(store);
        store = harness.reopen().await;
        assert_eq!(
            Photo::of(&*store).await,
            before,
            "the store is not what it was"
        );
    }
}

/// The batches that a crash falls into. Each overwrites, creates and deletes, in every space, and
/// leaves two events.
fn doomed(number: usize) -> Batch {
    batch()
        .put(&numbered(GRAPH, "new", number), "v".repeat(100))
        .put(&numbered(GRAPH, "old", number), "new")
        .put(&numbered(OTHER, "new", number), "v")
        .put(&numbered(QUIET, "new", number), "v".repeat(5000))
        .delete(&numbered(QUIET, "old", number))
        .event(&sealed(log(1), 1 + number as u64, 100))
        .event(&sealed(log(2), number as u64, 100))
}

const DOOMED: usize = 3;

/// The records that a doomed batch touches.
type Touched<'a> = [Option<&'a [u8]>; 5];

/// Whether the batch landed; it panics if only a part did.
async fn landed(store: &dyn Store, number: usize) -> bool {
    let keys: [Key; 5] = [
        numbered(GRAPH, "new", number),
        numbered(GRAPH, "old", number),
        numbered(OTHER, "new", number),
        numbered(QUIET, "new", number),
        numbered(QUIET, "old", number),
    ];
    let records = store.read(&keys).await.unwrap().records;
    let found: Vec<Option<&[u8]>> = records
        .iter()
        .map(|found| found.as_ref().map(|found| &found.bytes[..]))
        .collect();
    let new = "v".repeat(5000);
    let (before, after): (Touched<'_>, Touched<'_>) = (
        [None, Some(b"old"), None, None, Some(b"old")],
        [
            Some(&new.as_bytes()[..100]),
            Some(b"new"),
            Some(b"v"),
            Some(new.as_bytes()),
            None,
        ],
    );
    let recorded = events(store, &Query::default(), 100).await;
    let wanted = doomed(number).events;
    let recorded: Vec<bool> = wanted
        .iter()
        .map(|event| recorded.contains(event))
        .collect();
    if found == after {
        assert_eq!(
            recorded,
            [true, true],
            "records survived without their events"
        );
        return true;
    }
    assert_eq!(found, before, "half of batch {number} survived");
    assert_eq!(
        recorded,
        [false, false],
        "events survived without their records"
    );
    false
}

pub(super) async fn a_crash_halves_nothing_and_loses_nothing_acknowledged(
    harness: &mut dyn Harness,
) {
    let mut unacknowledged = false;
    for moment in 0..scale(64, 4096) as u64 {
        let store = harness.fresh().await;
        let mut old = batch().event(&sealed(log(1), 0, 99));
        for number in 0..DOOMED {
            old = old.put(&numbered(GRAPH, "old", number), "old");
            old = old.put(&numbered(QUIET, "old", number), "old");
        }
        let old = committed(&*store, old).await;
        drop(store);

        let killed = harness
            .kill_mid_commit((0..DOOMED).map(doomed).collect(), moment)
            .await;
        let mut store = killed.store;
        for reopened in [false, true] {
            if reopened {
                drop(store);
                store = harness.reopen().await;
            }
            let mut survived = 0;
            for number in 0..DOOMED {
                let landed = landed(&*store, number).await;
                let acknowledged = number < killed.acknowledged;
                assert!(
                    landed || !acknowledged,
                    "batch {number} was acknowledged and is gone"
                );
                survived += u64::from(landed);
            }
            check_history(&*store, old.revision, survived).await;
        }
        // Life goes on, with a version that nobody has.
        let mut versions = HashSet::from([old.version]);
        for space in [GRAPH, OTHER, QUIET] {
            versions.extend(
                scan(&*store, space, ALL, 100)
                    .await
                    .iter()
                    .map(|(_, found)| found.version),
            );
        }
        let later = committed(&*store, batch().put(&key(GRAPH, "later"), "v")).await;
        assert!(
            !versions.contains(&later.version),
            "a version was used again after a crash"
        );

        if killed.acknowledged == DOOMED {
            assert!(
                unacknowledged,
                "the harness kills nothing: moment {moment} is the first it tried"
            );
            return;
        }
        unacknowledged = true;
    }
}

/// One revision for each batch that survived, each with its three changes.
async fn check_history(store: &dyn Store, base: Revision, survived: u64) {
    let (listed, revision) = changes(store, base, 100).await;
    assert_eq!(
        revision.number(),
        base.number() + survived,
        "revisions do not fit what survived"
    );
    let numbers: Vec<u64> = listed
        .iter()
        .map(|change| change.revision.number())
        .collect();
    let want: Vec<u64> = (base.number() + 1..=revision.number())
        .flat_map(|number| [number; 3])
        .collect();
    assert_eq!(numbers, want, "the feed does not fit what survived");
    assert_eq!(store.health().await.unwrap().events, 1 + 2 * survived);
}
