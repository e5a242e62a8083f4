//! Waiting for somebody else, without a runtime.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Wakes everybody who waits.
#[derive(Debug, Default)]
pub(super) struct Bell {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    by_number: BTreeMap<u64, Waker>,
}

impl Bell {
    /// Has everybody look again.
    pub(super) fn ring(&self) {
        let waiting = std::mem::take(&mut self.waiting().by_number);
        waiting.into_values().for_each(Waker::wake);
    }

    /// Waits until `holds`, which is looked at now and after each ring.
    pub(super) fn until<F: Fn() -> bool>(&self, holds: F) -> Until<'_, F> {
        let mut waiting = self.waiting();
        waiting.next += 1;
        Until {
            bell: self,
            number: waiting.next,
            holds,
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.waiting().by_number.len()
    }

    // Nothing panics while the lock is held.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits. Dropped, it leaves nothing behind.
pub(super) struct Until<'a, F> {
    bell: &'a Bell,
    number: u64,
    holds: F,
}

impl<F: Fn() -> bool + Unpin> Future for Until<'_, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Before it looks: who changes something after that finds it here.
        let waker = context.waker().clone();
        self.bell.waiting().by_number.insert(self.number, waker);
        if (self.holds)() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl<F> Drop for Until<'_, F> {
    fn drop(&mut self) {
        self.bell.waiting().by_number.remove(&self.number);
    }
}
