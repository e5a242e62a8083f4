//! Who passed what on to whom, as trees: owners, their agents, and the delegations below them.

use std::collections::{BTreeMap, HashMap, HashSet};

use kavach::{Agent, AgentId, Delegation, Kavach, Leaf, Permission, Timestamp};
use serde::Serialize;

use crate::lookup;

/// An owner with the agents that they made.
#[derive(Debug, Serialize)]
pub(super) struct Owned {
    pub(super) owner: String,
    #[serde(skip)]
    pub(super) owner_id: String,
    pub(super) agents: Vec<Holder>,
}

/// An agent as it stands at one place of a tree: with its own grants, or with what it was given there.
#[derive(Debug, Serialize)]
pub(super) struct Holder {
    pub(super) id: String,
    pub(super) name: String,
    /// The delegation by which it stands there; `null` for its own grants.
    pub(super) delegation: Option<String>,
    pub(super) permissions: Vec<Permission>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) standing: &'static str,
    pub(super) below: Vec<Holder>,
}

/// Everything that trees are drawn from.
struct Grove<'a> {
    kavach: &'a Kavach,
    agents: HashMap<AgentId, Agent>,
    below: HashMap<Leaf, Vec<Delegation>>,
    only_active: bool,
}

/// The trees of a tenant, owners in order of their names, everything else in order of age.
pub(super) fn trees(kavach: &Kavach, only_active: bool) -> Vec<Owned> {
    let all = kavach.agents();
    let grove = Grove::new(kavach, &all, only_active);
    let received: HashSet<AgentId> = grove
        .below
        .values()
        .flatten()
        .map(|known| known.to)
        .collect();
    let mut owners: BTreeMap<(String, String), Vec<Holder>> = BTreeMap::new();
    for agent in &all {
        let root = Leaf::Root(agent.id);
        let has_own = !agent.grants.is_empty()
            || grove.below.contains_key(&root)
            || !received.contains(&agent.id);
        if let Some(holder) = has_own.then(|| grove.holder(agent, None)).flatten() {
            let name = lookup::owner_name(kavach, agent.owner);
            owners
                .entry((name, agent.owner.to_string()))
                .or_default()
                .push(holder);
        }
    }
    let owned = |((owner, owner_id), agents)| Owned {
        owner,
        owner_id,
        agents,
    };
    owners.into_iter().map(owned).collect()
}

/// Each place at which an agent stands, with the line that leads to it and what hangs below.
pub(super) fn places_of(
    kavach: &Kavach,
    agent: &Agent,
    only_active: bool,
) -> Vec<(Vec<String>, Holder)> {
    let all = kavach.agents();
    let grove = Grove::new(kavach, &all, only_active);
    let mut places = Vec::new();
    let received: Vec<&Delegation> = grove
        .below
        .values()
        .flatten()
        .filter(|known| known.to == agent.id)
        .collect();
    if !agent.grants.is_empty()
        || grove.below.contains_key(&Leaf::Root(agent.id))
        || received.is_empty()
    {
        places.extend(
            grove
                .holder(agent, None)
                .map(|holder| (Leaf::Root(agent.id), holder)),
        );
    }
    let mut received = received;
    received.sort_by_key(|known| known.id);
    for delegation in received {
        let holder = grove.holder(agent, Some(delegation));
        places.extend(holder.map(|holder| (Leaf::Delegation(delegation.id), holder)));
    }
    let with_line = |(leaf, holder)| (lookup::line(kavach, agent.id, leaf), holder);
    places.into_iter().map(with_line).collect()
}

impl<'a> Grove<'a> {
    fn new(kavach: &'a Kavach, agents: &[Agent], only_active: bool) -> Self {
        let mut below: HashMap<Leaf, Vec<Delegation>> = HashMap::new();
        for known in kavach.delegations() {
            let above = known
                .parent
                .map_or(Leaf::Root(known.from), Leaf::Delegation);
            below.entry(above).or_default().push(known);
        }
        Self {
            kavach,
            agents: agents
                .iter()
                .map(|agent| (agent.id, agent.clone()))
                .collect(),
            below,
            only_active,
        }
    }

    /// The agent with what hangs below it; `None` if it is to be left out.
    ///
    /// As deep as a line is, which the policy engine bounds.
    fn holder(&self, agent: &Agent, delegation: Option<&Delegation>) -> Option<Holder> {
        let leaf = delegation.map_or(Leaf::Root(agent.id), |known| Leaf::Delegation(known.id));
        let fault = self.kavach.fault_of(leaf);
        if self.only_active && fault.is_some() {
            return None;
        }
        let grants = delegation.map_or(&agent.grants, |known| &known.grants);
        let expires_at = delegation.map_or(agent.expires_at, |known| known.expires_at);
        let below = self.below.get(&leaf).into_iter().flatten();
        let below = below.filter_map(|known| self.holder(self.agents.get(&known.to)?, Some(known)));
        Some(Holder {
            id: agent.id.to_string(),
            name: agent.name.to_string(),
            delegation: delegation.map(|known| known.id.to_string()),
            permissions: grants.permissions().cloned().collect(),
            expires_at,
            standing: lookup::standing(fault),
            below: below.collect(),
        })
    }
}
