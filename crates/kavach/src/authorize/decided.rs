//! A request with its answer, before anybody is told.

use std::sync::Arc;

use kavach_audit::{Detail, Event};
use kavach_core::{
    Agent, AgentId, ApprovalId, Charge, Decision, EventId, Graph, Line, Name, Reason, Request,
    SubjectId, TenantId, Timestamp, Verdict, decide,
};
use kavach_token::Refusal;

use crate::answer::{Authorization, hop_of};
use crate::call::{Call, Caller, Claim, claimed};
use crate::change::leaf_of;
use crate::node::Kavach;
use crate::recorded::Books;
use crate::tokens::{Holder, Presented, Refused, acting, further, refuse};
use crate::trust::SENSITIVE;
use crate::view::State;

/// A request with its answer, before anybody is told.
pub(crate) struct Decided {
    pub(super) tenant: TenantId,
    pub(super) verdict: Verdict,
    /// `None` if the agent is not known.
    pub(super) request: Option<Request>,
    pub(super) line: Option<Line>,
    pub(super) agent: Option<AgentId>,
    agent_owner: Option<SubjectId>,
    claimed: Option<String>,
    pub(super) revision: u64,
    /// What an allowed call is charged.
    pub(super) charges: Vec<Charge>,
    /// The approval that waits, was refused, or is used up by the call.
    pub(super) approval: Option<ApprovalId>,
    /// The guardrail that denies.
    guardrail: Option<Name>,
    /// Guardrails that only note what they would deny.
    shadowed: Vec<String>,
    obligations: Vec<String>,
    /// Whether a grant that it rests on asks for approval or trust.
    sensitive: bool,
    /// The token that the call is made with.
    pub(super) presented: Option<Presented>,
    /// The same, where it does not hold.
    refused: Option<Refused>,
    /// What is wrong with a token that was in order by itself.
    refusal: Option<Refusal>,
}

impl Kavach {
    pub(crate) fn decide(
        &self,
        state: &State,
        call: &Call,
        approvals: u8,
        books: &Books<'_>,
        now: Timestamp,
    ) -> Decided {
        let found = self.identify(&state.graph, &call.caller, now);
        let (agent, refused) = match found {
            Ok(agent) => (Some(agent), None),
            Err((agent, reason)) => (agent, Some(reason)),
        };
        let request = agent.map(|agent| self.request(agent.id, call, approvals));
        let revision = state.revision.number();
        let fresh = self.node.freshness.holds(state);
        let stale = !fresh || call.at_least.is_some_and(|least| revision < least);
        let stale = stale.then_some(Reason::StaleState);
        let refused = state.bars().or(stale).or(refused);
        let verdict = match (&request, refused) {
            (Some(request), None) => decide(&state.graph, request, books, now),
            (known, reason) => Verdict::denied(
                reason.unwrap_or(Reason::UnknownAgent),
                known
                    .as_ref()
                    .map(|request| leaf_of(&state.graph, self.tenant, request.agent)),
            ),
        };
        let mut decided = Decided::undecided(self.tenant, revision, verdict);
        decided.agent = agent.map(|agent| agent.id);
        decided.agent_owner = agent.map(|agent| agent.owner);
        if agent.is_none() {
            decided.claimed = claimed(&call.caller);
        }
        decided.request = request;
        decided.settle_on(&state.graph, verdict);
        decided
    }

    /// The same for whoever presented a token: by the line that it was minted from, and by no other.
    pub(super) fn decide_presented(
        &self,
        state: &State,
        call: &Call,
        shown: Result<Presented, Refused>,
        books: &Books<'_>,
        now: Timestamp,
    ) -> Decided {
        let revision = state.revision.number();
        let blank = |verdict| Decided::undecided(self.tenant, revision, verdict);
        let presented = match shown {
            Ok(presented) => presented,
            Err(refused) => {
                let verdict = Verdict::denied(refused.reason, refused.leaf);
                let mut decided = blank(verdict);
                decided.agent = acting(&refused.holders);
                decided.claimed.clone_from(&refused.claimed);
                decided.refused = Some(refused);
                decided.settle_on(&state.graph, verdict);
                return decided;
            }
        };
        let leaf = presented.leaf;
        let request = self.request(presented.agent(), call, 0);
        let fresh = self.node.freshness.holds(state);
        let stale = !fresh || call.at_least.is_some_and(|least| revision < least);
        let stale = stale.then_some(Reason::StaleState);
        let standing = match state.bars().or(stale) {
            Some(reason) => Err((reason, None)),
            None => self.check_standing(state, &presented, now),
        };
        let (verdict, refusal) = match standing {
            Err((reason, refusal)) => (Verdict::denied(reason, Some(leaf)), refusal),
            Ok(()) => {
                let by = (leaf, Some(&presented));
                (self.verdict_via(state, &request, by, books, now), None)
            }
        };
        let mut decided = blank(verdict);
        let agent = state.graph.agent(self.tenant, presented.agent());
        decided.agent = agent.map(|agent| agent.id);
        decided.agent_owner = agent.map(|agent| agent.owner);
        decided.request = Some(request);
        decided.presented = Some(presented);
        decided.refusal = refusal;
        decided.settle_on(&state.graph, verdict);
        decided
    }

