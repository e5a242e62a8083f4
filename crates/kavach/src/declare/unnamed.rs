//! What an earlier declaration named, and this one no longer does.

use std::collections::{BTreeSet, HashMap};

use kavach_audit::EventKind;
use kavach_core::{AgentId, AgentStatus, Delegation, DelegationId, Leaf, TenantId};
use kavach_store::{Expect, Key, Space, StoreError, StoreErrorKind, Version};
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::{ApplyError, Doing, Place, Step};
use crate::change::About;
use crate::committer::Work;
use crate::node::Kavach;

/// What was declared last, by tenant.
const DECLARED: Space = Space::quiet("declared");

/// The agents and delegations that a declaration named, with the version of the record that says so.
#[derive(Clone, Debug, Default)]
pub(super) struct Declared {
    named: Named,
    version: Option<Version>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Named {
    v: u32,
    agents: BTreeSet<AgentId>,
    delegations: BTreeSet<DelegationId>,
}

impl Declared {
    pub(super) async fn read(kavach: &Kavach) -> Result<Self, StoreError> {
        let keys = [record(kavach.tenant())];
        let found = kavach.node.store.read(&keys).await?.records.into_iter().flatten().next();
        let Some(found) = found else {
            return Ok(Self::default());
        };
        let named = serde_json::from_slice(&found.bytes).map_err(|cause| {
            let words = "the record of what was declared last is damaged; restore a backup";
            StoreError::new(StoreErrorKind::Corrupt, words).because(cause)
        })?;
        Ok(Self {
            named,
            version: Some(found.version),
        })
    }

    /// Has `work` write what is declared now, if that is anything else.
    pub(super) fn replace_with(&self, after: &Named, tenant: TenantId, work: &mut Work) {
        if *after == self.named {
            return;
        }
        if let Ok(bytes) = serde_json_canonicalizer::to_vec(after) {
            let expect = self.version.map_or(Expect::Absent, Expect::Version);
            work.expectations.push((record(tenant), expect));
            work.puts.push((record(tenant), bytes));
        }
    }
}

fn record(tenant: TenantId) -> Key {
    Key::new(DECLARED, tenant.as_u128().to_be_bytes())
}

/// What must not be revoked, and for whose sake: the number of a declared delegation.
#[derive(Default)]
struct Needed {
    agents: HashMap<AgentId, usize>,
    delegations: HashMap<DelegationId, usize>,
}

impl Plan<'_> {
    /// Reports, or revokes, what is no longer named, and returns what is to be remembered as named.
    pub(super) fn unnamed(&mut self, before: &Declared) -> Result<Named, ApplyError> {
        let mut named = Named {
            v: 1,
            agents: self.named_agents.iter().copied().collect(),
            delegations: self.named_delegations.iter().map(|(_, id)| *id).collect(),
        };
        // A delegation names its agents too; one that somebody else made does not become ours by that.
        named.agents.extend(self.mentioned.iter().filter(|agent| before.named.agents.contains(agent)));
        let known = before.named.delegations.iter();
        let known = known.filter_map(|id| self.graph.delegation(self.tenant(), *id));
        let gone = known.filter(|known| !named.delegations.contains(&known.id) && self.stands(known));
        let gone: Vec<Delegation> = gone.cloned().collect();
        let needed = self.needed();
        for known in &gone {
            let id = &known.id;
            let name = |agent| {
                let agent = self.graph.agent(self.tenant(), agent);
                agent.map(|agent| agent.name.to_string()).unwrap_or_default()
            };
            let what = format!("delegation {} -> {} ({id})", name(known.from), name(known.to));
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
            let known = known.filter(|known| known.status != AgentStatus::Revoked).cloned();
            let Some(known) = known.filter(|_| !named.agents.contains(id)) else { continue };
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
        Ok(named)
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
                needed.delegations.extend(hop.delegation.map(|delegation| (delegation, *number)));
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
            doing: if self.options.prune { Doing::Revoke } else { Doing::Unnamed },
            what,
            details: Vec::new(),
            credential: None,
        });
    }
}
