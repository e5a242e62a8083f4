//! Taking away again what was taken away since a backup.
//!
//! INVARIANT (only less): nothing here gives anybody more than the backup does. What an event does not say well
//! enough to take exactly that, costs more: a delegation is revoked, an agent suspended. And it is told.

use kavach_audit::EventKind;
use kavach_core::{
    Agent, AgentEdit, AgentId, AgentStatus, Change, Edit, EventId, Graph, GuardrailDraft, Leaf,
    Mode, Name, OwnerStatus, Permission, Reason, Record, Refusal, Selector, SubjectId, narrow,
};

use super::error::ReopenError;
use super::takings::{FromAgent, FromDelegation, FromOwner, FromTenant, Guard};
use crate::agents::updated;
use crate::change::{About, Planned};
use crate::error::ChangeError;
use crate::node::Kavach;
use crate::secret::Secret;

/// In the detail of an event: that of the trail before, by which this was done the first time.
const AGAIN: &str = "again";

/// Bytes of a name that are kept where something is added to it.
const NAME_BYTES_KEPT: usize = 100;

/// What was taken away again.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// How many changes were made.
    pub(super) taken: u64,
    /// Where more was taken than anybody took then, or what is left to do.
    pub(super) stricter: Vec<String>,
}

impl Report {
    fn tell(&mut self, words: String) {
        self.stricter.push(words);
    }
}

impl Kavach {
    /// Takes away from this tenant what others took then.
    pub(super) async fn take_again(
        &self,
        from: &FromTenant,
        report: &mut Report,
    ) -> Result<(), ReopenError> {
        for (name, (event, guard)) in &from.guardrails {
            self.guard_again(name, *event, guard, report).await?;
        }
        for (id, known) in &from.agents {
            self.agent_again(*id, known, report).await?;
        }
        for (id, known) in &from.delegations {
            self.delegation_again(*id, known, report).await?;
        }
        for (key, (event, agent)) in &from.holder_keys {
            if self.remove_holder_key_again(key, *agent, *event).await? {
                report.taken += 1;
            }
        }
        for (what, event) in &from.tokens {
            if self.revoke_tokens_again(*what, *event).await? {
                report.taken += 1;
            }
        }
        for (id, known) in &from.owners {
            self.owner_again(*id, known, report).await?;
        }
        Ok(())
    }

