//! Exports of the trail: what happened since a backup, as far as somebody kept it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use kavach_audit::limits::EVENT_BYTES_MAX;
use kavach_audit::{Head, SealedEvent};
use kavach_core::LogId;
use kavach_store::Store;

use super::error::{Missing, ReopenError};
use super::restoration::Restoration;
use crate::census;
use crate::nodes;

/// Events of one log that are read from the store at a time, to hold an export against.
const PAGE: usize = 200;

/// What an export is read from.
trait File: Read + Seek + Send {}

impl<T: Read + Seek + Send> File for T {}

/// A part of the trail as `kavach audit export --format jsonl` writes it: one event a line, in the order of time,
/// log and index. It is read twice.
pub struct Export {
    name: String,
    file: Box<dyn File>,
}

impl Export {
    /// What `file` holds; messages call it `name`.
    pub fn new(name: impl Into<String>, file: impl Read + Seek + Send + 'static) -> Self {
        Self {
            name: name.into(),
            file: Box::new(file),
        }
    }
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Export").field(&self.name).finish()
    }
}

/// Where an event stands in the order of all.
type Place = (u64, LogId, u64);

/// One export, line by line.
struct Lines<'a> {
    name: &'a str,
    input: BufReader<&'a mut Box<dyn File>>,
    line: u64,
    next: Option<SealedEvent>,
    last: Option<Place>,
    /// The line that the file stops in.
    cut_at: Option<u64>,
}

/// An event, and where it was found.
pub(super) struct Told<'a> {
    pub(super) sealed: SealedEvent,
    name: &'a str,
    line: u64,
}

impl Told<'_> {
    fn other(&self, what: &str) -> ReopenError {
        ReopenError::OtherHistory {
            name: self.name.to_owned(),
            line: self.line,
            what: what.to_owned(),
        }
    }
}

/// Several exports as one, each event once.
pub(super) struct Merged<'a>(Vec<Lines<'a>>);

impl<'a> Merged<'a> {
    /// From the beginning of each.
    pub(super) fn of(exports: &'a mut [Export]) -> Result<Self, ReopenError> {
        let mut all = Vec::new();
        for Export { name, file } in exports {
            let name: &str = name;
            file.seek(SeekFrom::Start(0))
                .map_err(|source| input(name, source))?;
            let mut lines = Lines {
                name,
                input: BufReader::new(file),
                line: 0,
                next: None,
                last: None,
                cut_at: None,
            };
            lines.advance()?;
            all.push(lines);
        }
        Ok(Self(all))
    }

    /// The next event; `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Told<'a>>, ReopenError> {
        let waiting = self.0.iter().enumerate().filter_map(|(number, lines)| {
            let sealed = lines.next.as_ref()?;
            Some((place(sealed), number))
        });
        let Some((first, number)) = waiting.min() else {
            return Ok(None);
        };
        let Some(told) = self
            .0
            .get_mut(number)
            .map(Lines::take)
            .transpose()?
            .flatten()
        else {
            return Ok(None);
        };
        for lines in &mut self.0 {
            if lines.next.as_ref().map(place) == Some(first)
                && let Some(again) = lines.take()?
                && again.sealed.bytes != told.sealed.bytes
            {
                return Err(again.other("two exports tell another event at one place of a log"));
            }
        }
        Ok(Some(told))
    }

    /// The files that stop in the middle of a line.
    pub(super) fn cut(&self) -> impl Iterator<Item = Missing> + '_ {
        self.0.iter().filter_map(|lines| {
            let (name, line) = (lines.name.to_owned(), lines.cut_at?);
            Some(Missing::End { name, line })
        })
    }
}

impl<'a> Lines<'a> {
    /// Gives the event away that waits, and reads the next.
    fn take(&mut self) -> Result<Option<Told<'a>>, ReopenError> {
        let (name, line) = (self.name, self.line);
        let Some(sealed) = self.next.take() else {
            return Ok(None);
        };
        self.advance()?;
        Ok(Some(Told { sealed, name, line }))
    }

    fn advance(&mut self) -> Result<(), ReopenError> {
        let mut bytes = Vec::new();
        let mut limited = self.input.by_ref().take(EVENT_BYTES_MAX as u64 + 2);
        limited
            .read_until(b'\n', &mut bytes)
            .map_err(|source| input(self.name, source))?;
        if bytes.is_empty() {
            return Ok(());
        }
        self.line += 1;
        if bytes.pop() != Some(b'\n') {
            if bytes.len() > EVENT_BYTES_MAX {
                return Err(self.broken("the line is longer than any event"));
            }
            // Whoever wrote it was stopped. What stands there may be half an event, so it is none.
            self.cut_at = Some(self.line);
            return Ok(());
        }
        let sealed = SealedEvent::decode(&bytes);
        let sealed = sealed.map_err(|error| self.broken(&error.to_string()))?;
        if self.last >= Some(place(&sealed)) {
            return Err(self.broken("the event stands behind one that comes later, or is the same"));
        }
        self.last = Some(place(&sealed));
        self.next = Some(sealed);
        Ok(())
    }

    fn broken(&self, what: &str) -> ReopenError {
        ReopenError::NotAnExport {
            name: self.name.to_owned(),
            line: self.line,
            what: what.to_owned(),
        }
    }
}

