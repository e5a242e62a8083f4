//! That the library does what the specification says, and that both ways to evaluate agree.

use super::*;

mod agreement;
mod traps;
mod vectors;
