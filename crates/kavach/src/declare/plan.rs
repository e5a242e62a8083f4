//! Working out all changes of a declaration on a copy of the graph, and committing them as one.

use std::collections::HashMap;
use std::sync::Arc;

use kavach_audit::Event;
use kavach_core::{
    AgentId, Change, DelegationId, Graph, Name, Record, RecordKey, Refusal, Stamp, SubjectId,
    TenantId, Timestamp,
};
use kavach_store::records::{encode, key_of};
use kavach_store::{Expect, Version};
use kavach_token::Registration;

use super::unnamed::{Declared, Named};
use super::{Applied, ApplyError, ApplyOptions, Declaration, Place, Problem, Step};
use crate::change::About;
use crate::committer::{Failure, Work};
use crate::error::{ChangeError, FailedCommit};
use crate::limits::CHANGE_TRIES_MAX;
use crate::node::Kavach;
use crate::tokens::{Book, about_key, to_register};

/// A declaration on its way into the store.
pub(super) struct Plan<'a> {
    pub(super) kavach: &'a Kavach,
    pub(super) options: &'a ApplyOptions,
    pub(super) now: Timestamp,
    /// The graph with everything planned so far in it.
    pub(super) graph: Graph,
    /// The graph as it is.
    present: &'a Graph,
    revision: u64,
    expected: HashMap<RecordKey, Option<Stamp>>,
    writes: HashMap<RecordKey, Record>,
    erases: Vec<RecordKey>,
    events: Vec<Event>,
    /// What is known of tokens, with every key planned so far in it.
    pub(super) tokens: Arc<Book>,
    /// What registers those keys.
    keys: Work,
    pub(super) steps: Vec<Step>,
    pub(super) problems: Vec<Problem>,
    /// Agents that are declared, or spawned by a delegation that is.
    pub(super) named_agents: Vec<AgentId>,
    /// Agents that declared delegations speak of, whoever made them.
    pub(super) mentioned: Vec<AgentId>,
    /// Delegations that are declared, with their numbers.
    pub(super) named_delegations: Vec<(usize, DelegationId)>,
    /// Guardrails that are declared.
    pub(super) named_guardrails: Vec<Name>,
    /// People who are declared.
    pub(super) named_owners: Vec<SubjectId>,
}

impl Kavach {
    /// Makes the store say what `declaration` says: creates, changes and, if asked to, revokes, all in one
    /// commit or not at all. Applying the same again changes nothing.
    ///
    /// # Errors
    /// If any part of it cannot be: then all problems that were found are listed, and nothing is changed.
    pub async fn apply(
        &self,
        declaration: &Declaration,
        options: &ApplyOptions,
    ) -> Result<Applied, ApplyError> {
        let _one_at_a_time = self.node.guarding.lock().await;
        self.node.take_in_others().await;
        for _ in 0..CHANGE_TRIES_MAX {
            let before = Declared::read(self).await.map_err(FailedCommit::from)?;
            // A copy: nobody can decide while a lock is held, and a large file takes a while.
            let (present, tokens, revision) = {
                let state = self.node.view.read();
                let tokens = Arc::clone(&state.tokens);
                (state.graph.clone(), tokens, state.revision.number())
            };
            let mut plan = Plan::new(self, options, (&present, tokens), revision);
            let after = plan.work_out(declaration, &before)?;
            let (mut work, steps) = plan.into_work()?;
            before.replace_with(&after, self.tenant(), &mut work);
            if options.dry_run || (work.puts.is_empty() && work.events.is_empty()) {
                return Ok(Applied { steps, revision });
            }
            match self.node.commit(work).await? {
                Ok(committed) => {
                    let revision = committed.revision.number();
                    return Ok(Applied { steps, revision });
                }
                Err(Failure::Conflict) => self.node.take_in_others().await,
                Err(failure @ Failure::Store(_)) => return Err(FailedCommit::from(failure).into()),
            }
        }
        Err(FailedCommit::Contended.into())
    }
}

impl Kavach {
    /// The graph as it is, the graph as `declaration` would make it, and what that would change.
    pub(crate) async fn planned(
        &self,
        declaration: &Declaration,
        options: &ApplyOptions,
    ) -> Result<(Graph, Graph, Vec<Step>), ApplyError> {
        let before = Declared::read(self).await.map_err(FailedCommit::from)?;
        let (present, tokens, revision) = {
            let state = self.node.view.read();
            let tokens = Arc::clone(&state.tokens);
            (state.graph.clone(), tokens, state.revision.number())
        };
        let mut plan = Plan::new(self, options, (&present, tokens), revision);
        plan.work_out(declaration, &before)?;
        let (graph, steps) = (plan.graph, plan.steps);
        Ok((present, graph, steps))
    }
}

impl<'a> Plan<'a> {
    /// Works everything out, or says all that is wrong. Returns what is to be remembered as named.
    fn work_out(
        &mut self,
        declaration: &Declaration,
        before: &Declared,
    ) -> Result<Named, ApplyError> {
        self.agents(&declaration.agents)?;
        self.delegations(&declaration.delegations)?;
        self.guardrails(&declaration.guardrails)?;
        self.owners(&declaration.owners)?;
        let mut after = Named::default();
        if self.problems.is_empty() {
            after = self.unnamed(before)?;
        }
        if self.problems.is_empty() {
            Ok(after)
        } else {
            Err(ApplyError::Rejected(std::mem::take(&mut self.problems)))
        }
    }

