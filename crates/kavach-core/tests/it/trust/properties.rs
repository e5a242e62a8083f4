//! What holds for whatever is recorded.

use kavach_core::{
    CredentialKind, Fact, Facts, Fingerprint, Offence, Past, Standing, Timestamp, TrustScore,
    trust_points, trust_score,
};
use proptest::prelude::*;
use proptest::sample::select;

const DAY_S: u64 = 24 * 60 * 60;
/// When an agent begins: 2026-11-02.
const START_S: i64 = 1_793_577_600;

fn start() -> Timestamp {
    Timestamp::from_s(START_S)
}

fn fact() -> impl Strategy<Value = Fact> {
    let offences = [
        Offence::Guardrail,
        Offence::Unmatched,
        Offence::OutOfBounds,
        Offence::Limit,
    ];
    prop_oneof![
        1 => (0_u8..=100).prop_map(Fact::Spawned),
        20 => Just(Fact::Allowed(None)),
        4 => (0_u32..40).prop_map(|number| Fact::Allowed(Some(Fingerprint::from_u32(number)))),
        6 => select(offences.to_vec()).prop_map(Fact::Denied),
        1 => Just(Fact::Refused),
    ]
}

/// Facts, many of the same kind at a time, in up to a hundred days.
fn recorded() -> impl Strategy<Value = Vec<(Timestamp, Fact)>> {
    let runs = (0_u64..100, 0_u64..24, 1_u64..60, fact());
    prop::collection::vec(runs, 0..60).prop_map(|runs| {
        let run = |(day, hour, times, fact): (u64, u64, u64, Fact)| {
            let at = start().plus_s(day * DAY_S + hour * 60 * 60);
            (0..times).map(move |place| (at.plus_s(place), fact))
        };
        runs.into_iter().flat_map(run).collect()
    })
}

fn standing() -> impl Strategy<Value = Standing> {
    let kinds = [CredentialKind::Bearer, CredentialKind::HolderKey];
    (select(kinds.to_vec()), prop::option::of(0_u64..400)).prop_map(|(credential, since)| {
        Standing {
            created_at: start(),
            credential,
            credential_since: since.map(|day| start().plus_s(day * DAY_S)),
        }
    })
}

fn facts(recorded: &[(Timestamp, Fact)]) -> Facts {
    let mut facts = Facts::new();
    for (at, fact) in recorded {
        facts.note(*at, *fact);
    }
    facts
}

fn day(number: u64) -> Timestamp {
    start().plus_s(number * DAY_S + DAY_S / 2)
}

/// What speaks against an agent, and fades.
fn faults(score: &TrustScore) -> Vec<i16> {
    let codes = [
        "denials",
        "guardrails",
        "limits",
        "bursts",
        "unusual_hours",
        "first_uses",
        "refusals",
    ];
    let part = |code: &&str| {
        let mut found = score
            .contributions
            .iter()
            .filter(|part| part.evidence.code() == *code);
        found.next().map_or(0, |part| part.points)
    };
    codes.iter().map(part).collect()
}

