//! Random forests: agents and delegations that come about, change and end step by step.

use std::sync::LazyLock;

use crate::world::World;
use kavach_core::{
    Action, AgentEdit, AgentId, AgentStatus, Change, DelegationDraft, DelegationEdit, DelegationId,
    Edit, GuardrailDraft, Leaf, Mode, OwnerDraft, OwnerStatus, Permission, Record, Refusal,
    Resource, Selector, SpawnDraft, Subject, SubjectId, TenantId, Timestamp,
};

mod step;

use step::{ACTIONS, EXTRAS, OWNERS, PATTERNS};
pub(crate) use step::{Bounds, Piece, Step, bounded_steps, steps};

/// Every request that is asked. `z` and `zap` stand for whatever no permission names, and each pattern
/// below has a resource here that only it and wider ones match, so that sets differ if patterns do.
pub(crate) static UNIVERSE: LazyLock<Vec<(Action, Resource)>> = LazyLock::new(|| {
    let mut resources: Vec<String> = Vec::new();
    for first in ["a", "b", "ab", "z"] {
        resources.push(format!("mcp:{first}"));
        for second in ["a", "b", "ab", "az", "z"] {
            resources.push(format!("mcp:{first}:{second}"));
        }
    }
    for first in ["a", "b", "z"] {
        for (second, third) in [("a", "z"), ("b", "b"), ("b", "z"), ("z", "b"), ("z", "z")] {
            resources.push(format!("mcp:{first}:{second}:{third}"));
        }
        resources.push(format!("mcp:{first}:z:z:z"));
    }
    let others = [
        "mcp:az",
        "mcp:a:b:z:z",
        "app:a",
        "app:z",
        "app:a:z",
        "app:z:z",
        "x-z:z",
        "x-z:z:z",
    ];
    resources.extend(others.map(String::from));
    let all = resources.iter().flat_map(|resource| {
        let of = |action: &str| (action.parse().unwrap(), resource.parse().unwrap());
        ["read", "write", "zap"].map(of)
    });
    all.collect()
});

/// How permissions are spelled and in which order they are named; nothing of it may matter.
#[derive(Clone, Copy)]
pub(crate) struct Spelling {
    pub(crate) letter: fn(char) -> char,
    pub(crate) action: fn(&str) -> &str,
    pub(crate) reversed: bool,
}

impl Spelling {
    pub(crate) const PLAIN: Self = Self {
        letter: |letter| letter,
        action: |action| action,
        reversed: false,
    };

    /// A pattern or a resource with the letters after its kind replaced.
    pub(crate) fn spell(&self, text: &str) -> String {
        match text.split_once(':') {
            None => text.into(),
            Some((kind, rest)) => {
                let rest: String = rest.chars().map(self.letter).collect();
                format!("{kind}:{rest}")
            }
        }
    }
}

pub(crate) struct Forest {
    pub(crate) world: World,
    /// When it began.
    pub(crate) start: Timestamp,
    pub(crate) agents: Vec<(TenantId, AgentId)>,
    pub(crate) delegations: Vec<(TenantId, DelegationId)>,
    spelling: Spelling,
}

impl Forest {
    pub(crate) fn new(spelling: Spelling) -> Self {
        let world = World::new();
        Self {
            start: world.now,
            world,
            agents: Vec::new(),
            delegations: Vec::new(),
            spelling,
        }
    }

    /// Every line that there is or was, with its holder.
    pub(crate) fn lines(&self) -> Vec<(TenantId, AgentId, Leaf)> {
        let roots = self
            .agents
            .iter()
            .map(|(tenant, id)| (*tenant, *id, Leaf::Root(*id)));
        let delegated = self.delegations.iter().map(|(tenant, id)| {
            let delegation = self.world.graph.delegation(*tenant, *id).unwrap();
            (*tenant, delegation.to, Leaf::Delegation(*id))
        });
        roots.chain(delegated).collect()
    }

