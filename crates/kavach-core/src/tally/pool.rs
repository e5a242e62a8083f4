//! A limit that several nodes share: what is spent, and what each of them may spend without asking.
//!
//! A node takes a slice of the limit for the time of a lease, and spends it by itself. INVARIANT (never
//! above): a unit is spent, in a slice, or free, and a slice counts in full until everything that may have
//! been spent of it has passed. So in no window is more spent than the limit, and less may be: what a node
//! took and never handed in.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::part::TallyPart;
use super::{Kind, Tally};
use crate::counter::{Room, Span};
use crate::error::ParseError;
use crate::id::LogId;
use crate::limits::{LEASE_GRACE_S, ROOM_STEPS_MAX, SLICE_SHARE};
use crate::time::Timestamp;

#[cfg(test)]
mod tests;

/// What one node may spend of a limit without asking.
#[expect(clippy::exhaustive_structs, reason = "who, how much, until when")]
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// Who holds it: one run of one node.
    pub holder: LogId,
    /// Which of the holder's slices it is.
    pub number: u32,
    /// How much, in units of the limit.
    #[serde(with = "digits")]
    pub units: u64,
    /// The first second at which it cannot be spent any more. Never past the end of the period it is of.
    pub ends_at: Timestamp,
}

/// What a node asks of a pool.
#[expect(
    clippy::exhaustive_structs,
    reason = "who, how much of how much, for how long"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ask {
    /// Who asks.
    pub holder: LogId,
    /// The number that its slice shall have.
    pub number: u32,
    /// How much there may be in all.
    pub limit: u64,
    /// How much it needs at least.
    pub amount: u64,
    /// How much it could use at once.
    pub wanted: u64,
    /// For how many seconds, from 1.
    pub lease_s: u64,
}

/// What is spent of one limit by all nodes, and who holds what of the rest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pool {
    spent: Tally,
    slices: Vec<Slice>,
}

/// A pool as it is stored.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PoolPart {
    spent: Vec<TallyPart>,
    slices: Vec<Slice>,
}

impl Pool {
    /// A pool of which so much is spent.
    #[must_use]
    pub fn new(spent: Tally) -> Self {
        Self {
            spent,
            slices: Vec::new(),
        }
    }

    /// How much is not free now: what is spent, and what is in slices. At most the greatest `u64`.
    #[must_use]
    pub fn used(&self, now: Timestamp) -> u64 {
        let held = self.slices.iter().filter(|slice| self.counts(slice, now));
        held.fold(self.spent.used(now), |sum, slice| {
            sum.saturating_add(slice.units)
        })
    }

    /// Whether something spent of the slice may still count.
    fn counts(&self, slice: &Slice, now: Timestamp) -> bool {
        // What is spent of it is spent in this second or earlier.
        let last = Timestamp::from_s(slice.ends_at.as_s().saturating_sub(1));
        let mut one = Tally::new(self.spent.span());
        one.count(1, last);
        one.used(now) > 0
    }

    /// The second at which some of what is used now is free again; `None` if nothing is used, or for ever.
    #[must_use]
    pub fn frees_at(&self, now: Timestamp) -> Option<Timestamp> {
        let slices = self.slices.iter().filter(|slice| self.counts(slice, now));
        let slices = slices.filter_map(|slice| {
            let mut one = Tally::new(self.spent.span());
            one.count(1, Timestamp::from_s(slice.ends_at.as_s().saturating_sub(1)));
            one.ends_at()
        });
        slices.chain(self.spent.frees_at(now)).min()
    }

    /// The second at which what is taken now is spent at the earliest: `now`, or the latest that anything was
    /// spent at, if the clock of another node is ahead. What passed by that clock is free, and so it must not
    /// be spent again before.
    #[must_use]
    pub fn counts_at(&self, now: Timestamp) -> Timestamp {
        self.spent.counts_at(now)
    }

    /// Whether `amount` more could be taken now.
    #[must_use]
    pub fn room(&self, limit: u64, amount: u64, now: Timestamp) -> Room {
        if limit == 0 || amount > limit {
            return Room::Never;
        }
        let fits = |now| u128::from(self.used(now)) + u128::from(amount) <= u128::from(limit);
        if fits(now) {
            return Room::Enough;
        }
        let Some(mut second) = self.frees_at(now) else {
            return Room::Never;
        };
        // Slices end one by one; that far ahead, somebody will have handed one in.
        for _ in 0..ROOM_STEPS_MAX {
            match self.frees_at(second) {
                Some(next) if !fits(second) => second = next,
                _ => break,
            }
        }
        Room::From(second)
    }

