//! Every bound of this backend, with the reason for the number.

use std::time::Duration;

/// Bytes of pages that redb keeps in memory. The graph and the end of the trail fit; the rest of a
/// trail is read rarely, and the operating system caches it too.
pub const CACHE_BYTES: usize = 128 * 1024 * 1024;
/// Commits that wait for the writer; those beyond wait in their callers. A node has one committer,
/// so this is room for many nodes' worth of tests, not a queue to fill.
pub const QUEUE_COMMITS_MAX: usize = 1024;
/// Commits that the change feed reaches back: each holds one change at least, so this is sixteen
/// times what the contract asks for.
pub const FEED_COMMITS_MAX: u64 = 64 * 1024;
/// Bytes of records in one page, beyond the first. Keeps a page in memory.
pub const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Events of one block: what is indexed together. More make a query on an old trail faster and the
/// commit that completes a block slower; at 1,024 that commit takes about a millisecond longer. Part of
/// the file format. (The tests inside the crate have small blocks, to meet many of them.)
pub const BLOCK_EVENTS: u64 = if cfg!(test) { 8 } else { 1024 };
/// Segments of a resource that are indexed, from the first: kind, server, thing.
pub const RESOURCE_SEGMENTS_INDEXED: usize = 3;
/// Steps of one audit query before its page ends, a step being about a microsecond: a look at an
/// index entry or at the head of a row.
pub const SCAN_STEPS_MAX: usize = 64 * 1024;
/// Steps that reading one event whole counts for.
pub const EVENT_STEPS: usize = 8;
/// Quiet after which the writer notes down which pages are free, so that the next start after a
/// crash need not read the whole file. Shorter than anybody takes to restart a server, longer than
/// the pauses of a busy one.
pub const CHECKPOINT_AFTER: Duration = Duration::from_millis(50);
/// First pause before the file is opened again after it failed. Doubles each time.
pub const REOPEN_PAUSE_MIN: Duration = Duration::from_millis(250);
/// Longest such pause: how long an operator waits at most after having made room on the disk.
pub const REOPEN_PAUSE_MAX: Duration = Duration::from_secs(15);
