//! Passing permissions on, and taking them back.

use std::collections::BTreeMap;

use kavach_audit::EventKind;
use kavach_core::{
    AgentDraft, AgentId, AgentKind, Delegation, DelegationDraft, DelegationEdit, DelegationId,
    Edit, EventId, Graph, Leaf, Mode, Name, OwnerDraft, ParseError, Permission, Reason, Refusal,
    SpawnDraft, TenantId, Timestamp,
};

use crate::agents::End;
use crate::answer::hop_of;
use crate::change::{About, Done, Planned, written_delegation};
use crate::error::ChangeError;
use crate::node::Kavach;
use crate::random;
use crate::secret::Secret;
use crate::trust::SPAWNER_SCORE;

/// What one agent passes on to another.
#[derive(Clone, Debug, Default)]
pub struct NewDelegation {
    permissions: Vec<Permission>,
    via: Option<Leaf>,
    end: End,
    max_depth: Option<u8>,
    mode: Mode,
}

impl NewDelegation {
    /// Nothing yet; strict; without an end or a depth of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Passes on what the shorthand says, besides what is passed on already.
    ///
    /// # Errors
    /// If `permission` is not a permission; the message says what to write.
    pub fn allow(self, permission: &str) -> Result<Self, ParseError> {
        Ok(self.permit(permission.parse()?))
    }

    /// Passes this on too.
    #[must_use]
    pub fn permit(mut self, permission: Permission) -> Self {
        self.permissions.push(permission);
        self
    }

    /// Names the line by which the giver holds it. Without, it is the one that alone covers everything.
    #[must_use]
    pub fn via(mut self, leaf: Leaf) -> Self {
        self.via = Some(leaf);
        self
    }

    /// Ends it this many seconds after it is made.
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

    /// Lets it be passed on at most this many hops further.
    #[must_use]
    pub fn max_depth(mut self, hops: u8) -> Self {
        self.max_depth = Some(hops);
        self
    }

    /// Gives the part that the giver holds, instead of refusing what is wider.
    #[must_use]
    pub fn attenuate(mut self) -> Self {
        self.mode = Mode::Attenuate;
        self
    }
}

/// A sub-agent, and what it gets.
///
/// ```
/// use kavach::Spawn;
///
/// let spawn = Spawn::new("searcher").allow("read:mcp:github:issues")?.ttl_s(3600);
/// # Ok::<(), kavach::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Spawn {
    name: String,
    kind: AgentKind,
    metadata: BTreeMap<String, String>,
    recreate: bool,
    delegation: NewDelegation,
}

impl Spawn {
    /// A sub-agent called `name` that gets nothing yet. The name is checked when it is spawned.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: AgentKind::Delegated,
            metadata: BTreeMap::new(),
            recreate: false,
            delegation: NewDelegation::new(),
        }
    }

    /// Passes on what the shorthand says, besides what is passed on already.
    ///
    /// # Errors
    /// If `permission` is not a permission; the message says what to write.
    pub fn allow(mut self, permission: &str) -> Result<Self, ParseError> {
        self.delegation = self.delegation.allow(permission)?;
        Ok(self)
    }

    /// Says what it gets, in place of all that was said so far.
    #[must_use]
    pub fn delegation(mut self, delegation: NewDelegation) -> Self {
        self.delegation = delegation;
        self
    }

    /// Ends what it gets this many seconds after it is spawned. The agent itself stays known.
    #[must_use]
    pub fn ttl_s(mut self, seconds: u64) -> Self {
        self.delegation = self.delegation.ttl_s(seconds);
        self
    }

    /// Says how it comes to act.
    #[must_use]
    pub fn kind(mut self, kind: AgentKind) -> Self {
        self.kind = kind;
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

/// A delegation that was made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delegated {
    /// Its id.
    pub id: DelegationId,
    /// The graph's revision with the delegation in it.
    pub revision: u64,
    /// The event that records it.
    pub audit_id: EventId,
}

