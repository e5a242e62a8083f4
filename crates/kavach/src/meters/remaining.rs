//! What is left of an agent's limits, per level of its lines.

use kavach_core::{
    AgentId, Counter, DelegationId, Graph, Leaf, LineHop, Permission, Span, TenantId, Timestamp,
};

use crate::node::Kavach;

/// What is left along one line.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LineRemaining {
    /// Where the line ends: what the agent itself holds.
    pub leaf: Leaf,
    /// Each level, from the agent with root grants to the agent itself. A call by this line takes from every
    /// limit of the grants that cover it, at each of them.
    pub hops: Vec<HopRemaining>,
}

/// What is left at one level.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HopRemaining {
    /// Who.
    pub agent: AgentId,
    /// By which delegation; `None` for root grants.
    pub delegation: Option<DelegationId>,
    /// The grants that have limits which are counted.
    pub grants: Vec<GrantRemaining>,
}

/// What is left of one grant.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct GrantRemaining {
    /// Its number.
    pub grant: u32,
    /// What is granted.
    pub permission: Permission,
    /// Each of its limits: rates, then budgets.
    pub limits: Vec<LimitRemaining>,
}

/// What is left of one limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LimitRemaining {
    /// Over what it counts.
    pub span: Span,
    /// How much there may be in all.
    pub limit: u64,
    /// How much is used now; more than the limit if that was lowered, or if a call cost more than it said.
    pub used: u64,
    /// How much is left.
    pub left: u64,
    /// When some of what is used is free again; `None` if nothing is used, or if it counts for ever.
    pub frees_at: Option<Timestamp>,
}

impl Kavach {
    /// What is left of every limit that an agent's calls take from, line by line, level by level; `None` if
    /// it is not known. Lines that hold no more are left out. An agent without limits has lines whose levels
    /// have no grants.
    #[must_use]
    pub fn remaining(&self, agent: &AgentId) -> Option<Vec<LineRemaining>> {
        let now = self.now();
        let state = self.node.view.read();
        let graph = &state.graph;
        let known = graph.agent(self.tenant, *agent)?;
        let own = (!known.grants.is_empty()).then_some(Leaf::Root(*agent));
        let received = graph.delegations_to(self.tenant, *agent);
        let leaves = own
            .into_iter()
            .chain(received.map(|delegation| Leaf::Delegation(delegation.id)));
        let alive = leaves.filter(|leaf| graph.fault_of(self.tenant, *leaf, now).is_none());
        let lines = alive.filter_map(|leaf| {
            let line = graph.line(self.tenant, leaf)?;
            let hops = line.hops.iter().map(|hop| self.left_at(graph, hop, now));
            Some(LineRemaining {
                leaf,
                hops: hops.collect(),
            })
        });
        Some(lines.collect())
    }

    fn left_at(&self, graph: &Graph, hop: &LineHop, now: Timestamp) -> HopRemaining {
        let holder = hop
            .delegation
            .map_or(Leaf::Root(hop.agent), Leaf::Delegation);
        let grants = grants_of(graph, self.tenant, holder);
        let left = grants.map(|(grant, permission)| {
            let limits = permission.constraints.limits().map(|(span, limit)| {
                let counter = Counter {
                    holder,
                    grant,
                    span,
                };
                let (used, frees_at) = self.node.meters.used(self.tenant, counter, now);
                LimitRemaining {
                    span,
                    limit,
                    used,
                    left: limit.saturating_sub(used),
                    frees_at,
                }
            });
            GrantRemaining {
                grant,
                limits: limits.collect(),
                permission: permission.clone(),
            }
        });
        HopRemaining {
            agent: hop.agent,
            delegation: hop.delegation,
            grants: left.filter(|grant| !grant.limits.is_empty()).collect(),
        }
    }
}

/// What a holder holds, with the numbers.
fn grants_of(
    graph: &Graph,
    tenant: TenantId,
    holder: Leaf,
) -> impl Iterator<Item = (u32, &Permission)> {
    let grants = match holder {
        Leaf::Root(agent) => graph.agent(tenant, agent).map(|agent| &agent.grants),
        Leaf::Delegation(id) => graph.delegation(tenant, id).map(|given| &given.grants),
    };
    let grants = grants.into_iter().flat_map(|grants| grants.iter());
    grants.map(|grant| (grant.id, &grant.permission))
}
