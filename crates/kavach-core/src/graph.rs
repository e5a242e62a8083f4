//! The delegation forest in memory: every owner, agent, name and delegation of a store.
//!
//! What a decision reads stands apart, in rows of the size of a cache line, with all texts replaced by
//! numbers: [`hot`], [`sheet`] and [`packed`]. The records themselves are for those who change something or
//! look around: [`cold`]. All of it is shared between copies except where they differ: [`rows`], [`tall`],
//! [`index`] and [`shelf`]. So one may go on reading a copy while the next is made.

use alloc::sync::Arc;
use core::hash::{BuildHasher, Hash};

use hashbrown::DefaultHashBuilder;

use crate::agent::{Agent, CredentialHash, Owner};
use crate::delegation::Delegation;
use crate::guardrail::Guardrail;
use crate::id::{AgentId, DelegationId, SubjectId, TenantId};
use crate::name::{Name, Subject};

mod apply;
mod cold;
mod hot;
mod index;
mod line;
mod loading;
mod packed;
mod record;
mod rows;
mod sheet;
mod shelf;
mod tall;
#[cfg(test)]
mod tests;

pub(crate) use cold::{AgentNode, DelegationNode};
use cold::{Met, Named, OwnerNode, TenantNode};
pub(crate) use hot::{AgentRow, DelegationRow};
use hot::{Beside, OwnerRow};
use index::Index;
pub(crate) use line::{Holding, Hop, LineCheck, Node};
pub use line::{Leaf, Line, LineHop};
pub use loading::Loading;
pub(crate) use packed::Words;
pub use record::{GraphError, Record, RecordKey, Stamp};
pub(crate) use rows::NONE;
use rows::Rows;
pub(crate) use sheet::{Alike, Packed, PackedActions, PackedGrants, Shape, Tags};
use shelf::Shelf;
use tall::Tall;

/// All records of a store, linked so that a decision follows its line without searching.
///
/// Pure state: it changes only by [`apply`](Self::apply) and [`erase`](Self::erase), and what may
/// change is decided by the functions that return a [`Change`](crate::Change).
///
/// A clone costs next to nothing, and shares everything with the original until one of them changes; a
/// change to one of them copies a few kilobytes.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    hasher: DefaultHashBuilder,
    /// What grants say.
    pub(crate) words: Words,
    pub(crate) tenants: Shelf<TenantNode>,

    owners: Shelf<OwnerNode>,
    owner_rows: Rows<OwnerRow, 256>,

    agent_index: Index,
    pub(crate) agent_rows: Rows<AgentRow, 256>,
    agents: Tall<Option<Arc<AgentNode>>>,

    delegation_index: Index,
    pub(crate) delegation_rows: Rows<DelegationRow, 256>,
    delegations: Tall<Option<Arc<DelegationNode>>>,
    delegations_beside: Rows<Beside, 256>,

    names: Shelf<Named>,
    subjects: Shelf<Met>,
    /// Agents by the hashes of their credentials.
    credentials: Index,
}

impl Graph {
    /// A graph of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was stored beside the record; `None` if there is no such record.
    #[must_use]
    pub fn stamp(&self, key: &RecordKey) -> Option<Stamp> {
        match key {
            RecordKey::Owner(tenant, id) => {
                let slot = self.owner_slot((*tenant, *id))?;
                self.owners.get(slot).map(|node| node.stamp)
            }
            RecordKey::Subject(tenant, subject) => {
                self.known_as(*tenant, subject).map(|met| met.stamp)
            }
            RecordKey::Agent(tenant, id) => self.agent_node(*tenant, *id).map(|node| node.stamp),
            RecordKey::Name(tenant, name) => self.named(*tenant, name).map(|named| named.stamp),
            RecordKey::Delegation(tenant, id) => {
                self.delegation_node(*tenant, *id).map(|node| node.stamp)
            }
            RecordKey::Guardrail(tenant, name) => {
                let ours = &self.tenant(*tenant)?.guardrails;
                ours.get(name).map(|(_, stamp)| *stamp)
            }
        }
    }

    fn hash(&self, key: impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }

    fn tenant_slot(&self, tenant: TenantId) -> Option<u32> {
        self.tenants.find(&tenant, |known| known.id == tenant)
    }

    fn tenant(&self, tenant: TenantId) -> Option<&TenantNode> {
        self.tenants.get(self.tenant_slot(tenant)?)
    }

