//! The delegation forest in memory: every owner, agent, name and delegation of a store.

use alloc::vec::Vec;

use hashbrown::HashMap;

use crate::agent::{Agent, AgentName, CredentialHash, Owner, SubjectName};
use crate::delegation::Delegation;
use crate::id::{AgentId, DelegationId, SubjectId, TenantId};
use crate::limits::{DEPTH_MAX, INCOMING_MAX};
use crate::name::{Name, Subject};

mod line;
mod record;
mod slots;

pub(crate) use line::{Holding, Node};
pub use line::{Leaf, Line, LineHop};
pub use record::{GraphError, Record, RecordKey, Stamp};
use slots::{Slot, Slots};

/// All records of a store, linked so that a decision follows its line without searching.
///
/// Pure state: it changes only by [`apply`](Self::apply) and [`erase`](Self::erase), and what may
/// change is decided by the functions that return a [`Change`](crate::Change).
#[derive(Clone, Debug, Default)]
pub struct Graph {
    owners: Slots<(TenantId, SubjectId), OwnerNode>,
    agents: Slots<AgentId, AgentNode>,
    delegations: Slots<DelegationId, DelegationNode>,
    names: HashMap<TenantId, HashMap<Name, (AgentId, Stamp)>>,
    subjects: HashMap<TenantId, HashMap<Subject, (SubjectId, Stamp)>>,
    credentials: HashMap<CredentialHash, Slot>,
}

#[derive(Clone, Debug)]
pub(crate) struct OwnerNode {
    pub(crate) record: Owner,
    pub(crate) subject: Option<Subject>,
    agents: Vec<Slot>,
    stamp: Stamp,
}

#[derive(Clone, Debug)]
pub(crate) struct AgentNode {
    pub(crate) record: Agent,
    owner: Slot,
    /// Delegations to this agent, in order of id. See `limits::INCOMING_MAX`.
    pub(crate) incoming: Vec<Slot>,
    /// Delegations that rest on its root grants.
    outgoing: Vec<Slot>,
    stamp: Stamp,
}

#[derive(Clone, Debug)]
pub(crate) struct DelegationNode {
    pub(crate) record: Delegation,
    from: Slot,
    to: Slot,
    parent: Option<Slot>,
    /// Delegations that rest on this one.
    children: Vec<Slot>,
    stamp: Stamp,
}

impl Graph {
    /// A graph of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a record in, or in the place of its former self.
    ///
    /// # Errors
    /// If it cites a record that is not there, or changes what never changes. The graph is as before.
    pub fn apply(&mut self, record: Record, stamp: Stamp) -> Result<(), GraphError> {
        let key = record.key();
        let applied = match record {
            Record::Owner(owner) => {
                self.apply_owner(owner, stamp);
                Ok(())
            }
            Record::Subject(subject) => self.apply_subject(subject, stamp),
            Record::Agent(agent) => self.apply_agent(agent, stamp),
            Record::Name(name) => self.apply_name(name, stamp),
            Record::Delegation(delegation) => self.apply_delegation(delegation, stamp),
        };
        applied.map_err(|problem| GraphError { key, problem })
    }

    /// Takes the host's name for a subject out. Other records are never taken out, and are left alone.
    pub fn erase(&mut self, key: &RecordKey) {
        if let RecordKey::Subject(tenant, subject) = key {
            let erased = self
                .subjects
                .get_mut(tenant)
                .and_then(|names| names.remove(subject));
            if let Some((id, _)) = erased
                && let Some(node) = self.owners.find_mut(&(*tenant, id))
            {
                node.subject = None;
            }
        }
    }

    /// What was stored beside the record; `None` if there is no such record.
    #[must_use]
    pub fn stamp(&self, key: &RecordKey) -> Option<Stamp> {
        match key {
            RecordKey::Owner(tenant, id) => {
                self.owners.find(&(*tenant, *id)).map(|node| node.stamp)
            }
            RecordKey::Subject(tenant, subject) => self
                .subjects
                .get(tenant)?
                .get(subject)
                .map(|(_, stamp)| *stamp),
            RecordKey::Agent(tenant, id) => self.agent_node(*tenant, *id).map(|node| node.stamp),
            RecordKey::Name(tenant, name) => {
                self.names.get(tenant)?.get(name).map(|(_, stamp)| *stamp)
            }
            RecordKey::Delegation(tenant, id) => {
                self.delegation_node(*tenant, *id).map(|node| node.stamp)
            }
        }
    }

    fn apply_owner(&mut self, owner: Owner, stamp: Stamp) {
        let key = (owner.tenant, owner.id);
        match self.owners.find_mut(&key) {
            Some(node) => {
                node.record = owner;
                node.stamp = stamp;
            }
            None => {
                self.owners.insert(
                    key,
                    OwnerNode {
                        record: owner,
                        subject: None,
                        agents: Vec::new(),
                        stamp,
                    },
                );
            }
        }
    }

