//! What a decision reads: one row for each owner, agent and delegation, of the size of a cache line.

use super::rows::NONE;
use crate::agent::{Agent, AgentKind, AgentStatus, Owner, OwnerStatus};
use crate::delegation::Delegation;
use crate::id::{AgentId, DelegationId};
use crate::time::Timestamp;

/// After every time there is.
const NEVER: i64 = i64::MAX;
/// More hops than any line has.
const UNBOUNDED: u8 = u8::MAX;

/// What of an agent decides anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AgentRow {
    pub(crate) id: AgentId,
    ends_s: i64,
    /// Numbers of the tenant and the owner.
    pub(crate) tenant: u32,
    pub(crate) owner: u32,
    pub(crate) owner_generation: u32,
    pub(crate) generation: u32,
    /// Its root grants, packed; [`NONE`] for none.
    pub(crate) grants: u32,
    /// The first of the delegations to it, which are chained in order of id. See `limits::INCOMING_MAX`.
    pub(crate) incoming: u32,
    /// The first and the last of the delegations that rest on its root grants.
    pub(crate) below: Chain,
    /// The next agent of the same owner.
    pub(crate) beside: u32,
    pub(crate) status: AgentStatus,
    pub(crate) kind: AgentKind,
}

/// What of a delegation decides anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DelegationRow {
    pub(crate) id: DelegationId,
    ends_s: i64,
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// The delegation that it rests on; [`NONE`] for root grants.
    pub(crate) parent: u32,
    pub(crate) parent_generation: u32,
    pub(crate) generation: u32,
    pub(crate) grants: u32,
    /// The next delegation to the same agent.
    pub(crate) next_incoming: u32,
    max_depth: u8,
    pub(crate) revoked: bool,
}

/// What of an owner decides anything.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OwnerRow {
    pub(crate) generation: u32,
    pub(crate) active: bool,
    /// Their agents.
    pub(crate) agents: Chain,
}

/// The ends of a chain of rows; each names the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

/// What of a delegation decides nothing: the others that rest on the same, and those that rest on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside {
    pub(crate) next: u32,
    pub(crate) below: Chain,
}

const _: () = assert!(
    size_of::<AgentRow>() <= 64,
    "an agent's row is one cache line"
);
const _: () = assert!(
    size_of::<DelegationRow>() <= 64,
    "a delegation's row is one cache line"
);

impl AgentRow {
    /// A row for an agent that holds nothing yet.
    pub(crate) fn new(agent: &Agent, tenant: u32, owner: u32) -> Self {
        let mut row = Self {
            id: agent.id,
            tenant,
            owner,
            ..Self::default()
        };
        row.follow(agent);
        row
    }

    /// Takes over what may change, but for the grants.
    pub(crate) fn follow(&mut self, agent: &Agent) {
        self.ends_s = ends_s(agent.expires_at);
        self.owner_generation = agent.owner_generation;
        self.generation = agent.generation;
        self.status = agent.status;
        self.kind = agent.kind;
    }

    #[inline]
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.ends_s <= now.as_s()
    }
}

impl DelegationRow {
    /// A row for a delegation without grants.
    pub(crate) fn new(new: &Delegation, from: u32, to: u32, parent: u32) -> Self {
        let mut row = Self {
            id: new.id,
            from,
            to,
            parent,
            ..Self::default()
        };
        row.follow(new);
        row
    }

    /// Takes over what may change, but for the grants.
    pub(crate) fn follow(&mut self, delegation: &Delegation) {
        self.ends_s = ends_s(delegation.expires_at);
        self.parent_generation = delegation.parent_generation;
        self.generation = delegation.generation;
        self.max_depth = delegation.max_depth.unwrap_or(UNBOUNDED);
        self.revoked = delegation.revoked;
    }

    #[inline]
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.ends_s <= now.as_s()
    }

    /// Whether a line may end that many hops below it.
    #[inline]
    pub(crate) fn reaches(&self, hops: u8) -> bool {
        hops <= self.max_depth
    }
}

impl OwnerRow {
    pub(crate) fn follow(&mut self, owner: &Owner) {
        self.generation = owner.generation;
        self.active = owner.status == OwnerStatus::Active;
    }

    /// Whether the agent, which is theirs, was not lost by off-boarding.
    #[inline]
    pub(crate) fn keeps(&self, agent: &AgentRow) -> bool {
        self.active && self.generation == agent.owner_generation
    }
}

fn ends_s(end: Option<Timestamp>) -> i64 {
    end.map_or(NEVER, Timestamp::as_s)
}

impl Default for AgentRow {
    fn default() -> Self {
        Self {
            id: AgentId::from_u128(0),
            ends_s: 0,
            tenant: NONE,
            owner: NONE,
            owner_generation: 0,
            generation: 0,
            grants: NONE,
            incoming: NONE,
            below: Chain::default(),
            beside: NONE,
            status: AgentStatus::Revoked,
            kind: AgentKind::Service,
        }
    }
}

impl Default for DelegationRow {
    fn default() -> Self {
        Self {
            id: DelegationId::from_u128(0),
            ends_s: 0,
            from: NONE,
            to: NONE,
            parent: NONE,
            parent_generation: 0,
            generation: 0,
            grants: NONE,
            next_incoming: NONE,
            max_depth: 0,
            revoked: true,
        }
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            first: NONE,
            last: NONE,
        }
    }
}

impl Default for Beside {
    fn default() -> Self {
        Self {
            next: NONE,
            below: Chain::default(),
        }
    }
}
