use proptest::prelude::*;

use super::*;

fn place(part: Part) -> Place {
    Place {
        log: LogId::from_u128(9),
        tenant: TenantId::from_u128(5),
        agent: AgentId::from_u128(u128::MAX),
        part,
    }
}

/// The fingerprints as they are kept: in order, each once, at most sixteen.
fn prints() -> impl Strategy<Value = Vec<Fingerprint>> {
    let numbers = prop::collection::btree_set(any::<u32>(), 0..16);
    numbers.prop_map(|numbers| numbers.into_iter().map(Fingerprint::from_u32).collect())
}

fn day() -> impl Strategy<Value = Day> {
    let hours = prop::collection::btree_map(0_u8..24, any::<(u32, u32)>(), 0..24);
    let counts = any::<(u32, u32, u32, u32, u32)>();
    (16_u32..24, hours, counts, prints()).prop_map(|(number, hours, counts, sensitive)| Day {
        number,
        hours: hours
            .into_iter()
            .map(|(hour, (allowed, denied))| Hour {
                hour,
                allowed,
                denied,
            })
            .collect(),
        guardrail: counts.0,
        unmatched: counts.1,
        out_of_bounds: counts.2,
        limited: counts.3,
        refused: counts.4,
        sensitive,
    })
}

proptest! {
    #[test]
    fn days_come_back_as_they_were(days in prop::collection::vec(day(), 0..9), next in any::<u64>()) {
        let place = place(Part::Block(2));
        let bytes = encode_days(next, days.iter());
        let found = decode(place.key().bytes(), &bytes).unwrap();
        prop_assert_eq!(found, Found::Days { place, next, days });
        for cut in 0..bytes.len() {
            // Whatever is cut off is missed, unless whole days are.
            if let Ok(Found::Days { days, .. }) = decode(place.key().bytes(), &bytes[..cut]) {
                prop_assert_eq!(encode_days(next, days.iter()), &bytes[..cut]);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_fall_over(key in prop::collection::vec(any::<u8>(), 0..40), bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = decode(&key, &bytes);
        let _ = decode(place(Part::Block(2)).key().bytes(), &bytes);
    }

    #[test]
    fn marks_and_origins_come_back_as_they_were(next in any::<u64>(), time_ns in any::<u64>(), score in any::<u8>(), day in any::<u32>()) {
        let log = LogId::from_u128(9);
        let found = decode(mark_key(log).bytes(), &encode_mark(next, time_ns)).unwrap();
        prop_assert_eq!(found, Found::Mark { log, next, time_ns });
        let place = place(Part::Origin);
        let found = decode(place.key().bytes(), &encode_origin(next, score, day)).unwrap();
        prop_assert_eq!(found, Found::Origin { place, next, score, day });
    }
}

#[test]
fn what_is_damaged_or_newer_is_told_apart() {
    use StoreErrorKind::{Corrupt, SchemaTooNew};
    let (mark, block) = (mark_key(LogId::from_u128(9)), place(Part::Block(2)).key());
    let too_long = [
        1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0,
    ];
    for (key, bytes, want) in [
        (&mark, &[1, 5, 6][..], None),
        (&mark, &[], Some(Corrupt)),
        (&mark, &[0, 5, 6], Some(Corrupt)),
        (&mark, &[2, 5, 6], Some(SchemaTooNew)),
        (&mark, &[1, 5], Some(Corrupt)),
        (&mark, &[1, 5, 6, 7], Some(Corrupt)),
        (&mark, &too_long, Some(Corrupt)),
        (&block, &[1, 5], None),
        // Day 16 is the first of the third eight, and 24 the first of the fourth.
        (&block, &[1, 5, 16, 0, 0, 0, 0, 0, 0, 0], None),
        (&block, &[1, 5, 24, 0, 0, 0, 0, 0, 0, 0], Some(Corrupt)),
        (&block, &[1, 5, 16, 1, 23, 0, 0, 0, 0, 0, 0, 0, 0], None),
        (
            &block,
            &[1, 5, 16, 1, 24, 0, 0, 0, 0, 0, 0, 0, 0],
            Some(Corrupt),
        ),
        (&block, &[1, 5, 16, 65], Some(Corrupt)),
    ] {
        let found = decode(key.bytes(), bytes).map_err(|error| error.kind().clone());
        assert_eq!(found.err(), want, "{bytes:?}");
    }
    let odd_key = [0; 33];
    assert!(decode(&odd_key, &[1, 5]).is_err());
}

#[test]
fn the_days_of_one_record_are_the_eight_from_a_multiple_of_eight() {
    for (day, want) in [(0, 0), (7, 0), (8, 1), (15, 1), (16, 2)] {
        assert_eq!(Part::with_day(day), Part::Block(want), "{day}");
    }
}

#[test]
fn a_usual_day_takes_few_bytes() {
    let hours = (8..18).map(|hour| Hour {
        hour,
        allowed: 20,
        denied: 1,
    });
    let day = Day {
        number: 20_778,
        hours: hours.collect(),
        ..Day::default()
    };
    let bytes = encode_days(1_000_000, std::iter::repeat_n(&day, 8)).len();
    assert!(bytes < 8 * 48, "{bytes}");
}
