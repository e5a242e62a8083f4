//! Moving everything from one store to another, of whatever kind.
//!
//! While a copy is under way, the target holds a note of how far it has come, written along with what was
//! copied: so it goes on where it was interrupted, and nobody takes half a copy for a store.

use kavach_core::LogId;
use kavach_store::{
    Batch, Expect, Key, Migration, Space, Store, StoreError, StoreErrorKind, Version,
};

use crate::census::{self, Census, Events, Records, spaces};
use crate::view::read_one;

#[cfg(test)]
mod tests;

/// Where the note lies.
const COPYING: Space = Space::quiet("store_copy");
/// What the note says while a backup is restored.
pub(crate) const RESTORING: &[u8] = b"restore";
/// Bytes of records or events that are written together.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Records or events that are written together.
const BATCH_PARTS: usize = 1_000;

/// What was copied, all of it and not just by the last run.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Copied {
    /// What lies in both stores now.
    pub census: Census,
    /// Whether an earlier run had begun it.
    pub resumed: bool,
}

/// Why a copy was not made, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// There is something in the target.
    #[error("the target holds records already; copy to an empty one")]
    NotEmpty,
    /// What was begun is the copy of something else, or the source went on since.
    #[error(
        "the target holds a copy that was begun of another state of the source; copy to an empty one"
    )]
    OtherSource,
    /// The source went on while it was copied.
    #[error(
        "the source was written to while it was copied; stop who writes, and copy to an empty target"
    )]
    Changed,
    /// What arrived is not what was sent.
    #[error("the target is not what the source is ({0}); copy to an empty one")]
    Differs(String),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies all records and events of `from` to `to`, which is empty or holds the beginning of this copy,
/// and reads everything again in both. `progress` is told how many records and events were written so far.
///
/// Nobody may write to either meanwhile. Versions and revisions count anew in the target, so nobody may go
/// on with one that the source gave. Names and client addresses stay sealed under the same master key.
///
/// # Errors
/// [`CopyError`] says what is in the way. After a failure of a store, call it again.
pub async fn copy(
    from: &dyn Store,
    to: &dyn Store,
    mut progress: impl FnMut(u64),
) -> Result<Copied, CopyError> {
    refuse_unfinished(from).await?;
    to.migrate(Migration::Apply).await?;
    let source = Source::of(from).await?;
    let (mut note, resumed) = Note::open(to, &source).await?;
    copy_records(from, to, &mut note, &mut progress).await?;
    copy_events(from, to, &mut note, &mut progress).await?;

    let census = census::check(from).await?;
    if census::check(to).await? != census {
        return Err(CopyError::Differs("their counts or logs".to_owned()));
    }
    compare_records(from, to).await?;
    if Source::of(from).await? != source {
        return Err(CopyError::Changed);
    }
    // With the note goes what keeps the target from being used.
    let done = Batch {
        expectations: vec![(note_key(), Expect::Version(note.version))],
        deletes: vec![note_key()],
        ..Batch::default()
    };
    to.commit(done).await?;
    Ok(Copied { census, resumed })
}

/// Fails if the store holds a copy that did not come to its end.
pub(crate) async fn refuse_unfinished(store: &dyn Store) -> Result<(), StoreError> {
    let words = match read_one(store, &note_key()).await? {
        None => return Ok(()),
        Some(note) if note.bytes == RESTORING => {
            "the store is restored from a backup just now, or that did not come to its end; if so, throw it \
             away, and restore to an empty one"
        }
        Some(_) => {
            "the store is a copy that did not come to its end; copy again, and it will go on"
        }
    };
    Err(StoreError::new(StoreErrorKind::Corrupt, words))
}

/// Where the note of what is unfinished lies.
pub(crate) fn note_key() -> Key {
    Key::new(COPYING, *b"copy")
}

