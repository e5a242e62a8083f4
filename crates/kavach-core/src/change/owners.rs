//! Off-boarding owners, and taking them back.

use super::{Change, check_permissions};
use crate::agent::{OwnerStatus, fits_people};
use crate::graph::{Graph, Record, RecordKey};
use crate::id::{SubjectId, TenantId};
use crate::name::Subject;
use crate::permission::Permission;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::time::Timestamp;

impl Graph {
    /// Off-boards an owner: all their agents are dead for good, they get no new ones, and they may do
    /// nothing in Kavach itself any more, not even once they are taken back.
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
        owner.grants = owner.grants.replaced([]);
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

    /// Says what a person may do in Kavach itself, instead of what they may do now; nothing, if
    /// `permissions` is empty. Their agents get nothing of it.
    ///
    /// Somebody who was never met is met by this; `fresh` becomes their id.
    ///
    /// # Errors
    /// If the subject is no person or is off-boarded, a permission has another bound than `expires` and
    /// `window`, a time in the past, or a limit is passed.
    pub fn grant_owner(
        &self,
        tenant: TenantId,
        subject: &Subject,
        fresh: SubjectId,
        permissions: &[Permission],
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        if !subject.is_person() && !permissions.is_empty() {
            let message = alloc::format!(
                "`{subject}` is a system; only people, `user:NAME`, get permissions in Kavach itself"
            );
            return Err(Refusal::new(Reason::WrongState, message));
        }
        check_permissions(permissions, now)?;
        if let Some(permission) = permissions.iter().find(|wanted| !fits_people(wanted)) {
            let message = alloc::format!(
                "`{permission}` has a bound that cannot be held against a person; name only `expires` and \
                 `window`"
            );
            return Err(Refusal::new(Reason::WrongState, message));
        }
        let (mut owner, mut writes) = self.met(tenant, subject, fresh);
        if owner.status == OwnerStatus::Offboarded {
            let words = "the owner is off-boarded and gets no permissions; `owner reinstate` first";
            return Err(Refusal::new(Reason::OwnerRevoked, words));
        }
        owner.grants = owner.grants.replaced(permissions.iter().cloned());
        writes.retain(|record| !matches!(record, Record::Owner(_)));
        writes.insert(0, Record::Owner(owner));
        Ok(Change::of(writes))
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
