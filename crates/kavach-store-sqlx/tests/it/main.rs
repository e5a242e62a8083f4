//! The SQL backends, from outside.

#[cfg(feature = "sqlite")]
mod sqlite;
