//! Large records, large batches.

use crate::conformance::dice::Dice;
use crate::conformance::fixture::{
    ALL, Compose, GRAPH, OTHER, QUIET, batch, bytes, changes, committed, key, log, numbered,
    refused, scan, sealed,
};
use crate::conformance::harness::Harness;
use crate::conformance::photo::Photo;
use crate::limits::RECORD_BYTES_MAX;
use crate::{Batch, Revision, StoreErrorKind};

pub(super) async fn a_large_record_comes_back(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    let mut dice = Dice::new(31);
    let sizes = [
        0,
        1,
        4095,
        4096,
        65_535,
        65_536,
        1024 * 1024,
        RECORD_BYTES_MAX,
    ];
    let values: Vec<Vec<u8>> = sizes
        .map(|size| (0..size).map(|_| dice.roll().to_le_bytes()[0]).collect())
        .into();
    for (number, value) in values.iter().enumerate() {
        let space = if number % 2 == 0 { GRAPH } else { QUIET };
        committed(
            &*store,
            batch().put(&numbered(space, "large", number), value),
        )
        .await;
    }
    for reopened in [false, true] {
        if reopened {
            drop(store);
            store = harness.reopen().await;
        }
        for (number, value) in values.iter().enumerate() {
            let space = if number % 2 == 0 { GRAPH } else { QUIET };
            let found = bytes(&*store, &numbered(space, "large", number))
                .await
                .unwrap();
            assert!(
                found == *value,
                "a record of {} bytes came back changed",
                value.len()
            );
        }
        assert_eq!(scan(&*store, GRAPH, ALL, 10).await.len(), values.len() / 2);
    }
}

pub(super) async fn a_large_batch_lands_whole(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let size = 5_000;
    let large = |value: &str| -> Batch {
        let write = |batch: Batch, number: usize| {
            let space = [GRAPH, OTHER, QUIET, QUIET][number % 4];
            batch.put(&numbered(space, "k", number), value)
        };
        (0..size).fold(batch(), write)
    };
    // Events too, as many as a committer merges.
    let first = (0..1_000).fold(large("1"), |batch, index| {
        batch.event(&sealed(log(1), index, 100))
    });
    let first = committed(&*store, first).await;
    assert_eq!(first.revision.number(), 1);
    let second = committed(&*store, large("2")).await;
    assert_eq!(second.revision.number(), 2);
    let (listed, _) = changes(&*store, first.revision, 100).await;
    assert_eq!(listed.len(), size / 2);
    let before = Photo::of(&*store).await;
    assert_eq!(before.records.values().map(Vec::len).sum::<usize>(), size);
    assert!(
        before
            .records
            .values()
            .flatten()
            .all(|(_, found)| found.version == second.version)
    );
    assert_eq!(before.events.len(), 1_000);

    // One expectation of five thousand fails, and nothing of it is there.
    let expecting = (0..size).fold(batch(), |batch, number| {
        let space = [GRAPH, OTHER, QUIET, QUIET][number % 4];
        let version = if number == 4_321 {
            first.version
        } else {
            second.version
        };
        batch.version(&numbered(space, "k", number), version)
    });
    let third = Batch {
        puts: large("3").puts,
        ..expecting
    };
    assert_eq!(
        refused(&*store, third).await,
        StoreErrorKind::Conflict(vec![4_321])
    );
    assert_eq!(Photo::of(&*store).await, before);

    let gone = Batch {
        deletes: before_keys(size),
        ..Batch::default()
    };
    committed(&*store, gone.put(&key(GRAPH, "last"), "v")).await;
    let after = Photo::of(&*store).await;
    assert_eq!(after.records.values().map(Vec::len).sum::<usize>(), 1);
    let (listed, _) = changes(&*store, Revision::ZERO, usize::MAX).await;
    assert_eq!(listed.len(), size / 2 * 3 + 1);
}

fn before_keys(size: usize) -> Vec<crate::Key> {
    (0..size)
        .map(|number| numbered([GRAPH, OTHER, QUIET, QUIET][number % 4], "k", number))
        .collect()
}
