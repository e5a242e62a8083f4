//! The form of a presentation: what stands at its end, and what may be changed about it.

use super::*;
use crate::id::TokenId;
use crate::profile::Profiled;
use crate::token::Moment;

fn presentation(hops: u8) -> Vec<u8> {
    let presentation = chain(ALL, hops)
        .invoke(&holder(hops), &read(), moment(1))
        .unwrap();
    presentation.as_bytes().to_vec()
}

#[track_caller]
fn check(presentation: &[u8], want: Refusal) {
    assert_eq!(verify_at(presentation, &read(), now()).err(), Some(want));
}

fn terminal() -> HolderKey {
    HolderKey::from_bytes(&TERMINAL_SECRET)
}

/// A presentation without its proof, to go on from.
fn reopened(hops: u8) -> Forge {
    let token = chain(ALL, hops);
    Forge::after(&token).invocation(hops, &invocation(&read(), hops))
}

#[test]
fn the_open_form_is_for_its_holder() {
    check(chain(ALL, 1).as_bytes(), Refusal::Open);
}

#[test]
fn a_sealed_presentation_is_refused() {
    let mut forge = reopened(1);
    let bytes = forge.bytes.clone();
    let envelope = Envelope::read(&bytes).unwrap();
    let last = envelope.blocks.last().unwrap();
    envelope::seal(&mut forge.bytes, &terminal(), last).unwrap();
    check(&forge.bytes, Refusal::Sealed);
}

#[test]
fn a_proof_that_is_not_the_terminal_secret_is_a_bearer_token() {
    let mut bytes = chain(ALL, 1).as_bytes().to_vec();
    envelope::prove(&mut bytes, holder(1).expose());
    check(&bytes, Refusal::Proof);
}

#[test]
fn a_chain_without_an_invocation_is_refused() {
    let mut bytes = chain(ALL, 1).as_bytes().to_vec();
    envelope::prove(&mut bytes, &TERMINAL_SECRET);
    check(&bytes, Refusal::NoInvocation);
}

#[test]
fn whoever_sees_a_presentation_cannot_append_a_second_invocation() {
    let mut again = invocation(&read(), 1);
    again.nonce = Nonce::from_bytes([77; 16]);
    let forge = reopened(1).then(&again, &terminal(), &TERMINAL_KEY);
    check(&forge.present(), Refusal::TerminalKey { block: 2 });
}

#[test]
fn an_invocation_is_the_last_block() {
    // The holder signs an invocation for another holder to go on with.
    let next = holder(2).public_key();
    let forge = Forge::authority(&authority(ALL)).delegation(1, &delegation(1, ALL));
    let forge = forge.then(&invocation(&read(), 1), &holder(1), next.as_bytes());
    let presentation = forge.invocation(2, &invocation(&read(), 2)).present();
    check(&presentation, Refusal::SecondInvocation { block: 2 });
}

#[test]
fn an_invocation_is_signed_by_the_last_holder() {
    for wrong in [0, 2] {
        let forge = Forge::authority(&authority(ALL)).delegation(1, &delegation(1, ALL));
        let forge = forge.then(&invocation(&read(), 1), &holder(wrong), &TERMINAL_KEY);
        check(&forge.present(), Refusal::Signature { block: 2 });
    }
}

#[test]
fn a_delegation_is_signed_by_whoever_held_the_token() {
    let block = delegation(1, ALL);
    let forge = Forge::authority(&authority(ALL)).then(&block, &holder(3), &block.holder);
    check(
        &forge.invocation(1, &invocation(&read(), 1)).present(),
        Refusal::Signature { block: 1 },
    );
}

#[test]
fn the_terminal_key_holds_no_token() {
    let mut first = authority(ALL);
    first.holder = TERMINAL_KEY;
    let forge = Forge::authority(&first);
    let forge = forge.then(&invocation(&read(), 0), &terminal(), &TERMINAL_KEY);
    check(&forge.present(), Refusal::TerminalKey { block: 0 });
}

#[test]
fn a_delegation_in_the_place_of_the_invocation_is_refused() {
    let mut block = delegation(1, ALL);
    block.holder = TERMINAL_KEY;
    let forge = Forge::authority(&authority(ALL)).then(&block, &holder(0), &TERMINAL_KEY);
    check(&forge.present(), Refusal::Profile { block: 1 });
}

#[test]
fn an_invocation_says_how_deep_it_was_made() {
    for wrong in [1, 3] {
        check_forged(
            |_, _, last| last.bounds.deepest = wrong,
            Err(Refusal::TooDeep { block: 3 }),
        );
    }
}

#[test]
fn another_audience_action_resource_or_arguments_are_each_refused_by_name() {
    let other = "https://other.example";
    check_forged(
        |_, _, last| last.audience = audience(other),
        Err(Refusal::Audience),
    );
    check_forged(
        |_, _, last| last.action = "write".parse().unwrap(),
        Err(Refusal::Call),
    );
    let issues = "mcp:github:issues";
    check_forged(
        |_, _, last| last.resource = issues.parse().unwrap(),
        Err(Refusal::Call),
    );
    let arguments = ArgumentsHash::of(b"[]");
    check_forged(
        |_, _, last| last.arguments = arguments,
        Err(Refusal::Arguments),
    );
}

