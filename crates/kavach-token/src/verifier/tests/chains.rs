//! What must follow from the block above.

use super::*;
use crate::block::{BlockWriter, Term};
use crate::chain::Chain;
use crate::id::TokenId;
use crate::key::Signature;
use crate::profile::Profiled;

#[test]
fn a_right_that_the_delegator_does_not_have_is_refused_although_it_is_not_used() {
    check_forged(
        |_, further, _| {
            let bounds = further[1].bounds;
            further[1]
                .rights
                .push(right("read:mcp:gitlab:*", bounds, 2));
        },
        Err(Refusal::RightWidened { block: 2 }),
    );
}

#[test]
fn a_right_that_lasts_longer_or_reaches_deeper_than_the_delegators_is_refused() {
    check_forged(
        |first, _, _| first.rights[0].until = now().plus_s(1800),
        Err(Refusal::RightWidened { block: 1 }),
    );
    check_forged(
        |first, _, _| first.rights[0].deepest = 2,
        Err(Refusal::RightWidened { block: 1 }),
    );
}

#[test]
fn rights_of_two_grants_together_do_not_make_one_that_neither_is() {
    check_forged(
        |first, further, _| {
            let bounds = first.bounds;
            first.rights = vec![
                right("read:mcp:github:*", bounds, 0),
                right("write:mcp:gitlab:*", bounds, 0),
            ];
            further[0].rights = vec![right("read,write:mcp:github:*", bounds, 1)];
        },
        Err(Refusal::RightWidened { block: 1 }),
    );
}

#[test]
fn a_block_whose_next_key_is_not_the_holder_it_names_is_refused() {
    let mut block = delegation(1, ALL);
    let next = block.holder;
    block.holder = *holder(3).public_key().as_bytes();
    let forge = Forge::authority(&authority(ALL)).then(&block, &holder(0), &next);
    let presentation = forge.invocation(1, &invocation(&read(), 1)).present();
    let refusal = verify_at(&presentation, &read(), now()).err();
    assert_eq!(refusal, Some(Refusal::Holder { block: 1 }));
}

#[test]
fn a_first_block_whose_next_key_is_not_its_holder_is_refused() {
    let mut first = authority(ALL);
    first.holder = *holder(3).public_key().as_bytes();
    let written = first.write(&Symbols::default());
    let next = *holder(0).public_key().as_bytes();
    let forge = Forge::begin(&written.payload, &root(), &next, &written.symbols);
    let presentation = forge.invocation(0, &invocation(&read(), 0)).present();
    let refusal = verify_at(&presentation, &read(), now()).err();
    assert_eq!(refusal, Some(Refusal::Holder { block: 0 }));
}

#[test]
fn a_delegation_from_somebody_else_than_the_holder_is_refused() {
    check_forged(
        |_, further, _| further[1].from = "somebody".parse().unwrap(),
        Err(Refusal::Delegator { block: 2 }),
    );
    check_forged(
        |_, further, _| further[0].from = "helper-2".parse().unwrap(),
        Err(Refusal::Delegator { block: 1 }),
    );
}

#[test]
fn the_owner_is_stated_once_and_a_delegation_that_states_one_is_not_in_the_profile() {
    let first = authority(ALL);
    let forge = Forge::authority(&first);
    let block = delegation(1, ALL);
    let mut out = BlockWriter::after(&forge.symbols, 3);
    block.write_block(&mut out);
    out.fact("owner", &[Term::Text(&first.owner.to_string())]);
    let written = out.finish();
    let mut forge = forge.then_bytes(&written.payload, &holder(0), &block.holder);
    forge.symbols.extend(&written.symbols);
    let presentation = forge.invocation(1, &invocation(&read(), 1)).present();
    let refusal = verify_at(&presentation, &read(), now()).err();
    assert_eq!(refusal, Some(Refusal::Profile { block: 1 }));
}

#[test]
fn a_key_stands_in_a_chain_once() {
    let again = *holder(0).public_key().as_bytes();
    let forge = Forge::authority(&authority(ALL)).delegation(1, &delegation(1, ALL));
    let mut back = delegation(2, ALL);
    back.holder = again;
    let forge = forge.then(&back, &holder(1), &again);
    let presentation = forge.invocation(0, &invocation(&read(), 2)).present();
    let refusal = verify_at(&presentation, &read(), now()).err();
    assert_eq!(refusal, Some(Refusal::KeyRepeated { block: 2 }));
}

#[test]
fn the_root_key_holds_no_token() {
    let mut first = authority(ALL);
    first.holder = *root().public_key().as_bytes();
    let forge = Forge::authority(&first);
    let forge = forge.then(&invocation(&read(), 0), &root(), &TERMINAL_KEY);
    let refusal = verify_at(&forge.present(), &read(), now()).err();
    assert_eq!(refusal, Some(Refusal::KeyRepeated { block: 0 }));
}

