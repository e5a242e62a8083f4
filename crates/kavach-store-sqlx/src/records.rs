//! Records: which keys there can be, and the bounds of a scan.

use std::ops::Bound;

use kavach_store::limits::{KEY_BYTES_MAX, SPACE_NAME_BYTES_MAX, page_size};
use kavach_store::{Key, Record, ScanPage, Space, StoreError, Version};

use crate::error::Failure;
use crate::number::from_column;

/// Whether a record can lie under `key`. Nothing else is asked of a database, some of which cannot
/// even hold it.
pub(crate) fn can_be(key: &Key) -> bool {
    is_space(key.space().name()) && !key.bytes().is_empty() && key.bytes().len() <= KEY_BYTES_MAX
}

fn is_space(name: &str) -> bool {
    let letters = name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    !name.is_empty() && name.len() <= SPACE_NAME_BYTES_MAX && letters
}

/// A record as it was found.
pub(crate) fn record(version: i64, bytes: Vec<u8>) -> Result<Record, Failure> {
    let version = Version::from_u64(from_column(version)?);
    Ok(Record { bytes, version })
}

/// What one page of a scan is asked for.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) space: &'static str,
    /// The first key that may be in it.
    pub(crate) from: Vec<u8>,
    /// The first that may not; `None` if there is no end.
    pub(crate) to: Option<Vec<u8>>,
    pub(crate) size: usize,
    pub(crate) is_empty: bool,
}

impl Scan {
    pub(crate) fn new(
        space: Space,
        (lower, upper): (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<Self, StoreError> {
        let size = page_size(limit)?;
        // Behind a key comes first the same key and a zero.
        let after = |mut key: Vec<u8>| {
            key.push(0);
            key
        };
        let from = match lower {
            Bound::Included(key) => key,
            Bound::Excluded(key) => after(key),
            Bound::Unbounded => Vec::new(),
        };
        let to = match upper {
            Bound::Included(key) => Some(after(key)),
            Bound::Excluded(key) => Some(key),
            Bound::Unbounded => None,
        };
        let is_empty = !is_space(space.name()) || to.as_ref().is_some_and(|to| *to <= from);
        Ok(Self {
            space: space.name(),
            from,
            to,
            size,
            is_empty,
        })
    }

    /// The page that these records make, of which there may be one more than asked for.
    pub(crate) fn page(
        &self,
        mut records: Vec<(Vec<u8>, Record)>,
        cut: bool,
        revision: kavach_store::Revision,
    ) -> ScanPage {
        let more = cut || records.len() > self.size;
        records.truncate(self.size);
        let last = records.last().map(|(key, _)| key.clone());
        ScanPage {
            next: last.filter(|_| more),
            records,
            revision,
        }
    }
}
