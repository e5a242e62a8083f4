//! What an agent usually does, and what of a day is out of the ordinary.
//!
//! A habit is learnt from calls that were allowed, and from earlier days only. So what is said of a day stays
//! said whatever comes later, and nobody makes a habit of being denied.

use alloc::vec::Vec;

use super::facts::{Day, Fingerprint, Hour, SENSITIVE_KEPT};

/// Days that make a habit: those before the day in question.
pub(crate) const HABIT_DAYS: u32 = 35;
/// Days before which nobody has usual hours: with allowed calls, among those.
pub(crate) const HOURS_LEARNT: u64 = 10;
/// Days before which nobody has a usual number of calls.
pub(crate) const PACE_LEARNT: u64 = 5;
/// A burst is more than this many times the usual busiest hour of a day,
const BURST_TIMES: u64 = 4;
/// and this many calls more.
const BURST_CALLS: u64 = 30;

/// What of one day is out of the ordinary.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Oddities {
    /// Hours with far more calls than the busiest usually has.
    pub(super) bursts: u64,
    /// Hours with calls in which the agent usually makes none, nor in those beside them.
    pub(super) unusual_hours: u64,
    /// Sensitive resources that it had not used before.
    pub(super) first_uses: u64,
}

/// What the days before one say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Habit {
    /// Days with allowed calls.
    days: u64,
    /// The busiest hour of each of them, added up.
    peaks: u64,
    /// On how many of them there were calls in an hour or beside it.
    around: [u64; 24],
    /// Sensitive resources that were used, in order.
    used: Vec<Fingerprint>,
    /// Whatever is greater than this may have been used, too: a day has as many as are kept.
    used_above: Option<Fingerprint>,
}

impl Habit {
    /// What those of `before` say that make the habit of the day with this number; all of them are earlier.
    pub(super) fn of(before: &[Day], number: u32) -> Self {
        let from = number.saturating_sub(HABIT_DAYS);
        let start = before.partition_point(|known| known.number < from);
        let mut habit = Self::default();
        for day in before.get(start..).unwrap_or_default() {
            habit.learn(day);
        }
        habit.used.sort_unstable();
        habit.used.dedup();
        habit
    }

    fn learn(&mut self, day: &Day) {
        let mut seen = [false; 24];
        let mut peak = 0;
        for hour in day.hours.iter().filter(|hour| hour.allowed > 0) {
            peak = peak.max(hour.allowed);
            for beside in [23, 0, 1] {
                if let Some(seen) = seen.get_mut((usize::from(hour.hour) + beside) % 24) {
                    *seen = true;
                }
            }
        }
        self.days += u64::from(peak > 0);
        self.peaks += u64::from(peak);
        for (count, seen) in self.around.iter_mut().zip(seen) {
            *count += u64::from(seen);
        }
        self.used.extend(&day.sensitive);
        if day.sensitive.len() >= SENSITIVE_KEPT {
            let last = day.sensitive.last().copied();
            self.used_above = match (self.used_above, last) {
                (Some(known), Some(last)) => Some(known.min(last)),
                (known, last) => known.or(last),
            };
        }
    }

    /// What of a day is out of the ordinary.
    pub(super) fn oddities(&self, day: &Day) -> Oddities {
        let calls = |hour: &Hour| u64::from(hour.allowed) + u64::from(hour.denied);
        let bursts = day.hours.iter().filter(|hour| self.is_burst(calls(hour)));
        let unusual = day.hours.iter().filter(|hour| self.is_unusual(hour.hour));
        let first = day.sensitive.iter().filter(|print| self.is_first(**print));
        Oddities {
            bursts: bursts.count() as u64,
            unusual_hours: unusual.count() as u64,
            first_uses: first.count() as u64,
        }
    }

    /// Whether so many calls in an hour are a burst.
    fn is_burst(&self, calls: u64) -> bool {
        // Both sides times the number of days, so that nothing is rounded.
        self.days >= PACE_LEARNT
            && calls * self.days > BURST_TIMES * self.peaks + BURST_CALLS * self.days
    }

    /// Whether fewer than one in ten of the days have calls around this hour.
    fn is_unusual(&self, hour: u8) -> bool {
        let around = self.around.get(usize::from(hour)).copied().unwrap_or(0);
        self.days >= HOURS_LEARNT && around * 10 < self.days
    }

    /// Whether the resource was certainly not used on any of the days.
    fn is_first(&self, print: Fingerprint) -> bool {
        self.used_above.is_none_or(|above| print <= above)
            && self.used.binary_search(&print).is_err()
    }
}

#[cfg(test)]
mod tests;
