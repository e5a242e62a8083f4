//! Reads: several keys, one snapshot.

use tokio::task::JoinHandle;

use crate::conformance::fixture::{
    Compose, GRAPH, OTHER, QUIET, batch, bytes, committed, handle, key, numbered, record, scale,
};
use crate::conformance::harness::Harness;
use crate::limits::KEY_BYTES_MAX;
use crate::store::{Record, Store};

pub(super) async fn a_read_answers_in_the_order_asked(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let names = ["d", "a", "missing", "c", "b", "a", "absent"];
    for (name, space) in [("a", GRAPH), ("b", QUIET), ("c", OTHER), ("d", QUIET)] {
        committed(&*store, batch().put(&key(space, name), name)).await;
    }
    let keys: Vec<_> = names
        .iter()
        .map(|name| {
            let space = match *name {
                "a" => GRAPH,
                "c" => OTHER,
                _ => QUIET,
            };
            key(space, name)
        })
        .collect();
    let snapshot = store.read(&keys).await.unwrap();
    let found: Vec<Option<Vec<u8>>> = snapshot
        .records
        .into_iter()
        .map(|found| found.map(|record| record.bytes))
        .collect();
    let want = ["d", "a", "", "c", "b", "a", ""]
        .map(|name| (!name.is_empty()).then(|| name.as_bytes().to_vec()));
    assert_eq!(found, want);

    // The same bytes in another space are another key.
    assert_eq!(bytes(&*store, &key(OTHER, "a")).await, None);
    let empty = store.read(&[]).await.unwrap();
    assert!(empty.records.is_empty());
    assert_eq!(empty.revision, snapshot.revision);
}

/// A writer moves three records in step; whoever reads them must never see them out of step, nor
/// beside another revision.
pub(super) async fn a_read_is_one_snapshot(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    let reads = scale(100, 5000);
    let readers: Vec<_> = (0..4)
        .map(|reader| {
            let store = handle(&handles, reader);
            tokio::spawn(async move {
                for _ in 0..reads {
                    check_in_step(&*store).await;
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();

    let [left, right, count] = in_step();
    let mut round = 0;
    while !readers.iter().all(JoinHandle::is_finished) {
        round += 1;
        let text = round.to_string();
        let batch = match round % 5 {
            0 => batch().delete(&left).delete(&right).put(&count, text),
            _ => batch()
                .put(&left, &text)
                .put(&right, &text)
                .put(&count, text),
        };
        committed(&*handles[round % 2], batch).await;
        tokio::task::yield_now().await;
    }
    for reader in readers {
        reader.await.expect("a reader saw half a commit");
    }
}

fn in_step() -> [crate::Key; 3] {
    [key(GRAPH, "left"), key(OTHER, "right"), key(QUIET, "count")]
}

async fn check_in_step(store: &dyn Store) {
    let snapshot = store.read(&in_step()).await.unwrap();
    let number = |record: &Option<Record>| -> Option<u64> {
        Some(
            str::from_utf8(&record.as_ref()?.bytes)
                .unwrap()
                .parse()
                .unwrap(),
        )
    };
    let [left, right, count] = &snapshot.records[..] else {
        panic!("three keys, and {} records", snapshot.records.len());
    };
    let count = number(count).unwrap_or(0);
    let pair = (count % 5 != 0).then_some(count);
    assert_eq!(
        (number(left), number(right)),
        (pair, pair),
        "half of commit {count} shows"
    );
    // Every commit touched the graph, so it has the number of its revision.
    assert_eq!(
        snapshot.revision.number(),
        count,
        "the records are not of this revision"
    );
}

pub(super) async fn a_read_reflects_what_was_committed_before(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    for round in 0..scale(40, 1000) {
        let (writer, reader) = (handle(&handles, round), handle(&handles, round + 1));
        let key = numbered(if round % 3 == 0 { GRAPH } else { QUIET }, "key", round % 7);
        let put = committed(&*writer, batch().put(&key, round.to_string())).await;
        let found = record(&*reader, &key)
            .await
            .expect("the record is there at once");
        assert_eq!(
            found,
            Record {
                bytes: round.to_string().into_bytes(),
                version: put.version
            }
        );
        assert_eq!(reader.read(&[]).await.unwrap().revision, put.revision);
        if round % 5 == 0 {
            committed(&*writer, batch().delete(&key)).await;
            assert_eq!(
                record(&*reader, &key).await,
                None,
                "the record is gone at once"
            );
        }
    }
}

pub(super) async fn nothing_lies_under_a_key_of_the_wrong_length(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let longest = key(QUIET, [7; KEY_BYTES_MAX]);
    committed(
        &*store,
        batch()
            .put(&longest, "longest")
            .put(&key(QUIET, [0]), "shortest"),
    )
    .await;
    let keys = [
        key(QUIET, []),
        key(QUIET, [7; KEY_BYTES_MAX + 1]),
        longest,
        key(QUIET, [0]),
    ];
    let found = store.read(&keys).await.unwrap().records;
    let there: Vec<bool> = found.iter().map(Option::is_some).collect();
    assert_eq!(there, [false, false, true, true]);
}
