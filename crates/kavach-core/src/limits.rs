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
/// Agents in a line.
pub const LINE_HOPS_MAX: usize = DEPTH_MAX as usize + 1;
/// Live delegations that lead to one agent: each is a line that a decision may have to walk.
pub const INCOMING_MAX: usize = 64;
/// Bytes in an agent's name: one segment of a resource holds it.
pub const NAME_BYTES_MAX: usize = 128;
/// Bytes of the host's name for a subject, kind included: room for an e-mail address.
pub const SUBJECT_BYTES_MAX: usize = 256;
/// Resources up to which a suggestion names each by itself.
pub(crate) const SUGGESTED_EXACTLY_MAX: usize = 8;
/// Seconds for which a suggested permission holds: a quarter, after which somebody looks again.
pub(crate) const SUGGESTED_TTL_S: u64 = 90 * 24 * 3600;
/// Agents that asking who can do something looks at: a tenth of a second's work.
pub(crate) const WHO_CAN_LOOKS_MAX: usize = 100_000;
/// Guardrails of one tenant: each is looked at for each hop of each line.
pub const GUARDRAILS_MAX: usize = 64;
/// Agents that one guardrail names.
pub const SELECTED_MAX: usize = 64;
/// Rates of one permission, and budgets, and windows: each is counted, or looked at, in each decision.
pub const LIMITS_MAX: usize = 8;
/// Seconds in the window of a rate: 31 days. What counts for longer is a budget.
pub const RATE_WINDOW_S_MAX: u32 = 31 * 86_400;
/// People who must say yes to one call.
pub const APPROVALS_MAX: u8 = 16;
/// Blocks in one list of addresses.
pub const ADDRESS_BLOCKS_MAX: usize = 64;
/// Pointers that the rules for arguments name.
pub const ARG_RULES_MAX: usize = 32;
/// Tokens in one of these pointers: how deep a call's arguments are walked.
pub const ARG_POINTER_TOKENS_MAX: usize = 16;
/// Values, blocks or hosts that one rule for arguments lists.
pub const ARG_VALUES_MAX: usize = 64;
/// Seconds with calls in one window that are told apart: a rate of up to so many calls counts exactly.
/// Beyond, calls close to each other share a second. 100 KB for each counter that is so busy.
pub const LOG_ENTRIES_MAX: usize = 4 * 1024;
/// Seconds with calls that one stored record holds, so that a call rewrites about a kilobyte.
pub(crate) const CHUNK_ENTRIES: usize = 64;
/// Of what is free of a limit that nodes share, one takes one part of so many at a time. Fewer would starve
/// the others; more would ask the store too often.
pub(crate) const SLICE_SHARE: u64 = 8;
/// Seconds for which a node may hand in a slice after its lease: a pause of the process, or of the network.
pub(crate) const LEASE_GRACE_S: u64 = 60;
/// Seconds at which something of a shared limit is free again that are looked at to say when a call fits.
pub(crate) const ROOM_STEPS_MAX: usize = 64;
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
