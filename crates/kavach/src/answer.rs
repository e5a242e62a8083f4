//! An answer, as the caller gets it.

use std::fmt;

use kavach_audit::{Event, EventKind, Hop, Names, Outcome, Private, Sentence};
use kavach_core::{
    Action, AgentId, ApprovalId, Decision, EventId, LineHop, Name, Reason, Resource, SubjectId,
    TenantId, Timestamp,
};
use kavach_token::{PeerMessage, Refusal};

use crate::tokens::Holder;

/// An answer, recorded.
///
/// Prints as a sentence.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
#[non_exhaustive]
pub struct Authorization {
    /// The answer itself.
    pub decision: Decision,
    /// The agent; `None` if nobody knows it.
    pub agent: Option<AgentId>,
    /// Who owns the line.
    pub owner: Option<SubjectId>,
    /// The line that the answer rests on, or that came nearest: each agent, from the one with root
    /// grants to the one that asked.
    pub hops: Vec<LineHop>,
    /// The same for people: the owner's name, then the agents' names.
    pub line: Vec<String>,
    /// Everybody who held the token that the call was made with, the agent that it was minted for first; empty
    /// without one, and where its signatures do not hold.
    pub holders: Vec<Holder>,
    /// Why the token was refused, for the operator.
    pub token_refusal: Option<Refusal>,
    /// The number of the grant that matches, among those of the last hop.
    pub grant: Option<u32>,
    /// The approval that the call waits for, was refused, or used up.
    pub approval: Option<ApprovalId>,
    /// How many people must say yes in all, where the call needs approval.
    pub approvals_needed: u8,
    /// When the call would be allowed, where a limit denies it and nothing else is charged until then.
    pub retry_at: Option<Timestamp>,
    /// The guardrail that denies it.
    pub guardrail: Option<Name>,
    /// What the caller must do along with an allowed call: `settle`, once its true cost is known.
    pub obligations: Vec<String>,
    /// How far the graph had come when the answer left.
    pub revision: u64,
    /// The event that records it; `None` if it could not be recorded, and then it is a denial, or if it was
    /// simulated.
    pub audit_id: Option<EventId>,
    pub(crate) action: Action,
    pub(crate) resource: Resource,
    pub(crate) claimed: Option<String>,
}

impl Authorization {
    /// Whether the call may be made.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.decision.is_allow()
    }

    /// What whoever presented a token that was refused may be told; `None` if none was.
    #[must_use]
    pub fn to_peer(&self) -> Option<PeerMessage> {
        self.token_refusal.map(Refusal::to_peer)
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.decision.reason()
    }
}

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nobody = EventId::from_parts(0, 0);
        let (outcome, reason) = (outcome_of(self.decision), self.reason());
        let tenant = TenantId::DEFAULT;
        let mut event = Event::new(nobody, tenant, EventKind::Authorize, outcome, reason);
        event.agent = self.agent;
        event.claimed.clone_from(&self.claimed);
        event.owner = self.owner;
        event.line = self.hops.iter().map(hop_of).collect();
        event.action = Some(self.action.clone());
        event.resource = Some(self.resource.clone());
        event.grant = self.grant;
        Sentence::new(&event, &NamesOfLine(self), &Private::None).fmt(f)
    }
}

/// The names that stand in the answer.
struct NamesOfLine<'a>(&'a Authorization);

impl Names for NamesOfLine<'_> {
    fn agent(&self, id: AgentId) -> Option<String> {
        let place = self.0.hops.iter().position(|hop| hop.agent == id)?;
        self.0.line.get(place + 1).cloned()
    }

    fn subject(&self, _: SubjectId) -> Option<String> {
        self.0.line.first().cloned()
    }
}

pub(crate) fn outcome_of(decision: Decision) -> Outcome {
    match decision {
        Decision::Allow => Outcome::Allow,
        Decision::NeedsApproval => Outcome::NeedsApproval,
        Decision::Deny(_) => Outcome::Deny,
    }
}

pub(crate) fn hop_of(hop: &LineHop) -> Hop {
    Hop {
        agent: hop.agent,
        delegation: hop.delegation,
        at: hop.at,
    }
}