    /// Makes one change as it was made then.
    async fn once_more(
        &self,
        kind: EventKind,
        event: EventId,
        report: &mut Report,
        plan: impl Fn(&Graph, kavach_core::Timestamp) -> Planned,
    ) -> Result<(), ChangeError> {
        let plan = |graph: &Graph, now| {
            let (planned, about) = plan(graph, now);
            (planned, about.with(AGAIN, event))
        };
        match self.change(kind, plan).await {
            // Whoever made it end otherwise was faster.
            Err(ChangeError::Refused(refusal)) if is_over(refusal.reason) => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                report.taken += 1;
                Ok(())
            }
        }
    }

    async fn agent_again(
        &self,
        id: AgentId,
        from: &FromAgent,
        report: &mut Report,
    ) -> Result<(), ReopenError> {
        // Who is not there was created since, and is lost.
        let Some(agent) = self.agent(&id) else {
            return Ok(());
        };
        let fault = self.fault_of(Leaf::Root(id));
        let may_come_back = fault.is_none() || fault == Some(Reason::AgentSuspended);
        if agent.status == AgentStatus::Revoked || (from.revoked.is_none() && !may_come_back) {
            return Ok(());
        }
        let tenant = self.tenant;
        if let Some(event) = from.revoked {
            let revoke = |graph: &Graph, _| {
                let about = About::agent(graph, tenant, id);
                (graph.revoke_agent(tenant, id), about)
            };
            self.once_more(EventKind::AgentRevoked, event, report, revoke)
                .await?;
            return Ok(());
        }
        self.credentials_again(&agent, from, report).await?;
        let Some(suspend) = self.edit_again(&agent, from, report).await? else {
            return Ok(());
        };
        let active = self.agent(&id).map(|agent| agent.status) == Some(AgentStatus::Active);
        if let (Some(event), true) = (suspend.or(from.suspended), active) {
            let suspend = |graph: &Graph, now| {
                let about = About::agent(graph, tenant, id);
                (graph.suspend_agent(tenant, id, now), about)
            };
            self.once_more(EventKind::AgentSuspended, event, report, suspend)
                .await?;
        }
        Ok(())
    }

    /// The credential that came then is lost; those before it must not count.
    async fn credentials_again(
        &self,
        agent: &Agent,
        from: &FromAgent,
        report: &mut Report,
    ) -> Result<(), ReopenError> {
        let Some((event, prefix)) = &from.credentials else {
            return Ok(());
        };
        let last = agent.credentials.last().map(|known| &known.prefix);
        if prefix.is_some() && last == prefix.as_ref() {
            return Ok(());
        }
        let (tenant, id, nobodys) = (self.tenant, agent.id, Secret::generate()?);
        let rotate = |graph: &Graph, now| {
            let about = About::agent(graph, tenant, id).with("overlap_s", 0);
            let planned = graph.rotate_credential(tenant, id, nobodys.record(now), 0);
            (planned, about)
        };
        self.once_more(EventKind::AgentRotated, *event, report, rotate)
            .await?;
        report.tell(format!(
            "agent `{}` got a new credential since, which is lost: no credential of it counts; rotate it",
            agent.name
        ));
        Ok(())
    }

    /// Narrows an agent's grants, and its end. Answers for which event it is to be suspended, if for one;
    /// `None` if it is gone for good.
    async fn edit_again(
        &self,
        agent: &Agent,
        from: &FromAgent,
        report: &mut Report,
    ) -> Result<Option<Option<EventId>>, ReopenError> {
        let mut edit = AgentEdit::default();
        let mut suspend = None;
        let mut because = None;
        if let Some((event, wanted)) = &from.permissions {
            let held: Vec<Permission> = agent.grants.permissions().cloned().collect();
            match wanted.as_deref().map(|wanted| less(&held, wanted)) {
                Some(Ok(left)) if left == held => {}
                Some(Ok(left)) => (edit.permissions, because) = (Some(left), Some(*event)),
                Some(Err(_)) | None => suspend = Some(*event),
            }
        }
        if let Some((event, end)) = from.ends
            && agent.expires_at.is_none_or(|known| end < known)
        {
            if end <= self.now() {
                let (tenant, id) = (self.tenant, agent.id);
                let revoke = |graph: &Graph, _| {
                    let about = About::agent(graph, tenant, id);
                    (graph.revoke_agent(tenant, id), about)
                };
                self.once_more(EventKind::AgentRevoked, event, report, revoke)
                    .await?;
                report.tell(format!(
                    "agent `{}` ended at {end}, and is revoked",
                    agent.name
                ));
                return Ok(None);
            }
            (edit.expires_at, because) = (Edit::Set(end), Some(event));
        }
        if let Some((event, kind)) = from.kind
            && kind != agent.kind
        {
            suspend = Some(event);
        }
        if let Some(event) = because {
            let (tenant, id) = (self.tenant, agent.id);
            let update = |graph: &Graph, now| {
                let about = updated(About::agent(graph, tenant, id), &edit);
                (graph.update_agent(tenant, id, edit.clone(), now), about)
            };
            self.once_more(EventKind::AgentUpdated, event, report, update)
                .await?;
        }
        if suspend.is_some() {
            report.tell(format!(
                "agent `{}` was changed since in a way that cannot be repeated: it is suspended; look at it, and \
                 resume it",
                agent.name
            ));
        }
        Ok(Some(suspend))
    }

    async fn delegation_again(
        &self,
        id: kavach_core::DelegationId,
        from: &FromDelegation,
        report: &mut Report,
    ) -> Result<(), ReopenError> {
        let known = self.delegation(&id);
        let Some(known) = known.filter(|known| !known.revoked) else {
            return Ok(());
        };
        let tenant = self.tenant;
        let revoke = |graph: &Graph, _| {
            let about = About::leaf(graph, tenant, Leaf::Delegation(id));
            let about = about.with("delegation", id);
            (graph.revoke_delegation(tenant, id), about)
        };
        self.once_more(EventKind::DelegationRevoked, from.event, report, revoke)
            .await?;
        if !from.revoked {
            report.tell(format!(
                "the delegation `{id}` from `{}` to `{}` was changed since, and is revoked: make it again",
                known.from, known.to
            ));
        }
        Ok(())
    }

    async fn owner_again(
        &self,
        id: SubjectId,
        from: &FromOwner,
        report: &mut Report,
    ) -> Result<(), ReopenError> {
        let tenant = self.tenant;
        let known = || self.node.view.read().graph.owner(tenant, id).cloned();
        let about = || About {
            owner: Some(id),
            ..About::default()
        };
        // Who is not there was met since.
        if let (Some(event), Some(owner)) = (from.revoked, known())
            && owner.status == OwnerStatus::Active
        {
            let revoke = |graph: &Graph, _| {
                let change = edit_owner(graph, (tenant, id), |owner| {
                    owner.status = OwnerStatus::Offboarded;
                    owner.grants = owner.grants.replaced([]);
                    owner.generation = owner.generation.saturating_add(1);
                });
                (change, about())
            };
            self.once_more(EventKind::OwnerRevoked, event, report, revoke)
                .await?;
        }
        if let (Some((event, wanted)), Some(owner)) = (&from.permissions, known()) {
            let left: Vec<Permission> = owner
                .grants
                .permissions()
                .filter(|held| wanted.contains(held))
                .cloned()
                .collect();
            if left.len() < owner.grants.permissions().count() {
                let narrow = |graph: &Graph, _| {
                    let change = edit_owner(graph, (tenant, id), |owner| {
                        owner.grants = owner.grants.replaced(left.iter().cloned());
                    });
                    (change, about().with_list("permissions", &left))
                };
                self.once_more(EventKind::OwnerUpdated, *event, report, narrow)
                    .await?;
            }
        }
        let name = self.subject(&id);
        if let (Some(_), Some(name)) = (from.erased, name) {
            self.erase_subject(&name).await?;
            report.taken += 1;
        }
        Ok(())
    }

    async fn guard_again(
        &self,
        name: &Name,
        event: EventId,
        guard: &Guard,
        report: &mut Report,
    ) -> Result<(), ReopenError> {
        let _one_at_a_time = self.node.guarding.lock().await;
        let tenant = self.tenant;
        let (agents, present) = {
            let state = self.node.view.read();
            let graph = &state.graph;
            let mut present = graph.guardrails(tenant);
            let present = present.find(|known| known.name == *name).cloned();
            (known_of(graph, tenant, &guard.agents), present)
        };
        // Those whom it spoke of are lost, or it only notes.
        let Some(agents) = agents.filter(|_| !guard.shadow) else {
            return Ok(());
        };
        let mut named = name.clone();
        if let Some(present) = present.filter(|present| !present.shadow) {
            let wider = present.never == guard.never && agents.is_everyone();
            if present.never == guard.never && present.agents == agents {
                return Ok(());
            }
            if wider {
                report.tell(format!("the guardrail `{name}` speaks of everybody now"));
            } else {
                // Both hold: nobody knows which of them forbids less.
                named = beside(name)?;
                report.tell(format!(
                    "the guardrail `{name}` was changed since: it holds as it was, and as `{named}`; remove one"
                ));
            }
        }
        let draft = GuardrailDraft {
            name: named.clone(),
            tenant,
            never: guard.never.clone(),
            agents,
            shadow: false,
        };
        let set = |graph: &Graph, now| {
            let about = About::default()
                .with("guardrail", &named)
                .with("never", &guard.never);
            (graph.set_guardrail(draft.clone(), now), about)
        };
        let over = guard.never.constraints.expires_at;
        if over.is_none_or(|over| self.now() < over) {
            self.once_more(EventKind::GuardrailSet, event, report, set)
                .await?;
        }
        Ok(())
    }
}

