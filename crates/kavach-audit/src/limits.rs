//! Every bound of the audit trail, with the reason for the number.

/// Bytes of an encoded event. The log's tiles prefix each entry with 16 bits of length (C2SP
/// tlog-tiles).
pub const EVENT_BYTES_MAX: usize = 65_535;
/// Bytes that are left of the claimed name, the request id and the audience in an event that would
/// otherwise be too long. Enough to recognise them by.
pub const SHORTENED_TEXT_BYTES: usize = 256;
/// Hops that are left in such an event: many times the deepest line that the policy engine allows.
pub const SHORTENED_HOPS: usize = 64;
/// Bytes that the committer's fields may still add to an event: three numbers of 20 digits.
pub(crate) const PLACE_BYTES_MAX: usize = 60;
/// Bytes of a stored head: 63 hashes in hex, and room for the rest.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Events in one log. The 64 hashes of a larger one would not fit a signed count in other languages
/// and databases.
pub const LOG_SIZE_MAX: u64 = i64::MAX.unsigned_abs();
/// Bytes of an event's private fields, encoded: an address, and a note that a person typed.
pub const PRIVATE_BYTES_MAX: usize = 16 * 1024;
/// Characters that a sentence shows of one text from outside. The whole text is in the event.
pub const SENTENCE_TEXT_CHARS_MAX: usize = 200;
/// Entries that a sentence shows of one list.
pub const SENTENCE_LIST_MAX: usize = 16;
/// Bytes of foreign text that an error repeats.
pub(crate) const ERROR_TEXT_BYTES_MAX: usize = 200;
