//! Batches: expectations, conflicts, and what is no batch.

use crate::conformance::dice::Dice;
use crate::conformance::fixture::{
    ALL, Compose, GRAPH, OTHER, QUIET, batch, bytes, committed, key, log, numbered, record,
    refused, scale, scan, sealed,
};
use crate::conformance::harness::Harness;
use crate::conformance::photo::Photo;
use crate::limits::{KEY_BYTES_MAX, NUMBER_MAX, RECORD_BYTES_MAX};
use crate::{Batch, Space, StoreErrorKind, Version};

fn conflict(failed: &[usize]) -> StoreErrorKind {
    StoreErrorKind::Conflict(failed.to_vec())
}

pub(super) async fn an_expectation_decides(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    for space in [GRAPH, QUIET] {
        let (there, nowhere, target) =
            (key(space, "there"), key(space, "nowhere"), key(space, "to"));
        let version = committed(&*store, batch().put(&there, "v")).await.version;
        let wrong = committed(&*store, batch().put(&target, "0")).await.version;

        for refused_batch in [
            batch().absent(&there),
            batch().version(&there, wrong),
            batch().version(&nowhere, version),
            batch().version(&there, Version::from_u64(0)),
            batch().version(&there, Version::from_u64(NUMBER_MAX)),
        ] {
            let refused = refused(&*store, refused_batch.put(&target, "written")).await;
            assert_eq!(refused, conflict(&[0]));
            assert_eq!(bytes(&*store, &target).await.unwrap(), b"0");
        }
        for fine in [
            batch().version(&there, version),
            batch().absent(&nowhere),
            batch(),
        ] {
            committed(&*store, fine.put(&target, "1")).await;
            assert_eq!(bytes(&*store, &target).await.unwrap(), b"1");
        }
        // With nothing to write it is a question, and the answer is right.
        committed(&*store, batch().version(&there, version).absent(&nowhere)).await;
        assert_eq!(
            refused(&*store, batch().absent(&there)).await,
            conflict(&[0])
        );
    }
}

pub(super) async fn an_expectation_is_about_the_state_before(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let key = key(QUIET, "k");
    let created = committed(&*store, batch().absent(&key).put(&key, "1"))
        .await
        .version;
    assert_eq!(
        refused(&*store, batch().absent(&key).put(&key, "2")).await,
        conflict(&[0])
    );
    let updated = committed(&*store, batch().version(&key, created).put(&key, "2"))
        .await
        .version;
    assert_eq!(
        refused(&*store, batch().absent(&key).delete(&key)).await,
        conflict(&[0])
    );
    committed(&*store, batch().version(&key, updated).delete(&key)).await;
    assert_eq!(
        refused(&*store, batch().version(&key, updated).put(&key, "3")).await,
        conflict(&[0])
    );
    assert_eq!(record(&*store, &key).await, None);
}

pub(super) async fn a_conflict_names_every_failed_expectation(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let there: Vec<_> = (0..8)
        .map(|number| numbered(GRAPH, "there", number))
        .collect();
    let nowhere: Vec<_> = (0..8)
        .map(|number| numbered(QUIET, "nowhere", number))
        .collect();
    let put = there.iter().fold(batch(), |batch, key| batch.put(key, "v"));
    let version = committed(&*store, put).await.version;
    let stale = committed(&*store, batch().put(&key(OTHER, "k"), "v"))
        .await
        .version;

    let mut dice = Dice::new(11);
    for _ in 0..scale(40, 2000) {
        let mut asked = batch().put(&key(OTHER, "written"), "v");
        let mut failed = Vec::new();
        for place in 0..dice.below(12) {
            let (there, nowhere) = (dice.pick(&there), dice.pick(&nowhere));
            asked = match dice.below(5) {
                0 => asked.version(there, version),
                1 => asked.absent(nowhere),
                wrong => {
                    failed.push(place);
                    match wrong {
                        2 => asked.version(there, stale),
                        3 => asked.version(nowhere, version),
                        _ => asked.absent(there),
                    }
                }
            };
        }
        if failed.is_empty() {
            committed(&*store, asked).await;
        } else {
            let found = refused(&*store, asked.clone()).await;
            assert_eq!(found, conflict(&failed), "{:?}", asked.expectations);
        }
    }
}

pub(super) async fn a_conflict_writes_nothing(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    let (kept, other) = (key(GRAPH, "kept"), key(QUIET, "other"));
    let first = sealed(log(1), 0, 100);
    let version = committed(
        &*store,
        batch().put(&kept, "v").put(&other, "v").event(&first),
    )
    .await
    .version;
    let before = Photo::of(&*store).await;
    let writes = || {
        batch()
            .put(&key(GRAPH, "new"), "v")
            .put(&key(OTHER, "new"), "v")
            .put(&key(QUIET, "new"), "v")
            .put(&other, "overwritten")
            .delete(&kept)
            .event(&sealed(log(1), 1, 101))
            .event(&sealed(log(2), 0, 99))
    };
    let stale = Version::from_u64(version.as_u64() + 1000);
    let cases = [
        (writes().absent(&kept), conflict(&[0])),
        (
            writes().version(&kept, version).version(&other, stale),
            conflict(&[1]),
        ),
        (
            writes().version(&key(QUIET, "nowhere"), version),
            conflict(&[0]),
        ),
        // The event is the only thing in the way, and no expectation is to blame.
        (
            writes().version(&kept, version).event(&first),
            conflict(&[]),
        ),
        (writes().absent(&kept).event(&first), conflict(&[0])),
        (
            writes().put(&key(QUIET, ""), "v"),
            StoreErrorKind::InvalidInput,
        ),
        (writes().delete(&other), StoreErrorKind::InvalidInput),
    ];
    for (batch, want) in cases {
        assert_eq!(refused(&*store, batch).await, want);
        assert_eq!(
            Photo::of(&*store).await,
            before,
            "a batch that ended in {want:?} wrote"
        );
    }
    drop(store);
    store = harness.reopen().await;
    assert_eq!(
        Photo::of(&*store).await,
        before,
        "a refused batch shows after reopening"
    );
    // And none of it stands in the way of the same batch, once its expectations hold.
    committed(&*store, writes().version(&kept, version)).await;
}

