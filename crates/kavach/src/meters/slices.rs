//! Counters of one node of several: it takes slices of the limits that all share, and spends them in memory.
//!
//! What is spent, and who holds what, is one record for each counter, changed by compare-and-swap. A slice
//! is in that record before the first unit of it is spent, so a node that dies leaves it there, and its
//! units count until everything that may have been spent of them has passed: never above the limit, possibly
//! below. Clocks of the nodes that differ shift windows by as much.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kavach_core::{Ask, Charge, LogId, Pool, Room, Slice, Tally, TenantId, Timestamp};
use kavach_store::{Batch, Expect, Key, Store, StoreError, StoreErrorKind};

use super::record::{
    COUNTERS, POOLS, decode_part, decode_pool, encode_part, encode_pool, parse_meter_key,
    parse_part_key, part_key, pool_key,
};
use super::{Meter, Share};
use crate::limits::{CLOCK_BACK_S, PAGE_RECORDS, POOL_FORGOTTEN_S, POOL_TRIES_MAX};
use crate::view::read_one;

/// What this run of a node holds of the limits that all nodes share.
#[derive(Debug)]
pub(super) struct Slices {
    holder: LogId,
    lease_s: u64,
    number: AtomicU32,
    known: Mutex<HashMap<Meter, Local>>,
}

/// What a node knows of one counter.
#[derive(Debug, Default)]
struct Local {
    held: Option<Held>,
    /// What was given back of slices that are not held any more.
    owed: Vec<(u64, Timestamp)>,
    /// The record as it was last seen, and when.
    seen: Option<(Pool, Timestamp)>,
    /// What calls that wait for more could use at once.
    wanted: u64,
    /// Who changes the record.
    gate: Arc<tokio::sync::Mutex<()>>,
}

/// A slice that is being spent.
#[derive(Clone, Copy, Debug)]
struct Held {
    slice: Slice,
    /// The limit that it was taken under: under a lower one it is not spent.
    limit: u64,
    left: u64,
    spent: u64,
    /// When it was last spent from.
    last: Timestamp,
}

impl Held {
    fn covers(&self, charge: &Charge, now: Timestamp) -> bool {
        now < self.slice.ends_at && self.limit <= charge.limit && charge.amount <= self.left
    }
}

/// What to hand in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HandIn {
    /// Slices whose lease is over.
    Ended,
    /// All of them: the node goes.
    All,
}

/// What follows from looking at a pool.
enum Turn {
    /// Write it, and hold this slice then.
    Write(Option<Held>),
    /// Leave it.
    Leave,
}

