//! The line: who authorised whom, from the owner's agent to the one that acts.

use alloc::vec::Vec;
use core::fmt;

use super::rows::NONE;
use super::{AgentNode, AgentRow, DelegationRow, Graph};
use crate::constraint::Constraints;
use crate::delegation::Delegation;
use crate::grant::Grants;
use crate::id::{AgentId, DelegationId, SubjectId, TenantId};
use crate::limits::DEPTH_MAX;
use crate::reason::Reason;
use crate::time::Timestamp;

/// Where a line ends: what an agent holds by itself, or by one delegation.
#[expect(
    clippy::exhaustive_enums,
    reason = "there is no third way to hold something"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Leaf {
    /// The root grants of this agent.
    Root(AgentId),
    /// This delegation.
    Delegation(DelegationId),
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(_) => f.write_str("root"),
            Self::Delegation(id) => id.fmt(f),
        }
    }
}

/// Who authorised whom.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Line {
    /// Who owns the first agent.
    pub owner: SubjectId,
    /// From the agent with the root grants to the one at the leaf; 1 to 9 of them.
    pub hops: Vec<LineHop>,
}

/// One agent of a line.
#[expect(
    clippy::exhaustive_structs,
    reason = "who, by what, since when: that is a hop"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LineHop {
    /// Who.
    pub agent: AgentId,
    /// By which delegation; `None` for the first.
    pub delegation: Option<DelegationId>,
    /// Since when.
    pub at: Timestamp,
}

/// One step of a line: the leaf, or anything above it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Node {
    /// The root grants of the agent at this place.
    Root(u32),
    /// The delegation at this place.
    Delegation(u32),
}

/// What a decision reads of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop<'a> {
    pub(crate) agent: &'a AgentRow,
    pub(crate) delegation: Option<&'a DelegationRow>,
}

impl<'a> Hop<'a> {
    pub(crate) fn leaf(&self) -> Leaf {
        match self.delegation {
            Some(delegation) => Leaf::Delegation(delegation.id),
            None => Leaf::Root(self.agent.id),
        }
    }

    /// What it rests on; `None` for root grants.
    #[inline]
    pub(crate) fn above(&self) -> Option<Node> {
        self.delegation.map(above)
    }

    /// What it holds, packed.
    #[inline]
    pub(crate) fn grants(&self) -> u32 {
        self.delegation
            .map_or(self.agent.grants, |delegation| delegation.grants)
    }
}

/// What a node holds, and what bounds all of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding<'a> {
    pub(crate) agent: &'a AgentNode,
    pub(crate) delegation: Option<&'a Delegation>,
    pub(crate) grants: &'a Grants,
}

impl Holding<'_> {
    pub(crate) fn leaf(&self) -> Leaf {
        match self.delegation {
            Some(delegation) => Leaf::Delegation(delegation.id),
            None => Leaf::Root(self.agent.record.id),
        }
    }

    /// The bounds on everything held here, the agent's own expiry included.
    pub(crate) fn bounds(&self) -> Constraints {
        let own = Constraints {
            expires_at: self.agent.record.expires_at,
            ..Constraints::default()
        };
        let delegated = self.delegation.map(|delegation| Constraints {
            expires_at: delegation.expires_at,
            max_depth: delegation.max_depth,
            ..Constraints::default()
        });
        delegated.map_or(own.clone(), |delegated| own.meet(&delegated))
    }
}

impl Graph {
    pub(crate) fn node(&self, tenant: TenantId, leaf: Leaf) -> Option<Node> {
        match leaf {
            Leaf::Root(id) => {
                let (slot, ..) = self.agent_row(tenant, id)?;
                Some(Node::Root(slot))
            }
            Leaf::Delegation(id) => {
                let slot = self.delegation_slot(id)?;
                let to = self.delegation_rows.get(slot)?.to;
                // Both ends of a delegation are of its tenant.
                let (_, known) = self.rails(self.agent_rows.get(to)?.tenant);
                (known == tenant).then_some(Node::Delegation(slot))
            }
        }
    }

