//! A presentation: one more way to say who calls, and for what.

use kavach_audit::{Detail, Event};
use kavach_core::{
    AgentId, Charge, Decision, Leaf, Reason, Request, TenantId, Timestamp, Verdict, decide_via,
};
use kavach_token::{
    ArgumentsHash, Audience, Inspection, Party, Presentation, Refusal, Use, Verified,
};

use super::Uses;
use super::book::{Pages, Roots};
use super::conditions::{Conditions, Found, leaf_of, lowest_trust};
use super::holder::{Holder, describe, holders, refuse};
use super::mint::generation_of;
use crate::call::Call;
use crate::committer::Work;
use crate::error::CannotDecide;
use crate::node::Kavach;
use crate::recorded::Books;
use crate::view::State;

/// A presentation that holds by itself, and was not used before. What the line behind it allows is another
/// question.
#[derive(Clone, Debug)]
pub(crate) struct Presented {
    verified: Verified,
    usage: Use,
    pub(crate) leaf: Leaf,
    found: Found,
    pub(crate) holders: Vec<Holder>,
}

/// A presentation that does not hold.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) reason: Reason,
    pub(crate) refusal: Refusal,
    /// Who held it, where its signatures hold.
    pub(crate) holders: Vec<Holder>,
    /// The line that it was minted from, in the same case.
    pub(crate) leaf: Option<Leaf>,
    /// Which agent it says it is of, where they do not.
    pub(crate) claimed: Option<String>,
}

impl Kavach {
    /// Looks at a presentation: by itself, and whether it was used.
    pub(crate) async fn present(
        &self,
        presentation: &Presentation,
        call: &Call,
        now: Timestamp,
    ) -> Result<Result<Presented, Refused>, CannotDecide> {
        let audience = audience_of(call)?;
        let looked = {
            let state = self.node.view.read();
            self.verify(&state, presentation, &audience, (call, now))
        };
        let presented = match looked {
            Ok(presented) => presented,
            Err(refused) => return Ok(Err(refused)),
        };
        if Uses::is_used(&*self.node.store, self.tenant, &presented.usage).await? {
            return Ok(Err(presented.refused(Refusal::Replayed)));
        }
        Ok(Ok(presented))
    }

    fn verify(
        &self,
        state: &State,
        presentation: &Presentation,
        audience: &Audience,
        (call, now): (&Call, Timestamp),
    ) -> Result<Presented, Refused> {
        let known = state.tokens.of(self.tenant);
        let known = known.and_then(|pages| Some((pages, pages.roots.as_ref()?)));
        let Some((pages, roots)) = known else {
            return Err(Refused::unknown(Refusal::UnknownRootKey, presentation));
        };
        let verifier = self.node.verifiers.of(self.tenant, audience, roots);
        let books = Books::of(&self.node, &state.graph);
        let mut conditions = Conditions {
            state,
            pages,
            books: &books,
            tenant: self.tenant,
            cost: call.context.cost,
            found: Found::default(),
        };
        let args = call.context.args.as_deref();
        let request = match args {
            Some(args) => kavach_token::Request::with_json(&call.action, &call.resource, args),
            None => {
                let none = ArgumentsHash::of(b"");
                kavach_token::Request::new(&call.action, &call.resource, none)
            }
        };
        let request = match call.context.ip {
            Some(address) => request.from_address(address),
            None => request,
        };
        match verifier.verify_unspent(presentation.as_bytes(), &request, now, &mut conditions) {
            Ok(unspent) => {
                let usage = unspent.usage();
                // Whoever calls spends it, in the commit of the answer.
                let verified = unspent.danger_remembered();
                Ok(Presented {
                    usage,
                    leaf: leaf_of(&verified.source()),
                    holders: holders(pages, verified.line()),
                    found: conditions.found,
                    verified,
                })
            }
            Err(refusal) => {
                let mut refused = Refused::told(refusal, presentation, pages, roots, now);
                if let (Refusal::Condition { .. }, Some(missed)) =
                    (refusal, conditions.found.missed)
                {
                    refused.reason = missed;
                }
                Err(refused)
            }
        }
    }