    /// What the call asks, for the policy engine.
    pub(crate) fn request(&self, agent: AgentId, call: &Call, approvals: u8) -> Request {
        let (action, resource) = (call.action.clone(), call.resource.clone());
        let mut request = Request::new(self.tenant, agent, action, resource);
        request.address = call.context.ip;
        request.args = call.context.args.as_ref().map(Arc::clone);
        request.cost = call.context.cost;
        request.approvals = approvals;
        request
    }

    /// The agent that the caller is, or why it is nobody, with the agent if one is known all the same.
    pub(crate) fn identify<'a>(
        &self,
        graph: &'a Graph,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<&'a Agent, (Option<&'a Agent>, Reason)> {
        let unknown = (None, Reason::UnknownAgent);
        match &caller.0 {
            Claim::Id(id) => graph.agent(self.tenant, *id).ok_or(unknown),
            Claim::Name(name) => graph.agent_named(self.tenant, name).ok_or(unknown),
            // Whoever holds a token calls by it alone: what its agent may do otherwise is none of theirs.
            Claim::Presentation(_) => Err(unknown),
            Claim::Credential(hash) => {
                let found = graph.agent_by_credential(hash);
                let agent = found
                    .filter(|agent| agent.tenant == self.tenant)
                    .ok_or(unknown)?;
                let credential = agent.credentials.iter().find(|known| known.hash == *hash);
                let ended = |credential: &kavach_core::Credential| {
                    credential.expires_at.is_some_and(|end| now >= end)
                };
                match credential {
                    Some(credential) if !ended(credential) => Ok(agent),
                    _ => Err((Some(agent), Reason::CredentialExpired)),
                }
            }
        }
    }
}

impl Decided {
    fn undecided(tenant: TenantId, revision: u64, verdict: Verdict) -> Self {
        Self {
            tenant,
            verdict,
            request: None,
            line: None,
            agent: None,
            agent_owner: None,
            claimed: None,
            revision,
            charges: Vec::new(),
            approval: None,
            guardrail: None,
            shadowed: Vec::new(),
            obligations: Vec::new(),
            sensitive: false,
            presented: None,
            refused: None,
            refusal: None,
        }
    }

    /// Everybody who held the token that the call is made with.
    pub(super) fn holders(&self) -> &[Holder] {
        let presented = self.presented.as_ref().map(|shown| &shown.holders);
        let refused = self.refused.as_ref().map(|refused| &refused.holders);
        presented.or(refused).map_or(&[], Vec::as_slice)
    }

    /// Takes another verdict for the same request, with everything that follows from it.
    pub(super) fn settle_on(&mut self, graph: &Graph, verdict: Verdict) {
        self.verdict = verdict;
        self.line = verdict.leaf.and_then(|leaf| graph.line(self.tenant, leaf));
        self.charges = match (&self.request, verdict.decision) {
            (Some(request), Decision::Allow) => graph.charges(request, &verdict),
            _ => Vec::new(),
        };
        if let (Some(presented), Decision::Allow) = (&self.presented, verdict.decision) {
            self.charges.extend_from_slice(presented.charges());
        }
        let guardrail = verdict
            .guardrail
            .and_then(|place| graph.guardrail_at(self.tenant, place));
        self.guardrail = guardrail.map(|guardrail| guardrail.name.clone());
        let shadowed = graph.shadowed(self.tenant, &verdict);
        self.shadowed = shadowed
            .map(|guardrail| guardrail.name.to_string())
            .collect();
        let obligations = verdict.obligations().iter();
        self.obligations = obligations.map(|known| known.word().to_owned()).collect();
        self.sensitive = self.is_sensitive(graph);
    }

