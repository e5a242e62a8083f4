//! That the library does what the specification says, and that both ways to evaluate agree.

use super::*;

mod agreement;
#[cfg(feature = "interop")]
mod interop;
mod traps;
mod vectors;
