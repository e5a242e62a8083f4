//! What of a store is in a backup, and what is not.

use kavach_store::{Space, SpaceKind};

use crate::census::spaces;
use crate::meters::POOLS;

/// What is not in a backup, by the names of spaces, and why.
pub(super) const LEFT_OUT: [(&str, &str); 7] = [
    (
        "node",
        "the seats of nodes: whoever comes takes a fresh one, with a log of its own, so that no log goes on in \
         two ways",
    ),
    (
        "approval",
        "a yes may have been used since; the call is asked about again",
    ),
    ("approval_args", "go with the approvals"),
    ("approval_notice", "go with the approvals"),
    (
        "reservation",
        "a cost may have been settled since: what was reserved counts",
    ),
    (
        "log_head",
        "stand in front, as they were before the events were read",
    ),
    (
        "store_restored",
        "who restores writes another; what counts of it stands in front",
    ),
];

/// The spaces that are read, in this order: the graph, and what belongs to its revisions, first.
pub(super) fn kept() -> Vec<Space> {
    let left_out = |space: &Space| LEFT_OUT.iter().any(|(name, _)| *name == space.name());
    let mut kept: Vec<Space> = spaces()
        .into_iter()
        .filter(|space| !left_out(space))
        .collect();
    // Counters before pools: a node that comes to share the store moves them there.
    kept.sort_by_key(|space| (space.kind() == SpaceKind::Quiet, *space == POOLS));
    kept
}

/// The space of this name, if a backup may have records of it.
pub(super) fn named(name: &[u8]) -> Option<Space> {
    kept()
        .into_iter()
        .find(|space| space.name().as_bytes() == name)
}