fn place(sealed: &SealedEvent) -> Place {
    (sealed.event.time_ns, sealed.event.log, sealed.event.index)
}

fn input(name: &str, source: std::io::Error) -> ReopenError {
    let name = name.to_owned();
    ReopenError::Input { name, source }
}

/// How far the exports tell of each log.
pub(super) struct Reach<'a> {
    store: &'a dyn Store,
    /// The logs of the backup, and how many events of each are in it.
    sizes: &'a BTreeMap<LogId, u64>,
    /// Logs that began in this store: nothing is told of them that it has not.
    written: Vec<LogId>,
    logs: BTreeMap<LogId, Log>,
    pub(super) missing: Vec<Missing>,
}

/// One log.
struct Log {
    /// As it lies in the store.
    stored: Head,
    /// With what follows on without a hole.
    head: Head,
    /// The index of the event that comes next; `None` before the first that is told.
    next: Option<u64>,
    /// Events of the store that come next.
    page: VecDeque<SealedEvent>,
    whole: bool,
}

impl<'a> Reach<'a> {
    pub(super) async fn of(
        store: &'a dyn Store,
        restoration: &'a Restoration,
    ) -> Result<Self, ReopenError> {
        let mut written = nodes::logs_of_seats(store).await?;
        written.push(restoration.log);
        let logs = census::heads(store).await?.into_iter();
        let logs = logs.map(|head| (head.log(), Log::of(head)));
        Ok(Self {
            store,
            sizes: &restoration.sizes,
            written,
            logs: logs.collect(),
            missing: Vec::new(),
        })
    }

    /// Holds one event against the store, and against those before it. Whether it is new, and follows on.
    pub(super) async fn tell(&mut self, told: &Told<'_>) -> Result<Standing, ReopenError> {
        let event = &told.sealed.event;
        let (id, index) = (event.log, event.index);
        let is_known = self.logs.contains_key(&id);
        let log = self
            .logs
            .entry(id)
            .or_insert_with(|| Log::of(Head::empty(id)));
        // A log that began after the backup is told from its first event on.
        let expected = log.next.unwrap_or(if is_known {
            index.min(log.stored.size())
        } else {
            0
        });
        if index < expected {
            return Err(told.other("the event stands twice in its log"));
        }
        if index > expected {
            let (from, to) = (expected, Some(index));
            self.missing.push(Missing::Events { log: id, from, to });
            log.whole = false;
        }
        log.next = Some(index + 1);
        if index < log.stored.size() {
            let known = log.known(self.store, index).await?;
            if known.is_none_or(|known| known.bytes != told.sealed.bytes) {
                return Err(told.other("the store has another event at this place of the log"));
            }
            return Ok(Standing::Known);
        }
        if self.written.contains(&id) {
            return Err(told.other("the log is one that this store began since"));
        }
        if event.time_ns < log.head.time_ns() {
            return Err(told.other("the event is earlier than the one before it"));
        }
        if !log.whole {
            return Ok(Standing::BehindAHole);
        }
        log.head.push(&told.sealed.leaf_hash(), event.time_ns);
        Ok(Standing::Follows)
    }

    /// What is missing at the end: a log of the backup of which nothing is told, or not up to its last event.
    pub(super) fn end(&mut self) {
        for (id, size) in self.sizes {
            let next = self.logs.get(id).and_then(|log| log.next);
            if next.is_none_or(|next| next < *size) {
                let (log, from) = (*id, next.map_or(*size, |next| next.min(*size)));
                self.missing.push(Missing::Events {
                    log,
                    from,
                    to: None,
                });
            }
        }
    }

    /// How far these logs are told without a hole, or are stored.
    pub(super) fn heads_of(&self, logs: impl IntoIterator<Item = LogId>) -> Vec<Head> {
        let known = logs.into_iter().filter_map(|log| self.logs.get(&log));
        known.map(|log| log.head.clone()).collect()
    }

    /// How far each log is told without a hole.
    pub(super) fn heads(&self) -> impl Iterator<Item = &Head> {
        let told = self.logs.values().filter(|log| log.next.is_some());
        told.map(|log| &log.head)
    }
}

/// What an event of an export is to the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// It is there.
    Known,
    /// It is the next one of its log.
    Follows,
    /// It is new, and something before it is not told.
    BehindAHole,
}

impl Log {
    fn of(stored: Head) -> Self {
        Self {
            head: stored.clone(),
            stored,
            next: None,
            page: VecDeque::new(),
            whole: true,
        }
    }

    /// The event of the store at this index; they are asked for in order.
    async fn known(
        &mut self,
        store: &dyn Store,
        index: u64,
    ) -> Result<Option<SealedEvent>, ReopenError> {
        while self
            .page
            .front()
            .is_some_and(|known| known.event.index < index)
        {
            self.page.pop_front();
        }
        if self.page.is_empty() {
            let page = store.log_scan(self.stored.log(), index, PAGE).await?;
            self.page = page.into();
        }
        let next = self.page.pop_front();
        Ok(next.filter(|known| known.event.index == index))
    }
}
