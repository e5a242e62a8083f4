//! The byte strings that name things in a token.

use core::fmt;
use core::str::FromStr;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::IdError;
use crate::hex;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        ///
        /// Prints and parses as hexadecimal digits, lower case.
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name([u8; $length]);

        impl $name {
            /// The one in these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex::write(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                hex::parse(text).map(Self).ok_or(IdError { bytes: $length })
            }
        }
    };
}

id! {
    /// What one block is called by whoever signed it: `jti`, 16 random bytes of its signer's choice. Two
    /// blocks may share it; revoking it revokes both.
    TokenId, 16
}
id! {
    /// What an invocation is told apart by: 16 random bytes, used once.
    Nonce, 16
}
id! {
    /// A block itself: the SHA-256 of its signature. A token contains the blocks of all its ancestors, so
    /// that revoking one revokes everything below it.
    BlockId, 32
}
id! {
    /// The SHA-256 of a call's arguments, in their canonical form: for JSON that of RFC 8785, and no bytes
    /// at all for a call without arguments.
    ArgumentsHash, 32
}
id! {
    /// What an approver says yes to: the SHA-256 of one call by one line. See [`Approval`](crate::Approval).
    CallHash, 32
}

impl BlockId {
    pub(crate) fn of(signature: &[u8; 64]) -> Self {
        Self(Sha256::digest(signature).into())
    }
}

impl ArgumentsHash {
    /// The hash of arguments in JSON, in their canonical form (RFC 8785).
    #[must_use]
    pub fn of_json(args: &Value) -> Self {
        // A `Value` has no float that is not finite, and so always has a canonical form.
        Self::of(&serde_json_canonicalizer::to_vec(args).unwrap_or_default())
    }

    /// The hash of `canonical`, the arguments as canonical bytes.
    #[must_use]
    pub fn of(canonical: &[u8]) -> Self {
        Self(Sha256::digest(canonical).into())
    }
}
