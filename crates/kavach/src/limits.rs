//! Every bound of the facade, with the reason for the number.

/// Parts that one commit merges, and so about as many events. Past that, a commit lasts too long for
/// those who wait.
pub(crate) const BATCH_EVENTS_MAX: usize = 1_000;
/// Keys that the parts of one commit touch together, unless it is one part alone. Well within what a
/// store takes in one batch (`kavach_store::limits`), in number and in bytes.
pub(crate) const BATCH_KEYS_MAX: usize = 8 * 1024;
/// Parts that may wait for the committer: one second's worth on a slow disk. Past that, decisions are
/// denied rather than delayed.
pub(crate) const QUEUE_MAX: usize = 16_384;
/// How often the committer lets others run before it commits: enough for all who were just released to
/// come back, and a few microseconds where nobody does.
pub(crate) const GATHER_ROUNDS_MAX: usize = 16;
/// Records in one page of a scan or of the change feed.
pub(crate) const PAGE_RECORDS: usize = 1_000;
/// Events in one page of an audit query.
pub(crate) const PAGE_EVENTS: usize = 1_000;
/// How often a change is worked out anew because others changed what it rests on.
pub(crate) const CHANGE_TRIES_MAX: usize = 64;
/// Bytes of a request's own id, and of an audience, that are recorded.
pub(crate) const CONTEXT_TEXT_BYTES_MAX: usize = 512;
/// Bytes of arguments that are hashed. Tool calls with more carry files, which belong elsewhere.
pub(crate) const ARGUMENTS_BYTES_MAX: usize = 1024 * 1024;
/// Arrays and objects within each other in arguments: what a parser of JSON reads by default.
pub(crate) const ARGUMENTS_DEPTH_MAX: usize = 128;
/// The greatest integer in arguments: all up to it are told apart as doubles (RFC 7493 section 2.2).
pub(crate) const ARGUMENTS_INTEGER_MAX: u64 = (1 << 53) - 1;
/// How often the committer takes the head anew because somebody else wrote to its log, which nobody may.
pub(crate) const HEAD_CONFLICTS_MAX: u32 = 8;
