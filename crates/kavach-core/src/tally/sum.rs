//! Units spent in a calendar period, or in all.

use alloc::vec;
use alloc::vec::Vec;

use jiff::civil::Date;
use jiff::tz::Offset;

use super::part::{Count, Spent, TallyPart};
use crate::counter::{Room, Span};
use crate::time::Timestamp;

/// What was spent in the latest period in which anything was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Sum {
    /// Never `Sliding`.
    span: Span,
    /// When the period began; zero for a span without periods.
    from: Timestamp,
    /// More bits than a cost has, so that costs that turn out higher than any limit never wrap.
    units: u128,
}

impl Sum {
    pub(super) fn new(span: Span) -> Self {
        Self {
            span,
            from: Timestamp::from_s(0),
            units: 0,
        }
    }

    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// What is spent in the period that counts now.
    fn spent(&self, now: Timestamp) -> u128 {
        if begins(self.span, now) > self.from {
            0
        } else {
            self.units
        }
    }

    pub(super) fn used(&self, now: Timestamp) -> u64 {
        u64::try_from(self.spent(now)).unwrap_or(u64::MAX)
    }

    pub(super) fn room(&self, limit: u64, amount: u64, now: Timestamp) -> Room {
        let after = self.spent(now).saturating_add(u128::from(amount));
        if after <= u128::from(limit) {
            return Room::Enough;
        }
        match ends(self.span, self.counts_at(now)) {
            Some(end) => Room::From(end),
            None => Room::Never,
        }
    }

    pub(super) fn counts_at(&self, now: Timestamp) -> Timestamp {
        now.max(self.from)
    }

    pub(super) fn count(&mut self, amount: u64, at: Timestamp) {
        let began = begins(self.span, at);
        if began > self.from {
            (self.from, self.units) = (began, 0);
        }
        if began == self.from {
            self.units = self.units.saturating_add(u128::from(amount));
        }
    }

    pub(super) fn give_back(&mut self, amount: u64, at: Timestamp) {
        if begins(self.span, at) == self.from {
            self.units = self.units.saturating_sub(u128::from(amount));
        }
    }

    pub(super) fn frees_at(&self, now: Timestamp) -> Option<Timestamp> {
        (self.spent(now) > 0)
            .then(|| ends(self.span, self.from))
            .flatten()
    }

    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        if self.units == 0 {
            return Some(Timestamp::from_s(0));
        }
        ends(self.span, self.from)
    }

    fn part(&self) -> Option<TallyPart> {
        (self.units > 0).then_some(TallyPart::Spent(Spent {
            from: self.from,
            units: Count(self.units),
        }))
    }

    pub(super) fn changes_since(&self, before: Option<&Self>) -> Vec<(u64, Option<TallyPart>)> {
        let (part, before) = (self.part(), before.and_then(Self::part));
        if part == before {
            Vec::new()
        } else {
            vec![(0, part)]
        }
    }

    pub(super) fn part_numbers(&self) -> Vec<u64> {
        self.part().iter().map(|_| 0).collect()
    }

    pub(super) fn restore(&mut self, number: u64, spent: &Spent) -> Option<()> {
        if number != 0 || self.units != 0 || spent.units.0 == 0 {
            return None;
        }
        if begins(self.span, spent.from) != spent.from {
            return None;
        }
        (self.from, self.units) = (spent.from, spent.units.0);
        Some(())
    }
}

/// When the period began that `at` lies in, UTC.
fn begins(span: Span, at: Timestamp) -> Timestamp {
    match span {
        Span::Day => midnight(date(at)),
        Span::Month => midnight(date(at).first_of_month()),
        Span::Total | Span::Sliding(_) => Timestamp::from_s(0),
    }
}

/// When the next one begins; `None` if there is none.
fn ends(span: Span, at: Timestamp) -> Option<Timestamp> {
    let last = match span {
        Span::Day => date(at),
        Span::Month => date(at).last_of_month(),
        Span::Total | Span::Sliding(_) => return None,
    };
    // A timestamp ends before the calendar does.
    last.tomorrow().ok().map(midnight)
}

fn date(at: Timestamp) -> Date {
    // Every timestamp lies in the range of the calendar.
    let at = jiff::Timestamp::from_second(at.as_s()).unwrap_or_default();
    Offset::UTC.to_datetime(at).date()
}

fn midnight(date: Date) -> Timestamp {
    let at = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0));
    // The first of a month, and the day after a timestamp, lie in the range of the calendar.
    Timestamp::from_s(at.unwrap_or_default().as_second())
}
