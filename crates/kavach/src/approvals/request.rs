//! A request for approval, as people see it.

use kavach_audit::{Event, EventKind, Outcome, Private};
use kavach_core::{
    Action, AgentId, ApprovalId, EventId, Graph, LineHop, Reason, Resource, SubjectId, TenantId,
    Timestamp,
};
use serde_json::Value;

use super::approvers::people_who_say_yes;
use super::arguments::arguments_of;
use super::record::{Answer, Stored};
use crate::error::CannotDecide;
use crate::node::Kavach;

/// A call that waits for people to say yes, or did.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ApprovalRequest {
    /// Which.
    pub id: ApprovalId,
    /// Whose agent's.
    pub tenant: TenantId,
    /// How it stands.
    pub state: ApprovalState,
    /// The agent that wants to make the call.
    pub agent: AgentId,
    /// Who owns the line.
    pub owner: SubjectId,
    /// The line that needs approval: each agent, from the one with root grants to the one that asked.
    pub hops: Vec<LineHop>,
    /// The same for people: the owner's name, then the agents' names.
    pub line: Vec<String>,
    /// Where the call is made with a token: everybody who held it, the agent that it was minted for first, each
    /// by its agent's id or its key, and since when. The last one calls.
    pub holders: Vec<String>,
    /// What it wants to do.
    pub action: Action,
    /// To what.
    pub resource: Resource,
    /// With which arguments.
    pub args: ApprovalArgs,
    /// The caller's own id for the call.
    pub request_id: Option<String>,
    /// For whom the answer is meant.
    pub audience: Option<String>,
    /// What the call costs.
    pub cost: Option<u64>,
    /// How many people must say yes.
    pub needed: u8,
    /// How many did who may still approve.
    pub said_yes: u8,
    /// What each said, in order.
    pub votes: Vec<ApprovalVote>,
    /// When the call was made first.
    pub asked_at: Timestamp,
    /// The first second at which nobody may answer, and the call may not be made any more.
    pub expires_at: Timestamp,
    /// The event of the call that used it up.
    pub used_by: Option<EventId>,
}

/// How a request for approval stands.
#[expect(clippy::exhaustive_enums, reason = "whoever shows one must know each")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ApprovalState {
    /// People must still say yes.
    Pending,
    /// As many did as it needs; the call may be made once.
    Approved,
    /// Somebody said no.
    Denied,
    /// The call was made.
    Used,
    /// Its time is over, and the call was not made.
    Expired,
}

impl ApprovalState {
    /// The word for it, in lower case.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Used => "used",
            Self::Expired => "expired",
        }
    }
}

impl std::fmt::Display for ApprovalState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// The arguments of a call that waits for approval.
#[expect(clippy::exhaustive_enums, reason = "whoever shows them must know each")]
#[derive(Clone, Debug, PartialEq)]
pub enum ApprovalArgs {
    /// It has none.
    None,
    /// These.
    Shown(Value),
    /// It has some that are not shown here: in a list, once the call was made, once its owner was erased.
    NotShown,
}

/// What one person said to a call.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ApprovalVote {
    /// Who.
    pub by: SubjectId,
    /// What the host calls them; `None` if they were erased.
    pub name: Option<String>,
    /// Whether it was yes.
    pub yes: bool,
    /// Whether it counts: a no does, a yes as long as the person may approve calls.
    pub counts: bool,
    /// When.
    pub at: Timestamp,
    /// What they noted, if that was kept and is shown here.
    pub note: Option<String>,
    /// The event that records it.
    pub audit_id: EventId,
}

/// The request as it stands at `now`, without arguments and notes.
pub(super) fn describe(
    graph: &Graph,
    tenant: TenantId,
    stored: &Stored,
    now: Timestamp,
) -> ApprovalRequest {
    let yeses: Vec<SubjectId> = people_who_say_yes(graph, tenant, stored, now)
        .map(|owner| owner.id)
        .collect();
    let name_of = |person| graph.subject(tenant, person).map(ToString::to_string);
    let hops: Vec<LineHop> = stored.line.iter().map(|hop| LineHop::from(*hop)).collect();
    let agents = hops.iter().map(|hop| {
        let agent = graph.agent(tenant, hop.agent);
        agent.map_or_else(|| hop.agent.to_string(), |agent| agent.name.to_string())
    });
    let owner = name_of(stored.owner).unwrap_or_else(|| stored.owner.to_string());
    let votes = stored.votes.iter().map(|vote| ApprovalVote {
        by: vote.by,
        name: name_of(vote.by),
        yes: vote.answer == Answer::Yes,
        counts: vote.answer == Answer::No || yeses.contains(&vote.by),
        at: vote.at,
        note: None,
        audit_id: vote.event,
    });
    let state = if stored.used.is_some() {
        ApprovalState::Used
    } else if stored.is_denied() {
        ApprovalState::Denied
    } else if stored.is_over(now) {
        ApprovalState::Expired
    } else if yeses.len() >= usize::from(stored.needed) {
        ApprovalState::Approved
    } else {
        ApprovalState::Pending
    };
    ApprovalRequest {
        id: stored.id,
        tenant,
        state,
        agent: stored.agent,
        owner: stored.owner,
        line: std::iter::once(owner).chain(agents).collect(),
        hops,
        holders: stored.holders.clone(),
        action: stored.action.clone(),
        resource: stored.resource.clone(),
        args: if stored.has_args {
            ApprovalArgs::NotShown
        } else {
            ApprovalArgs::None
        },
        request_id: stored.request_id.clone(),
        audience: stored.audience.clone(),
        cost: stored.cost.as_ref().and_then(|cost| cost.parse().ok()),
        needed: stored.needed,
        said_yes: u8::try_from(yeses.len()).unwrap_or(u8::MAX),
        votes: votes.collect(),
        asked_at: stored.asked_at,
        expires_at: stored.expires_at,
        used_by: stored.used,
    }
}

impl Kavach {
    /// Every request for approval that the store still holds, the oldest first, without arguments and notes.
    /// Those that are over are cleared away some time later; the trail keeps what happened.
    #[must_use]
    pub fn approvals(&self) -> Vec<ApprovalRequest> {
        let now = self.now();
        let entries = self.node.approvals.all(self.tenant);
        let state = self.node.view.read();
        entries
            .iter()
            .map(|entry| describe(&state.graph, self.tenant, &entry.stored, now))
            .collect()
    }

    /// The request for approval with this id, with arguments and notes; `None` if there is none in this
    /// tenant, or no longer.
    ///
    /// # Errors
    /// If the store fails, or holds what this master key does not open.
    pub async fn approval(&self, id: &ApprovalId) -> Result<Option<ApprovalRequest>, CannotDecide> {
        let Some((_, entry)) = self.node.approvals.find(self.tenant, *id) else {
            return Ok(None);
        };
        let Some(mut request) = self.known_approval(*id) else {
            return Ok(None);
        };
        let (store, master) = (&*self.node.store, self.node.people.master());
        request.args = arguments_of(store, master, self.tenant, &entry.stored).await?;
        for (vote, stored) in request.votes.iter_mut().zip(&entry.stored.votes) {
            let Some(commitment) = stored.private else {
                continue;
            };
            let kind = EventKind::ApprovalGranted;
            let (outcome, reason) = (Outcome::Done, Reason::Done);
            let mut event = Event::new(stored.event, self.tenant, kind, outcome, reason);
            event.private = Some(commitment);
            if let Private::Shown(fields) = self.node.open_private_of(&event, stored.by).await? {
                vote.note = fields.note;
            }
        }
        Ok(Some(request))
    }
}
