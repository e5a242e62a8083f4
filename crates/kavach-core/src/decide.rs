//! The answer to one request.

use core::cmp::Ordering;

use crate::action::Action;
use crate::grant::Grant;
use crate::graph::{Graph, Leaf, Node};
use crate::id::{AgentId, TenantId};
use crate::permission::Permission;
use crate::reason::Reason;
use crate::resource::Resource;
use crate::time::Timestamp;

/// One call that an agent wants to make.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// Whose agent.
    pub tenant: TenantId,
    /// Which agent.
    pub agent: AgentId,
    /// What it wants to do.
    pub action: Action,
    /// To what.
    pub resource: Resource,
}

impl Request {
    /// A request.
    #[must_use]
    pub fn new(tenant: TenantId, agent: AgentId, action: Action, resource: Resource) -> Self {
        Self {
            tenant,
            agent,
            action,
            resource,
        }
    }
}

/// What the answer is.
#[expect(
    clippy::exhaustive_enums,
    reason = "a new outcome must break every caller"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Decision {
    /// Yes.
    Allow,
    /// Yes, once a person has said so.
    NeedsApproval,
    /// No.
    Deny(Reason),
}

impl Decision {
    /// Whether it is yes.
    #[must_use]
    pub fn is_allow(self) -> bool {
        self == Self::Allow
    }

    /// Its place in `Deny < NeedsApproval < Allow`.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Deny(_) => 0,
            Self::NeedsApproval => 1,
            Self::Allow => 2,
        }
    }

    /// Why.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::Allow | Self::NeedsApproval => Reason::Granted,
            Self::Deny(reason) => reason,
        }
    }
}

/// An answer with what it rests on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
#[non_exhaustive]
pub struct Verdict {
    /// The answer.
    pub decision: Decision,
    /// The line it rests on, or that came nearest; `None` if nobody knows the agent.
    pub leaf: Option<Leaf>,
    /// The grant at the leaf that matches, by its number.
    pub grant: Option<u32>,
}

impl Verdict {
    /// A denial for `reason`, with the line that came nearest.
    pub fn denied(reason: Reason, leaf: Option<Leaf>) -> Self {
        Self {
            decision: Decision::Deny(reason),
            leaf,
            grant: None,
        }
    }
}

/// Decides `request` at `now`: the best answer over the agent's lines, the worst along each.
///
/// Among lines that allow, the one whose grant has the smallest canonical bytes is named, so that the
/// order in which grants were made never shows.
///
/// ```
/// use kavach_core::{AgentId, Decision, Graph, Reason, Request, TenantId, Timestamp, decide};
///
/// let nobody = AgentId::from_parts(0, 0);
/// let (action, resource) = ("read".parse()?, "mcp:github:repos".parse()?);
/// let request = Request::new(TenantId::DEFAULT, nobody, action, resource);
/// let verdict = decide(&Graph::new(), &request, Timestamp::from_s(0));
/// assert_eq!(verdict.decision, Decision::Deny(Reason::UnknownAgent));
/// # Ok::<(), kavach_core::ParseError>(())
/// ```
pub fn decide(graph: &Graph, request: &Request, now: Timestamp) -> Verdict {
    let Some(agent) = graph.agent_node(request.tenant, request.agent) else {
        return Verdict::denied(Reason::UnknownAgent, None);
    };
    let own_root = Leaf::Root(request.agent);
    let mut best: Option<(Node, LineAnswer<'_>)> = None;
    for node in graph.lines_of(agent) {
        let answer = answer_along(graph, node, request, now);
        if best.as_ref().is_none_or(|(_, known)| answer.beats(known)) {
            best = Some((node, answer));
        }
    }
    match best {
        Some((node, answer)) => answer.verdict(graph, node),
        None => {
            let fault = graph.agent_fault(agent, now, true);
            Verdict::denied(fault.unwrap_or(Reason::NoGrants), Some(own_root))
        }
    }
}

/// Decides `request` by one line alone. A leaf that is not the agent's own is denied as unknown.
pub fn decide_via(graph: &Graph, request: &Request, leaf: Leaf, now: Timestamp) -> Verdict {
    let node = graph.node(request.tenant, leaf);
    let owned = node.filter(|node| {
        let holder = graph
            .walk(*node)
            .next()
            .map(|(_, holding)| holding.agent.record.id);
        holder == Some(request.agent)
    });
    match owned {
        Some(node) => answer_along(graph, node, request, now).verdict(graph, node),
        None => Verdict::denied(Reason::UnknownAgent, None),
    }
}

/// How one line answers.
struct LineAnswer<'a> {
    decision: Decision,
    nearness: Nearness,
    grant: Option<&'a Grant>,
}

