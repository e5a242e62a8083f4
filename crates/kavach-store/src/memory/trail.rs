//! The audit events, in order.

use std::collections::BTreeMap;
use std::ops::Bound;

use kavach_audit::{Query, SealedEvent};
use kavach_core::LogId;

use crate::error::{StoreError, StoreErrorKind};
use crate::limits::MEMORY_EVENTS_PER_PAGE;
use crate::memory::is_inverted;
use crate::store::{AuditCursor, AuditPage};

#[derive(Default)]
pub(super) struct Trail {
    events: BTreeMap<Position, SealedEvent>,
    /// The time of each, by log and index.
    places: BTreeMap<(LogId, u64), u64>,
}

/// Where an event stands in the order of all.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Position {
    time_ns: u64,
    log: LogId,
    index: u64,
}

impl Position {
    fn of(SealedEvent { event, .. }: &SealedEvent) -> Self {
        Self {
            time_ns: event.time_ns,
            log: event.log,
            index: event.index,
        }
    }

    /// Before every event of this time.
    fn start_of(time_ns: u64) -> Self {
        Self {
            time_ns,
            log: LogId::from_u128(0),
            index: 0,
        }
    }

    fn cursor(self) -> AuditCursor {
        let mut bytes = Vec::with_capacity(32);
        bytes.extend(self.time_ns.to_be_bytes());
        bytes.extend(self.log.as_u128().to_be_bytes());
        bytes.extend(self.index.to_be_bytes());
        AuditCursor::new(bytes)
    }

    fn parse(cursor: &AuditCursor) -> Option<Self> {
        let (time_ns, rest) = cursor.as_bytes().split_first_chunk()?;
        let (log, rest) = rest.split_first_chunk()?;
        Some(Self {
            time_ns: u64::from_be_bytes(*time_ns),
            log: LogId::from_u128(u128::from_be_bytes(*log)),
            index: u64::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

impl Trail {
    pub(super) fn len(&self) -> u64 {
        self.events.len() as u64
    }

    /// Whether an event stands at the same place of the same log.
    pub(super) fn contains(&self, SealedEvent { event, .. }: &SealedEvent) -> bool {
        self.places.contains_key(&(event.log, event.index))
    }

    /// Adds events, none of which it contains.
    pub(super) fn append(&mut self, events: Vec<SealedEvent>) {
        for event in events {
            let SealedEvent { event: fields, .. } = &event;
            self.places
                .insert((fields.log, fields.index), fields.time_ns);
            self.events.insert(Position::of(&event), event);
        }
    }

    /// At most `size` events of the log, from this index on.
    pub(super) fn of_log(&self, log: LogId, from: u64, size: usize) -> Vec<SealedEvent> {
        let places = self.places.range((log, from)..=(log, u64::MAX)).take(size);
        let events = places.filter_map(|(&(log, index), &time_ns)| {
            self.events.get(&Position {
                time_ns,
                log,
                index,
            })
        });
        events.cloned().collect()
    }

    /// At most `size` events that match, after the cursor.
    pub(super) fn page(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        size: usize,
    ) -> Result<AuditPage, StoreError> {
        let since = query.since_ns.map(Position::start_of);
        let until = query.until_ns.map(Position::start_of);
        let after = after
            .map(|cursor| Position::parse(cursor).ok_or_else(foreign_cursor))
            .transpose()?;
        let lower = match (&since, &after) {
            (None, None) => Bound::Unbounded,
            (Some(since), Some(after)) if after < since => Bound::Included(since),
            (_, Some(after)) => Bound::Excluded(after),
            (Some(since), None) => Bound::Included(since),
        };
        let range = (
            lower,
            until.as_ref().map_or(Bound::Unbounded, Bound::Excluded),
        );
        let mut page = AuditPage {
            events: Vec::new(),
            next: None,
        };
        if is_inverted(&range) {
            return Ok(page);
        }
        let mut range = self.events.range::<Position, _>(range);
        for (position, event) in range.by_ref().take(MEMORY_EVENTS_PER_PAGE) {
            if query.matches(&event.event) {
                page.events.push(event.clone());
            }
            page.next = Some(position.cursor());
            if page.events.len() == size {
                break;
            }
        }
        if range.next().is_none() {
            page.next = None;
        }
        Ok(page)
    }
}

fn foreign_cursor() -> StoreError {
    let message = "the cursor is not one that this store gave; start again without one";
    StoreError::new(StoreErrorKind::InvalidInput, message)
}
