//! What blocks say in words: for whom, by whom, from what, and why.

use core::fmt;
use core::str::FromStr;

use kavach_core::{AgentId, DelegationId, Name};

use crate::error::ClaimError;
use crate::limits::{AUDIENCE_BYTES_MAX, WHY_BYTES_MAX};

/// For which service a token, or one call, is meant: its URL, as that service writes it.
///
/// 1 to 256 visible ASCII characters, compared byte for byte. Issuers are written likewise.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Audience(Box<str>);

impl Audience {
    /// The audience as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Audience {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        let length = (1..=AUDIENCE_BYTES_MAX).contains(&text.len());
        if !length || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let what =
                "an audience, or an issuer, is 1 to 256 visible ASCII characters, such as a URL";
            return Err(ClaimError { what });
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why somebody delegates, in their own words: at most 256 bytes on one line; may be empty.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Why(Box<str>);

impl Why {
    /// The reason as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Why {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        if text.len() > WHY_BYTES_MAX || text.chars().any(char::is_control) {
            let what = "a reason is at most 256 bytes on one line, without control characters";
            return Err(ClaimError { what });
        }
        Ok(Self(text.into()))
    }
}

/// Who a block is for, by the word of whoever signed it.
///
/// Only the first block's agent is known to the issuer. Further down a name is a claim of the delegator; a
/// verifier that knows agents holds an id against their keys.
#[expect(
    clippy::exhaustive_enums,
    reason = "an agent is registered or it is not"
)]
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Party {
    /// A registered agent.
    Agent(AgentId),
    /// Somebody of whom only the delegator's name for it is known.
    Named(Name),
}

impl FromStr for Party {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        // INVARIANT (two spellings): a `Name` never starts as an `AgentId` does.
        let id = text.parse().map(Self::Agent);
        id.or_else(|_| text.parse().map(Self::Named)).map_err(|_| {
            let what = "a party is an agent's id, or a name of letters, digits and `_-.~@+`";
            ClaimError { what }
        })
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(id) => id.fmt(f),
            Self::Named(name) => name.fmt(f),
        }
    }
}

/// What a token was minted from: the record in which its permissions stand online.
#[expect(
    clippy::exhaustive_structs,
    reason = "a record and its generation name its state"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Source {
    /// Which record.
    pub record: SourceRecord,
    /// In which generation: it moves on when the record is revoked.
    pub generation: u32,
}

/// The record that a token was minted from.
#[expect(
    clippy::exhaustive_enums,
    reason = "permissions stand in these two places"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SourceRecord {
    /// A delegation to the agent.
    Delegation(DelegationId),
    /// The agent's root grants.
    Agent(AgentId),
}

impl FromStr for SourceRecord {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        let delegation = text.parse().map(Self::Delegation);
        delegation
            .or_else(|_| text.parse().map(Self::Agent))
            .map_err(|_| ClaimError {
                what: "a source is the id of a delegation or of an agent",
            })
    }
}

impl fmt::Display for SourceRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delegation(id) => id.fmt(f),
            Self::Agent(id) => id.fmt(f),
        }
    }
}
