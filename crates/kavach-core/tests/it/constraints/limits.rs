//! Rates and budgets: what they are charged, and how they meet.

use kavach_core::{Budget, Constraints, Period, Permission, Rate, Reason, Span};

use super::{constraints, permission};
use crate::world::World;

#[test]
fn limits_are_listed_rates_first_and_each_over_its_own_time() {
    let limits: Vec<_> = constraints("rate=100/d,20/h&budget=1000/total,5/day")
        .limits()
        .collect();
    let want = [
        (Span::Sliding(3600), 20),
        (Span::Sliding(86_400), 100),
        (Span::Day, 5),
        (Span::Total, 1000),
    ];
    assert_eq!(limits, want);
}

#[test]
fn two_lists_meet_in_both_and_over_the_same_time_in_the_lesser() {
    for (one, other, want) in [
        ("rate=20/h", "rate=30/h", "rate=20/h"),
        ("rate=20/h", "rate=19/h", "rate=19/h"),
        ("rate=20/h", "rate=100/d", "rate=20/h,100/d"),
        ("rate=20/h,100/d", "rate=5/s,90/d", "rate=5/s,20/h,90/d"),
        ("rate=0/h", "rate=5/h", "rate=0/h"),
        ("budget=5/day", "budget=4/day", "budget=4/day"),
        ("budget=5/day", "budget=100/month", "budget=5/day,100/month"),
        ("budget=0/total", "budget=5/total", "budget=0/total"),
        ("approve=2", "approve=3", "approve=3"),
        ("approve", "depth=1", "approve&depth=1"),
        (
            "min_trust=limited",
            "min_trust=trusted",
            "min_trust=trusted",
        ),
        (
            "min_trust=untrusted",
            "depth=2",
            "depth=2&min_trust=untrusted",
        ),
    ] {
        let [one, other] = [one, other].map(constraints);
        for met in [one.meet(&other), other.meet(&one)] {
            assert_eq!(met, constraints(want), "{one:?} {other:?}");
        }
    }
}

#[test]
fn zero_is_a_limit_and_absent_is_none() {
    let zero = constraints("rate=0/h&budget=0/day");
    assert_eq!(
        zero.limits().map(|(_, most)| most).collect::<Vec<_>>(),
        [0, 0]
    );
    let free = constraints("depth=1");
    assert_eq!(free.limits().count(), 0);
    assert!(!zero.contains(&constraints("rate=1/h&budget=0/day")));
    assert!(!zero.contains(&free));
    assert!(constraints("rate=1/h&budget=1/day").contains(&zero));
}

#[test]
fn every_small_pair_of_limits_meets_in_the_lesser() {
    for (one, other) in (0..4_u32).flat_map(|one| (0..4).map(move |other| (one, other))) {
        let least = one.min(other);
        for unit in ["s", "h", "15m"] {
            let [one, other] =
                [one, other].map(|calls| constraints(&format!("rate={calls}/{unit}")));
            assert_eq!(
                one.meet(&other),
                constraints(&format!("rate={least}/{unit}"))
            );
        }
        for period in Period::ALL {
            let word = period.word();
            let [one, other] =
                [one, other].map(|units| constraints(&format!("budget={units}/{word}")));
            let met = one.meet(&other);
            assert_eq!(
                met.budgets,
                [Budget {
                    period,
                    units: least.into()
                }]
            );
            assert_eq!(one.contains(&other), met == other);
        }
    }
}

#[test]
fn a_rate_is_printed_in_its_largest_unit() {
    for (written, want) in [
        ("5/1s", "5/s"),
        ("5/60s", "5/m"),
        ("5/90s", "5/90s"),
        ("100/15m", "100/15m"),
        ("20/60m", "20/h"),
        ("20/24h", "20/d"),
        ("20/7d", "20/w"),
        ("20/14d", "20/2w"),
        ("20/31d", "20/31d"),
        ("0/h", "0/h"),
        ("4294967295/h", "4294967295/h"),
    ] {
        let rate: Rate = written.parse().unwrap();
        assert_eq!(rate.to_string(), want);
        assert_eq!(want.parse(), Ok(rate));
    }
}

#[test]
fn what_no_record_could_hold_is_refused_before_it_is_stored() {
    type Change = fn(&mut Constraints);
    let changes: [(Change, &str); 8] = [
        (
            |built| built.approvals = Some(0),
            "is not what its permission was built as",
        ),
        (
            |built| built.approvals = Some(17),
            "is not what its permission was built as",
        ),
        (|built| built.max_depth = Some(9), "is too deep"),
        (
            |built| {
                built.rates = vec![Rate {
                    window_s: 0,
                    calls: 1,
                }]
            },
            "is not what its permission was built as",
        ),
        (
            |built| built.rates.reverse(),
            "is not what its permission was built as",
        ),
        (
            |built| built.rates.push(built.rates[1]),
            "is not what its permission was built as",
        ),
        (
            |built| {
                built.rates = (1..=9)
                    .map(|window_s| Rate { window_s, calls: 1 })
                    .collect()
            },
            "a permission with 9 rates, of which there are at most 8",
        ),
        (
            |built| built.windows = vec!["mon 09:00-10:00 UTC".parse().unwrap(); 9],
            "a permission with 9 windows, of which there are at most 8",
        ),
    ];
    let stored = |permission: Permission| {
        let mut world = World::new();
        let mut draft = world.agent_draft("agent", &[]);
        draft.permissions = vec![permission];
        world.graph.create_agent(draft, world.now)
    };
    for (change, words) in changes {
        let mut permission = permission("rate=1/s,2/h");
        assert!(stored(permission.clone()).is_ok());
        change(&mut permission.constraints);
        let refusal = stored(permission).unwrap_err();
        assert_eq!(refusal.reason, Reason::LimitReached);
        assert!(refusal.message.contains(words), "{refusal}");
    }
}
