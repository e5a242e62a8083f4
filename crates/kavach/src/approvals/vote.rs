//! Saying yes or no to a call.

use kavach_audit::{Event, EventKind, Hash, PrivateFields};
use kavach_core::{
    ApprovalId, EventId, Graph, LineHop, Reason, RecordKey, Refusal, Subject, SubjectId, TenantId,
    Timestamp,
};
use kavach_store::StoreError;

use super::approvers::{approver, people_who_say_yes};
use super::ask::{expected, put};
use super::notice::News;
use super::record::{Answer, Stored, Vote, arguments_key};
use super::request::{ApprovalRequest, describe};
use super::{Approvals, Entry};
use crate::answer::hop_of;
use crate::change::About;
use crate::committer::{Failure, Work};
use crate::error::{CannotDecide, ChangeError, FailedCommit};
use crate::limits::{CHANGE_TRIES_MAX, NOTE_BYTES_MAX};
use crate::node::Kavach;
use crate::view::read_one;

/// What a person said, and to what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Voted {
    /// The request as it stands now, without arguments and notes.
    pub request: ApprovalRequest,
    /// The event that records it.
    pub audit_id: EventId,
}

/// One person's answer, before it is known whether they may give it.
#[derive(Clone, Copy)]
struct Said<'a> {
    id: ApprovalId,
    by: &'a Subject,
    answer: Answer,
    note: Option<&'a str>,
}

/// One person's answer that counts.
struct Ballot {
    bound: Hash,
    before: Entry,
    /// With the answer in it.
    stored: Stored,
    by: SubjectId,
    /// What there is to tell, if this answer decides.
    news: Option<News>,
}

impl Kavach {
    /// Says yes to a call, for a person. Once as many people have as the call needs, the same call, made
    /// again before the request's time is over, goes through once, if it is allowed otherwise.
    ///
    /// `note` is recorded beside the event, sealed for that person; nowhere, if there is no master key.
    ///
    /// Who the person is, is the host's word: it must have made sure of them.
    ///
    /// # Errors
    /// If there is no such request in this tenant, its time is over, it is used, was denied, or has the
    /// yeses that it needs; if the person may not approve calls (they need `approve` on
    /// `app:kavach:approvals`), or said yes already; or if the store fails.
    pub async fn grant_approval(
        &self,
        id: &ApprovalId,
        by: &Subject,
        note: Option<&str>,
    ) -> Result<Voted, ChangeError> {
        self.vote(Said {
            id: *id,
            by,
            answer: Answer::Yes,
            note,
        })
        .await
    }

    /// Says no to a call, for a person. One no ends it: until the request's time is over, the same call is
    /// denied. Somebody who said yes may still say no, for as long as the call was not made.
    ///
    /// # Errors
    /// As [`grant_approval`](Self::grant_approval).
    pub async fn deny_approval(
        &self,
        id: &ApprovalId,
        by: &Subject,
        note: Option<&str>,
    ) -> Result<Voted, ChangeError> {
        self.vote(Said {
            id: *id,
            by,
            answer: Answer::No,
            note,
        })
        .await
    }

    async fn vote(&self, said: Said<'_>) -> Result<Voted, ChangeError> {
        for _ in 0..CHANGE_TRIES_MAX {
            if self.node.follower.is_some() {
                let reload = self.node.approvals.reload(&*self.node.store);
                reload.await.map_err(FailedCommit::from)?;
            }
            let seen = self.can_be_seen(said).await.map_err(FailedCommit::from)?;
            let (planned, mut event, mut work) = self.work_out_vote(said, seen)?;
            let audit_id = event.id;
            let cast = match planned {
                Ok(mut ballot) => {
                    if let Some(note) = said.note {
                        let fields = PrivateFields {
                            note: Some(note.to_owned()),
                            ..PrivateFields::default()
                        };
                        let sealed = self.node.seal_private(&mut event, fields, &mut work);
                        sealed.await.map_err(not_sealed)?;
                    }
                    ballot.cast(&event);
                    let stored = ballot.stored.clone();
                    let approvals = &self.node.approvals;
                    ballot
                        .land(self.tenant, approvals, &mut work)
                        .map_err(FailedCommit::from)?;
                    Ok(stored)
                }
                Err(refusal) => Err(refusal),
            };
            work.events.push(event);
            match (self.node.commit(work).await?, cast) {
                (Ok(_), Err(refusal)) => return Err(refusal.into()),
                (Ok(_), Ok(stored)) => {
                    let state = self.node.view.read();
                    let request = describe(&state.graph, self.tenant, &stored, self.now());
                    return Ok(Voted { request, audit_id });
                }
                (Err(Failure::Conflict), _) => self.node.take_in_others().await,
                (Err(failure @ Failure::Store(_)), _) => {
                    return Err(FailedCommit::from(failure).into());
                }
            }
        }
        Err(FailedCommit::Contended.into())
    }

