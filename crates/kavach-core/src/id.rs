//! Typed ids: `agt_01jd3v5q4cf7v8e9qk2m5x7y3z`.
//!
//! A prefix, `_`, and a UUIDv7 (RFC 9562 section 5.7) as 26 characters of lower-case Crockford
//! base 32, most significant bits first, so that the text sorts as the number does.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{ParseError, Problem};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS: u32 = 26;

/// The 128 bits of a UUIDv7: milliseconds since the epoch, then random bits.
const fn uuid_v7(time_ms: u64, random: u128) -> u128 {
    let time = (time_ms as u128 & 0xffff_ffff_ffff) << 80;
    let version = 0x7 << 76;
    let variant = 0b10 << 62;
    let random_a = ((random >> 62) & 0xfff) << 64;
    let random_b = random & 0x3fff_ffff_ffff_ffff;
    time | version | random_a | variant | random_b
}

fn write_base32(value: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0_u8; DIGITS as usize];
    for (place, digit) in text.iter_mut().enumerate() {
        let shift = 5 * (DIGITS - 1 - place as u32);
        let index = ((value >> shift) & 31) as usize;
        *digit = ALPHABET.get(index).copied().unwrap_or(b'0');
    }
    f.write_str(core::str::from_utf8(&text).unwrap_or_default())
}

fn parse_base32(text: &str) -> Option<u128> {
    if text.len() != DIGITS as usize {
        return None;
    }
    let mut value: u128 = 0;
    for (place, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|&known| known == byte)?;
        if place == 0 && digit > 7 {
            return None;
        }
        value = (value << 5) | digit as u128;
    }
    Some(value)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(u128);

        impl $name {
            /// What stands in front of the number.
            pub const PREFIX: &'static str = $prefix;

            /// A new id from the time, in milliseconds since the epoch, and random bits, of which the
            /// lower 74 are used. Whoever calls guarantees that the bits are random.
            #[must_use]
            pub const fn from_parts(time_ms: u64, random: u128) -> Self {
                Self(uuid_v7(time_ms, random))
            }

            /// The id as a number: the UUID, big end first.
            #[must_use]
            pub const fn as_u128(self) -> u128 {
                self.0
            }

            /// The id whose number this is; the inverse of [`Self::as_u128`].
            #[must_use]
            pub const fn from_u128(number: u128) -> Self {
                Self(number)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                write_base32(self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                text.strip_prefix($prefix)
                    .and_then(parse_base32)
                    .map(Self)
                    .ok_or_else(|| ParseError::new($what, text, Problem::Other(concat!(
                        "write `", $prefix, "` and 26 characters, as printed"
                    ))))
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;

            fn try_from(text: String) -> Result<Self, ParseError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

id! {
    /// An agent. Never reused: an agent created again under the same name has another id.
    ///
    /// ```
    /// use kavach_core::AgentId;
    ///
    /// let id = AgentId::from_parts(1_790_000_000_000, 7);
    /// assert_eq!(id.to_string().parse::<AgentId>()?, id);
    /// # Ok::<(), kavach_core::ParseError>(())
    /// ```
    AgentId, "agt_", "an agent id"
}
id! {
    /// A delegation.
    DelegationId, "dlg_", "a delegation id"
}
id! {
    /// An event of the audit trail.
    EventId, "evt_", "an event id"
}
id! {
    /// An audit log: one for each node that writes to a store.
    LogId, "log_", "a log id"
}
id! {
    /// The opaque stand-in for a subject, in records, tokens and audit leaves.
    SubjectId, "sub_", "a subject id"
}
id! {
    /// A request for people's approval of one call.
    ApprovalId, "apr_", "an approval id"
}
/// A tenant. Nothing crosses from one to another.
///
/// Prints as `ten_default` for the one that exists where nobody cares, and like the other ids
/// otherwise.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(u128);

impl TenantId {
    /// What stands in front of the number.
    pub const PREFIX: &'static str = "ten_";

    /// The tenant of everybody who never asked for one.
    pub const DEFAULT: Self = Self(0);

    /// A new tenant id; the arguments as in [`AgentId::from_parts`].
    #[must_use]
    pub const fn from_parts(time_ms: u64, random: u128) -> Self {
        Self(uuid_v7(time_ms, random))
    }

    /// Zero for the default tenant, the UUID otherwise: the form in storage keys.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The tenant whose number this is; the inverse of [`Self::as_u128`].
    #[must_use]
    pub const fn from_u128(number: u128) -> Self {
        Self(number)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PREFIX)?;
        if *self == Self::DEFAULT {
            f.write_str("default")
        } else {
            write_base32(self.0, f)
        }
    }
}

impl FromStr for TenantId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.strip_prefix(Self::PREFIX) {
            Some("default") => Ok(Self::DEFAULT),
            number => number
                .and_then(parse_base32)
                // Zero has a name, and so only that spelling.
                .filter(|number| *number != 0)
                .map(Self)
                .ok_or_else(|| {
                    let words = "write `ten_default`, or `ten_` and 26 characters, as printed";
                    ParseError::new("a tenant id", text, Problem::Other(words))
                }),
        }
    }
}

impl TryFrom<String> for TenantId {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.to_string()
    }
}
