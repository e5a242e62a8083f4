//! Every bound of the policy engine, with the reason for the number.

/// Bytes in a resource or a pattern. Fits an index key of every backend.
pub const RESOURCE_BYTES_MAX: usize = 512;
/// Segments of a resource, the kind included. Deeper hierarchies are names, not structure.
pub const SEGMENTS_MAX: usize = 8;
/// Bytes in one segment.
pub const SEGMENT_BYTES_MAX: usize = 128;
/// Bytes in an action.
pub const ACTION_BYTES_MAX: usize = 64;
/// Actions in one permission: narrowing keeps one bit of a `u64` for each. A permission with more of them
/// wants `*` or a second permission.
pub const ACTIONS_MAX: usize = 64;
/// Bytes in the shorthand of one permission: 64 actions, a pattern, and constraints.
pub const SHORTHAND_BYTES_MAX: usize = 8 * 1024;
/// Grants that one agent, or one delegation, holds. A decision looks at each of them at each hop.
pub const GRANTS_MAX: usize = 256;
/// Hops in a line: the root grants and at most this many delegations below them.
pub const DEPTH_MAX: u8 = 8;
/// Live delegations that lead to one agent: each is a line that a decision may have to walk.
pub const INCOMING_MAX: usize = 64;
/// Bytes in an agent's name: one segment of a resource holds it.
pub const NAME_BYTES_MAX: usize = 128;
/// Bytes of the host's name for a subject, kind included: room for an e-mail address.
pub const SUBJECT_BYTES_MAX: usize = 256;
/// Entries in an agent's metadata.
pub const METADATA_ENTRIES_MAX: usize = 32;
/// Bytes in a metadata key.
pub const METADATA_KEY_BYTES_MAX: usize = 64;
/// Bytes in a metadata value.
pub const METADATA_VALUE_BYTES_MAX: usize = 1024;
/// Credentials that one agent holds at a time: the current one, and those whose overlap still runs.
pub const CREDENTIALS_MAX: usize = 4;
/// Permissions that a narrowing or a listing holds at a time. Each new one is held against all of them,
/// so that work grows with the square; a result is stored as at most [`GRANTS_MAX`], and read by a person.
pub(crate) const PIECES_MAX: usize = 4 * GRANTS_MAX;
/// Bytes of foreign text that an error repeats.
pub(crate) const ERROR_INPUT_BYTES_MAX: usize = 80;
