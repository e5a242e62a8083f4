//! How making tokens, and what they need, fails.

use kavach_core::{ParseError, Refusal};
use kavach_store::StoreError;
use kavach_token::{IssueError, KeySetError, RevocationListError, SignError};

use crate::error::{CannotDecide, ChangeError, FailedCommit};
use crate::random::NoRandomness;

/// A token, a root key or a list was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is against the rules. It was recorded that it was asked for.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// Something in it is not well formed.
    #[error("{0}")]
    Invalid(#[from] ParseError),
    /// What is asked for does not make a token.
    #[error("{0}")]
    Issue(#[from] IssueError),
    /// The root keys cannot be rotated.
    #[error("{0}")]
    Keys(#[from] KeySetError),
    /// The list would have too many entries.
    #[error("{0}; give the tenant a new root key without overlap")]
    List(#[from] RevocationListError),
    /// The root key did not sign.
    #[error("{0}")]
    Sign(#[from] SignError),
    /// Root keys are kept under a master key, and none was given.
    #[error("root keys are sealed under a master key; open the store with one")]
    NoMasterKey,
    /// The root key is sealed under another master key.
    #[error(
        "the keys in the store do not open with this master key; use the one they were sealed with"
    )]
    WrongMasterKey,
    /// The tenant has no root key yet.
    #[error(
        "this tenant has no root key yet; it is made with the first token, or by `keys rotate`"
    )]
    NoRootKey,
    /// The store was restored, and nothing is signed until it is reopened: a list would leave out what was
    /// revoked since, and nobody could tell verifiers of a token.
    #[error(
        "the store was restored from a backup, and signs nothing until it is reopened; see `store reopen`"
    )]
    StoreRestored,
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The store failed to take it; see [`FailedCommit`] for whether anything was written.
    #[error(transparent)]
    Commit(#[from] FailedCommit),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

impl From<ChangeError> for TokenError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Refused(refusal) => Self::Refused(refusal),
            ChangeError::Invalid(error) => Self::Invalid(error),
            ChangeError::Commit(error) => Self::Commit(error),
            ChangeError::Random(error) => Self::Random(error),
        }
    }
}

impl From<CannotDecide> for TokenError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the others are about calls, and there is none"
    )]
    fn from(error: CannotDecide) -> Self {
        match error {
            CannotDecide::Store(error) => Self::Store(error),
            CannotDecide::Commit(error) => Self::Commit(error),
            CannotDecide::Random(error) => Self::Random(error),
            _ => Self::WrongMasterKey,
        }
    }
}