/// Whether there is nothing left to take.
fn is_over(reason: Reason) -> bool {
    [
        Reason::AlreadyRevoked,
        Reason::AlreadyExpired,
        Reason::OwnerRevoked,
        Reason::TimeInPast,
    ]
    .contains(&reason)
}

/// What is left of what somebody holds where only this should be.
fn less(held: &[Permission], wanted: &[Permission]) -> Result<Vec<Permission>, Refusal> {
    if held.is_empty() || wanted.is_empty() {
        return Ok(Vec::new());
    }
    if held.len() == wanted.len() && held.iter().all(|known| wanted.contains(known)) {
        return Ok(held.to_vec());
    }
    match narrow(held, wanted, Mode::Attenuate) {
        Err(refusal) if refusal.reason == Reason::NothingLeft => Ok(Vec::new()),
        narrowed => narrowed,
    }
}

/// A change of what is known of a person, who may have no name any more.
fn edit_owner(
    graph: &Graph,
    (tenant, id): (kavach_core::TenantId, SubjectId),
    edit: impl Fn(&mut kavach_core::Owner),
) -> Result<Change, Refusal> {
    let known = graph.owner(tenant, id).cloned();
    let mut owner = known
        .ok_or_else(|| Refusal::new(Reason::NotFound, "there is no such owner in this tenant"))?;
    edit(&mut owner);
    let mut change = Change::default();
    change.writes.push(Record::Owner(owner));
    Ok(change)
}

/// Those of them who are there; `None` if nobody is.
fn known_of(graph: &Graph, tenant: kavach_core::TenantId, agents: &Selector) -> Option<Selector> {
    match agents {
        Selector::Everyone | Selector::Kind(_) => Some(agents.clone()),
        Selector::Owner(owner) => graph.owner(tenant, *owner).map(|_| agents.clone()),
        Selector::Agents(ids) => {
            let known = ids.iter().filter(|id| graph.agent(tenant, **id).is_some());
            let known: Vec<AgentId> = known.copied().collect();
            (!known.is_empty()).then_some(Selector::Agents(known))
        }
    }
}

/// A name for what was set since, beside the one that is there.
fn beside(name: &Name) -> Result<Name, ReopenError> {
    let text = name.as_str();
    let short = text.get(..NAME_BYTES_KEPT).unwrap_or(text);
    format!("{short}-restored")
        .parse()
        .map_err(|error| ReopenError::Change(ChangeError::Invalid(error)))
}
