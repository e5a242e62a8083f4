//! How much of each thing a block has, and what that costs.

use super::*;
use crate::token::Token;

#[test]
fn a_block_names_at_most_eight_audiences() {
    let audiences = |count: usize| {
        let mut audiences = authority(ALL).audiences;
        audiences
            .extend((audiences.len()..count).map(|at| audience(&format!("https://{at}.example"))));
        audiences
    };
    for (count, first, below) in [
        (
            9,
            Err(Refusal::Profile { block: 0 }),
            Err(Refusal::Profile { block: 2 }),
        ),
        (8, Ok(()), Ok(())),
    ] {
        check_forged(|block, _, _| block.audiences = audiences(count), first);
        check_forged(
            |_, further, _| further[1].audiences = vec![audience(SERVICE); count],
            below,
        );
    }
}

#[test]
fn a_block_without_rights_is_not_in_the_profile() {
    // No call could be made with it; nobody is to hold it either.
    let open = |first: &[&str], below: &[&str]| {
        let forge = Forge::authority(&authority(first)).delegation(1, &delegation(1, below));
        Token::from_bytes(&forge.bytes).err()
    };
    assert_eq!(open(&[], ALL), Some(Refusal::Profile { block: 0 }));
    assert_eq!(open(ALL, &[]), Some(Refusal::Profile { block: 1 }));
    assert_eq!(open(ALL, ALL), None);
}

#[test]
fn rights_in_the_order_in_which_they_are_held_are_each_found_at_once() {
    let spread: Vec<String> = (0..10)
        .map(|number| format!("read:tool:x{number}"))
        .collect();
    let held: Vec<&str> = spread.iter().map(String::as_str).collect();
    let forge = Forge::authority(&authority(&held));
    // Every other one is passed on: each costs a step for the one before, one for itself and one for its action.
    let passed_on: Vec<&str> = held.iter().copied().skip(1).step_by(2).collect();
    for (below, want) in [(&held, 20), (&passed_on, 15)] {
        let forge = forge.clone().delegation(1, &delegation(1, below));
        let token = Token::from_bytes(&forge.bytes).unwrap();
        assert_eq!(token.chain().comparisons(), want);
    }
}
