//! What one commit does.

use std::collections::HashSet;

use kavach_audit::SealedEvent;

use crate::error::{StoreError, StoreErrorKind};
use crate::key::{Key, SpaceKind};
use crate::limits::{BATCH_BYTES_MAX, BATCH_PARTS_MAX, NUMBER_MAX, RECORD_BYTES_MAX};

#[cfg(test)]
mod tests;

/// Expectations, writes and audit events that land together or not at all.
///
/// A key appears at most once among `puts` and `deletes` together. Expectations are about the state
/// before the batch, and may name keys that it does not write. A batch with nothing in it is legal.
#[expect(
    clippy::exhaustive_structs,
    reason = "a backend that ignores a part would lose writes"
)]
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What must be true for the batch to be applied.
    pub expectations: Vec<(Key, Expect)>,
    /// Records to write, whole.
    pub puts: Vec<(Key, Vec<u8>)>,
    /// Records to remove. One that is not there is no error, unless an expectation says so.
    pub deletes: Vec<Key>,
    /// Events to append. An event whose (log, index) is there already is a `Conflict` with no expectation
    /// named, and nothing is written. Two such events in one batch are `InvalidInput`.
    pub events: Vec<SealedEvent>,
}

impl Batch {
    /// Checks what can be checked without the store. Every backend calls this first in `commit`.
    ///
    /// # Errors
    /// `InvalidInput`: a key that is empty, too long, or in a space whose name is no name; a key
    /// written twice; an event twice; a number past [`NUMBER_MAX`]; a record or a batch that is too
    /// large.
    pub fn check(&self) -> Result<(), StoreError> {
        self.check_size()?;
        for (key, _) in &self.expectations {
            key.check()?;
        }
        let mut written = HashSet::with_capacity(self.puts.len() + self.deletes.len());
        for key in self.written() {
            key.check()?;
            if !written.insert(key) {
                return Err(invalid(format!(
                    "`{key:?}` is written twice in one batch; write it once"
                )));
            }
        }
        let mut places = HashSet::with_capacity(self.events.len());
        for SealedEvent { event, .. } in &self.events {
            let place = (event.log, event.index);
            if event.index > NUMBER_MAX || event.time_ns > NUMBER_MAX {
                return Err(invalid(format!(
                    "the index or time of event `{}` is past 2^63",
                    event.id
                )));
            }
            if !places.insert(place) {
                let (log, index) = place;
                let message =
                    format!("event {index} of `{log}` is twice in one batch; append it once");
                return Err(invalid(message));
            }
        }
        Ok(())
    }

    /// The keys in graph spaces that are put or deleted, in the order of the change feed: by the name
    /// of the space, then by key.
    ///
    /// If there are any, the batch gets a revision of its own, even where it deletes what is not there
    /// or puts what is there already.
    #[must_use]
    pub fn graph_changes(&self) -> Vec<&Key> {
        let graph = |key: &&Key| key.space().kind() == SpaceKind::Graph;
        let mut keys: Vec<&Key> = self.written().filter(graph).collect();
        keys.sort_unstable();
        keys
    }

    fn written(&self) -> impl Iterator<Item = &Key> {
        self.puts.iter().map(|(key, _)| key).chain(&self.deletes)
    }

    fn check_size(&self) -> Result<(), StoreError> {
        let parts =
            self.expectations.len() + self.puts.len() + self.deletes.len() + self.events.len();
        if parts > BATCH_PARTS_MAX {
            let message =
                format!("the batch has {parts} parts; split it into {BATCH_PARTS_MAX} at most");
            return Err(invalid(message));
        }
        if let Some((key, _)) = self
            .puts
            .iter()
            .find(|(_, bytes)| bytes.len() > RECORD_BYTES_MAX)
        {
            let message =
                format!("the record at `{key:?}` is longer than {RECORD_BYTES_MAX} bytes");
            return Err(invalid(message));
        }
        let keys: usize = self.written().map(|key| key.bytes().len()).sum();
        let records: usize = self.puts.iter().map(|(_, bytes)| bytes.len()).sum();
        let events: usize = self.events.iter().map(|event| event.bytes.len()).sum();
        if keys + records + events > BATCH_BYTES_MAX {
            let message = format!("the batch is longer than {BATCH_BYTES_MAX} bytes; split it");
            return Err(invalid(message));
        }
        Ok(())
    }
}

fn invalid(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::InvalidInput, message)
}

/// What must be true of a record before a batch is applied.
#[expect(
    clippy::exhaustive_enums,
    reason = "every backend must check each of them"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expect {
    /// There is no record under the key.
    Absent,
    /// There is one, and it has this version.
    Version(Version),
}

impl Expect {
    /// Whether it holds of a key under which a record of version `found` lies, or none.
    #[must_use]
    pub fn holds(self, found: Option<Version>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Version(version) => found == Some(version),
        }
    }
}

/// Which incarnation of a record: compare for equality, nothing else.
///
/// A version is never used twice in a store, not even after the record was deleted and written
/// again, so an expectation cannot match a record that it did not mean. Its number is at most
/// [`NUMBER_MAX`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Version(u64);

impl Version {
    /// For backends: the version with this number.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// The number, for storing it.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// How far the graph has come: a number that grows by one with each commit that puts or deletes in a
/// graph space, and a random tag, drawn anew with each, that tells apart two histories which reached
/// the same number.
///
/// The state before the first commit is [`Revision::ZERO`].
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Revision {
    number: u64,
    tag: u64,
}

impl Revision {
    /// Nothing committed yet.
    pub const ZERO: Self = Self { number: 0, tag: 0 };

    /// For backends: the revision with this number and tag.
    #[must_use]
    pub const fn new(number: u64, tag: u64) -> Self {
        Self { number, tag }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.number
    }

    /// The tag.
    #[must_use]
    pub const fn tag(self) -> u64 {
        self.tag
    }
}

/// What a successful commit answers.
#[expect(clippy::exhaustive_structs, reason = "built by every backend")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Committed {
    /// The revision of the graph after the batch; unchanged if the batch touched only quiet spaces.
    pub revision: Revision,
    /// The version that every record put by this batch now has, and no other record ever had; without
    /// meaning if it put none.
    pub version: Version,
}
