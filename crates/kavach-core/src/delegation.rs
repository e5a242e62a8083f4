//! What one agent passes on to another.

use serde::{Deserialize, Serialize};

use crate::grant::Grants;
use crate::id::{AgentId, DelegationId, TenantId};
use crate::time::Timestamp;

/// Permissions that one agent passed on to another, by exactly one line.
///
/// Delegations are the nodes of the forest: each cites one parent, the root grants of the agent that
/// gave it or an earlier delegation *to* that agent. Agents may form any graph; delegations cannot
/// form a cycle.
#[expect(
    clippy::exhaustive_structs,
    reason = "a new field is a new version of the record"
)]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// Which.
    pub id: DelegationId,
    /// In which tenant; the same as both agents'.
    pub tenant: TenantId,
    /// Who passes on.
    pub from: AgentId,
    /// Who receives.
    pub to: AgentId,
    /// The delegation to `from` that it rests on; `None` for `from`'s root grants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<DelegationId>,
    /// The generation of what it rests on, when it was made: the parent delegation's, or else `from`'s.
    pub parent_generation: u32,
    /// How many delegations stand above it, itself counted: from 1.
    pub depth: u8,
    /// What is passed on, already narrowed.
    pub grants: Grants,
    /// The first second at which it no longer holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// How many hops further it may be passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_depth: Option<u8>,
    /// Whether it was revoked, for good.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub revoked: bool,
    /// Moves on when it is revoked; cited by the delegations that rest on it.
    pub generation: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What to do with a request that is wider than what its giver holds.
#[expect(clippy::exhaustive_enums, reason = "the two are opposites")]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// Refuse it, and say what is wider.
    #[default]
    Strict,
    /// Give the part that the giver holds.
    Attenuate,
}
