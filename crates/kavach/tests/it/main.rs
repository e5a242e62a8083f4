//! The facade as its callers see it, on both stores that it ships with.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on says so by panicking"
)]

mod approvals;
mod attack;
mod backup;
mod crashes;
mod declaration;
mod dice;
mod events;
mod faults;
mod guardrails;
mod limits;
mod meters;
mod model;
mod nodes;
mod opening;
mod privacy;
mod races;
mod story;
mod tenants;
mod tokens;
mod trail;
mod tree;
mod trust;
mod who;
mod withdrawal;
mod world;
