//! The change feed: which keys of the graph each revision changed.
//!
//! Values are looked up when the feed is read, so what was erased is in no feed.

use kavach_store::limits::page_size;
use kavach_store::{Change, ChangesPage, Key, Revision, StoreError, StoreErrorKind};
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use crate::error::Failure;
use crate::limits::{FEED_COMMITS_MAX, PAGE_BYTES_MAX};
use crate::records;
use crate::schema::{FEED, RECORDS, State};

/// Adds the commit that led to `revision`, and forgets the one that is too old now.
pub(crate) fn append(
    transaction: &WriteTransaction,
    revision: Revision,
    keys: &[&Key],
) -> Result<(), Failure> {
    let mut feed = transaction.open_table(FEED)?;
    feed.insert(revision.number(), encode(revision, keys)?.as_slice())?;
    if let Some(old) = revision.number().checked_sub(FEED_COMMITS_MAX) {
        feed.remove(old)?;
    }
    Ok(())
}

/// [`Store::changes`](kavach_store::Store::changes).
pub(crate) fn changes(
    transaction: &ReadTransaction,
    after: Revision,
    limit: usize,
) -> Result<ChangesPage, Failure> {
    let size = page_size(limit)?;
    let newest = State::read(transaction)?.revision;
    let feed = transaction.open_table(FEED)?;
    check_known(&feed, after, newest)?;
    let records = transaction.open_table(RECORDS)?;
    let mut page = ChangesPage {
        changes: Vec::new(),
        revision: after,
        complete: true,
    };
    let mut bytes_left = PAGE_BYTES_MAX;
    for entry in feed.range(after.number() + 1..)? {
        let (number, stored) = entry?;
        let commit = Commit::decode(number.value(), stored.value())?;
        let is_full = page.changes.len() + commit.keys.len() > size || bytes_left == 0;
        if is_full && !page.changes.is_empty() {
            page.complete = false;
            break;
        }
        if number.value() != page.revision.number() + 1 {
            return Err(gap(number.value()));
        }
        for (space, key) in commit.keys {
            let record = records::find(&records, &space, &key)?;
            let bytes = record.as_ref().map_or(0, |record| record.bytes.len());
            bytes_left = bytes_left.saturating_sub(bytes);
            page.changes.push(Change {
                revision: commit.revision,
                space,
                key,
                record,
            });
        }
        page.revision = commit.revision;
    }
    if page.complete && page.revision != newest {
        return Err(gap(page.revision.number() + 1));
    }
    Ok(page)
}

fn gap(number: u64) -> Failure {
    Failure::corrupt(format!(
        "the change feed has a gap at revision {number}; restore a backup"
    ))
}

/// Fails unless `after` was committed here, and everything since then is still in the feed.
fn check_known(
    feed: &impl ReadableTable<u64, &'static [u8]>,
    after: Revision,
    newest: Revision,
) -> Result<(), Failure> {
    let number = after.number();
    let first = if after == Revision::ZERO { 1 } else { number };
    let known = match feed.get(first)? {
        _ if after == newest => true,
        Some(_) if after == Revision::ZERO => true,
        Some(stored) => Commit::decode(number, stored.value())?.revision == after,
        None if (number > 0 || after == Revision::ZERO) && number < newest.number() => {
            let message = format!(
                "the changes after revision {number} are not here any more; take a snapshot"
            );
            return Err(StoreError::new(StoreErrorKind::Compacted, message).into());
        }
        None => false,
    };
    if known {
        return Ok(());
    }
    let message = format!(
        "the store never came to this revision {number}: it is another one, or went back; find out which"
    );
    Err(StoreError::new(StoreErrorKind::UnknownRevision, message).into())
}

/// The tag; then for each key the length of the space's name (one byte), the name, the length of the
/// key (two bytes), the key.
fn encode(revision: Revision, keys: &[&Key]) -> Result<Vec<u8>, Failure> {
    let mut stored = Vec::with_capacity(8 + 48 * keys.len());
    stored.extend_from_slice(&revision.tag().to_be_bytes());
    for key in keys {
        let name = key.space().name();
        let lengths = u8::try_from(name.len())
            .ok()
            .zip(u16::try_from(key.bytes().len()).ok());
        let Some((name_length, key_length)) = lengths else {
            let message = format!("the key `{key:?}` is too long");
            return Err(StoreError::new(StoreErrorKind::InvalidInput, message).into());
        };
        stored.push(name_length);
        stored.extend_from_slice(name.as_bytes());
        stored.extend_from_slice(&key_length.to_be_bytes());
        stored.extend_from_slice(key.bytes());
    }
    Ok(stored)
}

struct Commit {
    revision: Revision,
    keys: Vec<(String, Vec<u8>)>,
}

impl Commit {
    fn decode(number: u64, stored: &[u8]) -> Result<Self, Failure> {
        let commit = stored.split_first_chunk().and_then(|(tag, mut rest)| {
            let revision = Revision::new(number, u64::from_be_bytes(*tag));
            let mut keys = Vec::new();
            while !rest.is_empty() {
                let (length, tail) = rest.split_first()?;
                let (name, tail) = tail.split_at_checked(usize::from(*length))?;
                let (length, tail) = tail.split_first_chunk()?;
                let (key, tail) =
                    tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
                keys.push((String::from_utf8(name.to_vec()).ok()?, key.to_vec()));
                rest = tail;
            }
            Some(Self { revision, keys })
        });
        commit.ok_or_else(|| {
            Failure::corrupt(format!(
                "the changes of revision {number} are damaged; restore a backup"
            ))
        })
    }
}