/// A sub-agent that was spawned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Spawned {
    /// Its id.
    pub id: AgentId,
    /// The delegation that it holds.
    pub delegation: DelegationId,
    /// Its credential. This is the only time that it is seen.
    pub credential: Secret,
    /// The graph's revision with both in it.
    pub revision: u64,
    /// The event that records it.
    pub audit_id: EventId,
}

impl Kavach {
    /// Passes permissions of `from` on to `to`, narrowed below what `from` holds.
    ///
    /// # Errors
    /// If either agent is unknown or no longer acts, the request is wider than what `from` holds, no single
    /// line of `from` covers it (the refusal lists the candidates), a limit is reached, or the store fails.
    pub async fn delegate(
        &self,
        from: &AgentId,
        to: &AgentId,
        new: NewDelegation,
    ) -> Result<Delegated, ChangeError> {
        let id = random::delegation_id(self.node.clock.now_ns())?;
        let tenant = self.tenant;
        let done = self
            .change(EventKind::Delegated, |graph, now| {
                let draft = new.draft(id, tenant, (*from, *to), now);
                let asked = draft.permissions.clone();
                let about = giving(graph, tenant, *from, &asked).with("to", to);
                described(graph, tenant, graph.delegate(draft, now), about)
            })
            .await?;
        Ok(Delegated {
            id,
            revision: done.revision,
            audit_id: done.audit_id,
        })
    }

    /// Creates a sub-agent of `from`, owned by the same owner, and passes permissions on to it, all in one.
    ///
    /// # Errors
    /// As [`create_agent`](Self::create_agent) and [`delegate`](Self::delegate).
    pub async fn spawn(&self, from: &AgentId, new: Spawn) -> Result<Spawned, ChangeError> {
        let name: Name = new.name.parse()?;
        let now_ns = self.node.clock.now_ns();
        let (agent, id) = (random::agent_id(now_ns)?, random::delegation_id(now_ns)?);
        let credential = Secret::generate()?;
        let tenant = self.tenant;
        let done = self
            .change(EventKind::Delegated, |graph, now| {
                let delegation = new.delegation.draft(id, tenant, (*from, agent), now);
                let about = giving(graph, tenant, *from, &delegation.permissions).with("to", agent);
                let Some(giver) = graph.agent(tenant, *from) else {
                    return (Err(no_giver()), about);
                };
                let score = self.node.trust.points(giver, now);
                let draft = SpawnDraft {
                    agent: AgentDraft {
                        id: agent,
                        tenant,
                        owner: OwnerDraft::Known(giver.owner),
                        name: name.clone(),
                        kind: new.kind,
                        expires_at: None,
                        permissions: Vec::new(),
                        credential: credential.record(now),
                        metadata: new.metadata.clone(),
                        recreate: new.recreate,
                    },
                    delegation,
                };
                described(
                    graph,
                    tenant,
                    graph.spawn(draft, now),
                    about.with("spawned", agent).with(SPAWNER_SCORE, score),
                )
            })
            .await?;
        Ok(Spawned {
            id: agent,
            delegation: id,
            credential,
            revision: done.revision,
            audit_id: done.audit_id,
        })
    }

    /// Narrows a delegation anew, to other permissions or bounds, below what its giver holds now.
    ///
    /// # Errors
    /// If there is no such delegation, it is revoked or past its time, or as [`delegate`](Self::delegate).
    pub async fn update_delegation(
        &self,
        id: &DelegationId,
        edit: DelegationEdit,
    ) -> Result<Done, ChangeError> {
        let tenant = self.tenant;
        self.change(EventKind::DelegationUpdated, |graph, now| {
            let about = About::leaf(graph, tenant, Leaf::Delegation(*id));
            let about = edited(about.with("delegation", id), &edit);
            (
                graph.update_delegation(tenant, *id, edit.clone(), now),
                about,
            )
        })
        .await
    }

