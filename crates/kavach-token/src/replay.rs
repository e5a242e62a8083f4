//! Which invocations were used: each counts once.

use std::collections::{BTreeMap, BTreeSet};

use kavach_core::Timestamp;

use crate::id::{BlockId, Nonce};
use crate::key::PublicKey;
use crate::limits::CLOCK_AHEAD_S_MAX;
use crate::refusal::Refusal;
use crate::verified::Verified;

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
    used: BTreeMap<Name, BlockId>,
    /// The same, by their end.
    ends: BTreeSet<(Timestamp, Name)>,
    /// The first second at which they no longer hold, by their blocks: what comes again as it was is told by
    /// its signature alone.
    blocks: BTreeMap<BlockId, Timestamp>,
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
            blocks: BTreeMap::new(),
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
            blocks: BTreeMap::new(),
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

    /// Whether this very block was accepted before, and still would be.
    ///
    /// Whoever copies a signature under something else is refused too, as they would be for the signature.
    pub(crate) fn has_accepted(&self, block: &BlockId, now: Timestamp) -> bool {
        self.blocks.get(block).is_some_and(|over_at| now < *over_at)
    }

    /// Uses the invocation in `verified`.
    pub(crate) fn spend(
        &mut self,
        wanted: &Use,
        verified: &Verified,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.probe(wanted, verified.at)?;
        self.forget(now);
        if self.used.len() >= self.capacity {
            return Err(Refusal::ReplaysFull);
        }
        let (block, over_at) = (verified.block, verified.expires_at);
        self.used.insert(wanted.name(), block);
        self.ends.insert((wanted.until, wanted.name()));
        self.blocks.insert(block, over_at);
        Ok(())
    }

    /// Forgets what is over at `now`.
    fn forget(&mut self, now: Timestamp) {
        while let Some((until, name)) = self.ends.first().copied()
            && until <= now
        {
            self.ends.pop_first();
            if let Some(block) = self.used.remove(&name) {
                self.blocks.remove(&block);
            }
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
