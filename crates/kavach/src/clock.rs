//! The one place that reads a clock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use kavach_core::Timestamp;

/// What time it is.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    fn now_ns(&self) -> u64;

    /// The same in whole seconds, rounded down.
    fn now(&self) -> Timestamp;

    /// Nanoseconds since some moment before: never goes back, whoever sets the clock, and counts the time in
    /// which the machine is suspended. Leases run on it.
    fn elapsed_ns(&self) -> u64;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads a clock"
    )]
    fn now_ns(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
    }

    fn now(&self) -> Timestamp {
        whole_seconds(self.now_ns())
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn elapsed_ns(&self) -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
    }

    /// What the standard library has: on some systems it stands still while the machine is suspended.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads a clock"
    )]
    fn elapsed_ns(&self) -> u64 {
        use std::sync::OnceLock;
        use std::time::Instant;
        static START: OnceLock<Instant> = OnceLock::new();
        let since = Instant::now().saturating_duration_since(*START.get_or_init(Instant::now));
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is moved: for tests, and for looking at another time.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `at`.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self(AtomicU64::new(
            at.as_s().unsigned_abs().saturating_mul(1_000_000_000),
        ))
    }

    /// Moves it forward by this many seconds.
    pub fn advance_s(&self, seconds: u64) {
        self.0
            .fetch_add(seconds.saturating_mul(1_000_000_000), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn now(&self) -> Timestamp {
        whole_seconds(self.now_ns())
    }

    fn elapsed_ns(&self) -> u64 {
        self.now_ns()
    }
}

pub(crate) fn whole_seconds(ns: u64) -> Timestamp {
    Timestamp::from_s(i64::try_from(ns / 1_000_000_000).unwrap_or(i64::MAX))
}
