//! Searching the trail.
//!
//! Rows lie in the order of their arrival, and are asked for in the order of their times. By the
//! invariant (lag) the two differ by little: an event that arrives later is at most `lag_ns` older than
//! the newest before it. So a page is one sweep over the rows, keeping the earliest that match, until
//! no later row can be earlier than those. Where times only ever grow, it stops one row behind the
//! last event of the page.

use std::collections::BTreeMap;

use kavach_store::kavach_audit::{Event, Query, SealedEvent};
use kavach_store::limits::page_size;
use kavach_store::{AuditCursor, AuditPage, StoreError, StoreErrorKind};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTableMetadata};

use crate::error::Failure;
use crate::limits::{BLOCK_EVENTS, EVENT_STEPS, SCAN_STEPS_MAX};
use crate::schema::{ROWS, State, TERMS};
use crate::trail::row::{Row, damaged};
use crate::trail::term::{self, Term};

/// What one page is asked for.
#[derive(Debug)]
pub(crate) struct Scan {
    query: Query,
    from: Position,
    size: usize,
    steps_max: usize,
}

/// Where an event stands in the order of all.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Position {
    time_ns: u64,
    log: u128,
    index: u64,
}

impl Position {
    fn of(event: &Event) -> Self {
        Self {
            time_ns: event.time_ns,
            log: event.log.as_u128(),
            index: event.index,
        }
    }

    /// Before every event of this time.
    fn start_of(time_ns: u64) -> Self {
        Self {
            time_ns,
            log: 0,
            index: 0,
        }
    }

    /// Behind this one. By `Batch::check`, an index is no greater than 2^63.
    fn after(self) -> Self {
        Self {
            index: self.index.saturating_add(1),
            ..self
        }
    }

    /// The cursor of a page that begins here, in the store with this id.
    fn cursor(self, store: u64) -> AuditCursor {
        let mut bytes = Vec::with_capacity(40);
        bytes.extend_from_slice(&store.to_be_bytes());
        bytes.extend_from_slice(&self.time_ns.to_be_bytes());
        bytes.extend_from_slice(&self.log.to_be_bytes());
        bytes.extend_from_slice(&self.index.to_be_bytes());
        AuditCursor::new(bytes)
    }

