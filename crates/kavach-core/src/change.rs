//! What a change would write, worked out without writing it.
//!
//! Each method of [`Graph`] here is pure: it looks at the graph and at its arguments, and answers with a
//! [`Change`] or a [`Refusal`]. The caller commits the change, expecting that every record it
//! rests on is still as it was, and applies it to the graph once it is durable.

use alloc::vec::Vec;

use crate::agent::{Agent, Credential, Owner};
use crate::graph::{Graph, Record, RecordKey, Stamp};
use crate::id::{AgentId, TenantId};
use crate::limits::{DEPTH_MAX, GRANTS_MAX};
use crate::permission::Permission;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::time::Timestamp;

mod agents;
mod delegations;
mod guardrails;
mod owners;

pub use agents::{AgentDraft, AgentEdit, Edit, OwnerDraft};
pub use delegations::{DelegationDraft, DelegationEdit, SpawnDraft};
pub use guardrails::GuardrailDraft;

/// Records to write and to erase, and those that must not have changed meanwhile.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// Records to write, in the order in which they must be applied.
    pub writes: Vec<Record>,
    /// Records to erase.
    pub erases: Vec<RecordKey>,
    /// Records that are not written, and that the change relies on.
    pub relies_on: Vec<RecordKey>,
}

impl Change {
    fn of(writes: impl IntoIterator<Item = Record>) -> Self {
        Self {
            writes: writes.into_iter().collect(),
            ..Self::default()
        }
    }

    fn relying_on(mut self, keys: impl IntoIterator<Item = RecordKey>) -> Self {
        for key in keys {
            let written = self.writes.iter().any(|record| record.key() == key);
            if !written && !self.relies_on.contains(&key) {
                self.relies_on.push(key);
            }
        }
        self
    }

    /// Every record that must be as it is in `graph` now, with its stamp; `None` for one that must not
    /// exist.
    pub fn expectations<'a>(
        &'a self,
        graph: &'a Graph,
    ) -> impl Iterator<Item = (RecordKey, Option<Stamp>)> + 'a {
        let written = self.writes.iter().map(Record::key);
        let keys = written
            .chain(self.erases.iter().cloned())
            .chain(self.relies_on.iter().cloned());
        keys.map(|key| {
            let stamp = graph.stamp(&key);
            (key, stamp)
        })
    }
}

impl Graph {
    /// The agent, if it may still change: not revoked, not past its time, its owner not off-boarded.
    fn changeable(&self, tenant: TenantId, id: AgentId, now: Timestamp) -> Result<&Agent, Refusal> {
        let agent = self.existing(tenant, id)?;
        if agent.status == crate::agent::AgentStatus::Revoked {
            let words = "the agent is revoked, and stays so; create a new one";
            return Err(Refusal::new(Reason::AlreadyRevoked, words));
        }
        if agent.expires_at.is_some_and(|end| end <= now) {
            let words =
                "the agent is past its time, and cannot be changed or extended; create a new one";
            return Err(Refusal::new(Reason::AlreadyExpired, words));
        }
        let owner = self.owner(tenant, agent.owner);
        if owner.is_none_or(|owner| !owner.keeps(agent)) {
            let words = "the agent's owner was off-boarded, and the agent is dead for good; create a new one";
            return Err(Refusal::new(Reason::OwnerRevoked, words));
        }
        Ok(agent)
    }

    fn existing(&self, tenant: TenantId, id: AgentId) -> Result<&Agent, Refusal> {
        self.agent(tenant, id).ok_or_else(|| {
            Refusal::new(
                Reason::NotFound,
                "there is no such agent in this tenant; see `agent list`",
            )
        })
    }
}

/// Refuses times that are over already.
fn check_future(at: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
    match at {
        Some(at) if at <= now => {
            let message = alloc::format!("`{at}` lies in the past; name a time after `{now}`");
            Err(Refusal::new(Reason::TimeInPast, message))
        }
        _ => Ok(()),
    }
}

/// Refuses too many permissions, those that are over already, and those that no store could read back.
fn check_permissions(permissions: &[Permission], now: Timestamp) -> Result<(), Refusal> {
    if permissions.len() > GRANTS_MAX {
        let message = alloc::format!(
            "{} permissions are too many; one holder has at most {GRANTS_MAX}, so use wider patterns",
            permissions.len()
        );
        return Err(Refusal::new(Reason::LimitReached, message));
    }
    for permission in permissions {
        check_future(permission.constraints.expires_at, now)?;
        if permission.constraints.max_depth > Some(DEPTH_MAX) {
            let message =
                alloc::format!("`{permission}` is too deep; name a depth up to {DEPTH_MAX}");
            return Err(Refusal::new(Reason::LimitReached, message));
        }
        if let Some(words) = permission.unstorable() {
            return Err(Refusal::new(Reason::LimitReached, words));
        }
    }
    Ok(())
}

fn owner_record(owner: &Owner) -> RecordKey {
    RecordKey::Owner(owner.tenant, owner.id)
}

/// The credentials that still count at `now`, with `new` as the current one.
fn with_credential(
    known: &[Credential],
    new: Credential,
    overlap_ends: Timestamp,
) -> Vec<Credential> {
    let now = new.created_at;
    let mut credentials: Vec<Credential> = Vec::new();
    for credential in known {
        let mut credential = credential.clone();
        let end = credential
            .expires_at
            .map_or(overlap_ends, |end| end.min(overlap_ends));
        credential.expires_at = Some(end);
        if end > now {
            credentials.push(credential);
        }
    }
    credentials.push(new);
    credentials
}