    fn new(
        kavach: &'a Kavach,
        options: &'a ApplyOptions,
        (present, tokens): (&'a Graph, Arc<Book>),
        revision: u64,
    ) -> Self {
        Self {
            kavach,
            options,
            now: kavach.now(),
            graph: present.clone(),
            present,
            revision,
            expected: HashMap::new(),
            writes: HashMap::new(),
            erases: Vec::new(),
            events: Vec::new(),
            tokens,
            keys: Work::default(),
            steps: Vec::new(),
            problems: Vec::new(),
            named_agents: Vec::new(),
            mentioned: Vec::new(),
            named_delegations: Vec::new(),
            named_guardrails: Vec::new(),
            named_owners: Vec::new(),
        }
    }

    pub(super) fn tenant(&self) -> TenantId {
        self.kavach.tenant()
    }

    pub(super) fn problem(&mut self, place: Place, message: impl Into<String>) {
        self.problems.push(Problem {
            place,
            message: message.into(),
        });
    }

    pub(super) fn refused(&mut self, place: Place, refusal: &Refusal) {
        let mut message = refusal.message.clone();
        if !refusal.candidates.is_empty() {
            let candidates: Vec<String> =
                refusal.candidates.iter().map(ToString::to_string).collect();
            message = format!("{message}: {}", candidates.join(", "));
        }
        self.problem(place, message);
    }

    /// Takes a change into the plan, with its event.
    pub(super) fn absorb(
        &mut self,
        kind: kavach_audit::EventKind,
        about: About,
        change: Change,
    ) -> Result<(), ApplyError> {
        let event = self.kavach.event_of(kind, None, about, self.revision);
        let event = event.map_err(ChangeError::from)?;
        if !event.fits() {
            let words =
                "what is declared is too long for one audit event; use fewer or wider permissions";
            let refusal = Refusal::new(kavach_core::Reason::LimitReached, words);
            return Err(ChangeError::Refused(refusal).into());
        }
        let touched = change
            .writes
            .iter()
            .map(Record::key)
            .chain(change.relies_on)
            .chain(change.erases.iter().cloned());
        for key in touched {
            let stamp = self.present.stamp(&key);
            self.expected.entry(key).or_insert(stamp);
        }
        for record in change.writes {
            // A change that was worked out on this very graph fits it.
            let applied = self.graph.apply(record.clone(), Stamp::default());
            applied.map_err(|error| {
                let refusal = Refusal::new(kavach_core::Reason::NotFound, error.to_string());
                ApplyError::Change(ChangeError::Refused(refusal))
            })?;
            self.writes.insert(record.key(), record);
        }
        for key in change.erases {
            self.graph.erase(&key);
            self.erases.push(key);
        }
        self.events.push(event);
        Ok(())
    }

    /// Registers a holder key for an agent that is planned, or there.
    pub(super) fn register(
        &mut self,
        agent: AgentId,
        registration: &Registration,
    ) -> Result<Result<(), Refusal>, ApplyError> {
        let tenant = self.tenant();
        let known = (&self.graph, &*self.tokens);
        let mut work = match to_register(known, (tenant, agent), registration, self.now) {
            Ok(work) => work,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let about = about_key(&self.graph, tenant, agent, &registration.key());
        let kind = kavach_audit::EventKind::HolderKeyAdded;
        let event = self.kavach.event_of(kind, None, about, self.revision);
        self.events.push(event.map_err(ChangeError::from)?);
        let key = RecordKey::Agent(tenant, agent);
        let stamp = self.present.stamp(&key);
        self.expected.entry(key).or_insert(stamp);
        for (key, bytes) in &work.puts {
            let record = kavach_store::Record {
                bytes: bytes.clone(),
                version: Version::from_u64(0),
            };
            let book = Arc::make_mut(&mut self.tokens);
            let applied = book.apply(key.space().name(), key.bytes(), Some(&record));
            applied.map_err(FailedCommit::from)?;
        }
        self.keys.expectations.append(&mut work.expectations);
        self.keys.puts.append(&mut work.puts);
        Ok(Ok(()))
    }

    fn into_work(self) -> Result<(Work, Vec<Step>), ApplyError> {
        let mut records: Vec<Record> = self.writes.into_values().collect();
        records.sort_by_key(Record::rank);
        let mut work = Work {
            events: self.events,
            ..self.keys
        };
        for (key, stamp) in self.expected {
            let expect = match stamp {
                Some(stamp) => Expect::Version(Version::from_u64(stamp.0)),
                None => Expect::Absent,
            };
            work.expectations.push((key_of(&key), expect));
        }
        for record in &records {
            let bytes = encode(record).map_err(FailedCommit::from)?;
            work.puts.push((key_of(&record.key()), bytes));
        }
        work.deletes.extend(self.erases.iter().map(key_of));
        work.erases = self.erases;
        work.records = records;
        Ok((work, self.steps))
    }
}
