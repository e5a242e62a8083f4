//! What a failure of redb means to the caller.

use std::io;

use kavach_store::{StoreError, StoreErrorKind};

/// Why an operation ended without having written anything.
#[derive(Debug)]
pub(crate) enum Failure {
    /// We know what it means already.
    Known(StoreError),
    /// redb failed.
    Engine(redb::Error),
}

impl Failure {
    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self::Known(StoreError::new(StoreErrorKind::Corrupt, message))
    }

    /// Whether redb takes nothing more before it was opened again.
    pub(crate) fn is_lasting(&self) -> bool {
        let Self::Engine(error) = self else {
            return false;
        };
        matches!(
            error,
            redb::Error::Io(_)
                | redb::Error::PreviousIo
                | redb::Error::DatabaseClosed
                | redb::Error::LockPoisoned(_)
                | redb::Error::Corrupted(_)
        )
    }

    /// The same for the caller; `file` is what the store calls itself.
    pub(crate) fn explain(self, file: &str) -> StoreError {
        match self {
            Self::Known(error) => error,
            Self::Engine(error) => {
                let (kind, message) = meaning(&error, file);
                StoreError::new(kind, message).because(error)
            }
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Known(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Engine(redb::Error::Io(error))
    }
}

macro_rules! from_redb {
    ($($error:ident,)*) => {
        $(impl From<redb::$error> for Failure {
            fn from(error: redb::$error) -> Self {
                Self::Engine(error.into())
            }
        })*
    };
}

from_redb! { Error, StorageError, TableError, TransactionError, CommitError, CursorError, DatabaseError, }

fn meaning(error: &redb::Error, file: &str) -> (StoreErrorKind, String) {
    use redb::Error;

    if let Error::Io(error) = error {
        return meaning_of_io(error, file);
    }
    if let Error::Corrupted(what) = error {
        return (
            StoreErrorKind::Corrupt,
            format!("`{file}` is damaged ({what}); restore a backup"),
        );
    }
    if matches!(
        error,
        Error::DatabaseAlreadyOpen | Error::LockProtocolMismatch
    ) {
        let message = format!("another process has `{file}` open; stop it, or use another folder");
        return (StoreErrorKind::Locked, message);
    }
    if matches!(error, Error::PreviousIo | Error::DatabaseClosed) {
        let message = format!("`{file}` failed and is being opened again; try again");
        return (StoreErrorKind::Unavailable, message);
    }
    if matches!(error, Error::RepairAborted) {
        let message = format!(
            "`{file}` was not closed and needs a repair; open it for writing once, then read it"
        );
        return (StoreErrorKind::Unavailable, message);
    }
    if matches!(error, Error::Unsupported) {
        let message = format!(
            "the file system of `{file}` cannot lock parts of a file; put it on a local disk"
        );
        return (StoreErrorKind::Unavailable, message);
    }
    let foreign = matches!(
        error,
        Error::TableTypeMismatch { .. }
            | Error::TableIsMultimap(_)
            | Error::TableIsNotMultimap(_)
            | Error::TableDoesNotExist(_)
            | Error::TypeDefinitionChanged { .. }
            | Error::UpgradeRequired(_)
    );
    if foreign {
        let message = format!(
            "`{file}` is not a store of this program; restore a backup, or use another file"
        );
        return (StoreErrorKind::Corrupt, message);
    }
    let message = format!("`{file}` could not be used; try again, and see the cause");
    (StoreErrorKind::Unavailable, message)
}

fn meaning_of_io(error: &io::Error, file: &str) -> (StoreErrorKind, String) {
    use io::ErrorKind;

    let kind = error.kind();
    if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        let message = format!("no space left for `{file}`; make room on its disk");
        (StoreErrorKind::Unavailable, message)
    } else if kind == ErrorKind::InvalidData {
        let message = format!("`{file}` is not a redb file, or is damaged; restore a backup");
        (StoreErrorKind::Corrupt, message)
    } else if kind == ErrorKind::ReadOnlyFilesystem {
        let message = format!("the disk of `{file}` may only be read; mount it for writing");
        (StoreErrorKind::ReadOnly, message)
    } else if kind == ErrorKind::PermissionDenied {
        let message =
            format!("this user may not open `{file}`; give it the right, or be its owner");
        (StoreErrorKind::ReadOnly, message)
    } else if kind == ErrorKind::IsADirectory {
        let message = format!("`{file}` is a folder; name a file in it");
        (StoreErrorKind::InvalidInput, message)
    } else if kind == ErrorKind::NotFound {
        let message = format!("there is no `{file}`, or no folder for it; create the folder");
        (StoreErrorKind::Unavailable, message)
    } else {
        let message = format!("`{file}` could not be read or written; check its disk");
        (StoreErrorKind::Unavailable, message)
    }
}

/// What a caller learns whose commit failed while it was being made durable.
pub(crate) fn outcome_unknown(failure: Failure, file: &str) -> StoreError {
    let message = format!(
        "`{file}` failed while a batch was being made durable; read again before repeating it"
    );
    let error = StoreError::new(StoreErrorKind::OutcomeUnknown, message);
    match failure {
        Failure::Known(known) => error.because(known),
        Failure::Engine(cause) => error.because(cause),
    }
}
