//! A token in use: an ordinary Biscuit, for one call.

use core::fmt;
use core::str::FromStr;

use crate::armor;
use crate::limits::TOKEN_BYTES_MAX;
use crate::refusal::Refusal;

/// What a holder sends with a call: the chain, the invocation, and the terminal secret as its proof.
///
/// Prints and parses as base64url with padding, as Biscuit libraries do. Nothing about it was checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Presentation(Vec<u8>);

impl Presentation {
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The Biscuit's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Presentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&armor::padded(&self.0))
    }
}

impl FromStr for Presentation {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text.len() > 2 * TOKEN_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        if text.starts_with("kv1.") {
            return Err(Refusal::Open);
        }
        let bytes = armor::read_padded(text).ok_or(Refusal::Malformed)?;
        Ok(Self(bytes))
    }
}
