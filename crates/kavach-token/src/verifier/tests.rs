//! Every check of a presentation: what is refused, and why; then what is accepted.

use kavach_core::{AgentId, TenantId};
use serde_json::Value;

use super::*;
use crate::claim::Party;
use crate::envelope;
use crate::id::ArgumentsHash;
use crate::id::Nonce;
use crate::key::{HolderKey, Sign, TERMINAL_KEY, TERMINAL_SECRET};
use crate::online::{Answer, Question};
use crate::profile::{Authority, DelegationBlock};
use crate::scene::{
    Forge, SERVICE, audience, authority, call, chain, delegation, holder, invocation, keys, moment,
    now, right, root, verifier, verify_at,
};

mod approvals;
mod chains;
mod forms;
mod hostile;
mod online;
#[cfg(feature = "datalog")]
mod published;
mod revoked;
mod signatures;
mod sizes;
mod times;

const ALL: &[&str] = &["*:mcp:github:*"];

fn read() -> Call {
    call("read", "mcp:github:repos")
}

/// A presentation of `read` by a chain of two delegations, with each of its four blocks changed by whoever
/// signs it; then what a verifier says.
#[track_caller]
fn check_forged(
    change: impl FnOnce(&mut Authority, &mut [DelegationBlock; 2], &mut InvocationBlock),
    want: Result<(), Refusal>,
) {
    let mut first = authority(ALL);
    let mut further = [delegation(1, ALL), delegation(2, ALL)];
    let mut last = invocation(&read(), 2);
    change(&mut first, &mut further, &mut last);
    let [one, two] = &further;
    let forge = Forge::authority(&first)
        .delegation(1, one)
        .delegation(2, two);
    let presentation = forge.invocation(2, &last).present();
    let verified = verify_at(&presentation, &read(), now());
    assert_eq!(verified.map(|_| ()), want);
}

#[test]
fn what_nobody_changed_is_accepted() {
    check_forged(|_, _, _| {}, Ok(()));
}

#[test]
fn the_forged_and_the_made_are_the_same_bytes() {
    let one = chain(ALL, 2)
        .invoke(&holder(2), &read(), moment(9))
        .unwrap();
    let forge = Forge::authority(&authority(ALL));
    let forge = forge
        .delegation(1, &delegation(1, ALL))
        .delegation(2, &delegation(2, ALL));
    let other = forge.invocation(2, &invocation(&read(), 2)).present();
    assert_eq!(one.as_bytes(), other);
}
