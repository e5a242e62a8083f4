//! What an event says of an agent.

use kavach_audit::{Detail, Event, EventKind, Outcome};
use kavach_core::{AgentId, Fact, Fingerprint, Offence, TenantId, Timestamp};

/// In the detail of a decision: that a grant which it rests on is sensitive.
pub(crate) const SENSITIVE: &str = "sensitive";
/// In the detail of a spawn: the score of the agent that spawned, then.
pub(crate) const SPAWNER_SCORE: &str = "spawner_score";

/// What one event says of one agent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Noted {
    pub(super) tenant: TenantId,
    pub(super) agent: AgentId,
    pub(super) at: Timestamp,
    pub(super) fact: Fact,
}

impl Noted {
    /// What an event says that has its place in the log at `time_ns`; `None` if nothing.
    ///
    /// Only an agent's own calls count, each by one event: not what was withdrawn before it left, what waits
    /// for approval, what others did to the agent, and what nobody known asked for.
    pub(super) fn of(event: &Event, time_ns: u64) -> Option<Self> {
        let fact = match (event.kind, event.outcome) {
            (EventKind::Authorize, Outcome::Allow) => {
                let sensitive = event.detail.contains_key(SENSITIVE);
                let resource = event.resource.as_ref().filter(|_| sensitive);
                Fact::Allowed(resource.map(Fingerprint::of))
            }
            (EventKind::Authorize, Outcome::Deny) => Fact::Denied(Offence::of(event.reason)?),
            (EventKind::ApprovalDenied, Outcome::Done) => Fact::Refused,
            (EventKind::Delegated, Outcome::Done) => match event.detail.get(SPAWNER_SCORE)? {
                Detail::Text(score) => Fact::Spawned(score.parse().ok()?),
                Detail::List(_) => return None,
            },
            _ => return None,
        };
        let seconds = i64::try_from(time_ns / 1_000_000_000).unwrap_or(i64::MAX);
        Some(Self {
            tenant: event.tenant,
            agent: event.agent?,
            at: Timestamp::from_s(seconds),
            fact,
        })
    }
}

#[cfg(test)]
mod tests;
