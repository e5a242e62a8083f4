//! What an earlier declaration named, and this one no longer does.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use kavach_audit::EventKind;
use kavach_core::{
    AgentId, AgentStatus, Delegation, DelegationId, Leaf, Name, SubjectId, TenantId,
};
use kavach_store::{Expect, Key, Space, StoreError, Version};

use super::plan::Plan;
use super::{ApplyError, Doing, Place, Step};
use crate::change::About;
use crate::committer::Work;
use crate::limits::PAGE_RECORDS;
use crate::node::Kavach;

/// What was declared last. Under a tenant alone lies a record that each declaration writes anew, so that
/// two at once get in each other's way; under tenant, letter and id, one for each thing that is named.
const DECLARED: Space = Space::quiet("declared");
/// What such a record holds: that there is one is all it says.
const MARK: &[u8] = br#"{"v":1}"#;

/// The agents and delegations that a declaration named.
#[derive(Clone, Debug, Default)]
pub(super) struct Declared {
    named: Named,
    /// Of the tenant's own record; `None` before the first declaration.
    version: Option<Version>,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Named {
    agents: BTreeSet<AgentId>,
    delegations: BTreeSet<DelegationId>,
    guardrails: BTreeSet<Name>,
    owners: BTreeSet<SubjectId>,
}

/// Agents and delegations that declared delegations rest on, each with the number of one that does.
#[derive(Debug, Default)]
struct Needed {
    agents: HashMap<AgentId, usize>,
    delegations: HashMap<DelegationId, usize>,
}

impl Named {
    /// Where each thing that is named has its record.
    fn keys(&self, tenant: TenantId) -> BTreeSet<Key> {
        let id = |id: u128| id.to_be_bytes().to_vec();
        let agents = self.agents.iter().map(|agent| (b'a', id(agent.as_u128())));
        let delegations = self.delegations.iter();
        let delegations = delegations.map(|known| (b'd', id(known.as_u128())));
        let guardrails = self.guardrails.iter();
        let guardrails = guardrails.map(|name| (b'g', name.as_str().as_bytes().to_vec()));
        let owners = self.owners.iter().map(|owner| (b'o', id(owner.as_u128())));
        let key = |(letter, rest): (u8, Vec<u8>)| {
            let mut bytes = tenant.as_u128().to_be_bytes().to_vec();
            bytes.push(letter);
            bytes.extend(rest);
            Key::new(DECLARED, bytes)
        };
        agents
            .chain(delegations)
            .chain(guardrails)
            .chain(owners)
            .map(key)
            .collect()
    }
}

impl Declared {
    pub(super) async fn read(kavach: &Kavach) -> Result<Self, StoreError> {
        let prefix = kavach.tenant().as_u128().to_be_bytes();
        let mut declared = Self::default();
        let mut from = Bound::Included(prefix.to_vec());
        loop {
            let range = (from, Bound::Unbounded);
            let page = kavach
                .node
                .store
                .scan(DECLARED, range, PAGE_RECORDS)
                .await?;
            for (key, record) in &page.records {
                let Some(rest) = key.strip_prefix(&prefix) else {
                    return Ok(declared);
                };
                let id = |bytes: &[u8]| bytes.try_into().ok().map(u128::from_be_bytes);
                match rest.split_first() {
                    None => declared.version = Some(record.version),
                    Some((b'a', bytes)) => {
                        declared
                            .named
                            .agents
                            .extend(id(bytes).map(AgentId::from_u128));
                    }
                    Some((b'g', bytes)) => {
                        let name = std::str::from_utf8(bytes)
                            .ok()
                            .and_then(|name| name.parse().ok());
                        declared.named.guardrails.extend(name);
                    }
                    Some((b'o', bytes)) => {
                        let id = id(bytes).map(SubjectId::from_u128);
                        declared.named.owners.extend(id);
                    }
                    Some((_, bytes)) => {
                        declared
                            .named
                            .delegations
                            .extend(id(bytes).map(DelegationId::from_u128));
                    }
                }
            }
            match page.next {
                Some(next) => from = Bound::Excluded(next),
                None => return Ok(declared),
            }
        }
    }

