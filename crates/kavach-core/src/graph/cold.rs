//! The records themselves, with the number that the store keeps beside each. No decision reads them.

use alloc::collections::BTreeMap;
use core::hash::{Hash, Hasher};

use super::record::Stamp;
use super::rows::NONE;
use crate::agent::{Agent, AgentName, Owner, SubjectName};
use crate::delegation::Delegation;
use crate::guardrail::Guardrail;
use crate::id::{SubjectId, TenantId};
use crate::name::{Name, Subject};

/// A tenant, and its guardrails by name.
#[derive(Clone, Debug)]
pub(crate) struct TenantNode {
    pub(crate) id: TenantId,
    pub(crate) has_agents: bool,
    pub(crate) guardrails: BTreeMap<Name, (Guardrail, Stamp)>,
    /// What they forbid, packed, numbered by place.
    pub(crate) rails: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct OwnerNode {
    pub(crate) record: Owner,
    pub(crate) subject: Option<Subject>,
    pub(crate) stamp: Stamp,
}

#[derive(Clone, Debug)]
pub(crate) struct AgentNode {
    pub(crate) record: Agent,
    /// The place of its row.
    pub(crate) slot: u32,
    pub(crate) stamp: Stamp,
}

#[derive(Clone, Debug)]
pub(crate) struct DelegationNode {
    pub(crate) record: Delegation,
    pub(crate) stamp: Stamp,
}

/// Which agent has a name.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) record: AgentName,
    pub(crate) stamp: Stamp,
}

/// Who a subject is inside.
#[derive(Clone, Debug)]
pub(crate) struct Met {
    pub(crate) record: SubjectName,
    pub(crate) stamp: Stamp,
}

impl TenantNode {
    pub(crate) fn new(id: TenantId) -> Self {
        Self {
            id,
            has_agents: false,
            guardrails: BTreeMap::new(),
            rails: NONE,
        }
    }
}

impl OwnerNode {
    pub(crate) fn key(&self) -> (TenantId, SubjectId) {
        (self.record.tenant, self.record.id)
    }
}

impl Named {
    pub(crate) fn key(&self) -> (TenantId, &Name) {
        (self.record.tenant, &self.record.name)
    }
}

impl Met {
    pub(crate) fn key(&self) -> (TenantId, &Subject) {
        (self.record.tenant, &self.record.subject)
    }
}

impl Hash for TenantNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl Hash for OwnerNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Hash for Met {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}
