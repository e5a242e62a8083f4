//! The second before, and the second itself.

use super::*;
use crate::token::Moment;

/// What a verifier says at `at` of a call made at `made`, by a chain minted at `now()` for an hour.
#[track_caller]
fn check(made: Timestamp, ttl_s: u64, at: Timestamp, want: Result<(), Refusal>) {
    let forge = Forge::authority(&authority(ALL)).delegation(1, &delegation(1, ALL));
    let mut block = invocation(&read(), 1);
    block.at = made;
    block.bounds.until = made.plus_s(ttl_s);
    let presentation = forge.invocation(1, &block).present();
    let verified = verify_at(&presentation, &read(), at);
    assert_eq!(verified.map(|_| ()), want);
}

fn before(s: i64) -> Timestamp {
    Timestamp::from_s(now().as_s() - s)
}

#[test]
fn an_invocation_is_over_at_its_end() {
    let over = Err(Refusal::Expired { block: 2 });
    check(now(), 60, now().plus_s(60), over);
    check(now(), 60, now().plus_s(61), over);
    check(now(), 60, now().plus_s(59), Ok(()));
}

#[test]
fn an_invocation_lasts_at_most_a_minute_and_at_least_a_second() {
    check(now(), 61, now(), Err(Refusal::InvocationTime));
    check(now(), 0, now(), Err(Refusal::InvocationTime));
    check(now(), 60, now(), Ok(()));
    check(now(), 1, now(), Ok(()));
}

#[test]
fn a_clock_may_be_thirty_seconds_ahead() {
    check(
        now().plus_s(31),
        60,
        now(),
        Err(Refusal::Ahead { block: 2 }),
    );
    check(now().plus_s(30), 60, now(), Ok(()));
}

#[test]
fn an_invocation_is_not_older_than_its_delegation() {
    check(before(1), 60, now(), Err(Refusal::Times { block: 2 }));
}

#[test]
fn a_delegation_or_a_token_made_in_the_future_is_refused() {
    for (ahead_s, want) in [(31, Err(Refusal::Ahead { block: 2 })), (30, Ok(()))] {
        let ahead = now().plus_s(ahead_s);
        check_forged(
            |_, further, last| {
                further[1].at = ahead;
                (last.at, last.bounds.until) = (ahead, ahead.plus_s(10));
            },
            want,
        );
        check_forged(
            |first, further, last| {
                first.issued_at = ahead;
                further.iter_mut().for_each(|block| block.at = ahead);
                (last.at, last.bounds.until) = (ahead, ahead.plus_s(10));
            },
            want,
        );
    }
}

#[test]
fn a_token_holds_from_its_start_on() {
    check_forged(
        |first, _, _| first.not_before = now().plus_s(1),
        Err(Refusal::NotYet),
    );
    check_forged(|first, _, _| first.not_before = now(), Ok(()));
}

#[test]
fn a_hop_is_over_at_its_end() {
    for (over_s, want) in [(0, Err(Refusal::Expired { block: 2 })), (1, Ok(()))] {
        check_forged(
            |first, further, _| {
                (first.issued_at, first.not_before) = (before(10), before(10));
                further.iter_mut().for_each(|block| block.at = before(10));
                further[1].bounds.until = now().plus_s(over_s);
                further[1].rights[0].until = now().plus_s(over_s);
            },
            want,
        );
    }
}

#[test]
fn an_expired_ancestor_ends_everything_below() {
    let presentation = chain(ALL, 2)
        .invoke(&holder(2), &read(), moment(1))
        .unwrap();
    let over = now().plus_s(3600);
    let refusal = verify_at(presentation.as_bytes(), &read(), over).err();
    assert_eq!(refusal, Some(Refusal::Expired { block: 0 }));
}

#[test]
fn times_never_widen_along_the_chain() {
    check_forged(
        |_, further, _| further[1].bounds.until = now().plus_s(3601),
        Err(Refusal::Times { block: 2 }),
    );
    check_forged(
        |_, further, _| further[1].at = before(1),
        Err(Refusal::Times { block: 2 }),
    );
    check_forged(
        |_, further, _| {
            further[1].bounds.until = now();
            further[1].rights[0].until = now();
        },
        Err(Refusal::Times { block: 2 }),
    );
    let end = now().plus_s(3600);
    check_forged(
        |first, _, _| first.issued_at = end,
        Err(Refusal::Times { block: 0 }),
    );
    check_forged(
        |first, _, _| first.not_before = end,
        Err(Refusal::Times { block: 0 }),
    );
}

#[test]
fn a_right_that_ends_before_its_block_ends_by_itself() {
    let token = chain(&["read:mcp:github:*?expires=2026-11-21T10:00:30Z"], 1);
    assert_eq!(now().to_string(), "2026-11-21T10:00:00Z");
    let presentation = token.invoke(&holder(1), &read(), moment(1)).unwrap();
    for (at_s, want) in [(30, Some(Refusal::NotAllowed { block: 0 })), (29, None)] {
        let verified = verify_at(presentation.as_bytes(), &read(), now().plus_s(at_s));
        assert_eq!(verified.err(), want);
    }
}

#[test]
fn a_remembered_chain_is_as_mortal_as_a_new_one() {
    let verifier = verifier();
    let call = read();
    let request = Request::new(&call.action, &call.resource, call.arguments);
    let last = now().plus_s(3599);
    for (nonce, made, at, want) in [
        (1, now(), now(), None),
        (2, last, last, None),
        (3, last, last.plus_s(1), Some(Refusal::Expired { block: 0 })),
    ] {
        let moment = Moment {
            at: made,
            ..moment(nonce)
        };
        let presentation = chain(ALL, 1).invoke(&holder(1), &call, moment).unwrap();
        let verified = verifier.verify(presentation.as_bytes(), &request, at);
        assert_eq!(verified.err(), want);
    }
    assert_eq!(verifier.chains(), 1);
}

#[test]
fn a_right_is_shown_until_its_end() {
    let token = chain(&["read:mcp:github:*?expires=2026-11-21T10:00:30Z"], 1);
    for (at_s, want) in [(30, 0), (29, 1)] {
        let shown = token.permissions(now().plus_s(at_s));
        assert_eq!(shown.len(), want, "{at_s} s");
    }
}

#[test]
fn what_was_used_is_a_replay_until_its_end_and_then_over() {
    let verifier = verifier();
    let call = read();
    let request = Request::new(&call.action, &call.resource, call.arguments);
    let presentation = chain(ALL, 1).invoke(&holder(1), &call, moment(1)).unwrap();
    for (at_s, want) in [
        (0, None),
        (59, Some(Refusal::Replayed)),
        (60, Some(Refusal::Expired { block: 2 })),
    ] {
        let verified = verifier.verify(presentation.as_bytes(), &request, now().plus_s(at_s));
        assert_eq!(verified.err(), want, "{at_s} s");
    }
}