    /// The lines of an agent: its root grants first if it has any, then delegations in order of id.
    pub(crate) fn lines_of(&self, agent: &AgentNode) -> impl Iterator<Item = Node> + '_ {
        self.lines_at(agent.slot)
    }

    /// The same of the agent at this place.
    #[inline]
    pub(crate) fn lines_at(&self, slot: u32) -> Lines<'_> {
        let row = self.agent_rows.get(slot);
        Lines {
            graph: self,
            root: row.filter(|row| row.grants != NONE).map_or(NONE, |_| slot),
            incoming: row.map_or(NONE, |row| row.incoming),
        }
    }

    /// The place and the row of an agent in this tenant, and what the tenant's guardrails forbid, packed.
    #[inline]
    pub(crate) fn agent_row(&self, tenant: TenantId, id: AgentId) -> Option<(u32, &AgentRow, u32)> {
        let slot = self.agent_slot(id)?;
        let row = self.agent_rows.get(slot)?;
        let (rails, known) = self.rails(row.tenant);
        (known == tenant).then_some((slot, row, rails))
    }

    #[inline]
    pub(crate) fn hop(&self, node: Node) -> Option<Hop<'_>> {
        match node {
            Node::Root(slot) => {
                let agent = self.agent_rows.get(slot)?;
                Some(Hop {
                    agent,
                    delegation: None,
                })
            }
            Node::Delegation(slot) => {
                let row = self.delegation_rows.get(slot)?;
                let agent = self.agent_rows.get(row.to)?;
                Some(Hop {
                    agent,
                    delegation: Some(row),
                })
            }
        }
    }

    /// What a decision reads of a line, the leaf first; at most 9 hops.
    #[inline]
    pub(crate) fn hops(&self, leaf: Node) -> impl Iterator<Item = (u8, Hop<'_>)> {
        let mut next = Some(leaf);
        (0..=DEPTH_MAX).map_while(move |distance| {
            let hop = self.hop(next?)?;
            next = hop.above();
            Some((distance, hop))
        })
    }

    /// The nodes of a line with their distance from the leaf, the leaf first; at most 9.
    pub(crate) fn walk(&self, leaf: Node) -> impl Iterator<Item = (u8, Holding<'_>)> {
        let mut next = Some(leaf);
        (0..=DEPTH_MAX).map_while(move |distance| {
            let node = next?;
            next = self.hop(node)?.above();
            Some((distance, self.holding(node)?))
        })
    }

    pub(crate) fn holding(&self, node: Node) -> Option<Holding<'_>> {
        match node {
            Node::Root(slot) => {
                let agent = self.agent_at(slot)?;
                Some(Holding {
                    agent,
                    delegation: None,
                    grants: &agent.record.grants,
                })
            }
            Node::Delegation(slot) => {
                let delegation = &self.delegation_at(slot)?.record;
                let agent = self.agent_at(self.delegation_rows.get(slot)?.to)?;
                Some(Holding {
                    agent,
                    delegation: Some(delegation),
                    grants: &delegation.grants,
                })
            }
        }
    }

    /// What keeps the line from holding at all at `now`, whatever is asked; the first fault from the leaf.
    pub(crate) fn line_fault(&self, leaf: Node, now: Timestamp) -> Option<Reason> {
        let mut check = LineCheck::new(now);
        self.hops(leaf).for_each(|(_, hop)| check.take(self, &hop));
        check.fault()
    }

    /// What keeps a line from holding at all at `now`, whatever is asked; `None` while it holds, and
    /// `Some(NotFound)` if there is no such leaf in this tenant.
    #[must_use]
    pub fn fault_of(&self, tenant: TenantId, leaf: Leaf, now: Timestamp) -> Option<Reason> {
        match self.node(tenant, leaf) {
            Some(node) => self.line_fault(node, now),
            None => Some(Reason::NotFound),
        }
    }

    /// What keeps the agent from acting by itself.
    pub(crate) fn agent_fault(&self, agent: &AgentRow, now: Timestamp) -> Option<Reason> {
        agent_fault(agent, now, true, self.keeps(agent))
    }

    /// Whether the agent was not lost by off-boarding its owner.
    #[inline]
    fn keeps(&self, agent: &AgentRow) -> bool {
        let owner = self.owner_rows.get(agent.owner);
        owner.is_some_and(|owner| owner.keeps(agent))
    }

    /// The line that ends in `leaf`; `None` if there is no such leaf in this tenant.
    #[must_use]
    pub fn line(&self, tenant: TenantId, leaf: Leaf) -> Option<Line> {
        let mut hops: Vec<LineHop> = Vec::new();
        let mut owner = None;
        for (_, holding) in self.walk(self.node(tenant, leaf)?) {
            owner = Some(holding.agent.record.owner);
            hops.push(LineHop {
                agent: holding.agent.record.id,
                delegation: holding.delegation.map(|delegation| delegation.id),
                at: holding
                    .delegation
                    .map_or(holding.agent.record.created_at, |delegation| {
                        delegation.created_at
                    }),
            });
        }
        hops.reverse();
        Some(Line {
            owner: owner?,
            hops,
        })
    }

    /// The same as [`line`](Self::line) for an agent that is known but whose line is not: just itself.
    #[must_use]
    pub fn bare_line(&self, tenant: TenantId, agent: AgentId) -> Option<Line> {
        self.line(tenant, Leaf::Root(agent))
    }
}

