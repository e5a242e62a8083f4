//! SQLite.

mod conformance;
mod torn;
mod views;