#[test]
fn a_chain_deeper_than_a_block_allows_is_refused() {
    check_forged(
        |first, further, _| {
            first.bounds.deepest = 1;
            first.rights[0].deepest = 1;
            further[0].bounds.deepest = 1;
            further[0].rights[0].deepest = 1;
        },
        Err(Refusal::TooDeep { block: 1 }),
    );
    check_forged(
        |first, _, _| {
            first.bounds.deepest = 0;
            first.rights[0].deepest = 0;
        },
        Err(Refusal::TooDeep { block: 0 }),
    );
}

#[test]
fn a_delegation_that_allows_more_depth_than_it_has_is_refused() {
    check_forged(
        |_, further, _| further[1].bounds.deepest = 5,
        Err(Refusal::TooDeep { block: 1 }),
    );
    check_forged(
        |_, further, _| {
            further[1].bounds.deepest = 1;
            further[1].rights[0].deepest = 1;
        },
        Err(Refusal::TooDeep { block: 2 }),
    );
}

#[test]
fn a_chain_has_at_most_fourteen_delegations() {
    for (deepest, want) in [(15, Err(Refusal::TooDeep { block: 0 })), (14, Ok(()))] {
        check_forged(
            |first, _, _| {
                first.bounds.deepest = deepest;
                first.rights[0].deepest = deepest;
            },
            want,
        );
    }
}

#[test]
fn an_audience_that_the_delegator_does_not_have_is_refused() {
    check_forged(
        |_, further, _| further[1].audiences.push(audience("https://evil.example")),
        Err(Refusal::AudienceWidened { block: 2 }),
    );
    check_forged(
        |_, further, _| further[1].audiences = vec![],
        Err(Refusal::AudienceWidened { block: 2 }),
    );
    check_forged(
        |_, further, _| further[1].audiences = vec![audience(SERVICE)],
        Ok(()),
    );
}

#[test]
fn a_token_for_nobody_is_refused() {
    check_forged(
        |first, _, _| first.audiences = vec![],
        Err(Refusal::Profile { block: 0 }),
    );
}

#[test]
fn a_call_that_an_ancestor_does_not_allow_is_refused() {
    check_forged(
        |_, further, _| {
            let bounds = further[0].bounds;
            further[0].rights = vec![right("read:mcp:github:issues", bounds, 1)];
        },
        Err(Refusal::RightWidened { block: 2 }),
    );
}

#[test]
fn a_call_outside_somebodys_rights_is_refused_at_their_block() {
    let write = call("write", "mcp:github:repos");
    for (first, second, block) in [
        ("read:mcp:github:*", "read:mcp:github:*", 0),
        (ALL[0], "read:mcp:github:*", 1),
    ] {
        let forge = Forge::authority(&authority(&[first])).delegation(1, &delegation(1, &[second]));
        let presentation = forge.invocation(1, &invocation(&write, 1)).present();
        let refusal = verify_at(&presentation, &write, now()).err();
        assert_eq!(refusal, Some(Refusal::NotAllowed { block }));
    }
}

#[test]
fn another_tenant_or_issuer_than_the_keys_is_refused() {
    check_forged(
        |first, _, _| first.tenant = TenantId::from_parts(1, 1),
        Err(Refusal::Tenant),
    );
    check_forged(
        |first, _, _| first.issuer = audience("https://evil.example"),
        Err(Refusal::Tenant),
    );
}

/// The neutral point.
fn neutral() -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = 1;
    bytes
}

