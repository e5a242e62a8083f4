//! One call of an agent, decided, recorded, and looked at once more before the answer leaves.

use std::sync::Arc;

use kavach_audit::{Event, EventKind, Outcome, PrivateFields};
use kavach_core::{
    Agent, AgentId, Decision, EventId, Line, Reason, Request, SubjectId, Timestamp, Verdict,
    decide, decide_via,
};
use serde_json::Value;

use crate::answer::{Authorization, hop_of, outcome_of};
use crate::call::{Call, Caller, Claim, check_args, check_context, claimed, too_long};
use crate::change::leaf_of;
use crate::clock::whole_seconds;
use crate::committer::Work;
use crate::error::{CannotDecide, FailedCommit};
use crate::limits::ARGUMENTS_BYTES_MAX;
use crate::node::Kavach;
use crate::view::State;

/// A request with its answer, before anybody is told.
struct Decided {
    verdict: Verdict,
    /// `None` if the agent is not known.
    request: Option<Request>,
    line: Option<Line>,
    agent: Option<AgentId>,
    agent_owner: Option<SubjectId>,
    claimed: Option<String>,
    revision: u64,
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
    /// # Errors
    /// As [`authorize`](Self::authorize), and if the context is too long or its arguments cannot be hashed.
    pub async fn authorize_call(&self, call: Call) -> Result<Authorization, CannotDecide> {
        check_context(&call.context)?;
        let started_ns = self.node.clock.now_ns();
        let decided = {
            let state = self.node.view.read();
            self.decide(&state, &call, whole_seconds(started_ns))
        };
        let outcome = outcome_of(decided.verdict.decision);
        let reason = decided.verdict.decision.reason();
        let mut event =
            self.node
                .blank_event(self.tenant, EventKind::Authorize, outcome, reason)?;
        event.duration_ns = Some(event.time_ns.saturating_sub(started_ns));
        decided.describe(&mut event, &call);
        let mut work = Work::default();
        if let Some(args) = &call.context.args {
            event.args_hash = Some(self.hash_args(args).await?);
        }
        let address = call.context.ip.map(|ip| ip.to_canonical().to_string());
        let fields = PrivateFields {
            address,
            ..PrivateFields::default()
        };
        self.node
            .seal_private(&mut event, fields, &mut work)
            .await?;
        let id = event.id;
        let bare = event.private.is_some().then(|| Event {
            private: None,
            ..event.clone()
        });
        work.events.push(event);
        let recorded = match (self.node.record(work).await, bare) {
            // The owner was erased meanwhile: where the call came from is not kept.
            (Err(FailedCommit::Contended), Some(bare)) => {
                let mut work = Work::default();
                work.events.push(bare);
                self.node.record(work).await
            }
            (recorded, _) => recorded,
        };
        match recorded {
            Ok(_) => self.look_once_more(decided, &call, id).await,
            Err(error) => {
                tracing::error!(%error, "a decision could not be recorded; denied");
                let verdict = denied(&decided, Reason::AuditUnavailable);
                Ok(self.answer(&decided, verdict, &call, None))
            }
        }
    }

    /// Decides as [`authorize_call`](Self::authorize_call) would, at another time if `at` names one, and
    /// records nothing.
    ///
    /// # Errors
    /// If the context is too long.
    pub fn simulate(
        &self,
        call: &Call,
        at: Option<Timestamp>,
    ) -> Result<Authorization, CannotDecide> {
        check_context(&call.context)?;
        let decided = {
            let state = self.node.view.read();
            self.decide(&state, call, at.unwrap_or_else(|| self.now()))
        };
        Ok(self.answer(&decided, decided.verdict, call, None))
    }

    fn decide(&self, state: &State, call: &Call, now: Timestamp) -> Decided {
        let found = self.identify(state, &call.caller, now);
        let (agent, refused) = match found {
            Ok(agent) => (Some(agent), None),
            Err((agent, reason)) => (agent, Some(reason)),
        };
        let request = agent.map(|agent| {
            Request::new(
                self.tenant,
                agent.id,
                call.action.clone(),
                call.resource.clone(),
            )
        });
        let revision = state.revision.number();
        let stale = state.broken || call.at_least.is_some_and(|least| revision < least);
        let refused = if stale {
            Some(Reason::StaleState)
        } else {
            refused
        };
        let verdict = match (&request, refused) {
            (Some(request), None) => decide(&state.graph, request, now),
            (known, reason) => Verdict::denied(
                reason.unwrap_or(Reason::UnknownAgent),
                known
                    .as_ref()
                    .map(|request| leaf_of(&state.graph, self.tenant, request.agent)),
            ),
        };
        Decided {
            line: verdict
                .leaf
                .and_then(|leaf| state.graph.line(self.tenant, leaf)),
            agent: agent.map(|agent| agent.id),
            agent_owner: agent.map(|agent| agent.owner),
            claimed: if agent.is_none() {
                claimed(&call.caller)
            } else {
                None
            },
            verdict,
            request,
            revision,
        }
    }

