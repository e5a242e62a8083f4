//! Every bound of the contract, with the reason for the number.

use crate::error::{StoreError, StoreErrorKind};

/// Bytes in a key. An index entry of every database holds it (PostgreSQL ends at about 2,700).
pub const KEY_BYTES_MAX: usize = 512;
/// Bytes in the name of a space. A word or two; shorter than an identifier of any database.
pub const SPACE_NAME_BYTES_MAX: usize = 32;
/// Bytes in one record. The largest that we write is a tile of a log, well under 1 MiB.
pub const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Expectations, puts, deletes and events in one batch. A file that declares 10,000 sub-agents at once
/// has about seven for each.
pub const BATCH_PARTS_MAX: usize = 128 * 1024;
/// Bytes of keys, records and events in one batch. A statement of every database takes them.
pub const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The greatest version, event time and event index: what a signed 64-bit column holds.
pub const NUMBER_MAX: u64 = i64::MAX as u64;
/// Changes that the feed of every backend reaches back at least. A node that lost its database for a
/// minute catches up without a snapshot, at some 60 graph changes a second.
pub const FEED_CHANGES_MIN: usize = 4 * 1024;
/// Records, changes or events in one page, whatever the caller allows. Keeps a page in memory and
/// a lock short.
pub const PAGE_MAX: usize = 4 * 1024;
/// Changes that the feed of [`MemoryStore`](crate::MemoryStore) keeps: ten megabytes of keys.
pub(crate) const MEMORY_FEED_CHANGES: usize = 64 * 1024;
/// Events that [`MemoryStore`](crate::MemoryStore) looks at for one page. A page with few matches
/// must not hold the lock for long.
pub(crate) const MEMORY_EVENTS_PER_PAGE: usize = 16 * 1024;

/// How many entries a page may hold for whom `limit` are enough: at least 1, at most [`PAGE_MAX`].
///
/// Every backend calls this first in `scan`, `changes`, `audit_scan` and `log_scan`.
///
/// # Errors
/// `InvalidInput` for a limit of zero.
pub fn page_size(limit: usize) -> Result<usize, StoreError> {
    if limit == 0 {
        let message = "a page of 0 entries was asked for; ask for at least 1";
        return Err(StoreError::new(StoreErrorKind::InvalidInput, message));
    }
    Ok(limit.min(PAGE_MAX))
}
