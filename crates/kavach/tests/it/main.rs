//! The facade as its callers see it, on both stores that it ships with.

mod dice;
mod story;
mod withdrawal;
mod world;
