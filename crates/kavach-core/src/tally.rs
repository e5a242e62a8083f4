//! How much of one limit is used, and when it is free again.
//!
//! A tally knows nothing of the limit: a limit that is raised or lowered goes on counting. It never tells
//! less than was counted; past [`LOG_ENTRIES_MAX`](crate::limits::LOG_ENTRIES_MAX) seconds with calls in
//! one window it may tell more.

use alloc::vec::Vec;

use crate::counter::{Room, Span};
use crate::error::{ParseError, Problem};
use crate::time::Timestamp;

mod log;
mod part;
mod pool;
mod sum;

#[cfg(test)]
mod tests;

use log::Log;
pub use part::TallyPart;
pub use pool::{Ask, Pool, PoolPart, Slice};
use sum::Sum;

/// What was counted over one span.
///
/// The clock may go back: what is charged then counts at the latest second that was charged before.
///
/// ```
/// use kavach_core::{Room, Span, Tally, Timestamp};
///
/// let noon: Timestamp = "2026-11-21T12:00:00Z".parse()?;
/// let mut calls = Tally::new(Span::Sliding(60));
/// assert_eq!(calls.charge(1, 1, noon), Ok(noon));
/// let free_again = noon.plus_s(60);
/// assert_eq!(calls.charge(1, 1, noon.plus_s(59)), Err(Room::From(free_again)));
/// assert_eq!(calls.charge(1, 1, free_again), Ok(free_again));
/// # Ok::<(), kavach_core::ParseError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tally(Kind);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Kind {
    Log(Log),
    Sum(Sum),
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(span: Span) -> Self {
        Self(match span {
            Span::Sliding(window_s) => Kind::Log(Log::new(window_s)),
            Span::Day | Span::Month | Span::Total => Kind::Sum(Sum::new(span)),
        })
    }

    /// Over what it counts.
    #[must_use]
    pub fn span(&self) -> Span {
        match &self.0 {
            Kind::Log(log) => Span::Sliding(log.window_s()),
            Kind::Sum(sum) => sum.span(),
        }
    }

    /// Whether `amount` more fits under `limit` now.
    ///
    /// Under a limit of zero nothing does, not even nothing. A call of amount zero fits while no more than
    /// the limit is used.
    #[must_use]
    pub fn room(&self, limit: u64, amount: u64, now: Timestamp) -> Room {
        if limit == 0 || amount > limit {
            return Room::Never;
        }
        match &self.0 {
            Kind::Log(log) => log.room(limit, amount, now.as_s()),
            Kind::Sum(sum) => sum.room(limit, amount, now),
        }
    }

    /// Counts `amount` if it fits under `limit` now, and returns the second that it counts at: `now`, or
    /// the latest that was charged before if the clock has gone back.
    ///
    /// # Errors
    /// What [`room`](Self::room) says, if that is not `Enough`. Nothing is counted.
    pub fn charge(&mut self, limit: u64, amount: u64, now: Timestamp) -> Result<Timestamp, Room> {
        match self.room(limit, amount, now) {
            Room::Enough => {}
            short @ (Room::From(_) | Room::Never) => return Err(short),
        }
        let at = self.counts_at(now);
        self.count(amount, at);
        Ok(at)
    }

    /// The second at which what is charged now counts.
    #[must_use]
    pub fn counts_at(&self, now: Timestamp) -> Timestamp {
        match &self.0 {
            Kind::Log(log) => Timestamp::from_s(log.latest_s().max(now.as_s())),
            Kind::Sum(sum) => sum.counts_at(now),
        }
    }

    /// Counts `amount` at `at`, whatever the limit. What would not count any more is passed over.
    pub fn count(&mut self, amount: u64, at: Timestamp) {
        match &mut self.0 {
            Kind::Log(log) => log.count(amount, at.as_s()),
            Kind::Sum(sum) => sum.count(amount, at),
        }
    }

    /// Takes back `amount` of what was counted at `at`, the second that [`charge`](Self::charge) returned.
    ///
    /// What does not count any more is passed over: another's count is never taken for it.
    pub fn give_back(&mut self, amount: u64, at: Timestamp) {
        match &mut self.0 {
            Kind::Log(log) => log.give_back(amount, at.as_s()),
            Kind::Sum(sum) => sum.give_back(amount, at),
        }
    }

    /// How much is used now; more than a limit if that was lowered, or if a cost turned out higher. At most
    /// the greatest `u64`.
    #[must_use]
    pub fn used(&self, now: Timestamp) -> u64 {
        match &self.0 {
            Kind::Log(log) => log.used(now.as_s()),
            Kind::Sum(sum) => sum.used(now),
        }
    }

    /// The second at which some of what is used now is free again; `None` if nothing is used, or for ever.
    #[must_use]
    pub fn frees_at(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.0 {
            Kind::Log(log) => log.frees_at(now.as_s()),
            Kind::Sum(sum) => sum.frees_at(now),
        }
    }

    /// The first second at which nothing of it counts any more; `None` if it counts for ever. A tally of
    /// nothing is over at once.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        match &self.0 {
            Kind::Log(log) => Some(log.ends_at()),
            Kind::Sum(sum) => sum.ends_at(),
        }
    }

    /// What must be written so that a store which holds `before` holds this: each part that is new or
    /// different under its number, and `None` for each that is gone.
    ///
    /// A charge changes at most two parts, of bounded size; only a log that had to be made coarser changes
    /// all of them.
    #[must_use]
    pub fn changes_since(&self, before: Option<&Self>) -> Vec<(u64, Option<TallyPart>)> {
        match (&self.0, before.map(|before| &before.0)) {
            (Kind::Log(log), Some(Kind::Log(before))) => log.changes_since(Some(before)),
            (Kind::Log(log), _) => log.changes_since(None),
            (Kind::Sum(sum), Some(Kind::Sum(before))) => sum.changes_since(Some(before)),
            (Kind::Sum(sum), _) => sum.changes_since(None),
        }
    }

    /// The numbers of all its parts.
    #[must_use]
    pub fn part_numbers(&self) -> Vec<u64> {
        match &self.0 {
            Kind::Log(log) => log.part_numbers(),
            Kind::Sum(sum) => sum.part_numbers(),
        }
    }

    /// Adds a part that was stored.
    ///
    /// # Errors
    /// If a tally over this span has no such part.
    pub fn restore(&mut self, number: u64, part: TallyPart) -> Result<(), ParseError> {
        let restored = match (&mut self.0, part) {
            (Kind::Log(log), TallyPart::Calls(calls)) => log.restore(number, &calls),
            (Kind::Sum(sum), TallyPart::Spent(spent)) => sum.restore(number, &spent),
            (Kind::Log(_), TallyPart::Spent(_)) | (Kind::Sum(_), TallyPart::Calls(_)) => None,
        };
        restored.ok_or_else(|| {
            let words = "it does not fit what else is stored there; restore a backup";
            ParseError::new("a part of a counter", "", Problem::Other(words))
        })
    }
}