    fn owner_slot(&self, key: (TenantId, SubjectId)) -> Option<u32> {
        self.owners.find(&key, |known| known.key() == key)
    }

    /// The place of the agent with this id, in whatever tenant.
    #[inline]
    fn agent_slot(&self, id: AgentId) -> Option<u32> {
        let is = |slot| self.agent_rows.get(slot).is_some_and(|row| row.id == id);
        self.agent_index.find(self.hash(id), is)
    }

    #[inline]
    fn delegation_slot(&self, id: DelegationId) -> Option<u32> {
        let is = |slot| {
            self.delegation_rows
                .get(slot)
                .is_some_and(|row| row.id == id)
        };
        self.delegation_index.find(self.hash(id), is)
    }

    fn named(&self, tenant: TenantId, name: &Name) -> Option<&Named> {
        let key = (tenant, name);
        let number = self.names.find(&key, |known| known.key() == key)?;
        self.names.get(number)
    }

    fn known_as(&self, tenant: TenantId, subject: &Subject) -> Option<&Met> {
        let key = (tenant, subject);
        let number = self.subjects.find(&key, |known| known.key() == key)?;
        self.subjects.get(number)
    }

    /// The delegations to the agent at this place, in order of id.
    pub(crate) fn incoming(&self, to: u32) -> impl Iterator<Item = (u32, &DelegationRow)> {
        let mut next = self.agent_rows.get(to).map_or(NONE, |row| row.incoming);
        core::iter::from_fn(move || {
            let row = self.delegation_rows.get(next)?;
            let slot = core::mem::replace(&mut next, row.next_incoming);
            Some((slot, row))
        })
    }

    /// What guardrails of the tenant at this place forbid, packed, and whose they are.
    #[inline]
    pub(crate) fn rails(&self, tenant: u32) -> (u32, TenantId) {
        let node = self.tenants.get(tenant);
        node.map_or((NONE, TenantId::DEFAULT), |node| (node.rails, node.id))
    }
}

/// Looking records up.
impl Graph {
    /// Whose the agent is.
    pub(crate) fn owner_of(&self, agent: &AgentRow) -> Option<SubjectId> {
        self.owners.get(agent.owner).map(|node| node.record.id)
    }

    /// The agent with this id in this tenant.
    #[must_use]
    pub fn agent(&self, tenant: TenantId, id: AgentId) -> Option<&Agent> {
        self.agent_node(tenant, id).map(|node| &node.record)
    }

    /// The agent that has this name in this tenant, or had it last.
    #[must_use]
    pub fn agent_named(&self, tenant: TenantId, name: &Name) -> Option<&Agent> {
        self.agent(tenant, self.named(tenant, name)?.record.agent)
    }

    /// The agent with a credential of this hash, whether or not it is still accepted.
    #[must_use]
    pub fn agent_by_credential(&self, hash: &CredentialHash) -> Option<&Agent> {
        let has = |agent: &Agent| agent.credentials.iter().any(|known| known.hash == *hash);
        let is = |slot| self.agent_at(slot).is_some_and(|node| has(&node.record));
        let slot = self.credentials.find(self.hash(hash), is)?;
        self.agent_at(slot).map(|node| &node.record)
    }

    /// The delegation with this id in this tenant.
    #[must_use]
    pub fn delegation(&self, tenant: TenantId, id: DelegationId) -> Option<&Delegation> {
        self.delegation_node(tenant, id).map(|node| &node.record)
    }

    /// The standing of this owner.
    #[must_use]
    pub fn owner(&self, tenant: TenantId, id: SubjectId) -> Option<&Owner> {
        let slot = self.owner_slot((tenant, id))?;
        self.owners.get(slot).map(|node| &node.record)
    }

    /// What stands for the host's name of a subject.
    #[must_use]
    pub fn subject_id(&self, tenant: TenantId, subject: &Subject) -> Option<SubjectId> {
        self.known_as(tenant, subject).map(|met| met.record.id)
    }

    /// The host's name for a subject; `None` if it was erased, or never known.
    #[must_use]
    pub fn subject(&self, tenant: TenantId, id: SubjectId) -> Option<&Subject> {
        let slot = self.owner_slot((tenant, id))?;
        self.owners.get(slot)?.subject.as_ref()
    }

