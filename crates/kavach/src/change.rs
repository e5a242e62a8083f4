//! Changes: read the graph, work the change out, commit it with its event, apply it, answer.

use std::collections::BTreeMap;

use kavach_audit::{Detail, Event, EventKind, Hop, Outcome};
use kavach_core::{
    AgentId, Change, EventId, Graph, Leaf, Permission, Reason, Record, Refusal, SubjectId,
    TenantId, Timestamp,
};
use kavach_store::records::{encode, key_of};
use kavach_store::{Expect, Key, StoreError, Version};

use crate::answer::hop_of;
use crate::committer::{Failure, Work};
use crate::error::{ChangeError, FailedCommit};
use crate::limits::CHANGE_TRIES_MAX;
use crate::node::Kavach;

/// A change that was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Done {
    /// The graph's revision with the change in it; give it to `authorize` to read your own writes.
    pub revision: u64,
    /// The event that records it.
    pub audit_id: EventId,
}

/// What the event of a change says, besides what kind it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    pub(crate) agent: Option<AgentId>,
    pub(crate) owner: Option<SubjectId>,
    pub(crate) line: Vec<Hop>,
    pub(crate) detail: BTreeMap<String, Detail>,
}

impl About {
    /// About an agent that is known, with the line that it stands by.
    pub(crate) fn agent(graph: &Graph, tenant: TenantId, id: AgentId) -> Self {
        let line = graph.line(tenant, leaf_of(graph, tenant, id));
        Self {
            agent: Some(id),
            owner: graph.agent(tenant, id).map(|agent| agent.owner),
            line: line
                .iter()
                .flat_map(|line| &line.hops)
                .map(hop_of)
                .collect(),
            detail: BTreeMap::new(),
        }
    }

    /// About the line that ends in this leaf.
    pub(crate) fn leaf(graph: &Graph, tenant: TenantId, leaf: Leaf) -> Self {
        match graph.line(tenant, leaf) {
            None => Self::default(),
            Some(line) => Self {
                agent: line.hops.last().map(|hop| hop.agent),
                owner: Some(line.owner),
                line: line.hops.iter().map(hop_of).collect(),
                detail: BTreeMap::new(),
            },
        }
    }

    pub(crate) fn with(mut self, field: &str, value: impl ToString) -> Self {
        self.detail
            .insert(field.to_owned(), Detail::Text(value.to_string()));
        self
    }

    pub(crate) fn with_some(self, field: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(field, value),
            None => self,
        }
    }

    pub(crate) fn with_list<'a>(
        mut self,
        field: &str,
        values: impl IntoIterator<Item = &'a Permission>,
    ) -> Self {
        let list = values.into_iter().map(ToString::to_string).collect();
        self.detail.insert(field.to_owned(), Detail::List(list));
        self
    }
}

/// What an agent stands by, where nothing says which of its lines is meant: its own grants, or, where it has
/// none, the first delegation to it that is not revoked.
pub(crate) fn leaf_of(graph: &Graph, tenant: TenantId, id: AgentId) -> Leaf {
    let agent = graph.agent(tenant, id);
    let has_own = agent.is_some_and(|agent| !agent.grants.is_empty());
    let mut received = graph
        .delegations_to(tenant, id)
        .filter(|known| !known.revoked);
    match received.next() {
        Some(delegation) if !has_own => Leaf::Delegation(delegation.id),
        _ => Leaf::Root(id),
    }
}

/// A change as planned, or as refused, with what its event says.
pub(crate) type Planned = (Result<Change, Refusal>, About);

impl Kavach {
    /// Makes a change: plans it on the graph as it is, and again if others were faster.
    ///
    /// A refusal is recorded too, and then returned.
    pub(crate) async fn change(
        &self,
        kind: EventKind,
        plan: impl Fn(&Graph, Timestamp) -> Planned,
    ) -> Result<Done, ChangeError> {
        self.change_deleting(kind, &[], plan).await
    }

