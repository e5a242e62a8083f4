//! A second evaluator, naive on purpose, that everything is tested against.
//!
//! It shares the records with the rest of the crate, and none of the code. A permission is the set of
//! concrete requests that it allows, found by splitting text at its colons; what a line gives is the
//! intersection of such sets from the root down; what an agent may do is the union over its lines. It
//! looks everything up by searching lists. Too slow for anything but tests.

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::action::Action;
use crate::agent::{Agent, AgentStatus, Owner, OwnerStatus};
use crate::constraint::Constraints;
use crate::delegation::Delegation;
use crate::graph::{Leaf, Record, RecordKey};
use crate::guardrail::Guardrail;
use crate::id::{AgentId, DelegationId, TenantId};
use crate::permission::Permission;
use crate::resource::Resource;
use crate::time::Timestamp;

pub mod constraints;
pub mod decisions;

/// Requests by their place in the universe: the list of all that are considered.
pub type Requests = BTreeSet<usize>;

/// The records that decide anything, as plain lists.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    owners: Vec<Owner>,
    agents: Vec<Agent>,
    delegations: Vec<Delegation>,
    guardrails: Vec<Guardrail>,
}

impl Oracle {
    /// Takes a record in, in the place of its former self if there was one.
    pub fn put(&mut self, record: &Record) {
        match record {
            Record::Owner(new) => {
                self.owners
                    .retain(|old| (old.tenant, old.id) != (new.tenant, new.id));
                self.owners.push(new.clone());
            }
            Record::Agent(new) => {
                self.agents.retain(|old| old.id != new.id);
                self.agents.push(new.clone());
            }
            Record::Delegation(new) => {
                self.delegations.retain(|old| old.id != new.id);
                self.delegations.push(new.clone());
            }
            Record::Guardrail(new) => {
                self.erase(&RecordKey::Guardrail(new.tenant, new.name.clone()));
                self.guardrails.push(new.clone());
            }
            Record::Subject(_) | Record::Name(_) => {}
        }
    }

    /// Takes a guardrail out. Nothing else that is ever taken out decides anything.
    pub fn erase(&mut self, key: &RecordKey) {
        self.guardrails
            .retain(|old| *key != RecordKey::Guardrail(old.tenant, old.name.clone()));
    }

    /// The lines of an agent, dead ones included: its root grants, and each delegation to it.
    #[must_use]
    pub fn lines(&self, tenant: TenantId, agent: AgentId) -> Vec<Leaf> {
        let mut lines = Vec::new();
        if self.agent(tenant, agent).is_some() {
            lines.push(Leaf::Root(agent));
        }
        for delegation in &self.delegations {
            if delegation.tenant == tenant && delegation.to == agent {
                lines.push(Leaf::Delegation(delegation.id));
            }
        }
        lines
    }

    /// What of `universe` the agent may do at the time `at`.
    #[must_use]
    pub fn allowed(
        &self,
        tenant: TenantId,
        agent: AgentId,
        universe: &[(Action, Resource)],
        at: Timestamp,
    ) -> Requests {
        let lines = self.lines(tenant, agent);
        let sets = lines
            .iter()
            .map(|leaf| self.given(tenant, *leaf, universe, at, 0));
        sets.flatten().collect()
    }

    /// What of `universe` a line gives at the time `at` to somebody `hops` hops below its leaf; the leaf
    /// itself for 0.
    #[must_use]
    pub fn given(
        &self,
        tenant: TenantId,
        leaf: Leaf,
        universe: &[(Action, Resource)],
        at: Timestamp,
        hops: u8,
    ) -> Requests {
        if !self.stands(tenant, leaf, at, hops) {
            return Requests::new();
        }
        match leaf {
            Leaf::Root(id) => match self.agent(tenant, id) {
                Some(agent) => asked(agent.grants.permissions(), universe, at, hops),
                None => Requests::new(),
            },
            Leaf::Delegation(id) => match self.delegation(tenant, id) {
                Some(delegation) => {
                    let own = asked(delegation.grants.permissions(), universe, at, hops);
                    let above = parent_of(delegation);
                    let theirs = self.given(tenant, above, universe, at, hops + 1);
                    own.intersection(&theirs).copied().collect()
                }
                None => Requests::new(),
            },
        }
    }

    /// Whether a line holds at the time `at`, whatever is asked.
    #[must_use]
    pub fn holds(&self, tenant: TenantId, leaf: Leaf, at: Timestamp) -> bool {
        self.holds_for(tenant, leaf, at, 0)
    }

    fn holds_for(&self, tenant: TenantId, leaf: Leaf, at: Timestamp, hops: u8) -> bool {
        let above = match leaf {
            Leaf::Root(_) => None,
            Leaf::Delegation(id) => self.delegation(tenant, id).map(parent_of),
        };
        self.stands(tenant, leaf, at, hops)
            && above.is_none_or(|above| self.holds_for(tenant, above, at, hops + 1))
    }

