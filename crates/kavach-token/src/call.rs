//! One call of one service: what an invocation names and an approval says yes to.

use kavach_core::{Action, Resource};
use sha2::{Digest, Sha256};

use crate::claim::Audience;
use crate::id::{ArgumentsHash, CallHash, Nonce};

/// What a holder wants to do, and where.
#[expect(
    clippy::exhaustive_structs,
    reason = "a new part would be signed by nobody"
)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// At which service.
    pub audience: Audience,
    /// What.
    pub action: Action,
    /// To what.
    pub resource: Resource,
    /// With which arguments.
    pub arguments: ArgumentsHash,
}

impl Call {
    /// What an approver says yes to: this call, made once, with `nonce`.
    ///
    /// SHA-256 over `"kavach call v1\0"`, the nonce, the hash of the arguments, and then audience, action and
    /// resource, each after its length as four bytes, big end first.
    #[must_use]
    pub fn hash(&self, nonce: &Nonce) -> CallHash {
        let mut hash = Sha256::new();
        hash.update(b"kavach call v1\0");
        hash.update(nonce.as_bytes());
        hash.update(self.arguments.as_bytes());
        for text in [
            self.audience.as_str(),
            self.action.as_str(),
            self.resource.as_str(),
        ] {
            // None of them is longer than 512 bytes.
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            hash.update(length.to_be_bytes());
            hash.update(text);
        }
        CallHash::from_bytes(hash.finalize().into())
    }
}