    /// The agent that the caller is, or why it is nobody, with the agent if one is known all the same.
    fn identify<'a>(
        &self,
        state: &'a State,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<&'a Agent, (Option<&'a Agent>, Reason)> {
        let unknown = (None, Reason::UnknownAgent);
        match &caller.0 {
            Claim::Id(id) => state.graph.agent(self.tenant, *id).ok_or(unknown),
            Claim::Name(name) => state.graph.agent_named(self.tenant, name).ok_or(unknown),
            Claim::Credential(hash) => {
                let found = state.graph.agent_by_credential(hash);
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

    /// INVARIANT (last look): an allow leaves only if its line holds at the revision that the node has come
    /// to by now. Between this look and the return there is no await, so nothing comes between them on this
    /// task.
    async fn look_once_more(
        &self,
        decided: Decided,
        call: &Call,
        id: EventId,
    ) -> Result<Authorization, CannotDecide> {
        let (Decision::Allow, Some(request), Some(leaf)) = (
            decided.verdict.decision,
            &decided.request,
            decided.verdict.leaf,
        ) else {
            return Ok(self.answer(&decided, decided.verdict, call, Some(id)));
        };
        // Names are looked up before the last look: they need the lock, which a revocation may hold.
        let mut answer = self.answer(&decided, decided.verdict, call, Some(id));
        let again = {
            let state = self.node.view.read();
            let now = self.node.clock.now();
            match (state.broken, self.identify(&state, &call.caller, now)) {
                (true, _) => Err(Reason::StaleState),
                (false, Err((_, reason))) => Err(reason),
                (false, Ok(_)) => match decide_via(&state.graph, request, leaf, now).decision {
                    Decision::Allow => Ok(state.revision.number()),
                    other @ (Decision::NeedsApproval | Decision::Deny(_)) => Err(other.reason()),
                },
            }
        };
        match again {
            Ok(revision) => {
                answer.revision = revision;
                Ok(answer)
            }
            Err(because) => self.withdraw(decided, call, id, because).await,
        }
    }

    /// Takes an allow back before anybody was told, and records that.
    async fn withdraw(
        &self,
        decided: Decided,
        call: &Call,
        id: EventId,
        because: Reason,
    ) -> Result<Authorization, CannotDecide> {
        let kind = EventKind::Withdrawn;
        let mut event =
            self.node
                .blank_event(self.tenant, kind, Outcome::Deny, Reason::Withdrawn)?;
        decided.describe(&mut event, call);
        event.withdraws = Some(id);
        let because = kavach_audit::Detail::Text(because.code().to_owned());
        event.detail.insert("because".to_owned(), because);
        let own = event.id;
        let mut work = Work::default();
        work.events.push(event);
        let recorded = self.node.record(work).await;
        if let Err(error) = &recorded {
            tracing::error!(%error, "a withdrawal could not be recorded; denied all the same");
        }
        let verdict = denied(&decided, Reason::Withdrawn);
        Ok(self.answer(&decided, verdict, call, recorded.ok().map(|_| own)))
    }

    fn answer(
        &self,
        decided: &Decided,
        verdict: Verdict,
        call: &Call,
        audit_id: Option<EventId>,
    ) -> Authorization {
        let line = self.line_for_people(decided);
        let hops = decided
            .line
            .as_ref()
            .map(|line| line.hops.clone())
            .unwrap_or_default();
        Authorization {
            decision: verdict.decision,
            agent: decided.agent,
            owner: decided.line.as_ref().map(|line| line.owner),
            hops,
            line,
            grant: verdict.grant,
            obligations: Vec::new(),
            revision: decided.revision,
            audit_id,
            action: call.action.clone(),
            resource: call.resource.clone(),
            claimed: decided.claimed.clone(),
        }
    }

    fn line_for_people(&self, decided: &Decided) -> Vec<String> {
        let Some(line) = &decided.line else {
            return Vec::new();
        };
        let state = self.node.view.read();
        let owner = state.graph.subject(self.tenant, line.owner);
        let mut names = vec![owner.map_or_else(|| line.owner.to_string(), ToString::to_string)];
        names.extend(line.hops.iter().map(|hop| {
            let agent = state.graph.agent(self.tenant, hop.agent);
            agent.map_or_else(|| hop.agent.to_string(), |agent| agent.name.to_string())
        }));
        names
    }

    async fn hash_args(&self, args: &Value) -> Result<kavach_audit::Hash, CannotDecide> {
        check_args(args).map_err(CannotDecide::Arguments)?;
        let canonical = serde_json_canonicalizer::to_vec(args)
            .map_err(|error| CannotDecide::Arguments(error.to_string()))?;
        if canonical.len() > ARGUMENTS_BYTES_MAX {
            return Err(CannotDecide::Arguments(too_long()));
        }
        let key: Arc<_> = self.node.tenant_key(self.tenant).await?;
        Ok(kavach_audit::args_hash(&key, &canonical))
    }
}

impl Decided {
    /// Writes who, what and why into the event.
    fn describe(&self, event: &mut Event, call: &Call) {
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
    }
}

fn denied(decided: &Decided, reason: Reason) -> Verdict {
    Verdict::denied(reason, decided.verdict.leaf)
}
