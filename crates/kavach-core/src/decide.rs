//! The answer to one request.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

use serde_json::Value;

use crate::action::Action;
use crate::counter::{Charge, Recorded};
use crate::graph::{Graph, Leaf, Node};
use crate::id::{AgentId, TenantId};
use crate::limits::LINE_HOPS_MAX;
use crate::permission::Permission;
use crate::reason::Reason;
use crate::resource::Resource;
use crate::time::Timestamp;

mod canonical;
mod hop;
mod line;
mod query;
mod rails;

use hop::charges;
pub(crate) use hop::{Asked, Miss, constrained_miss};
use line::LineAnswer;
pub(crate) use line::Walked;
pub(crate) use query::Query;
use rails::Rails;

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
    /// From where, if that is known.
    pub address: Option<IpAddr>,
    /// With which arguments, if there are any: a JSON value.
    pub args: Option<Arc<Value>>,
    /// At what cost, in units of the host's choice; a call that names none costs one.
    pub cost: Option<u64>,
    /// How many people have said yes to exactly this call.
    pub approvals: u8,
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
            address: None,
            args: None,
            cost: None,
            approvals: 0,
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
            Self::Allow => Reason::Granted,
            Self::NeedsApproval => Reason::ApprovalRequired,
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
    /// The grants that an allow, or a need for approval, rests on, at each hop; empty for a denial.
    pub matched: Matched,
    /// How many people must say yes to the call in all; zero if none need to.
    pub approvals: u8,
    /// When the call would be allowed, or need approval, if nothing else is charged until then; only where
    /// a limit denies it, and it is known that nothing else will.
    pub retry_at: Option<Timestamp>,
    /// Whether a budget is charged, so that the caller is to settle what the call cost in the end.
    pub settles: bool,
    /// The guardrail that denies it, by its place in the order of names: [`Graph::guardrail_at`].
    pub guardrail: Option<u8>,
    /// The guardrails that would deny it and only note that, a bit for each place: [`Graph::shadowed`].
    pub shadowed: u64,
}

/// The number of the grant that was taken at each hop of a line, the leaf first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Matched {
    grants: [u32; LINE_HOPS_MAX],
    hops: u8,
}

impl Matched {
    /// The numbers, the leaf's first.
    #[must_use]
    pub fn grants(&self) -> &[u32] {
        self.grants
            .get(..usize::from(self.hops))
            .unwrap_or_default()
    }

    fn push(&mut self, grant: u32) {
        if let Some(place) = self.grants.get_mut(usize::from(self.hops)) {
            *place = grant;
            self.hops += 1;
        }
    }
}

impl Graph {
    /// What the call that `verdict` allows is charged: one entry for each limit of each grant that it rests
    /// on, the leaf's first.
    pub fn charges(&self, request: &Request, verdict: &Verdict) -> Vec<Charge> {
        let node = verdict
            .leaf
            .and_then(|leaf| self.node(request.tenant, leaf));
        let hops = node.into_iter().flat_map(|node| self.hops(node));
        let mut charged = Vec::new();
        for ((_, hop), number) in hops.zip(verdict.matched.grants()) {
            let mut held = self.words.grants(hop.grants()).iter();
            let taken = held.find(|grant| grant.number() == *number);
            let bounds = taken.and_then(|grant| grant.constraints());
            if let Some(bounds) = bounds.and_then(|bounds| self.words.constraints(bounds)) {
                charged.extend(charges(request, hop.leaf(), *number, bounds));
            }
        }
        charged
    }
}

impl Verdict {
    /// A denial for `reason`, with the line that came nearest.
    pub fn denied(reason: Reason, leaf: Option<Leaf>) -> Self {
        Self {
            decision: Decision::Deny(reason),
            leaf,
            grant: None,
            matched: Matched::default(),
            approvals: 0,
            retry_at: None,
            settles: false,
            guardrail: None,
            shadowed: 0,
        }
    }

    /// What an allow obliges the caller to.
    #[must_use]
    pub fn obligations(&self) -> &'static [Obligation] {
        if self.settles && self.decision.is_allow() {
            &[Obligation::Settle]
        } else {
            &[]
        }
    }
}

/// What an allow obliges the caller to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Obligation {
    /// To say, when the call is over, what it cost in the end: a budget was charged beforehand.
    Settle,
}

impl Obligation {
    /// The word for it, in lower case.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Settle => "settle",
        }
    }
}

