//! How far an agent is trusted, by what is recorded of it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{ParseError, Problem};

mod decay;
mod facts;
mod habit;
mod score;

pub use facts::{Day, Fact, Facts, Fingerprint, Hour, Offence};
pub use score::{CredentialKind, Past, Standing, trust_points, trust_score};

macro_rules! levels {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// A level of trust. Trust only narrows: no level ever adds a permission.
        #[expect(clippy::exhaustive_enums, reason = "a new level changes what decisions mean")]
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum TrustLevel {
            $($(#[$doc])* $variant,)*
        }

        impl TrustLevel {
            /// All of them, the lowest first.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word for it, in lower case.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

levels! {
    /// Recorded facts speak against it.
    Untrusted = "untrusted",
    /// Too little is known, or too much went wrong lately.
    Limited = "limited",
    /// What an agent starts with.
    Standard = "standard",
    /// A good record over some time.
    Trusted = "trusted",
    /// A long good record, and nothing against it.
    Elevated = "elevated",
}

impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for TrustLevel {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let known = Self::ALL.iter().find(|level| level.word() == text);
        known.copied().ok_or_else(|| {
            let words = "it must be one of: untrusted limited standard trusted elevated";
            ParseError::new("a level of trust", text, Problem::Other(words))
        })
    }
}

impl TryFrom<String> for TrustLevel {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<TrustLevel> for String {
    fn from(level: TrustLevel) -> Self {
        level.word().into()
    }
}

/// The lowest score of each level above `Untrusted`.
const LEVELS: [(u8, TrustLevel); 4] = [
    (85, TrustLevel::Elevated),
    (65, TrustLevel::Trusted),
    (40, TrustLevel::Standard),
    (20, TrustLevel::Limited),
];

impl TrustLevel {
    /// The level of a score from 0 to 100: limited from 20, standard from 40, trusted from 65, elevated from 85.
    #[must_use]
    pub fn of_score(score: u8) -> Self {
        let reached = LEVELS.iter().find(|(least, _)| score >= *least);
        reached.map_or(Self::Untrusted, |(_, level)| *level)
    }
}

/// How far an agent is trusted, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TrustScore {
    /// From 0 to 100.
    pub score: u8,
    /// The level that the score makes.
    pub level: TrustLevel,
    /// What it is made of. INVARIANT (sum): their points add up to the score.
    pub contributions: Vec<Contribution>,
}

/// One part of a score. Prints as a sentence without a full stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Contribution {
    /// What it adds, or takes away; never zero.
    pub points: i16,
    /// What it rests on.
    pub evidence: Evidence,
}

/// What a part of a score rests on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Evidence {
    /// Where every agent starts.
    Start,
    /// What it proves itself with.
    Credential(CredentialKind),
    /// How many days ago it got what it proves itself with.
    CredentialAge(Option<u32>),
    /// Days in service.
    Service(u32),
    /// Days on which calls were allowed and hardly any denied.
    GoodDays(u32),
    /// The share of calls that should not have been made.
    Denials,
    /// Calls that a guardrail denied.
    Guardrails,
    /// The share of calls for which a limit had no room.
    Limits,
    /// Hours with far more calls than usual.
    Bursts,
    /// Hours with calls in which it usually makes none.
    UnusualHours,
    /// Sensitive resources that it had not used before.
    FirstUses,
    /// Calls that a person said no to.
    Refusals,
    /// The score of the agent that spawned it, then.
    Ceiling(u8),
    /// No score is below 0 or above 100.
    Bounds,
}

impl Evidence {
    /// The word for it in other programs, in lower case with underscores.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Credential(_) => "credential",
            Self::CredentialAge(_) => "credential_age",
            Self::Service(_) => "service",
            Self::GoodDays(_) => "good_days",
            Self::Denials => "denials",
            Self::Guardrails => "guardrails",
            Self::Limits => "limits",
            Self::Bursts => "bursts",
            Self::UnusualHours => "unusual_hours",
            Self::FirstUses => "first_uses",
            Self::Refusals => "refusals",
            Self::Ceiling(_) => "ceiling",
            Self::Bounds => "bounds",
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "every agent starts here",
            Self::Credential(CredentialKind::Bearer) => "its secret can be copied",
            Self::Credential(CredentialKind::HolderKey) => "its key cannot be copied",
            Self::CredentialAge(days) => {
                let days = days.unwrap_or(0);
                return write!(f, "its credential is {days} days old; rotate it");
            }
            Self::Service(days) => return write!(f, "{days} days in service"),
            Self::GoodDays(days) => {
                return write!(f, "{days} of the last 64 days went well");
            }
            Self::Denials => "calls that it should not have made were denied",
            Self::Guardrails => "guardrails denied calls of its",
            Self::Limits => "it went on calling when its limits were used up",
            Self::Bursts => "there were bursts: hours with far more calls than usual",
            Self::UnusualHours => "it called in hours in which it usually does not",
            Self::FirstUses => "it used sensitive resources that it had not used before",
            Self::Refusals => "people said no to calls of its",
            Self::Ceiling(score) => {
                return write!(f, "it was spawned by an agent that stood at {score}");
            }
            Self::Bounds => "no score is below 0 or above 100",
        })
    }
}
