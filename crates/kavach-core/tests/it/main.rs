//! What the policy engine promises, seen from outside.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod agreement;
mod bounds;
mod constraints;
mod corpus;
mod forest;
mod golden;
mod holes;
mod meters;
mod page;
mod people;
mod proof;
mod properties;
mod records;
mod retry;
mod roundtrip;
mod runs;
mod trust;
mod world;
