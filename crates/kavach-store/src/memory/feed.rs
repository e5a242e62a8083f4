//! What was committed, in order, as far back as it is kept.

use std::collections::VecDeque;

use crate::batch::Revision;
use crate::error::{StoreError, StoreErrorKind};
use crate::key::Key;
use crate::limits::MEMORY_FEED_CHANGES;

/// INVARIANT (no gaps): the numbers of `commits` follow on `base` and on each other.
#[derive(Default)]
pub(super) struct Feed {
    /// The revision just before the oldest commit that is kept.
    base: Revision,
    /// Each commit with the keys that it changed, in order.
    commits: VecDeque<(Revision, Vec<Key>)>,
    /// How many keys that is in all.
    changes: usize,
}

impl Feed {
    /// The revision of the store.
    pub(super) fn newest(&self) -> Revision {
        self.commits
            .back()
            .map_or(self.base, |(revision, _)| *revision)
    }

    /// Adds the commit that led to `revision`, and forgets the oldest while enough are left without.
    pub(super) fn push(&mut self, revision: Revision, keys: Vec<Key>) {
        self.changes += keys.len();
        self.commits.push_back((revision, keys));
        while let Some((_, oldest)) = self.commits.front()
            && self.changes - oldest.len() >= MEMORY_FEED_CHANGES
            && let Some((revision, keys)) = self.commits.pop_front()
        {
            self.base = revision;
            self.changes -= keys.len();
        }
    }

    /// The commits after `after`.
    pub(super) fn after(
        &self,
        after: Revision,
    ) -> Result<impl Iterator<Item = &(Revision, Vec<Key>)>, StoreError> {
        // By the invariant (no gaps), a revision lies as many places behind the base as its number.
        let known = |skipped: &usize| match skipped.checked_sub(1) {
            None => after == self.base,
            Some(place) => self
                .commits
                .get(place)
                .is_some_and(|(revision, _)| *revision == after),
        };
        let number = after.number();
        let Some(skipped) = number.checked_sub(self.base.number()) else {
            let message = format!(
                "the changes after revision {number} are not here any more; take a snapshot"
            );
            return Err(StoreError::new(StoreErrorKind::Compacted, message));
        };
        let skipped = usize::try_from(skipped).ok().filter(known);
        let skipped = skipped.ok_or_else(|| unknown(number))?;
        Ok(self.commits.iter().skip(skipped))
    }
}

fn unknown(number: u64) -> StoreError {
    let message = format!(
        "the store never came to this revision {number}: it is another one, or went back; find out which"
    );
    StoreError::new(StoreErrorKind::UnknownRevision, message)
}
