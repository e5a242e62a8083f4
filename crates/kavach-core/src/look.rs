//! Looking around: what an agent may do, why a request is answered as it is, what a revocation stops.

use alloc::vec::Vec;

use hashbrown::HashSet;

use crate::counter::Recorded;
use crate::decide::{Asked, Miss, Query, Request, Verdict, Walked, constrained_miss, decide};
use crate::grant::Grant;
use crate::graph::{Graph, Holding, Leaf, Node};
use crate::id::{AgentId, DelegationId, TenantId};
use crate::narrow::effective;
use crate::permission::Permission;
use crate::reason::Reason;
use crate::time::Timestamp;
use crate::trust::TrustLevel;

/// What an agent may do by one of its lines.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LinePermissions {
    /// The line.
    pub leaf: Leaf,
    /// Why it gives nothing at all; `None` while it holds.
    pub fault: Option<Reason>,
    /// What it gives, every ancestor's bounds met; empty if there is a fault.
    pub permissions: Vec<Permission>,
    /// Whether that is all; false where the list was cut.
    pub complete: bool,
}

/// Why a request is answered as it is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The answer.
    pub verdict: Verdict,
    /// Each line of the agent, root grants first.
    pub lines: Vec<LineExplained>,
}

/// How one line answers.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LineExplained {
    /// The line.
    pub leaf: Leaf,
    /// Why it does not hold at all; `None` while it does.
    pub fault: Option<Reason>,
    /// Each hop, the leaf first.
    pub hops: Vec<HopExplained>,
}

/// What one hop of a line says to the request.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HopExplained {
    /// Whose hop.
    pub agent: AgentId,
    /// What it holds it by.
    pub leaf: Leaf,
    /// Each grant, in canonical order: its number, and why it does not match; `None` if it does.
    pub grants: Vec<(u32, Permission, Option<NearMiss>)>,
}

/// Why a grant does not match a request.
#[expect(clippy::exhaustive_enums, reason = "one for each part of the match")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NearMiss {
    /// The action and the resource are others.
    Unrelated,
    /// The resource matches, the action is another.
    WrongAction,
    /// The action matches, the resource is another.
    WrongResource,
    /// Both match; it ran out then.
    ExpiredAt(Timestamp),
    /// Both match; it may not be passed on as far as the leaf.
    TooDeep,
    /// All that match; at other times of the week.
    OutsideWindow,
    /// All that match; from elsewhere.
    AddressNotAllowed,
    /// All that match; with other arguments.
    ArgumentsNotAllowed,
    /// All that match; an agent on the line is trusted too little.
    TrustTooLow,
    /// All that match; a limit is used up until then, or for ever.
    UsedUp(Option<Timestamp>),
}

/// What a revocation would stop.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct BlastRadius {
    /// Live delegations that would stop, in order of id.
    pub delegations: Vec<DelegationId>,
    /// Agents that would lose a line, the revoked one included, in order of id.
    pub agents: Vec<AgentId>,
    /// Those of them that would be left without any line.
    pub left_with_nothing: Vec<AgentId>,
}

impl Graph {
    /// What an agent may do at `now`, line by line; `None` if it is not known in this tenant.
    #[must_use]
    pub fn permissions_of(
        &self,
        tenant: TenantId,
        agent: AgentId,
        now: Timestamp,
    ) -> Option<Vec<LinePermissions>> {
        let agent = self.agent_node(tenant, agent)?;
        let lines = self.lines_of(agent).filter_map(|node| {
            let (_, holding) = self.walk(node).next()?;
            let fault = self.line_fault(node, now);
            let (permissions, complete) = match fault {
                None => effective(self, node, now),
                Some(_) => (Vec::new(), true),
            };
            Some(LinePermissions {
                leaf: holding.leaf(),
                fault,
                permissions,
                complete,
            })
        });
        Some(lines.collect())
    }

    /// Why `request` is answered as it is at `now`.
    #[must_use]
    pub fn explain(
        &self,
        request: &Request,
        recorded: &impl Recorded,
        now: Timestamp,
    ) -> Explanation {
        let agent = self.agent_node(request.tenant, request.agent);
        let lines = agent.into_iter().flat_map(|agent| self.lines_of(agent));
        let query = Query::of(&self.words, request);
        let asked = Asked {
            request,
            query: &query,
            words: &self.words,
            recorded,
            now,
        };
        Explanation {
            verdict: decide(self, request, recorded, now),
            lines: lines
                .filter_map(|node| self.explain_line(node, &asked))
                .collect(),
        }
    }