    /// Whether who says yes can see to what: erasing the agent's owner takes the arguments away.
    async fn can_be_seen(&self, said: Said<'_>) -> Result<bool, StoreError> {
        let found = self.node.approvals.find(self.tenant, said.id);
        match found.filter(|(_, known)| known.stored.has_args && said.answer == Answer::Yes) {
            None => Ok(true),
            Some((_, known)) => {
                let key = arguments_key(self.tenant, known.stored.id);
                Ok(read_one(&*self.node.store, &key).await?.is_some())
            }
        }
    }

    /// Whether the answer counts, the event that says so, and what must not have changed meanwhile.
    fn work_out_vote(
        &self,
        said: Said<'_>,
        seen: bool,
    ) -> Result<(Result<Ballot, Refusal>, Event, Work), ChangeError> {
        let state = self.node.view.read();
        let graph = &state.graph;
        let found = self.node.approvals.find(self.tenant, said.id);
        let by = graph.subject_id(self.tenant, said.by);
        let mut about = About::default()
            .with("approval", said.id)
            .with_some("by", by);
        if let Some((_, known)) = &found {
            let hops = known
                .stored
                .line
                .iter()
                .map(|hop| hop_of(&LineHop::from(*hop)));
            about.agent = Some(known.stored.agent);
            about.owner = Some(known.stored.owner);
            about.line = hops.collect();
        }
        let planned = check_note(said.note).and_then(|()| {
            let (bound, before) = found.clone().ok_or_else(no_such)?;
            let ballot = self.ballot(graph, said, (bound, before))?;
            if seen { Ok(ballot) } else { Err(unseen()) }
        });
        let kind = match said.answer {
            Answer::Yes => EventKind::ApprovalGranted,
            Answer::No => EventKind::ApprovalDenied,
        };
        let revision = state.revision.number();
        let mut event = self.event_of(kind, planned.as_ref().err(), about, revision)?;
        if let Some((_, known)) = &found {
            event.action = Some(known.stored.action.clone());
            event.resource = Some(known.stored.resource.clone());
            event.request_id.clone_from(&known.stored.request_id);
        }
        let mut work = Work::default();
        if let Ok(ballot) = &planned {
            let owner = RecordKey::Owner(self.tenant, ballot.by);
            let subject = RecordKey::Subject(self.tenant, said.by.clone());
            work.expectations = [owner, subject]
                .iter()
                .map(|key| expected(graph, key))
                .collect();
        }
        Ok((planned, event, work))
    }