    fn apply_subject(&mut self, name: SubjectName, stamp: Stamp) -> Result<(), &'static str> {
        let owner = self.owners.find_mut(&(name.tenant, name.id));
        owner.ok_or("names an owner that is not there")?.subject = Some(name.subject.clone());
        self.subjects
            .entry(name.tenant)
            .or_default()
            .insert(name.subject, (name.id, stamp));
        Ok(())
    }

    fn apply_agent(&mut self, agent: Agent, stamp: Stamp) -> Result<(), &'static str> {
        let owner_key = (agent.tenant, agent.owner);
        let owner = self
            .owners
            .slot(&owner_key)
            .ok_or("names an owner that is not there")?;
        let hashes: Vec<CredentialHash> =
            agent.credentials.iter().map(|known| known.hash).collect();
        let slot = match self.agents.slot(&agent.id) {
            Some(slot) => {
                let node = self.agents.get_mut(slot).ok_or("is lost")?;
                let known = &node.record;
                if known.tenant != agent.tenant || known.owner != agent.owner {
                    return Err("changes its tenant or its owner");
                }
                for credential in &known.credentials {
                    self.credentials.remove(&credential.hash);
                }
                node.record = agent;
                node.stamp = stamp;
                slot
            }
            None => {
                let id = agent.id;
                let node = AgentNode {
                    record: agent,
                    owner,
                    incoming: Vec::new(),
                    outgoing: Vec::new(),
                    stamp,
                };
                let slot = self.agents.insert(id, node);
                if let Some(owner) = self.owners.get_mut(owner) {
                    owner.agents.push(slot);
                }
                slot
            }
        };
        for hash in hashes {
            self.credentials.insert(hash, slot);
        }
        Ok(())
    }

    fn apply_name(&mut self, name: AgentName, stamp: Stamp) -> Result<(), &'static str> {
        if self.agent_node(name.tenant, name.agent).is_none() {
            return Err("names an agent that is not there");
        }
        self.names
            .entry(name.tenant)
            .or_default()
            .insert(name.name, (name.agent, stamp));
        Ok(())
    }

    fn apply_delegation(
        &mut self,
        delegation: Delegation,
        stamp: Stamp,
    ) -> Result<(), &'static str> {
        if let Some(slot) = self.delegations.slot(&delegation.id) {
            let node = self.delegations.get_mut(slot).ok_or("is lost")?;
            let known = &node.record;
            if (
                known.tenant,
                known.from,
                known.to,
                known.parent,
                known.depth,
            ) != (
                delegation.tenant,
                delegation.from,
                delegation.to,
                delegation.parent,
                delegation.depth,
            ) {
                return Err("changes who gave it to whom");
            }
            node.record = delegation;
            node.stamp = stamp;
            return Ok(());
        }
        let (from, to, parent) = self.ends_of(&delegation)?;
        let (id, now) = (delegation.id, delegation.created_at);
        let node = DelegationNode {
            record: delegation,
            from,
            to,
            parent,
            children: Vec::new(),
            stamp,
        };
        let slot = self.delegations.insert(id, node);
        match parent {
            Some(parent) => {
                let parent = self.delegations.get_mut(parent).ok_or("is lost")?;
                parent.children.push(slot);
            }
            None => self
                .agents
                .get_mut(from)
                .ok_or("is lost")?
                .outgoing
                .push(slot),
        }
        let delegations = &self.delegations;
        let incoming = &mut self.agents.get_mut(to).ok_or("is lost")?.incoming;
        let id_of = |slot: &Slot| delegations.get(*slot).map(|node| node.record.id);
        let at = incoming.partition_point(|known| id_of(known) < Some(id));
        incoming.insert(at, slot);
        if incoming.len() > INCOMING_MAX {
            incoming.retain(|slot| {
                delegations.get(*slot).is_some_and(|node| {
                    let over = node.record.expires_at.is_some_and(|end| end <= now);
                    !node.record.revoked && !over
                })
            });
        }
        Ok(())
    }

    /// Where a new delegation hangs, checked: nothing crosses a tenant, and the parent leads to `from`.
    fn ends_of(&self, new: &Delegation) -> Result<(Slot, Slot, Option<Slot>), &'static str> {
        let agent = |id| {
            let slot = self
                .agents
                .slot(&id)
                .ok_or("names an agent that is not there")?;
            match self.agents.get(slot) {
                Some(node) if node.record.tenant == new.tenant => Ok(slot),
                _ => Err("crosses tenants"),
            }
        };
        let (from, to) = (agent(new.from)?, agent(new.to)?);
        let (parent, depth) = match new.parent {
            None => (None, 1),
            Some(id) => {
                let slot = self.delegations.slot(&id);
                let slot = slot.ok_or("rests on a delegation that is not there")?;
                let node = self.delegations.get(slot).ok_or("is lost")?;
                if node.to != from {
                    return Err("rests on a delegation to somebody else");
                }
                (Some(slot), node.record.depth.saturating_add(1))
            }
        };
        if new.depth != depth || depth > DEPTH_MAX {
            return Err("has a depth that is not its own");
        }
        Ok((from, to, parent))
    }
}

