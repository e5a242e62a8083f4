//! A whole decision, with limits, approvals, trust and guardrails: a second evaluation that shares no code
//! with the first.
//!
//! Everything is listed and sorted: the hops of a line, the grants of a hop that would do, the lines of an
//! agent. What a grant says is taken from its text.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::constraints::{Circumstances, described, failed};
use super::{Oracle, asked, parent_of};
use crate::agent::Agent;
use crate::counter::{Charge, Counter, Recorded, Room, Span};
use crate::decide::Request;
use crate::grant::{Grant, Grants};
use crate::graph::Leaf;
use crate::guardrail::{Guardrail, Selector};
use crate::time::Timestamp;
use crate::trust::TrustLevel;

/// What a decision must be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "what is compared")]
pub struct Expected {
    /// 0 for a denial, 1 where people must say yes, 2 for an allow.
    pub rank: u8,
    /// The line that an allow, or a need for approval, rests on.
    pub leaf: Option<Leaf>,
    /// The numbers of the grants at its hops, the leaf's first.
    pub grants: Vec<u32>,
    /// How many people must say yes.
    pub approvals: u8,
    /// What an allow is charged.
    pub charges: Vec<Charge>,
    /// The guardrails in shadow that mean this line, by name.
    pub shadowed: Vec<String>,
    /// Whether every line is denied by a guardrail.
    pub guarded: bool,
}

/// What a grant costs: approvals, limits, text; then its number and what it is charged.
type Priced = (u8, usize, String, u32, Vec<Charge>);

impl Oracle {
    /// What the answer to `request` must be, by the best of the agent's lines.
    #[must_use]
    pub fn decide(&self, request: &Request, recorded: &impl Recorded, now: Timestamp) -> Expected {
        let lines = self.lines(request.tenant, request.agent);
        let bare = |leaf: &Leaf| match leaf {
            Leaf::Root(id) => self
                .agent(request.tenant, *id)
                .is_none_or(|agent| agent.grants.is_empty()),
            Leaf::Delegation(_) => false,
        };
        let mut answers: Vec<(Expected, String)> = Vec::new();
        for leaf in lines.iter().filter(|leaf| !bare(leaf)) {
            answers.push(self.decide_line(request, *leaf, recorded, now));
        }
        let guarded = !answers.is_empty() && answers.iter().all(|(answer, _)| answer.guarded);
        // Root grants stand before delegations, and these in order of id.
        answers.sort_by_key(|(answer, _)| answer.leaf);
        answers.sort_by(|(one, text), (other, its)| {
            let key = |answer: &Expected| (answer.approvals, answer.charges.len());
            other
                .rank
                .cmp(&one.rank)
                .then(key(one).cmp(&key(other)))
                .then(text.cmp(its))
        });
        let best = answers.into_iter().map(|(answer, _)| answer).next();
        match best {
            Some(best) if best.rank > 0 => best,
            _ => Expected {
                guarded,
                ..Expected::default()
            },
        }
    }

    /// The same by one line alone.
    #[must_use]
    pub fn decide_via(
        &self,
        request: &Request,
        leaf: Leaf,
        recorded: &impl Recorded,
        now: Timestamp,
    ) -> Expected {
        self.decide_line(request, leaf, recorded, now).0
    }

    fn decide_line(
        &self,
        request: &Request,
        leaf: Leaf,
        recorded: &impl Recorded,
        now: Timestamp,
    ) -> (Expected, String) {
        let line = self.line_from(request, leaf);
        let agents: Vec<&Agent> = line.iter().map(|(_, agent, _)| *agent).collect();
        let meant = |shadow: bool| {
            let all = self
                .guardrails
                .iter()
                .filter(move |guardrail| guardrail.shadow == shadow);
            let meant = all.filter(|guardrail| is_meant(guardrail, request, &agents, now));
            let mut names: Vec<String> =
                meant.map(|guardrail| guardrail.name.to_string()).collect();
            names.sort();
            names
        };
        let mut answer = Expected {
            leaf: Some(leaf),
            shadowed: meant(true),
            guarded: !meant(false).is_empty(),
            ..Expected::default()
        };
        if answer.guarded || !self.holds(request.tenant, leaf, now) {
            return (answer, String::new());
        }
        let levels = agents
            .iter()
            .map(|agent| recorded.trust(request.tenant, agent.id, now));
        let lowest = levels.min().unwrap_or(TrustLevel::Untrusted);
        let mut text = String::new();
        for (hops, (holder, _, grants)) in line.iter().enumerate() {
            let fitting = grants.iter().filter_map(|grant| {
                price(grant, *holder, hops as u8, request, recorded, lowest, now)
            });
            let mut fitting: Vec<Priced> = fitting.collect();
            fitting.sort_by(|one, other| (one.0, one.1, &one.2).cmp(&(other.0, other.1, &other.2)));
            let Some((approvals, _, words, number, charges)) = fitting.into_iter().next() else {
                return (
                    Expected {
                        rank: 0,
                        grants: Vec::new(),
                        charges: Vec::new(),
                        approvals: 0,
                        ..answer
                    },
                    String::new(),
                );
            };
            if hops == 0 {
                text = words;
            }
            answer.approvals = answer.approvals.max(approvals);
            answer.grants.push(number);
            answer.charges.extend(charges);
        }
        answer.rank = if answer.approvals > request.approvals {
            1
        } else {
            2
        };
        (answer, text)
    }