    fn parse(cursor: &AuditCursor, store: u64) -> Option<Self> {
        let rest = cursor.as_bytes().strip_prefix(&store.to_be_bytes())?;
        let (time_ns, rest) = rest.split_first_chunk()?;
        let (log, rest) = rest.split_first_chunk()?;
        Some(Self {
            time_ns: u64::from_be_bytes(*time_ns),
            log: u128::from_be_bytes(*log),
            index: u64::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

impl Scan {
    pub(crate) fn new(
        store: u64,
        query: &Query,
        after: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let size = page_size(limit)?;
        let since = Position::start_of(query.since_ns.unwrap_or(0));
        let from = match after {
            None => since,
            Some(cursor) => Position::parse(cursor, store)
                .ok_or_else(foreign_cursor)?
                .max(since),
        };
        Ok(Self {
            query: query.clone(),
            from,
            size,
            steps_max: SCAN_STEPS_MAX,
        })
    }

    /// The same, with a page that ends after fewer steps.
    #[cfg(test)]
    pub(super) fn with_steps(self, steps_max: usize) -> Self {
        Self { steps_max, ..self }
    }

    /// [`Store::audit_scan`](kavach_store::Store::audit_scan).
    pub(crate) fn run(
        &self,
        transaction: &ReadTransaction,
        store: u64,
    ) -> Result<AuditPage, Failure> {
        let lag_ns = State::read(transaction)?.lag_ns;
        let rows = Rows {
            table: transaction.open_table(ROWS)?,
            lag_ns,
        };
        let rows_len = rows.table.len()?;
        let start = rows.first_reaching(self.from.time_ns, rows_len)?;
        let end = match self.query.until_ns {
            // Whatever arrives behind a row so new is no older than `until_ns`.
            Some(until_ns) => {
                let last = rows.first_reaching(until_ns.saturating_add(lag_ns), rows_len)?;
                rows_len.min(last.saturating_add(1))
            }
            None => rows_len,
        };
        let mut candidates = Candidates {
            table: transaction.open_table(TERMS)?,
            wanted: term::of_query(&self.query),
            next: start,
            end,
            indexed: rows_len - rows_len % BLOCK_EVENTS,
            block: Vec::new(),
        };
        let mut page = Page {
            events: BTreeMap::new(),
            more: false,
        };
        let next = self.sweep(&rows, &mut candidates, &mut page)?;
        Ok(AuditPage {
            events: page.events.into_values().collect(),
            next: next.map(|position| position.cursor(store)),
        })
    }

    /// Fills the page, and says where the next one begins.
    fn sweep(
        &self,
        rows: &Rows,
        candidates: &mut Candidates,
        page: &mut Page,
    ) -> Result<Option<Position>, Failure> {
        let mut steps = 0;
        loop {
            match candidates.step()? {
                Step::Candidate(number) => {
                    let stored = rows.table.get(number)?.ok_or_else(|| damaged(number))?;
                    let row = Row::decode(number, stored.value())?;
                    steps += 1;
                    if self.may_match(&row, page, candidates) {
                        steps += EVENT_STEPS;
                        self.take(row.event(number)?, page);
                    }
                }
                Step::Skipped => steps += candidates.wanted.len(),
                Step::End => return Ok(page.last().filter(|_| page.more).map(Position::after)),
            }
            let is_full = page.events.len() >= self.size;
            if !is_full && steps < self.steps_max {
                continue;
            }
            let position = candidates.position();
            if position >= candidates.end {
                // Nothing is left; the next step says so.
                continue;
            }
            let floor = rows.floor(position)?;
            if let Some(last) = page.last().filter(|last| is_full && last.time_ns < floor) {
                return Ok(Some(last.after()));
            }
            if steps >= self.steps_max && floor > self.from.time_ns {
                page.events.retain(|position, _| position.time_ns < floor);
                return Ok(Some(Position::start_of(floor)));
            }
            // Either the page is full of events that share a time with what may follow, or nothing is
            // certain yet: go on, and look again after as many steps.
            if steps >= self.steps_max {
                steps = 0;
            }
        }
    }

    /// Whether the event is worth decoding.
    fn may_match(&self, row: &Row<'_>, page: &mut Page, candidates: &Candidates) -> bool {
        let in_time = row.time_ns >= self.from.time_ns
            && self.query.until_ns.is_none_or(|until| row.time_ns < until);
        if !in_time || !row.has_all(&candidates.wanted) {
            return false;
        }
        let last = page.last().filter(|_| page.events.len() >= self.size);
        if last.is_some_and(|last| row.time_ns > last.time_ns) {
            page.more = true;
            return false;
        }
        true
    }

    fn take(&self, event: SealedEvent, page: &mut Page) {
        let position = Position::of(&event.event);
        if position < self.from || !self.query.matches(&event.event) {
            return;
        }
        page.events.insert(position, event);
        if page.events.len() > self.size {
            page.events.pop_last();
            page.more = true;
        }
    }
}

fn foreign_cursor() -> StoreError {
    let message = "the cursor is not one that this store gave; start again without one";
    StoreError::new(StoreErrorKind::InvalidInput, message)
}

/// The earliest events that match, so far; at most as many as were asked for.
struct Page {
    events: BTreeMap<Position, SealedEvent>,
    /// Whether a later one was, or may have been, left out.
    more: bool,
}

impl Page {
    fn last(&self) -> Option<Position> {
        self.events.last_key_value().map(|(position, _)| *position)
    }
}

struct Rows {
    table: ReadOnlyTable<u64, &'static [u8]>,
    lag_ns: u64,
}

impl Rows {
    fn newest_ns(&self, number: u64) -> Result<u64, Failure> {
        let stored = self.table.get(number)?.ok_or_else(|| damaged(number))?;
        Ok(Row::decode(number, stored.value())?.newest_ns)
    }

    /// The first row among `len` where the newest time so far is at least `time_ns`; `len` if there is
    /// none. By the invariant (newest), all before it are older.
    fn first_reaching(&self, time_ns: u64, len: u64) -> Result<u64, Failure> {
        let (mut low, mut high) = (0, len);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.newest_ns(middle)? < time_ns {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// A time that neither row `number` nor any behind it is older than, by the invariant (lag).
    fn floor(&self, number: u64) -> Result<u64, Failure> {
        let stored = self.table.get(number)?.ok_or_else(|| damaged(number))?;
        let row = Row::decode(number, stored.value())?;
        Ok(row.time_ns.min(row.newest_ns.saturating_sub(self.lag_ns)))
    }
}

/// The rows that may match, in order: read from the index where there is one.
struct Candidates {
    table: ReadOnlyTable<(u64, u32), &'static [u8]>,
    wanted: Vec<Term>,
    /// The first row that is neither looked at nor in `block`.
    next: u64,
    end: u64,
    /// How many rows lie in complete blocks; by the invariant (blocks) they are indexed.
    indexed: u64,
    /// Those of the block before `next` that are still to be looked at, the last first.
    block: Vec<u64>,
}

enum Step {
    /// This row may match.
    Candidate(u64),
    /// None in this block does.
    Skipped,
    /// There are no more.
    End,
}

impl Candidates {
    /// The first row that was not looked at.
    fn position(&self) -> u64 {
        self.block.last().copied().unwrap_or(self.next)
    }

    fn step(&mut self) -> Result<Step, Failure> {
        if self.block.is_empty() && self.next < self.indexed && self.next < self.end {
            let block = self.next / BLOCK_EVENTS;
            let start = block * BLOCK_EVENTS;
            let wanted = self.next..self.end;
            let numbers = self
                .places(block)?
                .into_iter()
                .map(|place| start + u64::from(place));
            self.block = numbers
                .filter(|number| wanted.contains(number))
                .rev()
                .collect();
            self.next = start + BLOCK_EVENTS;
            if self.block.is_empty() {
                return Ok(Step::Skipped);
            }
        }
        if let Some(number) = self.block.pop() {
            return Ok(Step::Candidate(number));
        }
        if self.next < self.end {
            self.next += 1;
            return Ok(Step::Candidate(self.next - 1));
        }
        Ok(Step::End)
    }

    /// The places in `block` of the events that have all the terms, in order.
    fn places(&self, block: u64) -> Result<Vec<u16>, Failure> {
        let mut common: Option<Vec<[u8; 2]>> = None;
        for term in &self.wanted {
            let Some(stored) = self.table.get((block, term.as_u32()))? else {
                return Ok(Vec::new());
            };
            let (places, []) = stored.value().as_chunks() else {
                let message = format!("the index of block {block} is damaged; restore a backup");
                return Err(Failure::corrupt(message));
            };
            match &mut common {
                None => common = Some(places.to_vec()),
                // Big-endian numbers sort as their bytes do.
                Some(common) => common.retain(|place| places.binary_search(place).is_ok()),
            }
        }
        Ok(common
            .unwrap_or_default()
            .into_iter()
            .map(u16::from_be_bytes)
            .collect())
    }
}
