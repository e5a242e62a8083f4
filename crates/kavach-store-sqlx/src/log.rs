//! Reading one log, as it was written.

use kavach_store::kavach_audit::SealedEvent;
use kavach_store::kavach_core::LogId;
use kavach_store::limits::NUMBER_MAX;

use crate::error::Failure;
use crate::event;
use crate::limits::PAGE_BYTES_MAX;
use crate::number::to_column;

/// The statement that finds a page of one log: the bytes of its events from an index on.
pub(crate) const PAGE: &str =
    "SELECT bytes FROM {event} WHERE log = $1 AND idx >= $2 ORDER BY idx LIMIT $3";

/// What one page of a log is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scan {
    pub(crate) log: LogId,
    pub(crate) from: u64,
    pub(crate) size: usize,
}

impl Scan {
    /// The values of [`PAGE`]; `None` if no index is so great.
    pub(crate) fn binds(self) -> Option<(Vec<u8>, i64, i64)> {
        let log = self.log.as_u128().to_be_bytes().to_vec();
        let size = i64::try_from(self.size).unwrap_or(i64::MAX);
        (self.from <= NUMBER_MAX).then(|| (log, to_column(self.from), size))
    }
}

/// A page of a log as far as it was read.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) events: Vec<SealedEvent>,
    bytes: usize,
}

impl Page {
    /// Takes the next event; `false` if the page takes no more.
    ///
    /// # Errors
    /// If the bytes are no event.
    pub(crate) fn take(&mut self, stored: &[u8]) -> Result<bool, Failure> {
        self.events.push(event::decode(stored)?);
        self.bytes += stored.len();
        Ok(self.bytes < PAGE_BYTES_MAX)
    }
}