    /// Whether everything that may change still stands: keys, revocations, agents, times. Looked at before the
    /// answer is worked out, and once more before it leaves.
    pub(crate) fn check_standing(
        &self,
        state: &State,
        presented: &Presented,
        now: Timestamp,
    ) -> Result<(), (Reason, Option<Refusal>)> {
        let refused = |refusal| Err((Reason::TokenRefused, Some(refusal)));
        let verified = &presented.verified;
        let known = state.tokens.of(self.tenant);
        let known = known.and_then(|pages| Some((pages, pages.roots.as_ref()?)));
        let Some((pages, roots)) = known else {
            return refused(Refusal::UnknownRootKey);
        };
        if !roots.keys.counts(verified.root_key_id(), now) {
            return refused(Refusal::RootKeyTime);
        }
        if now >= verified.expires_at() {
            let block = verified.line().len();
            return refused(Refusal::Expired { block });
        }
        for (block, hop) in verified.line().iter().enumerate() {
            if now >= hop.expires_at() {
                return refused(Refusal::Expired { block });
            }
            if pages.revokes(hop) {
                return refused(Refusal::Revoked { block });
            }
            let known = pages.holder(hop.key()).map(|known| known.agent);
            if let Party::Agent(agent) = hop.party()
                && known != Some(*agent)
            {
                return refused(Refusal::Impostor { block });
            }
            // The first one is the line's own, which answers for itself.
            let fault = known
                .filter(|_| block > 0)
                .and_then(|agent| state.graph.fault_of(self.tenant, Leaf::Root(agent), now));
            if let Some(reason) = fault {
                return Err((reason, None));
            }
        }
        let source = verified.source();
        let generation = generation_of(&state.graph, self.tenant, presented.leaf);
        let fault = state.graph.fault_of(self.tenant, presented.leaf, now);
        if fault.is_none() && generation != Some(source.generation) {
            return refused(Refusal::Revoked { block: 0 });
        }
        Ok(())
    }

    /// The answer by one line, for whoever was shown to call by it: with a token, its holders are bound by
    /// what binds them too, and what it was minted from by how far it was passed on.
    pub(crate) fn verdict_via(
        &self,
        state: &State,
        request: &Request,
        (leaf, presented): (Leaf, Option<&Presented>),
        books: &Books<'_>,
        now: Timestamp,
    ) -> Verdict {
        let graph = &state.graph;
        let Some(presented) = presented else {
            return decide_via(graph, request, leaf, books, now);
        };
        let line = presented.verified.line();
        let lowest = state
            .tokens
            .of(self.tenant)
            .map(|pages| lowest_trust(state, pages, books, (self.tenant, leaf, line), now));
        let Some(lowest) = lowest else {
            return Verdict::denied(Reason::TokenRefused, Some(leaf));
        };
        let books = books.at_most(lowest);
        let mut verdict = decide_via(graph, request, leaf, &books, now);
        self.guard(state, request, presented, &books, &mut verdict, now);
        if verdict.decision.rank() == 0 {
            return verdict;
        }
        if presented
            .found
            .min_trust
            .is_some_and(|least| lowest < least)
        {
            return Verdict::denied(Reason::TrustTooLow, Some(leaf));
        }
        if !self.reaches(state, presented, &verdict) {
            return Verdict::denied(Reason::TooDeep, Some(leaf));
        }
        verdict.settles |= presented.found.settles;
        verdict.approvals = verdict.approvals.max(presented.found.approvals);
        if verdict.approvals > request.approvals {
            verdict.decision = Decision::NeedsApproval;
        }
        verdict
    }

    /// Guardrails that name somebody who held the token: passing on offline evades nothing either.
    fn guard(
        &self,
        state: &State,
        request: &Request,
        presented: &Presented,
        books: &Books<'_>,
        verdict: &mut Verdict,
        now: Timestamp,
    ) {
        for agent in presented.offline() {
            let mut request = request.clone();
            request.agent = agent;
            let own = decide_via(&state.graph, &request, Leaf::Root(agent), books, now);
            verdict.shadowed |= own.shadowed;
            if own.guardrail.is_some() && verdict.guardrail.is_none() {
                let shadowed = verdict.shadowed;
                *verdict = Verdict::denied(Reason::GuardrailApplies, verdict.leaf);
                (verdict.guardrail, verdict.shadowed) = (own.guardrail, shadowed);
            }
        }
    }

