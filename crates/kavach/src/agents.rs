//! Agents: creating, looking up, changing, ending.

use std::collections::BTreeMap;

use kavach_audit::EventKind;
use kavach_core::{
    Agent, AgentDraft, AgentEdit, AgentId, AgentKind, EventId, Name, OwnerDraft, ParseError,
    Permission, Subject, SubjectId, Timestamp,
};

use crate::change::{About, Done};
use crate::error::ChangeError;
use crate::node::Kavach;
use crate::random;
use crate::secret::Secret;

/// An agent to be created.
///
/// ```
/// use kavach::{NewAgent, Subject};
///
/// let agent = NewAgent::new(Subject::user("alice")?, "orchestrator")
///     .allow("read:mcp:github:*")?
///     .allow("read,comment:mcp:github:pull_requests")?;
/// # Ok::<(), kavach::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct NewAgent {
    owner: Subject,
    name: String,
    kind: AgentKind,
    permissions: Vec<Permission>,
    end: End,
    metadata: BTreeMap<String, String>,
    recreate: bool,
}

/// When something ends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum End {
    #[default]
    Never,
    At(Timestamp),
    After(u64),
}

impl End {
    pub(crate) fn at(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::At(at) => Some(at),
            Self::After(seconds) => Some(now.plus_s(seconds)),
        }
    }
}

impl NewAgent {
    /// An autonomous agent of `owner`, called `name`, that may do nothing yet. The name is checked when the
    /// agent is created.
    #[must_use]
    pub fn new(owner: Subject, name: impl Into<String>) -> Self {
        Self {
            owner,
            name: name.into(),
            kind: AgentKind::Autonomous,
            permissions: Vec::new(),
            end: End::Never,
            metadata: BTreeMap::new(),
            recreate: false,
        }
    }

    /// Allows what the shorthand says, besides what is allowed already.
    ///
    /// # Errors
    /// If `permission` is not a permission; the message says what to write.
    pub fn allow(self, permission: &str) -> Result<Self, ParseError> {
        Ok(self.permit(permission.parse()?))
    }

    /// Allows this too.
    #[must_use]
    pub fn permit(mut self, permission: Permission) -> Self {
        self.permissions.push(permission);
        self
    }

    /// Says how it comes to act.
    #[must_use]
    pub fn kind(mut self, kind: AgentKind) -> Self {
        self.kind = kind;
        self
    }

    /// Ends it this many seconds after it is created.
    #[must_use]
    pub fn ttl_s(mut self, seconds: u64) -> Self {
        self.end = End::After(seconds);
        self
    }

    /// Ends it at `at`.
    #[must_use]
    pub fn expires_at(mut self, at: Timestamp) -> Self {
        self.end = End::At(at);
        self
    }

    /// Notes something about it.
    #[must_use]
    pub fn note(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Takes the name of a revoked agent, under a new id.
    #[must_use]
    pub fn recreate(mut self) -> Self {
        self.recreate = true;
        self
    }
}

/// An agent that was created.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Created {
    /// Its id.
    pub id: AgentId,
    /// Its credential. This is the only time that it is seen.
    pub credential: Secret,
    /// The graph's revision with the agent in it.
    pub revision: u64,
    /// The event that records it.
    pub audit_id: EventId,
}

/// A credential that was rotated.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rotated {
    /// The new credential. This is the only time that it is seen.
    pub credential: Secret,
    /// The graph's revision with the change in it.
    pub revision: u64,
    /// The event that records it.
    pub audit_id: EventId,
}

impl Kavach {
    /// Creates an agent.
    ///
    /// # Errors
    /// If its name is not well formed or is taken, its owner is off-boarded, a time lies in the past, or the
    /// store fails. Nothing was created then, but for an outcome that is unknown.
    pub async fn create_agent(&self, new: NewAgent) -> Result<Created, ChangeError> {
        let name: Name = new.name.parse()?;
        let now_ns = self.node.clock.now_ns();
        let (id, fresh) = (random::agent_id(now_ns)?, random::subject_id(now_ns)?);
        let credential = Secret::generate()?;
        let tenant = self.tenant;
        let done = self
            .change(EventKind::AgentCreated, |graph, now| {
                let draft = AgentDraft {
                    id,
                    tenant,
                    owner: OwnerDraft::Named {
                        subject: new.owner.clone(),
                        fresh,
                    },
                    name: name.clone(),
                    kind: new.kind,
                    expires_at: new.end.at(now),
                    permissions: new.permissions.clone(),
                    credential: credential.record(now),
                    metadata: new.metadata.clone(),
                    recreate: new.recreate,
                };
                let owner = graph.subject_id(tenant, &new.owner).unwrap_or(fresh);
                (
                    graph.create_agent(draft, now),
                    created(&new, id, owner, now),
                )
            })
            .await?;
        Ok(Created {
            id,
            credential,
            revision: done.revision,
            audit_id: done.audit_id,
        })
    }

    /// The agent with this id; `None` if there is none in this tenant.
    #[must_use]
    pub fn agent(&self, id: &AgentId) -> Option<Agent> {
        self.node.view.read().graph.agent(self.tenant, *id).cloned()
    }

