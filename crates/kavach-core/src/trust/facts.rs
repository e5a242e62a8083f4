//! What is recorded of an agent, by day.

use alloc::vec::Vec;

use crate::reason::Reason;
use crate::resource::Resource;
use crate::time::Timestamp;

/// Days that are remembered, the newest included. Of what is older, less than one in a hundred would count.
pub(crate) const DAYS_KEPT: u32 = 64;
/// Fingerprints of sensitive resources that are kept for one day: the smallest. Whoever uses more of them in
/// a day has no "first use" that would say much.
pub(crate) const SENSITIVE_KEPT: usize = 16;

const DAY_S: i64 = 24 * 60 * 60;
const HOUR_S: i64 = 60 * 60;

/// One thing that is recorded of an agent.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever records must choose one of these"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fact {
    /// It was spawned by an agent whose score was this.
    Spawned(u8),
    /// A call of its own was allowed; with a fingerprint if what it used is sensitive.
    Allowed(Option<Fingerprint>),
    /// A call of its own was denied.
    Denied(Offence),
    /// A person said no to a call of its own.
    Refused,
}

/// What was wrong with a call that was denied.
#[expect(
    clippy::exhaustive_enums,
    reason = "a new one changes what a score means"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Offence {
    /// A guardrail says never.
    Guardrail,
    /// No grant speaks of it.
    Unmatched,
    /// A grant does, and not at this time, from there, or with these arguments.
    OutOfBounds,
    /// A rate or a budget is used up.
    Limit,
}

impl Offence {
    /// What a denial for this reason says about the agent; `None` if it says nothing.
    ///
    /// That somebody was suspended, narrowed, revoked or is past its time was done to it, not by it. Too
    /// little trust is no reason for less. Where it is not known who called, nobody is blamed.
    #[must_use]
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a new reason says nothing against anybody until it is named here"
    )]
    pub const fn of(reason: Reason) -> Option<Self> {
        match reason {
            Reason::GuardrailApplies => Some(Self::Guardrail),
            Reason::NoMatchingGrant => Some(Self::Unmatched),
            Reason::OutsideWindow | Reason::AddressNotAllowed | Reason::ArgumentsNotAllowed => {
                Some(Self::OutOfBounds)
            }
            Reason::RateUsedUp | Reason::BudgetUsedUp => Some(Self::Limit),
            _ => None,
        }
    }
}

/// Stands for a resource, in 32 bits: enough to say whether a few dozen are the same.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint(u32);

impl Fingerprint {
    /// That of a resource: FNV-1a in 64 bits, folded.
    #[must_use]
    pub fn of(resource: &Resource) -> Self {
        let hash = resource
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        Self(((hash >> 32) ^ (hash & 0xffff_ffff)) as u32)
    }

    /// The number, for storing it.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// The one with this number.
    #[must_use]
    pub const fn from_u32(number: u32) -> Self {
        Self(number)
    }
}

/// All that is recorded of one agent and still counts.
///
/// The same facts give the same value, in whatever order they came. What is older than 64 days before the
/// newest is forgotten.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    ceiling: Option<u8>,
    /// INVARIANT (days): in order, each once, none empty, none 64 days or more before the last.
    days: Vec<Day>,
}

/// What is recorded of one agent on one day, UTC.
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever stores a day stores all of it"
)]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Day {
    /// Days since the epoch.
    pub number: u32,
    /// The hours with calls, in order, each once.
    pub hours: Vec<Hour>,
    /// Calls that a guardrail denied.
    pub guardrail: u32,
    /// Calls that no grant speaks of.
    pub unmatched: u32,
    /// Calls outside the bounds of the grants that speak of them.
    pub out_of_bounds: u32,
    /// Calls for which a limit had no room.
    pub limited: u32,
    /// Calls that a person said no to.
    pub refused: u32,
    /// Sensitive resources that were used: the smallest 16 fingerprints, in order, each once.
    pub sensitive: Vec<Fingerprint>,
}

/// The calls of one hour.
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever stores an hour stores all of it"
)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Hour {
    /// Which, from 0 to 23.
    pub hour: u8,
    /// Calls that were allowed.
    pub allowed: u32,
    /// Calls that were denied, and count against the agent.
    pub denied: u32,
}

/// The day of a point in time, since the epoch.
#[must_use]
pub(crate) fn day_of(at: Timestamp) -> u32 {
    u32::try_from(at.as_s() / DAY_S).unwrap_or(u32::MAX)
}

fn hour_of(at: Timestamp) -> u8 {
    u8::try_from(at.as_s() % DAY_S / HOUR_S).unwrap_or(0)
}

