//! What the store says of the counters, and what one batch makes of it.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use kavach_audit::Event;
use kavach_core::{EventId, Leaf, Tally, Timestamp};
use kavach_store::{Batch, Key, Space, Store, StoreError, StoreErrorKind};

use super::record::{
    COUNTERS, RESERVATIONS, Reservation, decode_part, encode_part, parse_part_key,
    parse_reservation_key, part_key, reservation_key,
};
use super::{Debit, Meter, Settlement, Share};
use crate::limits::{CLOCK_BACK_S, PAGE_RECORDS, RESERVATIONS_MAX, SWEPT_WITH_BATCH};

/// The counters and reservations as they lie in the store. Only the committer moves it on.
///
/// INVARIANT (durable state): it is what the last commit that landed wrote, and nothing that did not land is
/// in it.
#[derive(Debug)]
pub(crate) struct Ledger {
    sharing: Sharing,
    known: HashMap<Meter, Kept>,
    /// The counters that end at all, by when to look whether they have.
    due: BTreeSet<(Timestamp, Meter)>,
    /// What can still be settled, by the second from which it cannot.
    reservations: BTreeSet<(Timestamp, EventId)>,
    open: HashMap<EventId, Timestamp>,
}

/// Whether other nodes write to the same store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sharing {
    /// None does: counters are in the ledger.
    Alone,
    /// Others do: counters are in pools, and only reservations are here.
    Shared,
}

#[derive(Debug)]
struct Kept {
    tally: Tally,
    /// Its place in `due`.
    due: Option<Timestamp>,
}

/// What one batch makes of the ledger, once it has landed.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    tallies: HashMap<Meter, Tally>,
    reserved: HashMap<EventId, Reservation>,
    /// Reservations that end with this batch, and who deletes them.
    closed: HashMap<EventId, Deleted>,
    /// What to give back in memory too.
    back: Vec<Share>,
    /// Counters that have passed.
    over: Vec<Meter>,
    /// Counters that were due and have not passed.
    later: Vec<Meter>,
}

/// Who deletes the record of a reservation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Deleted {
    /// Whoever writes the counters.
    Here,
    /// The part that settles it.
    ByItsPart,
}

/// Whether a counter has passed, and long enough ago that no clock goes back to before it did.
pub(super) fn is_over(tally: &Tally, now: Timestamp) -> bool {
    let end = tally.ends_at();
    end.is_some_and(|end| end.plus_s(CLOCK_BACK_S) <= now)
}

impl Ledger {
    /// Reads all counters and reservations.
    ///
    /// # Errors
    /// If the store fails, or what lies there is no counter.
    pub(crate) async fn load(store: &dyn Store, sharing: Sharing) -> Result<Self, StoreError> {
        let mut tallies: HashMap<Meter, Tally> = HashMap::new();
        let counters = match sharing {
            Sharing::Alone => scan(store, COUNTERS).await?,
            Sharing::Shared => Vec::new(),
        };
        for (key, bytes) in counters {
            let (meter, number) = parse_part_key(&key)?;
            let fresh = || Tally::new(meter.counter.span);
            let tally = tallies.entry(meter).or_insert_with(fresh);
            tally
                .restore(number, decode_part(&bytes)?)
                .map_err(|cause| {
                    let words = "a counter in the store is damaged; restore a backup";
                    StoreError::new(StoreErrorKind::Corrupt, words).because(cause)
                })?;
        }
        let mut ledger = Self::empty(sharing);
        for (meter, tally) in tallies {
            ledger.keep(meter, tally);
        }
        for (key, bytes) in scan(store, RESERVATIONS).await? {
            let call = parse_reservation_key(&key)?;
            ledger.open(call, Reservation::decode(&bytes)?.expires_at);
        }
        Ok(ledger)
    }

    fn empty(sharing: Sharing) -> Self {
        Self {
            sharing,
            known: HashMap::new(),
            due: BTreeSet::new(),
            reservations: BTreeSet::new(),
            open: HashMap::new(),
        }
    }

