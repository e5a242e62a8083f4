//! Counts and trust for tests: some that never change, and some that really count.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use kavach_core::{
    AgentId, Charge, Counter, Recorded, Room, Span, TenantId, Timestamp, TrustLevel,
};

/// Each counter is used up to some extent until some second, and each agent trusted to some extent: drawn
/// by their names, and by `seed`. Held equal, whatever is decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixed {
    pub(crate) seed: u64,
    pub(crate) start: Timestamp,
}

impl Fixed {
    fn draw(&self, what: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, what).hash(&mut hasher);
        hasher.finish()
    }
}

impl Recorded for Fixed {
    fn room(&self, _: TenantId, charge: &Charge, now: Timestamp) -> Room {
        let drawn = self.draw(charge.counter);
        let frees = self.start.plus_s(drawn / 8 % 200);
        if charge.amount > charge.limit {
            Room::Never
        } else if now >= frees || drawn % 8 + charge.amount <= charge.limit {
            Room::Enough
        } else {
            Room::From(frees)
        }
    }

    fn trust(&self, _: TenantId, agent: AgentId, _: Timestamp) -> TrustLevel {
        TrustLevel::ALL[self.draw(agent) as usize % TrustLevel::ALL.len()]
    }
}

/// Counts what is charged, call by call.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    charged: RefCell<HashMap<Counter, Vec<(Timestamp, u64)>>>,
}

impl Counted {
    pub(crate) fn charge(&self, charges: &[Charge], now: Timestamp) {
        let mut charged = self.charged.borrow_mut();
        for charge in charges {
            charged
                .entry(charge.counter)
                .or_default()
                .push((now, charge.amount));
        }
    }

    /// What the counter has of the time before `now`, that second included.
    pub(crate) fn used(&self, counter: &Counter, now: Timestamp) -> u64 {
        let charged = self.charged.borrow();
        let counts = |at: &Timestamp| match counter.span {
            Span::Sliding(window_s) => at.as_s() > now.as_s() - i64::from(window_s),
            Span::Day => at.as_s() / 86_400 == now.as_s() / 86_400,
            Span::Month | Span::Total => true,
        };
        let of = charged.get(counter).into_iter().flatten();
        of.filter(|(at, _)| counts(at))
            .map(|(_, amount)| amount)
            .sum()
    }
}

impl Recorded for Counted {
    fn room(&self, _: TenantId, charge: &Charge, now: Timestamp) -> Room {
        if charge.amount > charge.limit {
            return Room::Never;
        }
        if self.used(&charge.counter, now) + charge.amount <= charge.limit {
            return Room::Enough;
        }
        // There is room only in a second in which something is no longer counted.
        let charged = self.charged.borrow();
        let of = charged.get(&charge.counter).into_iter().flatten();
        let mut ends: Vec<Timestamp> = match charge.counter.span {
            Span::Sliding(window_s) => of.map(|(at, _)| at.plus_s(window_s.into())).collect(),
            Span::Day => vec![Timestamp::from_s((now.as_s() / 86_400 + 1) * 86_400)],
            Span::Month | Span::Total => Vec::new(),
        };
        ends.retain(|end| *end > now);
        ends.sort();
        let fits =
            |at: &&Timestamp| self.used(&charge.counter, **at) + charge.amount <= charge.limit;
        ends.iter()
            .find(fits)
            .map_or(Room::Never, |at| Room::From(*at))
    }

    fn trust(&self, _: TenantId, _: AgentId, _: Timestamp) -> TrustLevel {
        TrustLevel::Standard
    }
}
