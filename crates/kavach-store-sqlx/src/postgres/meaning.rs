//! What PostgreSQL's codes mean.

use kavach_store::StoreErrorKind;
use sqlx::error::DatabaseError;

/// What the code of an error means to the caller (PostgreSQL manual, appendix A).
pub(super) fn of(error: &dyn DatabaseError, name: &str) -> (StoreErrorKind, String) {
    use StoreErrorKind::{Corrupt, InvalidInput, ReadOnly, Unavailable};

    let code = error.code();
    let code = code.as_deref().unwrap_or_default();
    let (class, _) = code.split_at_checked(2).unwrap_or_default();
    match (class, code) {
        ("40", _) => (
            Unavailable,
            format!("too many write the same records of `{name}` at once; try again"),
        ),
        (_, "55P03" | "57014") => (
            Unavailable,
            format!("another session of `{name}` holds the records and does not end; try again"),
        ),
        (_, "25006") => (
            ReadOnly,
            format!("`{name}` may only be read; use the primary, and a user who may write"),
        ),
        (_, "42501") => (
            ReadOnly,
            format!("this user may not use the tables of `{name}`; grant it the right to"),
        ),
        (_, "42P01" | "3F000") => (
            Unavailable,
            format!("`{name}` holds no store in this schema; migrate it first"),
        ),
        ("28" | "3D", _) => (
            InvalidInput,
            format!("`{name}` lets nobody in with this user and password, or is not there"),
        ),
        ("53", _) => (
            Unavailable,
            format!("`{name}` has no room or no connection left; make room, or allow more"),
        ),
        (_, "XX001" | "XX002") => (Corrupt, format!("`{name}` is damaged; restore a backup")),
        _ => (
            Unavailable,
            format!("`{name}` could not do it; try again, and see the cause"),
        ),
    }
}

/// Whether a transaction failed because it met another, so that it may go through, or find out why not, when
/// it is tried again.
pub(super) fn met_another(error: &sqlx::Error) -> bool {
    has_code(error, &["40001", "40P01"]) || is_taken(error)
}

/// Whether a row was to be created that is there already.
pub(super) fn is_taken(error: &sqlx::Error) -> bool {
    has_code(error, &["23505"])
}

/// Whether a batch was certainly not made durable, though it was tried.
pub(super) fn is_not_committed(error: &sqlx::Error) -> bool {
    // Of the class of transactions rolled back, one says that nobody knows.
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| code.starts_with("40") && code != "40003")
}

/// Whether the connection broke, or the server ended it.
pub(super) fn is_broken(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_))
        || has_code(error, &["57P01", "57P02", "57P05", "25P03"])
}

fn has_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    let code = error.as_database_error().and_then(DatabaseError::code);
    code.is_some_and(|code| codes.contains(&&*code))
}