    /// Reads everything again.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(crate) async fn reload(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        *self = Self::load(store, self.sharing).await?;
        Ok(())
    }

    pub(crate) fn tallies(&self) -> impl Iterator<Item = (Meter, &Tally)> {
        self.known.iter().map(|(meter, kept)| (*meter, &kept.tally))
    }

    fn tally(&self, meter: Meter) -> Option<&Tally> {
        self.known.get(&meter).map(|kept| &kept.tally)
    }

    fn keep(&mut self, meter: Meter, tally: Tally) {
        let known = self.known.get(&meter).and_then(|kept| kept.due);
        let due = known.or_else(|| tally.ends_at());
        self.due.extend(due.map(|due| (due, meter)));
        self.known.insert(meter, Kept { tally, due });
    }

    fn forget_due(&mut self, meter: Meter) {
        if let Some(kept) = self.known.get_mut(&meter)
            && let Some(due) = kept.due.take()
        {
            self.due.remove(&(due, meter));
        }
    }

    fn open(&mut self, call: EventId, expires_at: Timestamp) {
        self.reservations.insert((expires_at, call));
        self.open.insert(call, expires_at);
    }

    /// Takes over what a batch made of it, now that it has landed. Returns what to give back in memory.
    pub(crate) fn adopt(&mut self, staged: Staged) -> Vec<Share> {
        for meter in &staged.later {
            self.forget_due(*meter);
        }
        let later = staged.later.iter().filter_map(|meter| {
            let untouched = !staged.tallies.contains_key(meter);
            let kept = self.known.get(meter).filter(|_| untouched)?;
            Some((*meter, kept.tally.clone()))
        });
        let later: Vec<(Meter, Tally)> = later.collect();
        for (meter, tally) in later.into_iter().chain(staged.tallies) {
            self.keep(meter, tally);
        }
        for meter in staged.over {
            self.forget_due(meter);
            self.known.remove(&meter);
        }
        for (call, reservation) in staged.reserved {
            self.open(call, reservation.expires_at);
        }
        for call in staged.closed.into_keys() {
            if let Some(expires_at) = self.open.remove(&call) {
                self.reservations.remove(&(expires_at, call));
            }
        }
        staged.back
    }
}

impl Staged {
    fn tally(&mut self, ledger: &Ledger, meter: Meter) -> &mut Tally {
        self.tallies.entry(meter).or_insert_with(|| {
            let known = ledger.tally(meter);
            known.map_or_else(|| Tally::new(meter.counter.span), Tally::clone)
        })
    }

    /// Counts what a call took, and reserves its cost. The event of the call is among `events`.
    pub(crate) fn debit(&mut self, ledger: &Ledger, debit: &Debit, events: &[Event]) {
        if ledger.sharing == Sharing::Alone {
            for share in debit.shares() {
                self.tally(ledger, share.meter)
                    .count(share.amount, share.at);
            }
        }
        let tenant = debit.shares().first().map(|share| share.meter.tenant);
        if let (Some(expires_at), Some(tenant)) = (debit.reserved_until(), tenant) {
            let event = events.iter().find(|event| event.id == debit.call());
            let caller = event.and_then(caller_in);
            let reservation = Reservation::of(tenant, caller, debit.shares(), expires_at);
            self.reserved.insert(debit.call(), reservation);
        }
    }

    /// Gives back what a withdrawn call took. Its cost only if that was not settled meanwhile: what a
    /// settlement left is what was spent.
    pub(crate) fn refund(&mut self, ledger: &Ledger, debit: &Debit) {
        let call = debit.call();
        let known = self.reserved.contains_key(&call) || ledger.open.contains_key(&call);
        let open = known && !self.closed.contains_key(&call);
        for share in debit.shares() {
            if open || !share.is_cost() {
                self.give_back(ledger, *share);
            }
        }
        if open && self.reserved.remove(&call).is_none() {
            self.closed.insert(call, Deleted::Here);
        }
    }

