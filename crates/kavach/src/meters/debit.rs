//! What one call took, until it has landed or was given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use kavach_core::{EventId, Timestamp};

use super::{Counts, Share};

/// What one call took from its limits.
///
/// INVARIANT (nothing leaks): it stays counted only if its commit landed, or may have. When the last handle
/// to a debit that did not land goes away, be it because the caller gave up waiting, it is given back.
#[derive(Clone, Debug)]
pub(crate) struct Debit(Arc<Held>);

#[derive(Debug)]
struct Held {
    call: EventId,
    shares: Vec<Share>,
    /// Until when the cost can be settled; `None` if there is none.
    reserved_until: Option<Timestamp>,
    fate: AtomicU8,
    counts: Arc<Counts>,
}

/// Not known to the store.
const HELD: u8 = 0;
/// It may or may not be in the store.
const IN_DOUBT: u8 = 1;
/// It is in the store.
const LANDED: u8 = 2;
/// Given back in memory, and not in the store.
const RETURNED: u8 = 3;

impl Debit {
    pub(super) fn new(
        counts: Arc<Counts>,
        call: EventId,
        shares: Vec<Share>,
        reserved_until: Option<Timestamp>,
    ) -> Self {
        Self(Arc::new(Held {
            call,
            shares,
            reserved_until,
            fate: AtomicU8::new(HELD),
            counts,
        }))
    }

    /// The event that records the call.
    pub(crate) fn call(&self) -> EventId {
        self.0.call
    }

    pub(crate) fn shares(&self) -> &[Share] {
        &self.0.shares
    }

    pub(crate) fn reserved_until(&self) -> Option<Timestamp> {
        self.0.reserved_until
    }

    /// It is in the store.
    pub(crate) fn has_landed(&self) {
        self.0.fate.store(LANDED, Ordering::SeqCst);
    }

    /// Nobody knows whether it is in the store.
    pub(crate) fn is_in_doubt(&self) {
        self.0.fate.store(IN_DOUBT, Ordering::SeqCst);
    }

    /// It is not in the store after all.
    pub(crate) fn did_not_land(&self) {
        self.0.give_back_from(IN_DOUBT);
    }
}

impl Held {
    /// INVARIANT (given back once): only one can take it from a fate to `RETURNED`.
    fn give_back_from(&self, fate: u8) {
        let was = self
            .fate
            .compare_exchange(fate, RETURNED, Ordering::SeqCst, Ordering::SeqCst);
        if was.is_ok() {
            self.counts.give_back(&self.shares);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back_from(HELD);
    }
}
