//! What happened: one decision, or one change.

use std::collections::BTreeMap;

use kavach_core::{
    Action, AgentId, DelegationId, EventId, LogId, Reason, Resource, SubjectId, TenantId, Timestamp,
};

use crate::hash::Hash;
use crate::kind::{EventKind, Outcome};

/// One decision or one change, with the whole line of who authorised it.
///
/// Names of people, client addresses and free text are not in here: they stand beside the event, see
/// [`private`](Self::private).
///
/// Until it is sealed, an event is just its fields. Start with [`Event::new`], fill in what is known,
/// and let [`Head::append`](crate::Head::append) give it its place.
#[expect(
    clippy::exhaustive_structs,
    reason = "a new field is a new version of the encoding"
)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// The event's own id.
    pub id: EventId,
    /// The log that it stands in. Set by the committer.
    pub log: LogId,
    /// Its place in that log, from 0, without gaps. Set by the committer.
    pub index: u64,
    /// Nanoseconds since the epoch; never less than those of the event before it in the log.
    pub time_ns: u64,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// What kind of thing happened.
    pub kind: EventKind,
    /// The agent that acted, or that was changed; `None` where nobody knows it. For a delegation, the
    /// agent that receives, or, if it was refused, the one that would have given.
    pub agent: Option<AgentId>,
    /// The name or id that the caller claimed, where no agent was found and it has the form of one.
    pub claimed: Option<String>,
    /// The agent's owner, or the owner that was changed.
    pub owner: Option<SubjectId>,
    /// Who authorised whom, from the agent that the owner made to [`agent`](Self::agent).
    pub line: Vec<Hop>,
    /// What was to be done.
    pub action: Option<Action>,
    /// What it was to be done to.
    pub resource: Option<Resource>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The grant that decided, by its number among those of the line's last hop.
    pub grant: Option<u32>,
    /// What the caller must do along with an allowed call.
    pub obligations: Vec<String>,
    /// The revision of the graph that it was decided at.
    pub revision: u64,
    /// The caller's own id for the request.
    pub request_id: Option<String>,
    /// Cost units.
    pub cost: Option<u64>,
    /// How long the decision took, without the wait for the log.
    pub duration_ns: Option<u64>,
    /// The audience that the request was made for.
    pub audience: Option<String>,
    /// Hash of the arguments, keyed for the tenant.
    pub args_hash: Option<Hash>,
    /// The ids of the token that was presented, outermost first.
    pub token_ids: Vec<String>,
    /// The event that this one takes back, for [`EventKind::Withdrawn`].
    pub withdraws: Option<EventId>,
    /// Salted commitment to what stands beside the event, encrypted, under the key of a person.
    pub private: Option<Hash>,
    /// What a change set, by field. The [sentence](crate::Sentence) knows these by heart: `by` (who asked
    /// for it, an id), `from` and `to` (of a delegation, ids), `delegation` (its id), `spawned` (where
    /// the receiver was created along with it), `spawner_score` (how far the giver was trusted then, 0 to
    /// 100), `because` (why an answer was taken back, a reason code), `of` and
    /// `reserved` (which call a cost is of, an id, and what it had reserved).
    /// `shortened` is written when an event is [sealed](Self::seal) that is too long.
    pub detail: BTreeMap<String, Detail>,
}

impl Event {
    /// An event of which only this much is known; all else is blank, to be filled in.
    #[must_use]
    pub const fn new(
        id: EventId,
        tenant: TenantId,
        kind: EventKind,
        outcome: Outcome,
        reason: Reason,
    ) -> Self {
        Self {
            id,
            log: LogId::from_u128(0),
            index: 0,
            time_ns: 0,
            tenant,
            kind,
            agent: None,
            claimed: None,
            owner: None,
            line: Vec::new(),
            action: None,
            resource: None,
            outcome,
            reason,
            grant: None,
            obligations: Vec::new(),
            revision: 0,
            request_id: None,
            cost: None,
            duration_ns: None,
            audience: None,
            args_hash: None,
            token_ids: Vec::new(),
            withdraws: None,
            private: None,
            detail: BTreeMap::new(),
        }
    }

    /// The line that the answer rested on: without those who were only passed a token offline, at its end.
    #[must_use]
    pub fn rested_on(&self) -> &[Hop] {
        let granted = |(place, hop): (usize, &Hop)| place == 0 || hop.delegation.is_some();
        let hops = self.line.iter().enumerate();
        let count = hops.take_while(|hop| granted(*hop)).count();
        self.line.get(..count).unwrap_or_default()
    }

    /// When it happened, without the fraction of the second.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        Timestamp::from_s(i64::try_from(self.time_ns / 1_000_000_000).unwrap_or(i64::MAX))
    }
}

/// One step of the line. Each was authorised by the one before it, the first by the owner.
#[expect(
    clippy::exhaustive_structs,
    reason = "a new field is a new version of the encoding"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hop {
    /// Who.
    pub agent: AgentId,
    /// By which delegation; `None` for the agent that holds root grants, which is the first, and for those who
    /// were passed a token offline, which are the last.
    pub delegation: Option<DelegationId>,
    /// Since when.
    pub at: Timestamp,
}

/// A value that a change set.
#[expect(
    clippy::exhaustive_enums,
    reason = "a new kind of value is a new version of the encoding"
)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Detail {
    /// One text; numbers too.
    Text(String),
    /// Several.
    List(Vec<String>),
}
