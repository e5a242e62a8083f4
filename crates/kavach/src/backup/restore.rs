//! Making a store from a backup. It allows nothing until it is reopened.

use std::collections::{BTreeMap, HashSet};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Bound;

use kavach_audit::{Detail, Event, EventKind, Head, Outcome};
use kavach_core::{Reason, TenantId};
use kavach_store::{Batch, Expect, Key, MasterKey, Migration, Store, StoreError, Version};

use super::error::{ReadError, RestoreError};
use super::read::{Contents, Part, Reader, check};
use super::restoration::{self, Restoration};
use crate::census::{self, Census};
use crate::clock::Clock;
use crate::committer::LOG_HEADS;
use crate::copy;
use crate::meters::{COUNTERS, POOLS, parts_of};
use crate::random;

/// Bytes of records or events that are written together.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Records or events that are written together.
const BATCH_PARTS: usize = 1_000;

/// A store that was made from a backup.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Restored {
    /// What was in the backup.
    pub contents: Contents,
    /// What lies in the store now.
    pub census: Census,
    /// What has to be done before anything is allowed.
    pub restoration: Restoration,
}

/// Makes a store of a backup in `to`, which is empty. All of the file is looked at before anything is written:
/// see [`check`](super::check); what lies in the store is read again at the end. `progress` is told how many
/// records and events were written so far.
///
/// The store begins a new epoch. Nobody sits in it, and whoever comes gets a fresh log: those of the backup are
/// closed. Approvals are void. And until somebody [reopens](crate::Kavach::reopen) it, whatever node opens it
/// denies every call.
///
/// INVARIANT (closed first): the record that closes the store is in its first commit, together with the note
/// that keeps it from being opened at all before it is whole.
///
/// # Errors
/// [`RestoreError`]. What was begun then cannot be opened; throw it away.
pub async fn restore(
    file: &mut (impl Read + Seek + Send),
    to: &dyn Store,
    master: Option<&MasterKey>,
    clock: &dyn Clock,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Restored, RestoreError> {
    file.seek(SeekFrom::Start(0)).map_err(ReadError::from)?;
    let contents = check(&mut *file, master)?;
    to.migrate(Migration::Apply).await?;
    if !copy::is_empty(to).await? {
        return Err(RestoreError::NotEmpty);
    }
    let restoration = Restoration {
        backup_at: contents.backup_at,
        restored_at: clock.now(),
        reopened_at: None,
        log: random::log_id(clock.now_ns())?,
        sizes: contents.logs.clone(),
        list_floor: list_floor(&contents, clock),
    };
    let mut target = Target::begin(to, &restoration).await?;
    file.seek(SeekFrom::Start(0)).map_err(ReadError::from)?;
    let mut reader = Reader::begin(&mut *file)?;
    while let Some(part) = reader.next_part()? {
        target.take(part, progress).await?;
    }
    target.flush(progress).await?;
    // Somebody may have put another file in its place.
    if reader.contents(master)? != contents {
        return Err(RestoreError::FileChanged);
    }
    target.close_logs(&contents.heads).await?;
    target.record(&restoration, &contents, clock).await?;
    let census = census::check(to).await?;
    target.end().await?;
    Ok(Restored {
        contents,
        census,
        restoration,
    })
}

/// A version of lists that nobody signed yet: above what the backup knows of, and microseconds since 1970. A list
/// more a microsecond is signed nowhere, and 53 bits, what every language reads in JSON, last until 2255.
fn list_floor(contents: &Contents, clock: &dyn Clock) -> u64 {
    contents.list_floor.max(clock.now_ns() / 1_000)
}

/// The store that is made.
struct Target<'a> {
    store: &'a dyn Store,
    note: Version,
    batch: Batch,
    /// What the batch writes.
    keys: HashSet<Key>,
    bytes: usize,
    written: u64,
}

impl<'a> Target<'a> {
    async fn begin(store: &'a dyn Store, restoration: &Restoration) -> Result<Self, RestoreError> {
        let place = restoration::place();
        let note = copy::note_key();
        let first = Batch {
            expectations: vec![
                (note.clone(), Expect::Absent),
                (place.clone(), Expect::Absent),
            ],
            puts: vec![
                (note, copy::RESTORING.to_vec()),
                (place, restoration.encode()?),
            ],
            ..Batch::default()
        };
        Ok(Self {
            note: store.commit(first).await?.version,
            store,
            batch: Batch::default(),
            keys: HashSet::new(),
            bytes: 0,
            written: 0,
        })
    }

