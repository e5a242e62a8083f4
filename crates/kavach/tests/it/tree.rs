//! What the leaves of a log come to, by the definition.

use kavach::audit::node_hash;

/// The root over at least one leaf: RFC 9162 section 2.1.1, word for word.
pub(crate) fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [only] => *only,
        _ => {
            let left = leaves.len().next_power_of_two() / 2;
            node_hash(&root(&leaves[..left]), &root(&leaves[left..]))
        }
    }
}
