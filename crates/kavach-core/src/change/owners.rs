//! Off-boarding owners, and taking them back.

use super::Change;
use crate::agent::OwnerStatus;
use crate::graph::{Graph, Record, RecordKey};
use crate::id::{SubjectId, TenantId};
use crate::name::Subject;
use crate::reason::Reason;
use crate::refusal::Refusal;

impl Graph {
    /// Off-boards an owner: all their agents are dead for good, and they get no new ones.
    ///
    /// Somebody who was never met is off-boarded too, so that nobody makes them an agent later; `fresh`
    /// becomes their id.
    ///
    /// # Errors
    /// If they are off-boarded already.
    pub fn revoke_owner(
        &self,
        tenant: TenantId,
        subject: &Subject,
        fresh: SubjectId,
    ) -> Result<Change, Refusal> {
        let (mut owner, mut writes) = self.met(tenant, subject, fresh);
        if owner.status == OwnerStatus::Offboarded {
            let words = "the owner is off-boarded already";
            return Err(Refusal::new(Reason::AlreadyRevoked, words));
        }
        owner.status = OwnerStatus::Offboarded;
        owner.generation = owner.generation.saturating_add(1);
        writes.retain(|record| !matches!(record, Record::Owner(_)));
        writes.insert(0, Record::Owner(owner));
        Ok(Change::of(writes))
    }

    /// Lets an off-boarded owner have new agents. The earlier ones stay dead.
    ///
    /// # Errors
    /// If they are unknown, or not off-boarded.
    pub fn reinstate_owner(&self, tenant: TenantId, subject: &Subject) -> Result<Change, Refusal> {
        let known = self
            .subject_id(tenant, subject)
            .and_then(|id| self.owner(tenant, id));
        let mut owner = known
            .ok_or_else(|| Refusal::new(Reason::NotFound, "there is no such owner in this tenant"))?
            .clone();
        if owner.status != OwnerStatus::Offboarded {
            let words = "the owner is not off-boarded; nothing to do";
            return Err(Refusal::new(Reason::WrongState, words));
        }
        owner.status = OwnerStatus::Active;
        Ok(Change::of([Record::Owner(owner)]))
    }

    /// Erases the host's name for a subject. Their id, and all that hangs on it, stays.
    ///
    /// # Errors
    /// If the name is not known, or erased already.
    pub fn erase_subject(&self, tenant: TenantId, subject: &Subject) -> Result<Change, Refusal> {
        if self.subject_id(tenant, subject).is_none() {
            let words = "nobody of this name is known in this tenant, or they are erased already";
            return Err(Refusal::new(Reason::NotFound, words));
        }
        let mut change = Change::default();
        change
            .erases
            .push(RecordKey::Subject(tenant, subject.clone()));
        Ok(change)
    }
}
