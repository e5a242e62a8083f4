//! Putting records in, and taking them out.

use alloc::sync::Arc;

use super::cold::{AgentNode, DelegationNode, Met, Named, OwnerNode, TenantNode};
use super::hot::{AgentRow, Beside, Chain, DelegationRow};
use super::rows::NONE;
use super::{Graph, GraphError, Loading, Record, RecordKey, Stamp};
use crate::agent::{Agent, AgentName, Owner, SubjectName};
use crate::delegation::Delegation;
use crate::guardrail::Guardrail;
use crate::id::TenantId;
use crate::limits::{DEPTH_MAX, INCOMING_MAX};
use crate::name::{Name, Subject};

const NO_OWNER: &str = "names an owner that is not there";

impl Graph {
    /// A graph of these records, each after what it cites: see [`Record::rank`]. The same as
    /// [`apply`](Self::apply) on each in turn, in less time. [`Loading`] does it a page at a time.
    ///
    /// # Errors
    /// If one of them cites a record that is not there, or changes what never changes.
    pub fn load(records: impl IntoIterator<Item = (Record, Stamp)>) -> Result<Self, GraphError> {
        let mut loading = Loading::new();
        let mut records = records.into_iter();
        records.try_for_each(|(record, stamp)| loading.put(record, stamp))?;
        loading.finish()
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
            Record::Guardrail(guardrail) => {
                self.apply_guardrail(guardrail, stamp);
                Ok(())
            }
        };
        applied.map_err(|problem| GraphError { key, problem })
    }

    /// Takes the host's name for a subject out, or a guardrail. Other records are never taken out, and are
    /// left alone.
    pub fn erase(&mut self, key: &RecordKey) {
        match key {
            RecordKey::Guardrail(tenant, name) => self.erase_guardrail(*tenant, name),
            RecordKey::Subject(tenant, subject) => self.erase_subject_name(*tenant, subject),
            RecordKey::Owner(..)
            | RecordKey::Agent(..)
            | RecordKey::Name(..)
            | RecordKey::Delegation(..) => {}
        }
    }

    fn erase_subject_name(&mut self, tenant: TenantId, subject: &Subject) {
        let key = (tenant, subject);
        let Some(number) = self.subjects.find(&key, |known| known.key() == key) else {
            return;
        };
        let Some(erased) = self.subjects.release(number) else {
            return;
        };
        let owner = (tenant, erased.record.id);
        if let Some(number) = self.owner_slot(owner)
            && let Some(node) = self.owners.get(number)
        {
            let node = OwnerNode {
                subject: None,
                ..node.clone()
            };
            self.owners.replace(number, Arc::new(node));
        }
    }

    fn tenant_slot_or_new(&mut self, tenant: TenantId) -> u32 {
        match self.tenant_slot(tenant) {
            Some(slot) => slot,
            None => self.tenants.add(Arc::new(TenantNode::new(tenant))),
        }
    }

    fn change_tenant(&mut self, tenant: TenantId, change: impl FnOnce(&mut TenantNode)) -> u32 {
        let slot = self.tenant_slot_or_new(tenant);
        if let Some(node) = self.tenants.get(slot) {
            let mut node = node.clone();
            change(&mut node);
            self.tenants.replace(slot, Arc::new(node));
        }
        slot
    }

    fn apply_guardrail(&mut self, guardrail: Guardrail, stamp: Stamp) {
        let slot = self.change_tenant(guardrail.tenant, |node| {
            node.guardrails
                .insert(guardrail.name.clone(), (guardrail, stamp));
        });
        self.pack_rails(slot);
    }

    fn erase_guardrail(&mut self, tenant: TenantId, name: &Name) {
        let slot = self.change_tenant(tenant, |node| {
            node.guardrails.remove(name);
        });
        self.pack_rails(slot);
    }

    /// Packs what the guardrails of a tenant forbid.
    fn pack_rails(&mut self, slot: u32) {
        let Some(node) = self.tenants.get(slot) else {
            return;
        };
        let places = (0..).zip(node.guardrails.values());
        let rails = places.map(|(place, (guardrail, _))| (place, &guardrail.never));
        let rails = self.words.keep(node.guardrails.len(), rails);
        self.words.let_go(node.rails);
        let node = TenantNode {
            rails,
            ..node.clone()
        };
        self.tenants.replace(slot, Arc::new(node));
    }

    fn apply_owner(&mut self, owner: Owner, stamp: Stamp) {
        self.tenant_slot_or_new(owner.tenant);
        let known = self.owner_slot((owner.tenant, owner.id));
        let subject = known.and_then(|slot| self.owners.get(slot)?.subject.clone());
        let node = Arc::new(OwnerNode {
            record: owner,
            subject,
            stamp,
        });
        let slot = match known {
            Some(slot) => {
                self.owners.replace(slot, Arc::clone(&node));
                slot
            }
            None => {
                self.owners.add(Arc::clone(&node));
                self.owner_rows.push(Default::default())
            }
        };
        if let Some(row) = self.owner_rows.get_mut(slot) {
            row.follow(&node.record);
        }
    }

    fn apply_subject(&mut self, name: SubjectName, stamp: Stamp) -> Result<(), &'static str> {
        let slot = self.owner_slot((name.tenant, name.id));
        let slot = slot.ok_or(NO_OWNER)?;
        if let Some(node) = self.owners.get(slot) {
            let node = OwnerNode {
                subject: Some(name.subject.clone()),
                ..node.clone()
            };
            self.owners.replace(slot, Arc::new(node));
        }
        let met = Met {
            record: name,
            stamp,
        };
        match self
            .subjects
            .find(&met.key(), |known| known.key() == met.key())
        {
            Some(number) => self.subjects.replace(number, Arc::new(met)),
            None => drop(self.subjects.add(Arc::new(met))),
        }
        Ok(())
    }

    fn apply_name(&mut self, name: AgentName, stamp: Stamp) -> Result<(), &'static str> {
        if self.agent_node(name.tenant, name.agent).is_none() {
            return Err("names an agent that is not there");
        }
        let named = Named {
            record: name,
            stamp,
        };
        match self
            .names
            .find(&named.key(), |known| known.key() == named.key())
        {
            Some(number) => self.names.replace(number, Arc::new(named)),
            None => drop(self.names.add(Arc::new(named))),
        }
        Ok(())
    }

    fn apply_agent(&mut self, agent: Agent, stamp: Stamp) -> Result<(), &'static str> {
        let Some(slot) = self.agent_slot(agent.id) else {
            return self.add_agent(agent, stamp);
        };
        let known = self.agents.get(slot).and_then(Option::as_ref);
        let known = known.map(|node| &node.record).ok_or("is lost")?;
        if known.tenant != agent.tenant || known.owner != agent.owner {
            let owner = self.owner_slot((agent.tenant, agent.owner));
            return Err(owner.map_or(NO_OWNER, |_| "changes its tenant or its owner"));
        }
        if known.credentials != agent.credentials {
            for credential in &known.credentials {
                self.credentials.remove(self.hash(credential.hash), slot);
            }
            for credential in &agent.credentials {
                self.credentials.insert(self.hash(credential.hash), slot);
            }
        }
        let regranted = known.grants != agent.grants;
        let row = self.agent_rows.get_mut(slot).ok_or("is lost")?;
        row.follow(&agent);
        if regranted {
            row.grants = self.words.repack(row.grants, &agent.grants);
        }
        let node = self.agents.get_mut(slot).and_then(Option::as_mut);
        let node = node.ok_or("is lost")?;
        match Arc::get_mut(node) {
            // Nobody looks at what was: it takes the same place.
            Some(node) => {
                node.record = agent;
                node.stamp = stamp;
            }
            None => {
                let record = agent;
                *node = Arc::new(AgentNode {
                    record,
                    slot,
                    stamp,
                });
            }
        }
        Ok(())
    }

    /// An agent that was not there, as its owner's last.
    fn add_agent(&mut self, agent: Agent, stamp: Stamp) -> Result<(), &'static str> {
        let owner = self.owner_slot((agent.tenant, agent.owner));
        let owner = owner.ok_or(NO_OWNER)?;
        let tenant = match self.tenant_slot(agent.tenant) {
            Some(slot) if self.tenants.get(slot).is_some_and(|node| node.has_agents) => slot,
            _ => self.change_tenant(agent.tenant, |node| node.has_agents = true),
        };
        let mut row = AgentRow::new(&agent, tenant, owner);
        row.grants = self.words.repack(NONE, &agent.grants);
        let slot = self.agent_rows.push(row);
        self.agent_index.insert(self.hash(agent.id), slot);
        for credential in &agent.credentials {
            self.credentials.insert(self.hash(credential.hash), slot);
        }
        self.agents.push(Some(Arc::new(AgentNode {
            record: agent,
            slot,
            stamp,
        })));
        let owner = self.owner_rows.get_mut(owner);
        let last = owner.map_or(NONE, |owner| owner.agents.push(slot));
        if let Some(last) = self.agent_rows.get_mut(last) {
            last.beside = slot;
        }
        Ok(())
    }

    fn apply_delegation(
        &mut self,
        delegation: Delegation,
        stamp: Stamp,
    ) -> Result<(), &'static str> {
        let Some(slot) = self.delegation_slot(delegation.id) else {
            return self.add_delegation(delegation, stamp);
        };
        let known = self.delegations.get(slot).and_then(Option::as_ref);
        let known = known.map(|node| &node.record).ok_or("is lost")?;
        let given = |delegation: &Delegation| {
            let Delegation {
                tenant,
                from,
                to,
                parent,
                depth,
                ..
            } = *delegation;
            (tenant, from, to, parent, depth)
        };
        if given(known) != given(&delegation) {
            return Err("changes who gave it to whom");
        }
        let regranted = known.grants != delegation.grants;
        let row = self.delegation_rows.get_mut(slot).ok_or("is lost")?;
        row.follow(&delegation);
        if regranted {
            row.grants = self.words.repack(row.grants, &delegation.grants);
        }
        let node = self.delegations.get_mut(slot).and_then(Option::as_mut);
        let node = node.ok_or("is lost")?;
        let record = delegation;
        match Arc::get_mut(node) {
            // Nobody looks at what was: it takes the same place.
            Some(node) => *node = DelegationNode { record, stamp },
            None => *node = Arc::new(DelegationNode { record, stamp }),
        }
        Ok(())
    }

    /// A delegation that was not there, as the last that rests on its parent.
    fn add_delegation(&mut self, delegation: Delegation, stamp: Stamp) -> Result<(), &'static str> {
        let (from, to, parent) = self.ends_of(&delegation)?;
        let mut row = DelegationRow::new(&delegation, from, to, parent.unwrap_or(NONE));
        row.grants = self.words.repack(NONE, &delegation.grants);
        let slot = self.delegation_rows.push(row);
        self.delegation_index.insert(self.hash(delegation.id), slot);
        let now = delegation.created_at;
        let record = delegation;
        self.delegations
            .push(Some(Arc::new(DelegationNode { record, stamp })));
        self.delegations_beside.push(Beside::default());
        let chain = match parent {
            Some(parent) => self
                .delegations_beside
                .get_mut(parent)
                .map(|beside| &mut beside.below),
            None => self.agent_rows.get_mut(from).map(|row| &mut row.below),
        };
        let last = chain.map_or(NONE, |chain| chain.push(slot));
        if let Some(beside) = self.delegations_beside.get_mut(last) {
            beside.next = slot;
        }
        self.chain_incoming(to, slot);
        self.prune_incoming(to, now);
        Ok(())
    }

    /// Puts a delegation among those to its receiver, in order of id.
    fn chain_incoming(&mut self, to: u32, new: u32) {
        let Some(id) = self.delegation_rows.get(new).map(|row| row.id) else {
            return;
        };
        let earlier = self.incoming(to).take_while(|(_, row)| row.id < id);
        let before = earlier.last().map(|(slot, _)| slot);
        let link = self.incoming_after(to, before);
        let next = link.map_or(NONE, |link| core::mem::replace(link, new));
        if let Some(row) = self.delegation_rows.get_mut(new) {
            row.next_incoming = next;
        }
    }

    /// Takes those that are over out of the delegations to an agent, if they are too many.
    fn prune_incoming(&mut self, to: u32, now: crate::time::Timestamp) {
        if self.incoming(to).count() <= INCOMING_MAX {
            return;
        }
        let counts = |row: &DelegationRow| !row.revoked && !row.is_over(now);
        let kept = self.incoming(to).filter(|(_, row)| counts(row));
        let kept: alloc::vec::Vec<u32> = kept.map(|(slot, _)| slot).collect();
        let mut before = None;
        for slot in kept.into_iter().chain([NONE]) {
            if let Some(link) = self.incoming_after(to, before) {
                *link = slot;
            }
            before = Some(slot);
        }
    }

    /// What names the delegation to an agent that comes after another one, or the first.
    fn incoming_after(&mut self, to: u32, before: Option<u32>) -> Option<&mut u32> {
        match before {
            Some(before) => {
                let row = self.delegation_rows.get_mut(before)?;
                Some(&mut row.next_incoming)
            }
            None => Some(&mut self.agent_rows.get_mut(to)?.incoming),
        }
    }

    /// Where a new delegation hangs, checked: nothing crosses a tenant, and the parent leads to `from`.
    pub(super) fn ends_of(
        &self,
        new: &Delegation,
    ) -> Result<(u32, u32, Option<u32>), &'static str> {
        let agent = |id| {
            let slot = self
                .agent_slot(id)
                .ok_or("names an agent that is not there")?;
            match self.agents.get(slot) {
                Some(Some(node)) if node.record.tenant == new.tenant => Ok(slot),
                _ => Err("crosses tenants"),
            }
        };
        let (from, to) = (agent(new.from)?, agent(new.to)?);
        let (parent, depth) = match new.parent {
            None => (None, 1),
            Some(id) => {
                let slot = self.delegation_slot(id);
                let slot = slot.ok_or("rests on a delegation that is not there")?;
                let row = self.delegation_rows.get(slot).ok_or("is lost")?;
                if row.to != from {
                    return Err("rests on a delegation to somebody else");
                }
                let node = self
                    .delegations
                    .get(slot)
                    .and_then(Option::as_ref)
                    .ok_or("is lost")?;
                (Some(slot), node.record.depth.saturating_add(1))
            }
        };
        if new.depth != depth || depth > DEPTH_MAX {
            return Err("has a depth that is not its own");
        }
        Ok((from, to, parent))
    }
}

impl Chain {
    /// Adds a row at the end, and returns the one that must name it as its next; [`NONE`] if it is the first.
    fn push(&mut self, new: u32) -> u32 {
        let last = core::mem::replace(&mut self.last, new);
        if last == NONE {
            self.first = new;
        }
        last
    }
}