    /// Works out what `step` would change, and changes nothing; `None` if there is nothing to do it to.
    pub(crate) fn propose(&mut self, step: &Step) -> Option<Result<Change, Refusal>> {
        let now = self.world.now;
        let change = match step {
            Step::Create { .. } => self.create(step),
            Step::Spawn { .. } => self.spawn(step)?,
            Step::Delegate {
                from,
                to,
                via,
                grants,
                bounds,
            } => {
                let draft = self.draft(*from, *to, *via, grants, bounds)?;
                self.world.graph.delegate(draft, now)
            }
            Step::EditDelegation {
                delegation,
                grants,
                bounds,
            } => {
                let (tenant, id) = *pick(&self.delegations, *delegation)?;
                let edit = self.delegation_edit(grants.as_deref(), bounds);
                self.world.graph.update_delegation(tenant, id, edit, now)
            }
            Step::RevokeDelegation(which) => {
                let (tenant, id) = *pick(&self.delegations, *which)?;
                self.world.graph.revoke_delegation(tenant, id)
            }
            Step::RevokeOwner(which) => {
                let fresh = SubjectId::from_u128(self.world.draw());
                self.world
                    .graph
                    .revoke_owner(TenantId::DEFAULT, &owner(*which), fresh)
            }
            Step::Reinstate(which) => {
                let gone = self.off_boarded();
                let subject = pick(&gone, *which)?;
                self.world.graph.reinstate_owner(TenantId::DEFAULT, subject)
            }
            Step::Guard { .. } => self.guard(step)?,
            Step::Unguard(name) => {
                let name = format!("rail-{name}").parse().unwrap();
                self.world.graph.remove_guardrail(TenantId::DEFAULT, &name)
            }
            Step::Wait(seconds) => {
                self.world.wait_s(*seconds);
                Ok(Change::default())
            }
            Step::WaitForAnEnd(which) => {
                let end = *pick(&self.ends(), which / 2)?;
                let seconds = end.as_s() - now.as_s() - (which % 2) as i64;
                self.world.wait_s(seconds.unsigned_abs());
                Ok(Change::default())
            }
            Step::EditAgent { .. }
            | Step::AddGrant(..)
            | Step::DropGrant(..)
            | Step::Suspend(_)
            | Step::Resume(_)
            | Step::RevokeAgent(_) => return self.change_agent(step),
        };
        Some(change)
    }

    fn spawn(&mut self, step: &Step) -> Option<Result<Change, Refusal>> {
        let Step::Spawn {
            from,
            name,
            grants,
            bounds,
        } = step
        else {
            return None;
        };
        let delegation = self.draft(*from, *from, None, grants, bounds)?;
        let mut agent = self.world.agent_draft(&format!("n{}", name % 40), &[]);
        agent.tenant = delegation.tenant;
        let parent = self.world.graph.agent(delegation.tenant, delegation.from)?;
        agent.owner = OwnerDraft::Known(parent.owner);
        let draft = SpawnDraft { agent, delegation };
        Some(self.world.graph.spawn(draft, self.world.now))
    }

    fn delegation_edit(&self, grants: Option<&[Piece]>, bounds: &Bounds) -> DelegationEdit {
        let now = self.world.now;
        let mut edit = DelegationEdit::default();
        edit.permissions = grants.map(|grants| self.permissions(grants));
        edit.expires_at = bounds
            .lifetime_s
            .map_or(Edit::Keep, |seconds| Edit::Set(now.plus_s(seconds)));
        edit.max_depth = bounds.depth.map_or(Edit::Clear, Edit::Set);
        edit.mode = mode(bounds);
        edit
    }

    fn off_boarded(&self) -> Vec<Subject> {
        let graph = &self.world.graph;
        let gone = (0..OWNERS).map(owner).filter(|subject| {
            let id = graph.subject_id(TenantId::DEFAULT, subject);
            let owner = id.and_then(|id| graph.owner(TenantId::DEFAULT, id));
            owner.is_some_and(|owner| owner.status == OwnerStatus::Offboarded)
        });
        gone.collect()
    }

    fn create(&mut self, step: &Step) -> Result<Change, Refusal> {
        let Step::Create {
            name,
            owner: whose,
            elsewhere,
            recreate,
            grants,
            lifetime_s,
        } = step
        else {
            return Ok(Change::default());
        };
        let now = self.world.now;
        let mut draft = self.world.agent_draft(&format!("n{}", name % 40), &[]);
        if *elsewhere {
            draft.tenant = TenantId::from_parts(1, 1);
        }
        draft.owner = OwnerDraft::Named {
            subject: owner(*whose),
            fresh: SubjectId::from_u128(self.world.draw()),
        };
        draft.recreate = *recreate;
        draft.expires_at = lifetime_s.map(|seconds| now.plus_s(seconds));
        draft.permissions = self.permissions(grants);
        self.world.graph.create_agent(draft, now)
    }

