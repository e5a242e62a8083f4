//! The proof, from outside.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that fails may panic, and clippy knows tests only by their attribute"
)]

mod corpus;
mod encoding;
mod export;
mod golden;
mod head;
mod private;
mod sample;
mod sentence;
