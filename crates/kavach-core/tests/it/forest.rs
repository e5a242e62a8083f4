//! Random forests: agents and delegations that come about, change and end step by step.

use std::sync::LazyLock;

use kavach_core::{
    Action, AgentEdit, AgentId, AgentStatus, Change, DelegationDraft, DelegationEdit, DelegationId,
    Edit, Leaf, Mode, OwnerDraft, Permission, Refusal, Resource, SpawnDraft, Subject, SubjectId,
    TenantId,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy};
use proptest::prop_oneof;

use crate::world::World;

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

const PATTERNS: &[&str] = &[
    "**",
    "**",
    "**",
    "**",
    "mcp:**",
    "mcp:**",
    "mcp:**",
    "mcp:*",
    "mcp:*:*",
    "mcp:*:**",
    "mcp:a",
    "mcp:a*",
    "mcp:a:*",
    "mcp:a:**",
    "mcp:a:b",
    "mcp:a:ab",
    "mcp:a:a*",
    "mcp:*:a*",
    "mcp:*:b",
    "mcp:b:**",
    "mcp:a:b:*",
    "mcp:*:*:*",
    "mcp:*:*:**",
    "mcp:a:*:b",
    "app:**",
    "app:*",
    "app:a",
];

const ACTIONS: &[&[&str]] = &[&["*"], &["*"], &["read"], &["write"], &["read", "write"]];

/// One permission to be.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    actions: usize,
    pattern: usize,
    lifetime_s: Option<u64>,
    depth: Option<u8>,
}

/// One thing that happens. Numbers choose among what there is, wrapping around.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Create {
        name: usize,
        owner: usize,
        elsewhere: bool,
        recreate: bool,
        grants: Vec<Piece>,
        lifetime_s: Option<u64>,
    },
    Spawn {
        from: usize,
        name: usize,
        grants: Vec<Piece>,
        bounds: Bounds,
    },
    Delegate {
        from: usize,
        to: usize,
        via: Option<usize>,
        grants: Vec<Piece>,
        bounds: Bounds,
    },
    EditAgent {
        agent: usize,
        grants: Option<Vec<Piece>>,
        lifetime_s: Option<Option<u64>>,
    },
    AddGrant(usize, Piece),
    DropGrant(usize, usize),
    EditDelegation {
        delegation: usize,
        grants: Option<Vec<Piece>>,
        bounds: Bounds,
    },
    Suspend(usize),
    Resume(usize),
    RevokeAgent(usize),
    RevokeDelegation(usize),
    RevokeOwner(usize),
    Reinstate(usize),
    Wait(u64),
}

/// How a delegation is bounded, and how it is narrowed.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) lifetime_s: Option<u64>,
    pub(crate) depth: Option<u8>,
    attenuate: bool,
}

impl Step {
    /// What happens, in one word.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Spawn { .. } => "spawn",
            Self::Delegate { .. } => "delegate",
            Self::EditAgent { .. } => "edit agent",
            Self::AddGrant(..) => "add grant",
            Self::DropGrant(..) => "drop grant",
            Self::EditDelegation { .. } => "edit delegation",
            Self::Suspend(_) => "suspend",
            Self::Resume(_) => "resume",
            Self::RevokeAgent(_) => "revoke agent",
            Self::RevokeDelegation(_) => "revoke delegation",
            Self::RevokeOwner(_) => "revoke owner",
            Self::Reinstate(_) => "reinstate owner",
            Self::Wait(_) => "wait",
        }
    }

    /// Whether it only takes away.
    pub(crate) fn narrows(&self) -> bool {
        matches!(
            self,
            Self::DropGrant(..)
                | Self::Suspend(_)
                | Self::RevokeAgent(_)
                | Self::RevokeDelegation(_)
                | Self::RevokeOwner(_)
                | Self::Reinstate(_)
                | Self::Wait(_)
        )
    }

    /// Whether it only gives.
    pub(crate) fn widens(&self) -> bool {
        matches!(
            self,
            Self::Create { .. }
                | Self::Spawn { .. }
                | Self::Delegate { .. }
                | Self::AddGrant(..)
                | Self::Resume(_)
                | Self::Reinstate(_)
        )
    }
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    vec(piece(), 1..4)
}

