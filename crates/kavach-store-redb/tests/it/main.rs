//! The store as its callers see it, on files and on disks that fail.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "harnesses and failing disks are test code, though not inside `#[test]`"
)]

mod conformance;
mod crashes;
mod dice;
mod disk;
mod faults;
mod files;
mod history;
