//! What the tokens promise, seen from outside.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod corpus;