#[test]
fn an_audience_that_the_chain_does_not_have_is_refused_although_it_is_this_service() {
    check_forged(
        |first, further, _| {
            let other = vec![audience("https://other.example")];
            first.audiences.clone_from(&other);
            further
                .iter_mut()
                .for_each(|block| block.audiences.clone_from(&other));
        },
        Err(Refusal::Audience),
    );
}

#[test]
fn a_presentation_counts_once() {
    let verifier = verifier();
    let call = read();
    let request = Request::new(&call.action, &call.resource, call.arguments);
    let bytes = presentation(1);
    assert!(verifier.verify(&bytes, &request, now()).is_ok());
    let again = verifier.verify(&bytes, &request, now().plus_s(59));
    assert_eq!(again.err(), Some(Refusal::Replayed));
}

#[test]
fn a_nonce_counts_once_whatever_else_is_signed_with_it_and_for_each_key() {
    let verifier = verifier();
    for (hops, action, want) in [
        (1, "read", None),
        (1, "write", Some(Refusal::Replayed)),
        (2, "read", None),
    ] {
        let call = call(action, "mcp:github:repos");
        let request = Request::new(&call.action, &call.resource, call.arguments);
        let presentation = chain(ALL, hops)
            .invoke(&holder(hops), &call, moment(1))
            .unwrap();
        let verified = verifier.verify(presentation.as_bytes(), &request, now());
        assert_eq!(verified.err(), want);
    }
}

#[test]
fn a_refused_presentation_uses_up_nothing() {
    let verifier = verifier();
    let call = read();
    let bytes = presentation(1);
    let request = Request::new(&call.action, &call.resource, ArgumentsHash::of(b"other"));
    let refused = verifier.verify(&bytes, &request, now());
    assert_eq!(refused.err(), Some(Refusal::Arguments));
    let request = Request::new(&call.action, &call.resource, call.arguments);
    assert!(verifier.verify(&bytes, &request, now()).is_ok());
}

fn verifier_that_remembers(replays: ReplayCache) -> Verifier {
    Verifier::new(
        audience(SERVICE),
        keys(),
        Revocations::danger_ignored(),
        replays,
    )
}

#[test]
fn what_was_made_before_the_verifier_began_to_remember_is_refused() {
    // A clock may be 30 seconds ahead, so what is from the first 30 seconds may have been used before.
    let call = read();
    let request = Request::new(&call.action, &call.resource, call.arguments);
    for (before_s, want) in [(29, Some(Refusal::BeforeStart)), (30, None)] {
        let start = Timestamp::from_s(now().as_s() - before_s);
        let verifier = verifier_that_remembers(ReplayCache::new(10, start));
        let verified = verifier.verify(&presentation(1), &request, now());
        assert_eq!(verified.err(), want);
    }
}

#[test]
fn a_full_memory_refuses_until_something_is_over() {
    let call = read();
    let request = Request::new(&call.action, &call.resource, call.arguments);
    let verifier = verifier_that_remembers(ReplayCache::danger_first_start(2));
    let present = |nonce, at| {
        let moment = Moment {
            at,
            ..moment(nonce)
        };
        let presentation = chain(ALL, 1).invoke(&holder(1), &call, moment).unwrap();
        verifier
            .verify(presentation.as_bytes(), &request, at)
            .map(|_| ())
    };
    assert_eq!(present(1, now()), Ok(()));
    assert_eq!(present(2, now().plus_s(1)), Ok(()));
    assert_eq!(present(3, now().plus_s(59)), Err(Refusal::ReplaysFull));
    assert_eq!(present(3, now().plus_s(60)), Ok(()));
}

#[test]
fn somebody_else_may_remember_what_was_used() {
    let verifier = verifier();
    let call = read();
    let request = Request::new(&call.action, &call.resource, call.arguments);
    let bytes = presentation(1);
    for _ in 0..2 {
        let unspent = verifier
            .verify_unspent(&bytes, &request, now(), &mut Offline)
            .unwrap();
        let usage = unspent.usage();
        assert_eq!(
            (usage.key, usage.nonce),
            (holder(1).public_key(), moment(1).nonce)
        );
        assert_eq!(usage.until, now().plus_s(60));
    }
}

#[test]
fn an_unknown_or_missing_root_key_is_refused() {
    let bytes = presentation(0);
    // The number stands in the second byte, behind its tag.
    let mut other = bytes.clone();
    other[1] = 2;
    check(&other, Refusal::UnknownRootKey);
    check(&bytes[2..], Refusal::UnknownRootKey);
}

