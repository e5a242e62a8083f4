//! Keeps the book in step with the log, and stores it.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use kavach_audit::{Event, Head, Query};
use kavach_core::{AgentId, Fact, Facts, LogId, TenantId};
use kavach_store::{Batch, Expect, Key, Store, StoreError, StoreErrorKind, Version};

use super::fact::Noted;
use super::record::{
    Found, Part, Place, TRUST, decode, encode_days, encode_mark, encode_origin, mark_key,
};
use super::{Book, Page, day_of};
use crate::limits::{
    PAGE_EVENTS, PAGE_RECORDS, TRUST_DAYS_KEPT, TRUST_SHARED_EVERY_NS, TRUST_STORED_AT_CLOSE,
    TRUST_STORED_EVERY, TRUST_STORED_KEYS_MAX,
};
use crate::view::read_one;

const DAY_NS: u64 = 24 * 60 * 60 * 1_000_000_000;

/// The committer's side of the [`Book`].
///
/// INVARIANT (in step): the book holds what the events of `log` below `next` say, each once. The records hold at
/// least what those below `stored` say, and each record says how far it goes itself.
#[derive(Debug)]
pub(crate) struct Keeper {
    book: Arc<Book>,
    log: LogId,
    next: u64,
    /// The time of the event before `next`.
    time_ns: u64,
    stored: u64,
    /// The time of the last event when it was tried to store anything.
    stored_ns: u64,
    /// Where storing failed last: a store that fails is not asked again with every commit.
    tried: u64,
    /// The version of the record that says so; `None` if there is none.
    mark: Option<Version>,
    /// Records that go further than `stored`: what they hold already is not added again.
    ahead: HashMap<Place, u64>,
    /// Records whose facts have changed since they were written.
    changed: BTreeSet<Place>,
    /// Records whose facts are forgotten.
    forgotten: BTreeSet<Place>,
    /// The day for which what is too old was last looked for.
    swept: u32,
    /// The book may not be in step: read it anew before going on.
    in_doubt: bool,
    /// What records of other nodes' logs say, while all are read.
    others: HashMap<(TenantId, AgentId), Facts>,
}

impl Keeper {
    /// Reads what the store holds, and then the events of the log up to `head` that are not in it.
    ///
    /// # Errors
    /// If the store fails, or a record is damaged.
    pub(crate) async fn load(
        store: &dyn Store,
        head: &Head,
        tenants: &[TenantId],
        now_ns: u64,
        sharing: bool,
    ) -> Result<Self, StoreError> {
        let book = if sharing {
            Book::shared()
        } else {
            Book::default()
        };
        let mut keeper = Self::blank(Arc::new(book), head.log());
        keeper.read_records(store).await?;
        if keeper.mark.is_none() {
            // A log from before there were records: what is older than this counts no more.
            keeper.time_ns = now_ns.saturating_sub(u64::from(TRUST_DAYS_KEPT) * DAY_NS);
        }
        keeper.read_events(store, head, tenants).await?;
        Ok(keeper)
    }

    fn blank(book: Arc<Book>, log: LogId) -> Self {
        Self {
            book,
            log,
            next: 0,
            time_ns: 0,
            stored: 0,
            stored_ns: 0,
            tried: 0,
            mark: None,
            ahead: HashMap::new(),
            changed: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            swept: 0,
            in_doubt: false,
            others: HashMap::new(),
        }
    }

    /// The book, for those who ask.
    pub(crate) fn book(&self) -> Arc<Book> {
        Arc::clone(&self.book)
    }

