use alloc::vec;
use alloc::vec::Vec;

use super::*;

const TODAY: u32 = 20_778;

/// A day so many days ago, with (hour, allowed, denied).
fn day(age: u32, hours: &[(u8, u32, u32)]) -> Day {
    let hours = hours.iter().map(|(hour, allowed, denied)| Hour {
        hour: *hour,
        allowed: *allowed,
        denied: *denied,
    });
    Day {
        number: TODAY - age,
        hours: hours.collect(),
        ..Day::default()
    }
}

fn oddities(days: &[Day]) -> Oddities {
    let (day, before) = days.split_last().unwrap();
    Habit::of(before, day.number).oddities(day)
}

/// So many days before today, all alike, and today.
fn days(before: u32, each: &[(u8, u32, u32)], today: &[(u8, u32, u32)]) -> Vec<Day> {
    let mut days: Vec<Day> = (1..=before).rev().map(|age| day(age, each)).collect();
    days.push(day(0, today));
    days
}

#[track_caller]
fn check_bursts(before: u32, each: &[(u8, u32, u32)], today: &[(u8, u32, u32)], want: u64) {
    assert_eq!(oddities(&days(before, each, today)).bursts, want);
}

#[track_caller]
fn check_unusual(before: u32, each: &[(u8, u32, u32)], today: &[(u8, u32, u32)], want: u64) {
    assert_eq!(oddities(&days(before, each, today)).unusual_hours, want);
}

#[test]
fn nothing_is_odd_about_a_first_day() {
    assert_eq!(oddities(&[day(0, &[(3, 100_000, 5)])]), Oddities::default());
}

#[test]
fn a_burst_is_more_than_four_times_the_usual_peak_and_thirty() {
    let usual = [(9, 10, 0), (10, 4, 0)];
    check_bursts(5, &usual, &[(9, 70, 0)], 0);
    check_bursts(5, &usual, &[(9, 71, 0)], 1);
    check_bursts(5, &usual, &[(9, 71, 0), (10, 71, 0), (11, 70, 0)], 2);
    // Denied calls are calls.
    check_bursts(5, &usual, &[(9, 40, 30)], 0);
    check_bursts(5, &usual, &[(9, 40, 31)], 1);
}

#[test]
fn four_days_are_no_pace_and_denied_calls_teach_none() {
    let usual = [(9, 10, 0)];
    check_bursts(4, &usual, &[(9, 10_000, 0)], 0);
    check_bursts(5, &usual, &[(9, 10_000, 0)], 1);
    check_bursts(30, &[(9, 0, 10)], &[(9, 10_000, 0)], 0);
    check_bursts(5, &[(9, 10, 100_000)], &[(9, 71, 0)], 1);
}

#[test]
fn an_hour_is_unusual_if_neither_it_nor_those_beside_it_are_usual() {
    let usual = [(9, 1, 0), (10, 1, 0), (11, 1, 0)];
    for (hour, want) in [(7, 1), (8, 0), (9, 0), (12, 0), (13, 1), (0, 1)] {
        check_unusual(10, &usual, &[(hour, 1, 0)], want);
        check_unusual(10, &usual, &[(hour, 0, 1)], want);
    }
    // Midnight lies between 23 and 0.
    let night = [(0, 1, 0)];
    for (hour, want) in [(22, 1), (23, 0), (1, 0), (2, 1)] {
        check_unusual(10, &night, &[(hour, 1, 0)], want);
    }
}

#[test]
fn nine_days_are_no_habit_and_one_in_ten_is() {
    check_unusual(9, &[(9, 1, 0)], &[(3, 1, 0)], 0);
    check_unusual(10, &[(9, 1, 0)], &[(3, 1, 0)], 1);
    check_unusual(10, &[(9, 1, 5)], &[(3, 1, 0)], 1);
    for (days_before, want) in [(10, 0), (11, 1)] {
        let mut days = days(days_before, &[(9, 1, 0)], &[(3, 1, 0)]);
        days[0] = day(days_before, &[(3, 1, 0)]);
        assert_eq!(oddities(&days).unusual_hours, want, "{days_before}");
    }
    // Denied calls at night do not make the night usual.
    let mut days = days(10, &[(9, 1, 0)], &[(3, 1, 0)]);
    days[0] = day(10, &[(3, 0, 9), (9, 1, 0)]);
    assert_eq!(oddities(&days).unusual_hours, 1);
}

#[test]
fn a_habit_is_made_in_thirty_five_days() {
    // Nine days and one more make a habit of calling at nine, if that one still counts.
    for (age, want) in [(35, 1), (36, 0)] {
        let mut days = days(9, &[(9, 1, 0)], &[(3, 1, 0)]);
        days.insert(0, day(age, &[(9, 1, 0)]));
        assert_eq!(oddities(&days).unusual_hours, want, "{age}");
    }
    for (age, want) in [(35, 0), (36, 1)] {
        let mut known = day(age, &[(9, 1, 0)]);
        known.sensitive.push(Fingerprint::from_u32(7));
        let mut today = day(0, &[(9, 1, 0)]);
        today.sensitive.push(Fingerprint::from_u32(7));
        assert_eq!(oddities(&[known, today]).first_uses, want, "{age}");
    }
}

#[test]
fn a_first_use_is_one_that_no_day_before_has_or_may_have() {
    let with = |age, prints: &[u32]| Day {
        sensitive: prints
            .iter()
            .map(|print| Fingerprint::from_u32(*print))
            .collect(),
        ..day(age, &[(9, 1, 0)])
    };
    let full: Vec<u32> = (10..26).collect();
    for (before, today, want) in [
        (vec![], &[1, 2][..], 2),
        (vec![&[1][..]], &[1, 2], 1),
        (vec![&[1], &[2]], &[1, 2], 0),
        // A day with as many as are kept may have had any that is greater.
        (vec![&full], &[5, 30], 1),
        (vec![&full[1..]], &[5, 30], 2),
        (vec![&full], &[24, 26], 0),
    ] {
        let mut days: Vec<Day> = Vec::new();
        for (place, prints) in before.iter().enumerate() {
            days.push(with(9 - place as u32, prints));
        }
        days.push(with(0, today));
        assert_eq!(oddities(&days).first_uses, want, "{before:?} {today:?}");
    }
}