/// Whether nothing was ever written to a store.
pub(crate) async fn is_empty(store: &dyn Store) -> Result<bool, StoreError> {
    let health = store.health().await?;
    if health.events > 0 || health.revision.number() > 0 {
        return Ok(false);
    }
    for space in spaces().into_iter().chain([COPYING]) {
        let records = Records::of(store, space).next_page().await?;
        if records.is_some_and(|records| !records.is_empty()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A state of the source.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Source(String);

impl Source {
    async fn of(store: &dyn Store) -> Result<Self, StoreError> {
        let health = store.health().await?;
        let (number, tag) = (health.revision.number(), health.revision.tag());
        Ok(Self(format!("{number}-{tag}-{}", health.events)))
    }
}

/// How far the copy has come.
#[derive(Debug)]
struct Note {
    source: Source,
    version: Version,
    /// The number of the space that is being copied, and the last key of it.
    records: (usize, Option<Vec<u8>>),
    /// Records and events so far.
    written: u64,
}

impl Note {
    /// Finds the note in `to`, or makes one, if it is empty.
    async fn open(to: &dyn Store, source: &Source) -> Result<(Self, bool), CopyError> {
        if let Some(record) = read_one(to, &note_key()).await? {
            let text = String::from_utf8_lossy(&record.bytes).into_owned();
            let note = Self::parse(&text, record.version).ok_or(CopyError::OtherSource)?;
            if note.source != *source {
                return Err(CopyError::OtherSource);
            }
            return Ok((note, true));
        }
        if !is_empty(to).await? {
            return Err(CopyError::NotEmpty);
        }
        let mut note = Self {
            source: source.clone(),
            version: Version::from_u64(0),
            records: (0, None),
            written: 0,
        };
        let first = Batch {
            expectations: vec![(note_key(), Expect::Absent)],
            puts: vec![(note_key(), note.encode())],
            ..Batch::default()
        };
        note.version = to.commit(first).await?.version;
        Ok((note, false))
    }

    /// Writes `batch`, and with it how far that is.
    async fn commit(&mut self, to: &dyn Store, mut batch: Batch) -> Result<(), CopyError> {
        self.written += (batch.puts.len() + batch.events.len()) as u64;
        batch
            .expectations
            .push((note_key(), Expect::Version(self.version)));
        batch.puts.push((note_key(), self.encode()));
        self.version = to.commit(batch).await?.version;
        Ok(())
    }

    /// `1 SOURCE WRITTEN SPACE KEY`, with `-` for no key.
    fn encode(&self) -> Vec<u8> {
        let (space, key) = &self.records;
        let hex = |key: &Vec<u8>| key.iter().map(|byte| format!("{byte:02x}")).collect();
        let key: String = key.as_ref().map_or_else(|| "-".to_owned(), hex);
        let Self {
            source, written, ..
        } = self;
        format!("1 {} {written} {space} {key}", source.0).into_bytes()
    }

    fn parse(text: &str, version: Version) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let ["1", source, written, space, key] = words.as_slice() else {
            return None;
        };
        let key = match *key {
            "-" => None,
            hex => Some(from_hex(hex)?),
        };
        Some(Self {
            source: Source((*source).to_owned()),
            version,
            records: (space.parse().ok()?, key),
            written: written.parse().ok()?,
        })
    }
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect()
}

async fn copy_records(
    from: &dyn Store,
    to: &dyn Store,
    note: &mut Note,
    progress: &mut impl FnMut(u64),
) -> Result<(), CopyError> {
    let (begun, mut after) = note.records.clone();
    for (number, space) in spaces().into_iter().enumerate().skip(begun) {
        let mut records = Records::after(from, space, after.take());
        while let Some(page) = records.next_page().await? {
            let mut page = page.into_iter().peekable();
            while page.peek().is_some() {
                let mut batch = Batch::default();
                let mut bytes = 0;
                while bytes < BATCH_BYTES
                    && batch.puts.len() < BATCH_PARTS
                    && let Some((key, record)) = page.next()
                {
                    bytes += record.bytes.len();
                    note.records = (number, Some(key.clone()));
                    batch.puts.push((Key::new(space, key), record.bytes));
                }
                note.commit(to, batch).await?;
                progress(note.written);
            }
        }
        note.records = (number + 1, None);
    }
    Ok(())
}

async fn copy_events(
    from: &dyn Store,
    to: &dyn Store,
    note: &mut Note,
    progress: &mut impl FnMut(u64),
) -> Result<(), CopyError> {
    let mut logs = Vec::new();
    for head in census::heads(from).await? {
        let begun = copied(to, head.log(), head.size()).await?;
        logs.push((head.log(), begun..head.size()));
    }
    let mut events = Events::of(from, logs);
    loop {
        let mut batch = Batch::default();
        let mut bytes = 0;
        while bytes < BATCH_BYTES && batch.events.len() < BATCH_PARTS {
            let Some(event) = events.next().await? else {
                break;
            };
            bytes += event.bytes.len();
            batch.events.push(event);
        }
        if batch.events.is_empty() {
            return Ok(());
        }
        note.commit(to, batch).await?;
        progress(note.written);
    }
}

/// How many events of the log, of as many as `size`, are there: they were copied in their order.
async fn copied(to: &dyn Store, log: LogId, size: u64) -> Result<u64, StoreError> {
    let (mut low, mut high) = (0, size);
    while low < high {
        let middle = low + (high - low) / 2;
        if to.log_scan(log, middle, 1).await?.is_empty() {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

/// Fails unless each record is the same in both.
async fn compare_records(from: &dyn Store, to: &dyn Store) -> Result<(), CopyError> {
    for space in spaces() {
        let mut records = Records::of(from, space);
        while let Some(page) = records.next_page().await? {
            let keys: Vec<Key> = page
                .iter()
                .map(|(key, _)| Key::new(space, key.clone()))
                .collect();
            let arrived = to.read(&keys).await?.records;
            let sent = page.iter().map(|(_, record)| Some(&record.bytes));
            if !sent.eq(arrived
                .iter()
                .map(|record| record.as_ref().map(|record| &record.bytes)))
            {
                return Err(CopyError::Differs(format!("records of `{}`", space.name())));
            }
        }
    }
    Ok(())
}