    /// The names of all subjects that were not erased, with their tenants, in no order.
    pub fn subjects(&self) -> impl Iterator<Item = (TenantId, &Subject)> {
        self.subjects.iter().map(Met::key)
    }

    /// The guardrails of a tenant, by name.
    pub fn guardrails(&self, tenant: TenantId) -> impl Iterator<Item = &Guardrail> {
        let node = self.tenant(tenant).into_iter();
        let ours = node.flat_map(|node| node.guardrails.values());
        ours.map(|(guardrail, _)| guardrail)
    }

    /// The tenants that have agents, in no order.
    pub fn tenants(&self) -> impl Iterator<Item = TenantId> {
        let known = self.tenants.iter().filter(|node| node.has_agents);
        known.map(|node| node.id)
    }

    /// All agents of a tenant, in the order in which they came.
    pub fn agents(&self, tenant: TenantId) -> impl Iterator<Item = &Agent> {
        let records = self.agents.iter().flatten().map(|node| &node.record);
        records.filter(move |agent| agent.tenant == tenant)
    }

    /// All delegations of a tenant, in the order in which they came.
    pub fn delegations(&self, tenant: TenantId) -> impl Iterator<Item = &Delegation> {
        let records = self.delegations.iter().flatten().map(|node| &node.record);
        records.filter(move |delegation| delegation.tenant == tenant)
    }

    /// The agents of an owner, in the order in which they came.
    pub fn agents_of(&self, tenant: TenantId, owner: SubjectId) -> impl Iterator<Item = &Agent> {
        let slot = self.owner_slot((tenant, owner));
        let row = slot.and_then(|slot| self.owner_rows.get(slot));
        let mut next = row.map_or(NONE, |row| row.agents.first);
        core::iter::from_fn(move || {
            let node = self.agent_at(next)?;
            next = self.agent_rows.get(next).map_or(NONE, |row| row.beside);
            Some(&node.record)
        })
    }

    /// The delegations to an agent that still count, in order of id.
    pub fn delegations_to(
        &self,
        tenant: TenantId,
        id: AgentId,
    ) -> impl Iterator<Item = &Delegation> {
        let slot = self.agent_node(tenant, id).map_or(NONE, |node| node.slot);
        let nodes = self
            .incoming(slot)
            .filter_map(|(slot, _)| self.delegation_at(slot));
        nodes.map(|node| &node.record)
    }

    /// The delegations that rest directly on this leaf, revoked ones included, in the order in which they
    /// came.
    pub fn delegations_below(
        &self,
        tenant: TenantId,
        leaf: Leaf,
    ) -> impl Iterator<Item = &Delegation> {
        let chain = match self.node(tenant, leaf) {
            Some(Node::Root(slot)) => self.agent_rows.get(slot).map(|row| row.below),
            Some(Node::Delegation(slot)) => self.delegations_beside.get(slot).map(|row| row.below),
            None => None,
        };
        let mut next = chain.map_or(NONE, |chain| chain.first);
        core::iter::from_fn(move || {
            let node = self.delegation_at(next)?;
            next = self
                .delegations_beside
                .get(next)
                .map_or(NONE, |beside| beside.next);
            Some(&node.record)
        })
    }

    /// Whether any tenant has, or had, an agent with this id.
    pub(crate) fn knows_agent(&self, id: AgentId) -> bool {
        self.agent_slot(id).is_some()
    }

    /// Whether any tenant has, or had, a delegation with this id.
    pub(crate) fn knows_delegation(&self, id: DelegationId) -> bool {
        self.delegation_slot(id).is_some()
    }

    /// How many agents and delegations there are, in all tenants.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.agents.len(), self.delegations.len())
    }

    fn agent_at(&self, slot: u32) -> Option<&AgentNode> {
        self.agents.get(slot)?.as_deref()
    }

    fn delegation_at(&self, slot: u32) -> Option<&DelegationNode> {
        self.delegations.get(slot)?.as_deref()
    }

    pub(crate) fn agent_node(&self, tenant: TenantId, id: AgentId) -> Option<&AgentNode> {
        let node = self.agent_at(self.agent_slot(id)?)?;
        (node.record.tenant == tenant).then_some(node)
    }

    pub(crate) fn delegation_node(
        &self,
        tenant: TenantId,
        id: DelegationId,
    ) -> Option<&DelegationNode> {
        let node = self.delegation_at(self.delegation_slot(id)?)?;
        (node.record.tenant == tenant).then_some(node)
    }
}