    /// Revokes a delegation for good, and with it everything that rests on it. Other lines of the same
    /// agents are left alone. Once this returns, no call by it is allowed on this node.
    ///
    /// # Errors
    /// If there is no such delegation, it is revoked already, or the store fails.
    pub async fn revoke_delegation(&self, id: &DelegationId) -> Result<Done, ChangeError> {
        let tenant = self.tenant;
        self.change(EventKind::DelegationRevoked, |graph, _| {
            let about = About::leaf(graph, tenant, Leaf::Delegation(*id)).with("delegation", id);
            (graph.revoke_delegation(tenant, *id), about)
        })
        .await
    }

    /// The delegation with this id; `None` if there is none in this tenant.
    #[must_use]
    pub fn delegation(&self, id: &DelegationId) -> Option<Delegation> {
        self.node
            .view
            .read()
            .graph
            .delegation(self.tenant, *id)
            .cloned()
    }

    /// All delegations of this tenant, revoked and expired ones included, in the order in which they were
    /// made.
    #[must_use]
    pub fn delegations(&self) -> Vec<Delegation> {
        let state = self.node.view.read();
        let mut delegations: Vec<Delegation> =
            state.graph.delegations(self.tenant).cloned().collect();
        delegations.sort_by_key(|delegation| delegation.id);
        delegations
    }
}

impl NewDelegation {
    fn draft(
        &self,
        id: DelegationId,
        tenant: TenantId,
        (from, to): (AgentId, AgentId),
        now: Timestamp,
    ) -> DelegationDraft {
        DelegationDraft {
            id,
            tenant,
            from,
            to,
            via: self.via,
            permissions: self.permissions.clone(),
            expires_at: self.end.at(now),
            max_depth: self.max_depth,
            mode: self.mode,
        }
    }
}

pub(crate) fn giving(
    graph: &Graph,
    tenant: TenantId,
    from: AgentId,
    asked: &[Permission],
) -> About {
    About::agent(graph, tenant, from)
        .with("from", from)
        .with_list("asked", asked)
}

/// Adds what came of a delegation to what its event says: its line and what was passed on.
pub(crate) fn described(
    graph: &Graph,
    tenant: TenantId,
    change: Result<kavach_core::Change, Refusal>,
    mut about: About,
) -> Planned {
    let Ok(change) = change else {
        return (change, about);
    };
    if let Some(delegation) = written_delegation(&change) {
        let above = delegation
            .parent
            .map_or(Leaf::Root(delegation.from), Leaf::Delegation);
        let line = graph.line(tenant, above);
        about.agent = Some(delegation.to);
        about.line = line
            .iter()
            .flat_map(|line| &line.hops)
            .map(hop_of)
            .collect();
        about.line.push(kavach_audit::Hop {
            agent: delegation.to,
            delegation: Some(delegation.id),
            at: delegation.created_at,
        });
        about = about
            .with("delegation", delegation.id)
            .with_list("permissions", delegation.grants.permissions())
            .with_some("expires_at", delegation.expires_at)
            .with_some("max_depth", delegation.max_depth);
    }
    (Ok(change), about)
}

pub(crate) fn edited(mut about: About, edit: &DelegationEdit) -> About {
    if let Some(permissions) = &edit.permissions {
        about = about.with_list("asked", permissions);
    }
    about = match edit.expires_at {
        Edit::Keep => about,
        Edit::Clear => about.with("expires_at", "inherited"),
        Edit::Set(at) => about.with("expires_at", at),
    };
    match edit.max_depth {
        Edit::Keep => about,
        Edit::Clear => about.with("max_depth", "inherited"),
        Edit::Set(hops) => about.with("max_depth", hops),
    }
}

fn no_giver() -> Refusal {
    Refusal::new(
        Reason::NotFound,
        "there is no such agent in this tenant; see `agent list`",
    )
}