pub(super) async fn a_batch_that_is_not_in_order_is_refused(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let (good, other) = (key(QUIET, "good"), key(QUIET, "other"));
    committed(&*store, batch().put(&good, "v")).await;
    let before = Photo::of(&*store).await;
    let (empty, long) = (key(QUIET, ""), key(GRAPH, [7; KEY_BYTES_MAX + 1]));
    let event = sealed(log(1), 0, 100);
    let mut again = sealed(log(1), 0, 200);
    again.event.time_ns = 200;
    let cases: [(&str, Batch); 13] = [
        ("an empty key put", batch().put(&empty, "v")),
        ("an empty key deleted", batch().delete(&empty)),
        ("an empty key expected", batch().absent(&empty)),
        ("a long key put", batch().put(&long, "v")),
        ("a long key deleted", batch().delete(&long)),
        ("a long key expected", batch().absent(&long)),
        ("a key put twice", batch().put(&good, "1").put(&good, "1")),
        (
            "a key put and deleted",
            batch().put(&good, "1").delete(&good),
        ),
        ("a key deleted twice", batch().delete(&good).delete(&good)),
        ("an event twice", batch().event(&event).event(&again)),
        (
            "an event past the last index",
            batch().event(&sealed(log(1), NUMBER_MAX + 1, 100)),
        ),
        (
            "a space without a name",
            batch().put(&key(Space::quiet(""), "k"), "v"),
        ),
        (
            "a record too large",
            batch().put(&other, vec![0; RECORD_BYTES_MAX + 1]),
        ),
    ];
    for (what, case) in cases {
        // An expectation that fails does not hide it.
        let extra = key(OTHER, "extra");
        for case in [
            case.clone().put(&extra, "v"),
            case.put(&extra, "v").absent(&good),
        ] {
            let found = refused(&*store, case).await;
            assert_eq!(found, StoreErrorKind::InvalidInput, "{what}");
        }
        assert_eq!(Photo::of(&*store).await, before, "{what} was written");
    }
}

pub(super) async fn deleting_what_is_not_there_succeeds(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    for space in [QUIET, GRAPH] {
        let (gone, other) = (key(space, "gone"), key(space, "other"));
        committed(&*store, batch().delete(&gone)).await;
        committed(&*store, batch().put(&gone, "v")).await;
        committed(&*store, batch().delete(&gone)).await;
        committed(&*store, batch().delete(&gone).put(&other, "v")).await;
        assert_eq!(record(&*store, &gone).await, None);
        assert_eq!(bytes(&*store, &other).await.unwrap(), b"v");
    }
}

pub(super) async fn an_empty_batch_changes_nothing(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    committed(&*store, batch()).await;
    let put = committed(&*store, batch().put(&key(GRAPH, "k"), "v")).await;
    let before = Photo::of(&*store).await;
    assert_eq!(committed(&*store, batch()).await.revision, put.revision);
    assert_eq!(Photo::of(&*store).await, before);
}

pub(super) async fn every_byte_may_stand_in_keys_and_records(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    let mut values: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    values.extend((0..=255).map(|byte| vec![byte; 2]));
    values.extend([b"\0".to_vec(), b"\xff".to_vec()].map(|edge| edge.repeat(KEY_BYTES_MAX)));
    values.push(
        (0..KEY_BYTES_MAX)
            .map(|place| (place % 256) as u8)
            .collect(),
    );
    // Cut after a NUL, all of these would be one.
    values.extend([b"nul\0a", b"nul\0b", b"nul\0\0"].map(|text| text.to_vec()));
    for chunk in values.chunks(64) {
        let mut all = batch();
        for value in chunk {
            // A record may also be empty, which is not the same as absent.
            all = all
                .put(&key(GRAPH, value), value)
                .put(&key(QUIET, value), "");
        }
        committed(&*store, all).await;
    }
    for reopened in [false, true] {
        if reopened {
            drop(store);
            store = harness.reopen().await;
        }
        for value in &values {
            let snapshot = store
                .read(&[key(GRAPH, value), key(QUIET, value)])
                .await
                .unwrap();
            let found: Vec<_> = snapshot
                .records
                .into_iter()
                .map(|found| found.map(|found| found.bytes))
                .collect();
            assert_eq!(
                found,
                [Some(value.clone()), Some(Vec::new())],
                "{}",
                value.escape_ascii()
            );
        }
        let count = values.len();
        let distinct: std::collections::HashSet<_> = values.iter().collect();
        assert_eq!(distinct.len(), count);
        for space in [GRAPH, QUIET] {
            assert_eq!(scan(&*store, space, ALL, 100).await.len(), count);
        }
    }
}
