//! Agents as declared.

use std::collections::{BTreeSet, HashSet};

use kavach_audit::EventKind;
use kavach_core::{
    Agent, AgentDraft, AgentEdit, AgentId, AgentKind, AgentStatus, Edit, Grants, Name, OwnerDraft,
    Permission,
};

use super::plan::Plan;
use super::{ApplyError, DeclaredAgent, Doing, Place, Step};
use crate::agents::updated;
use crate::change::About;
use crate::error::ChangeError;
use crate::random;
use crate::secret::Secret;
use crate::tokens::is_registered;

impl Plan<'_> {
    pub(super) fn agents(&mut self, declared: &[DeclaredAgent]) -> Result<(), ApplyError> {
        let mut seen: HashSet<&Name> = HashSet::new();
        for (number, agent) in declared.iter().enumerate() {
            if seen.insert(&agent.name) {
                self.agent(number, agent)?;
            } else {
                let message = format!("agent `{}` is declared twice; keep one", agent.name);
                self.problem(Place::Agent(number, "name"), message);
            }
        }
        Ok(())
    }

    fn agent(&mut self, number: usize, declared: &DeclaredAgent) -> Result<(), ApplyError> {
        let known = self
            .graph
            .agent_named(self.tenant(), &declared.name)
            .cloned();
        match known {
            None => self.create(number, declared),
            Some(known) if known.status == AgentStatus::Revoked => {
                if self.options.recreate.contains(&declared.name) {
                    return self.create(number, declared);
                }
                let place = Place::Agent(number, "name");
                self.problem(place, revoked_name(&declared.name));
                Ok(())
            }
            Some(known) => self.adjust(number, declared, &known),
        }
    }

    fn create(&mut self, number: usize, declared: &DeclaredAgent) -> Result<(), ApplyError> {
        let now_ns = self.kavach.node.clock.now_ns();
        let id = random::agent_id(now_ns).map_err(ChangeError::from)?;
        let fresh = random::subject_id(now_ns).map_err(ChangeError::from)?;
        let credential = Secret::generate().map_err(ChangeError::from)?;
        let expires_at = declared.end.after(self.now);
        let draft = AgentDraft {
            id,
            tenant: self.tenant(),
            owner: OwnerDraft::Named {
                subject: declared.owner.clone(),
                fresh,
            },
            name: declared.name.clone(),
            kind: declared.kind.unwrap_or(AgentKind::Autonomous),
            expires_at,
            permissions: declared.permissions.clone(),
            credential: credential.record(self.now),
            metadata: declared.metadata.clone(),
            recreate: true,
        };
        let kind = draft.kind;
        let change = match self.graph.create_agent(draft, self.now) {
            Ok(change) => change,
            Err(refusal) => {
                self.refused(Place::Agent(number, field_of(&refusal)), &refusal);
                return Ok(());
            }
        };
        let about = About {
            agent: Some(id),
            owner: Some(
                self.graph
                    .subject_id(self.tenant(), &declared.owner)
                    .unwrap_or(fresh),
            ),
            line: vec![kavach_audit::Hop {
                agent: id,
                delegation: None,
                at: self.now,
            }],
            ..About::default()
        };
        let about = about
            .with("kind", kind)
            .with_list("permissions", &declared.permissions);
        self.absorb(
            EventKind::AgentCreated,
            about.with_some("expires_at", expires_at),
            change,
        )?;
        self.named_agents.push(id);
        let mut details = vec![format!("owner {}", declared.owner)];
        details.extend(
            declared
                .permissions
                .iter()
                .map(|permission| format!("+ {permission}")),
        );
        details.extend(expires_at.map(|at| format!("expires {at}")));
        details.extend(self.holder_keys(number, declared, id)?);
        self.steps.push(Step {
            doing: Doing::Create,
            what: format!("agent {}", declared.name),
            details,
            credential: (!self.options.dry_run).then(|| (declared.name.clone(), credential)),
        });
        Ok(())
    }

    /// Registers the keys that are declared and not registered, and says which those are.
    fn holder_keys(
        &mut self,
        number: usize,
        declared: &DeclaredAgent,
        id: AgentId,
    ) -> Result<Vec<String>, ApplyError> {
        let mut added = Vec::new();
        for registration in &declared.holder_keys {
            let key = registration.key();
            if is_registered(&self.tokens, self.tenant(), id, &key) {
                continue;
            }
            match self.register(id, registration)? {
                Ok(()) => added.push(format!("+ holder key {key}")),
                Err(refusal) => self.refused(Place::Agent(number, "holder_keys"), &refusal),
            }
        }
        Ok(added)
    }

    fn adjust(
        &mut self,
        number: usize,
        declared: &DeclaredAgent,
        known: &Agent,
    ) -> Result<(), ApplyError> {
        self.named_agents.push(known.id);
        let owner = self.graph.subject(self.tenant(), known.owner);
        if owner != Some(&declared.owner) {
            let message = format!(
                "the owner of `{}` never changes; leave it as it is, or choose another name",
                declared.name
            );
            self.problem(Place::Agent(number, "owner"), message);
            return Ok(());
        }
        let mut edit = AgentEdit::default();
        let mut details = differences(&known.grants, &declared.permissions);
        if !details.is_empty() {
            edit.permissions = Some(declared.permissions.clone());
        }
        let end = declared.end.after(known.created_at);
        if end != known.expires_at {
            edit.expires_at = end.map_or(Edit::Clear, Edit::Set);
            details
                .push(end.map_or_else(|| "never expires".to_owned(), |at| format!("expires {at}")));
        }
        if let Some(kind) = declared.kind.filter(|kind| *kind != known.kind) {
            edit.kind = Some(kind);
            details.push(format!("kind {kind}"));
        }
        if declared.metadata != known.metadata {
            edit.metadata = Some(declared.metadata.clone());
            details.push("metadata".to_owned());
        }
        let doing = if edit.is_empty() {
            Doing::Keep
        } else {
            Doing::Update
        };
        if doing == Doing::Update {
            let about = updated(About::agent(&self.graph, self.tenant(), known.id), &edit);
            match self
                .graph
                .update_agent(self.tenant(), known.id, edit, self.now)
            {
                Ok(change) => self.absorb(EventKind::AgentUpdated, about, change)?,
                Err(refusal) => {
                    self.refused(Place::Agent(number, field_of(&refusal)), &refusal);
                    return Ok(());
                }
            }
        }
        let keys = self.holder_keys(number, declared, known.id)?;
        let doing = if keys.is_empty() {
            doing
        } else {
            Doing::Update
        };
        details.extend(keys);
        self.steps.push(Step {
            doing,
            what: format!("agent {}", declared.name),
            details,
            credential: None,
        });
        Ok(())
    }
}

pub(super) fn revoked_name(name: &Name) -> String {
    format!("`{name}` was revoked; name another, or say `--recreate {name}` to take the name again")
}

/// What must be added to and taken from `present` to have `wanted`, for people.
pub(super) fn differences(present: &Grants, wanted: &[Permission]) -> Vec<String> {
    let present: BTreeSet<String> = present.permissions().map(ToString::to_string).collect();
    let wanted: BTreeSet<String> = wanted.iter().map(ToString::to_string).collect();
    let added = wanted
        .difference(&present)
        .map(|permission| format!("+ {permission}"));
    added
        .chain(
            present
                .difference(&wanted)
                .map(|permission| format!("- {permission}")),
        )
        .collect()
}

/// The field of a table that a refusal speaks of.
pub(super) fn field_of(refusal: &kavach_core::Refusal) -> &'static str {
    use kavach_core::Reason;
    let others = [
        (Reason::OwnerRevoked, "owner"),
        (Reason::NameTaken, "name"),
        (Reason::AmbiguousVia, "via"),
    ];
    let found = others.iter().find(|(reason, _)| *reason == refusal.reason);
    found.map_or("permissions", |(_, field)| field)
}
