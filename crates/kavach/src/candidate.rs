//! The state as a declaration would make it, to be looked at before anything is changed.

use std::sync::Arc;

use kavach_core::{Agent, AgentId, Graph, Name, Permission, TenantId, Timestamp};

use crate::answer::Authorization;
use crate::call::{Call, check_context};
use crate::declare::{ApplyError, ApplyOptions, Declaration, Step};
use crate::error::CannotDecide;
use crate::node::Kavach;
use crate::recorded::Books;
use crate::suppose::Supposed;
use crate::view::State;

/// The state as a declaration would make it.
///
/// It is worked out on a copy, which shares with the present state what does not change. Counters, trust and
/// approvals are those of the node.
pub struct Candidate {
    pub(crate) kavach: Kavach,
    present: State,
    then: State,
    steps: Vec<Step>,
}

/// Two answers to one call.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "now and then is all there is")]
pub struct Compared {
    /// The answer as things are.
    pub now: Authorization,
    /// The answer as they would be.
    pub then: Authorization,
}

impl Compared {
    /// Whether another answer would be given, or the same for another reason.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.now.decision != self.then.decision
    }
}

/// What a declaration would change for one agent.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Effect {
    /// Who.
    pub agent: AgentId,
    /// What people call it.
    pub name: Name,
    /// What it may do then, and may not now.
    pub gained: Vec<Permission>,
    /// What it may do now, and may not then.
    pub lost: Vec<Permission>,
    /// Whether these are all: see [`permissions_of`](Kavach::permissions_of).
    pub complete: bool,
}

impl Kavach {
    /// The state as `declaration` would make it now. Nothing is changed.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), but that nothing is committed.
    pub async fn candidate(
        &self,
        declaration: &Declaration,
        options: &ApplyOptions,
    ) -> Result<Candidate, ApplyError> {
        let (present, then, steps) = self.planned(declaration, options).await?;
        let state = self.node.view.read();
        let with = |graph: Graph| State {
            graph,
            tokens: Arc::clone(&state.tokens),
            restored: state.restored.clone(),
            revision: state.revision,
            broken: state.broken,
        };
        Ok(Candidate {
            kavach: self.clone(),
            present: with(present),
            then: with(then),
            steps,
        })
    }
}

impl Candidate {
    /// What applying the declaration would do.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The answers to one call, as things are and as they would be. Nothing is recorded.
    ///
    /// # Errors
    /// If the context is too long, or its arguments are none that could be hashed.
    pub fn compare(&self, call: &Call, supposed: &Supposed) -> Result<Compared, CannotDecide> {
        check_context(&call.context)?;
        Ok(Compared {
            now: self.answer(&self.present, call, supposed),
            then: self.answer(&self.then, call, supposed),
        })
    }

    /// The answer to one call as it would be. Nothing is recorded.
    ///
    /// # Errors
    /// If the context is too long, or its arguments are none that could be hashed.
    pub fn decide(&self, call: &Call, supposed: &Supposed) -> Result<Authorization, CannotDecide> {
        check_context(&call.context)?;
        Ok(self.answer(&self.then, call, supposed))
    }

    fn answer(&self, state: &State, call: &Call, supposed: &Supposed) -> Authorization {
        let now = supposed.at.unwrap_or_else(|| self.kavach.now());
        let books = Books::of(&self.kavach.node, &state.graph).trusting(supposed.trust);
        let decided = self
            .kavach
            .decide(state, call, supposed.approvals, &books, now);
        decided.answer(&state.graph, call, None)
    }

    /// The revision of the state that it was worked out on. Once the node has moved on, make a new one.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.present.revision.number()
    }

    /// The agents that could do more, or less, than now; in order of their names.
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        let (tenant, at) = (self.kavach.tenant, self.kavach.now());
        let agents = self.then.graph.agents(tenant);
        let mut effects: Vec<Effect> = agents
            .filter_map(|agent| self.effect(agent, tenant, at))
            .collect();
        effects.sort_by(|one, other| one.name.cmp(&other.name));
        effects
    }

    fn effect(&self, agent: &Agent, tenant: TenantId, at: Timestamp) -> Option<Effect> {
        let held = |state: &State| {
            let lines = state.graph.permissions_of(tenant, agent.id, at);
            let lines = lines.unwrap_or_default();
            let complete = lines.iter().all(|line| line.complete);
            let permissions = lines.into_iter().flat_map(|line| line.permissions);
            (permissions.collect::<Vec<_>>(), complete)
        };
        let ((before, all_before), (after, all_after)) = (held(&self.present), held(&self.then));
        let beyond = |some: &[Permission], others: &[Permission]| {
            let new = some
                .iter()
                .filter(|one| !others.iter().any(|other| other.contains(one)));
            new.cloned().collect::<Vec<_>>()
        };
        let (gained, lost) = (beyond(&after, &before), beyond(&before, &after));
        if gained.is_empty() && lost.is_empty() {
            return None;
        }
        Some(Effect {
            agent: agent.id,
            name: agent.name.clone(),
            gained,
            lost,
            complete: all_before && all_after,
        })
    }

    pub(crate) fn present(&self) -> &State {
        &self.present
    }

    pub(crate) fn then(&self) -> &State {
        &self.then
    }
}

impl std::fmt::Debug for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Candidate")
            .field("steps", &self.steps)
            .finish_non_exhaustive()
    }
}
