use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::*;

/// 2026-11-21, a day like any other.
const DAY: u32 = 20_778;

fn at(day: u32, second: i64) -> Timestamp {
    Timestamp::from_s(i64::from(day) * DAY_S + second)
}

fn resource(number: usize) -> Resource {
    format!("app:secrets:{number}").parse().unwrap()
}

#[test]
fn only_what_an_agent_does_itself_counts_against_it() {
    let blamed = Reason::ALL
        .iter()
        .filter_map(|reason| Some((reason.code(), Offence::of(*reason)?)));
    let want = [
        ("no_matching_grant", Offence::Unmatched),
        ("guardrail_applies", Offence::Guardrail),
        ("outside_window", Offence::OutOfBounds),
        ("address_not_allowed", Offence::OutOfBounds),
        ("arguments_not_allowed", Offence::OutOfBounds),
        ("rate_used_up", Offence::Limit),
        ("budget_used_up", Offence::Limit),
    ];
    assert_eq!(blamed.collect::<Vec<_>>(), want);
}

#[test]
fn a_day_and_an_hour_begin_on_their_first_second() {
    for (second, day, hour) in [
        (-1, DAY - 1, 23),
        (0, DAY, 0),
        (HOUR_S - 1, DAY, 0),
        (HOUR_S, DAY, 1),
        (DAY_S - 1, DAY, 23),
        (DAY_S, DAY + 1, 0),
    ] {
        let mut facts = Facts::new();
        assert_eq!(facts.note(at(DAY, second), Fact::Allowed(None)), Some(day));
        let [known] = facts.days() else {
            panic!("{second}")
        };
        let hours = [Hour {
            hour,
            allowed: 1,
            denied: 0,
        }];
        assert_eq!(
            (known.number, known.hours.as_slice()),
            (day, &hours[..]),
            "{second}"
        );
    }
}

#[test]
fn each_fact_is_counted_where_it_belongs() {
    let mut facts = Facts::new();
    for (times, fact) in [
        (1, Fact::Denied(Offence::Guardrail)),
        (2, Fact::Denied(Offence::Unmatched)),
        (3, Fact::Denied(Offence::OutOfBounds)),
        (4, Fact::Denied(Offence::Limit)),
        (5, Fact::Refused),
        (6, Fact::Allowed(None)),
    ] {
        for _ in 0..times {
            facts.note(at(DAY, 0), fact);
        }
    }
    let want = Day {
        number: DAY,
        hours: vec![Hour {
            hour: 0,
            allowed: 6,
            denied: 10,
        }],
        guardrail: 1,
        unmatched: 2,
        out_of_bounds: 3,
        limited: 4,
        refused: 5,
        sensitive: Vec::new(),
    };
    assert_eq!(facts.days(), core::slice::from_ref(&want));
    assert_eq!((want.allowed(), want.bad()), (6, 6));
}

#[test]
fn what_is_sixty_four_days_old_is_forgotten_in_either_order() {
    for (age, kept) in [(0, true), (63, true), (64, false)] {
        let mut forward = Facts::new();
        forward.note(at(DAY - age, 0), Fact::Refused);
        forward.note(at(DAY, 0), Fact::Allowed(None));
        let mut backward = Facts::new();
        backward.note(at(DAY, 0), Fact::Allowed(None));
        let noted = backward.note(at(DAY - age, 0), Fact::Refused);
        assert_eq!(forward, backward, "{age}");
        assert_eq!(noted.is_some(), kept, "{age}");
        assert_eq!(
            forward.days().iter().any(|day| day.refused > 0),
            kept,
            "{age}"
        );
    }
}

#[test]
fn the_smallest_fingerprints_are_kept_in_whatever_order_they_came() {
    let mut prints: Vec<Fingerprint> = (0..40).map(|n| Fingerprint::of(&resource(n))).collect();
    let note = |prints: &[Fingerprint]| {
        let mut facts = Facts::new();
        for print in prints.iter().chain(prints) {
            facts.note(at(DAY, 0), Fact::Allowed(Some(*print)));
        }
        facts
    };
    let one_way = note(&prints);
    prints.reverse();
    assert_eq!(note(&prints), one_way);
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(one_way.days()[0].sensitive, prints[..SENSITIVE_KEPT]);
}

#[test]
fn counts_end_where_they_are_full() {
    let full = Day {
        number: DAY,
        hours: vec![Hour {
            hour: 0,
            allowed: u32::MAX,
            denied: u32::MAX,
        }],
        guardrail: u32::MAX,
        unmatched: u32::MAX,
        out_of_bounds: u32::MAX,
        limited: u32::MAX,
        refused: u32::MAX,
        sensitive: Vec::new(),
    };
    let mut facts = Facts::new();
    assert!(facts.absorb(&full));
    let before = facts.clone();
    for fact in [
        Fact::Allowed(None),
        Fact::Refused,
        Fact::Denied(Offence::Guardrail),
        Fact::Denied(Offence::Unmatched),
        Fact::Denied(Offence::OutOfBounds),
        Fact::Denied(Offence::Limit),
    ] {
        facts.note(at(DAY, 0), fact);
    }
    assert_eq!(facts, before);
}

#[test]
fn whoever_spawned_it_at_the_lowest_counts() {
    let mut facts = Facts::new();
    assert_eq!(facts.ceiling(), None);
    for (score, want) in [(40, 40), (30, 30), (90, 30)] {
        assert_eq!(facts.note(at(DAY, 0), Fact::Spawned(score)), None);
        assert_eq!(facts.ceiling(), Some(want));
    }
    assert!(facts.days().is_empty());
}

#[test]
fn the_last_day_there_is_does_not_overflow() {
    let mut facts = Facts::new();
    let day = Day {
        number: u32::MAX,
        refused: 1,
        ..Day::default()
    };
    assert!(facts.absorb(&day));
    assert_eq!(facts.note(at(DAY, 0), Fact::Refused), None);
}
