//! What can be wrong with text from outside.

use alloc::string::String;
use core::fmt;

use crate::limits::ERROR_INPUT_BYTES_MAX;

/// Text that is not what it should be.
///
/// The message names the text (shortened, and escaped so that it is safe in a terminal and in a
/// log), says what is wrong with it, and what to write instead.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ParseError {
    what: &'static str,
    input: String,
    problem: Problem,
}

/// What is wrong with the text of a [`ParseError`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing stands where something must.
    Empty,
    /// Longer than this many bytes.
    TooLong(usize),
    /// A character that may not stand at this byte.
    Character(usize),
    /// A `%` at this byte that is not a percent-encoding in canonical form (upper-case hex, and only of
    /// characters that need it).
    Encoding(usize),
    /// Segment number `.0`, counted from 1, is empty.
    EmptySegment(usize),
    /// Segment number `.0`, counted from 1, is `.` or `..`.
    DotSegment(usize),
    /// Fewer than two segments, or more than eight.
    SegmentCount(usize),
    /// The first segment is not one of the known kinds.
    Kind,
    /// A `*` where none may stand.
    Wildcard(usize),
    /// Anything else, said in words.
    Other(&'static str),
}

impl ParseError {
    pub(crate) fn new(what: &'static str, input: &str, problem: Problem) -> Self {
        let mut shown = String::new();
        for character in input.chars() {
            for escaped in character.escape_default() {
                shown.push(escaped);
            }
            if shown.len() > ERROR_INPUT_BYTES_MAX {
                shown.push_str("...");
                break;
            }
        }
        Self {
            what,
            input: shown,
            problem,
        }
    }

    /// What is wrong, for code that branches on it.
    #[must_use]
    pub fn problem(&self) -> Problem {
        self.problem
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not {}: {}", self.input, self.what, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty; write something"),
            Self::TooLong(max) => write!(f, "it is longer than {max} bytes; shorten it"),
            Self::Character(at) => write!(
                f,
                "the character at byte {at} is not allowed; write letters, digits, `_-.~@+`, \
                 or percent-encode it"
            ),
            Self::Encoding(at) => write!(
                f,
                "the `%` at byte {at} is not canonical; encode with two upper-case hex digits, \
                 and only characters that need it"
            ),
            Self::EmptySegment(number) => {
                write!(f, "segment {number} is empty; write `kind:segment:...`")
            }
            Self::DotSegment(number) => {
                write!(f, "segment {number} is `.` or `..`; name it in full")
            }
            Self::SegmentCount(count) => {
                write!(
                    f,
                    "it must have 2 to 8 segments, separated by `:`, and not {count}"
                )
            }
            Self::Kind => f.write_str(
                "its first segment is not a known kind; use mcp, a2a, http, tool, data, app, \
                 or one of your own that starts with `x-`",
            ),
            Self::Wildcard(at) => write!(
                f,
                "the `*` at byte {at} may not stand there; a pattern takes `*` as a whole segment, \
                 `prefix*` and `**` only at the end, and a resource takes none"
            ),
            Self::Other(words) => f.write_str(words),
        }
    }
}

impl core::error::Error for ParseError {}
