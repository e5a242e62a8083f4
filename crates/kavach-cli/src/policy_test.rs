//! Policies under test: tables of who asks for what in which circumstances, and what the answer must be.
//!
//! Each file is run against the state that its policy declares, on a store in memory and at the time that
//! it names; so the same file always gives the same result.

mod file;
mod junit;
mod run;

pub(crate) use file::read;
pub(crate) use junit::junit;
pub(crate) use run::{Outcome, run};
