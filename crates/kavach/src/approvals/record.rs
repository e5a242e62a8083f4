//! How approvals lie in a store: canonical JSON (RFC 8785) in quiet spaces.

use kavach_audit::Hash;
use kavach_core::{
    Action, AgentId, ApprovalId, DelegationId, EventId, LineHop, Resource, SubjectId, TenantId,
    Timestamp,
};
use kavach_store::{Key, Space, StoreError, StoreErrorKind};
use serde::{Deserialize, Serialize};

/// Approvals, under the tenant and the hash of what each is bound to.
pub(super) const APPROVALS: Space = Space::quiet("approval");
/// The arguments of the calls, for people to see: under the tenant and the approval's id. Sealed where there
/// is a master key.
pub(super) const ARGUMENTS: Space = Space::quiet("approval_args");

/// The version of the encoding that is written.
const VERSION: u32 = 1;

/// What people were asked, and what they said.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stored {
    v: u32,
    pub(super) id: ApprovalId,
    pub(super) agent: AgentId,
    pub(super) owner: SubjectId,
    pub(super) line: Vec<StoredHop>,
    /// Who held the token that the call is made with, without what people call them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) holders: Vec<String>,
    pub(super) action: Action,
    pub(super) resource: Resource,
    /// Whether the call has arguments.
    pub(super) has_args: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) audience: Option<String>,
    /// A number of 64 bits, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cost: Option<String>,
    /// How many people the line needed when it was asked.
    pub(super) needed: u8,
    pub(super) asked_at: Timestamp,
    /// The first second at which nobody may answer, and the call may not be made any more.
    pub(super) expires_at: Timestamp,
    pub(super) votes: Vec<Vote>,
    /// The event of the call that used it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) used: Option<EventId>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoredHop {
    agent: AgentId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delegation: Option<DelegationId>,
    at: Timestamp,
}

/// What one person said.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vote {
    pub(super) by: SubjectId,
    /// The person's generation as an owner: a yes from before they were off-boarded does not count again.
    pub(super) generation: u32,
    pub(super) answer: Answer,
    pub(super) at: Timestamp,
    /// The event that records it. What the person noted stands beside that, sealed for them.
    pub(super) event: EventId,
    /// What that event commits to; `None` if no note was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) private: Option<Hash>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    Yes,
    No,
}

/// What is known of a call when people are asked.
pub(super) struct New {
    pub(super) id: ApprovalId,
    pub(super) agent: AgentId,
    pub(super) owner: SubjectId,
    pub(super) line: Vec<LineHop>,
    pub(super) holders: Vec<String>,
    pub(super) action: Action,
    pub(super) resource: Resource,
    pub(super) has_args: bool,
    pub(super) request_id: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) cost: Option<u64>,
    pub(super) needed: u8,
    pub(super) asked_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl Stored {
    pub(super) fn new(new: New) -> Self {
        Self {
            v: VERSION,
            id: new.id,
            agent: new.agent,
            owner: new.owner,
            line: new.line.into_iter().map(StoredHop::from).collect(),
            holders: new.holders,
            action: new.action,
            resource: new.resource,
            has_args: new.has_args,
            request_id: new.request_id,
            audience: new.audience,
            cost: new.cost.map(|cost| cost.to_string()),
            needed: new.needed,
            asked_at: new.asked_at,
            expires_at: new.expires_at,
            votes: Vec::new(),
            used: None,
        }
    }

    /// Whether its time is over: at `expires_at` itself it is.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    /// Whether the call waits, or was denied.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        !self.is_over(now) && self.used.is_none()
    }

    /// The agent whose root grants the line begins with.
    pub(super) fn root(&self) -> Option<AgentId> {
        self.line.first().map(|hop| hop.agent)
    }

    pub(super) fn is_denied(&self) -> bool {
        self.votes.iter().any(|vote| vote.answer == Answer::No)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        serde_json_canonicalizer::to_vec(self).map_err(|cause| {
            let words = "an approval has no encoding";
            StoreError::new(StoreErrorKind::InvalidInput, words).because(cause)
        })
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct VersionOnly {
            v: u32,
        }
        let decoded = serde_json::from_slice::<Self>(bytes);
        match decoded {
            Ok(stored) if stored.v == VERSION => Ok(stored),
            other => {
                let found = serde_json::from_slice::<VersionOnly>(bytes);
                if found.is_ok_and(|found| found.v > VERSION) {
                    let words =
                        "an approval was written by a newer version of Kavach; use that one";
                    return Err(StoreError::new(StoreErrorKind::SchemaTooNew, words));
                }
                let error = corrupt();
                Err(match other {
                    Ok(_) => error,
                    Err(cause) => error.because(cause),
                })
            }
        }
    }
}

impl From<LineHop> for StoredHop {
    fn from(hop: LineHop) -> Self {
        Self {
            agent: hop.agent,
            delegation: hop.delegation,
            at: hop.at,
        }
    }
}

impl From<StoredHop> for LineHop {
    fn from(hop: StoredHop) -> Self {
        Self {
            agent: hop.agent,
            delegation: hop.delegation,
            at: hop.at,
        }
    }
}

/// Where the approval lies that is bound to `bound`.
pub(super) fn approval_key(tenant: TenantId, bound: &Hash) -> Key {
    let bytes = [tenant.as_u128().to_be_bytes().as_slice(), bound].concat();
    Key::new(APPROVALS, bytes)
}

/// Where the arguments of its call lie.
pub(super) fn arguments_key(tenant: TenantId, id: ApprovalId) -> Key {
    Key::new(ARGUMENTS, place(tenant, id))
}

/// What sealed arguments are bound to.
pub(super) fn arguments_context(tenant: TenantId, id: ApprovalId) -> Vec<u8> {
    [b"approval_args".as_slice(), &place(tenant, id)].concat()
}

fn place(tenant: TenantId, id: ApprovalId) -> Vec<u8> {
    let (tenant, id) = (tenant.as_u128().to_be_bytes(), id.as_u128().to_be_bytes());
    [tenant, id].concat()
}

/// The tenant and the hash that a key of [`APPROVALS`] is made of.
pub(super) fn bound_of(key: &[u8]) -> Result<(TenantId, Hash), StoreError> {
    let (tenant, bound) = key.split_first_chunk::<16>().ok_or_else(corrupt)?;
    let bound = bound.try_into().map_err(|_| corrupt())?;
    Ok((TenantId::from_u128(u128::from_be_bytes(*tenant)), bound))
}

fn corrupt() -> StoreError {
    let words = "an approval in the store is not what was written there; restore a backup";
    StoreError::new(StoreErrorKind::Corrupt, words)
}
