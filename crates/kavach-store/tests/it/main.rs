//! The conformance kit: who passes it, and that it can fail.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "harnesses and broken stores are test code, though not inside `#[test]`"
)]

mod broken;
mod faulty;
mod file_backend;
mod kit;
mod memory;
