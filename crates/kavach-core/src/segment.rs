//! The parts between the colons.

use alloc::boxed::Box;

use crate::error::Problem;
use crate::limits::{RESOURCE_BYTES_MAX, SEGMENT_BYTES_MAX};

/// The kinds that need no `x-`.
pub(crate) const KINDS: [&str; 6] = ["mcp", "a2a", "http", "tool", "data", "app"];

/// What stands for a kind that is not well known.
pub(crate) const KIND_OTHER: u32 = KINDS.len() as u32;

/// The number of a well-known kind; [`KIND_OTHER`] for one of the host's own.
pub(crate) fn kind_of(text: &str) -> u32 {
    let known = (0..).zip(KINDS).find(|(_, known)| *known == text);
    known.map_or(KIND_OTHER, |(place, _)| place)
}

/// What one segment of a pattern matches.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Segment {
    /// Exactly this text.
    Exact(Box<str>),
    /// This text and anything that begins with it. Only as the last segment.
    Prefix(Box<str>),
    /// Any one segment.
    Any,
}

impl Segment {
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *text,
            Self::Prefix(prefix) => text.starts_with(&**prefix),
            Self::Any => true,
        }
    }

    /// Whether everything that `other` matches is matched here too.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Prefix(prefix), Self::Exact(text) | Self::Prefix(text)) => {
                text.starts_with(&**prefix)
            }
            (Self::Exact(exact), Self::Exact(text)) => exact == text,
            (Self::Exact(_), Self::Prefix(_) | Self::Any) | (Self::Prefix(_), Self::Any) => false,
        }
    }

    /// What both match. Two segments either nest or have nothing in common.
    pub(crate) fn meet<'a>(&'a self, other: &'a Self) -> Option<&'a Self> {
        if self.contains(other) {
            Some(other)
        } else if other.contains(self) {
            Some(self)
        } else {
            None
        }
    }
}

/// Whether `text` may be the first segment.
pub(crate) fn is_kind(text: &str) -> bool {
    if KINDS.contains(&text) {
        return true;
    }
    text.len() <= 64
        && text.strip_prefix("x-").is_some_and(|rest| {
            !rest.is_empty()
                && rest
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        })
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.~@+".contains(&byte)
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    match byte {
        Some(digit @ b'0'..=b'9') => Some(digit - b'0'),
        Some(letter @ b'A'..=b'F') => Some(letter - b'A' + 10),
        _ => None,
    }
}

/// Checks that `text`, segment `number` (from 1) that starts at byte `at` of the whole, is canonical.
pub(crate) fn check_segment(text: &str, number: usize, at: usize) -> Result<(), Problem> {
    if text.is_empty() {
        return Err(Problem::EmptySegment(number));
    }
    if text == "." || text == ".." {
        return Err(Problem::DotSegment(number));
    }
    let mut bytes = text.as_bytes();
    while let Some((&first, rest)) = bytes.split_first() {
        let here = at + text.len() - bytes.len();
        if first == b'%' {
            let (high, low) = (hex(rest.first()), hex(rest.get(1)));
            let (Some(high), Some(low)) = (high, low) else {
                return Err(Problem::Encoding(here));
            };
            if is_unreserved(high * 16 + low) {
                return Err(Problem::Encoding(here));
            }
            bytes = rest.get(2..).unwrap_or_default();
        } else if is_unreserved(first) {
            bytes = rest;
        } else if first == b'*' {
            return Err(Problem::Wildcard(here));
        } else {
            return Err(Problem::Character(here));
        }
    }
    if text.len() > SEGMENT_BYTES_MAX {
        return Err(Problem::TooLong(SEGMENT_BYTES_MAX));
    }
    Ok(())
}

/// Checks what a resource and a pattern have in common: not empty, not too long.
pub(crate) fn check_length(text: &str) -> Result<(), Problem> {
    if text.is_empty() {
        Err(Problem::Empty)
    } else if text.len() > RESOURCE_BYTES_MAX {
        Err(Problem::TooLong(RESOURCE_BYTES_MAX))
    } else {
        Ok(())
    }
}

/// The segments of `text` with their number (from 1) and the byte each starts at.
pub(crate) fn split(text: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    let mut at = 0;
    text.split(':').enumerate().map(move |(index, segment)| {
        let start = at;
        at += segment.len() + 1;
        (index + 1, start, segment)
    })
}
