//! The line: who authorised whom, from the owner's agent to the one that acts.

use alloc::vec::Vec;
use core::fmt;

use super::slots::Slot;
use super::{AgentNode, Graph};
use crate::delegation::Delegation;
use crate::grant::Grants;
use crate::id::{AgentId, DelegationId, SubjectId, TenantId};
use crate::limits::DEPTH_MAX;
use crate::permission::Constraints;
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
    Root(Slot),
    Delegation(Slot),
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
            max_depth: None,
        };
        let delegated = self.delegation.map(|delegation| Constraints {
            expires_at: delegation.expires_at,
            max_depth: delegation.max_depth,
        });
        delegated.map_or(own.clone(), |delegated| own.meet(&delegated))
    }
}

impl Graph {
    pub(crate) fn node(&self, tenant: TenantId, leaf: Leaf) -> Option<Node> {
        match leaf {
            Leaf::Root(id) => {
                self.agent_node(tenant, id)?;
                self.agents.slot(&id).map(Node::Root)
            }
            Leaf::Delegation(id) => {
                self.delegation_node(tenant, id)?;
                self.delegations.slot(&id).map(Node::Delegation)
            }
        }
    }

    /// The lines of an agent: its root grants first if it has any, then delegations in order of id.
    pub(crate) fn lines_of<'a>(&'a self, agent: &'a AgentNode) -> impl Iterator<Item = Node> + 'a {
        let root = (!agent.record.grants.is_empty())
            .then(|| self.agents.slot(&agent.record.id).map(Node::Root))
            .flatten();
        root.into_iter()
            .chain(agent.incoming.iter().copied().map(Node::Delegation))
    }

    /// The nodes of a line with their distance from the leaf, the leaf first; at most 9.
    pub(crate) fn walk(&self, leaf: Node) -> impl Iterator<Item = (u8, Holding<'_>)> {
        let mut next = Some(leaf);
        (0..=DEPTH_MAX).map_while(move |distance| {
            let (holding, above) = match next? {
                Node::Root(slot) => {
                    let agent = self.agents.get(slot)?;
                    let grants = &agent.record.grants;
                    (
                        Holding {
                            agent,
                            delegation: None,
                            grants,
                        },
                        None,
                    )
                }
                Node::Delegation(slot) => {
                    let node = self.delegations.get(slot)?;
                    let agent = self.agents.get(node.to)?;
                    let above = node.parent.map_or(Node::Root(node.from), Node::Delegation);
                    let delegation = Some(&node.record);
                    let grants = &node.record.grants;
                    (
                        Holding {
                            agent,
                            delegation,
                            grants,
                        },
                        Some(above),
                    )
                }
            };
            next = above;
            Some((distance, holding))
        })
    }

    /// What keeps the line from holding at all at `now`, whatever is asked; the first fault from the leaf.
    pub(crate) fn line_fault(&self, leaf: Node, now: Timestamp) -> Option<Reason> {
        // What the node below cites as its parent's generation.
        let mut cited: Option<u32> = None;
        for (distance, holding) in self.walk(leaf) {
            if let Some(fault) = self.agent_fault(holding.agent, now, distance == 0) {
                return Some(fault);
            }
            let generation = match holding.delegation {
                None => holding.agent.record.generation,
                Some(delegation) => {
                    if delegation.revoked {
                        return Some(Reason::DelegationRevoked);
                    }
                    if delegation.expires_at.is_some_and(|end| now >= end) {
                        return Some(Reason::DelegationExpired);
                    }
                    if delegation
                        .max_depth
                        .is_some_and(|max_depth| distance > max_depth)
                    {
                        return Some(Reason::TooDeep);
                    }
                    delegation.generation
                }
            };
            if cited.is_some_and(|cited| cited != generation) {
                return Some(Reason::DelegationRevoked);
            }
            cited = holding
                .delegation
                .map(|delegation| delegation.parent_generation);
        }
        // INVARIANT (line ends): a line ends in root grants, so nothing is left to cite.
        cited.map(|_| Reason::TooDeep)
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

    /// What keeps the agent from acting, or from having passed on what hangs below it.
    pub(crate) fn agent_fault(
        &self,
        agent: &AgentNode,
        now: Timestamp,
        leaf: bool,
    ) -> Option<Reason> {
        use crate::agent::AgentStatus::{Active, Revoked, Suspended};
        let pick = |own, ancestor| Some(if leaf { own } else { ancestor });
        match agent.record.status {
            Active => {}
            Suspended => return pick(Reason::AgentSuspended, Reason::AncestorSuspended),
            Revoked => return pick(Reason::AgentRevoked, Reason::AncestorRevoked),
        }
        if agent.record.expires_at.is_some_and(|end| now >= end) {
            return pick(Reason::AgentExpired, Reason::AncestorExpired);
        }
        let owner = self.owners.get(agent.owner);
        let kept = owner.is_some_and(|owner| owner.record.keeps(&agent.record));
        (!kept).then_some(Reason::OwnerRevoked)
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