/// Looks for what keeps a line from holding, hop by hop, from the leaf.
#[derive(Debug)]
pub(crate) struct LineCheck {
    now: Timestamp,
    distance: u8,
    /// What the node below cites as its parent's generation.
    cited: Option<u32>,
    fault: Option<Reason>,
    /// An owner, and a generation of theirs, that is known to hold. A line is mostly of one.
    owner: Option<(u32, u32)>,
}

impl LineCheck {
    #[inline]
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            now,
            distance: 0,
            cited: None,
            fault: None,
            owner: None,
        }
    }

    /// Takes the next hop in.
    #[inline]
    pub(crate) fn take(&mut self, graph: &Graph, hop: &Hop<'_>) {
        let (distance, cited) = (self.distance, self.cited);
        self.distance += 1;
        self.cited = hop
            .delegation
            .map(|delegation| delegation.parent_generation);
        if self.fault.is_some() {
            return;
        }
        let owner = (hop.agent.owner, hop.agent.owner_generation);
        let kept = self.owner == Some(owner) || graph.keeps(hop.agent);
        if kept {
            self.owner = Some(owner);
        }
        self.fault = agent_fault(hop.agent, self.now, distance == 0, kept)
            .or_else(|| hop.fault(self.now, distance, cited));
    }

    /// The first fault from the leaf, once all hops are in.
    #[inline]
    pub(crate) fn fault(&self) -> Option<Reason> {
        // INVARIANT (line ends): a line ends in root grants, so nothing is left to cite.
        self.fault.or(self.cited.map(|_| Reason::TooDeep))
    }
}

impl Hop<'_> {
    /// What is wrong with what it holds, if the hop below cites this generation; the agent is not looked at.
    #[inline]
    fn fault(&self, now: Timestamp, distance: u8, cited: Option<u32>) -> Option<Reason> {
        let generation = match self.delegation {
            None => self.agent.generation,
            Some(delegation) if delegation.revoked => return Some(Reason::DelegationRevoked),
            Some(delegation) if delegation.is_over(now) => {
                return Some(Reason::DelegationExpired);
            }
            Some(delegation) if !delegation.reaches(distance) => return Some(Reason::TooDeep),
            Some(delegation) => delegation.generation,
        };
        let stale = cited.is_some_and(|cited| cited != generation);
        stale.then_some(Reason::DelegationRevoked)
    }
}

/// What keeps the agent from acting, if it is the leaf, or from having passed on what hangs below it. `kept`
/// says whether its owner still has it.
#[inline]
fn agent_fault(agent: &AgentRow, now: Timestamp, leaf: bool, kept: bool) -> Option<Reason> {
    use crate::agent::AgentStatus::{Active, Revoked, Suspended};
    let pick = |own, ancestor| Some(if leaf { own } else { ancestor });
    match agent.status {
        Active => {}
        Suspended => return pick(Reason::AgentSuspended, Reason::AncestorSuspended),
        Revoked => return pick(Reason::AgentRevoked, Reason::AncestorRevoked),
    }
    if agent.is_over(now) {
        return pick(Reason::AgentExpired, Reason::AncestorExpired);
    }
    (!kept).then_some(Reason::OwnerRevoked)
}

/// The lines of an agent.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    graph: &'a Graph,
    /// The agent's place; [`NONE`] if its root grants are no line, or were named.
    root: u32,
    /// The next delegation to it.
    incoming: u32,
}

impl Iterator for Lines<'_> {
    type Item = Node;

    #[inline]
    fn next(&mut self) -> Option<Node> {
        if self.root != NONE {
            return Some(Node::Root(core::mem::replace(&mut self.root, NONE)));
        }
        let row = self.graph.delegation_rows.get(self.incoming)?;
        let slot = core::mem::replace(&mut self.incoming, row.next_incoming);
        Some(Node::Delegation(slot))
    }
}

/// What a delegation rests on.
#[inline]
fn above(delegation: &DelegationRow) -> Node {
    match delegation.parent {
        NONE => Node::Root(delegation.from),
        parent => Node::Delegation(parent),
    }
}
