//! What lies in a store: every space that there is, and whether its trail is whole.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Bound, Range};

use kavach_audit::{Head, SealedEvent};
use kavach_core::LogId;
use kavach_store::records::{GRAPH_SPACES, decode};
use kavach_store::{Record, Space, Store, StoreError, StoreErrorKind};

use crate::backup::{self, RESTORED};
use crate::committer::LOG_HEADS;
use crate::tokens::{Book, QUIET_TOKEN_SPACES, TOKEN_SPACES};

#[cfg(test)]
pub(crate) mod tests;

/// Records or events that are read at a time.
const PAGE: usize = 1_000;

/// The spaces outside the graph that this version writes to, the heads of the logs last.
const QUIET: [Space; 14] = [
    Space::quiet("node"),
    Space::quiet("master_key_check"),
    Space::quiet("tenant_key"),
    Space::quiet("person_key"),
    Space::quiet("private_field"),
    Space::quiet("counter"),
    Space::quiet("counter_pool"),
    Space::quiet("reservation"),
    Space::quiet("approval"),
    Space::quiet("approval_args"),
    Space::quiet("approval_notice"),
    Space::quiet("declared"),
    Space::quiet("trust"),
    LOG_HEADS,
];

/// All spaces that this version writes to, the graph first.
#[must_use]
pub fn spaces() -> Vec<Space> {
    let tokens = TOKEN_SPACES.into_iter().chain(QUIET_TOKEN_SPACES);
    let graph = GRAPH_SPACES.into_iter().chain(tokens);
    graph.chain([RESTORED]).chain(QUIET).collect()
}

/// What lies in a store.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Census {
    /// The records of each space, by its name.
    pub records: BTreeMap<&'static str, u64>,
    /// The events in each log.
    pub logs: BTreeMap<LogId, u64>,
}

impl Census {
    /// All events that were read.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.logs.values().sum()
    }
}

/// Counts the records of each space, by its name. Each of the graph, and of the keys beside it, must be one.
///
/// # Errors
/// `Corrupt` for a record that is none.
pub async fn count(store: &dyn Store) -> Result<BTreeMap<&'static str, u64>, StoreError> {
    let mut counts = BTreeMap::new();
    let mut book = Book::default();
    for space in spaces() {
        let mut records = Records::of(store, space);
        while let Some(page) = records.next_page().await? {
            for (key, record) in &page {
                decode(space.name(), &record.bytes)?;
                book.apply(space.name(), key, Some(record))?;
                if space == RESTORED {
                    backup::known(Some(record))?;
                }
            }
            *counts.entry(space.name()).or_default() += page.len() as u64;
        }
    }
    Ok(counts)
}

/// Reads everything: each record must be one, and the events of each log must lead to its head (RFC 9162
/// section 2.1.1). Nodes may go on writing meanwhile; what they write behind the heads is not looked at.
///
/// # Errors
/// `Corrupt` names the first thing that is not what it should be.
pub async fn check(store: &dyn Store) -> Result<Census, StoreError> {
    let mut census = Census {
        records: count(store).await?,
        ..Census::default()
    };
    let heads_before = heads(store).await?;
    for head in &heads_before {
        let mut found = Head::empty(head.log());
        let mut events = Events::of(store, [(head.log(), 0..head.size())]);
        while let Some(sealed) = events.next().await? {
            found.push(&sealed.leaf_hash(), sealed.event.time_ns);
        }
        let log = head.log();
        if found != *head {
            let words = format!("the events of `{log}` are not those that its head stands for");
            return Err(corrupt(words));
        }
        census.logs.insert(log, head.size());
    }
    let others = store.health().await?.events.saturating_sub(census.events());
    if others > 0 && heads(store).await? == heads_before {
        let words =
            format!("{others} events lie behind the head of their log, or their log has none");
        return Err(corrupt(words));
    }
    Ok(census)
}

