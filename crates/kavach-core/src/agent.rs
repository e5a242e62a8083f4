//! Agents, and the subjects behind them.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::constraint::Constraints;
use crate::error::{ParseError, Problem};
use crate::grant::Grants;
use crate::id::{AgentId, SubjectId, TenantId};
use crate::name::{Name, Subject};
use crate::permission::Permission;
use crate::resource::Resource;
use crate::time::Timestamp;

/// Something that acts on its own, for an owner that never changes.
///
/// An agent acting for Alice is not Alice: it has an id, credentials and a trail of its own.
#[expect(
    clippy::exhaustive_structs,
    reason = "a new field is a new version of the record"
)]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Who it is.
    pub id: AgentId,
    /// Where it lives.
    pub tenant: TenantId,
    /// Who answers for it.
    pub owner: SubjectId,
    /// The owner's generation when it was created. If the owner's has moved on, it is dead.
    pub owner_generation: u32,
    /// What people call it.
    pub name: Name,
    /// How it came to act.
    pub kind: AgentKind,
    /// Whether it may.
    pub status: AgentStatus,
    /// Moves on when it is revoked; cited by the delegations that start from its root grants.
    pub generation: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// The first second at which it may no longer act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Its root grants: what its owner allows it, by no delegation.
    pub grants: Grants,
    /// What it proves itself with, the current one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<Credential>,
    /// Whatever its makers note about it. Decides nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

macro_rules! words {
    ($(#[$outer:meta])* $name:ident, $what:literal: $($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        $(#[$outer])*
        #[expect(clippy::exhaustive_enums, reason = "a new one changes what decisions mean")]
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// The word for it, in lower case.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(ParseError::new($what, text, Problem::Other(
                        concat!("it must be one of:" $(, " ", $word)*)
                    ))),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;

            fn try_from(text: String) -> Result<Self, ParseError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.word().into()
            }
        }
    };
}

words! {
    /// How an agent came to act.
    AgentKind, "an agent's kind":
    /// Acts on goals of its own finding, within its grants.
    Autonomous = "autonomous",
    /// Acts on what another agent passed on to it.
    Delegated = "delegated",
    /// A fixed program.
    Service = "service",
}

words! {
    /// Whether an agent may act.
    AgentStatus, "an agent's status":
    /// Yes.
    Active = "active",
    /// Not for now, nor may what hangs below it.
    Suspended = "suspended",
    /// Never again.
    Revoked = "revoked",
}

words! {
    /// Whether an owner may have agents.
    OwnerStatus, "an owner's status":
    /// Yes.
    Active = "active",
    /// No, and all earlier agents are dead for good.
    Offboarded = "offboarded",
}

/// A bearer secret, by its hash.
#[expect(
    clippy::exhaustive_structs,
    reason = "a new field is a new version of the record"
)]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// SHA-256 of the secret.
    pub hash: CredentialHash,
    /// The first characters, for display and for secret scanners.
    pub prefix: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// The first second at which it is no longer accepted: the end of a rotation's overlap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// SHA-256 of a bearer secret. Prints as lower-case hex.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct CredentialHash([u8; 32]);

impl CredentialHash {
    /// The hash with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for CredentialHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl TryFrom<String> for CredentialHash {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        let error = || {
            ParseError::new(
                "a credential's hash",
                &text,
                Problem::Other("write 64 hex digits"),
            )
        };
        let digits = text.as_bytes();
        if digits.len() != 64
            || !digits
                .iter()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err(error());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = core::str::from_utf8(pair).map_err(|_| error())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| error())?;
        }
        Ok(Self(bytes))
    }
}

impl From<CredentialHash> for String {
    fn from(hash: CredentialHash) -> Self {
        hash.to_string()
    }
}

/// What is known of a subject as an owner.
#[expect(
    clippy::exhaustive_structs,
    reason = "a new field is a new version of the record"
)]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Who.
    pub id: SubjectId,
    /// In which tenant.
    pub tenant: TenantId,
    /// Whether new agents may be theirs.
    pub status: OwnerStatus,
    /// Moves on when they are off-boarded; cited by all their agents.
    pub generation: u32,
    /// What the person may do in Kavach itself, as `approve` on `app:kavach:approvals`. Their agents get
    /// nothing of it.
    #[serde(default, skip_serializing_if = "Grants::is_empty")]
    pub grants: Grants,
}

impl Owner {
    /// Whether the agent, which is theirs, was not lost by off-boarding.
    pub(crate) fn keeps(&self, agent: &Agent) -> bool {
        self.status == OwnerStatus::Active && self.generation == agent.owner_generation
    }

    /// Whether the person may do `action` to `resource` in Kavach itself at `now`: they are not off-boarded,
    /// and hold a permission that matches, within its time and its weekly times.
    ///
    /// A permission with a bound that says nothing about a person gives nothing; see
    /// [`Graph::grant_owner`](crate::Graph::grant_owner).
    #[must_use]
    pub fn may(&self, action: &Action, resource: &Resource, now: Timestamp) -> bool {
        let holds = |permission: &Permission| {
            let bounds = &permission.constraints;
            permission.matches(action, resource)
                && fits_people(permission)
                && bounds.holds_at(now)
                && bounds.windows.iter().all(|window| window.holds_at(now))
        };
        self.status == OwnerStatus::Active && self.grants.permissions().any(holds)
    }
}

/// Whether every bound of the permission is one that can be held against a person: the time it ends, and
/// weekly times.
pub(crate) fn fits_people(permission: &Permission) -> bool {
    let bounds = &permission.constraints;
    let timely = Constraints {
        expires_at: bounds.expires_at,
        windows: bounds.windows.clone(),
        ..Constraints::default()
    };
    *bounds == timely
}

/// The one place where the host's name for a subject stands; erased with the person.
#[expect(
    clippy::exhaustive_structs,
    reason = "a new field is a new version of the record"
)]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectName {
    /// Who, inside.
    pub id: SubjectId,
    /// In which tenant.
    pub tenant: TenantId,
    /// Who, outside.
    pub subject: Subject,
}

/// Which agent a name stands for; a name once given stays taken.
#[expect(
    clippy::exhaustive_structs,
    reason = "a new field is a new version of the record"
)]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AgentName {
    /// The name.
    pub name: Name,
    /// In which tenant.
    pub tenant: TenantId,
    /// The agent that has it, or had it last.
    pub agent: AgentId,
}
