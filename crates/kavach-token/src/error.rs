//! Why something could not be made: a key, a signature, a token.
//!
//! A token that is refused by its verifier is not an error: see [`Refusal`](crate::Refusal).

use core::error::Error;
use core::fmt;

/// Bytes that are not a key that can be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a point on the curve, or not 64 hexadecimal digits.
    NotAKey,
    /// A second spelling of a key.
    NotCanonical,
    /// A key of low order: one signature of it fits many messages.
    Weak,
    /// Not an Ed25519 key in PKCS#8.
    NotPkcs8,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAKey => {
                "this is not an Ed25519 public key; pass the 32 bytes, or their 64 lower-case digits"
            }
            Self::NotCanonical => "this key is not in its canonical spelling; ask its owner for it again",
            Self::Weak => "this key is of low order and proves nothing; ask its owner for another",
            Self::NotPkcs8 => {
                "this is not an Ed25519 secret key in PKCS#8; pass the DER document, not the PEM text"
            }
        })
    }
}

impl Error for KeyError {}

/// Text that is not an id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IdError {
    /// How many bytes it should write.
    pub(crate) bytes: usize,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write {} lower-case hexadecimal digits", 2 * self.bytes)
    }
}

impl Error for IdError {}

/// Text that is not what a token may say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClaimError {
    pub(crate) what: &'static str,
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl Error for ClaimError {}

/// Why whoever holds a key did not sign.
#[derive(Debug)]
#[non_exhaustive]
pub enum SignError {
    /// The key could not be reached, or refused; the cause is in `source`.
    Unavailable(Box<dyn Error + Send + Sync>),
    /// The signature is not of the key that the signer names.
    Wrong,
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable(_) => "the key did not sign; see whether its module can be reached",
            Self::Wrong => {
                "the signature is not of the key that the signer names; look at the signer's settings"
            }
        })
    }
}

impl Error for SignError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(cause) => Some(&**cause),
            Self::Wrong => None,
        }
    }
}

/// Why a block was not made; nothing was signed.
#[derive(Debug)]
#[non_exhaustive]
pub enum IssueError {
    /// Who signs is not who holds the token.
    NotTheHolder,
    /// The key cannot be used, or stands in the chain already, or is the terminal key.
    Key,
    /// The times do not fit each other, or those above.
    Times,
    /// The token may not be passed on, or not that deep.
    Depth,
    /// An audience that is not held, none, or too many.
    Audience,
    /// More permissions than one block holds, or a permission that a token cannot state.
    Permissions,
    /// What is asked for is not held, or nothing is left of it.
    Narrowing(kavach_core::Refusal),
    /// The call is not allowed to the holder.
    NotAllowed,
    /// The token would have too many blocks or bytes.
    TooLarge,
    /// An approval of another call, or of another token.
    Approval,
    /// The key did not sign.
    Sign(SignError),
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTheHolder => "this key does not hold the token; sign with the key it was given to",
            Self::Key => "this key is in the chain already; give each agent a key of its own",
            Self::Times => {
                "the times do not fit: end after the start, and not after what the token ends with"
            }
            Self::Depth => "the token may not be passed on this deep; delegate from higher up",
            Self::Audience => "name 1 to 8 audiences, all of them held by the token",
            Self::Permissions => {
                "a block holds some 40 permissions, each at most 8 hops deep; ask for fewer at a time"
            }
            Self::Narrowing(refusal) => return refusal.fmt(f),
            Self::NotAllowed => "the token does not allow its holder this call; ask for more first",
            Self::TooLarge => "the token would exceed 16 blocks or 16 KiB; delegate from higher up",
            Self::Approval => "the approval is of another call; ask for one of this call",
            Self::Sign(error) => return error.fmt(f),
        })
    }
}

impl Error for IssueError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Sign(error) => error.source(),
            Self::NotTheHolder
            | Self::Key
            | Self::Times
            | Self::Depth
            | Self::Audience
            | Self::Permissions
            | Self::Narrowing(_)
            | Self::NotAllowed
            | Self::TooLarge
            | Self::Approval => None,
        }
    }
}

impl From<SignError> for IssueError {
    fn from(error: SignError) -> Self {
        Self::Sign(error)
    }
}