fn piece() -> impl Strategy<Value = Piece> {
    let lifetime_s = option::weighted(0.15, 1..60_u64);
    let depth = option::weighted(0.15, 0..5_u8);
    let parts = (0..ACTIONS.len(), 0..PATTERNS.len(), lifetime_s, depth);
    parts.prop_map(|(actions, pattern, lifetime_s, depth)| Piece {
        actions,
        pattern,
        lifetime_s,
        depth,
    })
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let lifetime_s = option::weighted(0.15, 1..60_u64);
    let depth = option::weighted(0.15, 0..5_u8);
    (lifetime_s, depth, proptest::bool::weighted(0.7)).prop_map(|(lifetime_s, depth, attenuate)| {
        Bounds {
            lifetime_s,
            depth,
            attenuate,
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let which = || 0..1000_usize;
    let lifetime_s = || option::weighted(0.25, 1..60_u64);
    let rarely = || proptest::bool::weighted(0.1);
    prop_oneof![
        3 => (which(), 0..3_usize, rarely(), rarely(), pieces(), lifetime_s()).prop_map(
            |(name, owner, elsewhere, recreate, grants, lifetime_s)| Step::Create {
                name, owner, elsewhere, recreate, grants, lifetime_s,
            }
        ),
        10 => (which(), which(), pieces(), bounds()).prop_map(
            |(from, name, grants, bounds)| Step::Spawn { from, name, grants, bounds }
        ),
        25 => (which(), which(), option::weighted(0.3, which()), pieces(), bounds()).prop_map(
            |(from, to, via, grants, bounds)| Step::Delegate { from, to, via, grants, bounds }
        ),
        1 => (which(), option::of(pieces()), option::of(lifetime_s())).prop_map(
            |(agent, grants, lifetime_s)| Step::EditAgent { agent, grants, lifetime_s }
        ),
        2 => (which(), piece()).prop_map(|(agent, piece)| Step::AddGrant(agent, piece)),
        1 => (which(), which()).prop_map(|(agent, grant)| Step::DropGrant(agent, grant)),
        2 => (which(), option::of(pieces()), bounds()).prop_map(
            |(delegation, grants, bounds)| Step::EditDelegation { delegation, grants, bounds }
        ),
        2 => which().prop_map(Step::Suspend),
        5 => which().prop_map(Step::Resume),
        1 => which().prop_map(Step::RevokeAgent),
        1 => which().prop_map(Step::RevokeDelegation),
        1 => (0..12_usize).prop_map(Step::RevokeOwner),
        2 => (0..3_usize).prop_map(Step::Reinstate),
        3 => prop_oneof![Just(1_u64), 1..30_u64].prop_map(Step::Wait),
    ]
}

/// Sequences of steps.
pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), most / 2..=most)
}

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
    pub(crate) agents: Vec<(TenantId, AgentId)>,
    pub(crate) delegations: Vec<(TenantId, DelegationId)>,
    spelling: Spelling,
}

impl Forest {
    pub(crate) fn new(spelling: Spelling) -> Self {
        Self {
            world: World::new(),
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
            Step::Spawn {
                from,
                name,
                grants,
                bounds,
            } => {
                let delegation = self.draft(*from, *from, None, grants, bounds)?;
                let mut agent = self.world.agent_draft(&format!("n{}", name % 40), &[]);
                agent.tenant = delegation.tenant;
                let parent = self.world.graph.agent(delegation.tenant, delegation.from)?;
                agent.owner = OwnerDraft::Known(parent.owner);
                self.world
                    .graph
                    .spawn(SpawnDraft { agent, delegation }, now)
            }
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
                let mut edit = DelegationEdit::default();
                edit.permissions = grants.as_ref().map(|grants| self.permissions(grants));
                edit.expires_at = bounds
                    .lifetime_s
                    .map_or(Edit::Keep, |seconds| Edit::Set(now.plus_s(seconds)));
                edit.max_depth = bounds.depth.map_or(Edit::Clear, Edit::Set);
                edit.mode = mode(bounds);
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
            Step::Reinstate(which) => self
                .world
                .graph
                .reinstate_owner(TenantId::DEFAULT, &owner(*which)),
            Step::Wait(seconds) => {
                self.world.wait_s(*seconds);
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
            _ => return None,
        };
        Some(graph.update_agent(id.0, id.1, edit, now))
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
                kavach_core::Record::Agent(agent) => born.push((agent.tenant, agent.id)),
                kavach_core::Record::Delegation(new) => given.push((new.tenant, new.id)),
                _ => {}
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
        let text = format!("{}:{pattern}", actions.join(","));
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
