//! What is never allowed, whatever anybody holds.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::agent::AgentKind;
use crate::id::{AgentId, SubjectId, TenantId};
use crate::name::Name;
use crate::permission::Permission;
use crate::time::Timestamp;

/// A "never" of a tenant: it comes before every grant, and always wins.
///
/// It applies if its selector names *any* agent on the line, so that spawning evades nothing.
#[expect(
    clippy::exhaustive_structs,
    reason = "a new field is a new version of the record"
)]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    /// What people call it; unique in its tenant.
    pub name: Name,
    /// In which tenant.
    pub tenant: TenantId,
    /// What is never to be done: actions, pattern, and the circumstances that it is limited to. Of
    /// constraints only those that a call meets or not by itself: expiry, window, addresses, arguments.
    /// A circumstance that is not known counts as met.
    pub never: Permission,
    /// By whom.
    #[serde(default, skip_serializing_if = "Selector::is_everyone")]
    pub agents: Selector,
    /// Whether it only notes what it would deny.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub shadow: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Which agents a guardrail speaks of.
#[expect(clippy::exhaustive_enums, reason = "whoever selects must handle each")]
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Selector {
    /// All of them.
    #[default]
    Everyone,
    /// These.
    Agents(Vec<AgentId>),
    /// Those of this kind.
    Kind(AgentKind),
    /// Those of this owner.
    Owner(SubjectId),
}

impl Selector {
    /// Whether it is all of them.
    #[must_use]
    pub fn is_everyone(&self) -> bool {
        *self == Self::Everyone
    }
}