    /// The same, and with the change deletes records that are no part of the graph.
    pub(crate) async fn change_deleting(
        &self,
        kind: EventKind,
        also: &[Key],
        plan: impl Fn(&Graph, Timestamp) -> Planned,
    ) -> Result<Done, ChangeError> {
        self.node.take_in_others().await;
        for _ in 0..CHANGE_TRIES_MAX {
            let (refused, mut work, audit_id) = self.work_out(kind, &plan)?;
            if refused.is_none() {
                work.deletes.extend_from_slice(also);
            }
            match (self.node.commit(work).await?, refused) {
                (Ok(_), Some(refusal)) => return Err(refusal.into()),
                (Ok(committed), None) => {
                    return Ok(Done {
                        revision: committed.revision.number(),
                        audit_id,
                    });
                }
                (Err(Failure::Conflict), _) => self.node.take_in_others().await,
                (Err(failure @ Failure::Store(_)), _) => {
                    return Err(FailedCommit::from(failure).into());
                }
            }
        }
        Err(FailedCommit::Contended.into())
    }

    /// Plans the change on the graph as it is, and says what to commit for it, or for its refusal.
    fn work_out(
        &self,
        kind: EventKind,
        plan: impl Fn(&Graph, Timestamp) -> Planned,
    ) -> Result<(Option<Refusal>, Work, EventId), ChangeError> {
        let state = self.node.view.read();
        let (planned, about) = plan(&state.graph, self.now());
        let revision = state.revision.number();
        let refusal = match planned {
            Ok(change) => {
                let event = self.event_of(kind, None, about.clone(), revision)?;
                if event.fits() {
                    let id = event.id;
                    let work = work_of(&state.graph, &change, vec![event]);
                    return Ok((None, work.map_err(FailedCommit::from)?, id));
                }
                let words = "the change is too long for one audit event; make it in several steps";
                Refusal::new(Reason::LimitReached, words)
            }
            Err(refusal) => refusal,
        };
        let event = self.event_of(kind, Some(&refusal), about, revision)?;
        let id = event.id;
        let work = Work {
            events: vec![event],
            ..Work::default()
        };
        Ok((Some(refusal), work, id))
    }

    pub(crate) fn event_of(
        &self,
        kind: EventKind,
        refusal: Option<&Refusal>,
        about: About,
        revision: u64,
    ) -> Result<Event, crate::random::NoRandomness> {
        let (outcome, reason) = match refusal {
            None => (Outcome::Done, Reason::Done),
            Some(refusal) => (Outcome::Refused, refusal.reason),
        };
        let mut event = self.node.blank_event(self.tenant, kind, outcome, reason)?;
        event.agent = about.agent;
        event.owner = about.owner;
        event.line = about.line;
        event.detail = about.detail;
        event.revision = revision;
        Ok(event)
    }
}

/// What the committer must do for a change that was planned on `graph`.
pub(crate) fn work_of(
    graph: &Graph,
    change: &Change,
    events: Vec<Event>,
) -> Result<Work, StoreError> {
    let expectations = change.expectations(graph).map(|(key, stamp)| {
        let expect = stamp.map_or(Expect::Absent, |stamp| {
            Expect::Version(Version::from_u64(stamp.0))
        });
        (key_of(&key), expect)
    });
    let puts = change
        .writes
        .iter()
        .map(|record| Ok((key_of(&record.key()), encode(record)?)));
    Ok(Work {
        expectations: expectations.collect(),
        puts: puts.collect::<Result<_, StoreError>>()?,
        deletes: change.erases.iter().map(key_of).collect(),
        records: change.writes.clone(),
        erases: change.erases.clone(),
        events,
        ..Work::default()
    })
}

/// The delegation among the records that a change writes.
pub(crate) fn written_delegation(change: &Change) -> Option<&kavach_core::Delegation> {
    change.writes.iter().find_map(|record| match record {
        Record::Delegation(delegation) => Some(delegation),
        Record::Owner(_)
        | Record::Subject(_)
        | Record::Agent(_)
        | Record::Name(_)
        | Record::Guardrail(_) => None,
    })
}
