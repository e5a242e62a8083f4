//! One event a line: what was hashed, byte for byte.

use std::io::{self, Write};

use crate::sealed::SealedEvent;

/// Writes the event's canonical bytes, and a line feed.
///
/// No line contains another line feed: canonical JSON escapes them. So each line, without its end, is
/// a leaf of the log, and the file can be verified.
///
/// # Errors
/// What `out` answers. The line may be there in part: cut the file back to its last line feed before
/// going on.
pub fn write_jsonl(out: &mut impl Write, event: &SealedEvent) -> io::Result<()> {
    out.write_all(&event.bytes)?;
    out.write_all(b"\n")
}