    fn guard(&self, step: &Step) -> Option<Result<Change, Refusal>> {
        let Step::Guard {
            name,
            never,
            agents,
            shadow,
        } = step
        else {
            return None;
        };
        let (tenant, id) = *pick(&self.agents, agents / 4)?;
        let agent = self.world.graph.agent(tenant, id)?;
        let draft = GuardrailDraft {
            name: format!("rail-{name}").parse().unwrap(),
            tenant,
            never: self.permission(never),
            agents: match agents % 4 {
                0 => Selector::Everyone,
                1 => Selector::Kind(agent.kind),
                2 => Selector::Owner(agent.owner),
                _ => Selector::Agents(vec![id]),
            },
            shadow: *shadow,
        };
        Some(self.world.graph.set_guardrail(draft, self.world.now))
    }

    fn change_agent(&self, step: &Step) -> Option<Result<Change, Refusal>> {
        let (graph, now) = (&self.world.graph, self.world.now);
        let mut edit = AgentEdit::default();
        let held = |id: &(TenantId, AgentId)| -> Vec<Permission> {
            let agent = graph.agent(id.0, id.1).unwrap();
            agent.grants.permissions().cloned().collect()
        };
        let id = match step {
            Step::EditAgent {
                agent,
                grants,
                lifetime_s,
            } => {
                edit.permissions = grants.as_ref().map(|grants| self.permissions(grants));
                edit.expires_at = match lifetime_s {
                    None => Edit::Keep,
                    Some(None) => Edit::Clear,
                    Some(Some(seconds)) => Edit::Set(now.plus_s(*seconds)),
                };
                pick(&self.agents, *agent)?
            }
            Step::AddGrant(agent, piece) => {
                let id = pick(&self.agents, *agent)?;
                let mut grants = held(id);
                grants.push(self.permission(piece));
                edit.permissions = Some(grants);
                id
            }
            Step::DropGrant(agent, grant) => {
                let id = pick(&self.agents, *agent)?;
                let mut grants = held(id);
                if !grants.is_empty() {
                    grants.remove(grant % grants.len());
                }
                edit.permissions = Some(grants);
                id
            }
            Step::Suspend(which) => {
                let (tenant, id) = *pick(&self.agents, *which)?;
                return Some(graph.suspend_agent(tenant, id, now));
            }
            Step::Resume(which) => {
                let suspended = |(tenant, id): &&(TenantId, AgentId)| {
                    let agent = graph.agent(*tenant, *id);
                    agent.is_some_and(|agent| agent.status == AgentStatus::Suspended)
                };
                let suspended: Vec<_> = self.agents.iter().filter(suspended).collect();
                let (tenant, id) = **pick(&suspended, *which)?;
                return Some(graph.resume_agent(tenant, id, now));
            }
            Step::RevokeAgent(which) => {
                let (tenant, id) = *pick(&self.agents, *which)?;
                return Some(graph.revoke_agent(tenant, id));
            }
            Step::Create { .. }
            | Step::Spawn { .. }
            | Step::Delegate { .. }
            | Step::EditDelegation { .. }
            | Step::RevokeDelegation(_)
            | Step::RevokeOwner(_)
            | Step::Reinstate(_)
            | Step::Guard { .. }
            | Step::Unguard(_)
            | Step::Wait(_)
            | Step::WaitForAnEnd(_) => return None,
        };
        Some(graph.update_agent(id.0, id.1, edit, now))
    }

    /// The next seconds in which something ends.
    fn ends(&self) -> Vec<Timestamp> {
        let graph = &self.world.graph;
        let mut ends = Vec::new();
        for (tenant, id) in &self.agents {
            let agent = graph.agent(*tenant, *id).unwrap();
            let granted = agent.grants.permissions();
            ends.extend(granted.filter_map(|granted| granted.constraints.expires_at));
            ends.extend(agent.expires_at);
        }
        for (tenant, id) in &self.delegations {
            let delegation = graph.delegation(*tenant, *id).unwrap();
            let granted = delegation.grants.permissions();
            ends.extend(granted.filter_map(|granted| granted.constraints.expires_at));
            ends.extend(delegation.expires_at);
        }
        ends.retain(|end| *end > self.world.now);
        ends.sort_unstable();
        ends.dedup();
        // Whoever waits for a far one ends all the others too.
        ends.truncate(4);
        ends
    }