/// Decides `request` at `now`: the best answer over the agent's lines, the worst along each.
///
/// Guardrails come first. Along a line each hop takes the best of its grants that match: the fewest
/// approvals, then the fewest counters, then the smallest canonical bytes. Lines that answer the same are
/// told apart in the same way, so that the order in which anything was made never shows.
///
/// ```
/// use kavach_core::{AgentId, Decision, Graph, NothingRecorded, Reason, Request, TenantId, Timestamp, decide};
///
/// let nobody = AgentId::from_parts(0, 0);
/// let (action, resource) = ("read".parse()?, "mcp:github:repos".parse()?);
/// let request = Request::new(TenantId::DEFAULT, nobody, action, resource);
/// let verdict = decide(&Graph::new(), &request, &NothingRecorded, Timestamp::from_s(0));
/// assert_eq!(verdict.decision, Decision::Deny(Reason::UnknownAgent));
/// # Ok::<(), kavach_core::ParseError>(())
/// ```
pub fn decide(
    graph: &Graph,
    request: &Request,
    recorded: &impl Recorded,
    now: Timestamp,
) -> Verdict {
    let Some((slot, agent, rails)) = graph.agent_row(request.tenant, request.agent) else {
        return Verdict::denied(Reason::UnknownAgent, None);
    };
    let query = Query::of(&graph.words, request);
    let asked = Asked {
        request,
        query: &query,
        words: &graph.words,
        recorded,
        now,
    };
    let decider = Decider::new(graph, rails, &asked);
    let mut lines = graph.lines_at(slot);
    let Some(first) = lines.next() else {
        let fault = graph.agent_fault(agent, now);
        let own_root = Leaf::Root(request.agent);
        return Verdict::denied(fault.unwrap_or(Reason::NoGrants), Some(own_root));
    };
    let answer = decider.answer(first);
    match lines.next() {
        None => answer.verdict(graph.hop(first).map(|hop| hop.leaf())),
        Some(second) => decider.best_of((first, answer), second, lines),
    }
}

/// Decides `request` by one line alone. A leaf that is not the agent's own is denied as unknown.
pub fn decide_via(
    graph: &Graph,
    request: &Request,
    leaf: Leaf,
    recorded: &impl Recorded,
    now: Timestamp,
) -> Verdict {
    let owned = graph.node(request.tenant, leaf).and_then(|node| {
        let agent = graph.hop(node)?.agent;
        let (rails, _) = graph.rails(agent.tenant);
        (agent.id == request.agent).then_some((node, rails))
    });
    let Some((node, rails)) = owned else {
        return Verdict::denied(Reason::UnknownAgent, None);
    };
    let query = Query::of(&graph.words, request);
    let asked = Asked {
        request,
        query: &query,
        words: &graph.words,
        recorded,
        now,
    };
    let answer = Decider::new(graph, rails, &asked).answer(node);
    answer.verdict(Some(leaf))
}

/// What all lines of an agent are decided with.
struct Decider<'a, R> {
    graph: &'a Graph,
    asked: &'a Asked<'a, R>,
    packed_rails: u32,
    rails: Rails,
}

impl<'a, R: Recorded> Decider<'a, R> {
    fn new(graph: &'a Graph, packed_rails: u32, asked: &'a Asked<'a, R>) -> Self {
        Self {
            graph,
            asked,
            packed_rails,
            rails: Rails::of(packed_rails, asked),
        }
    }

    #[inline]
    fn answer(&self, node: Node) -> LineAnswer<'a> {
        let line = Walked::of(self.graph, node, self.asked.now);
        let mut answer = line.answer(self.graph, self.asked, self.rails);
        if let Some(at) = answer.retry_at() {
            answer.confirm_retry(&self.answer_at(node, at));
        }
        answer
    }

    /// How a line would answer at another time.
    #[cold]
    #[inline(never)]
    fn answer_at(&self, node: Node, at: Timestamp) -> LineAnswer<'a> {
        let later = Asked {
            now: at,
            ..*self.asked
        };
        let rails = Rails::of(self.packed_rails, &later);
        Walked::of(self.graph, node, at).answer(self.graph, &later, rails)
    }

    /// The best of the answers of several lines.
    #[inline(never)]
    fn best_of(
        &self,
        (mut best, mut answer): (Node, LineAnswer<'a>),
        second: Node,
        others: impl Iterator<Item = Node>,
    ) -> Verdict {
        for node in core::iter::once(second).chain(others) {
            let other = self.answer(node);
            let text = |grant, node| self.permission(node, grant);
            if other.beats(&answer, (node, best), text) {
                (best, answer) = (node, other);
            }
        }
        answer.verdict(self.graph.hop(best).map(|hop| hop.leaf()))
    }

    /// The permission that a line's leaf calls by this number.
    fn permission(&self, node: Node, grant: u32) -> Option<&'a Permission> {
        let mut grants = self.graph.holding(node)?.grants.iter();
        let named = grants.find(|known| known.id == grant);
        named.map(|known| &known.permission)
    }
}