proptest! {
    #[test]
    fn the_same_facts_in_another_order_give_the_same_score(
        (recorded, shuffled) in recorded().prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle())),
        standing in standing(),
        now in 0_u64..200,
    ) {
        let (one, other) = (facts(&recorded), facts(&shuffled));
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(
            trust_score(&one, &standing, day(now)),
            trust_score(&other, &standing, day(now))
        );
    }

    #[test]
    fn counts_that_were_kept_apart_add_up(recorded in recorded(), cut in 0_usize..1000) {
        let cut = cut.min(recorded.len());
        let mut one = facts(&recorded[..cut]);
        let other = facts(&recorded[cut..]);
        other.days().iter().for_each(|day| {
            one.absorb(day);
        });
        other.ceiling().into_iter().for_each(|score| one.lower_ceiling(score));
        prop_assert_eq!(one, facts(&recorded));
    }

    #[test]
    fn what_is_kept_step_by_step_is_what_is_worked_out_from_scratch(
        mut recorded in recorded(),
        standing in standing(),
    ) {
        recorded.sort_by_key(|(at, _)| *at);
        let mut step_by_step = Facts::new();
        let mut past: Option<Past> = None;
        for (place, (at, fact)) in recorded.iter().enumerate() {
            past.take_if(|past| !past.is_of(*at));
            let past = past.get_or_insert_with(|| Past::of(&step_by_step, *at));
            step_by_step.note(*at, *fact);
            let quick = trust_points(past, &step_by_step, &standing);
            if place % 16 == 0 {
                let whole = trust_score(&facts(&recorded[..=place]), &standing, *at);
                prop_assert_eq!(quick, whole.score);
            }
        }
    }

    #[test]
    fn the_parts_add_up_and_none_is_nothing(
        recorded in recorded(),
        standing in standing(),
        now in 0_u64..200,
    ) {
        let score = trust_score(&facts(&recorded), &standing, day(now));
        let sum: i16 = score.contributions.iter().map(|part| part.points).sum();
        prop_assert_eq!(sum, i16::from(score.score));
        prop_assert!(score.score <= 100);
        prop_assert!(score.contributions.iter().all(|part| part.points != 0));
        prop_assert_eq!(score.level, kavach_core::TrustLevel::of_score(score.score));
    }

    #[test]
    fn nothing_that_speaks_against_an_agent_ever_raises_its_score(
        recorded in recorded(),
        standing in standing(),
        fault in prop_oneof![
            Just(Fact::Denied(Offence::Guardrail)),
            Just(Fact::Denied(Offence::Unmatched)),
            Just(Fact::Denied(Offence::OutOfBounds)),
            Just(Fact::Denied(Offence::Limit)),
            Just(Fact::Refused),
        ],
        times in 1_u64..100,
        (when, hour, later) in (0_u64..100, 0_u64..24, 0_u64..70),
    ) {
        let before = facts(&recorded);
        let mut after = before.clone();
        for place in 0..times {
            after.note(start().plus_s(when * DAY_S + hour * 60 * 60 + place), fault);
        }
        // What lies after `now` is not known yet.
        let last = recorded.iter().map(|(at, _)| *at).max().unwrap_or(start());
        let now = last.max(day(when)).plus_s(later * DAY_S);
        let (before, after) = (
            trust_score(&before, &standing, now),
            trust_score(&after, &standing, now),
        );
        prop_assert!(after.score <= before.score, "{:?} {:?}", before, after);
    }

    #[test]
    fn whatever_speaks_against_an_agent_fades(recorded in recorded(), standing in standing(), later in 0_u64..70) {
        let facts = facts(&recorded);
        let last = recorded.iter().map(|(at, _)| *at).max().unwrap_or(start());
        let now = last.plus_s(later * DAY_S);
        let today = faults(&trust_score(&facts, &standing, now));
        let tomorrow = faults(&trust_score(&facts, &standing, now.plus_s(DAY_S)));
        prop_assert!(today.iter().zip(&tomorrow).all(|(today, tomorrow)| today <= tomorrow));
        let gone = faults(&trust_score(&facts, &standing, last.plus_s(64 * DAY_S)));
        prop_assert!(gone.iter().all(|points| *points == 0));
    }

    #[test]
    fn nobody_stands_above_its_parent_before_it_has_served(
        recorded in recorded(),
        standing in standing(),
        parent in 0_u8..=100,
        now in 0_u64..63,
    ) {
        let mut facts = Facts::new();
        facts.note(start(), Fact::Spawned(parent));
        for (at, fact) in recorded.iter().filter(|(at, _)| *at <= day(now)) {
            facts.note(*at, *fact);
        }
        let score = trust_score(&facts, &standing, day(now));
        let mut earned = score.contributions.iter().filter(|part| part.evidence.code() == "good_days");
        let earned = earned.next().map_or(0, |part| part.points);
        let most = i16::from(parent) + i16::try_from(now).unwrap() + earned;
        prop_assert!(i16::from(score.score) <= most, "{:?}", score);
    }

    #[test]
    fn what_is_forgotten_for_good_made_no_difference(recorded in recorded(), standing in standing(), later in 64_u64..200) {
        let last = recorded.iter().map(|(at, _)| *at).max().unwrap_or(start());
        let now = last.plus_s(later * DAY_S);
        prop_assert_eq!(
            trust_score(&facts(&recorded), &standing, now).score,
            trust_score(&Facts::new(), &standing, now).score
        );
    }
}
