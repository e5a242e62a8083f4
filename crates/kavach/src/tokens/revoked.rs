//! Revoking tokens, and what was revoked.

use std::fmt;
use std::str::FromStr;

use kavach_audit::EventKind;
use kavach_core::{EventId, Reason, Refusal};
use kavach_store::Expect;
use kavach_token::{BlockId, PublicKey, TokenId};

use super::record::{RevokedRecord, encode, revoked_key};
use crate::change::{About, Done};
use crate::committer::Work;
use crate::error::ChangeError;
use crate::node::Kavach;

/// What of a token can be revoked. A token contains the blocks of all its ancestors, so everything below goes
/// with it.
///
/// Prints and parses as `block:`, `key:` or `token:` and hexadecimal digits.
#[expect(clippy::exhaustive_enums, reason = "a list names these three")]
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Revocable {
    /// One block, and what hangs below it.
    Block(BlockId),
    /// All that was given to this key, and what it passed on.
    Key(PublicKey),
    /// What its signer called so (`jti`), and what hangs below it.
    Token(TokenId),
}

impl fmt::Display for Revocable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(id) => write!(f, "block:{id}"),
            Self::Key(key) => write!(f, "key:{key}"),
            Self::Token(id) => write!(f, "token:{id}"),
        }
    }
}

/// Text that names nothing that can be revoked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("write `block:`, `key:` or `token:` and the digits that `token inspect` shows")]
#[non_exhaustive]
pub struct NotRevocable;

impl FromStr for Revocable {
    type Err = NotRevocable;

    fn from_str(text: &str) -> Result<Self, NotRevocable> {
        let (kind, id) = text.split_once(':').ok_or(NotRevocable)?;
        match kind {
            "block" => id.parse().map(Self::Block).map_err(|_| NotRevocable),
            "key" => id.parse().map(Self::Key).map_err(|_| NotRevocable),
            "token" => id.parse().map(Self::Token).map_err(|_| NotRevocable),
            _ => Err(NotRevocable),
        }
    }
}

impl Kavach {
    /// Revokes tokens for good: from the next decision on none that has it is taken here, and it stands in
    /// every list that is signed from now on.
    ///
    /// # Errors
    /// If it was revoked before, or the store fails.
    pub async fn revoke_tokens(&self, what: Revocable) -> Result<Done, ChangeError> {
        self.revoke_tokens_because(what, None).await
    }

    /// The same, and where it was done before, by which event.
    pub(super) async fn revoke_tokens_because(
        &self,
        what: Revocable,
        again: Option<EventId>,
    ) -> Result<Done, ChangeError> {
        self.change_tokens(EventKind::TokenRevoked, |state, now| {
            let (kind, id) = match what {
                Revocable::Block(id) => ("block", id.to_string()),
                Revocable::Key(key) => ("key", key.to_string()),
                Revocable::Token(id) => ("token", id.to_string()),
            };
            let mut about = About::default().with(kind, id).with_some("again", again);
            let pages = state.tokens.of(self.tenant);
            if let Revocable::Key(key) = &what {
                let known = pages.and_then(|pages| pages.holder(key));
                about.agent = known.map(|known| known.agent);
            }
            if pages.is_some_and(|pages| pages.is_revoked(&what)) {
                let words = "it is revoked already, and stays so";
                return (Err(Refusal::new(Reason::AlreadyRevoked, words)), about);
            }
            let key = revoked_key(self.tenant, &what);
            let record = encode(&RevokedRecord { at: now });
            let work = record.map(|bytes| Work {
                expectations: vec![(key.clone(), Expect::Absent)],
                puts: vec![(key, bytes)],
                ..Work::default()
            });
            let refused = |error: kavach_store::StoreError| {
                Refusal::new(Reason::LimitReached, error.to_string())
            };
            (work.map_err(refused), about)
        })
        .await
    }

    /// All that was revoked as such in this tenant. What falls with an agent, a delegation or a removed key
    /// is not among it: see [`sign_revocations`](Self::sign_revocations).
    #[must_use]
    pub fn revoked_tokens(&self) -> Vec<Revocable> {
        let state = self.node.view.read();
        let pages = state.tokens.of(self.tenant).into_iter();
        pages.flat_map(|pages| pages.revoked()).collect()
    }
}
