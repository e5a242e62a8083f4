//! Records: where each lies, and reading them.

use std::ops::Bound;

use kavach_store::limits::page_size;
use kavach_store::{Key, Record, ScanPage, Snapshot, Space, StoreError, Version};
use redb::{ReadTransaction, ReadableTable};

use crate::error::Failure;
use crate::limits::PAGE_BYTES_MAX;
use crate::schema::{RECORDS, State};

/// Where the record of `key` lies: behind the length of the space's name, and the name. `None` if
/// there can be no such record.
pub(crate) fn place(space: &str, key: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(space.len()).ok()?;
    let mut place = Vec::with_capacity(1 + space.len() + key.len());
    place.push(length);
    place.extend_from_slice(space.as_bytes());
    place.extend_from_slice(key);
    Some(place)
}

/// A record as it is stored: the version, then the bytes.
pub(crate) fn encode(version: Version, bytes: &[u8]) -> Vec<u8> {
    let mut stored = Vec::with_capacity(8 + bytes.len());
    stored.extend_from_slice(&version.as_u64().to_be_bytes());
    stored.extend_from_slice(bytes);
    stored
}

/// The version of a stored record, and its bytes.
pub(crate) fn decode(stored: &[u8]) -> Result<(Version, &[u8]), Failure> {
    match stored.split_first_chunk() {
        Some((version, bytes)) => Ok((Version::from_u64(u64::from_be_bytes(*version)), bytes)),
        None => Err(Failure::corrupt(
            "a record is shorter than its version; restore a backup",
        )),
    }
}

/// The record of `key`, if there is one.
pub(crate) fn find(
    records: &impl ReadableTable<&'static [u8], &'static [u8]>,
    space: &str,
    key: &[u8],
) -> Result<Option<Record>, Failure> {
    let Some(place) = place(space, key) else {
        return Ok(None);
    };
    let Some(stored) = records.get(place.as_slice())? else {
        return Ok(None);
    };
    let (version, bytes) = decode(stored.value())?;
    Ok(Some(Record {
        bytes: bytes.to_vec(),
        version,
    }))
}

/// [`Store::read`](kavach_store::Store::read).
pub(crate) fn read(transaction: &ReadTransaction, keys: &[Key]) -> Result<Snapshot, Failure> {
    let table = transaction.open_table(RECORDS)?;
    let records = keys
        .iter()
        .map(|key| find(&table, key.space().name(), key.bytes()))
        .collect::<Result<_, _>>()?;
    Ok(Snapshot {
        records,
        revision: State::read(transaction)?.revision,
    })
}

/// Bounds of keys, or of places.
type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// What [`scan`] is asked for.
#[derive(Debug)]
pub(crate) struct Scan {
    space: Space,
    range: Bounds,
    size: usize,
}

impl Scan {
    pub(crate) fn new(space: Space, range: Bounds, limit: usize) -> Result<Self, StoreError> {
        Ok(Self {
            space,
            range,
            size: page_size(limit)?,
        })
    }

    /// The places that are asked for; `None` if there can be none.
    fn places(&self) -> Option<Bounds> {
        let name = self.space.name();
        let lower = match &self.range.0 {
            Bound::Included(key) => Bound::Included(place(name, key)?),
            Bound::Excluded(key) => Bound::Excluded(place(name, key)?),
            Bound::Unbounded => Bound::Included(place(name, &[])?),
        };
        let upper = match &self.range.1 {
            Bound::Included(key) => Bound::Included(place(name, key)?),
            Bound::Excluded(key) => Bound::Excluded(place(name, key)?),
            Bound::Unbounded => {
                // Text never ends in the byte 255, so the last byte can be raised by one.
                let mut end = place(name, &[])?;
                let last = end.last_mut()?;
                *last = last.checked_add(1)?;
                Bound::Excluded(end)
            }
        };
        (!is_inverted(&lower, &upper)).then_some((lower, upper))
    }
}

fn is_inverted(lower: &Bound<Vec<u8>>, upper: &Bound<Vec<u8>>) -> bool {
    match (lower, upper) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(lower), Bound::Included(upper)) => lower > upper,
        (
            Bound::Included(lower) | Bound::Excluded(lower),
            Bound::Included(upper) | Bound::Excluded(upper),
        ) => lower >= upper,
    }
}

/// [`Store::scan`](kavach_store::Store::scan).
pub(crate) fn scan(transaction: &ReadTransaction, scan: &Scan) -> Result<ScanPage, Failure> {
    let revision = State::read(transaction)?.revision;
    let mut page = ScanPage {
        records: Vec::new(),
        next: None,
        revision,
    };
    let Some((lower, upper)) = scan.places() else {
        return Ok(page);
    };
    let prefix = 1 + scan.space.name().len();
    let mut bytes_left = PAGE_BYTES_MAX;
    let bounds = (
        lower.as_ref().map(Vec::as_slice),
        upper.as_ref().map(Vec::as_slice),
    );
    for entry in transaction.open_table(RECORDS)?.range::<&[u8]>(bounds)? {
        let (place, stored) = entry?;
        let (version, bytes) = decode(stored.value())?;
        let is_full = page.records.len() >= scan.size || bytes.len() > bytes_left;
        if is_full && !page.records.is_empty() {
            page.next = page.records.last().map(|(key, _)| key.clone());
            break;
        }
        bytes_left = bytes_left.saturating_sub(bytes.len());
        let key = place.value().get(prefix..).unwrap_or_default().to_vec();
        page.records.push((
            key,
            Record {
                bytes: bytes.to_vec(),
                version,
            },
        ));
    }
    Ok(page)
}