    /// Whether one node of a line holds, its parents not looked at.
    fn stands(&self, tenant: TenantId, leaf: Leaf, at: Timestamp, hops: u8) -> bool {
        match leaf {
            Leaf::Root(id) => self.acts(tenant, id, at),
            Leaf::Delegation(id) => {
                let Some(delegation) = self.delegation(tenant, id) else {
                    return false;
                };
                let cited = match parent_of(delegation) {
                    Leaf::Root(id) => self.agent(tenant, id).map(|agent| agent.generation),
                    Leaf::Delegation(id) => {
                        let parent = self.delegation(tenant, id);
                        let parent = parent.filter(|parent| parent.to == delegation.from);
                        parent.map(|parent| parent.generation)
                    }
                };
                !delegation.revoked
                    && !is_over(delegation.expires_at, at)
                    && delegation.max_depth.is_none_or(|most| hops <= most)
                    && cited == Some(delegation.parent_generation)
                    && self.acts(tenant, delegation.to, at)
            }
        }
    }

    /// Whether an agent may act, or pass on, at all.
    fn acts(&self, tenant: TenantId, id: AgentId, at: Timestamp) -> bool {
        let Some(agent) = self.agent(tenant, id) else {
            return false;
        };
        let mut owners = self.owners.iter();
        let owner = owners.find(|owner| owner.tenant == tenant && owner.id == agent.owner);
        agent.status == AgentStatus::Active
            && !is_over(agent.expires_at, at)
            && owner.is_some_and(|owner| {
                owner.status == OwnerStatus::Active && owner.generation == agent.owner_generation
            })
    }

    fn agent(&self, tenant: TenantId, id: AgentId) -> Option<&Agent> {
        let mut agents = self.agents.iter();
        agents.find(|agent| agent.tenant == tenant && agent.id == id)
    }

    fn delegation(&self, tenant: TenantId, id: DelegationId) -> Option<&Delegation> {
        let mut delegations = self.delegations.iter();
        delegations.find(|delegation| delegation.tenant == tenant && delegation.id == id)
    }

    /// Whether a strict narrowing of `requested` below the line of `leaf` must be accepted: whether all
    /// that it says outright is given, for as long and as deep as it says.
    #[must_use]
    pub fn is_within<'a>(
        &self,
        tenant: TenantId,
        leaf: Leaf,
        requested: impl IntoIterator<Item = &'a Permission>,
        universe: &[(Action, Resource)],
        now: Timestamp,
    ) -> bool {
        requested.into_iter().all(|wanted| {
            let Constraints {
                expires_at,
                max_depth,
                ..
            } = wanted.constraints;
            // The last second that is asked for, and the deepest hop.
            let last = expires_at.map_or(now, |end| Timestamp::from_s(end.as_s() - 1));
            let given = self.given(tenant, leaf, universe, last, 1 + max_depth.unwrap_or(0));
            asked([wanted], universe, now, 0).is_subset(&given)
        })
    }
}

/// What of `universe` the permissions allow at the time `at` to somebody `hops` hops below their holder.
#[must_use]
pub fn asked<'a>(
    permissions: impl IntoIterator<Item = &'a Permission>,
    universe: &[(Action, Resource)],
    at: Timestamp,
    hops: u8,
) -> Requests {
    let mut found = Requests::new();
    for permission in permissions {
        let bounds = &permission.constraints;
        if is_over(bounds.expires_at, at) || bounds.max_depth.is_some_and(|most| most < hops) {
            continue;
        }
        let actions = permission.actions.to_string();
        let pattern = permission.pattern.to_string();
        for (place, (action, resource)) in universe.iter().enumerate() {
            if names(&actions, action.as_str()) && speaks_of(&pattern, resource.as_str()) {
                found.insert(place);
            }
        }
    }
    found
}

fn parent_of(delegation: &Delegation) -> Leaf {
    match delegation.parent {
        Some(parent) => Leaf::Delegation(parent),
        None => Leaf::Root(delegation.from),
    }
}

fn is_over(end: Option<Timestamp>, at: Timestamp) -> bool {
    end.is_some_and(|end| end.as_s() <= at.as_s())
}

fn names(actions: &str, action: &str) -> bool {
    actions == "*" || actions.split(',').any(|listed| listed == action)
}

/// Whether the text of a pattern speaks of the text of a resource.
#[must_use]
pub fn speaks_of(pattern: &str, resource: &str) -> bool {
    let wanted: Vec<&str> = pattern.split(':').collect();
    let present: Vec<&str> = resource.split(':').collect();
    let fits = |(wanted, present): (&&str, &&str)| match wanted.strip_suffix('*') {
        Some(prefix) => present.starts_with(prefix),
        None => wanted == present,
    };
    match wanted.split_last() {
        Some((&"**", first)) => first.len() < present.len() && first.iter().zip(&present).all(fits),
        _ => wanted.len() == present.len() && wanted.iter().zip(&present).all(fits),
    }
}
