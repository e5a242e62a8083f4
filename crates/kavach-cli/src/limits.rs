//! Every bound of the command line, with the reason for the number.

/// Bytes in a file for `apply`: some 50,000 agents, and more than anybody reviews.
pub(crate) const APPLY_FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Bytes of such a file up to which every mistake in its syntax is listed, and not just the first: a
/// hostile file has as many as it has bytes.
pub(crate) const APPLY_SYNTAX_BYTES_MAX: usize = 256 * 1024;
/// Problems of such a file that are shown. Who has more starts at the top anyway.
pub(crate) const PROBLEMS_SHOWN_MAX: usize = 50;
/// Characters of a line of such a file that are shown under a problem.
pub(crate) const SOURCE_LINE_CHARS_MAX: usize = 120;
/// Bytes in one line of requests: the arguments of a call, which the facade bounds at as much.
pub(crate) const REQUEST_LINE_BYTES_MAX: usize = 1024 * 1024;
/// Requests that are decided at a time: one commit of the store makes them all durable.
pub(crate) const IN_FLIGHT_MAX: usize = 256;
/// Bytes of request lines that are in memory at a time.
pub(crate) const IN_FLIGHT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Lines that are read ahead of those being decided.
pub(crate) const READ_AHEAD_LINES: usize = 64;
/// Bytes in a file with a master key: 64 digits, and room for white space.
pub(crate) const MASTER_KEY_FILE_BYTES_MAX: u64 = 1024;
/// Seconds between two looks of `audit tail --follow`.
pub(crate) const FOLLOW_INTERVAL_S: u64 = 1;
/// Characters of foreign text that a message repeats.
pub(crate) const SHOWN_TEXT_CHARS_MAX: usize = 80;
/// Bytes at the end of an export that `--resume` reads back: a whole event, and one that was cut off.
pub(crate) const EXPORT_TAIL_BYTES: u64 = 2 * 64 * 1024;
/// Cases in one file of policy tests.
pub(crate) const CASES_MAX: usize = 100_000;
/// Files of policy tests that one run takes.
pub(crate) const TEST_FILES_MAX: usize = 10_000;
/// Events that `audit tail -n` shows at most: it holds them in memory.
pub(crate) const TAIL_EVENTS_MAX: usize = 100_000;
/// Bytes of a file with the secret of a webhook: `whsec_` and 64 bytes in base64, with room for white space.
pub(crate) const WEBHOOK_SECRET_BYTES_MAX: u64 = 256;
/// Bytes of a file with a token as text: 16 KiB in base64, and room for white space.
pub(crate) const TOKEN_FILE_BYTES_MAX: u64 = 32 * 1024;
/// Bytes of a file with a holder's secret key: some 120 in PEM, and room for what tools write around it.
pub(crate) const HOLDER_KEY_FILE_BYTES_MAX: u64 = 4 * 1024;
/// Bytes of a file with a key set: what a verifier reads of one.
pub(crate) const KEY_SET_FILE_BYTES_MAX: u64 = 16 * 1024;
/// Bytes of a file with a revocation list: what a verifier reads of one.
pub(crate) const REVOCATIONS_FILE_BYTES_MAX: u64 = 12 * 1024 * 1024;
