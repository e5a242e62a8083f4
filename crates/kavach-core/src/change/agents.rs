//! Creating agents and changing them.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Change, check_future, check_permissions, owner_record, with_credential};
use crate::agent::{
    Agent, AgentKind, AgentName, AgentStatus, Credential, Owner, OwnerStatus, SubjectName,
};
use crate::grant::Grants;
use crate::graph::{Graph, Record};
use crate::id::{AgentId, SubjectId, TenantId};
use crate::limits::{
    CREDENTIALS_MAX, METADATA_ENTRIES_MAX, METADATA_KEY_BYTES_MAX, METADATA_VALUE_BYTES_MAX,
};
use crate::name::{Name, Subject};
use crate::permission::Permission;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// An agent to be.
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever creates an agent says all of it"
)]
#[derive(Clone, Debug)]
pub struct AgentDraft {
    /// Its id: fresh.
    pub id: AgentId,
    /// Where it will live.
    pub tenant: TenantId,
    /// Who answers for it.
    pub owner: OwnerDraft,
    /// Its name, not taken yet.
    pub name: Name,
    /// How it comes to act.
    pub kind: AgentKind,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Its root grants.
    pub permissions: Vec<Permission>,
    /// What it proves itself with.
    pub credential: Credential,
    /// Notes.
    pub metadata: BTreeMap<String, String>,
    /// Take the name of a revoked agent.
    pub recreate: bool,
}

/// The owner of an agent to be.
#[expect(clippy::exhaustive_enums, reason = "known inside or known outside")]
#[derive(Clone, Debug)]
pub enum OwnerDraft {
    /// As the host knows them; `fresh` becomes their id if nobody has met them yet.
    Named {
        /// The host's name.
        subject: Subject,
        /// A new id.
        fresh: SubjectId,
    },
    /// By their id.
    Known(SubjectId),
}

/// What to change about an agent; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AgentEdit {
    /// Root grants, instead of the present ones.
    pub permissions: Option<Vec<Permission>>,
    /// When it ends.
    pub expires_at: Edit<Timestamp>,
    /// How it comes to act.
    pub kind: Option<AgentKind>,
    /// Notes, instead of the present ones.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// What to do with a value that may be absent.
#[expect(
    clippy::exhaustive_enums,
    reason = "there is nothing else to do with it"
)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Edit<T> {
    /// Leave it.
    #[default]
    Keep,
    /// Take it away.
    Clear,
    /// Put this in its place.
    Set(T),
}

