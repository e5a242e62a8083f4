//! Every bound of a token and of its verifier, with the reason for the number.

/// Bytes of a token, in its binary form: fits a header field of the common web servers.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Blocks of a token, the first and the invocation counted. Each costs a signature.
pub const BLOCKS_MAX: usize = 16;
/// Delegations below the first block: what is left of [`BLOCKS_MAX`] beside it and the invocation.
pub const DEPTH_MAX: u8 = 14;
/// Facts of one block.
pub const FACTS_MAX: usize = 64;
/// Bytes of text in the facts of all blocks above the invocation, each string counted as often as it is used.
/// A string is written once and used by its number, so that a few bytes could stand for many; an honest token
/// that is full has fewer than it has bytes. What conditions say counts four times, once in each block, because
/// it has to be understood.
pub const TEXT_BYTES_MAX: usize = 2 * TOKEN_BYTES_MAX;
/// Audiences of one block: services that know each other.
pub const AUDIENCES_MAX: usize = 8;
/// Bytes of an audience or an issuer: a URL.
pub const AUDIENCE_BYTES_MAX: usize = 256;
/// Bytes of the reason that a delegator gives.
pub const WHY_BYTES_MAX: usize = 256;
/// Approvals that one presentation carries.
pub const APPROVALS_MAX: usize = 4;
/// Steps of comparing one right with another while a chain is checked: one for the patterns, and more for
/// actions and constraints. An honest chain of 15 hops with 10 rights each needs about 300, and 1,500 in
/// another order at each hop; each takes 20 to 80 ns.
pub const COMPARISONS_MAX: u32 = 6_000;
/// Seconds that an invocation may last.
pub const INVOCATION_TTL_S_MAX: u64 = 60;
/// Seconds that the clock of whoever signed may be ahead of the verifier's.
pub const CLOCK_AHEAD_S_MAX: u64 = 30;
/// Seconds that an approval may wait for its invocation: a person says yes, then the agent acts.
pub const APPROVAL_TTL_S_MAX: u64 = 24 * 60 * 60;
/// Keys in one key set: one for each month of a year, and some in reserve.
pub const ROOT_KEYS_MAX: usize = 16;
/// Bytes of a key set document.
pub const KEY_SET_BYTES_MAX: usize = 16 * 1024;
/// Entries of a revocation list, of all three kinds together.
pub const REVOKED_MAX: usize = 100_000;
/// Bytes of a revocation list: that many entries as hexadecimal in JSON, in base64.
pub const REVOCATION_LIST_BYTES_MAX: usize = 12 * 1024 * 1024;
/// Invocations that a replay cache remembers, if nobody says otherwise: a thousand a second for a minute.
pub const REPLAYS_DEFAULT: usize = 65_536;
/// Chains that a verifier remembers as verified, if nobody says otherwise.
pub const CHAINS_DEFAULT: usize = 4_096;