    /// The hops of a line, the leaf first: what is held by what, by whom, and the grants.
    fn line_from(&self, request: &Request, leaf: Leaf) -> Vec<(Leaf, &Agent, &Grants)> {
        let mut line = Vec::new();
        let mut next = Some(leaf);
        while let Some(leaf) = next {
            next = None;
            match leaf {
                Leaf::Root(id) => {
                    if let Some(agent) = self.agent(request.tenant, id) {
                        line.push((leaf, agent, &agent.grants));
                    }
                }
                Leaf::Delegation(id) => {
                    if let Some(delegation) = self.delegation(request.tenant, id)
                        && let Some(agent) = self.agent(request.tenant, delegation.to)
                    {
                        line.push((leaf, agent, &delegation.grants));
                        next = Some(parent_of(delegation));
                    }
                }
            }
        }
        line
    }
}

/// What a grant asks for, if it would do at all.
fn price(
    grant: &Grant,
    holder: Leaf,
    hops: u8,
    request: &Request,
    recorded: &impl Recorded,
    lowest: TrustLevel,
    now: Timestamp,
) -> Option<Priced> {
    let universe = [(request.action.clone(), request.resource.clone())];
    let text = grant.permission.to_string();
    let call = Circumstances {
        address: request.address,
        args: request.args.as_deref(),
        now,
    };
    let bounds = &grant.permission.constraints;
    if asked([&grant.permission], &universe, now, hops).is_empty()
        || !failed(&text, call).is_empty()
        || bounds.min_trust.is_some_and(|least| least > lowest)
    {
        return None;
    }
    let mut limits: Vec<(Span, u64, u64)> = Vec::new();
    for rate in &bounds.rates {
        limits.push((Span::Sliding(rate.window_s), u64::from(rate.calls), 1));
    }
    for budget in &bounds.budgets {
        let cost = request.cost.unwrap_or(1);
        limits.push((budget.period.span(), budget.units, cost));
    }
    let charge = |(span, limit, amount)| Charge {
        counter: Counter {
            holder,
            grant: grant.id,
            span,
        },
        limit,
        amount,
    };
    let charges: Vec<Charge> = limits.into_iter().map(charge).collect();
    let fits = |charge: &Charge| {
        charge.limit > 0 && recorded.room(request.tenant, charge, now) == Room::Enough
    };
    if !charges.iter().all(fits) {
        return None;
    }
    Some((
        bounds.approvals.unwrap_or(0),
        charges.len(),
        text,
        grant.id,
        charges,
    ))
}

/// Whether a guardrail speaks of the request, and of any of these agents.
fn is_meant(guardrail: &Guardrail, request: &Request, line: &[&Agent], now: Timestamp) -> bool {
    let universe = [(request.action.clone(), request.resource.clone())];
    if guardrail.tenant != request.tenant || asked([&guardrail.never], &universe, now, 0).is_empty()
    {
        return false;
    }
    let text = guardrail.never.to_string();
    let call = Circumstances {
        address: request.address,
        args: request.args.as_deref(),
        now,
    };
    let known = failed(&text, call);
    let missed = known.iter().any(|name| match *name {
        // What is not known counts as met.
        "ip" => request.address.is_some(),
        "args" => request
            .args
            .as_deref()
            .is_some_and(|args| !described(&text, args)),
        _ => true,
    });
    let selected = |agent: &&Agent| match &guardrail.agents {
        Selector::Everyone => true,
        Selector::Agents(named) => named.contains(&agent.id),
        Selector::Kind(kind) => agent.kind == *kind,
        Selector::Owner(owner) => agent.owner == *owner,
    };
    !missed && line.iter().any(selected)
}
