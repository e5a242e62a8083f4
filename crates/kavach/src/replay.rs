//! Yesterday's calls, decided again under a candidate.

use std::cell::RefCell;
use std::collections::HashMap;

use kavach_audit::{Event, EventKind, Outcome, Private, Query};
use kavach_core::{
    Action, AgentId, Charge, Counter, Decision, EventId, Graph, Guardrail, Reason, Recorded,
    Request, Resource, Room, Tally, TenantId, Timestamp, TrustLevel, Verdict, decide,
};

use crate::candidate::Candidate;
use crate::error::CannotDecide;
use crate::node::Node;

/// One recorded call, and how it would be answered by the agents and grants of today.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Replayed {
    /// The event that recorded it.
    pub event: EventId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub agent: AgentId,
    /// What.
    pub action: Action,
    /// To what.
    pub resource: Resource,
    /// What was recorded.
    pub recorded: Outcome,
    /// Why.
    pub reason: Reason,
    /// The answer as things are now.
    pub now: Told,
    /// The answer as they would be.
    pub then: Told,
}

/// The answer to a call of which not everything is recorded.
#[expect(clippy::exhaustive_enums, reason = "it can be told, or it cannot")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Told {
    /// This would be the answer.
    Decided(Decision),
    /// It hangs on the arguments, of which only a hash is recorded.
    NeedsArguments,
    /// It hangs on where the call came from, which is not recorded or not readable any more.
    NeedsAddress,
}

impl Replayed {
    /// Whether the candidate would answer otherwise than was recorded, or nobody can tell.
    #[must_use]
    pub fn changes(&self) -> bool {
        match self.then {
            Told::Decided(decision) => crate::answer::outcome_of(decision) != self.recorded,
            Told::NeedsArguments | Told::NeedsAddress => true,
        }
    }

    /// Whether the candidate has anything to do with that: as things are, the answer is another one.
    #[must_use]
    pub fn is_by_candidate(&self) -> bool {
        let outcome = |told| match told {
            Told::Decided(decision) => Ok(crate::answer::outcome_of(decision)),
            other @ (Told::NeedsArguments | Told::NeedsAddress) => Err(other),
        };
        outcome(self.now) != outcome(self.then)
    }
}

impl Candidate {
    /// Decides the recorded calls that `query` asks for again, in order of time, each at its own time, as
    /// things are and as they would be; `tell` gets each. Returns how many there were.
    ///
    /// Agents, grants and trust are those of today. Limits count what is replayed, from nothing. A call that
    /// people approved counts as approved.
    ///
    /// # Errors
    /// If the store fails, or what stands beside an event cannot be read.
    pub async fn replay(
        &self,
        mut query: Query,
        tell: &mut (dyn FnMut(Replayed) + Send),
    ) -> Result<u64, CannotDecide> {
        query.kind = Some(EventKind::Authorize);
        let mut trail = self.kavach.audit(query);
        let [mut now, mut then] = [self.present(), self.then()].map(|state| Rehearsal {
            node: &self.kavach.node,
            graph: &state.graph,
            tallies: RefCell::default(),
        });
        let mut count = 0;
        while let Some(page) = trail.next_page().await? {
            for sealed in &page {
                let event = &sealed.event;
                let private = self.kavach.private(event).await?;
                let Some(request) = request_of(event, &private) else {
                    continue;
                };
                count += 1;
                tell(Replayed {
                    event: event.id,
                    at: event.at(),
                    agent: request.agent,
                    action: request.action.clone(),
                    resource: request.resource.clone(),
                    recorded: event.outcome,
                    reason: event.reason,
                    now: now.answer(&request, event),
                    then: then.answer(&request, event),
                });
            }
        }
        Ok(count)
    }
}

/// What was asked, as far as it is recorded; `None` for a caller whom nobody knew, and for one who called with
/// a token, which is not recorded.
fn request_of(event: &Event, private: &Private) -> Option<Request> {
    if !event.token_ids.is_empty() {
        return None;
    }
    let (action, resource) = (event.action.clone()?, event.resource.clone()?);
    let mut request = Request::new(event.tenant, event.agent?, action, resource);
    request.cost = event.cost;
    if let Private::Shown(fields) = private {
        request.address = fields.address.as_ref().and_then(|ip| ip.parse().ok());
    }
    if event.outcome == Outcome::Allow && event.detail.contains_key("approval") {
        request.approvals = u8::MAX;
    }
    Some(request)
}

/// One graph with counters of its own.
struct Rehearsal<'a> {
    node: &'a Node,
    graph: &'a Graph,
    tallies: RefCell<HashMap<Counter, Tally>>,
}

impl Rehearsal<'_> {
    fn answer(&mut self, request: &Request, event: &Event) -> Told {
        let now = event.at();
        let verdict = decide(self.graph, request, self, now);
        if let Some(unknown) = self.unknown(&verdict, request, event) {
            return unknown;
        }
        if verdict.decision == Decision::Allow {
            let mut tallies = self.tallies.borrow_mut();
            for charge in self.graph.charges(request, &verdict) {
                let fresh = || Tally::new(charge.counter.span);
                let tally = tallies.entry(charge.counter).or_insert_with(fresh);
                tally.count(charge.amount, now);
            }
        }
        Told::Decided(verdict.decision)
    }

    /// Whether the answer hangs on something that was there and is not recorded.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "no other reason speaks of what is not recorded"
    )]
    fn unknown(&self, verdict: &Verdict, request: &Request, event: &Event) -> Option<Told> {
        let had_args = event.args_hash.is_some();
        let place = verdict.guardrail;
        let guardrail = place.and_then(|place| self.graph.guardrail_at(request.tenant, place));
        let asks = |asks: fn(&Guardrail) -> bool| guardrail.is_some_and(asks);
        match verdict.decision.reason() {
            Reason::ArgumentsNotAllowed if had_args => Some(Told::NeedsArguments),
            Reason::AddressNotAllowed if request.address.is_none() => Some(Told::NeedsAddress),
            Reason::GuardrailApplies
                if had_args && asks(|known| known.never.constraints.args.is_some()) =>
            {
                Some(Told::NeedsArguments)
            }
            Reason::GuardrailApplies
                if request.address.is_none()
                    && asks(|known| known.never.constraints.addresses.is_some()) =>
            {
                Some(Told::NeedsAddress)
            }
            _ => None,
        }
    }
}

impl Recorded for Rehearsal<'_> {
    fn room(&self, _: TenantId, charge: &Charge, now: Timestamp) -> Room {
        let tallies = self.tallies.borrow();
        match tallies.get(&charge.counter) {
            Some(tally) => tally.room(charge.limit, charge.amount, now),
            None => Tally::new(charge.counter.span).room(charge.limit, charge.amount, now),
        }
    }

    fn trust(&self, tenant: TenantId, agent: AgentId, now: Timestamp) -> TrustLevel {
        let agent = self.graph.agent(tenant, agent);
        agent.map_or(TrustLevel::Untrusted, |agent| {
            self.node.trust.level(agent, now)
        })
    }
}