    /// Has `work` write what is declared now, if that is anything else.
    pub(super) fn replace_with(&self, after: &Named, tenant: TenantId, work: &mut Work) {
        if *after == self.named {
            return;
        }
        let guard = Key::new(DECLARED, tenant.as_u128().to_be_bytes());
        let expect = self.version.map_or(Expect::Absent, Expect::Version);
        work.expectations.push((guard.clone(), expect));
        let (present, wanted) = (self.named.keys(tenant), after.keys(tenant));
        let new = wanted.difference(&present).cloned().chain([guard]);
        work.puts.extend(new.map(|key| (key, MARK.to_vec())));
        work.deletes.extend(present.difference(&wanted).cloned());
    }
}

impl Plan<'_> {
    /// Reports, or revokes, what is no longer named, and returns what is to be remembered as named.
    pub(super) fn unnamed(&mut self, before: &Declared) -> Result<Named, ApplyError> {
        let mut named = Named {
            agents: self.named_agents.iter().copied().collect(),
            delegations: self.named_delegations.iter().map(|(_, id)| *id).collect(),
            guardrails: self.named_guardrails.iter().cloned().collect(),
            owners: self.named_owners.iter().copied().collect(),
        };
        // A delegation names its agents too; one that somebody else made does not become ours by that.
        named.agents.extend(
            self.mentioned
                .iter()
                .filter(|agent| before.named.agents.contains(agent)),
        );
        let known = before.named.delegations.iter();
        let known = known.filter_map(|id| self.graph.delegation(self.tenant(), *id));
        let gone =
            known.filter(|known| !named.delegations.contains(&known.id) && self.stands(known));
        let gone: Vec<Delegation> = gone.cloned().collect();
        let needed = self.needed();
        for known in &gone {
            let id = &known.id;
            let name = |agent| {
                let agent = self.graph.agent(self.tenant(), agent);
                agent
                    .map(|agent| agent.name.to_string())
                    .unwrap_or_default()
            };
            let what = format!(
                "delegation {} -> {} ({id})",
                name(known.from),
                name(known.to)
            );
            if let Some(number) = needed.delegations.get(id).filter(|_| self.options.prune) {
                self.rests_on(*number, &what);
            } else if self.options.prune {
                let leaf = Leaf::Delegation(*id);
                let about = About::leaf(&self.graph, self.tenant(), leaf).with("delegation", id);
                if let Ok(change) = self.graph.revoke_delegation(self.tenant(), *id) {
                    self.absorb(EventKind::DelegationRevoked, about, change)?;
                }
            } else {
                named.delegations.insert(*id);
            }
            self.gone(what);
        }
        for id in &before.named.agents {
            let known = self.graph.agent(self.tenant(), *id);
            let known = known
                .filter(|known| known.status != AgentStatus::Revoked)
                .cloned();
            let Some(known) = known.filter(|_| !named.agents.contains(id)) else {
                continue;
            };
            if let Some(number) = needed.agents.get(id).filter(|_| self.options.prune) {
                self.rests_on(*number, &format!("agent {}", known.name));
            } else if self.options.prune {
                let about = About::agent(&self.graph, self.tenant(), *id);
                if let Ok(change) = self.graph.revoke_agent(self.tenant(), *id) {
                    self.absorb(EventKind::AgentRevoked, about, change)?;
                }
            } else {
                named.agents.insert(*id);
            }
            self.gone(format!("agent {}", known.name));
        }
        self.others_unnamed(before, &mut named)?;
        Ok(named)
    }

    /// The same for guardrails and people.
    fn others_unnamed(&mut self, before: &Declared, named: &mut Named) -> Result<(), ApplyError> {
        for name in &before.named.guardrails {
            if named.guardrails.contains(name) || self.known_guardrail(name).is_none() {
                continue;
            }
            if self.options.prune {
                self.remove_guardrail(name)?;
            } else {
                named.guardrails.insert(name.clone());
            }
            self.gone(format!("guardrail {name}"));
        }
        for id in &before.named.owners {
            let Some(subject) = self
                .lasting_owner(*id)
                .filter(|_| !named.owners.contains(id))
            else {
                continue;
            };
            if self.options.prune {
                self.strip_owner(&subject)?;
            } else {
                named.owners.insert(*id);
            }
            self.gone(format!("owner {subject}"));
        }
        Ok(())
    }

    /// All that declared delegations rest on, with the number of one that does.
    fn needed(&self) -> Needed {
        let mut needed = Needed::default();
        for (number, id) in &self.named_delegations {
            let leaf = Leaf::Delegation(*id);
            let holds = self.graph.fault_of(self.tenant(), leaf, self.now).is_none();
            let line = self.graph.line(self.tenant(), leaf).filter(|_| holds);
            for hop in line.iter().flat_map(|line| &line.hops) {
                needed.agents.insert(hop.agent, *number);
                needed
                    .delegations
                    .extend(hop.delegation.map(|delegation| (delegation, *number)));
            }
        }
        needed
    }

    fn rests_on(&mut self, number: usize, what: &str) {
        let message = format!(
            "it rests on {what}, which the file no longer names and pruning would revoke; declare that too"
        );
        self.problem(Place::Delegation(number, "via"), message);
    }

    fn gone(&mut self, what: String) {
        self.steps.push(Step {
            doing: if self.options.prune {
                Doing::Revoke
            } else {
                Doing::Unnamed
            },
            what,
            details: Vec::new(),
            credential: None,
        });
    }
}