    /// Whether the grants that the answer rests on may be passed on as far as the token was.
    fn reaches(&self, state: &State, presented: &Presented, verdict: &Verdict) -> bool {
        let (graph, tenant) = (&state.graph, self.tenant);
        let Some(line) = graph.line(tenant, presented.leaf) else {
            return false;
        };
        let below = u8::try_from(presented.holders.len().saturating_sub(1)).unwrap_or(u8::MAX);
        let hops = line.hops.iter().rev().zip(verdict.matched.grants());
        (below..=u8::MAX).zip(hops).all(|(distance, (hop, grant))| {
            let given = hop.delegation.and_then(|id| graph.delegation(tenant, id));
            let grants = match given {
                Some(given) => Some(&given.grants),
                None => graph.agent(tenant, hop.agent).map(|agent| &agent.grants),
            };
            let mut grants = grants.into_iter().flatten();
            let taken = grants.find(|known| known.id == *grant);
            let bounded = given.and_then(|given| given.max_depth);
            bounded.is_none_or(|most| distance <= most)
                && taken.is_some_and(|taken| taken.permission.constraints.reaches(distance))
        })
    }
}

impl Presented {
    /// What uses it up, with the answer.
    pub(crate) fn spend(&self, tenant: TenantId, work: &mut Work) -> Result<(), CannotDecide> {
        Ok(Uses::spend(tenant, &self.usage, work)?)
    }

    /// The agent that it was minted for.
    pub(crate) fn agent(&self) -> AgentId {
        self.verified.agent()
    }

    /// What the token itself charges an allowed call.
    pub(crate) fn charges(&self) -> &[Charge] {
        &self.found.charges
    }

    /// Names this chain, for what people say yes to: whoever holds another one is somebody else.
    pub(crate) fn chain(&self) -> Vec<String> {
        self.holders
            .iter()
            .map(|holder| holder.block.to_string())
            .collect()
    }

    /// The registered agents that it was passed on to.
    fn offline(&self) -> impl Iterator<Item = AgentId> + '_ {
        self.holders
            .iter()
            .skip(1)
            .filter_map(|holder| holder.agent)
    }

    /// It does not hold after all.
    fn refused(&self, refusal: Refusal) -> Refused {
        Refused {
            reason: Reason::TokenRefused,
            refusal,
            holders: self.holders.clone(),
            leaf: Some(self.leaf),
            claimed: None,
        }
    }

    /// Writes into the event what it was.
    pub(crate) fn describe(&self, event: &mut Event) {
        describe(&self.holders, event);
        let invocation = self.verified.invocation().to_string();
        event.token_ids.push(invocation);
        let nonce = Detail::Text(self.verified.nonce().to_string());
        event.detail.insert("nonce".to_owned(), nonce);
    }
}

impl Refused {
    /// Where nothing can be looked at.
    fn unknown(refusal: Refusal, presentation: &Presentation) -> Self {
        let claimed = Inspection::from_bytes(presentation.as_bytes());
        Self {
            reason: Reason::TokenRefused,
            refusal,
            holders: Vec::new(),
            leaf: None,
            claimed: claimed.ok().map(|said| said.agent().to_string()),
        }
    }

    /// With who held it, if the signatures say so.
    fn told(
        refusal: Refusal,
        presentation: &Presentation,
        pages: &Pages,
        roots: &Roots,
        now: Timestamp,
    ) -> Self {
        let said = Inspection::from_bytes(presentation.as_bytes()).ok();
        match said.filter(|said| said.signed_by(&roots.keys, now).is_ok()) {
            None => Self::unknown(refusal, presentation),
            Some(said) => Self {
                reason: Reason::TokenRefused,
                refusal,
                holders: holders(pages, said.line()),
                leaf: Some(leaf_of(&said.source())),
                claimed: None,
            },
        }
    }

    /// Writes into the event what it was, and why it was refused.
    pub(crate) fn describe(&self, event: &mut Event) {
        describe(&self.holders, event);
        refuse(self.refusal, event);
    }
}

/// For which service the call is: a presentation is for one.
pub(crate) fn audience_of(call: &Call) -> Result<Audience, CannotDecide> {
    let text = call.context.audience.as_deref().unwrap_or_default();
    text.parse().map_err(|_| CannotDecide::NoAudience)
}
