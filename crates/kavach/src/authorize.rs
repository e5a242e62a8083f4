//! One call of an agent, decided, recorded, and looked at once more before the answer leaves.

use std::fmt;
use std::sync::Arc;

use kavach_audit::{Event, EventKind, Hop, Names, Outcome, Private, PrivateFields, Sentence};
use kavach_core::{
    Action, Agent, AgentId, CredentialHash, Decision, EventId, Line, LineHop, Name, ParseError,
    Reason, Request, Resource, SubjectId, TenantId, Timestamp, Verdict, decide, decide_via,
};
use serde_json::Value;

use crate::change::leaf_of;
use crate::clock::whole_seconds;
use crate::committer::Work;
use crate::error::{CannotDecide, FailedCommit};
use crate::limits::{
    ARGUMENTS_BYTES_MAX, ARGUMENTS_DEPTH_MAX, ARGUMENTS_INTEGER_MAX, CONTEXT_TEXT_BYTES_MAX,
};
use crate::node::Kavach;
use crate::secret::Secret;
use crate::view::State;

#[cfg(test)]
mod tests;

/// Who wants to do something: an agent by its id, its name, or a credential.
#[derive(Clone, Debug)]
pub struct Caller(Claim);

#[derive(Clone, Debug)]
enum Claim {
    Id(AgentId),
    Name(Name),
    Credential(CredentialHash),
}

impl Caller {
    /// The agent that `text` names: an id (`agt_…`), a credential (`kv_…`), or else a name.
    ///
    /// # Errors
    /// If it has the form of none of them.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if text.starts_with(AgentId::PREFIX) {
            return Ok(Self(Claim::Id(text.parse()?)));
        }
        match (text.parse::<Secret>(), text.parse::<Name>()) {
            (Ok(secret), _) => Ok(Self::from(&secret)),
            (Err(_), Ok(name)) => Ok(Self(Claim::Name(name))),
            // It may be a credential with a character too few or a line break too many: not repeated.
            (Err(_), Err(_)) if text.contains("kv_") => Ok(Self(Claim::Name("kv_".parse()?))),
            (Err(_), Err(error)) => Err(error),
        }
    }
}

impl From<&AgentId> for Caller {
    fn from(id: &AgentId) -> Self {
        Self(Claim::Id(*id))
    }
}

impl From<AgentId> for Caller {
    fn from(id: AgentId) -> Self {
        Self(Claim::Id(id))
    }
}

impl From<&Name> for Caller {
    fn from(name: &Name) -> Self {
        Self(Claim::Name(name.clone()))
    }
}

impl From<&Secret> for Caller {
    fn from(secret: &Secret) -> Self {
        Self(Claim::Credential(secret.hash()))
    }
}

/// One call that an agent wants to make, with what is known about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// Who.
    pub caller: Caller,
    /// What.
    pub action: Action,
    /// To what.
    pub resource: Resource,
    /// What else is known.
    pub context: Context,
    /// Answer only from a graph that has come at least this far: the revision that a change returned.
    pub at_least: Option<u64>,
}

/// What is known about a call besides who, what, and to what.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Context {
    /// The arguments, a JSON value. Recorded as a keyed hash.
    pub args: Option<Value>,
    /// Where the call came from. Recorded beside the event, sealed.
    pub ip: Option<std::net::IpAddr>,
    /// What it will cost, in units of the caller's choice.
    pub cost: Option<u64>,
    /// For whom the answer is meant.
    pub audience: Option<String>,
    /// The caller's own id for it.
    pub request_id: Option<String>,
}

impl Call {
    /// A call about which nothing else is known.
    #[must_use]
    pub fn new(caller: impl Into<Caller>, action: Action, resource: Resource) -> Self {
        Self {
            caller: caller.into(),
            action,
            resource,
            context: Context::default(),
            at_least: None,
        }
    }
}

/// An answer, recorded.
///
/// Prints as a sentence.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
#[non_exhaustive]
pub struct Authorization {
    /// The answer itself.
    pub decision: Decision,
    /// The agent; `None` if nobody knows it.
    pub agent: Option<AgentId>,
    /// Who owns the line.
    pub owner: Option<SubjectId>,
    /// The line that the answer rests on, or that came nearest: each agent, from the one with root
    /// grants to the one that asked.
    pub hops: Vec<LineHop>,
    /// The same for people: the owner's name, then the agents' names.
    pub line: Vec<String>,
    /// The number of the grant that matches, among those of the last hop.
    pub grant: Option<u32>,
    /// What the caller must do along with an allowed call.
    pub obligations: Vec<String>,
    /// How far the graph had come when the answer left.
    pub revision: u64,
    /// The event that records it; `None` if it could not be recorded, and then it is a denial, or if it was
    /// simulated.
    pub audit_id: Option<EventId>,
    action: Action,
    resource: Resource,
    claimed: Option<String>,
}