    /// The delegation that a step speaks of.
    pub(crate) fn draft(
        &mut self,
        from: usize,
        to: usize,
        via: Option<usize>,
        grants: &[Piece],
        bounds: &Bounds,
    ) -> Option<DelegationDraft> {
        let (tenant, from, line) = self.giver(from)?;
        let (_, to) = *pick(&self.agents, to)?;
        let lines = self.world.oracle.lines(tenant, from);
        Some(DelegationDraft {
            id: DelegationId::from_u128(self.world.draw()),
            tenant,
            from,
            to,
            via: line.or(via.and_then(|via| pick(&lines, via).copied())),
            permissions: self.permissions(grants),
            expires_at: bounds
                .lifetime_s
                .map(|seconds| self.world.now.plus_s(seconds)),
            max_depth: bounds.depth,
            mode: mode(bounds),
        })
    }

    /// Mostly one of the latest lines that still hold, so that lines grow long; at times just anybody.
    fn giver(&self, which: usize) -> Option<(TenantId, AgentId, Option<Leaf>)> {
        let (oracle, now) = (&self.world.oracle, self.world.now);
        let lines = self.lines();
        let live: Vec<_> = lines
            .into_iter()
            .filter(|(tenant, _, leaf)| oracle.holds(*tenant, *leaf, now))
            .collect();
        let latest = live.rchunks(4).next().unwrap_or_default();
        match pick(latest, which / 8) {
            Some((tenant, holder, leaf)) if which % 8 > 1 => {
                Some((*tenant, *holder, (which % 8 > 3).then_some(*leaf)))
            }
            _ => {
                let (tenant, id) = pick(&self.agents, which / 8)?;
                Some((*tenant, *id, None))
            }
        }
    }

    /// Takes a step; `None` if there is nothing to do it to.
    pub(crate) fn take(&mut self, step: &Step) -> Option<Result<(), Refusal>> {
        let change = self.propose(step)?;
        let mut born = Vec::new();
        let mut given = Vec::new();
        for record in change.iter().flat_map(|change| &change.writes) {
            match record {
                Record::Agent(agent) => born.push((agent.tenant, agent.id)),
                Record::Delegation(new) => given.push((new.tenant, new.id)),
                Record::Owner(_) | Record::Subject(_) | Record::Name(_) | Record::Guardrail(_) => {}
            }
        }
        born.retain(|new| !self.agents.contains(new));
        given.retain(|new| !self.delegations.contains(new));
        self.agents.extend(born);
        self.delegations.extend(given);
        Some(self.world.commit(change))
    }

    pub(crate) fn permissions(&self, pieces: &[Piece]) -> Vec<Permission> {
        let permissions = pieces.iter().map(|piece| self.permission(piece));
        if self.spelling.reversed {
            permissions.rev().collect()
        } else {
            permissions.collect()
        }
    }

    fn permission(&self, piece: &Piece) -> Permission {
        let actions: Vec<&str> = ACTIONS[piece.actions]
            .iter()
            .map(|action| (self.spelling.action)(action))
            .collect();
        let pattern = self.spelling.spell(PATTERNS[piece.pattern]);
        let extra = EXTRAS[piece.extra];
        let mark = if extra.is_empty() { "" } else { "?" };
        let text = format!("{}:{pattern}{mark}{extra}", actions.join(","));
        let mut permission: Permission = text.parse().unwrap();
        permission.constraints.max_depth = piece.depth;
        let lifetime_s = piece.lifetime_s;
        permission.constraints.expires_at =
            lifetime_s.map(|seconds| self.world.now.plus_s(seconds));
        permission
    }
}

fn mode(bounds: &Bounds) -> Mode {
    if bounds.attenuate {
        Mode::Attenuate
    } else {
        Mode::Strict
    }
}

fn owner(which: usize) -> Subject {
    Subject::user(&format!("owner-{which}")).unwrap()
}

fn pick<T>(all: &[T], which: usize) -> Option<&T> {
    all.get(which.checked_rem(all.len())?)
}
