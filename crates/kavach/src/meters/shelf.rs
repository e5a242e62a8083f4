//! Counters of a node that has its store for itself.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kavach_core::{Charge, Room, Tally, TenantId, Timestamp};

use super::ledger::{Ledger, is_over};
use super::{Meter, Share};
use crate::limits::TALLIES_SWEPT_FROM;

/// The tallies in memory: what was acknowledged, and what is on its way to the store.
#[derive(Debug)]
pub(super) struct Shelf(Mutex<Tallies>);

#[derive(Debug)]
struct Tallies {
    known: HashMap<Meter, Tally>,
    /// How many there may be before those that have passed are looked for.
    swept_from: usize,
}

impl Tallies {
    fn of(&mut self, meter: Meter) -> &mut Tally {
        let fresh = || Tally::new(meter.counter.span);
        self.known.entry(meter).or_insert_with(fresh)
    }

    /// Lets go of tallies that count no more, once there are twice as many as were left the last time.
    fn sweep(&mut self, now: Timestamp) {
        if self.known.len() < self.swept_from {
            return;
        }
        self.known.retain(|_, tally| !is_over(tally, now));
        self.swept_from = (2 * self.known.len()).max(TALLIES_SWEPT_FROM);
    }
}

impl Shelf {
    /// Counters that start at what a ledger says.
    pub(super) fn of(ledger: &Ledger, now: Timestamp) -> Self {
        let known = ledger
            .tallies()
            .map(|(meter, tally)| (meter, tally.clone()));
        let mut tallies = Tallies {
            known: known.collect(),
            swept_from: 0,
        };
        tallies.sweep(now);
        Self(Mutex::new(tallies))
    }

    fn lock(&self) -> MutexGuard<'_, Tallies> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().known.len()
    }

    pub(super) fn room(&self, meter: Meter, charge: &Charge, now: Timestamp) -> Room {
        match self.lock().known.get(&meter) {
            Some(tally) => tally.room(charge.limit, charge.amount, now),
            None => Tally::new(meter.counter.span).room(charge.limit, charge.amount, now),
        }
    }

    /// INVARIANT (all or nothing): one lock is held from the first look to the last count.
    pub(super) fn debit(
        &self,
        tenant: TenantId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Vec<Share>, usize> {
        let mut tallies = self.lock();
        tallies.sweep(now);
        let mut shares: Vec<Share> = Vec::with_capacity(charges.len());
        for (place, charge) in charges.iter().enumerate() {
            let meter = Meter::of(tenant, charge);
            let amount = charge.amount;
            match tallies.of(meter).charge(charge.limit, amount, now) {
                Ok(at) => shares.push(Share {
                    meter,
                    amount,
                    at,
                    slice: 0,
                }),
                Err(_) => {
                    for share in shares {
                        tallies.of(share.meter).give_back(share.amount, share.at);
                    }
                    return Err(place);
                }
            }
        }
        Ok(shares)
    }

    /// Counts whatever the limits.
    pub(super) fn count(&self, shares: &[Share]) {
        let mut tallies = self.lock();
        for share in shares {
            tallies.of(share.meter).count(share.amount, share.at);
        }
    }

    pub(super) fn give_back(&self, shares: &[Share]) {
        let mut tallies = self.lock();
        for share in shares {
            if let Some(tally) = tallies.known.get_mut(&share.meter) {
                tally.give_back(share.amount, share.at);
            }
        }
    }

    pub(super) fn used(&self, meter: Meter, now: Timestamp) -> (u64, Option<Timestamp>) {
        let tallies = self.lock();
        let found = tallies.known.get(&meter);
        found.map_or((0, None), |tally| (tally.used(now), tally.frees_at(now)))
    }
}