    async fn take(
        &mut self,
        part: Part,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), StoreError> {
        // A batch writes no key twice, and what is there again counts.
        let key = match &part {
            Part::Event(_) => None,
            Part::Put(space, key, _) | Part::Delete(space, key) => {
                Some(Key::new(*space, key.clone()))
            }
        };
        let again = key.as_ref().is_some_and(|key| self.keys.contains(key));
        if again || self.bytes >= BATCH_BYTES || self.parts() >= BATCH_PARTS {
            self.flush(progress).await?;
        }
        if let Part::Put(space, pool, _) = &part
            && *space == POOLS
        {
            // What was read as a counter stands in front.
            self.flush(progress).await?;
            self.forget_counters(pool).await?;
        }
        self.keys.extend(key.clone());
        match (part, key) {
            (Part::Event(event), _) => {
                self.bytes += event.bytes.len();
                self.batch.events.push(*event);
            }
            (Part::Put(_, _, bytes), Some(key)) => {
                self.bytes += bytes.len();
                self.batch.puts.push((key, bytes));
            }
            (Part::Delete(..), Some(key)) => self.batch.deletes.push(key),
            (Part::Put(..) | Part::Delete(..), None) => {}
        }
        Ok(())
    }

    /// A counter was read, and then moved to a pool: what the pool says counts.
    async fn forget_counters(&mut self, pool: &[u8]) -> Result<(), StoreError> {
        let (first, last) = parts_of(pool);
        let mut from = Bound::Included(first);
        loop {
            let range = (from, Bound::Included(last.clone()));
            let page = self.store.scan(COUNTERS, range, BATCH_PARTS).await?;
            let keys = page.records.into_iter().map(|(key, _)| key);
            let batch = Batch {
                deletes: keys.map(|key| Key::new(COUNTERS, key)).collect(),
                ..Batch::default()
            };
            if !batch.deletes.is_empty() {
                self.commit(batch).await?;
            }
            match page.next {
                Some(next) => from = Bound::Excluded(next),
                None => return Ok(()),
            }
        }
    }

    fn parts(&self) -> usize {
        self.batch.puts.len() + self.batch.deletes.len() + self.batch.events.len()
    }

    async fn flush(&mut self, progress: &mut (dyn FnMut(u64) + Send)) -> Result<(), StoreError> {
        self.written += self.parts() as u64;
        let batch = std::mem::take(&mut self.batch);
        self.keys.clear();
        self.bytes = 0;
        self.commit(batch).await?;
        progress(self.written);
        Ok(())
    }

    /// Nobody else made this store meanwhile.
    async fn commit(&self, mut batch: Batch) -> Result<(), StoreError> {
        let note = (copy::note_key(), Expect::Version(self.note));
        batch.expectations.push(note);
        self.store.commit(batch).await.map(drop)
    }

    /// No seat cites these logs, so that none of them goes on.
    async fn close_logs(&self, heads: &[Head]) -> Result<(), StoreError> {
        for some in heads.chunks(BATCH_PARTS) {
            let puts = some.iter().map(|head| (head_key(head), head.encode()));
            let batch = Batch {
                puts: puts.collect(),
                ..Batch::default()
            };
            self.commit(batch).await?;
        }
        Ok(())
    }

    /// Writes into the trail, in a log of its own, that the store was restored.
    async fn record(
        &self,
        restoration: &Restoration,
        contents: &Contents,
        clock: &dyn Clock,
    ) -> Result<(), RestoreError> {
        let now_ns = clock.now_ns();
        let mut event = Event::new(
            random::event_id(now_ns)?,
            TenantId::DEFAULT,
            EventKind::StoreRestored,
            Outcome::Done,
            Reason::Done,
        );
        event.detail = BTreeMap::from([
            text("backup_at", restoration.backup_at),
            text("events", contents.events()),
            text("sealed", if contents.is_sealed { "yes" } else { "no" }),
        ]);
        let mut head = Head::empty(restoration.log);
        let (sealed, _) = head.append(event, now_ns);
        let batch = Batch {
            expectations: vec![(head_key(&head), Expect::Absent)],
            puts: vec![(head_key(&head), head.encode())],
            events: vec![sealed],
            ..Batch::default()
        };
        Ok(self.commit(batch).await?)
    }

    /// With the note goes what keeps the store from being opened.
    async fn end(self) -> Result<(), StoreError> {
        let batch = Batch {
            deletes: vec![copy::note_key()],
            ..Batch::default()
        };
        self.commit(batch).await
    }
}

pub(super) fn head_key(head: &Head) -> Key {
    Key::new(LOG_HEADS, head.log().as_u128().to_be_bytes())
}

/// A field of an event.
pub(super) fn text(field: &str, value: impl ToString) -> (String, Detail) {
    (field.to_owned(), Detail::Text(value.to_string()))
}