    /// INVARIANT (distinct people): each yes is of another person, who may approve calls when they say it.
    fn ballot(
        &self,
        graph: &Graph,
        said: Said<'_>,
        (bound, before): (Hash, Entry),
    ) -> Result<Ballot, Refusal> {
        let now = self.now();
        let person = graph.subject_id(self.tenant, said.by);
        // Whether they may comes first: who may not, learns nothing about the request.
        let person = person.and_then(|by| approver(graph, self.tenant, by, now));
        let person = person.ok_or_else(|| not_an_approver(said.by))?;
        let stored = Stored::clone(&before.stored);
        check_open(&stored, now)?;
        let yeses = people_who_say_yes(graph, self.tenant, &stored, now);
        let yeses: Vec<SubjectId> = yeses.map(|owner| owner.id).collect();
        let needed = usize::from(stored.needed);
        let news = match said.answer {
            Answer::No => Some(News::Decided),
            Answer::Yes if yeses.contains(&person.id) => {
                let words = "this person said yes already; each counts once";
                return Err(Refusal::new(Reason::WrongState, words));
            }
            Answer::Yes if yeses.len() >= needed => {
                let words = "as many people as it needs said yes already; nothing to do";
                return Err(Refusal::new(Reason::WrongState, words));
            }
            Answer::Yes => (yeses.len() + 1 >= needed).then_some(News::Decided),
        };
        let mut stored = stored;
        // A yes of theirs that no longer counts makes room for the new one.
        stored
            .votes
            .retain(|vote| vote.by != person.id || said.answer == Answer::No);
        stored.votes.push(Vote {
            by: person.id,
            generation: person.generation,
            answer: said.answer,
            at: now,
            event: EventId::from_u128(0),
            private: None,
        });
        Ok(Ballot {
            bound,
            before,
            stored,
            by: person.id,
            news,
        })
    }

    /// What is known of a request without asking the store.
    pub(super) fn known_approval(&self, id: ApprovalId) -> Option<ApprovalRequest> {
        let (_, entry) = self.node.approvals.find(self.tenant, id)?;
        let state = self.node.view.read();
        Some(describe(
            &state.graph,
            self.tenant,
            &entry.stored,
            self.now(),
        ))
    }
}

impl Ballot {
    /// Writes into the answer which event records it.
    fn cast(&mut self, event: &Event) {
        // The last answer is the new one.
        if let Some(vote) = self.stored.votes.last_mut() {
            vote.event = event.id;
            vote.private = event.private;
        }
    }

    fn land(
        self,
        tenant: TenantId,
        approvals: &Approvals,
        work: &mut Work,
    ) -> Result<(), StoreError> {
        if let Some(news) = self.news {
            approvals.announce(tenant, &self.bound, self.stored.id, news, work);
        }
        put(tenant, &self.bound, Some(&self.before), self.stored, work)
    }
}

fn check_note(note: Option<&str>) -> Result<(), Refusal> {
    match note {
        Some(note) if note.len() > NOTE_BYTES_MAX => {
            let message = format!("the note is longer than {NOTE_BYTES_MAX} bytes; shorten it");
            Err(Refusal::new(Reason::LimitReached, message))
        }
        _ => Ok(()),
    }
}

fn check_open(stored: &Stored, now: Timestamp) -> Result<(), Refusal> {
    let (reason, words) = if stored.used.is_some() {
        (
            Reason::WrongState,
            "the call was made, and the approval with it is used up",
        )
    } else if stored.is_denied() {
        (
            Reason::WrongState,
            "somebody said no already, and that ends it",
        )
    } else if stored.is_over(now) {
        let words = "its time is over; the agent must make the call again";
        (Reason::AlreadyExpired, words)
    } else {
        return Ok(());
    };
    Err(Refusal::new(reason, words))
}

fn no_such() -> Refusal {
    let words = "there is no such approval in this tenant, or no longer; see `approval list --all`";
    Refusal::new(Reason::NotFound, words)
}

fn unseen() -> Refusal {
    let words = "its arguments are no longer kept, so nobody sees what they would say yes to; say no, or let \
                 its time run out";
    Refusal::new(Reason::WrongState, words)
}

fn not_an_approver(by: &Subject) -> Refusal {
    let message = format!(
        "`{by}` may not approve calls, or not now; `owner grant {by} approve:app:kavach:approvals` lets them"
    );
    Refusal::new(Reason::NotAnApprover, message)
}

fn not_sealed(error: CannotDecide) -> ChangeError {
    match error {
        CannotDecide::Store(error) => FailedCommit::from(error).into(),
        CannotDecide::Commit(error) => error.into(),
        CannotDecide::Random(error) => error.into(),
        CannotDecide::Invalid(error) => error.into(),
        other @ (CannotDecide::Context(_)
        | CannotDecide::NoAudience
        | CannotDecide::Arguments(_)
        | CannotDecide::WrongMasterKey) => {
            let kind = kavach_store::StoreErrorKind::InvalidInput;
            FailedCommit::from(StoreError::new(kind, other.to_string())).into()
        }
    }
}