/// Looking records up.
impl Graph {
    /// The agent with this id in this tenant.
    #[must_use]
    pub fn agent(&self, tenant: TenantId, id: AgentId) -> Option<&Agent> {
        self.agent_node(tenant, id).map(|node| &node.record)
    }

    /// The agent that has this name in this tenant, or had it last.
    #[must_use]
    pub fn agent_named(&self, tenant: TenantId, name: &Name) -> Option<&Agent> {
        let (id, _) = self.names.get(&tenant)?.get(name)?;
        self.agent(tenant, *id)
    }

    /// The agent with a credential of this hash, whether or not it is still accepted.
    #[must_use]
    pub fn agent_by_credential(&self, hash: &CredentialHash) -> Option<&Agent> {
        let slot = self.credentials.get(hash)?;
        self.agents.get(*slot).map(|node| &node.record)
    }

    /// The delegation with this id in this tenant.
    #[must_use]
    pub fn delegation(&self, tenant: TenantId, id: DelegationId) -> Option<&Delegation> {
        self.delegation_node(tenant, id).map(|node| &node.record)
    }

    /// The standing of this owner.
    #[must_use]
    pub fn owner(&self, tenant: TenantId, id: SubjectId) -> Option<&Owner> {
        self.owners.find(&(tenant, id)).map(|node| &node.record)
    }

    /// What stands for the host's name of a subject.
    #[must_use]
    pub fn subject_id(&self, tenant: TenantId, subject: &Subject) -> Option<SubjectId> {
        self.subjects.get(&tenant)?.get(subject).map(|(id, _)| *id)
    }

    /// The host's name for a subject; `None` if it was erased, or never known.
    #[must_use]
    pub fn subject(&self, tenant: TenantId, id: SubjectId) -> Option<&Subject> {
        self.owners.find(&(tenant, id))?.subject.as_ref()
    }

    /// The names of all subjects that were not erased, with their tenants, in no order.
    pub fn subjects(&self) -> impl Iterator<Item = (TenantId, &Subject)> {
        self.subjects
            .iter()
            .flat_map(|(tenant, names)| names.keys().map(|name| (*tenant, name)))
    }

    /// All agents of a tenant, in the order in which they came.
    pub fn agents(&self, tenant: TenantId) -> impl Iterator<Item = &Agent> {
        let records = self.agents.iter().map(|node| &node.record);
        records.filter(move |agent| agent.tenant == tenant)
    }

    /// All delegations of a tenant, in the order in which they came.
    pub fn delegations(&self, tenant: TenantId) -> impl Iterator<Item = &Delegation> {
        let records = self.delegations.iter().map(|node| &node.record);
        records.filter(move |delegation| delegation.tenant == tenant)
    }

    /// The agents of an owner, in the order in which they came.
    pub fn agents_of(&self, tenant: TenantId, owner: SubjectId) -> impl Iterator<Item = &Agent> {
        let node = self.owners.find(&(tenant, owner));
        let slots = node.into_iter().flat_map(|node| &node.agents);
        slots.filter_map(|slot| self.agents.get(*slot).map(|node| &node.record))
    }

    /// The delegations to an agent that still count, in order of id.
    pub fn delegations_to(
        &self,
        tenant: TenantId,
        id: AgentId,
    ) -> impl Iterator<Item = &Delegation> {
        let node = self.agent_node(tenant, id);
        let slots = node.into_iter().flat_map(|node| &node.incoming);
        slots.filter_map(|slot| self.delegations.get(*slot).map(|node| &node.record))
    }

    /// The delegations that rest directly on this leaf, revoked ones included.
    pub fn delegations_below(
        &self,
        tenant: TenantId,
        leaf: Leaf,
    ) -> impl Iterator<Item = &Delegation> {
        let slots = match leaf {
            Leaf::Root(id) => self.agent_node(tenant, id).map(|node| &node.outgoing),
            Leaf::Delegation(id) => self.delegation_node(tenant, id).map(|node| &node.children),
        };
        let slots = slots.into_iter().flatten();
        slots.filter_map(|slot| self.delegations.get(*slot).map(|node| &node.record))
    }

    /// Whether any tenant has, or had, an agent with this id.
    pub(crate) fn knows_agent(&self, id: AgentId) -> bool {
        self.agents.slot(&id).is_some()
    }

    /// Whether any tenant has, or had, a delegation with this id.
    pub(crate) fn knows_delegation(&self, id: DelegationId) -> bool {
        self.delegations.slot(&id).is_some()
    }

    /// How many agents and delegations there are, in all tenants.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.agents.len(), self.delegations.len())
    }

    pub(crate) fn agent_node(&self, tenant: TenantId, id: AgentId) -> Option<&AgentNode> {
        self.agents
            .find(&id)
            .filter(|node| node.record.tenant == tenant)
    }

    pub(crate) fn delegation_node(
        &self,
        tenant: TenantId,
        id: DelegationId,
    ) -> Option<&DelegationNode> {
        self.delegations
            .find(&id)
            .filter(|node| node.record.tenant == tenant)
    }
}
