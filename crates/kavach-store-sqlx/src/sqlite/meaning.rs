//! What SQLite's codes mean.

use kavach_store::StoreErrorKind;
use sqlx::error::DatabaseError;

/// What the code of an error means to the caller.
pub(super) fn of(error: &dyn DatabaseError, name: &str) -> (StoreErrorKind, String) {
    match code(error) {
        // SQLITE_BUSY and SQLITE_LOCKED, of which a busy snapshot is one.
        5 | 6 => (
            StoreErrorKind::Unavailable,
            format!("another process writes to `{name}` and does not end; try again, or stop it"),
        ),
        // SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH
        3 | 8 | 23 => (
            StoreErrorKind::ReadOnly,
            format!(
                "`{name}` may only be read; give this user the right to write to it and its folder"
            ),
        ),
        // SQLITE_FULL
        13 => (
            StoreErrorKind::Unavailable,
            format!("no space left for `{name}`; make room on its disk"),
        ),
        // SQLITE_CORRUPT
        11 => (
            StoreErrorKind::Corrupt,
            format!("`{name}` is damaged; restore a backup"),
        ),
        // SQLITE_NOTADB
        26 => (
            StoreErrorKind::Corrupt,
            format!(
                "`{name}` is not an SQLite file, or is damaged; use another file, or restore a backup"
            ),
        ),
        // SQLITE_CANTOPEN
        14 => (
            StoreErrorKind::Unavailable,
            format!(
                "`{name}` cannot be opened; is there a folder for it, and may this user use it?"
            ),
        ),
        _ => (
            StoreErrorKind::Unavailable,
            format!("`{name}` could not be read or written; check its disk, and see the cause"),
        ),
    }
}

/// Whether others were writing, so that the same may go through now.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    let database = error.as_database_error();
    database.is_some_and(|error| matches!(code(error), 5 | 6))
}

/// The primary code, which is the low byte of the extended one.
fn code(error: &dyn DatabaseError) -> u8 {
    let extended: Option<u32> = error.code().and_then(|code| code.parse().ok());
    extended.map_or(0, |code| code.to_le_bytes()[0])
}
