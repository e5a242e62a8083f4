//! What a store keeps for the graph: records, their keys, and the number beside each.

use core::fmt;

use crate::agent::{Agent, AgentName, Owner, SubjectName};
use crate::delegation::Delegation;
use crate::guardrail::Guardrail;
use crate::id::{AgentId, DelegationId, SubjectId, TenantId};
use crate::name::{Name, Subject};

/// A number that the caller stores beside each record and gets back: the version in its store.
#[expect(clippy::exhaustive_structs, reason = "a number and nothing else")]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Stamp(pub u64);

/// One record of the graph.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever stores records must store each kind"
)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Record {
    /// An owner's standing.
    Owner(Owner),
    /// The host's name for a subject.
    Subject(SubjectName),
    /// An agent.
    Agent(Agent),
    /// Which agent has a name.
    Name(AgentName),
    /// A delegation.
    Delegation(Delegation),
    /// A guardrail.
    Guardrail(Guardrail),
}

/// Which record.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever stores records must store each kind"
)]
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum RecordKey {
    /// The owner's standing.
    Owner(TenantId, SubjectId),
    /// What stands for the host's name.
    Subject(TenantId, Subject),
    /// The agent.
    Agent(TenantId, AgentId),
    /// What the name stands for.
    Name(TenantId, Name),
    /// The delegation.
    Delegation(TenantId, DelegationId),
    /// The guardrail of this name.
    Guardrail(TenantId, Name),
}

impl Record {
    /// Which record this is.
    #[must_use]
    pub fn key(&self) -> RecordKey {
        match self {
            Self::Owner(owner) => RecordKey::Owner(owner.tenant, owner.id),
            Self::Subject(subject) => RecordKey::Subject(subject.tenant, subject.subject.clone()),
            Self::Agent(agent) => RecordKey::Agent(agent.tenant, agent.id),
            Self::Name(name) => RecordKey::Name(name.tenant, name.name.clone()),
            Self::Delegation(delegation) => RecordKey::Delegation(delegation.tenant, delegation.id),
            Self::Guardrail(guardrail) => {
                RecordKey::Guardrail(guardrail.tenant, guardrail.name.clone())
            }
        }
    }

    /// The order in which records must be applied: what is cited before what cites it.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::Owner(_) => 0,
            Self::Subject(_) => 1,
            Self::Agent(_) => 2,
            Self::Name(_) | Self::Guardrail(_) => 3,
            Self::Delegation(delegation) => 3_u8.saturating_add(delegation.depth),
        }
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(tenant, id) => write!(f, "owner `{id}` of `{tenant}`"),
            // The host's name is personal data, and errors end in logs.
            Self::Subject(tenant, _) => write!(f, "the name of a subject of `{tenant}`"),
            Self::Agent(tenant, id) => write!(f, "agent `{id}` of `{tenant}`"),
            Self::Name(tenant, name) => write!(f, "agent name `{name}` of `{tenant}`"),
            Self::Delegation(tenant, id) => write!(f, "delegation `{id}` of `{tenant}`"),
            Self::Guardrail(tenant, name) => write!(f, "guardrail `{name}` of `{tenant}`"),
        }
    }
}

/// A record that contradicts the others: the store is not what was written there.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct GraphError {
    /// The record.
    pub key: RecordKey,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; restore a backup", self.key, self.problem)
    }
}

impl core::error::Error for GraphError {}
