//! A complete backend in one file, for `docs/write-a-backend.md`: a journal on disk, and in memory what
//! it amounts to.
//!
//! Each commit is one line of the journal: the hash of the rest of the line, and the rest as JSON. A
//! line is written, then synced, and only then does the commit show and is it answered. Opening reads
//! the journal from the beginning; a last line that is not whole was never acknowledged, and is cut
//! off.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::hash::{BuildHasher, RandomState};
use std::ops::{Bound, RangeBounds};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kavach_store::kavach_audit::{Query, SealedEvent, leaf_hash};
use kavach_store::kavach_core::LogId;
use kavach_store::{
    AuditCursor, AuditPage, Batch, Change, ChangesPage, Committed, Health, Key, Migration, Record,
    Revision, ScanPage, SchemaState, Snapshot, Space, Store, StoreError, StoreErrorKind, Version,
    limits,
};
use serde::{Deserialize, Serialize};

use disk::Disk;

mod disk;
mod harness;

/// A store in one file.
pub(crate) struct FileStore {
    opened: Arc<Mutex<Opened>>,
}

struct Opened {
    disk: Disk,
    /// Whether a write failed. What the file holds is then unknown until it is read again.
    failed: bool,
    state: State,
}

/// What the journal amounts to.
#[derive(Default)]
struct State {
    records: BTreeMap<Place, Record>,
    newest_version: u64,
    /// Each commit that changed the graph, with the keys in order. It is never cut: the journal is not
    /// either.
    commits: Vec<(Revision, Vec<Place>)>,
    /// By time, log, index.
    events: BTreeMap<(u64, LogId, u64), SealedEvent>,
    /// The time of the event at each (log, index).
    times: BTreeMap<(LogId, u64), u64>,
}

/// The name of the space, and the key in it.
type Place = (String, Vec<u8>);

fn place(key: &Key) -> Place {
    (key.space().name().to_owned(), key.bytes().to_vec())
}

/// One commit, as it stands in the journal.
#[derive(Deserialize, Serialize)]
struct Line {
    version: u64,
    /// Number and tag, if it changed the graph.
    revision: Option<(u64, u64)>,
    changed: Vec<Place>,
    puts: Vec<(Place, Vec<u8>)>,
    deletes: Vec<Place>,
    events: Vec<Vec<u8>>,
}