/// How near a line came, for choosing among denials.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Nearness {
    /// The line is dead, and its leaf never spoke of the request.
    DeadAndSilent,
    /// The leaf never spoke of the request.
    Silent,
    /// The leaf's grant has run out.
    RanOut,
    /// The leaf's grant matches, and the line is dead.
    Dead,
    /// The leaf's grant matches, and somebody above no longer holds it.
    Narrowed,
    /// It answers yes.
    Held,
}

impl LineAnswer<'_> {
    /// Whether this is the better of two answers. Equal ones leave the earlier line in place.
    fn beats(&self, other: &Self) -> bool {
        let ranks =
            (self.decision.rank(), self.nearness).cmp(&(other.decision.rank(), other.nearness));
        ranks.then_with(|| match (self.grant, other.grant) {
            (Some(mine), Some(its)) => its.permission.canonical_cmp(&mine.permission),
            _ => Ordering::Equal,
        }) == Ordering::Greater
    }

    fn verdict(&self, graph: &Graph, node: Node) -> Verdict {
        Verdict {
            decision: self.decision,
            leaf: graph.walk(node).next().map(|(_, holding)| holding.leaf()),
            grant: self.grant.map(|grant| grant.id),
        }
    }
}

fn answer_along<'a>(
    graph: &'a Graph,
    leaf: Node,
    request: &Request,
    now: Timestamp,
) -> LineAnswer<'a> {
    let deny = |reason, nearness, grant| LineAnswer {
        decision: Decision::Deny(reason),
        nearness,
        grant,
    };
    let mut grant = None;
    let fault = graph.line_fault(leaf, now);
    for (distance, holding) in graph.walk(leaf) {
        let found = best_match(holding.grants.iter(), request, now, distance);
        match (distance, found, fault) {
            (0, Err(Miss::Other), Some(fault)) => {
                return deny(fault, Nearness::DeadAndSilent, None);
            }
            (0, Err(Miss::Other), None) => {
                return deny(Reason::NoMatchingGrant, Nearness::Silent, None);
            }
            (0, Err(_), fault) => {
                // What is wrong with the whole line says more than one grant's end, which may be the same.
                let reason = fault.unwrap_or(Reason::GrantExpired);
                return deny(reason, Nearness::RanOut, None);
            }
            (0, Ok(matching), Some(fault)) => return deny(fault, Nearness::Dead, Some(matching)),
            (0, Ok(matching), None) => grant = Some(matching),
            (_, Ok(_), _) => {}
            (_, Err(Miss::Expired), _) => {
                return deny(Reason::GrantExpired, Nearness::Narrowed, grant);
            }
            (_, Err(Miss::TooDeep), _) => return deny(Reason::TooDeep, Nearness::Narrowed, grant),
            (_, Err(Miss::Other), _) => {
                return deny(Reason::AncestorNarrowed, Nearness::Narrowed, grant);
            }
        }
    }
    LineAnswer {
        decision: Decision::Allow,
        nearness: Nearness::Held,
        grant,
    }
}

/// Why no grant of a holding matches: the nearest miss.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Miss {
    /// None speaks of the request.
    Other,
    /// One does, and has run out.
    Expired,
    /// One does, and may not be passed on this far.
    TooDeep,
}

/// The first grant, in canonical order, that matches.
fn best_match<'a>(
    grants: impl Iterator<Item = &'a Grant>,
    request: &Request,
    now: Timestamp,
    distance: u8,
) -> Result<&'a Grant, Miss> {
    let mut nearest = Miss::Other;
    for grant in grants {
        match miss(&grant.permission, request, now, distance) {
            None => return Ok(grant),
            Some(miss) => nearest = nearest.max(miss),
        }
    }
    Err(nearest)
}

/// Why this permission, held `distance` hops above the leaf, does not match; `None` if it does.
pub(crate) fn miss(
    permission: &Permission,
    request: &Request,
    now: Timestamp,
    distance: u8,
) -> Option<Miss> {
    if !permission.matches(&request.action, &request.resource) {
        Some(Miss::Other)
    } else if !permission.constraints.holds_at(now) {
        Some(Miss::Expired)
    } else if !permission.constraints.reaches(distance) {
        Some(Miss::TooDeep)
    } else {
        None
    }
}
