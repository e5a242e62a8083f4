//! How a node shares a store with others.

use std::time::Duration;

use crate::limits::{
    LEASE_S_MAX, LEASE_S_MIN, NODE_LEASE_MS, NODE_LEASE_MS_MAX, NODE_LEASE_MS_MIN, NODE_POLL_MS,
    SHARED_LIMITS_LEASE_S,
};

/// How a node shares a store with others; [`Sharing::default`] is a good start. All nodes of a store should
/// say the same.
///
/// ```
/// let sharing = kavach::Sharing::default().lease_ms(1_000).poll_ms(200);
/// # let _ = sharing;
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sharing {
    lease_ms: u64,
    poll_ms: u64,
    limits_lease_s: u64,
}

impl Default for Sharing {
    fn default() -> Self {
        Self {
            lease_ms: NODE_LEASE_MS,
            poll_ms: NODE_POLL_MS,
            limits_lease_s: SHARED_LIMITS_LEASE_S,
        }
    }
}

impl Sharing {
    /// For how long after it asked what changed a node may say yes without asking again: 500 ms if this says
    /// nothing else, at least 50 ms, at most 10 s. A revocation holds on every node once it is that old.
    #[must_use]
    pub fn lease_ms(mut self, milliseconds: u64) -> Self {
        self.lease_ms = milliseconds.clamp(NODE_LEASE_MS_MIN, NODE_LEASE_MS_MAX);
        self
    }

    /// How often a node asks what changed: every 100 ms if this says nothing else, and never less often than
    /// twice in a lease. At least 1 ms.
    #[must_use]
    pub fn poll_ms(mut self, milliseconds: u64) -> Self {
        self.poll_ms = milliseconds.max(1);
        self
    }

    /// For how long a node holds a slice of a rate or a budget: ten seconds if this says nothing else, at
    /// least 1 second, at most 10 minutes. What is left of it is handed in then. A node that dies takes it
    /// along: the promise is one-sided, never above a limit, possibly below.
    #[must_use]
    pub fn limits_lease_s(mut self, seconds: u64) -> Self {
        self.limits_lease_s = seconds.clamp(LEASE_S_MIN, LEASE_S_MAX);
        self
    }

    pub(crate) fn lease(self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    pub(crate) fn poll(self) -> Duration {
        Duration::from_millis(self.poll_ms.min(self.lease_ms / 2))
    }

    pub(crate) fn limits_lease(self) -> u64 {
        self.limits_lease_s
    }
}
