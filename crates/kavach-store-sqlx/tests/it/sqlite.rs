//! SQLite.

mod conformance;
mod torn;
