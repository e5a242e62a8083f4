//! Which revisions the feed reaches back to, and which commits make up a page.

use kavach_store::{Revision, StoreErrorKind};

use super::{Collector, Commit, Row, after, end};
use crate::error::Failure;
use crate::limits::PAGE_BYTES_MAX;

/// Commits with these numbers and tags, of two changes each.
fn commits(list: &[(u64, u64)]) -> Vec<Commit> {
    let commit = |(number, tag): &(u64, u64)| Commit {
        revision: Revision::new(*number, *tag),
        changes: 2,
    };
    list.iter().map(commit).collect()
}

#[track_caller]
fn check_after(asked: (u64, u64), kept: &[(u64, u64)], want: Result<usize, StoreErrorKind>) {
    let newest = Revision::new(9, 90);
    let found = match after(Revision::new(asked.0, asked.1), &commits(kept), newest) {
        Ok(rest) => Ok(rest.len()),
        Err(Failure::Known(error)) => Err(error.kind().clone()),
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(found, want);
}

#[test]
fn what_the_feed_forgot_is_told_from_what_never_was() {
    use StoreErrorKind::{Compacted, UnknownRevision};

    check_after((5, 50), &[(7, 70), (8, 80), (9, 90)], Err(Compacted));
    check_after((0, 0), &[(7, 70), (8, 80), (9, 90)], Err(Compacted));
    check_after((0, 1), &[(7, 70)], Err(UnknownRevision));
    check_after((0, 1), &[(1, 10)], Err(UnknownRevision));
    check_after((7, 71), &[(7, 70), (8, 80), (9, 90)], Err(UnknownRevision));
    check_after((9, 91), &[(9, 90)], Err(UnknownRevision));
    check_after((10, 100), &[], Err(UnknownRevision));
}

#[test]
fn the_feed_goes_on_behind_what_it_knows() {
    check_after((0, 0), &[(1, 10), (2, 20)], Ok(2));
    check_after((7, 70), &[(7, 70), (8, 80), (9, 90)], Ok(2));
    check_after((8, 80), &[(8, 80), (9, 90)], Ok(1));
}

#[test]
fn a_page_holds_whole_commits_and_one_at_least() {
    let all = commits(&[(4, 40), (5, 50), (6, 60)]);
    let base = Revision::new(3, 30);
    for (size, want) in [(1, 4), (2, 4), (3, 4), (4, 5), (5, 5), (6, 6), (7, 6)] {
        assert_eq!(end(base, &all, size).unwrap().number(), want, "size {size}");
    }
    assert_eq!(end(base, &[], 5).unwrap(), base);
}

#[test]
fn a_gap_is_damage() {
    for gap in [&[(5, 50)][..], &[(4, 40), (6, 60)]] {
        let error = end(Revision::new(3, 30), &commits(gap), 10).unwrap_err();
        let Failure::Known(error) = error else {
            panic!("{error:?}");
        };
        assert_eq!(*error.kind(), StoreErrorKind::Corrupt);
    }
}

#[test]
fn a_page_that_is_too_long_ends_with_a_whole_commit() {
    let row = |number, bytes| Row {
        revision: Revision::new(number, 0),
        space: "space".to_owned(),
        key: vec![1],
        version: Some(1),
        bytes: Some(vec![0; bytes]),
    };
    let mut page = Collector::new(Revision::ZERO);
    assert!(page.take(row(1, PAGE_BYTES_MAX)).unwrap());
    assert!(page.take(row(1, 10)).unwrap(), "the commit was cut");
    assert!(!page.take(row(2, 1)).unwrap(), "another commit was taken");
    let page = page.page(Revision::new(2, 0));
    assert_eq!(page.changes.len(), 2);
    assert_eq!(page.revision.number(), 1);
    assert!(!page.complete);
}
