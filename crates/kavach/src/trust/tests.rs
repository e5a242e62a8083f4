use kavach_core::{CredentialKind, Fingerprint, Offence};
use proptest::prelude::*;

use super::*;

const DAY_S: u64 = 24 * 60 * 60;
/// 2026-11-02.
const START_S: i64 = 1_793_577_600;

/// What happens to a page.
#[derive(Clone, Copy, Debug)]
enum Step {
    Noted(Fact),
    Rotated,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (0_u8..=100).prop_map(|score| Step::Noted(Fact::Spawned(score))),
        8 => Just(Step::Noted(Fact::Allowed(None))),
        4 => (0_u32..9).prop_map(|number| {
            Step::Noted(Fact::Allowed(Some(Fingerprint::from_u32(number))))
        }),
        8 => Just(Step::Noted(Fact::Denied(Offence::Unmatched))),
        2 => Just(Step::Noted(Fact::Refused)),
        1 => Just(Step::Rotated),
    ]
}

proptest! {
    /// Days go on, and now and then what happened the day before lands after somebody asked.
    #[test]
    fn what_is_remembered_is_what_would_be_worked_out(
        steps in prop::collection::vec((step(), 0_u64..3, any::<bool>()), 1..80),
    ) {
        let start = Timestamp::from_s(START_S);
        let mut standing = Standing {
            created_at: start,
            credential: CredentialKind::Bearer,
            credential_since: Some(start),
        };
        let mut page = Page::default();
        let mut now = start;
        for (step, days, late) in steps {
            now = now.plus_s(days * DAY_S);
            match step {
                Step::Noted(fact) if late => page.note(Timestamp::from_s(now.as_s() - 86_400), fact),
                Step::Noted(fact) => page.note(now, fact),
                Step::Rotated => standing.credential_since = Some(now),
            }
            for asked in [now, now.plus_s(DAY_S), now] {
                let want = trust_score(&page.facts, &standing, asked).score;
                prop_assert_eq!(page.points(&standing, asked), want);
                prop_assert_eq!(page.points(&standing, asked), want);
            }
        }
    }
}

#[test]
fn no_two_days_nor_two_credentials_are_taken_for_each_other() {
    let at = |day: u64| Timestamp::from_s(0).plus_s(day * DAY_S);
    let standing = |since| Standing {
        created_at: at(0),
        credential: CredentialKind::Bearer,
        credential_since: since,
    };
    let mut seen = std::collections::HashSet::new();
    let last = 253_402_128_000 / DAY_S;
    for now in [0, 1, 20_778, last] {
        for since in [None, Some(0), Some(1), Some(20_778), Some(last)] {
            let made_for = made_for(&standing(since.map(at)), at(now));
            assert!(made_for != 0 && made_for & 0xff == 0);
            assert!(seen.insert(made_for), "{now} {since:?}");
        }
    }
}
