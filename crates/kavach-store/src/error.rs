//! How a store fails.

use std::error::Error;
use std::fmt;

/// A store could not do what it was asked to.
///
/// Branch on [`kind`](Self::kind); [`StoreErrorKind::can_retry`] says whether the same call may go
/// through later.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What kind of failure it is, and so what the caller should do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// These expectations of the batch, by their place in it, did not hold; nothing was written. Read
    /// again and decide anew.
    Conflict(Vec<usize>),
    /// Nothing was written; the store cannot be reached or has no room. Try later.
    Unavailable,
    /// The batch may or may not have landed. Read again before repeating it.
    OutcomeUnknown,
    /// What lies in the store is not what was written there. Restore a backup.
    Corrupt,
    /// A newer version of Kavach wrote this store. Use that version.
    SchemaTooNew,
    /// Another process has the store open.
    Locked,
    /// The store may only be read.
    ReadOnly,
    /// The change feed no longer reaches back that far: take a snapshot.
    Compacted,
    /// The store never came to this revision: it is another store, or it went back to before it. Whoever has
    /// seen the revision must not go on with this store.
    UnknownRevision,
    /// The call itself is wrong: a key too long, a page of zero. A defect of the caller.
    InvalidInput,
}

impl StoreErrorKind {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub const fn can_retry(&self) -> bool {
        matches!(self, Self::Unavailable | Self::Locked)
    }
}

impl StoreError {
    /// An error of this kind; `message` is for the operator: lower case, no full stop, says what to do.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// The same with its cause.
    #[must_use]
    pub fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> &StoreErrorKind {
        &self.kind
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
