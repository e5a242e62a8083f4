//! Files as a power cut leaves them.

use std::fs;
use std::path::Path;

/// Copies the store at `from` to `to`, with its write-ahead log cut off after `wal_len` bytes. What its
/// readers share in memory is lost.
pub(crate) fn copy_torn(from: &Path, to: &Path, wal_len: u64) {
    fs::copy(from, to).unwrap();
    fs::copy(wal_of(from), wal_of(to)).unwrap();
    let wal = fs::OpenOptions::new().write(true).open(wal_of(to)).unwrap();
    wal.set_len(wal_len.min(wal.metadata().unwrap().len()))
        .unwrap();
}

/// How long the write-ahead log is.
pub(crate) fn wal_len(path: &Path) -> u64 {
    fs::metadata(wal_of(path)).map_or(0, |found| found.len())
}

fn wal_of(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}
