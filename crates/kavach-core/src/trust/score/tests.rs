use alloc::string::String;
use alloc::vec::Vec;

use super::super::facts::{Fact, Hour, Offence};
use super::*;

const TODAY: u32 = 20_778;
const DAY_S: i64 = 24 * 60 * 60;

fn at(day: u32) -> Timestamp {
    Timestamp::from_s(i64::from(day) * DAY_S + DAY_S / 2)
}

/// An agent that was created and got its secret so many days ago.
fn standing(age: u32) -> Standing {
    Standing {
        created_at: at(TODAY - age),
        credential: CredentialKind::Bearer,
        credential_since: Some(at(TODAY - age)),
    }
}

fn facts(list: &[(u32, u32, Fact)]) -> Facts {
    let mut facts = Facts::new();
    for (age, times, fact) in list {
        for _ in 0..*times {
            facts.note(at(TODAY - age), *fact);
        }
    }
    facts
}

fn points(list: &[(u32, u32, Fact)], age: u32) -> u8 {
    trust_score(&facts(list), &standing(age), at(TODAY)).score
}

/// What one kind of evidence adds or takes.
fn part(score: &TrustScore, code: &str) -> i16 {
    let mut found = score
        .contributions
        .iter()
        .filter(|part| part.evidence.code() == code);
    found.next().map_or(0, |part| part.points)
}

const OK: Fact = Fact::Allowed(None);
const NO: Fact = Fact::Denied(Offence::Unmatched);

#[test]
fn a_new_agent_is_standard() {
    let score = trust_score(&Facts::new(), &standing(0), at(TODAY));
    assert_eq!((score.score, score.level), (50, TrustLevel::Standard));
    assert_eq!(score.contributions.len(), 1);
}

#[test]
fn a_level_begins_at_its_score() {
    let mut seen = Vec::new();
    for score in 0..=100 {
        let level = TrustLevel::of_score(score);
        if seen.last().is_none_or(|(_, last)| *last != level) {
            seen.push((score, level));
        }
    }
    let want = [0, 20, 40, 65, 85]
        .into_iter()
        .zip(TrustLevel::ALL.iter().copied());
    assert_eq!(seen, want.collect::<Vec<_>>());
    assert_eq!(TrustLevel::of_score(u8::MAX), TrustLevel::Elevated);
}

#[test]
fn every_level_can_be_reached_with_a_bearer_secret() {
    let good = |days: u32| -> Vec<(u32, u32, Fact)> { (0..days).map(|age| (age, 5, OK)).collect() };
    for (list, age, want) in [
        (Vec::from([(0, 100, NO)]), 0, TrustLevel::Untrusted),
        (Vec::from([(0, 15, NO)]), 0, TrustLevel::Limited),
        (Vec::from([(0, 1, NO)]), 0, TrustLevel::Standard),
        (good(18), 18, TrustLevel::Trusted),
        (good(45), 45, TrustLevel::Elevated),
    ] {
        let score = trust_score(&facts(&list), &standing(age), at(TODAY));
        assert_eq!(score.level, want, "{score:?}");
    }
}

#[test]
fn the_highest_score_is_ninety_with_a_secret_and_a_hundred_with_a_key() {
    let list: Vec<_> = (0..64).map(|age| (age, 1, OK)).collect();
    assert_eq!(points(&list, 64), 90);
    let keyed = Standing {
        credential: CredentialKind::HolderKey,
        ..standing(64)
    };
    assert_eq!(trust_score(&facts(&list), &keyed, at(TODAY)).score, 100);
    let none = Standing {
        credential_since: None,
        ..keyed
    };
    assert_eq!(trust_score(&facts(&list), &none, at(TODAY)).score, 90);
}

#[test]
fn the_lowest_score_is_zero_and_the_parts_still_add_up() {
    let worst = [
        (0, 500, Fact::Denied(Offence::Guardrail)),
        (0, 500, NO),
        (0, 100, Fact::Refused),
    ];
    let score = trust_score(&facts(&worst), &standing(0), at(TODAY));
    assert_eq!((score.score, score.level), (0, TrustLevel::Untrusted));
    let sum: i16 = score.contributions.iter().map(|part| part.points).sum();
    assert_eq!(sum, 0);
    assert!(part(&score, "bounds") > 0);
}

