use kavach_core::TenantId;

use super::*;

const SPACE: Space = Space::quiet("test");

/// A part that expects, writes and deletes what these words name.
fn part(expects: &str, puts: &str, deletes: &str) -> Part {
    let keys = |words: &str| -> Vec<Key> {
        words
            .split_whitespace()
            .map(|word| Key::new(SPACE, word.as_bytes()))
            .collect()
    };
    let work = Work {
        expectations: keys(expects)
            .into_iter()
            .map(|key| (key, Expect::Absent))
            .collect(),
        puts: keys(puts)
            .into_iter()
            .map(|key| (key, Vec::new()))
            .collect(),
        deletes: keys(deletes),
        ..Work::default()
    };
    Part {
        work,
        reply: oneshot::channel().0,
    }
}

#[track_caller]
fn check(parts: &[(&str, &str, &str)], want: &[usize]) {
    let parts = parts
        .iter()
        .map(|(expects, puts, deletes)| part(expects, puts, deletes));
    let mut waiting: VecDeque<Part> = parts.collect();
    let mut taken = Vec::new();
    while !waiting.is_empty() {
        taken.push(take_compatible(&mut waiting).len());
    }
    assert_eq!(taken, want);
}

#[test]
fn parts_share_a_batch_until_one_touches_what_an_earlier_one_writes() {
    check(&[], &[]);
    check(&[("", "", ""), ("", "", ""), ("", "", "")], &[3]);
    check(&[("a", "", ""), ("a", "", ""), ("a", "b", "")], &[3]);
    // Who writes what an earlier one only relies on comes after it in one batch, as it did in time.
    check(&[("a", "b", ""), ("a", "a", "")], &[2]);
    check(&[("", "a", ""), ("a", "", "")], &[1, 1]);
    check(&[("", "a", ""), ("", "a", "")], &[1, 1]);
    check(&[("", "", "a"), ("a", "", "")], &[1, 1]);
    check(&[("", "", "a"), ("", "", "a")], &[1, 1]);
    check(&[("", "a", ""), ("", "", "a"), ("", "b", "")], &[1, 2]);
    // Nobody overtakes the one that waits.
    check(
        &[("", "a", ""), ("a", "", ""), ("", "b", ""), ("b", "", "")],
        &[1, 2, 1],
    );
}

#[test]
fn a_batch_ends_before_it_touches_too_many_keys_and_one_part_is_never_too_large() {
    let many = |count: usize| {
        let words: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        words.join(" ")
    };
    let (half, all) = (many(BATCH_KEYS_MAX / 2), many(BATCH_KEYS_MAX + 1));
    check(&[(&half, "", ""), (&half, "", ""), ("a", "", "")], &[2, 1]);
    check(&[(&all, "", ""), ("a", "", "")], &[1, 1]);
    check(&[("a", "", ""), (&all, "", ""), ("a", "", "")], &[1, 1, 1]);
}

#[tokio::test]
async fn who_is_blamed_is_told_and_the_others_are_kept_in_order() {
    let (mut parts, mut answers) = (Vec::new(), Vec::new());
    for number in 0..4_u128 {
        let (reply, answer) = oneshot::channel();
        let mut work = Work::default();
        let id = kavach_core::EventId::from_u128(number);
        let (kind, outcome) = (
            kavach_audit::EventKind::Authorize,
            kavach_audit::Outcome::Deny,
        );
        let reason = kavach_core::Reason::NoGrants;
        work.events
            .push(Event::new(id, TenantId::DEFAULT, kind, outcome, reason));
        parts.push(Part { work, reply });
        answers.push(answer);
    }
    let kept = eject(parts, &HashSet::from([1, 3]));
    let ids: Vec<u128> = kept
        .iter()
        .map(|part| part.work.events[0].id.as_u128())
        .collect();
    assert_eq!(ids, [0, 2]);
    for (number, answer) in answers.iter_mut().enumerate() {
        match answer.try_recv() {
            Ok(Err(Failure::Conflict)) => assert!(number % 2 == 1),
            Err(oneshot::error::TryRecvError::Empty) => assert!(number % 2 == 0),
            other => panic!("{number}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn whoever_takes_a_call_back_and_whoever_settles_it_do_not_meet_in_one_batch() {
    use kavach_core::{EventId, Timestamp};

    let meters = Meters::shared(kavach_core::LogId::from_u128(1), 10, 60);
    let (of, now) = (EventId::from_u128(7), Timestamp::from_s(100));
    let debit = meters.debit(TenantId::DEFAULT, of, &[], now).unwrap();
    debit.has_landed();
    let key = crate::meters::reservation_key(of);
    let mut takes_back = part("", "", "");
    takes_back.work.refunds.push(debit);
    let mut settles = part("", "", "");
    settles
        .work
        .expectations
        .push((key.clone(), Expect::Absent));
    settles.work.deletes.push(key);
    let mut waiting = VecDeque::from([takes_back, settles, part("", "", "")]);
    assert_eq!(take_compatible(&mut waiting).len(), 1);
    assert_eq!(take_compatible(&mut waiting).len(), 2);
}
