//! How long a chain is remembered.

use super::*;
use crate::scene::{minted, now};

const ONE: ChainHash = [1; 32];
const OTHER: ChainHash = [2; 32];

/// Room for two, one in each half; and a chain that holds for an hour.
fn room_for_two() -> (SeenChains, Arc<Chain>) {
    let chain = Arc::new(minted(&["*:mcp:github:*"]).chain().clone());
    (SeenChains::new(2), chain)
}

#[test]
fn what_is_remembered_is_found_until_its_end_and_not_at_it() {
    for in_older_half in [false, true] {
        for (at_s, want) in [(3599, true), (3600, false)] {
            let (mut seen, chain) = room_for_two();
            seen.insert(ONE, Arc::clone(&chain));
            if in_older_half {
                seen.insert(OTHER, chain);
                assert!(seen.old.contains_key(&ONE));
            }
            let found = seen.find(&ONE, now().plus_s(at_s)).is_some();
            assert_eq!(
                found, want,
                "at {at_s} s, in the older half: {in_older_half}"
            );
        }
    }
}