impl Slices {
    pub(super) fn new(holder: LogId, lease_s: u64) -> Self {
        Self {
            holder,
            lease_s: lease_s.max(1),
            number: AtomicU32::new(1),
            known: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Meter, Local>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A record that was looked at a second ago may have changed: then there is room until a debit tells
    /// otherwise.
    pub(super) fn room(&self, meter: Meter, charge: &Charge, now: Timestamp) -> Room {
        if charge.limit == 0 || charge.amount > charge.limit {
            return Room::Never;
        }
        let known = self.lock();
        let local = known.get(&meter);
        let held = local.and_then(|local| local.held);
        if held.is_some_and(|held| held.covers(charge, now)) {
            return Room::Enough;
        }
        match local.and_then(|local| local.seen.as_ref()) {
            Some((pool, at)) if *at >= now => pool.room(charge.limit, charge.amount, now),
            _ => Room::Enough,
        }
    }

    /// INVARIANT (all or nothing): one lock is held from the first look to the last unit.
    pub(super) fn debit(
        &self,
        tenant: TenantId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Vec<Share>, usize> {
        let mut known = self.lock();
        let mut shares: Vec<Share> = Vec::with_capacity(charges.len());
        for (place, charge) in charges.iter().enumerate() {
            let meter = Meter::of(tenant, charge);
            let held = known.get_mut(&meter).and_then(|local| local.held.as_mut());
            let Some(held) = held.filter(|held| charge.limit > 0 && held.covers(charge, now))
            else {
                give_back(&mut known, &shares);
                return Err(place);
            };
            held.left -= charge.amount;
            held.spent = held.spent.saturating_add(charge.amount);
            held.last = held.last.max(now);
            shares.push(Share {
                meter,
                amount: charge.amount,
                at: held.last,
                slice: held.slice.number,
            });
        }
        Ok(shares)
    }

    pub(super) fn give_back(&self, shares: &[Share]) {
        give_back(&mut self.lock(), shares);
    }

    pub(super) fn used(&self, meter: Meter, now: Timestamp) -> (u64, Option<Timestamp>) {
        let known = self.lock();
        let Some(local) = known.get(&meter) else {
            return (0, None);
        };
        let Some((pool, _)) = &local.seen else {
            return (0, None);
        };
        let held = local.held.filter(|held| now < held.slice.ends_at);
        let left = held.map_or(0, |held| held.left);
        (pool.used(now).saturating_sub(left), pool.frees_at(now))
    }

    /// Takes slices for the charges that this node cannot cover.
    pub(super) async fn refill(
        &self,
        store: &dyn Store,
        tenant: TenantId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for charge in charges {
            let meter = Meter::of(tenant, charge);
            let _waits = Waits::new(self, meter, charge.amount);
            let gate = Arc::clone(&self.lock().entry(meter).or_default().gate);
            let _turn = gate.lock().await;
            // Others may have got enough for this one too.
            let held = self.lock().get(&meter).and_then(|local| local.held);
            if held.is_some_and(|held| held.covers(charge, now)) {
                continue;
            }
            self.change(store, meter, now, |local, pool, held| {
                let ended = held.is_some_and(|held| now >= held.slice.ends_at);
                let ask = Ask {
                    holder: self.holder,
                    number: self.number.fetch_add(1, Ordering::Relaxed),
                    limit: charge.limit,
                    amount: charge.amount,
                    wanted: local.wanted,
                    lease_s: self.lease_s,
                };
                match pool.take(&ask, now) {
                    Ok(slice) => Turn::Write(Some(Held {
                        slice,
                        limit: charge.limit,
                        left: slice.units,
                        spent: 0,
                        last: pool.counts_at(now),
                    })),
                    Err(_) if ended || !local.owed.is_empty() => Turn::Write(None),
                    Err(_) => Turn::Leave,
                }
            })
            .await?;
        }
        Ok(())
    }

    /// Hands slices in, and lets go of what nobody asked about for a while.
    pub(super) async fn hand_in(
        &self,
        store: &dyn Store,
        what: HandIn,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let over = |held: &Held| what == HandIn::All || now >= held.slice.ends_at;
        let due = |local: &Local| {
            let idle = || {
                let passed = |(pool, _): &(Pool, Timestamp)| is_over(pool, now);
                local.held.is_none() && local.seen.as_ref().is_some_and(passed)
            };
            !local.owed.is_empty() || local.held.as_ref().is_some_and(over) || idle()
        };
        let due: Vec<Meter> = {
            let known = self.lock();
            let due = known.iter().filter(|(_, local)| due(local));
            due.map(|(meter, _)| *meter).collect()
        };
        for meter in due {
            let gate = Arc::clone(&self.lock().entry(meter).or_default().gate);
            let _turn = gate.lock().await;
            self.change(store, meter, now, |_, _, held| match held {
                Some(held) if !over(held) => Turn::Leave,
                _ => Turn::Write(None),
            })
            .await?;
        }
        self.lock().retain(|_, local| {
            let seen = local
                .seen
                .as_ref()
                .map(|(_, at)| at.plus_s(POOL_FORGOTTEN_S));
            let used = local.held.is_some() || !local.owed.is_empty() || local.wanted > 0;
            used || seen.is_some_and(|until| now < until)
        });
        Ok(())
    }

    /// Counts what was spent past every limit.
    pub(super) async fn count(
        &self,
        store: &dyn Store,
        shares: &[Share],
    ) -> Result<(), StoreError> {
        for share in shares {
            let gate = Arc::clone(&self.lock().entry(share.meter).or_default().gate);
            let _turn = gate.lock().await;
            self.change(store, share.meter, share.at, |_, pool, _| {
                pool.count(share.amount, share.at);
                Turn::Write(None)
            })
            .await?;
        }
        Ok(())
    }

    /// Reads the record, hands in the slice that is held, and lets `turn` say what to write.
    ///
    /// INVARIANT (one at a time): whoever calls this has passed the gate of the meter.
    async fn change(
        &self,
        store: &dyn Store,
        meter: Meter,
        now: Timestamp,
        turn: impl Fn(&Local, &mut Pool, Option<&Held>) -> Turn,
    ) -> Result<(), StoreError> {
        for _ in 0..POOL_TRIES_MAX {
            let (as_read, mut batch) = read_pool(store, meter).await?;
            let mut pool = as_read.clone();
            let (held, owed, next) = {
                let mut known = self.lock();
                let local = known.entry(meter).or_default();
                let held = local.held;
                if let Some(held) = &held {
                    pool.hand_in(&held.slice, held.spent, held.last);
                }
                for (amount, at) in &local.owed {
                    pool.give_back(*amount, *at);
                }
                match turn(local, &mut pool, held.as_ref()) {
                    Turn::Leave => {
                        local.seen = Some((as_read, now));
                        return Ok(());
                    }
                    // From here on nobody spends what is handed in.
                    Turn::Write(next) => {
                        local.held = None;
                        (held, std::mem::take(&mut local.owed), next)
                    }
                }
            };
            let key = pool_key(&meter);
            if is_over(&pool, now) {
                batch.deletes.push(key);
            } else {
                batch.puts.push((key, encode_pool(&pool.part())?));
            }
            let written = store.commit(batch).await;
            let mut known = self.lock();
            let local = known.entry(meter).or_default();
            match written {
                Ok(_) => {
                    local.held = next;
                    local.seen = Some((pool, now));
                    return Ok(());
                }
                // Nobody knows which slice is in the record: neither is spent any more.
                Err(error) if *error.kind() == StoreErrorKind::OutcomeUnknown => return Err(error),
                Err(error) => {
                    local.held = held;
                    local.owed.extend(owed);
                    if !matches!(error.kind(), StoreErrorKind::Conflict(_)) {
                        return Err(error);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Counts a call among those that wait for more, until it is dropped.
struct Waits<'a> {
    slices: &'a Slices,
    meter: Meter,
    amount: u64,
}

impl<'a> Waits<'a> {
    fn new(slices: &'a Slices, meter: Meter, amount: u64) -> Self {
        let mut known = slices.lock();
        let local = known.entry(meter).or_default();
        local.wanted = local.wanted.saturating_add(amount);
        Self {
            slices,
            meter,
            amount,
        }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if let Some(local) = self.slices.lock().get_mut(&self.meter) {
            local.wanted = local.wanted.saturating_sub(self.amount);
        }
    }
}

fn give_back(known: &mut HashMap<Meter, Local>, shares: &[Share]) {
    for share in shares {
        let local = known.entry(share.meter).or_default();
        match &mut local.held {
            Some(held) if held.slice.number == share.slice => {
                let amount = share.amount.min(held.spent);
                held.spent -= amount;
                held.left = held.left.saturating_add(amount);
            }
            _ if share.amount > 0 => local.owed.push((share.amount, share.at)),
            _ => {}
        }
    }
}

fn is_over(pool: &Pool, now: Timestamp) -> bool {
    let end = pool.ends_at();
    end.is_some_and(|end| end.plus_s(CLOCK_BACK_S) <= now)
}

/// The pool of a meter, and the batch that may change it. The first one starts at what a node that was alone
/// counted.
async fn read_pool(store: &dyn Store, meter: Meter) -> Result<(Pool, Batch), StoreError> {
    let key = pool_key(&meter);
    let mut batch = Batch::default();
    if let Some(found) = read_one(store, &key).await? {
        batch
            .expectations
            .push((key, Expect::Version(found.version)));
        return Ok((restored(meter, &found.bytes)?, batch));
    }
    batch.expectations.push((key, Expect::Absent));
    let mut spent = Tally::new(meter.counter.span);
    let last = part_key(&meter, u64::MAX).bytes().to_vec();
    let mut from = Bound::Included(part_key(&meter, 0).bytes().to_vec());
    loop {
        let range = (from, Bound::Included(last.clone()));
        let page = store.scan(COUNTERS, range, PAGE_RECORDS).await?;
        for (bytes, record) in page.records {
            let (_, number) = parse_part_key(&bytes)?;
            let restored = spent.restore(number, decode_part(&record.bytes)?);
            restored.map_err(|cause| damaged().because(cause))?;
            let key = Key::new(COUNTERS, bytes);
            let version = Expect::Version(record.version);
            batch.expectations.push((key.clone(), version));
            batch.deletes.push(key);
        }
        match page.next {
            Some(next) => from = Bound::Excluded(next),
            None => return Ok((Pool::new(spent), batch)),
        }
    }
}

fn restored(meter: Meter, bytes: &[u8]) -> Result<Pool, StoreError> {
    Pool::restore(meter.counter.span, decode_pool(bytes)?).map_err(|cause| damaged().because(cause))
}

fn damaged() -> StoreError {
    let words = "a counter in the store is damaged; restore a backup";
    StoreError::new(StoreErrorKind::Corrupt, words)
}

/// Makes counters of the pools that nodes shared, for a node that has the store for itself now. What may be
/// spent of slices counts as spent.
///
/// # Errors
/// If the store fails, or what lies there is no pool.
pub(crate) async fn go_on_alone(store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
    let mut from = Bound::Unbounded;
    loop {
        let range = (from, Bound::Unbounded);
        let page = store.scan(POOLS, range, PAGE_RECORDS).await?;
        for (bytes, record) in page.records {
            let meter = parse_meter_key(&bytes)?;
            let spent = restored(meter, &record.bytes)?.into_spent(now);
            let key = Key::new(POOLS, bytes);
            let mut batch = Batch {
                expectations: vec![(key.clone(), Expect::Version(record.version))],
                deletes: vec![key],
                ..Batch::default()
            };
            for (number, part) in spent.changes_since(None) {
                if let Some(part) = part {
                    let put = (part_key(&meter, number), encode_part(&part)?);
                    batch.puts.push(put);
                }
            }
            match store.commit(batch).await {
                // Who may only look counts nothing.
                Err(error) if *error.kind() == StoreErrorKind::ReadOnly => return Ok(()),
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        match page.next {
            Some(next) => from = Bound::Excluded(next),
            None => return Ok(()),
        }
    }
}
