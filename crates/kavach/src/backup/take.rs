//! Making a backup of a store that is in use.

use std::io::Write;
use std::ops::Bound;

use kavach_audit::Head;
use kavach_core::Timestamp;
use kavach_store::limits::PAGE_MAX;
use kavach_store::{MasterKey, Revision, Space, SpaceKind, Store, StoreError, StoreErrorKind};

use super::error::BackupError;
use super::format::{Header, Writer};
use super::restoration;
use super::spaces::{kept, named};
use crate::census::{self, Events, Records};
use crate::clock::Clock;
use crate::copy;
use crate::limits::{BACKUP_CHANGES_PAGES, PAGE_RECORDS};
use crate::meters::{COUNTERS, meter_of_part};
use crate::nodes;

/// A backup that was made.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BackedUp {
    /// When it was begun: all that was committed before is in it.
    pub backup_at: Timestamp,
    /// The number of the graph's revision that is in it, at least.
    pub revision: u64,
    /// The events in it.
    pub events: u64,
    /// The records in it, those included that were written again while it was made.
    pub records: u64,
    /// How long it is.
    pub bytes: u64,
}

/// Writes a backup of a store, while others write to it. It takes no seat, stops nobody and writes nothing there,
/// and needs no more memory for a large store than for a small one.
///
/// Secrets in it stay sealed under the master key, which is not in it. With `master`, the whole is sealed under
/// that key, so that nobody changes it unnoticed; without, only damage is found. `progress` is told how many
/// records and events were written so far.
///
/// INVARIANT (taken is taken): the heads of the logs are read first, then the events below them, then the graph
/// until nothing follows. So whatever an event in it says was taken away is taken away in it.
///
/// # Errors
/// [`BackupError`]; what was written until then is no backup.
pub async fn backup(
    store: &dyn Store,
    out: &mut (dyn Write + Send),
    master: Option<&MasterKey>,
    clock: &dyn Clock,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<BackedUp, BackupError> {
    copy::refuse_unfinished(store).await?;
    let restored = restoration::read(store).await?;
    if restored
        .as_ref()
        .is_some_and(|(known, _)| known.is_closed())
    {
        return Err(BackupError::Closed);
    }
    let backup_at = clock.now();
    let mut heads = census::heads(store).await?;
    heads.retain(|head| head.size() > 0);
    let health = store.health().await?;
    let header = Header {
        backup_at,
        backend: health.backend,
        revision: health.revision.number().to_string(),
        list_floor: restored
            .map_or(0, |(known, _)| known.list_floor)
            .to_string(),
    };
    let mut writer = Writer::begin(out, &header)?;
    heads.iter().try_for_each(|head| writer.head(head))?;
    for head in &heads {
        write_events(store, head, &mut writer, progress).await?;
    }
    let mut feed = Feed {
        store,
        after: health.revision,
    };
    let alone = nodes::who_is_alone(store).await?;
    for space in kept() {
        if space == COUNTERS {
            write_counters(store, &mut writer, progress).await?;
            continue;
        }
        let mut records = Records::of(store, space);
        while let Some(page) = records.next_page().await? {
            for (key, record) in page {
                writer.put(space, &key, &record.bytes)?;
            }
            progress(writer.parts());
            if space.kind() == SpaceKind::Graph {
                feed.follow(&mut writer, BACKUP_CHANGES_PAGES).await?;
            }
        }
        if space.kind() == SpaceKind::Graph {
            feed.follow(&mut writer, usize::MAX).await?;
        }
    }
    let now_alone = nodes::who_is_alone(store).await?;
    if now_alone.is_some() && now_alone != alone {
        return Err(BackupError::Taken);
    }
    let (footer, bytes) = writer.end(master)?;
    Ok(BackedUp {
        backup_at,
        revision: feed.after.number(),
        events: footer.events,
        records: footer.puts,
        bytes,
    })
}

/// Writes the events below a head, which must lead to it (RFC 9162 section 2.1.1).
async fn write_events(
    store: &dyn Store,
    head: &Head,
    writer: &mut Writer<'_>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(), BackupError> {
    let mut found = Head::empty(head.log());
    let mut events = Events::of(store, [(head.log(), 0..head.size())]);
    while let Some(sealed) = events.next().await? {
        found.push(&sealed.leaf_hash(), sealed.event.time_ns);
        writer.event(&sealed)?;
        progress(writer.parts());
    }
    if found == *head {
        return Ok(());
    }
    let words = format!(
        "the events of `{}` are not those that its head stands for; check the store",
        head.log()
    );
    Err(StoreError::new(StoreErrorKind::Corrupt, words).into())
}

/// Writes the counters. A page is one snapshot, and so are the parts of a counter that lie in it; the last one
/// may go on behind the page, and is read again with the next.
async fn write_counters(
    store: &dyn Store,
    writer: &mut Writer<'_>,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<(), BackupError> {
    let mut lower = Bound::Unbounded;
    loop {
        let range = (lower, Bound::Unbounded);
        let mut page = store.scan(COUNTERS, range, PAGE_MAX).await?;
        let last = page.records.last();
        let last = last.map(|(key, _)| meter_of_part(key).to_vec());
        lower = match (page.next, last) {
            (Some(next), Some(last)) => {
                let whole = page
                    .records
                    .partition_point(|(key, _)| meter_of_part(key) != last);
                if whole == 0 {
                    Bound::Excluded(next)
                } else {
                    page.records.truncate(whole);
                    Bound::Included(last)
                }
            }
            (Some(next), None) => Bound::Excluded(next),
            (None, _) => Bound::Unbounded,
        };
        for (key, record) in &page.records {
            writer.put(COUNTERS, key, &record.bytes)?;
        }
        progress(writer.parts());
        if lower == Bound::Unbounded {
            return Ok(());
        }
    }
}

/// What others change meanwhile.
struct Feed<'a> {
    store: &'a dyn Store,
    after: Revision,
}

impl Feed<'_> {
    /// Writes what was changed since, until nothing follows, or so many pages of it.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else a store answers, there is no backup"
    )]
    async fn follow(&mut self, writer: &mut Writer<'_>, pages: usize) -> Result<(), BackupError> {
        for _ in 0..pages {
            let page = match self.store.changes(self.after, PAGE_RECORDS).await {
                Ok(page) => page,
                Err(error) => {
                    return Err(match error.kind() {
                        StoreErrorKind::Compacted => BackupError::TooFast,
                        _ => error.into(),
                    });
                }
            };
            for change in &page.changes {
                let space: Option<Space> = named(change.space.as_bytes());
                match (space, &change.record) {
                    (Some(space), Some(record)) => {
                        writer.put(space, &change.key, &record.bytes)?;
                    }
                    (Some(space), None) => writer.delete(space, &change.key)?,
                    // Not ours, or not for a backup.
                    (None, _) => {}
                }
            }
            self.after = page.revision;
            if page.complete {
                break;
            }
        }
        Ok(())
    }
}
