//! Counters: what calls take from the limits of their line, in memory and in the store.
//!
//! A call is debited in memory first, at every level at once or at none, and its [`Debit`] rides with its
//! event to the committer, which writes both in one commit. A debit that does not land gives itself back.
//! Where several nodes share a store, each spends slices of the limits instead, see [`slices`].

use std::sync::Arc;

use kavach_core::{Charge, Counter, EventId, LogId, Room, Span, TenantId, Timestamp};
use kavach_store::{Store, StoreError};

mod debit;
mod ledger;
mod record;
mod remaining;
mod shelf;
mod slices;
mod tending;

#[cfg(test)]
mod tests;

pub(crate) use debit::Debit;
pub(crate) use ledger::{Ledger, Staged, reservation_of};
pub(crate) use record::{COUNTERS, POOLS, Reservation, meter_of_part, parts_of, reservation_key};
pub use remaining::{GrantRemaining, HopRemaining, LimitRemaining, LineRemaining};
use shelf::Shelf;
pub(crate) use slices::HandIn;
use slices::Slices;
pub(crate) use tending::{OpenedMeters, Tending};

/// Which counter, of which tenant.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Meter {
    pub(crate) tenant: TenantId,
    pub(crate) counter: Counter,
}

impl Meter {
    fn of(tenant: TenantId, charge: &Charge) -> Self {
        Self {
            tenant,
            counter: charge.counter,
        }
    }
}

/// What was counted at one meter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Share {
    pub(crate) meter: Meter,
    pub(crate) amount: u64,
    /// The second it counts at.
    pub(crate) at: Timestamp,
    /// The slice that it was spent from; zero if from none.
    pub(crate) slice: u32,
}

impl Share {
    /// Whether it is cost, and not the number of calls.
    pub(crate) fn is_cost(&self) -> bool {
        match self.meter.counter.span {
            Span::Sliding(_) => false,
            Span::Day | Span::Month | Span::Total => true,
        }
    }
}

/// What a call cost less than was reserved.
#[derive(Debug)]
pub(crate) struct Settlement {
    /// The event of the call.
    pub(crate) of: EventId,
    pub(crate) back: Vec<Share>,
}

/// The counters of a node.
#[derive(Debug)]
pub(crate) struct Meters {
    counts: Arc<Counts>,
    reserved_for_s: u64,
}

/// Where a node counts.
#[derive(Debug)]
enum Counts {
    /// It alone writes to its store.
    Alone(Shelf),
    /// It takes slices of what all nodes share.
    Shared(Slices),
}

impl Counts {
    fn give_back(&self, shares: &[Share]) {
        match self {
            Self::Alone(shelf) => shelf.give_back(shares),
            Self::Shared(slices) => slices.give_back(shares),
        }
    }
}

impl Meters {
    /// The counters of a node that has its store for itself, starting at what the ledger says. Costs can be
    /// settled for so long after the call.
    pub(crate) fn alone(ledger: &Ledger, now: Timestamp, reserved_for_s: u64) -> Self {
        Self {
            counts: Arc::new(Counts::Alone(Shelf::of(ledger, now))),
            reserved_for_s,
        }
    }

    /// The counters of one node of several: `holder` is this run of it, and a slice is its own for the lease.
    pub(crate) fn shared(holder: LogId, lease_s: u64, reserved_for_s: u64) -> Self {
        Self {
            counts: Arc::new(Counts::Shared(Slices::new(holder, lease_s))),
            reserved_for_s,
        }
    }

    /// Whether a charge fits now, as far as this node knows.
    pub(crate) fn room(&self, tenant: TenantId, charge: &Charge, now: Timestamp) -> Room {
        let meter = Meter::of(tenant, charge);
        match &*self.counts {
            Counts::Alone(shelf) => shelf.room(meter, charge, now),
            Counts::Shared(slices) => slices.room(meter, charge, now),
        }
    }

    /// Takes what a call costs from every limit, or from none.
    ///
    /// # Errors
    /// The place of the first charge for which there is no room, or none until [`refill`](Self::refill).
    pub(crate) fn debit(
        &self,
        tenant: TenantId,
        call: EventId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Debit, usize> {
        let shares = match &*self.counts {
            Counts::Alone(shelf) => shelf.debit(tenant, charges, now)?,
            Counts::Shared(slices) => slices.debit(tenant, charges, now)?,
        };
        let reserves = shares.iter().any(Share::is_cost);
        let reserved_until = reserves.then(|| now.plus_s(self.reserved_for_s));
        let counts = Arc::clone(&self.counts);
        Ok(Debit::new(counts, call, shares, reserved_until))
    }

    /// After a debit that found no room: gets more from the other nodes' share, if there is any. Decide again
    /// then.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn refill(
        &self,
        store: &Arc<dyn Store>,
        tenant: TenantId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Counts::Shared(_) = &*self.counts else {
            return Ok(());
        };
        let (counts, store) = (Arc::clone(&self.counts), Arc::clone(store));
        let charges = charges.to_vec();
        // INVARIANT (drop-safe): a caller that gives up must not take the node's slice with it.
        let task = tokio::spawn(async move {
            match &*counts {
                Counts::Alone(_) => Ok(()),
                Counts::Shared(slices) => slices.refill(&*store, tenant, &charges, now).await,
            }
        });
        task.await.unwrap_or(Ok(()))
    }

    /// Hands in what this node does not need, so that others can use it.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn hand_in(
        &self,
        store: &dyn Store,
        what: HandIn,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match &*self.counts {
            Counts::Alone(_) => Ok(()),
            Counts::Shared(slices) => slices.hand_in(store, what, now).await,
        }
    }

    /// Counts shares whatever the limits: what a call cost more than was thought.
    ///
    /// # Errors
    /// If the store fails. Nothing is counted, or more than nothing.
    pub(crate) async fn charge_on(
        &self,
        store: &dyn Store,
        call: EventId,
        shares: Vec<Share>,
    ) -> Result<Debit, StoreError> {
        match &*self.counts {
            Counts::Alone(shelf) => shelf.count(&shares),
            Counts::Shared(slices) => slices.count(store, &shares).await?,
        }
        Ok(Debit::new(Arc::clone(&self.counts), call, shares, None))
    }

    /// Gives back what a commit gave back in the store.
    pub(crate) fn landed(&self, back: &[Share]) {
        self.counts.give_back(back);
    }

    /// How much is used of a limit, and when some of it is free again, as far as this node knows.
    pub(crate) fn used(
        &self,
        tenant: TenantId,
        counter: Counter,
        now: Timestamp,
    ) -> (u64, Option<Timestamp>) {
        let meter = Meter { tenant, counter };
        match &*self.counts {
            Counts::Alone(shelf) => shelf.used(meter, now),
            Counts::Shared(slices) => slices.used(meter, now),
        }
    }
}