    /// Adds events that have landed behind `before`, in their order.
    ///
    /// What is sealed may be later than what was handed in: by [`Head::append`], no event is earlier than the
    /// one before it.
    pub(crate) fn landed<'a>(&mut self, before: &Head, events: impl Iterator<Item = &'a Event>) {
        let mut time_ns = before.time_ns();
        let mut index = before.size();
        let mut noted = Vec::new();
        for event in events {
            time_ns = time_ns.max(event.time_ns);
            noted.extend(Noted::of(event, time_ns).map(|noted| (index, noted)));
            index += 1;
        }
        if before.size() != self.next {
            // Not ours to add: what lies between is unknown.
            self.in_doubt = true;
            return;
        }
        self.add(&noted);
        (self.next, self.time_ns) = (index, time_ns);
    }

    /// Comes back in step after a commit that may or may not have landed.
    ///
    /// # Errors
    /// If the store fails; the same call tries again.
    pub(crate) async fn catch_up(
        &mut self,
        store: &dyn Store,
        head: &Head,
        tenants: &[TenantId],
    ) -> Result<(), StoreError> {
        if self.in_doubt || head.size() < self.next {
            let sharing = self.book.asked.is_some();
            let anew = Self::load(store, head, tenants, self.time_ns, sharing).await?;
            let pages = std::mem::take(
                &mut *anew
                    .book
                    .pages
                    .write()
                    .unwrap_or_else(PoisonError::into_inner),
            );
            *self
                .book
                .pages
                .write()
                .unwrap_or_else(PoisonError::into_inner) = pages;
            let book = self.book();
            *self = Self { book, ..anew };
            return Ok(());
        }
        // Whoever adds some of the events and then fails must not add them again.
        self.in_doubt = true;
        self.read_events(store, head, tenants).await?;
        self.in_doubt = false;
        Ok(())
    }

    /// Stores what has changed, if that is much.
    pub(crate) async fn store_if_due(&mut self, store: &dyn Store) {
        let new = self.next.saturating_sub(self.stored.max(self.tried));
        let heard = self.book.asked.is_some()
            && new > 0
            && self.time_ns.saturating_sub(self.stored_ns) >= TRUST_SHARED_EVERY_NS;
        if heard || new >= TRUST_STORED_EVERY {
            self.store(store).await;
            self.stored_ns = self.time_ns;
        }
    }

    /// Stores what has changed before the node closes, so that the next opening has little to read.
    pub(crate) async fn close(&mut self, store: &dyn Store) {
        if self.next.saturating_sub(self.stored) >= TRUST_STORED_AT_CLOSE {
            self.store(store).await;
        }
    }

    /// Stores what a log says that nobody goes on with, all of it: nobody else will.
    ///
    /// # Errors
    /// If the store fails; the same again goes on.
    pub(crate) async fn settle(
        store: &dyn Store,
        head: &Head,
        tenants: &[TenantId],
        now_ns: u64,
    ) -> Result<(), StoreError> {
        if let Some(mark) = read_one(store, &mark_key(head.log())).await?
            && let Found::Mark { next, .. } = decode(mark_key(head.log()).bytes(), &mark.bytes)?
            && next >= head.size()
        {
            return Ok(());
        }
        let mut keeper = Self::load(store, head, tenants, now_ns, false).await?;
        while keeper.stored < keeper.next {
            let before = (keeper.changed.len(), keeper.forgotten.len());
            keeper.store(store).await;
            let after = (keeper.changed.len(), keeper.forgotten.len());
            if keeper.stored < keeper.next && after == before {
                let words = "what the trail says of agents could not be stored; try again";
                return Err(StoreError::new(StoreErrorKind::Unavailable, words));
            }
        }
        Ok(())
    }

    /// Stores what has changed, or as much of it as one batch should hold. What fails is tried again with the
    /// next events; until then the trail has it.
    async fn store(&mut self, store: &dyn Store) {
        if self.in_doubt {
            return;
        }
        let places: Vec<Place> = self
            .changed
            .iter()
            .copied()
            .take(TRUST_STORED_KEYS_MAX)
            .collect();
        let room = TRUST_STORED_KEYS_MAX - places.len();
        let forgotten: Vec<Place> = self.forgotten.iter().copied().take(room).collect();
        let all = places.len() == self.changed.len();
        let (next, time_ns) = (self.next, self.time_ns);
        let mark = mark_key(self.log);
        let mut puts = self.encoded(&places);
        if all {
            puts.push((mark.clone(), encode_mark(next, time_ns)));
        }
        let batch = Batch {
            expectations: vec![(mark, self.mark.map_or(Expect::Absent, Expect::Version))],
            puts,
            deletes: forgotten.iter().map(|place| place.key()).collect(),
            events: Vec::new(),
        };
        match store.commit(batch).await {
            Ok(committed) => {
                for place in places {
                    self.changed.remove(&place);
                }
                for place in forgotten {
                    self.forgotten.remove(&place);
                }
                if all {
                    self.mark = Some(committed.version);
                    self.stored = next;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "what is recorded for trust could not be stored; the trail has it");
                self.tried = next;
                // Nothing is lost. But what is in the store now may not be what we think.
                self.in_doubt = matches!(
                    error.kind(),
                    StoreErrorKind::OutcomeUnknown | StoreErrorKind::Conflict(_)
                );
            }
        }
    }

    /// Whether the book must be read anew before more is committed.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }
}