impl FileStore {
    /// Opens what lies on `disk`, and creates it if nothing does.
    pub(crate) fn open(mut disk: Disk) -> Result<Self, StoreError> {
        let corrupt = |message: String| StoreError::new(StoreErrorKind::Corrupt, message);
        let mut state = State::default();
        let journal = disk.read()?;
        let mut rest = &journal[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end + 1);
            let Some(json) = check_line(line) else {
                // Only the last line may be torn, in whatever way the power cut left it.
                if !after.is_empty() {
                    let at = journal.len() - rest.len();
                    return Err(corrupt(format!(
                        "the journal is damaged at byte {at}; restore a backup"
                    )));
                }
                break;
            };
            let line = serde_json::from_slice(json).map_err(|error| corrupt(error.to_string()))?;
            state.apply(line)?;
            rest = after;
        }
        disk.cut(journal.len() - rest.len())?;
        let opened = Opened {
            disk,
            failed: false,
            state,
        };
        Ok(Self {
            opened: Arc::new(Mutex::new(opened)),
        })
    }

    /// Does something under the lock, on a thread that may wait for the disk. It goes on if the caller
    /// goes away: that makes every operation safe to drop.
    async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Opened) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let opened = self.opened.clone();
        let done = tokio::task::spawn_blocking(move || {
            operation(&mut opened.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await.unwrap_or_else(|error| {
            let message = "the operation was cut off; read before repeating it";
            Err(StoreError::new(StoreErrorKind::OutcomeUnknown, message).because(error))
        })
    }
}

/// The line without its hash and its end; `None` if the hash is not that of the rest.
fn check_line(line: &[u8]) -> Option<&[u8]> {
    let (hash, json) = line.strip_suffix(b"\n")?.split_at_checked(64)?;
    (hash == hex(json).as_bytes()).then_some(json)
}

fn hex(json: &[u8]) -> String {
    leaf_hash(json)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

impl Opened {
    fn commit(&mut self, batch: &Batch) -> Result<Committed, StoreError> {
        if self.failed {
            let message = "an earlier write failed; open the file again";
            return Err(StoreError::new(StoreErrorKind::Unavailable, message));
        }
        self.state.check(batch)?;
        let line = self.state.line(batch);
        let json = serde_json::to_string(&line).map_err(|error| {
            StoreError::new(StoreErrorKind::Unavailable, "the batch cannot be written")
                .because(error)
        })?;
        // A reader must not see what a power cut can still take back, so the state comes last.
        if let Err(error) = self
            .disk
            .append(&format!("{}{json}\n", hex(json.as_bytes())))
        {
            self.failed = true;
            let message = "the journal could not be written; open the file again, and read";
            return Err(StoreError::new(StoreErrorKind::OutcomeUnknown, message).because(error));
        }
        let version = Version::from_u64(line.version);
        self.state.apply(line)?;
        Ok(Committed {
            revision: self.state.revision(),
            version,
        })
    }
}

impl State {
    fn revision(&self) -> Revision {
        self.commits
            .last()
            .map_or(Revision::ZERO, |(revision, _)| *revision)
    }

    /// Whether the batch may be applied.
    fn check(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut failed = Vec::new();
        for (number, (key, expect)) in batch.expectations.iter().enumerate() {
            if !expect.holds(self.records.get(&place(key)).map(|record| record.version)) {
                failed.push(number);
            }
        }
        let taken = |SealedEvent { event, .. }: &SealedEvent| {
            self.times.contains_key(&(event.log, event.index))
        };
        if !failed.is_empty() || batch.events.iter().any(taken) {
            let message = "somebody else was faster; read again and decide anew";
            return Err(StoreError::new(StoreErrorKind::Conflict(failed), message));
        }
        Ok(())
    }

    /// The batch as a line, with the next version and revision.
    fn line(&self, batch: &Batch) -> Line {
        let changed: Vec<Place> = batch.graph_changes().into_iter().map(place).collect();
        let next = || {
            (
                self.revision().number() + 1,
                RandomState::new().hash_one(()),
            )
        };
        Line {
            version: self.newest_version + 1,
            revision: (!changed.is_empty()).then(next),
            changed,
            puts: batch
                .puts
                .iter()
                .map(|(key, bytes)| (place(key), bytes.clone()))
                .collect(),
            deletes: batch.deletes.iter().map(place).collect(),
            events: batch
                .events
                .iter()
                .map(|event| event.bytes.clone())
                .collect(),
        }
    }

    fn apply(&mut self, line: Line) -> Result<(), StoreError> {
        let version = Version::from_u64(line.version);
        self.newest_version = line.version;
        if let Some((number, tag)) = line.revision {
            self.commits
                .push((Revision::new(number, tag), line.changed));
        }
        for (place, bytes) in line.puts {
            self.records.insert(place, Record { bytes, version });
        }
        for place in line.deletes {
            self.records.remove(&place);
        }
        for bytes in line.events {
            let sealed = SealedEvent::decode(&bytes).map_err(|error| {
                let message = "an event in the journal is damaged; restore a backup";
                StoreError::new(StoreErrorKind::Corrupt, message).because(error)
            })?;
            let event = &sealed.event;
            self.times.insert((event.log, event.index), event.time_ns);
            self.events
                .insert((event.time_ns, event.log, event.index), sealed);
        }
        Ok(())
    }

    fn scan(&self, space: &str, range: &(Bound<Vec<u8>>, Bound<Vec<u8>>), size: usize) -> ScanPage {
        let mut found = self
            .records
            .range((space.to_owned(), Vec::new())..)
            .take_while(|((name, _), _)| name == space)
            .filter(|((_, key), _)| range.contains(key))
            .map(|((_, key), record)| (key.clone(), record.clone()));
        let records: Vec<_> = found.by_ref().take(size).collect();
        let last = records.last().map(|(key, _)| key.clone());
        let next = last.filter(|_| found.next().is_some());
        ScanPage {
            records,
            next,
            revision: self.revision(),
        }
    }

    fn changes(&self, after: Revision, size: usize) -> Result<ChangesPage, StoreError> {
        let known = |(revision, _): &(Revision, Vec<Place>)| *revision == after;
        let skipped = match after {
            Revision::ZERO => Some(0),
            _ => self.commits.iter().position(known).map(|place| place + 1),
        };
        let skipped = skipped.ok_or_else(|| {
            StoreError::new(
                StoreErrorKind::UnknownRevision,
                "the store never came to this revision; find out which store it is",
            )
        })?;
        let mut page = ChangesPage {
            changes: Vec::new(),
            revision: after,
            complete: true,
        };
        for (revision, places) in self.commits.iter().skip(skipped) {
            if !page.changes.is_empty() && page.changes.len() + places.len() > size {
                page.complete = false;
                break;
            }
            page.revision = *revision;
            page.changes.extend(places.iter().map(|place| Change {
                revision: *revision,
                space: place.0.clone(),
                key: place.1.clone(),
                record: self.records.get(place).cloned(),
            }));
        }
        Ok(page)
    }

    fn log(&self, log: LogId, from: u64, size: usize) -> Vec<SealedEvent> {
        let times = self.times.range((log, from)..=(log, u64::MAX)).take(size);
        let events =
            times.filter_map(|((log, index), time_ns)| self.events.get(&(*time_ns, *log, *index)));
        events.cloned().collect()
    }

    fn audit(&self, query: &Query, after: Option<(u64, LogId, u64)>, size: usize) -> AuditPage {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = self
            .events
            .range((after, Bound::Unbounded))
            .filter(|(_, sealed)| query.matches(&sealed.event));
        let page: Vec<_> = found.by_ref().take(size).collect();
        let next = page.last().filter(|_| found.next().is_some());
        let next = next.map(|((time_ns, log, index), _)| {
            AuditCursor::new(format!("{time_ns} {log} {index}").into_bytes())
        });
        AuditPage {
            events: page.into_iter().map(|(_, sealed)| sealed.clone()).collect(),
            next,
        }
    }
}

fn parse_cursor(cursor: &AuditCursor) -> Option<(u64, LogId, u64)> {
    let mut words = str::from_utf8(cursor.as_bytes()).ok()?.split(' ');
    let position = (
        words.next()?.parse().ok()?,
        words.next()?.parse().ok()?,
        words.next()?.parse().ok()?,
    );
    words.next().is_none().then_some(position)
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for FileStore {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, StoreError> {
        let places: Vec<Place> = keys.iter().map(place).collect();
        self.run(move |Opened { state, .. }| {
            let records = places
                .iter()
                .map(|place| state.records.get(place).cloned())
                .collect();
            Ok(Snapshot {
                records,
                revision: state.revision(),
            })
        })
        .await
    }

    async fn scan(
        &self,
        space: Space,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        let size = limits::page_size(limit)?;
        self.run(move |opened| Ok(opened.state.scan(space.name(), &range, size)))
            .await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        batch.check()?;
        self.run(move |opened| opened.commit(&batch)).await
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesPage, StoreError> {
        let size = limits::page_size(limit)?;
        self.run(move |opened| opened.state.changes(after, size))
            .await
    }

    async fn audit_scan(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let size = limits::page_size(limit)?;
        let foreign = || {
            let message = "the cursor is not one of this store; start without one";
            StoreError::new(StoreErrorKind::InvalidInput, message)
        };
        let after = after
            .map(|cursor| parse_cursor(cursor).ok_or_else(foreign))
            .transpose()?;
        let query = query.clone();
        self.run(move |opened| Ok(opened.state.audit(&query, after, size)))
            .await
    }

    async fn log_scan(
        &self,
        log: LogId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedEvent>, StoreError> {
        let size = limits::page_size(limit)?;
        self.run(move |opened| Ok(opened.state.log(log, from, size)))
            .await
    }

    async fn migrate(&self, _: Migration) -> Result<SchemaState, StoreError> {
        Ok(SchemaState {
            found: 1,
            wanted: 1,
        })
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.run(|Opened { state, .. }| {
            let (revision, events) = (state.revision(), state.events.len() as u64);
            Ok(Health {
                backend: "file".to_owned(),
                revision,
                events,
            })
        })
        .await
    }
}