#[test]
fn a_next_key_of_low_order_or_in_a_second_spelling_is_refused() {
    let order_eight =
        crate::hex::parse("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
    // The neutral point again, with y = p + 1.
    let mut second_spelling = [0xff; 32];
    (second_spelling[0], second_spelling[31]) = (0xee, 0x7f);
    for weak in [neutral(), order_eight.unwrap(), second_spelling] {
        let mut first = authority(ALL);
        first.holder = weak;
        let forge = Forge::authority(&first);
        let presentation = forge.invocation(0, &invocation(&read(), 0)).present();
        let refusal = verify_at(&presentation, &read(), now()).err();
        assert_eq!(refusal, Some(Refusal::Key { block: 0 }), "{weak:02x?}");
    }
}

#[test]
fn a_signature_of_low_order_parts_or_with_a_second_spelling_of_s_is_refused() {
    // s + L is the same number modulo L (RFC 8032 section 5.1.7 demands s < L).
    const L: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    let key = holder(1);
    let mut signature = *key.sign(b"message").unwrap().as_bytes();
    assert!(key.public_key().verifies(b"message", &Signature(signature)));
    let mut carry = 0;
    for (byte, add) in signature[32..]
        .iter_mut()
        .zip(crate::hex::parse::<32>(L).unwrap())
    {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = ((sum & 0xff) as u8, sum >> 8);
    }
    assert!(!key.public_key().verifies(b"message", &Signature(signature)));
    let mut small = [0; 64];
    small[0] = 1;
    assert!(!key.public_key().verifies(b"message", &Signature(small)));
    assert_eq!(
        PublicKey::from_bytes(&neutral()),
        Err(crate::error::KeyError::Weak)
    );
}

#[test]
fn a_chain_that_takes_too_many_comparisons_is_refused() {
    // Each child's rights stand in the opposite order to its parent's. Too large as a token: only the chain
    // is looked at.
    let spread: Vec<String> = (0..50)
        .map(|number| format!("read:tool:x{number}"))
        .collect();
    let mut spread: Vec<&str> = spread.iter().map(String::as_str).collect();
    let mut first = authority(&spread);
    first.bounds.deepest = 14;
    first.rights.iter_mut().for_each(|right| right.deepest = 14);
    let mut forge = Forge::authority(&first);
    for number in 1..=14 {
        spread.reverse();
        let mut block = delegation(number, &spread);
        // What stands last above, seven times more: a block has at most 64 facts.
        let last = block.rights[0].clone();
        block.rights.extend([(); 7].map(|()| last.clone()));
        block.bounds.deepest = 14;
        block.rights.iter_mut().for_each(|right| right.deepest = 14);
        forge = forge.delegation(number, &block);
    }
    let blocks = envelope::read_unbounded(&forge.bytes);
    let mut chain = Chain::begin(1, &blocks[0]).unwrap();
    let refusal = blocks[1..]
        .iter()
        .find_map(|block| chain.follow(block).err());
    assert_eq!(refusal, Some(Refusal::TooMuchWork));
    assert!(chain.comparisons() <= 6_010 && chain.hops.len() > 1);
}

#[test]
fn a_block_of_more_than_64_facts_is_refused() {
    let spread: Vec<String> = (0..51)
        .map(|number| format!("read:tool:x{number}"))
        .collect();
    let permissions: Vec<&str> = spread.iter().map(String::as_str).collect();
    let call = call("read", "tool:x0");
    for (count, want) in [(51, Some(Refusal::TooManyFacts { block: 0 })), (50, None)] {
        let forge = Forge::authority(&authority(&permissions[..count]));
        let presentation = forge.invocation(0, &invocation(&call, 0)).present();
        assert_eq!(
            verify_at(&presentation, &call, now()).err(),
            want,
            "{count}"
        );
    }
}

#[test]
fn what_an_issuer_calls_its_token_is_its_own_business() {
    check_forged(
        |first, _, _| first.id = TokenId::from_bytes([7; 16]),
        Ok(()),
    );
}

#[test]
fn a_block_whose_checks_are_changed_is_not_in_the_profile() {
    // The facts say what they said; only what asks for them is other, and signed by the holder.
    let block = delegation(1, ALL);
    let begun = Forge::authority(&authority(ALL));
    let written = block.write(&begun.symbols);
    for at in written.payload.len() - 100..written.payload.len() {
        let mut payload = written.payload.clone();
        payload[at] ^= 1;
        let mut forge = begun
            .clone()
            .then_bytes(&payload, &holder(0), &block.holder);
        forge.symbols.extend(&written.symbols);
        let presentation = forge.invocation(1, &invocation(&read(), 1)).present();
        let refusal = verify_at(&presentation, &read(), now()).err();
        assert_eq!(refusal, Some(Refusal::Profile { block: 1 }), "byte {at}");
    }
    let shorter = &written.payload[..written.payload.len() - 40];
    let forge = begun.then_bytes(shorter, &holder(0), &block.holder);
    let presentation = forge.invocation(1, &invocation(&read(), 1)).present();
    let refusal = verify_at(&presentation, &read(), now()).err();
    assert_eq!(refusal, Some(Refusal::Profile { block: 1 }));
}

#[test]
fn a_key_that_is_known_from_elsewhere_is_not_taken_for_the_one_in_the_block() {
    let forge = Forge::authority(&authority(ALL)).delegation(1, &delegation(1, ALL));
    let blocks = envelope::read_unbounded(&forge.bytes);
    for known in [None, Some(holder(1)), Some(holder(2))] {
        let known = known.map(|known| known.public_key());
        let mut chain = Chain::begin(1, &blocks[0]).unwrap();
        chain.follow_to(&blocks[1], known.as_ref()).unwrap();
        assert_eq!(chain.hops[1].key, holder(1).public_key());
    }
}
