//! How reading and sealing fail.

use thiserror::Error;

use crate::limits::{ERROR_TEXT_BYTES_MAX, PRIVATE_BYTES_MAX};
use crate::shown::shown;

/// These bytes are not a record of ours: an event, or the head of a log.
///
/// Only [`NewerVersion`](Self::NewerVersion) can be mended by the reader, with a newer program. All
/// others mean that the bytes were altered, or never were such a record.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than any such record.
    #[error(
        "the record has {bytes} bytes, and none has more than {max}; look for a missing line end"
    )]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        max: usize,
    },
    /// Written by a newer version.
    #[error("the record has version {0}, which this program does not know; use a newer one")]
    NewerVersion(u64),
    /// Not JSON, or JSON that says something else.
    #[error("the record is malformed: {problem}")]
    Malformed {
        /// What is wrong, safe to print.
        problem: String,
    },
    /// The right content in other bytes than the canonical ones, so that its hash means nothing.
    #[error("the record is not in canonical form (RFC 8785): look at byte {at}")]
    NotCanonical {
        /// The first byte that differs, from 0.
        at: usize,
    },
}

impl DecodeError {
    pub(crate) fn malformed(problem: &str) -> Self {
        let kept = problem.floor_char_boundary(ERROR_TEXT_BYTES_MAX);
        let problem = problem.get(..kept).unwrap_or_default();
        Self::Malformed {
            problem: shown(problem).to_string(),
        }
    }
}

/// The private fields of an event could not be encrypted.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SealError {
    /// Shorten the note.
    #[error("the private fields take {0} bytes, and at most {PRIVATE_BYTES_MAX} are allowed")]
    TooLong(usize),
}

/// The private fields of an event could not be read back.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum OpenError {
    /// Another key, another event, or altered bytes; nobody can tell which.
    #[error("the private fields do not decrypt: wrong key, wrong event, or altered")]
    Undecryptable,
    /// They decrypt, and are not what the event in the log commits to.
    #[error("the private fields are not those that the event commits to")]
    CommitmentMismatch,
    /// Written by a newer version.
    #[error(
        "the private fields have version {0}, which this program does not know; use a newer one"
    )]
    NewerVersion(u8),
    /// They are what was committed to, and still make no sense.
    #[error("the private fields are malformed")]
    Malformed,
}
