//! Whether a node may say yes without asking what others changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::limits::SEAT_LEASE_S;
use crate::view::State;

/// Until when a node is fresh. One that has its store for itself always is.
///
/// All times are of [`Clock::elapsed_ns`], which never goes back and counts suspend.
#[derive(Debug)]
pub(crate) struct Freshness {
    clock: Arc<dyn Clock>,
    /// `None` for a node that is alone.
    lease: Option<Lease>,
}

#[derive(Debug)]
struct Lease {
    lasts_ns: u64,
    /// When what is known from asking others is too old.
    until_ns: AtomicU64,
    /// When others may take the node for dead.
    seat_until_ns: AtomicU64,
    /// The revision that the node must have come to: one that it committed itself and could not read back.
    least: AtomicU64,
}

impl Freshness {
    pub(crate) fn new(clock: Arc<dyn Clock>, lease: Option<Duration>) -> Self {
        let lease = lease.map(|lasts| Lease {
            lasts_ns: nanoseconds(lasts),
            until_ns: AtomicU64::new(0),
            seat_until_ns: AtomicU64::new(0),
            least: AtomicU64::new(0),
        });
        Self { clock, lease }
    }

    /// The time at which a question is asked. Take it before asking.
    pub(crate) fn now_ns(&self) -> u64 {
        self.clock.elapsed_ns()
    }

    /// Whether a yes by this state may leave now.
    pub(crate) fn holds(&self, state: &State) -> bool {
        let Some(lease) = &self.lease else {
            return !state.broken;
        };
        let now_ns = self.now_ns();
        !state.broken
            && state.revision.number() >= lease.least.load(Ordering::SeqCst)
            && now_ns < lease.until_ns.load(Ordering::SeqCst)
            && now_ns < lease.seat_until_ns.load(Ordering::SeqCst)
    }

    /// Others were asked at `asked_ns`, and all that they changed is in the view.
    pub(crate) fn asked(&self, asked_ns: u64) {
        if let Some(lease) = &self.lease {
            let until_ns = asked_ns.saturating_add(lease.lasts_ns);
            lease.until_ns.fetch_max(until_ns, Ordering::SeqCst);
        }
    }

    /// Others were told, by a commit that was sent at `sent_ns`, that the node is alive.
    pub(crate) fn seated(&self, sent_ns: u64) {
        if let Some(lease) = &self.lease {
            let until_ns = sent_ns.saturating_add(SEAT_LEASE_S * 1_000_000_000);
            lease.seat_until_ns.fetch_max(until_ns, Ordering::SeqCst);
        }
    }

    /// Whether others may take the node for dead by now.
    pub(crate) fn is_seat_over(&self) -> bool {
        let over = |lease: &Lease| self.now_ns() >= lease.seat_until_ns.load(Ordering::SeqCst);
        self.lease.as_ref().is_some_and(over)
    }

    /// Whether it is time to tell them again.
    pub(crate) fn is_seat_due(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| {
            let until_ns = lease.seat_until_ns.load(Ordering::SeqCst);
            // A third of the lease is gone.
            until_ns.saturating_sub(self.now_ns()) < SEAT_LEASE_S * 2 / 3 * 1_000_000_000
        })
    }

    /// Nothing earlier than this revision will do any more.
    pub(crate) fn require(&self, revision: u64) {
        if let Some(lease) = &self.lease {
            lease.least.fetch_max(revision, Ordering::SeqCst);
        }
    }
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