/// Reading.
impl Keeper {
    async fn read_records(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let mut from = Bound::Unbounded;
        loop {
            let page = store
                .scan(TRUST, (from, Bound::Unbounded), PAGE_RECORDS)
                .await?;
            for (key, record) in page.records {
                let found = decode(&key, &record.bytes)?;
                self.take_in(found, record.version);
            }
            match page.next {
                Some(next) => from = Bound::Excluded(next),
                None => break,
            }
        }
        let pages = self
            .book
            .pages
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for place in self.ahead.keys() {
            let page = pages.get(&(place.tenant, place.agent));
            let first = page.and_then(|page| first_part(&page.facts));
            if place.part != Part::Origin && first.is_none_or(|first| place.part < first) {
                self.forgotten.insert(*place);
            }
        }
        drop(pages);
        let mut pages = self
            .book
            .pages
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for (who, others) in self.others.drain() {
            pages.entry(who).or_default().hear(others);
        }
        drop(pages);
        let stored = self.stored;
        self.ahead.retain(|_, next| *next > stored);
        Ok(())
    }

    fn take_in(&mut self, found: Found, version: Version) {
        let mut pages = self
            .book
            .pages
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match found {
            Found::Mark { log, next, time_ns } if log == self.log => {
                self.mark = Some(version);
                (self.next, self.stored, self.time_ns) = (next, next, time_ns);
            }
            // Another log's, which this node does not write to.
            Found::Mark { .. } => {}
            Found::Origin { place, score, .. } if place.log != self.log => {
                let others = self.others.entry((place.tenant, place.agent)).or_default();
                others.lower_ceiling(score);
            }
            Found::Days { place, days, .. } if place.log != self.log => {
                let others = self.others.entry((place.tenant, place.agent)).or_default();
                for day in &days {
                    others.absorb(day);
                }
            }
            Found::Origin {
                place,
                next,
                score,
                day,
            } => {
                let page = pages.entry((place.tenant, place.agent)).or_default();
                page.facts.lower_ceiling(score);
                page.last_day = page.last_day.max(day);
                self.ahead.insert(place, next);
            }
            Found::Days { place, next, days } => {
                let page = pages.entry((place.tenant, place.agent)).or_default();
                for day in &days {
                    page.last_day = page.last_day.max(day.number);
                    page.facts.absorb(day);
                }
                self.ahead.insert(place, next);
            }
        }
    }