#[test]
fn service_and_the_age_of_a_credential_count_in_steps() {
    for (age, service, credential) in [
        (0, 0, 0),
        (3, 0, 0),
        (4, 1, 0),
        (39, 9, 0),
        (40, 10, 0),
        (119, 10, 0),
        (120, 10, -1),
        (239, 10, -4),
        (240, 10, -5),
        (9_999, 10, -5),
    ] {
        let score = trust_score(&Facts::new(), &standing(age), at(TODAY));
        let found = (part(&score, "service"), part(&score, "credential_age"));
        assert_eq!(found, (service, credential), "{age}");
    }
    let rotated = Standing {
        credential_since: Some(at(TODAY)),
        ..standing(500)
    };
    assert_eq!(trust_score(&Facts::new(), &rotated, at(TODAY)).score, 60);
}

#[test]
fn whoever_is_idle_is_never_more_than_standard() {
    for age in [0, 40, 89, 5_000] {
        let level = trust_score(&Facts::new(), &standing(age), at(TODAY)).level;
        assert_eq!(level, TrustLevel::Standard, "{age}");
    }
}

#[test]
fn three_good_days_are_two_points_and_forty_five_are_all() {
    for (days, want) in [(1, 0), (2, 1), (3, 2), (44, 29), (45, 30), (64, 30)] {
        let list: Vec<_> = (0..days).map(|age| (age, 1, OK)).collect();
        let score = trust_score(&facts(&list), &standing(64), at(TODAY));
        assert_eq!(part(&score, "good_days"), want, "{days}");
    }
}

#[test]
fn one_denied_call_in_fifty_is_tolerated() {
    for (allowed, denied, good) in [(49, 1, true), (48, 1, false), (98, 2, true), (97, 2, false)] {
        let list = [(0, allowed, OK), (0, denied, NO)];
        let facts = facts(&list);
        assert_eq!(is_good(&facts.days()[0]), good, "{allowed} {denied}");
        assert_eq!(
            denied_share(&facts.days()[0]) == 0,
            good,
            "{allowed} {denied}"
        );
    }
    // Whatever its share, a guardrail's denial and a person's no spoil a day.
    for fact in [Fact::Denied(Offence::Guardrail), Fact::Refused] {
        assert!(
            !is_good(&facts(&[(0, 1_000, OK), (0, 1, fact)]).days()[0]),
            "{fact:?}"
        );
    }
    // Limits do not: a caller that is told to wait has done nothing that it may not.
    let limited = [(0, 1, OK), (0, 1_000, Fact::Denied(Offence::Limit))];
    assert!(is_good(&facts(&limited).days()[0]));
}

#[test]
fn each_part_takes_what_the_page_says() {
    let spread = |fact, times: u32| {
        let list = [(0, times, fact)];
        trust_score(&facts(&list), &standing(0), at(TODAY))
    };
    for (fact, times, code, want) in [
        (NO, 1, "denials", -2),
        (NO, 10, "denials", -16),
        (NO, 20, "denials", -24),
        (NO, 100_000, "denials", -49),
        (Fact::Denied(Offence::OutOfBounds), 20, "denials", -24),
        (Fact::Denied(Offence::Guardrail), 20, "denials", -24),
        (Fact::Denied(Offence::Guardrail), 1, "guardrails", -4),
        (Fact::Denied(Offence::Guardrail), 4, "guardrails", -10),
        (Fact::Denied(Offence::Limit), 20, "limits", -3),
        (Fact::Denied(Offence::Limit), 100_000, "limits", -5),
        (Fact::Denied(Offence::Limit), 100_000, "denials", 0),
        (Fact::Refused, 1, "refusals", -8),
        (Fact::Refused, 2, "refusals", -13),
        (Fact::Refused, 100_000, "refusals", -25),
    ] {
        assert_eq!(part(&spread(fact, times), code), want, "{fact:?} {times}");
    }
}

#[test]
fn what_speaks_against_an_agent_halves_in_a_week() {
    for (age, want) in [
        (0, -24),
        (7, -12),
        (14, -6),
        (21, -3),
        (28, -2),
        (35, -1),
        (63, 0),
        (64, 0),
    ] {
        let score = trust_score(&facts(&[(age, 20, NO)]), &standing(100), at(TODAY));
        assert_eq!(part(&score, "denials"), want, "{age}");
    }
    // Three refusals a week ago are one and a half now.
    let score = trust_score(&facts(&[(7, 3, Fact::Refused)]), &standing(100), at(TODAY));
    assert_eq!(part(&score, "refusals"), -11);
}

