//! What can happen in a forest, and random sequences of it.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy};
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

/// Constraints beside expiry and depth, most often none. Those from [`CIRCUMSTANCES`] on are such as a
/// guardrail may have.
pub(super) const EXTRAS: &[&str] = &[
    "",
    "rate=2/h",
    "rate=4/h,5/d",
    "budget=3/day",
    "budget=9/total&rate=3/m",
    "rate=0/h",
    "budget=0/day",
    "approve",
    "approve=2",
    "approve&rate=3/h",
    "min_trust=standard",
    "min_trust=trusted",
    "ip=10.0.0.0/8",
    "ip=10.1.0.0/16,2001:db8::/32",
    "window=daily+00:00-00:01+UTC",
    "window=thu+00:00-00:01+Europe/Berlin;daily+00:00-24:00+UTC",
    "window=thu,fri+22:00-01:01+Europe/Berlin",
    "args/amount.max=10",
    "args/amount.max=10&args/note.optional",
    "args/amount.in=5,five&args/name.optional",
    "args/name.prefix=ab&args/name.len_max=3",
    "args/list/1.max=3&args/list.optional",
    "args/nested/flag.bool=true",
    "args/list.len_min=1&args/nested.optional&args/amount.optional",
    "args/amount.type=integer,null",
    "args/nested.type=object&args/nested/flag.closed",
    "args/name.subpath=/ab&args/amount.none",
];
const CIRCUMSTANCES: usize = 12;

/// One permission to be.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// Which of [`EXTRAS`].
    pub(super) extra: usize,
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
    /// Sets a guardrail.
    Guard {
        name: usize,
        never: Piece,
        agents: usize,
        shadow: bool,
    },
    Unguard(usize),
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
            Self::Guard { .. } => "guard",
            Self::Unguard(_) => "unguard",
        }
    }

    /// Whether it lets time pass.
    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::Wait(_) | Self::WaitForAnEnd(_))
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
                | Self::Guard { shadow: false, .. }
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

/// Which constraints permissions have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kinds {
    /// Expiry and depth.
    Bounds,
    /// All that there are, and guardrails too.
    All,
}

fn pieces(kinds: Kinds) -> impl Strategy<Value = Vec<Piece>> {
    vec(piece(kinds), 1..4)
}

fn piece(kinds: Kinds) -> impl Strategy<Value = Piece> {
    let lifetime_s = option::weighted(0.15, 1..60_u64);
    let depth = option::weighted(0.25, 0..5_u8);
    let extra = match kinds {
        Kinds::Bounds => Just(None).boxed(),
        Kinds::All => option::weighted(0.5, 0..EXTRAS.len()).boxed(),
    };
    let parts = (
        0..ACTIONS.len(),
        0..PATTERNS.len(),
        lifetime_s,
        depth,
        extra,
    );
    parts.prop_map(|(actions, pattern, lifetime_s, depth, extra)| Piece {
        extra: extra.unwrap_or(0),
        actions,
        pattern,
        lifetime_s,
        depth,
    })
}

/// What a guardrail forbids: not everything, and in circumstances that a call is in by itself.
fn never() -> impl Strategy<Value = Piece> {
    let lifetime_s = option::weighted(0.15, 1..60_u64);
    let extra = option::weighted(0.5, CIRCUMSTANCES..EXTRAS.len());
    let parts = (0..ACTIONS.len(), 7..PATTERNS.len(), lifetime_s, extra);
    parts.prop_map(|(actions, pattern, lifetime_s, extra)| Piece {
        extra: extra.unwrap_or(0),
        actions,
        pattern,
        lifetime_s,
        depth: None,
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

fn step(kinds: Kinds) -> impl Strategy<Value = Step> {
    let which = || 0..1000_usize;
    let lifetime_s = || option::weighted(0.25, 1..60_u64);
    let rarely = || proptest::bool::weighted(0.1);
    let (pieces, piece) = (|| pieces(kinds), || piece(kinds));
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

fn rails() -> impl Strategy<Value = Step> {
    let parts = (
        0..3_usize,
        never(),
        0..1000_usize,
        proptest::bool::weighted(0.4),
    );
    prop_oneof![
        2 => parts.prop_map(|(name, never, agents, shadow)| Step::Guard { name, never, agents, shadow }),
        1 => (0..3_usize).prop_map(Step::Unguard),
    ]
}

/// Sequences of steps, with expiry and depth as the only constraints.
pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(step(Kinds::Bounds), most / 2..=most)
}

/// Sequences of steps with every constraint that there is, and guardrails.
pub(crate) fn bounded_steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![20 => step(Kinds::All), 1 => rails()];
    vec(step, most / 2..=most)
}