impl Authorization {
    /// Whether the call may be made.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.decision.is_allow()
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.decision.reason()
    }
}

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nobody = EventId::from_parts(0, 0);
        let (outcome, reason) = (outcome_of(self.decision), self.reason());
        let tenant = TenantId::DEFAULT;
        let mut event = Event::new(nobody, tenant, EventKind::Authorize, outcome, reason);
        event.agent = self.agent;
        event.claimed.clone_from(&self.claimed);
        event.owner = self.owner;
        event.line = self.hops.iter().map(hop_of).collect();
        event.action = Some(self.action.clone());
        event.resource = Some(self.resource.clone());
        event.grant = self.grant;
        Sentence::new(&event, &NamesOfLine(self), &Private::None).fmt(f)
    }
}

/// The names that stand in the answer.
struct NamesOfLine<'a>(&'a Authorization);

impl Names for NamesOfLine<'_> {
    fn agent(&self, id: AgentId) -> Option<String> {
        let place = self.0.hops.iter().position(|hop| hop.agent == id)?;
        self.0.line.get(place + 1).cloned()
    }

    fn subject(&self, _: SubjectId) -> Option<String> {
        self.0.line.first().cloned()
    }
}

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

pub(crate) fn hop_of(hop: &LineHop) -> Hop {
    Hop {
        agent: hop.agent,
        delegation: hop.delegation,
        at: hop.at,
    }
}

fn denied(decided: &Decided, reason: Reason) -> Verdict {
    Verdict::denied(reason, decided.verdict.leaf)
}

fn outcome_of(decision: Decision) -> Outcome {
    match decision {
        Decision::Allow => Outcome::Allow,
        Decision::NeedsApproval => Outcome::NeedsApproval,
        Decision::Deny(_) => Outcome::Deny,
    }
}

/// What the caller said it was, where that has the form of a name or an id. Never a credential.
fn claimed(caller: &Caller) -> Option<String> {
    match &caller.0 {
        Claim::Id(id) => Some(id.to_string()),
        Claim::Name(name) => Some(name.to_string()),
        Claim::Credential(_) => None,
    }
}

fn check_context(context: &Context) -> Result<(), CannotDecide> {
    let long = |text: &Option<String>| {
        text.as_ref()
            .is_some_and(|text| text.len() > CONTEXT_TEXT_BYTES_MAX)
    };
    if long(&context.audience) || long(&context.request_id) {
        let words =
            format!("the audience or the request id is longer than {CONTEXT_TEXT_BYTES_MAX} bytes");
        return Err(CannotDecide::Context(words));
    }
    Ok(())
}

/// Looks at arguments before they are made canonical, which takes a stack as deep as they are.
///
/// Integers that a double does not hold are refused: RFC 8785 rounds them, so that two calls that do
/// different things would have one hash (RFC 7493 section 2.2).
fn check_args(args: &Value) -> Result<(), String> {
    let mut bytes: usize = 0;
    let mut open = vec![(args, 1)];
    while let Some((value, depth)) = open.pop() {
        if depth > ARGUMENTS_DEPTH_MAX {
            return Err(format!(
                "they are nested more than {ARGUMENTS_DEPTH_MAX} deep; flatten them"
            ));
        }
        // Quotes, commas and the like count as one byte each, so this is never more than the real length.
        bytes = bytes.saturating_add(1);
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                let integer = number.as_u64().or(number.as_i64().map(i64::unsigned_abs));
                if integer.is_some_and(|integer| integer > ARGUMENTS_INTEGER_MAX) {
                    let words = "an integer in them is beyond 2^53 - 1; pass it as a string";
                    return Err(words.to_owned());
                }
            }
            Value::String(text) => bytes = bytes.saturating_add(text.len()),
            Value::Array(values) => open.extend(values.iter().map(|value| (value, depth + 1))),
            Value::Object(entries) => {
                bytes = entries
                    .keys()
                    .fold(bytes, |bytes, key| bytes.saturating_add(key.len()));
                open.extend(entries.values().map(|value| (value, depth + 1)));
            }
        }
        if bytes > ARGUMENTS_BYTES_MAX {
            return Err(too_long());
        }
    }
    Ok(())
}

fn too_long() -> String {
    format!("they are longer than {ARGUMENTS_BYTES_MAX} bytes; pass a reference instead")
}
