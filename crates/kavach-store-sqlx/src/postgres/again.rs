//! Whether an operation that failed is tried once more.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::error::Failure;
use crate::limits::{ATTEMPTS_MAX, RETRY_PAUSE_MAX, RETRY_PAUSE_MIN};
use crate::postgres::meaning;

/// The tries of one operation.
#[derive(Debug)]
pub(super) struct Again {
    tried: u32,
    /// Whether it failed before because its connection was broken. A server that was restarted has
    /// broken all; one that is down breaks the next one too, and the caller should hear of it.
    was_broken: u32,
    dice: RandomState,
}

impl Again {
    pub(super) fn new() -> Self {
        Self {
            tried: 0,
            was_broken: 0,
            dice: RandomState::new(),
        }
    }

    /// Whether to try again after this failure, of which it is known that nothing was written. Waits
    /// before it says yes, so that two who met do not meet again.
    pub(super) async fn may(&mut self, failure: &Failure) -> bool {
        let Failure::Sql(error) = failure else {
            return false;
        };
        self.tried += 1;
        if self.tried >= ATTEMPTS_MAX {
            return false;
        }
        if meaning::is_broken(error) {
            self.was_broken += 1;
            return self.was_broken <= crate::limits::POSTGRES_CONNECTIONS;
        }
        if !meaning::met_another(error) {
            return false;
        }
        tokio::time::sleep(self.pause()).await;
        true
    }

    /// Between nothing and a time that doubles with each try.
    fn pause(&self) -> Duration {
        let doubled = RETRY_PAUSE_MIN.saturating_mul(1 << self.tried.min(16));
        let longest = doubled.min(RETRY_PAUSE_MAX);
        let micros = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.dice.hash_one(self.tried) % micros.max(1))
    }
}