    fn explain_line<R: Recorded>(&self, node: Node, asked: &Asked<'_, R>) -> Option<LineExplained> {
        let (_, leaf) = self.walk(node).next()?;
        let trust = Walked::of(self, node, asked.now).lowest_trust(asked);
        let hops = self.walk(node).map(|(distance, holding)| HopExplained {
            agent: holding.agent.record.id,
            leaf: holding.leaf(),
            grants: holding
                .grants
                .iter()
                .map(|grant| {
                    let near = near_miss(grant, &holding, distance, asked, trust);
                    (grant.id, grant.permission.clone(), near)
                })
                .collect(),
        });
        Some(LineExplained {
            leaf: leaf.leaf(),
            fault: self.line_fault(node, asked.now),
            hops: hops.collect(),
        })
    }

    /// What would stop at `now` if the agent were revoked; `None` if it is not known in this tenant.
    #[must_use]
    pub fn blast_radius_of_agent(
        &self,
        tenant: TenantId,
        agent: AgentId,
        now: Timestamp,
    ) -> Option<BlastRadius> {
        self.agent_node(tenant, agent)?;
        let mut starts = Vec::from([Leaf::Root(agent)]);
        let incoming = self.delegations_to(tenant, agent);
        starts.extend(incoming.map(|delegation| Leaf::Delegation(delegation.id)));
        Some(self.blast_radius(tenant, starts, Some(agent), now))
    }

    /// What would stop at `now` if the delegation were revoked; `None` if it is not known in this tenant.
    #[must_use]
    pub fn blast_radius_of_delegation(
        &self,
        tenant: TenantId,
        delegation: DelegationId,
        now: Timestamp,
    ) -> Option<BlastRadius> {
        self.delegation_node(tenant, delegation)?;
        Some(self.blast_radius(tenant, Vec::from([Leaf::Delegation(delegation)]), None, now))
    }

    fn blast_radius(
        &self,
        tenant: TenantId,
        starts: Vec<Leaf>,
        revoked: Option<AgentId>,
        now: Timestamp,
    ) -> BlastRadius {
        let live = |leaf: Leaf| {
            self.node(tenant, leaf)
                .is_some_and(|node| self.line_fault(node, now).is_none())
        };
        let mut radius = BlastRadius::default();
        let mut agents = HashSet::new();
        let mut stopped = HashSet::new();
        if let Some(agent) = revoked {
            agents.insert(agent);
            radius.agents.push(agent);
        }
        let mut open = starts;
        while let Some(leaf) = open.pop() {
            if !stopped.insert(leaf) {
                continue;
            }
            if let Leaf::Delegation(id) = leaf
                && let Some(delegation) = self.delegation(tenant, id)
                && live(leaf)
            {
                radius.delegations.push(id);
                if agents.insert(delegation.to) {
                    radius.agents.push(delegation.to);
                }
            }
            open.extend(
                self.delegations_below(tenant, leaf)
                    .map(|below| Leaf::Delegation(below.id)),
            );
        }
        radius.delegations.sort_unstable();
        radius.agents.sort_unstable();
        for agent in &radius.agents {
            let Some(node) = self.agent_node(tenant, *agent) else {
                continue;
            };
            let survives = Some(*agent) != revoked
                && self.lines_of(node).any(|line| {
                    let leaf = self.walk(line).next().map(|(_, holding)| holding.leaf());
                    leaf.is_some_and(|leaf| !stopped.contains(&leaf) && live(leaf))
                });
            if !survives {
                radius.left_with_nothing.push(*agent);
            }
        }
        radius
    }
}

fn near_miss<R: Recorded>(
    grant: &Grant,
    holding: &Holding<'_>,
    distance: u8,
    asked: &Asked<'_, R>,
    trust: TrustLevel,
) -> Option<NearMiss> {
    let permission = &grant.permission;
    let bounds = &permission.constraints;
    let action = permission.actions.matches(&asked.request.action);
    let resource = permission.pattern.matches(&asked.request.resource);
    let near = match (action, resource) {
        (false, true) => return Some(NearMiss::WrongAction),
        (true, false) => return Some(NearMiss::WrongResource),
        (false, false) => return Some(NearMiss::Unrelated),
        (true, true) => {
            constrained_miss(bounds, (holding.leaf(), grant.id), distance, asked, || {
                trust
            })?
        }
    };
    Some(match near {
        Miss::Other => NearMiss::Unrelated,
        Miss::TooDeep => NearMiss::TooDeep,
        Miss::Expired => NearMiss::ExpiredAt(bounds.expires_at.unwrap_or(asked.now)),
        Miss::OutsideWindow => NearMiss::OutsideWindow,
        Miss::AddressNotAllowed => NearMiss::AddressNotAllowed,
        Miss::ArgumentsNotAllowed => NearMiss::ArgumentsNotAllowed,
        Miss::TrustTooLow => NearMiss::TrustTooLow,
        Miss::UsedUp(used) => NearMiss::UsedUp(used.until),
    })
}
