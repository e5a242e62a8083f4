//! How the facade fails.

use std::sync::Arc;

use kavach_core::{GraphError, ParseError, Refusal};
use kavach_store::{StoreError, StoreErrorKind};

use crate::random::NoRandomness;

/// A store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store failed, or is not one that this version can use.
    #[error("the store cannot be used: {0}")]
    Store(#[from] StoreError),
    /// The records contradict each other.
    #[error("the store is damaged: {0}")]
    Graph(#[from] GraphError),
    /// A stored audit head is not one.
    #[error("the head of the audit log is damaged: {0}; restore a backup")]
    Head(String),
    /// The keys in the store are sealed under another master key.
    #[error(
        "the keys in the store do not open with this master key; use the one they were sealed with"
    )]
    WrongMasterKey,
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// A change was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// It is against the rules. It was recorded that it was asked for.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// Something in it is not well formed.
    #[error("{0}")]
    Invalid(#[from] ParseError),
    /// The store failed; see [`FailedCommit`] for whether anything was written.
    #[error(transparent)]
    Commit(#[from] FailedCommit),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// No answer could be given. The caller treats it as no.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CannotDecide {
    /// Something in the request is not well formed.
    #[error("{0}")]
    Invalid(#[from] ParseError),
    /// Something about the call is too long to record.
    #[error("{0}; shorten it")]
    Context(String),
    /// A presentation, and no word for which service it is.
    #[error("a presentation is for one audience; say for which, as that service writes itself")]
    NoAudience,
    /// The arguments cannot be hashed.
    #[error("the arguments are not JSON that can be hashed: {0}")]
    Arguments(String),
    /// The store failed where the request needs more than the graph.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The store failed to take what the request needs.
    #[error(transparent)]
    Commit(#[from] FailedCommit),
    /// A key that should open is another one's.
    #[error(
        "the keys in the store do not open with this master key; use the one they were sealed with"
    )]
    WrongMasterKey,
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// A commit that did not go through.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FailedCommit {
    /// Others changed the same records again and again. Nothing was written; try again.
    #[error("others keep changing the same records; nothing was written, so try again")]
    Contended,
    /// More waits than may. Nothing was written; try again later.
    #[error("too many changes are waiting for the store; nothing was written, so try again later")]
    QueueFull,
    /// The store failed. Its kind says whether something may have been written.
    #[error("{0}")]
    Store(Arc<StoreError>),
    /// The node is shutting down. Nothing was written.
    #[error("the node is shutting down; nothing was written")]
    Closed,
}

impl From<StoreError> for FailedCommit {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl FailedCommit {
    /// Whether it may have been written all the same.
    #[must_use]
    pub fn may_have_landed(&self) -> bool {
        match self {
            Self::Store(error) => *error.kind() == StoreErrorKind::OutcomeUnknown,
            Self::Contended | Self::QueueFull | Self::Closed => false,
        }
    }
}
