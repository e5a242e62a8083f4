//! The real binary, in folders of its own.
//!
//! Golden files are in `snapshots`; `INSTA_UPDATE=always` writes them anew.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a test that fails may panic, and a table is as long as it is"
)]

mod agents;
mod apply;
mod approvals;
mod audit;
mod authorize;
mod backup;
mod contrast;
mod corpus;
mod counters;
mod crash;
mod demo;
mod exit_codes;
mod export;
mod folder;
mod guardrails;
mod help;
mod hostile;
mod look;
mod mask;
mod policy_tests;
#[path = "../../../kavach-store-sqlx/tests/it/postgres/server.rs"]
mod server;
mod shell;
mod stores;
mod tokens;
mod torn;
mod trust;
mod unprivileged;
mod what_if;
mod who;