    /// Gives back what a call cost less than was reserved. Its part deletes the reservation, and expects
    /// that it is still there.
    pub(crate) fn settle(&mut self, ledger: &Ledger, settlement: &Settlement) {
        for share in &settlement.back {
            self.give_back(ledger, *share);
        }
        self.closed.insert(settlement.of, Deleted::ByItsPart);
    }

    /// What to give back in memory once it has landed.
    pub(crate) fn into_back(self) -> Vec<Share> {
        self.back
    }

    fn give_back(&mut self, ledger: &Ledger, share: Share) {
        if ledger.sharing == Sharing::Alone {
            self.tally(ledger, share.meter)
                .give_back(share.amount, share.at);
        }
        self.back.push(share);
    }

    /// Looks for what has passed, a little with each batch that counts anything.
    ///
    /// A counter goes once its window, or its period, has been over for a minute; one that counts for ever
    /// stays. A reservation goes once it can no longer be settled, or when there are too many, the oldest
    /// first: what it reserved then counts in full.
    pub(crate) fn sweep(&mut self, ledger: &Ledger, now: Timestamp) {
        let due = ledger.due.iter().take(SWEPT_WITH_BATCH);
        for (_, meter) in due.take_while(|(due, _)| *due <= now) {
            let tally = self.tallies.get(meter).or_else(|| ledger.tally(*meter));
            if tally.is_none_or(|tally| is_over(tally, now)) {
                self.over.push(*meter);
            } else {
                self.later.push(*meter);
            }
        }
        for meter in &self.over {
            self.tallies.insert(*meter, Tally::new(meter.counter.span));
        }
        let all = ledger.reservations.len() + self.reserved.len();
        let excess = all.saturating_sub(RESERVATIONS_MAX);
        if excess > 0 {
            tracing::warn!(
                excess,
                "too many costs wait to be settled; the oldest no longer can be"
            );
        }
        let oldest = ledger.reservations.iter().enumerate();
        for (place, (expires_at, call)) in oldest.take(excess.max(SWEPT_WITH_BATCH)) {
            if place >= excess && *expires_at > now {
                break;
            }
            self.closed.entry(*call).or_insert(Deleted::Here);
        }
    }

    /// Adds to `batch` what it takes to make the store say the same.
    ///
    /// # Errors
    /// If a counter has no encoding; none has none.
    pub(crate) fn write(&self, ledger: &Ledger, batch: &mut Batch) -> Result<(), StoreError> {
        for (meter, tally) in &self.tallies {
            for (number, part) in tally.changes_since(ledger.tally(*meter)) {
                let key = part_key(meter, number);
                match part {
                    Some(part) => batch.puts.push((key, encode_part(&part)?)),
                    None => batch.deletes.push(key),
                }
            }
        }
        for (call, reservation) in &self.reserved {
            batch
                .puts
                .push((reservation_key(*call), reservation.encode()?));
        }
        let here = self.closed.iter();
        let here = here.filter(|(_, deleted)| **deleted == Deleted::Here);
        batch
            .deletes
            .extend(here.map(|(call, _)| reservation_key(*call)));
        Ok(())
    }
}

/// The end of the line that a call was made by.
fn caller_in(event: &Event) -> Option<Leaf> {
    let hop = event.rested_on().last()?;
    Some(
        hop.delegation
            .map_or(Leaf::Root(hop.agent), Leaf::Delegation),
    )
}

/// Every record of a space.
async fn scan(store: &dyn Store, space: Space) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
    let mut found = Vec::new();
    let mut from = Bound::Unbounded;
    loop {
        let page = store
            .scan(space, (from, Bound::Unbounded), PAGE_RECORDS)
            .await?;
        let records = page.records.into_iter();
        found.extend(records.map(|(key, record)| (key, record.bytes)));
        match page.next {
            Some(next) => from = Bound::Excluded(next),
            None => return Ok(found),
        }
    }
}

/// Where the reservation of a call lies, for parts that must not share a batch.
pub(crate) fn reservation_of(debit: &Debit) -> Key {
    reservation_key(debit.call())
}
