//! Where a record lies.

use std::fmt;

use crate::error::{StoreError, StoreErrorKind};
use crate::limits::{KEY_BYTES_MAX, SPACE_NAME_BYTES_MAX};

/// A family of records with one meaning: agents, delegations, log heads.
///
/// A new domain makes up its own spaces; no backend knows a list of them. A space is either part of
/// the *graph* (its changes are numbered and appear in the change feed) or *quiet* (they do not).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Space {
    name: &'static str,
    kind: SpaceKind,
}

/// Whether changes in a space are numbered and appear in the change feed.
#[expect(clippy::exhaustive_enums, reason = "every backend must handle both")]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SpaceKind {
    /// Numbered, and in the feed.
    Graph,
    /// Neither: log heads, counters, sessions, codes, nonces.
    Quiet,
}

impl Space {
    /// A space whose changes are numbered and appear in the feed. Names are 1 to 32 of `a-z` and `_`.
    #[must_use]
    pub const fn graph(name: &'static str) -> Self {
        Self {
            name,
            kind: SpaceKind::Graph,
        }
    }

    /// A space whose changes are not.
    #[must_use]
    pub const fn quiet(name: &'static str) -> Self {
        Self {
            name,
            kind: SpaceKind::Quiet,
        }
    }

    /// The name, unique among all spaces of both kinds: a backend may know a space by it alone.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether its changes are numbered.
    #[must_use]
    pub const fn kind(&self) -> SpaceKind {
        self.kind
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The address of one record: a space, and 1 to 512 bytes in it. Compared byte for byte.
///
/// Under a key of any other length no record can lie: reading it answers `None`, writing it or
/// expecting something of it is `InvalidInput`.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key {
    space: Space,
    bytes: Box<[u8]>,
}

impl Key {
    /// The record at `bytes` in `space`.
    pub fn new(space: Space, bytes: impl Into<Box<[u8]>>) -> Self {
        Self {
            space,
            bytes: bytes.into(),
        }
    }

    /// The space.
    #[must_use]
    pub fn space(&self) -> Space {
        self.space
    }

    /// The place within the space.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a record may lie here.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let invalid = |message| Err(StoreError::new(StoreErrorKind::InvalidInput, message));
        let name = self.space.name;
        let letters = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if name.is_empty() || name.len() > SPACE_NAME_BYTES_MAX || !letters {
            return invalid(format!(
                "`{}` is not the name of a space; write 1 to {SPACE_NAME_BYTES_MAX} of `a-z` and `_`",
                name.escape_default()
            ));
        }
        if self.bytes.is_empty() || self.bytes.len() > KEY_BYTES_MAX {
            let length = self.bytes.len();
            return invalid(format!(
                "a key of {length} bytes in `{name}`; make it 1 to {KEY_BYTES_MAX} bytes long"
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.space.name, self.bytes.escape_ascii())
    }
}
