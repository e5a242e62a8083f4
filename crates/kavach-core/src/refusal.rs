//! Why a change was refused.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::graph::Leaf;
use crate::reason::Reason;

/// A change that was refused; nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Refusal {
    /// For code that branches.
    pub reason: Reason,
    /// For people: what is wrong, and what to do.
    pub message: String,
    /// The lines that the caller may choose from, where it must name one.
    pub candidates: Vec<Leaf>,
}

impl Refusal {
    /// A refusal for `reason`; `message` says what is wrong and what to do.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            candidates: Vec::new(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Refusal {}
