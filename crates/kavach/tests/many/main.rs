//! Many nodes on one database that goes wrong: simulated, and as processes on a real one.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

#[path = "../it/dice.rs"]
mod dice;
mod history;
mod processes;
mod pushed;
mod simulated;
#[path = "../it/tree.rs"]
mod tree;
mod work;