/// How far each log has come, in the order of their ids.
///
/// # Errors
/// `Corrupt` for a head that cannot be read.
pub(crate) async fn heads(store: &dyn Store) -> Result<Vec<Head>, StoreError> {
    let mut heads = Vec::new();
    let mut records = Records::of(store, LOG_HEADS);
    while let Some(page) = records.next_page().await? {
        for (_, record) in page {
            let head = Head::decode(&record.bytes).map_err(|cause| {
                corrupt("the head of a log cannot be read".to_owned()).because(cause)
            })?;
            heads.push(head);
        }
    }
    Ok(heads)
}

fn corrupt(words: String) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, words)
}

/// The records of a space, page by page.
pub(crate) struct Records<'a> {
    store: &'a dyn Store,
    space: Space,
    lower: Option<Bound<Vec<u8>>>,
}

impl<'a> Records<'a> {
    pub(crate) fn of(store: &'a dyn Store, space: Space) -> Self {
        Self::after(store, space, None)
    }

    /// Those behind this key.
    pub(crate) fn after(store: &'a dyn Store, space: Space, key: Option<Vec<u8>>) -> Self {
        let lower = Some(key.map_or(Bound::Unbounded, Bound::Excluded));
        Self {
            store,
            space,
            lower,
        }
    }

    /// The next page; `None` behind the last.
    pub(crate) async fn next_page(&mut self) -> Result<Option<Vec<(Vec<u8>, Record)>>, StoreError> {
        let Some(lower) = self.lower.take() else {
            return Ok(None);
        };
        let page = self
            .store
            .scan(self.space, (lower, Bound::Unbounded), PAGE)
            .await?;
        self.lower = page.next.map(Bound::Excluded);
        Ok(Some(page.records))
    }
}

/// The events of several logs: those of each in their order, and otherwise the oldest first.
pub(crate) struct Events<'a> {
    store: &'a dyn Store,
    lanes: Vec<Lane>,
    /// How many are read of one log at a time.
    page: usize,
}

/// The events of one log.
struct Lane {
    log: LogId,
    left: Range<u64>,
    waiting: VecDeque<SealedEvent>,
}

impl<'a> Events<'a> {
    /// Those of each log whose indexes lie in its range. All of them must be there.
    pub(crate) fn of(
        store: &'a dyn Store,
        logs: impl IntoIterator<Item = (LogId, Range<u64>)>,
    ) -> Self {
        let lane = |(log, left)| Lane {
            log,
            left,
            waiting: VecDeque::new(),
        };
        let lanes: Vec<Lane> = logs.into_iter().map(lane).collect();
        let page = (PAGE / lanes.len().max(1)).max(1);
        Self { store, lanes, page }
    }

    /// The next event; `None` behind the last.
    ///
    /// # Errors
    /// `Corrupt` if one is missing.
    pub(crate) async fn next(&mut self) -> Result<Option<SealedEvent>, StoreError> {
        for lane in &mut self.lanes {
            lane.fill(self.store, self.page).await?;
        }
        let first = self
            .lanes
            .iter_mut()
            .filter(|lane| !lane.waiting.is_empty())
            .min_by_key(|lane| lane.waiting.front().map(|sealed| sealed.event.time_ns));
        Ok(first.and_then(|lane| lane.waiting.pop_front()))
    }
}

impl Lane {
    async fn fill(&mut self, store: &dyn Store, page: usize) -> Result<(), StoreError> {
        if !self.waiting.is_empty() || self.left.is_empty() {
            return Ok(());
        }
        let found = store.log_scan(self.log, self.left.start, page).await?;
        for sealed in found {
            if self.left.is_empty() || sealed.event.index != self.left.start {
                break;
            }
            self.left.start += 1;
            self.waiting.push_back(sealed);
        }
        if self.waiting.is_empty() {
            let (index, log) = (self.left.start, self.log);
            return Err(corrupt(format!("event {index} of `{log}` is missing")));
        }
        Ok(())
    }
}
