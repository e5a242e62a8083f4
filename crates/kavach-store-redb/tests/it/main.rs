//! The store as its callers see it, on files and on disks that fail.

mod conformance;
mod dice;
mod disk;