impl Facts {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            ceiling: None,
            days: Vec::new(),
        }
    }

    /// Records one thing that happened at `at`. Returns the number of the day that changed; `None` if it
    /// belongs to no day, or to one that is forgotten.
    pub fn note(&mut self, at: Timestamp, fact: Fact) -> Option<u32> {
        let number = day_of(at);
        let mut day = Day {
            number,
            ..Day::default()
        };
        match fact {
            Fact::Spawned(score) => {
                self.lower_ceiling(score);
                return None;
            }
            Fact::Allowed(sensitive) => {
                day.hours.push(Hour {
                    hour: hour_of(at),
                    allowed: 1,
                    denied: 0,
                });
                day.sensitive.extend(sensitive);
            }
            Fact::Denied(offence) => {
                day.hours.push(Hour {
                    hour: hour_of(at),
                    allowed: 0,
                    denied: 1,
                });
                *day.offences_mut(offence) = 1;
            }
            Fact::Refused => day.refused = 1,
        }
        self.absorb(&day).then_some(number)
    }

    /// Adds what another count of the same agent's says of a day. Returns whether that day still counts.
    pub fn absorb(&mut self, day: &Day) -> bool {
        if day.number < self.first_kept() {
            return false;
        }
        let place = self
            .days
            .binary_search_by_key(&day.number, |known| known.number);
        match place {
            Ok(place) => {
                if let Some(known) = self.days.get_mut(place) {
                    known.add(day);
                }
            }
            Err(place) => {
                let mut fresh = Day {
                    number: day.number,
                    ..Day::default()
                };
                fresh.add(day);
                // Days that are over hardly grow any more, and there are many of them.
                self.days.iter_mut().for_each(Day::shrink);
                self.days.insert(place, fresh);
                let first = self.first_kept();
                self.days.retain(|known| known.number >= first);
            }
        }
        true
    }

    /// Records that it was spawned by an agent with this score.
    pub fn lower_ceiling(&mut self, score: u8) {
        self.ceiling = Some(self.ceiling.map_or(score, |known| known.min(score)));
    }

    /// The score of the agent that spawned it, then; `None` if no agent did.
    #[must_use]
    pub const fn ceiling(&self) -> Option<u8> {
        self.ceiling
    }

    /// The days with something on them, in order.
    #[must_use]
    pub fn days(&self) -> &[Day] {
        &self.days
    }

    /// The number of the oldest day that is still remembered.
    fn first_kept(&self) -> u32 {
        let last = self.days.last().map_or(0, |day| day.number);
        last.saturating_sub(DAYS_KEPT - 1)
    }
}

impl Day {
    /// Calls that were allowed.
    #[must_use]
    pub fn allowed(&self) -> u64 {
        self.hours.iter().map(|hour| u64::from(hour.allowed)).sum()
    }

    /// Calls that should not have been made: all denied ones but those that a limit had no room for.
    #[must_use]
    pub fn bad(&self) -> u64 {
        u64::from(self.guardrail) + u64::from(self.unmatched) + u64::from(self.out_of_bounds)
    }

    fn offences_mut(&mut self, offence: Offence) -> &mut u32 {
        match offence {
            Offence::Guardrail => &mut self.guardrail,
            Offence::Unmatched => &mut self.unmatched,
            Offence::OutOfBounds => &mut self.out_of_bounds,
            Offence::Limit => &mut self.limited,
        }
    }

    fn shrink(&mut self) {
        self.hours.shrink_to_fit();
        self.sensitive.shrink_to_fit();
    }

    fn add(&mut self, other: &Self) {
        for hour in &other.hours {
            match self
                .hours
                .binary_search_by_key(&hour.hour, |known| known.hour)
            {
                Ok(place) => {
                    if let Some(known) = self.hours.get_mut(place) {
                        known.allowed = known.allowed.saturating_add(hour.allowed);
                        known.denied = known.denied.saturating_add(hour.denied);
                    }
                }
                Err(place) => self.hours.insert(place, *hour),
            }
        }
        self.guardrail = self.guardrail.saturating_add(other.guardrail);
        self.unmatched = self.unmatched.saturating_add(other.unmatched);
        self.out_of_bounds = self.out_of_bounds.saturating_add(other.out_of_bounds);
        self.limited = self.limited.saturating_add(other.limited);
        self.refused = self.refused.saturating_add(other.refused);
        for print in &other.sensitive {
            if let Err(place) = self.sensitive.binary_search(print) {
                self.sensitive.insert(place, *print);
            }
        }
        // The smallest of all are the smallest of whatever was kept before: the order does not show.
        self.sensitive.truncate(SENSITIVE_KEPT);
    }
}

#[cfg(test)]
mod tests;