    /// Takes a slice: an eighth of what is free, so that the last units go one by one, or what can be used at
    /// once if that is more.
    ///
    /// # Errors
    /// What [`room`](Self::room) says, if that is not `Enough`. Nothing is taken.
    pub fn take(&mut self, ask: &Ask, now: Timestamp) -> Result<Slice, Room> {
        let now = self.counts_at(now);
        self.tidy(now);
        match self.room(ask.limit, ask.amount, now) {
            Room::Enough => {}
            short @ (Room::From(_) | Room::Never) => return Err(short),
        }
        let free = ask.limit.saturating_sub(self.used(now));
        let lease_ends = now.plus_s(ask.lease_s.max(1));
        let mut probe = Tally::new(self.spent.span());
        probe.count(1, now);
        let ends_at = match (&probe.0, probe.ends_at()) {
            (Kind::Sum(_), Some(period_ends)) => period_ends.min(lease_ends),
            _ => lease_ends,
        };
        let slice = Slice {
            holder: ask.holder,
            number: ask.number,
            units: ask.amount.max(ask.wanted.min(free)).max(free / SLICE_SHARE),
            ends_at,
        };
        self.slices.push(slice);
        Ok(slice)
    }

    /// Ends a slice: `spent` of it is spent, at `last` or earlier, and the rest is free. One that was counted
    /// as spent already, because it was handed in too late, stays so.
    pub fn hand_in(&mut self, slice: &Slice, spent: u64, last: Timestamp) {
        let known = |known: &Slice| (known.holder, known.number) == (slice.holder, slice.number);
        if let Some(place) = self.slices.iter().position(known) {
            self.slices.remove(place);
            self.spent.count(spent, last);
        }
    }

    /// Counts what was spent past every limit.
    pub fn count(&mut self, amount: u64, at: Timestamp) {
        self.spent.count(amount, at);
    }

    /// Takes back what was spent at `at`.
    pub fn give_back(&mut self, amount: u64, at: Timestamp) {
        self.spent.give_back(amount, at);
    }

    /// Counts slices as spent whose holders did not hand them in for a while after their lease.
    fn tidy(&mut self, now: Timestamp) {
        let spent = &mut self.spent;
        self.slices.retain(|slice| {
            let lost = slice.ends_at.plus_s(LEASE_GRACE_S) <= now;
            if lost {
                let last = Timestamp::from_s(slice.ends_at.as_s().saturating_sub(1));
                spent.count(slice.units, last);
            }
            !lost
        });
    }

    /// The first second at which nothing of it counts any more; `None` if it counts for ever, or is held.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.slices
            .is_empty()
            .then(|| self.spent.ends_at())
            .flatten()
    }

    /// What is spent, with all slices as if they were spent now: for a node that goes on alone.
    #[must_use]
    pub fn into_spent(mut self, now: Timestamp) -> Tally {
        for slice in &self.slices {
            let last = Timestamp::from_s(slice.ends_at.as_s().saturating_sub(1));
            self.spent.count(slice.units, last.min(now));
        }
        self.spent
    }

    /// As it is stored.
    #[must_use]
    pub fn part(&self) -> PoolPart {
        let spent = self.spent.changes_since(None);
        PoolPart {
            spent: spent.into_iter().filter_map(|(_, part)| part).collect(),
            slices: self.slices.clone(),
        }
    }

    /// The pool that was stored.
    ///
    /// # Errors
    /// If it is not one over this span.
    pub fn restore(span: Span, part: PoolPart) -> Result<Self, ParseError> {
        let mut spent = Tally::new(span);
        for part in part.spent {
            spent.restore(part.number(), part)?;
        }
        Ok(Self {
            spent,
            slices: part.slices,
        })
    }
}

/// A number of 64 bits, which JSON does not hold exactly, as decimal digits.
mod digits {
    use alloc::string::{String, ToString};

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        let number: Option<u64> = text.parse().ok();
        number
            .filter(|number| number.to_string() == text)
            .ok_or_else(|| D::Error::custom("a number is decimal digits without leading zeros"))
    }
}
