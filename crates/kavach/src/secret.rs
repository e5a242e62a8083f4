//! Bearer credentials: `kv_…`.

use std::fmt;
use std::str::FromStr;

use kavach_core::{Credential, CredentialHash, Timestamp};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::random::{self, NoRandomness};

#[cfg(test)]
mod tests;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 256 bits in base 32.
const DIGITS: usize = 52;
/// Characters that are stored in clear, `kv_` included: 25 of 256 bits.
const PREFIX_CHARACTERS: usize = 8;

/// A bearer credential of an agent: `kv_` and 256 random bits.
///
/// Whoever holds it is the agent. Kavach stores only its SHA-256, so it is seen once, when it is made.
/// It prints as `kv_…`; [`expose`](Self::expose) is the one way to the text.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// Text that is not a credential. It is not repeated here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("this is not a credential; it is `kv_` and 52 characters, as printed when it was made")]
#[non_exhaustive]
pub struct NotASecret;

impl Secret {
    pub(crate) fn generate() -> Result<Self, NoRandomness> {
        let random: Zeroizing<[u8; 32]> = Zeroizing::new(random::bytes()?);
        let mut text = Zeroizing::new(String::with_capacity(3 + DIGITS));
        text.push_str("kv_");
        for place in 0..DIGITS {
            // Five bits from wherever they begin; the last digit has one, and four zeros.
            let mut value = 0_usize;
            for bit in place * 5..place * 5 + 5 {
                let byte = random.get(bit / 8).copied().unwrap_or(0);
                value = value << 1 | usize::from(byte >> (7 - bit % 8) & 1);
            }
            text.push(char::from(ALPHABET.get(value).copied().unwrap_or(b'0')));
        }
        Ok(Self(text))
    }

    /// The secret itself. Hand it to the agent, and to nobody else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> CredentialHash {
        CredentialHash::from_bytes(Sha256::digest(self.0.as_bytes()).into())
    }

    pub(crate) fn record(&self, now: Timestamp) -> Credential {
        Credential {
            hash: self.hash(),
            prefix: self.0.chars().take(PREFIX_CHARACTERS).collect(),
            created_at: now,
            expires_at: None,
        }
    }
}

impl FromStr for Secret {
    type Err = NotASecret;

    fn from_str(text: &str) -> Result<Self, NotASecret> {
        let digits = text.strip_prefix("kv_").ok_or(NotASecret)?;
        if digits.len() != DIGITS || !digits.bytes().all(|byte| ALPHABET.contains(&byte)) {
            return Err(NotASecret);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("kv_…")
    }
}