    /// The agent that `text` names, by its id or its name; `None` if there is none.
    #[must_use]
    pub fn find_agent(&self, text: &str) -> Option<Agent> {
        if let Ok(id) = text.parse::<AgentId>() {
            return self.agent(&id);
        }
        let name: Name = text.parse().ok()?;
        self.node
            .view
            .read()
            .graph
            .agent_named(self.tenant, &name)
            .cloned()
    }

    /// All agents of this tenant, in the order in which they were created.
    #[must_use]
    pub fn agents(&self) -> Vec<Agent> {
        let mut agents: Vec<Agent> = self
            .node
            .view
            .read()
            .graph
            .agents(self.tenant)
            .cloned()
            .collect();
        agents.sort_by_key(|agent| agent.id);
        agents
    }

    /// The host's name for a subject; `None` if it is not known, or was erased.
    #[must_use]
    pub fn subject(&self, id: &SubjectId) -> Option<Subject> {
        self.node
            .view
            .read()
            .graph
            .subject(self.tenant, *id)
            .cloned()
    }

    /// What stands inside for the host's name of a subject; `None` if nobody of this name is known.
    #[must_use]
    pub fn subject_id(&self, subject: &Subject) -> Option<SubjectId> {
        self.node.view.read().graph.subject_id(self.tenant, subject)
    }

    /// Changes an agent's root grants, end, kind or notes.
    ///
    /// # Errors
    /// If there is no such agent, it is revoked or past its time, or the store fails.
    pub async fn update_agent(&self, id: &AgentId, edit: AgentEdit) -> Result<Done, ChangeError> {
        let tenant = self.tenant;
        self.change(EventKind::AgentUpdated, |graph, now| {
            let about = updated(About::agent(graph, tenant, *id), &edit);
            (graph.update_agent(tenant, *id, edit.clone(), now), about)
        })
        .await
    }

    /// Gives an agent a new credential; the present one is accepted for `overlap_s` seconds more, 0 for not
    /// at all.
    ///
    /// # Errors
    /// If there is no such agent, it is revoked or past its time, three earlier credentials still overlap,
    /// or the store fails.
    pub async fn rotate_credential(
        &self,
        id: &AgentId,
        overlap_s: u64,
    ) -> Result<Rotated, ChangeError> {
        let credential = Secret::generate()?;
        let tenant = self.tenant;
        let done = self
            .change(EventKind::AgentRotated, |graph, now| {
                let record = credential.record(now);
                let about = About::agent(graph, tenant, *id)
                    .with("prefix", &record.prefix)
                    .with("overlap_s", overlap_s);
                (
                    graph.rotate_credential(tenant, *id, record, overlap_s),
                    about,
                )
            })
            .await?;
        Ok(Rotated {
            credential,
            revision: done.revision,
            audit_id: done.audit_id,
        })
    }

    /// Stops an agent, and everything below it, until it is resumed.
    ///
    /// # Errors
    /// If there is no such agent, it is not active, or the store fails.
    pub async fn suspend_agent(&self, id: &AgentId) -> Result<Done, ChangeError> {
        let tenant = self.tenant;
        self.change(EventKind::AgentSuspended, |graph, now| {
            (
                graph.suspend_agent(tenant, *id, now),
                About::agent(graph, tenant, *id),
            )
        })
        .await
    }

    /// Lets a suspended agent, and what hangs below it, act again.
    ///
    /// # Errors
    /// If there is no such agent, it is not suspended, or the store fails.
    pub async fn resume_agent(&self, id: &AgentId) -> Result<Done, ChangeError> {
        let tenant = self.tenant;
        self.change(EventKind::AgentResumed, |graph, now| {
            (
                graph.resume_agent(tenant, *id, now),
                About::agent(graph, tenant, *id),
            )
        })
        .await
    }

    /// Revokes an agent for good, and with it everything that rests on it. Once this returns, no call of
    /// any of them is allowed on this node.
    ///
    /// # Errors
    /// If there is no such agent, it is revoked already, or the store fails.
    pub async fn revoke_agent(&self, id: &AgentId) -> Result<Done, ChangeError> {
        let tenant = self.tenant;
        self.change(EventKind::AgentRevoked, |graph, _| {
            (
                graph.revoke_agent(tenant, *id),
                About::agent(graph, tenant, *id),
            )
        })
        .await
    }
}

fn created(new: &NewAgent, id: AgentId, owner: SubjectId, now: Timestamp) -> About {
    let about = About {
        agent: Some(id),
        owner: Some(owner),
        line: vec![kavach_audit::Hop {
            agent: id,
            delegation: None,
            at: now,
        }],
        ..About::default()
    };
    let about = about
        .with("kind", new.kind)
        .with_list("permissions", &new.permissions);
    about.with_some("expires_at", new.end.at(now))
}

pub(crate) fn updated(mut about: About, edit: &AgentEdit) -> About {
    use kavach_core::Edit;
    if let Some(permissions) = &edit.permissions {
        about = about.with_list("permissions", permissions);
    }
    about = match edit.expires_at {
        Edit::Keep => about,
        Edit::Clear => about.with("expires_at", "never"),
        Edit::Set(at) => about.with("expires_at", at),
    };
    about = about.with_some("kind", edit.kind);
    about.with_some("metadata", edit.metadata.as_ref().map(|_| "changed"))
}