#[test]
fn another_key_than_the_published_one_is_refused_under_its_number() {
    let wrong = HolderKey::from_bytes(&[55; 32]);
    let written = authority(ALL).write(&Symbols::default());
    let next = *holder(0).public_key().as_bytes();
    let forge = Forge::begin(&written.payload, &wrong, &next, &written.symbols);
    let presentation = forge.invocation(0, &invocation(&read(), 0)).present();
    check(&presentation, Refusal::Signature { block: 0 });
}

fn ends(bytes: &[u8]) -> Vec<usize> {
    let envelope = Envelope::read(bytes).unwrap();
    envelope.blocks.iter().map(|block| block.end).collect()
}

#[test]
fn blocks_in_another_order_or_left_out_are_refused() {
    let bytes = presentation(3);
    let [a, b, c, ..] = ends(&bytes)[..] else {
        panic!("five blocks");
    };
    let swapped = [&bytes[..a], &bytes[b..c], &bytes[a..b], &bytes[c..]].concat();
    check(&swapped, Refusal::Signature { block: 1 });
    let dropped = [&bytes[..a], &bytes[b..]].concat();
    check(&dropped, Refusal::Signature { block: 1 });
}

#[test]
fn a_block_of_another_chain_is_refused() {
    let one = presentation(1);
    let mut other = authority(ALL);
    other.id = TokenId::from_bytes([55; 16]);
    let forge = Forge::authority(&other).delegation(1, &delegation(1, ALL));
    let other = forge.invocation(1, &invocation(&read(), 1)).present();
    let spliced = [&one[..ends(&one)[0]], &other[ends(&other)[0]..]].concat();
    check(&spliced, Refusal::Signature { block: 1 });
}

#[test]
fn a_token_has_at_most_16_blocks_and_16_kib() {
    check(&vec![0; 16 * 1024 + 1], Refusal::TooLarge);
    check(&vec![0; 16 * 1024], Refusal::Malformed);
    let forge = reopened(0);
    let block = forge.bytes[ends(&forge.bytes)[0]..].to_vec();
    let mut bytes = forge.bytes;
    for _ in 0..14 {
        bytes.extend_from_slice(&block);
    }
    assert_eq!(ends(&bytes).len(), 16);
    bytes.extend_from_slice(&block);
    check(&bytes, Refusal::TooManyBlocks);
}

#[test]
fn an_old_signature_version_is_refused() {
    let mut bytes = presentation(0);
    // The version is the last field of each block.
    let end = ends(&bytes)[0];
    assert_eq!(bytes[end - 2..end], [0x28, 0x01]);
    bytes[end - 1] = 0x02;
    check(&bytes, Refusal::SignatureVersion { block: 0 });
}

#[test]
fn a_key_of_another_algorithm_is_refused() {
    let mut bytes = presentation(0);
    let ed25519 = [0x08, 0x00, 0x12, 0x20];
    let at = bytes
        .windows(4)
        .position(|window| window == ed25519)
        .unwrap();
    bytes[at + 1] = 1;
    check(&bytes, Refusal::Algorithm);
}

#[test]
fn no_change_of_a_single_bit_is_accepted() {
    let bytes = presentation(2);
    let call = read();
    let request = Request::new(&call.action, &call.resource, call.arguments);
    // One that has seen the chain, and one that has not.
    let warm = verifier();
    let other = chain(ALL, 2).invoke(&holder(2), &call, moment(2)).unwrap();
    warm.verify(other.as_bytes(), &request, now()).unwrap();
    let cold = verifier().with_chains(0);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            for verifier in [&warm, &cold] {
                let verified = verifier.verify(&changed, &request, now());
                assert!(verified.is_err(), "byte {at}, bit {bit}");
            }
        }
    }
    assert!(warm.verify(&bytes, &request, now()).is_ok());
}

#[test]
fn what_is_cut_off_or_added_at_the_end_is_refused() {
    let bytes = presentation(1);
    for length in 0..bytes.len() {
        assert!(
            verify_at(&bytes[..length], &read(), now()).is_err(),
            "{length}"
        );
    }
    let longer = [&bytes[..], &[0]].concat();
    check(&longer, Refusal::Malformed);
}

#[test]
fn what_the_peer_learns_does_not_tell_keys_from_signatures_from_rights() {
    use crate::refusal::PeerMessage::{OutOfTime, Refused, TryAgain};
    for (refusal, want) in [
        (Refusal::Signature { block: 1 }, Refused),
        (Refusal::Revoked { block: 1 }, Refused),
        (Refusal::NotAllowed { block: 0 }, Refused),
        (Refusal::UnknownRootKey, Refused),
        (Refusal::Replayed, Refused),
        (Refusal::Expired { block: 0 }, OutOfTime),
        (Refusal::Ahead { block: 0 }, OutOfTime),
        (Refusal::ReplaysFull, TryAgain),
        (Refusal::RevocationStale, TryAgain),
    ] {
        assert_eq!(refusal.to_peer(), want, "{refusal}");
    }
}
