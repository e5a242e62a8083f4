extern crate std;

use std::borrow::ToOwned;
use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::limits::{CHUNK_ENTRIES, LOG_ENTRIES_MAX};

const NOON_S: i64 = 1_795_262_400;

fn at(s: i64) -> Timestamp {
    Timestamp::from_s(s)
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A tally with what was counted at these seconds.
fn tally(span: Span, counted: &[(i64, u64)]) -> Tally {
    let mut tally = Tally::new(span);
    for (second, amount) in counted {
        tally.count(*amount, at(*second));
    }
    tally
}

#[track_caller]
fn check(tally: &Tally, limit: u64, amount: u64, now_s: i64, want: Room) {
    assert_eq!(
        tally.room(limit, amount, at(now_s)),
        want,
        "{tally:?} at {now_s}"
    );
}

#[test]
fn a_call_counts_from_its_second_until_its_window_is_over() {
    let calls = tally(Span::Sliding(60), &[(100, 1)]);
    for now in [100, 101, 159] {
        check(&calls, 1, 1, now, Room::From(at(160)));
        assert_eq!(calls.used(at(now)), 1);
        assert_eq!(calls.frees_at(at(now)), Some(at(160)));
    }
    check(&calls, 1, 1, 160, Room::Enough);
    assert_eq!((calls.used(at(160)), calls.frees_at(at(160))), (0, None));
}

#[test]
fn under_a_limit_of_zero_nothing_fits_and_under_any_other_nothing_does() {
    for span in [Span::Sliding(60), Span::Day, Span::Month, Span::Total] {
        let empty = Tally::new(span);
        check(&empty, 0, 0, 100, Room::Never);
        check(&empty, 0, 1, 100, Room::Never);
        check(&empty, 1, 0, 100, Room::Enough);
        check(&empty, 1, 1, 100, Room::Enough);
        check(&empty, 1, 2, 100, Room::Never);
        check(&empty, u64::MAX, u64::MAX, 100, Room::Enough);
        let full = tally(span, &[(100, 5)]);
        check(&full, 5, 0, 100, Room::Enough);
        assert_ne!(full.room(5, 1, at(100)), Room::Enough);
        assert_ne!(full.room(4, 0, at(100)), Room::Enough);
        check(&full, 6, 1, 100, Room::Enough);
    }
}

#[test]
fn who_has_no_room_is_told_when_there_is_some() {
    let calls = tally(Span::Sliding(60), &[(100, 1), (110, 2), (130, 1)]);
    check(&calls, 4, 1, 140, Room::From(at(160)));
    check(&calls, 4, 2, 140, Room::From(at(170)));
    check(&calls, 4, 3, 140, Room::From(at(170)));
    check(&calls, 4, 4, 140, Room::From(at(190)));
    check(&calls, 4, 5, 140, Room::Never);
    // The limit was lowered meanwhile.
    check(&calls, 1, 1, 140, Room::From(at(190)));
    check(&calls, 1, 0, 140, Room::From(at(170)));
}

#[test]
fn a_day_and_a_month_end_at_midnight_utc() {
    for (span, last, next) in [
        (Span::Day, "2026-11-21T23:59:59Z", "2026-11-22T00:00:00Z"),
        (Span::Month, "2026-11-30T23:59:59Z", "2026-12-01T00:00:00Z"),
        (Span::Month, "2028-02-29T23:59:59Z", "2028-03-01T00:00:00Z"),
        (Span::Month, "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
        (Span::Day, "2028-02-28T23:59:59Z", "2028-02-29T00:00:00Z"),
    ] {
        let mut spent = Tally::new(span);
        assert_eq!(spent.charge(5, 5, time(last)), Ok(time(last)));
        assert_eq!(spent.charge(5, 1, time(last)), Err(Room::From(time(next))));
        assert_eq!(spent.frees_at(time(last)), Some(time(next)));
        assert_eq!(spent.ends_at(), Some(time(next)));
        assert_eq!(spent.used(time(next)), 0);
        assert_eq!(spent.charge(5, 5, time(next)), Ok(time(next)));
    }
}

#[test]
fn a_total_never_comes_back_and_never_ends() {
    let mut spent = Tally::new(Span::Total);
    spent.charge(5, 5, at(NOON_S)).unwrap();
    let late = time("9999-01-01T00:00:00Z");
    assert_eq!(spent.charge(5, 1, late), Err(Room::Never));
    assert_eq!((spent.ends_at(), spent.frees_at(late)), (None, None));
    spent.give_back(5, at(NOON_S));
    assert_eq!(spent.charge(5, 5, late), Ok(late));
}

#[test]
fn a_clock_that_goes_back_opens_no_room() {
    let mut calls = Tally::new(Span::Sliding(60));
    calls.charge(2, 1, at(200)).unwrap();
    assert_eq!(calls.charge(2, 1, at(150)), Ok(at(200)));
    assert_eq!(calls.charge(2, 1, at(150)), Err(Room::From(at(260))));
    let mut spent = Tally::new(Span::Day);
    let (today, tomorrow) = (time("2026-11-21T23:59:58Z"), time("2026-11-22T00:00:00Z"));
    spent.charge(2, 1, tomorrow.plus_s(5)).unwrap();
    assert_eq!(spent.charge(2, 1, today), Ok(tomorrow));
    let next = time("2026-11-23T00:00:00Z");
    assert_eq!(spent.charge(2, 1, today), Err(Room::From(next)));
}

#[test]
fn what_has_passed_is_not_given_back_at_anothers_cost() {
    let mut calls = tally(Span::Sliding(60), &[(100, 1), (170, 1)]);
    calls.give_back(1, at(100));
    assert_eq!(calls.used(at(170)), 1);
    calls.give_back(1, at(170));
    assert_eq!(calls.used(at(170)), 0);
    let mut spent = Tally::new(Span::Day);
    spent.count(5, time("2026-11-21T10:00:00Z"));
    spent.count(7, time("2026-11-22T10:00:00Z"));
    spent.give_back(5, time("2026-11-21T10:00:00Z"));
    assert_eq!(spent.used(time("2026-11-22T10:00:00Z")), 7);
    // What turns out dearer afterwards belongs to its own day.
    spent.count(5, time("2026-11-21T10:00:00Z"));
    assert_eq!(spent.used(time("2026-11-22T10:00:00Z")), 7);
}

#[test]
fn costs_past_any_limit_neither_wrap_nor_are_forgotten() {
    let mut spent = tally(Span::Total, &[(100, u64::MAX), (100, u64::MAX)]);
    assert_eq!(spent.used(at(100)), u64::MAX);
    spent.give_back(u64::MAX, at(100));
    assert_eq!(spent.used(at(100)), u64::MAX);
    check(&spent, u64::MAX, 1, 100, Room::Never);
    spent.give_back(u64::MAX, at(100));
    assert_eq!(spent.used(at(100)), 0);
    let calls = tally(Span::Sliding(60), &[(100, u64::MAX), (101, u64::MAX)]);
    assert_eq!(calls.used(at(101)), u64::MAX);
    check(&calls, u64::MAX, 1, 101, Room::From(at(161)));
}

#[test]
fn the_end_of_time_is_no_way_around_a_limit() {
    let end = at(i64::MAX);
    for span in [Span::Sliding(u32::MAX), Span::Day, Span::Month] {
        let mut tally = Tally::new(span);
        tally.charge(1, 1, end).unwrap();
        assert_eq!(
            tally.charge(1, 1, end),
            Err(tally.room(1, 1, end)),
            "{span:?}"
        );
        assert_ne!(tally.room(1, 1, end), Room::Enough, "{span:?}");
    }
}

#[test]
fn as_many_calls_as_a_log_tells_apart_count_to_the_second() {
    let most = LOG_ENTRIES_MAX as u64;
    let window = 2 * u32::try_from(most).unwrap();
    let mut calls = Tally::new(Span::Sliding(window));
    // Twice as long as the window, always at the limit, so that old chunks go.
    for second in 0..4 * i64::try_from(most).unwrap() {
        let fits = second % i64::from(window) < i64::try_from(most).unwrap();
        assert_eq!(calls.charge(most, 1, at(second)).is_ok(), fits, "{second}");
    }
    assert_eq!(calls.used(at(4 * i64::try_from(most).unwrap() - 1)), most);
}

#[test]
fn beyond_that_a_log_stays_small_and_never_tells_less() {
    let mut calls = Tally::new(Span::Sliding(100_000));
    let mut counted: Vec<i64> = Vec::new();
    for second in 0..150_000 {
        if calls.charge(60_000, 1, at(second)).is_ok() {
            counted.push(second);
        }
        if second % 10_000 == 0 {
            let truly = counted
                .iter()
                .filter(|call| **call + 100_000 > second)
                .count();
            assert!(calls.used(at(second)) >= truly as u64);
            assert!(truly <= 60_000);
        }
    }
    let Kind::Log(log) = &calls.0 else {
        panic!("a rate is counted in a log")
    };
    let entries = log.part_numbers().len() * 2 * CHUNK_ENTRIES;
    assert!(entries <= 4 * LOG_ENTRIES_MAX, "{entries}");
    // Below by a slot of calls, and not by more: the limit can be used.
    let last = at(149_999);
    let truly = counted
        .iter()
        .filter(|call| **call + 100_000 > 149_999)
        .count() as u64;
    let slots = calls.used(last) - truly;
    assert!(slots <= 64, "{slots} of {truly}");
}

#[test]
fn a_call_rewrites_one_small_part() {
    let mut calls = Tally::new(Span::Sliding(1_000_000));
    let mut largest = 0;
    for second in 0..4_000 {
        let before = calls.clone();
        calls.charge(4_000, 1, at(NOON_S + 3 * second)).unwrap();
        let changes = calls.changes_since(Some(&before));
        assert_eq!(changes.len(), 1);
        let bytes = serde_json::to_vec(&changes[0].1).unwrap().len();
        largest = largest.max(bytes);
    }
    // Measured: 716.
    assert!(largest < 1_000, "{largest}");
}

#[test]
fn a_part_that_does_not_fit_is_refused() {
    let json = |text: &str| -> TallyPart { serde_json::from_str(text).unwrap() };
    let calls = json(r#"{"calls":{"from":"2026-11-21T12:00:00Z","calls":[[0,"1"],[5,"2"]]}}"#);
    let spent = json(r#"{"spent":{"from":"2026-11-21T00:00:00Z","units":"5"}}"#);
    let noon = u64::try_from(NOON_S).unwrap();
    let rate = Span::Sliding(60);
    for (span, number, part) in [
        (rate, noon, spent.clone()),
        (rate, noon + 1, calls.clone()),
        (
            rate,
            noon,
            json(r#"{"calls":{"from":"2026-11-21T12:00:00Z","calls":[]}}"#),
        ),
        (
            rate,
            noon,
            json(r#"{"calls":{"from":"2026-11-21T12:00:00Z","calls":[[0,"0"]]}}"#),
        ),
        (
            rate,
            noon,
            json(r#"{"calls":{"from":"2026-11-21T12:00:00Z","calls":[[1,"1"],[1,"1"]]}}"#),
        ),
        (
            rate,
            noon,
            json(
                r#"{"calls":{"from":"2026-11-21T12:00:00Z","calls":[[0,"18446744073709551616"]]}}"#,
            ),
        ),
        (
            rate,
            noon,
            json(
                r#"{"calls":{"from":"2026-11-21T12:00:00Z","calls":[[18446744073709551615,"1"]]}}"#,
            ),
        ),
        (Span::Day, 0, calls.clone()),
        (Span::Day, 1, spent.clone()),
        (Span::Month, 0, spent.clone()),
        (Span::Total, 0, spent.clone()),
        (
            Span::Day,
            0,
            json(r#"{"spent":{"from":"2026-11-21T00:00:00Z","units":"0"}}"#),
        ),
    ] {
        let mut tally = Tally::new(span);
        assert!(
            tally.restore(number, part.clone()).is_err(),
            "{span:?} {part:?}"
        );
    }
    let mut log = Tally::new(rate);
    log.restore(noon, calls.clone()).unwrap();
    log.restore(noon, calls).unwrap_err();
    let mut sum = Tally::new(Span::Day);
    sum.restore(0, spent.clone()).unwrap();
    sum.restore(0, spent).unwrap_err();
    for text in ["05", "+5", "-1", "", "5.0", "1e3"] {
        let part = serde_json::json!({"spent": {"from": "2026-11-21T00:00:00Z", "units": text}});
        serde_json::from_value::<TallyPart>(part).unwrap_err();
    }
}

/// A list of what was counted when: what a tally must agree with.
#[derive(Default)]
struct Naive {
    counted: Vec<(i64, u64)>,
    latest: i64,
}

impl Naive {
    fn used(&self, span: Span, now: i64) -> u64 {
        let now = now.max(self.latest);
        let day = |second: i64| second / 86_400;
        let month = |second: i64| {
            let text = std::string::ToString::to_string(&at(second));
            text[..7].to_owned()
        };
        let counts = |second: i64| match span {
            Span::Sliding(window) => second <= now && now < second + i64::from(window),
            Span::Day => day(second) == day(now),
            Span::Month => month(second) == month(now),
            Span::Total => true,
        };
        let counted = self.counted.iter().filter(|(second, _)| counts(*second));
        counted.map(|(_, amount)| amount).sum()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Charge { limit: u64, amount: u64 },
    Wait(i64),
    GoBack(i64),
    GiveBack(usize),
    Store,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u64..12, 0_u64..6).prop_map(|(limit, amount)| Step::Charge { limit, amount }),
        2 => (0_i64..40).prop_map(Step::Wait),
        1 => (0_i64..200_000).prop_map(Step::Wait),
        1 => (0_i64..5).prop_map(Step::GoBack),
        2 => any::<usize>().prop_map(Step::GiveBack),
        1 => Just(Step::Store),
    ]
}

/// The same tally, from what `changes_since` told a store.
fn stored(tally: &Tally, store: &mut BTreeMap<u64, TallyPart>, before: &Tally) -> Tally {
    for (number, part) in tally.changes_since(Some(before)) {
        match part {
            Some(part) => store.insert(number, part),
            None => store.remove(&number),
        };
    }
    assert_eq!(
        tally.part_numbers(),
        store.keys().copied().collect::<Vec<_>>()
    );
    let mut again = Tally::new(tally.span());
    for (number, part) in store {
        let bytes = serde_json::to_vec(part).unwrap();
        again
            .restore(*number, serde_json::from_slice(&bytes).unwrap())
            .unwrap();
    }
    again
}

fn agrees(span: Span, steps: &[Step]) {
    let mut tally = Tally::new(span);
    let (mut store, mut written) = (BTreeMap::new(), tally.clone());
    let mut naive = Naive::default();
    let mut now = NOON_S;
    for step in steps {
        match step {
            Step::Charge { limit, amount } => {
                let used = naive.used(span, now);
                let fits = *limit > 0 && used + amount <= *limit;
                let room = tally.room(*limit, *amount, at(now));
                let charged = tally.charge(*limit, *amount, at(now));
                assert_eq!(charged.is_ok(), fits, "{limit} {amount} {used} {room:?}");
                match (charged, room) {
                    (Ok(second), Room::Enough) => {
                        naive.counted.push((second.as_s(), *amount));
                        if *amount > 0 {
                            naive.latest = naive.latest.max(second.as_s());
                        }
                    }
                    (Err(said), Room::From(from)) => {
                        assert_eq!(said, room);
                        assert!(naive.used(span, from.as_s()) + amount <= *limit);
                        assert!(naive.used(span, from.as_s() - 1) + amount > *limit);
                    }
                    (Err(said), Room::Never) => {
                        assert_eq!(said, room);
                        assert!(amount > limit || *limit == 0 || span == Span::Total);
                    }
                    other => panic!("{other:?}"),
                }
            }
            Step::Wait(seconds) => now += seconds,
            Step::GoBack(seconds) => now -= seconds,
            Step::GiveBack(which) if !naive.counted.is_empty() => {
                let which = which % naive.counted.len();
                let (second, amount) = naive.counted.swap_remove(which);
                tally.give_back(amount, at(second));
            }
            Step::GiveBack(_) => {}
            Step::Store => {
                let again = stored(&tally, &mut store, &written);
                assert_eq!(again.used(at(now.max(naive.latest))), tally.used(at(now)));
                written = tally.clone();
            }
        }
        assert_eq!(tally.used(at(now)), naive.used(span, now), "{step:?}");
        let free = tally.frees_at(at(now));
        assert_eq!(
            free.is_some(),
            naive.used(span, now) > 0 && span != Span::Total
        );
        if let Some(free) = free {
            assert!(naive.used(span, free.as_s()) < naive.used(span, now));
            assert_eq!(naive.used(span, free.as_s() - 1), naive.used(span, now));
        }
        if let Some(end) = tally.ends_at() {
            assert_eq!(naive.used(span, end.as_s().max(now)), 0);
        }
    }
}

proptest! {
    #[test]
    fn a_tally_agrees_with_a_list_of_what_was_counted(
        span in prop_oneof![
            (1_u32..50).prop_map(Span::Sliding),
            Just(Span::Day),
            Just(Span::Month),
            Just(Span::Total),
        ],
        steps in prop::collection::vec(step(), 0..200),
    ) {
        agrees(span, &steps);
    }

    /// What is charged in one order and reaches the store in another is the same there in the end.
    #[test]
    fn the_order_in_which_charges_land_does_not_matter(
        seconds in prop::collection::vec(0_i64..300, 1..400),
        shuffled in any::<u64>(),
        window in 1_u32..400,
    ) {
        let span = Span::Sliding(window);
        let mut seconds = seconds;
        seconds.sort_unstable();
        let in_order = tally(span, &seconds.iter().map(|second| (*second, 1)).collect::<Vec<_>>());
        let mut others = seconds.clone();
        let mut state = shuffled | 1;
        for place in (1..others.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Neighbours change places, as they do between a debit and its commit.
            others.swap(place, place - usize::try_from(state >> 62).unwrap().min(place));
        }
        let out_of_order = tally(span, &others.iter().map(|second| (*second, 1)).collect::<Vec<_>>());
        let last = *seconds.last().unwrap();
        for now in last..last + i64::from(window) + 1 {
            prop_assert_eq!(in_order.used(at(now)), out_of_order.used(at(now)));
        }
    }
}