/// A habit of forty-one days, which end on the day of the oddity.
fn odd_day(age: u32) -> Facts {
    let mut facts = Facts::new();
    for before in 1..=35 {
        let day = Day {
            number: TODAY - age - before,
            hours: Vec::from([Hour {
                hour: 12,
                allowed: 10,
                denied: 0,
            }]),
            ..Day::default()
        };
        assert!(facts.absorb(&day));
    }
    let hours = [3, 4, 5].map(|hour| Hour {
        hour,
        allowed: 1_000,
        denied: 0,
    });
    let day = Day {
        number: TODAY - age,
        hours: hours.into(),
        sensitive: [1, 2, 3, 4]
            .map(super::super::facts::Fingerprint::from_u32)
            .into(),
        ..Day::default()
    };
    facts.absorb(&day);
    facts
}

#[test]
fn what_is_out_of_the_ordinary_counts_for_as_long_as_the_habit_is_remembered() {
    for (age, bursts, hours, uses) in [
        (0, -8, -6, -5),
        (7, -5, -4, -3),
        (28, -1, -1, -1),
        (29, 0, 0, 0),
    ] {
        let score = trust_score(&odd_day(age), &standing(100), at(TODAY));
        let found = ["bursts", "unusual_hours", "first_uses"].map(|code| part(&score, code));
        assert_eq!(found, [bursts, hours, uses], "{age}");
    }
    assert_eq!(ODD_DAYS, 29);
}

#[test]
fn what_lies_in_the_future_does_not_count() {
    let facts = facts(&[(0, 100, NO)]);
    let yesterday = trust_score(&facts, &standing(10), at(TODAY - 1));
    assert_eq!(part(&yesterday, "denials"), 0);
    let today = trust_score(&facts, &standing(10), at(TODAY));
    assert_ne!(part(&today, "denials"), 0);
}

#[test]
fn a_child_starts_where_its_parent_stood_and_serves_its_way_up() {
    for (score, age, want) in [
        (0, 0, 0),
        (30, 0, 30),
        (50, 0, 50),
        (90, 0, 50),
        (30, 10, 40),
        // It would be 50 + 5 by itself.
        (30, 20, 50),
        (30, 25, 55),
        (30, 30, 57),
        (0, 63, 60),
        (0, 64, 60),
    ] {
        let mut facts = Facts::new();
        facts.note(at(TODAY - age), Fact::Spawned(score));
        let found = trust_score(&facts, &standing(age), at(TODAY)).score;
        assert_eq!(found, want, "{score} {age}");
    }
    // A key of its own lifts nobody above its parent, until it is forgotten where that one stood.
    for (score, age, want) in [(50, 0, 50), (0, 63, 63), (0, 64, 70)] {
        let keyed = Standing {
            credential: CredentialKind::HolderKey,
            ..standing(age)
        };
        let mut facts = Facts::new();
        facts.note(at(TODAY - age), Fact::Spawned(score));
        let found = trust_score(&facts, &keyed, at(TODAY)).score;
        assert_eq!(found, want, "{score} {age}");
    }
}

#[test]
fn what_is_known_of_yesterday_is_no_past_of_today() {
    let past = Past::of(&Facts::new(), at(TODAY));
    assert!(past.is_of(at(TODAY)) && past.today() == TODAY);
    assert!(!past.is_of(at(TODAY + 1)) && !past.is_of(at(TODAY - 1)));
}

#[test]
fn the_page_lists_every_part_with_the_most_that_it_adds_or_takes() {
    let page = include_str!("../../../../../docs/trust.md");
    let minus = |points: u64| -small(points);
    let rows = [
        ("start", START),
        ("credential", HOLDER_KEY),
        ("credential_age", -small(CREDENTIAL_MAX.into())),
        ("service", small(SERVICE_MAX.into())),
        ("good_days", small(RECORD_MAX.into())),
        ("denials", minus(DENIALS_MAX)),
        ("guardrails", minus(GUARDRAILS.0)),
        ("limits", minus(LIMITS_MAX)),
        ("bursts", minus(BURSTS.0)),
        ("unusual_hours", minus(UNUSUAL_HOURS.0)),
        ("first_uses", minus(FIRST_USES.0)),
        ("refusals", minus(REFUSALS.0)),
    ];
    let told = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let told: Vec<(&str, String)> = told
        .map(|(code, rest)| {
            let points = rest.trim_start_matches(" | ").split(' ').next().unwrap();
            (code, points.replace('−', "-").replace('+', ""))
        })
        .collect();
    let want: Vec<_> = rows
        .map(|(code, points)| (code, alloc::format!("{points}")))
        .into();
    assert_eq!(told.get(..want.len()).unwrap(), want);
    let rest: Vec<&str> = told[want.len()..].iter().map(|(code, _)| *code).collect();
    assert_eq!(rest, ["ceiling", "bounds"]);
}
