//! What can happen in a forest, and random sequences of it.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::Strategy;
use proptest::prop_oneof;

/// How many subjects have agents.
pub(super) const OWNERS: usize = 3;

pub(super) const PATTERNS: &[&str] = &[
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

pub(super) const ACTIONS: &[&[&str]] = &[&["*"], &["*"], &["read"], &["write"], &["read", "write"]];

/// One permission to be.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(super) actions: usize,
    pub(super) pattern: usize,
    pub(super) lifetime_s: Option<u64>,
    pub(super) depth: Option<u8>,
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
    /// Until the second in which something ends, or the one before.
    WaitForAnEnd(usize),
}

/// How a delegation is bounded, and how it is narrowed.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) lifetime_s: Option<u64>,
    pub(crate) depth: Option<u8>,
    pub(super) attenuate: bool,
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
            Self::Wait(_) | Self::WaitForAnEnd(_) => "wait",
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
                | Self::WaitForAnEnd(_)
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
    let depth = option::weighted(0.25, 0..5_u8);
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
    let depth = option::weighted(0.25, 0..5_u8);
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
        3 => (which(), 0..OWNERS, rarely(), rarely(), pieces(), lifetime_s()).prop_map(
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
        1 => (0..4 * OWNERS).prop_map(Step::RevokeOwner),
        2 => which().prop_map(Step::Reinstate),
        2 => (1..30_u64).prop_map(Step::Wait),
        3 => which().prop_map(Step::WaitForAnEnd),
    ]
}

/// Sequences of steps.
pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), most / 2..=most)
}