    /// Whether a grant that was taken, at any hop, asks for approval or trust.
    fn is_sensitive(&self, graph: &Graph) -> bool {
        let hops = self.line.iter().flat_map(|line| line.hops.iter().rev());
        let mut taken = hops.zip(self.verdict.matched.grants());
        taken.any(|(hop, id)| {
            let grants = match hop.delegation {
                Some(id) => graph.delegation(self.tenant, id).map(|known| &known.grants),
                None => graph
                    .agent(self.tenant, hop.agent)
                    .map(|agent| &agent.grants),
            };
            let mut grants = grants.into_iter().flatten();
            grants.find(|grant| grant.id == *id).is_some_and(|grant| {
                let constraints = &grant.permission.constraints;
                constraints.approvals.is_some() || constraints.min_trust.is_some()
            })
        })
    }

    /// Denies after all.
    pub(super) fn deny(&mut self, reason: Reason) {
        self.verdict = Verdict::denied(reason, self.verdict.leaf);
        self.charges = Vec::new();
        self.obligations = Vec::new();
    }

    /// Writes who, what and why into the event.
    pub(super) fn describe(&self, event: &mut Event, call: &Call) {
        event.agent = self.agent;
        event.claimed.clone_from(&self.claimed);
        event.owner = self
            .line
            .as_ref()
            .map(|line| line.owner)
            .or(self.agent_owner);
        event.line = self
            .line
            .iter()
            .flat_map(|line| &line.hops)
            .map(hop_of)
            .collect();
        event.action = Some(call.action.clone());
        event.resource = Some(call.resource.clone());
        event.grant = self.verdict.grant;
        event.revision = self.revision;
        event.cost = call.context.cost;
        event.audience.clone_from(&call.context.audience);
        event.request_id.clone_from(&call.context.request_id);
        event.obligations.clone_from(&self.obligations);
        let text = |value: &dyn ToString| Detail::Text(value.to_string());
        if self.sensitive {
            event.detail.insert(SENSITIVE.to_owned(), text(&"true"));
        }
        if let Some(approval) = &self.approval {
            event.detail.insert("approval".to_owned(), text(approval));
        }
        if let Some(guardrail) = &self.guardrail {
            event.detail.insert("guardrail".to_owned(), text(guardrail));
        }
        if !self.shadowed.is_empty() {
            let names = Detail::List(self.shadowed.clone());
            event.detail.insert("shadow_guardrails".to_owned(), names);
        }
        if let Some(presented) = &self.presented {
            presented.describe(event);
        }
        if let Some(refused) = &self.refused {
            refused.describe(event);
        }
        if let Some(refusal) = self.refusal {
            refuse(refusal, event);
        }
    }

    /// The answer, with names as `graph` has them.
    pub(crate) fn answer(
        &self,
        graph: &Graph,
        call: &Call,
        audit_id: Option<EventId>,
    ) -> Authorization {
        let hops = self.line.iter().flat_map(|line| line.hops.iter().copied());
        let holders = self.holders();
        let refused = self.refused.as_ref().map(|refused| refused.refusal);
        Authorization {
            decision: self.verdict.decision,
            agent: acting(holders).or(self.agent),
            owner: self.line.as_ref().map(|line| line.owner),
            hops: hops.chain(further(holders)).collect(),
            holders: holders.to_vec(),
            token_refusal: refused.or(self.refusal),
            line: self.line_for_people(graph),
            grant: self.verdict.grant,
            obligations: self.obligations.clone(),
            approval: self.approval,
            approvals_needed: self.verdict.approvals,
            retry_at: self.verdict.retry_at,
            guardrail: self.guardrail.clone(),
            revision: self.revision,
            audit_id,
            action: call.action.clone(),
            resource: call.resource.clone(),
            claimed: self.claimed.clone(),
        }
    }

    fn line_for_people(&self, graph: &Graph) -> Vec<String> {
        let Some(line) = &self.line else {
            return Vec::new();
        };
        let owner = graph.subject(self.tenant, line.owner);
        let mut names = vec![owner.map_or_else(|| line.owner.to_string(), ToString::to_string)];
        let hops = line.hops.iter().copied().chain(further(self.holders()));
        names.extend(hops.map(|hop| {
            let agent = graph.agent(self.tenant, hop.agent);
            agent.map_or_else(|| hop.agent.to_string(), |agent| agent.name.to_string())
        }));
        names
    }
}
