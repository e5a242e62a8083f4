//! Which invocations were used: each counts once.

use std::collections::{BTreeMap, BTreeSet};

use kavach_core::Timestamp;

use crate::id::Nonce;
use crate::key::PublicKey;
use crate::limits::CLOCK_AHEAD_S_MAX;
use crate::refusal::Refusal;

/// One invocation, as it is remembered: by the key that signed it and its nonce, until it is over.
#[expect(
    clippy::exhaustive_structs,
    reason = "what is remembered is these three"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Use {
    /// Whose.
    pub key: PublicKey,
    /// Which.
    pub nonce: Nonce,
    /// The first second at which it need not be remembered any more.
    pub until: Timestamp,
}

type Name = ([u8; 32], Nonce);

/// The invocations that one process has seen, as many as still last. Full, it refuses.
#[derive(Debug)]
pub struct ReplayCache {
    used: BTreeMap<Name, Timestamp>,
    /// The same, by their end.
    ends: BTreeSet<(Timestamp, Name)>,
    capacity: usize,
    /// Invocations made before this are refused: nobody remembers whether they were used.
    from: Timestamp,
}

impl ReplayCache {
    /// A cache that begins to remember at `started_at`, and holds `capacity` invocations.
    ///
    /// What was made earlier is refused, and so is what was made within the 30 seconds after: a caller's
    /// clock may be that much ahead, so an invocation with such a time may have been used before.
    #[must_use]
    pub fn new(capacity: usize, started_at: Timestamp) -> Self {
        Self {
            used: BTreeMap::new(),
            ends: BTreeSet::new(),
            capacity,
            from: started_at.plus_s(CLOCK_AHEAD_S_MAX),
        }
    }

    /// A cache of a service that never ran before: there is nothing that it could have forgotten. After a
    /// restart this lets each invocation of the minute before be used once more.
    #[must_use]
    pub fn danger_first_start(capacity: usize) -> Self {
        Self {
            used: BTreeMap::new(),
            ends: BTreeSet::new(),
            capacity,
            from: Timestamp::from_s(0),
        }
    }

    /// Whether the invocation, made at `made_at`, could be used at all; it stays unused.
    pub(crate) fn probe(&self, wanted: &Use, made_at: Timestamp) -> Result<(), Refusal> {
        if made_at < self.from {
            return Err(Refusal::BeforeStart);
        }
        if self.used.contains_key(&wanted.name()) {
            return Err(Refusal::Replayed);
        }
        Ok(())
    }

    /// Uses the invocation.
    pub(crate) fn spend(
        &mut self,
        wanted: &Use,
        made_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.probe(wanted, made_at)?;
        self.forget(now);
        if self.used.len() >= self.capacity {
            return Err(Refusal::ReplaysFull);
        }
        self.used.insert(wanted.name(), wanted.until);
        self.ends.insert((wanted.until, wanted.name()));
        Ok(())
    }

    /// Forgets what is over at `now`.
    fn forget(&mut self, now: Timestamp) {
        while let Some((until, name)) = self.ends.first().copied()
            && until <= now
        {
            self.ends.pop_first();
            self.used.remove(&name);
        }
    }

    /// How many invocations are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }
}

impl Use {
    fn name(&self) -> Name {
        (*self.key.as_bytes(), self.nonce)
    }
}
