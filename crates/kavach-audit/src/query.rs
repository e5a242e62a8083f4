//! Questions to the trail.

use kavach_core::{Action, AgentId, Pattern, Reason, SubjectId, TenantId};

use crate::event::Event;
use crate::kind::{EventKind, Outcome};

/// Which events are asked for: those for which every part that is set holds.
#[expect(
    clippy::exhaustive_structs,
    reason = "a backend that ignores a part would show too much"
)]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Query {
    /// Events of this tenant, always.
    pub tenant: TenantId,
    /// Those of this agent.
    pub agent: Option<AgentId>,
    /// Those of this agent and of everything below it: it stands anywhere in the line.
    pub under: Option<AgentId>,
    /// Those of agents of this owner, or about this owner.
    pub owner: Option<SubjectId>,
    /// With this action.
    pub action: Option<Action>,
    /// On a resource that this pattern matches.
    pub resource: Option<Pattern>,
    /// That ended so.
    pub outcome: Option<Outcome>,
    /// For this reason.
    pub reason: Option<Reason>,
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// At or after this, in nanoseconds since the epoch.
    pub since_ns: Option<u64>,
    /// Before this.
    pub until_ns: Option<u64>,
}

impl Query {
    /// Whether `event` is asked for.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        fn is<T: PartialEq>(wanted: &Option<T>, found: Option<&T>) -> bool {
            wanted.as_ref().is_none_or(|wanted| found == Some(wanted))
        }
        let member = |agent: &AgentId| {
            event.agent == Some(*agent) || event.line.iter().any(|hop| hop.agent == *agent)
        };
        event.tenant == self.tenant
            && is(&self.agent, event.agent.as_ref())
            && self.under.as_ref().is_none_or(member)
            && is(&self.owner, event.owner.as_ref())
            && is(&self.action, event.action.as_ref())
            && is(&self.outcome, Some(&event.outcome))
            && is(&self.reason, Some(&event.reason))
            && is(&self.kind, Some(&event.kind))
            && self.since_ns.is_none_or(|since| event.time_ns >= since)
            && self.until_ns.is_none_or(|until| event.time_ns < until)
            && match (&self.resource, &event.resource) {
                (None, _) => true,
                (Some(pattern), Some(resource)) => pattern.matches(resource),
                (Some(_), None) => false,
            }
    }
}

#[cfg(test)]
mod tests;
