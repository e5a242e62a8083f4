//! One call of an agent, decided, recorded, and looked at once more before the answer leaves.

use std::sync::Arc;

use kavach_audit::{Event, EventKind, Hash, PrivateFields};
use kavach_core::{Decision, EventId, Leaf, Reason, Timestamp};
use serde_json::Value;

use crate::answer::{Authorization, outcome_of};
use crate::approvals::{self, Asked, NotAsked, Standing};
use crate::call::{Call, Caller, Claim, check_context, too_long};
use crate::clock::whole_seconds;
use crate::committer::Work;
use crate::error::{CannotDecide, FailedCommit};
use crate::limits::{ARGUMENTS_BYTES_MAX, AUTHORIZE_TRIES_MAX};
use crate::meters::Debit;
use crate::node::Kavach;
use crate::random;
use crate::recorded::Books;
use crate::tokens::{Presented, Refused, audience_of, words};
use crate::view::State;

mod decided;
mod last_look;

use decided::Decided;

/// What became of one try to answer.
enum Tried {
    Answered(Box<Authorization>),
    /// Somebody was faster at what the answer rests on: try again.
    Contended,
    /// People may have said something to another node, about the call as it is bound by these.
    AskOthers(Vec<Hash>),
}

impl Kavach {
    /// Decides whether an agent may do `action` to `resource`, and records the answer before giving it.
    ///
    /// An agent that nobody knows is denied, `unknown_agent`. A store that cannot record is a denial too,
    /// `audit_unavailable`.
    ///
    /// # Errors
    /// If no decision could be made: the action or the resource is not well formed. Treat it as no.
    ///
    /// ```
    /// use kavach::{Kavach, MemoryStore, NewAgent, Subject};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let kavach = Kavach::open(MemoryStore::new()).await?;
    /// let reader = NewAgent::new(Subject::user("alice")?, "reader").allow("read:mcp:github:*")?;
    /// let reader = kavach.create_agent(reader).await?;
    /// assert!(kavach.authorize(&reader.id, "read", "mcp:github:repos").await?.is_allowed());
    /// assert!(!kavach.authorize(&reader.id, "write", "mcp:github:repos").await?.is_allowed());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn authorize(
        &self,
        caller: impl Into<Caller>,
        action: &str,
        resource: &str,
    ) -> Result<Authorization, CannotDecide> {
        self.authorize_call(Call::new(caller, action.parse()?, resource.parse()?))
            .await
    }

    /// The same with everything that is known about the call.
    ///
    /// A call that needs approval is laid before people; made again once they said yes, it goes through, one
    /// time. A call that takes from a budget is charged what it says it costs: see
    /// [`settle`](Self::settle).
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize), and if the context is too long or its arguments cannot be hashed.
    pub async fn authorize_call(&self, call: Call) -> Result<Authorization, CannotDecide> {
        check_context(&call.context)?;
        let started_ns = self.node.clock.now_ns();
        let args_hash = match &call.context.args {
            Some(args) => Some(self.hash_args(args).await?),
            None => None,
        };
        if let Claim::Presentation(_) = &call.caller.0 {
            audience_of(&call)?;
        }
        let address = call.context.ip.map(|ip| ip.to_canonical().to_string());
        // Where the node has its store for itself, it knows what people said.
        let mut heard = self.node.follower.is_none();
        let mut first = true;
        for _ in 0..AUTHORIZE_TRIES_MAX {
            self.node.be_fresh(call.at_least).await;
            let fields = PrivateFields {
                // Where the owner was erased meanwhile, it is not kept where the call came from.
                address: address.clone().filter(|_| first),
                ..PrivateFields::default()
            };
            let (noted, times) = ((fields, first), (started_ns, heard));
            match self.attempt(&call, args_hash, noted, times).await? {
                Tried::Answered(answer) => return Ok(*answer),
                Tried::Contended => {
                    self.node.take_in_others().await;
                    first = false;
                    heard = self.node.follower.is_none();
                }
                Tried::AskOthers(bounds) => {
                    let approvals = &self.node.approvals;
                    approvals
                        .read(&*self.node.store, self.tenant, &bounds)
                        .await?;
                    heard = true;
                }
            }
        }
        let now = whole_seconds(started_ns);
        let state = self.node.view.read();
        let books = Books::of(&self.node, &state.graph);
        let mut decided = self.decide(&state, &call, 0, &books, now);
        decided.deny(Reason::AuditUnavailable);
        Ok(decided.answer(&state.graph, &call, None))
    }

    async fn attempt(
        &self,
        call: &Call,
        args_hash: Option<Hash>,
        (mut fields, first): (PrivateFields, bool),
        (started_ns, heard): (u64, bool),
    ) -> Result<Tried, CannotDecide> {
        let now_ns = self.node.clock.now_ns();
        let id = random::event_id(now_ns)?;
        let mut work = Work::default();
        let shown = self.shown(call, whole_seconds(now_ns)).await?;
        let mut decided = {
            let state = self.node.view.read();
            let now = whole_seconds(now_ns);
            let books = Books::of(&self.node, &state.graph);
            let mut decided = match shown {
                Some(shown) => self.decide_presented(&state, call, shown, &books, now),
                None => self.decide(&state, call, 0, &books, now),
            };
            if decided.verdict.decision == Decision::NeedsApproval {
                let hash = args_hash.as_ref();
                if !heard {
                    return Ok(Tried::AskOthers(self.bounds(
                        &state,
                        &decided,
                        (call, hash),
                    )));
                }
                match self.consult(&state, &mut decided, (call, hash), id, now)? {
                    Some(parts) => work = parts,
                    None => return Ok(Tried::Contended),
                }
            }
            decided
        };
        let decision = decided.verdict.decision;
        let (outcome, reason) = (outcome_of(decision), decision.reason());
        let mut event = Event::new(id, self.tenant, EventKind::Authorize, outcome, reason);
        event.time_ns = now_ns;
        event.duration_ns = Some(self.node.clock.now_ns().saturating_sub(started_ns));
        event.args_hash = args_hash;
        decided.describe(&mut event, call);
        if first {
            fields.note = words(decided.holders());
        }
        self.node
            .seal_private(&mut event, fields, &mut work)
            .await?;
        self.use_up(&decided, &mut work, whole_seconds(now_ns))
            .await?;
        work.events.insert(0, event);
        let Ok(debit) = self.charge(id, &decided, whole_seconds(now_ns)).await? else {
            return Ok(Tried::Contended);
        };
        work.debits.extend(debit.clone());
        match self.node.record(work).await {
            Ok(_) => {
                let answer = self.look_once_more(decided, call, (id, debit)).await?;
                Ok(Tried::Answered(Box::new(answer)))
            }
            Err(FailedCommit::Contended) => Ok(Tried::Contended),
            Err(error) => {
                tracing::error!(%error, "a decision could not be recorded; denied");
                decided.deny(Reason::AuditUnavailable);
                let state = self.node.view.read();
                let answer = decided.answer(&state.graph, call, None);
                Ok(Tried::Answered(Box::new(answer)))
            }
        }
    }

    /// What people may have been asked about this call.
    fn bounds(&self, state: &State, decided: &Decided, call: (&Call, Option<&Hash>)) -> Vec<Hash> {
        let shown = decided.presented.as_ref();
        let chain = shown.map(|shown| (shown.leaf, shown.chain()));
        let token = chain
            .as_ref()
            .map(|(leaf, chain)| (*leaf, chain.as_slice()));
        let bounds = self.bindings(&state.graph, (decided.agent, token), call);
        bounds.into_iter().map(|(_, bound)| bound).collect()
    }

    /// What the caller presents, looked at; `None` if that is no token.
    async fn shown(
        &self,
        call: &Call,
        now: Timestamp,
    ) -> Result<Option<Result<Presented, Refused>>, CannotDecide> {
        match &call.caller.0 {
            Claim::Presentation(shown) => self.present(shown, call, now).await.map(Some),
            Claim::Id(_) | Claim::Name(_) | Claim::Credential(_) => Ok(None),
        }
    }

    /// Uses up what was presented, along with the answer, whatever that is.
    async fn use_up(
        &self,
        decided: &Decided,
        work: &mut Work,
        now: Timestamp,
    ) -> Result<(), CannotDecide> {
        if let Some(presented) = &decided.presented {
            presented.spend(self.tenant, work)?;
            let over = self.node.uses.sweep(&*self.node.store, now).await?;
            work.deletes.extend(over);
        }
        Ok(())
    }

    /// Takes what an allowed call costs from every limit. `Err` if others took the last of it meanwhile, or
    /// hold it in slices: try again.
    async fn charge(
        &self,
        id: EventId,
        decided: &Decided,
        now: Timestamp,
    ) -> Result<Result<Option<Debit>, ()>, CannotDecide> {
        let (meters, store) = (&self.node.meters, &self.node.store);
        let charges = &decided.charges;
        if charges.is_empty() {
            return Ok(Ok(None));
        }
        match meters.debit(self.tenant, id, charges, now) {
            Ok(taken) => Ok(Ok(Some(taken))),
            Err(_) => {
                meters.refill(store, self.tenant, charges, now).await?;
                Ok(Err(()))
            }
        }
    }

    /// Asks what people said to a call that needs their approval, and answers by that. The work is what must
    /// land with the answer: a new question, or an approval that is used up. `None` if that changed just now.
    fn consult(
        &self,
        state: &State,
        decided: &mut Decided,
        (call, args_hash): (&Call, Option<&Hash>),
        id: EventId,
        now: Timestamp,
    ) -> Result<Option<Work>, CannotDecide> {
        let (Some(leaf), Some(line)) = (decided.verdict.leaf, decided.line.clone()) else {
            return Ok(Some(Work::default()));
        };
        let what = (&call.action, &call.resource);
        let graph = &state.graph;
        let chain = decided.presented.as_ref().map(Presented::chain);
        let by = (leaf, chain.as_deref());
        let bound = approvals::binding(graph, self.tenant, by, what, &call.context, args_hash);
        let Some(bound) = bound else {
            return Ok(None);
        };
        let best = (by, decided.agent);
        for (leaf, yes) in self.lines_with_yes(graph, best, (call, args_hash), now) {
            if self.approved_by(state, decided, (leaf, yes.people), now) {
                decided.approval = Some(yes.id);
                let spent = self.spend_approval(graph, &yes.bound, id, now);
                return Ok(spent.map_err(CannotDecide::from)?.map(|parts| parts.work));
            }
        }
        match self
            .node
            .approvals
            .standing(graph, self.tenant, &bound, now)
        {
            Standing::Denied { id } => {
                decided.deny(Reason::ApprovalDenied);
                decided.approval = Some(id);
                Ok(Some(Work::default()))
            }
            Standing::Open { id, .. } => {
                decided.approval = Some(id);
                Ok(Some(Work::default()))
            }
            Standing::None => {
                let asked = Asked {
                    bound,
                    line: &line,
                    holders: decided.holders(),
                    call,
                    needed: decided.verdict.approvals,
                    revision: decided.revision,
                    now,
                };
                match self.ask_approval(&asked) {
                    Ok(parts) => {
                        decided.approval = Some(parts.id);
                        Ok(Some(parts.work))
                    }
                    Err(NotAsked::Denied(reason, words)) => {
                        tracing::warn!(%reason, words, "nobody was asked for approval");
                        decided.deny(reason);
                        Ok(Some(Work::default()))
                    }
                    Err(NotAsked::Failed(error)) => Err(error),
                }
            }
        }
    }

    /// Decides again with what people said, by the line that they said it of. Whether that makes it an allow.
    fn approved_by(
        &self,
        state: &State,
        decided: &mut Decided,
        (leaf, people): (Leaf, u8),
        now: Timestamp,
    ) -> bool {
        let Some(request) = &mut decided.request else {
            return false;
        };
        request.approvals = people;
        let books = Books::of(&self.node, &state.graph);
        let by = (leaf, decided.presented.as_ref());
        let verdict = self.verdict_via(state, request, by, &books, now);
        if verdict.decision == Decision::Allow {
            decided.settle_on(&state.graph, verdict);
        }
        verdict.decision == Decision::Allow
    }

    async fn hash_args(&self, args: &Value) -> Result<Hash, CannotDecide> {
        let canonical = serde_json_canonicalizer::to_vec(args)
            .map_err(|error| CannotDecide::Arguments(error.to_string()))?;
        if canonical.len() > ARGUMENTS_BYTES_MAX {
            return Err(CannotDecide::Arguments(too_long()));
        }
        let key: Arc<_> = self.node.tenant_key(self.tenant).await?;
        Ok(kavach_audit::args_hash(&key, &canonical))
    }
}