    /// Reads the events of the log from `next` up to `head`, tenant by tenant: in what order does not matter.
    async fn read_events(
        &mut self,
        store: &dyn Store,
        head: &Head,
        tenants: &[TenantId],
    ) -> Result<(), StoreError> {
        let missing = self.next..head.size();
        if missing.is_empty() {
            return Ok(());
        }
        for tenant in tenants {
            // No event of a log is earlier than the one before it.
            let query = Query {
                tenant: *tenant,
                since_ns: Some(self.time_ns),
                ..Query::default()
            };
            let mut cursor = None;
            loop {
                let page = store
                    .audit_scan(&query, cursor.as_ref(), PAGE_EVENTS)
                    .await?;
                let events = page.events.iter().map(|sealed| &sealed.event);
                let ours =
                    events.filter(|event| event.log == self.log && missing.contains(&event.index));
                let noted: Vec<(u64, Noted)> = ours
                    .filter_map(|event| Some((event.index, Noted::of(event, event.time_ns)?)))
                    .collect();
                self.add(&noted);
                match page.next {
                    Some(next) => cursor = Some(next),
                    None => break,
                }
            }
        }
        self.ahead.clear();
        (self.next, self.time_ns) = (head.size(), head.time_ns());
        Ok(())
    }
}

/// Adding.
impl Keeper {
    fn add(&mut self, noted: &[(u64, Noted)]) {
        let Some(newest) = noted.iter().map(|(_, noted)| noted.at).max() else {
            return;
        };
        let book = self.book();
        let mut pages = book.pages.write().unwrap_or_else(PoisonError::into_inner);
        for (index, noted) in noted {
            let place = |part| Place {
                tenant: noted.tenant,
                agent: noted.agent,
                log: self.log,
                part,
            };
            let day = day_of(noted.at);
            let part = match noted.fact {
                Fact::Spawned(_) => Part::Origin,
                Fact::Allowed(_) | Fact::Denied(_) | Fact::Refused => Part::with_day(day),
            };
            if self
                .ahead
                .get(&place(part))
                .is_some_and(|next| index < next)
            {
                continue;
            }
            let page = pages.entry((noted.tenant, noted.agent)).or_default();
            let oldest = first_part(&page.facts);
            page.note(noted.at, noted.fact);
            self.changed.insert(place(part));
            // Days that fell off the end, record by record.
            if let (Some(Part::Block(old)), Some(Part::Block(new))) =
                (oldest, first_part(&page.facts))
            {
                self.forgotten
                    .extend((old..new).map(|block| place(Part::Block(block))));
            }
        }
        let today = day_of(newest);
        if today > self.swept {
            self.swept = today;
            self.sweep(&mut pages, today);
        }
        let forgotten = &self.forgotten;
        self.changed.retain(|place| !forgotten.contains(place));
    }

    /// Forgets agents of which nothing counts any more.
    fn sweep(&mut self, pages: &mut HashMap<(TenantId, AgentId), Page>, today: u32) {
        pages.retain(|(tenant, agent), page| {
            if page.last_day.saturating_add(TRUST_DAYS_KEPT) > today {
                return true;
            }
            let blocks = page
                .facts
                .days()
                .iter()
                .map(|day| Part::with_day(day.number));
            let parts = blocks.chain([Part::Origin]);
            self.forgotten.extend(parts.map(|part| Place {
                tenant: *tenant,
                agent: *agent,
                log: self.log,
                part,
            }));
            false
        });
    }

    /// The records of these places, as they are now.
    fn encoded(&self, places: &[Place]) -> Vec<(Key, Vec<u8>)> {
        let pages = self
            .book
            .pages
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut puts = Vec::with_capacity(places.len() + 1);
        for place in places {
            let Some(page) = pages.get(&(place.tenant, place.agent)) else {
                continue;
            };
            let bytes = match place.part {
                Part::Origin => page
                    .facts
                    .ceiling()
                    .map(|score| encode_origin(self.next, score, page.last_day)),
                Part::Block(_) => {
                    let days = page.facts.days().iter();
                    let ours = days.filter(|day| Part::with_day(day.number) == place.part);
                    Some(encode_days(self.next, ours))
                }
            };
            puts.extend(bytes.map(|bytes| (place.key(), bytes)));
        }
        puts
    }
}

/// The record that the oldest day lies in.
fn first_part(facts: &Facts) -> Option<Part> {
    facts.days().first().map(|day| Part::with_day(day.number))
}

#[cfg(test)]
mod tests;
