//! Randomness, from the operating system.

use kavach_core::{AgentId, ApprovalId, DelegationId, EventId, LogId, SubjectId};

/// The operating system gave no randomness: nothing that needs an id or a secret can be done.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operating system gave no randomness; nothing was changed")]
#[non_exhaustive]
pub struct NoRandomness;

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// The random bits of an id, the first twelve of those that count replaced by the fraction of the
/// millisecond, so that ids sort in the order in which they were drawn (RFC 9562 section 6.2, method 3).
fn in_order(now_ns: u64, random: u128) -> u128 {
    let fraction = now_ns % 1_000_000 * 4_096 / 1_000_000;
    u128::from(fraction) << 62 | random & ((1 << 62) - 1)
}

macro_rules! fresh {
    ($($name:ident: $id:ident,)*) => {
        $(
            pub(crate) fn $name(now_ns: u64) -> Result<$id, NoRandomness> {
                let random = in_order(now_ns, u128::from_be_bytes(bytes()?));
                Ok($id::from_parts(now_ns / 1_000_000, random))
            }
        )*
    };
}

fresh! {
    agent_id: AgentId,
    approval_id: ApprovalId,
    delegation_id: DelegationId,
    event_id: EventId,
    log_id: LogId,
    subject_id: SubjectId,
}
