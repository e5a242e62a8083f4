//! What a failure of a database means to the caller.

use kavach_store::{StoreError, StoreErrorKind};

/// Why an operation ended.
#[derive(Debug)]
pub(crate) enum Failure {
    /// We know what it means already.
    Known(StoreError),
    /// The database, or the way to it, failed.
    Sql(sqlx::Error),
    /// It failed while it made a batch durable, which may have landed.
    Unknown(sqlx::Error),
}

impl Failure {
    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self::Known(StoreError::new(StoreErrorKind::Corrupt, message))
    }

    /// The same for the caller. `name` is what the store calls itself, and `meaning` what the engine's
    /// own codes mean.
    pub(crate) fn explain(
        self,
        name: &str,
        meaning: impl FnOnce(&dyn sqlx::error::DatabaseError, &str) -> (StoreErrorKind, String),
    ) -> StoreError {
        match self {
            Self::Known(error) => error,
            Self::Unknown(error) => {
                let message = format!(
                    "`{name}` failed while a batch was being made durable; read again before repeating it"
                );
                StoreError::new(StoreErrorKind::OutcomeUnknown, message).because(error)
            }
            Self::Sql(error) => {
                let (kind, message) = match error.as_database_error() {
                    Some(database) => meaning(database, name),
                    None => of_the_way(&error, name),
                };
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

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

/// What went wrong between us and the database.
fn of_the_way(error: &sqlx::Error, name: &str) -> (StoreErrorKind, String) {
    use sqlx::Error;

    if matches!(error, Error::PoolTimedOut) {
        let message =
            format!("no connection to `{name}` came free in time; try again, or allow more");
        return (StoreErrorKind::Unavailable, message);
    }
    if matches!(error, Error::PoolClosed) {
        let message = format!("`{name}` was closed; open it again");
        return (StoreErrorKind::Unavailable, message);
    }
    if matches!(error, Error::Configuration(_) | Error::InvalidArgument(_)) {
        let message = format!("`{name}` is no place for a store; check the address");
        return (StoreErrorKind::InvalidInput, message);
    }
    // What rustls says of the other side's certificate arrives as an error of the socket.
    let is_of_peer = |error: &std::io::Error| error.kind() == std::io::ErrorKind::InvalidData;
    if matches!(error, Error::Tls(_)) || matches!(error, Error::Io(error) if is_of_peer(error)) {
        let message = format!(
            "`{name}` cannot be reached as `sslmode` asks; check that, `sslrootcert`, and the server's certificate"
        );
        return (StoreErrorKind::Unavailable, message);
    }
    let foreign = matches!(
        error,
        Error::ColumnDecode { .. }
            | Error::ColumnNotFound(_)
            | Error::ColumnIndexOutOfBounds { .. }
            | Error::RowNotFound
            | Error::TypeNotFound { .. }
            | Error::Decode(_)
    );
    if foreign {
        let message =
            format!("what lies in `{name}` is not what was written there; restore a backup");
        return (StoreErrorKind::Corrupt, message);
    }
    let message = format!("`{name}` cannot be reached; check that it runs, and try again");
    (StoreErrorKind::Unavailable, message)
}

/// An expectation, or several, did not hold.
pub(crate) fn conflict(failed: Vec<usize>) -> Failure {
    let message = "an expectation of the batch does not hold; read again and decide anew";
    StoreError::new(StoreErrorKind::Conflict(failed), message).into()
}

/// An event of the batch stands where one is already.
pub(crate) fn event_is_there() -> Failure {
    let message = "an event of the batch is there already; read the log's head again";
    StoreError::new(StoreErrorKind::Conflict(Vec::new()), message).into()
}

/// The task of an operation ended without an answer.
pub(crate) fn stopped(
    name: &str,
    kind: StoreErrorKind,
    cause: tokio::task::JoinError,
) -> StoreError {
    let message = format!("an operation on `{name}` was cut off; read again before repeating it");
    StoreError::new(kind, message).because(cause)
}