impl<T> Edit<T> {
    /// The value after the edit.
    pub fn of(self, present: Option<T>) -> Option<T> {
        match self {
            Self::Keep => present,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl Graph {
    /// Creates an agent, and its owner's records if this is their first.
    ///
    /// # Errors
    /// If the name or the id is taken, the owner off-boarded, a time in the past, or a limit passed.
    pub fn create_agent(&self, draft: AgentDraft, now: Timestamp) -> Result<Change, Refusal> {
        check_future(draft.expires_at, now)?;
        check_permissions(&draft.permissions, now)?;
        check_metadata(&draft.metadata)?;
        self.check_name_free(draft.tenant, &draft.name, draft.recreate)?;
        if self.knows_agent(draft.id) {
            // INVARIANT (revoked is final): an agent never comes back under its id.
            let message = format!("the id `{}` is taken; draw a fresh one", draft.id);
            return Err(Refusal::new(Reason::NameTaken, message));
        }
        let (owner, mut writes) = self.owner_of_draft(draft.tenant, &draft.owner)?;
        if owner.status == OwnerStatus::Offboarded {
            let words = "the owner is off-boarded and gets no new agents; `owner reinstate` first";
            return Err(Refusal::new(Reason::OwnerRevoked, words));
        }
        let name = AgentName {
            name: draft.name.clone(),
            tenant: draft.tenant,
            agent: draft.id,
        };
        let agent = Agent {
            id: draft.id,
            tenant: draft.tenant,
            owner: owner.id,
            owner_generation: owner.generation,
            name: draft.name,
            kind: draft.kind,
            status: AgentStatus::Active,
            generation: 0,
            created_at: now,
            expires_at: draft.expires_at,
            grants: Grants::of(draft.permissions),
            credentials: Vec::from([draft.credential]),
            metadata: draft.metadata,
        };
        writes.extend([Record::Agent(agent), Record::Name(name)]);
        Ok(Change::of(writes).relying_on([owner_record(&owner)]))
    }

    /// Changes an agent's grants, end, kind or notes. What hangs below it is looked at anew at each decision.
    ///
    /// # Errors
    /// If there is no such agent, it is revoked or past its time, or as for [`Graph::create_agent`].
    pub fn update_agent(
        &self,
        tenant: TenantId,
        id: AgentId,
        edit: AgentEdit,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        let mut agent = self.changeable(tenant, id, now)?.clone();
        if let Some(permissions) = edit.permissions {
            check_permissions(&permissions, now)?;
            agent.grants = agent.grants.replaced(permissions);
        }
        if let Edit::Set(at) = edit.expires_at {
            check_future(Some(at), now)?;
        }
        agent.expires_at = edit.expires_at.of(agent.expires_at);
        agent.kind = edit.kind.unwrap_or(agent.kind);
        if let Some(metadata) = edit.metadata {
            check_metadata(&metadata)?;
            agent.metadata = metadata;
        }
        Ok(Change::of([Record::Agent(agent)]))
    }

    /// Gives an agent a new credential; the present ones are accepted for `overlap_s` seconds more.
    ///
    /// # Errors
    /// If there is no such agent, it is revoked or past its time, or too many overlaps still run.
    pub fn rotate_credential(
        &self,
        tenant: TenantId,
        id: AgentId,
        new: Credential,
        overlap_s: u64,
    ) -> Result<Change, Refusal> {
        let now = new.created_at;
        let mut agent = self.changeable(tenant, id, now)?.clone();
        agent.credentials = with_credential(&agent.credentials, new, now.plus_s(overlap_s));
        if agent.credentials.len() > CREDENTIALS_MAX {
            let words =
                "too many earlier credentials still overlap; wait, or rotate without overlap";
            return Err(Refusal::new(Reason::LimitReached, words));
        }
        Ok(Change::of([Record::Agent(agent)]))
    }

    /// Stops an agent and everything below it until it is resumed.
    ///
    /// # Errors
    /// If there is no such agent, or it is not active.
    pub fn suspend_agent(
        &self,
        tenant: TenantId,
        id: AgentId,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        self.switch(tenant, id, now, AgentStatus::Active, AgentStatus::Suspended)
    }

    /// Lets a suspended agent, and what hangs below it, act again.
    ///
    /// # Errors
    /// If there is no such agent, or it is not suspended.
    pub fn resume_agent(
        &self,
        tenant: TenantId,
        id: AgentId,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        self.switch(tenant, id, now, AgentStatus::Suspended, AgentStatus::Active)
    }

    fn switch(
        &self,
        tenant: TenantId,
        id: AgentId,
        now: Timestamp,
        from: AgentStatus,
        to: AgentStatus,
    ) -> Result<Change, Refusal> {
        let mut agent = self.changeable(tenant, id, now)?.clone();
        if agent.status != from {
            let message = format!("the agent is {}, not {from}; nothing to do", agent.status);
            return Err(Refusal::new(Reason::WrongState, message));
        }
        agent.status = to;
        Ok(Change::of([Record::Agent(agent)]))
    }

    /// Revokes an agent for good, and with it everything that rests on it.
    ///
    /// # Errors
    /// If there is no such agent, or it is revoked already.
    pub fn revoke_agent(&self, tenant: TenantId, id: AgentId) -> Result<Change, Refusal> {
        let mut agent = self.existing(tenant, id)?.clone();
        if agent.status == AgentStatus::Revoked {
            let words = "the agent is revoked already, and stays so";
            return Err(Refusal::new(Reason::AlreadyRevoked, words));
        }
        agent.status = AgentStatus::Revoked;
        agent.generation = agent.generation.saturating_add(1);
        agent.credentials.clear();
        Ok(Change::of([Record::Agent(agent)]))
    }

    fn check_name_free(
        &self,
        tenant: TenantId,
        name: &Name,
        recreate: bool,
    ) -> Result<(), Refusal> {
        let Some(holder) = self.agent_named(tenant, name) else {
            return Ok(());
        };
        match (holder.status, recreate) {
            (AgentStatus::Revoked, true) => Ok(()),
            (AgentStatus::Revoked, false) => Err(Refusal::new(
                Reason::NameTaken,
                format!(
                    "`{name}` was the name of a revoked agent; say `recreate` to take it again"
                ),
            )),
            (AgentStatus::Active | AgentStatus::Suspended, _) => Err(Refusal::new(
                Reason::NameTaken,
                format!(
                    "`{name}` is the name of another agent; choose another name, or revoke that agent \
                     and say `recreate`"
                ),
            )),
        }
    }

    fn owner_of_draft(
        &self,
        tenant: TenantId,
        draft: &OwnerDraft,
    ) -> Result<(Owner, Vec<Record>), Refusal> {
        match draft {
            OwnerDraft::Known(id) => self
                .owner(tenant, *id)
                .map(|owner| (owner.clone(), Vec::new()))
                .ok_or_else(|| {
                    Refusal::new(Reason::NotFound, "there is no such owner in this tenant")
                }),
            OwnerDraft::Named { subject, fresh } => Ok(self.met(tenant, subject, *fresh)),
        }
    }

    /// The owner that `subject` stands for, with the records to write if nobody has met them yet.
    pub(super) fn met(
        &self,
        tenant: TenantId,
        subject: &Subject,
        fresh: SubjectId,
    ) -> (Owner, Vec<Record>) {
        let known = self
            .subject_id(tenant, subject)
            .and_then(|id| self.owner(tenant, id));
        if let Some(owner) = known {
            return (owner.clone(), Vec::new());
        }
        let owner = Owner {
            id: fresh,
            tenant,
            status: OwnerStatus::Active,
            generation: 0,
            grants: Grants::default(),
        };
        let name = SubjectName {
            id: fresh,
            tenant,
            subject: subject.clone(),
        };
        let writes = Vec::from([Record::Owner(owner.clone()), Record::Subject(name)]);
        (owner, writes)
    }
}

fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let refuse = |message| Err(Refusal::new(Reason::LimitReached, message));
    if metadata.len() > METADATA_ENTRIES_MAX {
        return refuse(format!(
            "metadata has {} entries; keep to {METADATA_ENTRIES_MAX}",
            metadata.len()
        ));
    }
    for (key, value) in metadata {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if key.is_empty() || key.len() > METADATA_KEY_BYTES_MAX || !key.bytes().all(plain) {
            return refuse(format!(
                "a metadata key must be 1 to {METADATA_KEY_BYTES_MAX} letters, digits and `_-.`"
            ));
        }
        if value.len() > METADATA_VALUE_BYTES_MAX {
            return refuse(format!(
                "the metadata under `{key}` is longer than {METADATA_VALUE_BYTES_MAX} bytes; shorten it"
            ));
        }
    }
    Ok(())
}

impl AgentEdit {
    /// Whether nothing is to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.permissions.is_none()
            && self.expires_at == Edit::Keep
            && self.kind.is_none()
            && self.metadata.is_none()
    }
}
