//! What lies in a store: every space that there is, who its tenants are, and whether its trail is whole.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use kavach_audit::{Head, Query, SealedEvent};
use kavach_core::{LogId, TenantId};
use kavach_store::records::{AGENTS, DELEGATIONS, GRAPH_SPACES, OWNERS, decode};
use kavach_store::{AuditCursor, Record, Space, Store, StoreError, StoreErrorKind};

use crate::committer::LOG_HEADS;
use crate::tokens::{Book, QUIET_TOKEN_SPACES, TOKEN_SPACES};

#[cfg(test)]
pub(crate) mod tests;

/// Records or events that are read at a time.
const PAGE: usize = 1_000;
/// Bytes in the key of a record before the tenant ends, where it begins with one.
const TENANT_BYTES: usize = 16;

/// The spaces outside the graph that this version writes to, the heads of the logs last.
const QUIET: [Space; 14] = [
    Space::quiet("node"),
    Space::quiet("master_key_check"),
    TENANT_KEYS,
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
const TENANT_KEYS: Space = Space::quiet("tenant_key");

/// All spaces that this version writes to, the graph first.
#[must_use]
pub fn spaces() -> Vec<Space> {
    let tokens = TOKEN_SPACES.into_iter().chain(QUIET_TOKEN_SPACES);
    let graph = GRAPH_SPACES.into_iter().chain(tokens);
    graph.chain(QUIET).collect()
}

/// What lies in a store.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Census {
    /// The records of each space, by its name.
    pub records: BTreeMap<&'static str, u64>,
    /// The events in each log.
    pub logs: BTreeMap<LogId, u64>,
    /// Events that the store has, of tenants that nobody named and that have no records.
    pub unnamed: u64,
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
            }
            *counts.entry(space.name()).or_default() += page.len() as u64;
        }
    }
    Ok(counts)
}

/// Reads everything: each record must be one, and the events of each log must lead to its head (RFC 9162
/// section 2.1.1). `tenants` are looked at besides those that have records.
///
/// # Errors
/// `Corrupt` names the first thing that is not what it should be.
pub async fn check(store: &dyn Store, tenants: &[TenantId]) -> Result<Census, StoreError> {
    let mut census = Census {
        records: count(store).await?,
        ..Census::default()
    };
    let mut logs: BTreeMap<LogId, Head> = BTreeMap::new();
    let mut trail = Events::of(store, &with_records(store, tenants).await?, None);
    while let Some(sealed) = trail.next().await? {
        let event = &sealed.event;
        let head = logs
            .entry(event.log)
            .or_insert_with(|| Head::empty(event.log));
        if event.index != head.size() {
            // The events of tenants that nobody named are missing too.
            let words = format!(
                "event {} of `{}` is missing, or is of a tenant without records: name that tenant too",
                head.size(),
                event.log
            );
            return Err(corrupt(words));
        }
        head.push(&sealed.leaf_hash(), event.time_ns);
    }
    census.logs = logs.iter().map(|(log, head)| (*log, head.size())).collect();
    census.unnamed = store.health().await?.events.saturating_sub(census.events());
    check_heads(store, &logs, census.unnamed).await?;
    Ok(census)
}

/// Holds the heads in the store against what its events lead to.
async fn check_heads(
    store: &dyn Store,
    logs: &BTreeMap<LogId, Head>,
    unnamed: u64,
) -> Result<(), StoreError> {
    if unnamed > 0 {
        let words =
            format!("{unnamed} events are of tenants without records: name those tenants too");
        return Err(corrupt(words));
    }
    let mut recorded = BTreeMap::new();
    let mut heads = Records::of(store, LOG_HEADS);
    while let Some(page) = heads.next_page().await? {
        for (_, record) in page {
            let head = Head::decode(&record.bytes).map_err(|cause| {
                corrupt("the head of a log cannot be read".to_owned()).because(cause)
            })?;
            recorded.insert(head.log(), head);
        }
    }
    for (log, head) in logs {
        if recorded.get(log) != Some(head) {
            let words = format!("the events of `{log}` are not those that its head stands for");
            return Err(corrupt(words));
        }
    }
    let empty = recorded
        .iter()
        .find(|(log, head)| head.size() > 0 && !logs.contains_key(log));
    match empty {
        Some((log, _)) => Err(corrupt(format!("the events of `{log}` are gone"))),
        None => Ok(()),
    }
}

fn corrupt(words: String) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, words)
}

/// The tenants that have owners, agents, delegations or keys, and `tenants`.
pub(crate) async fn with_records(
    store: &dyn Store,
    tenants: &[TenantId],
) -> Result<Vec<TenantId>, StoreError> {
    let mut found: BTreeSet<u128> = tenants.iter().map(|tenant| tenant.as_u128()).collect();
    found.insert(TenantId::default().as_u128());
    for space in [OWNERS, AGENTS, DELEGATIONS, TENANT_KEYS] {
        let mut lower = Bound::Unbounded;
        // One record of each tenant is enough.
        while let Some((key, _)) = store
            .scan(space, (lower, Bound::Unbounded), 1)
            .await?
            .records
            .pop()
        {
            let Some(tenant) = key.first_chunk::<TENANT_BYTES>() else {
                break;
            };
            let tenant = u128::from_be_bytes(*tenant);
            found.insert(tenant);
            let Some(next) = tenant.checked_add(1) else {
                break;
            };
            lower = Bound::Included(next.to_be_bytes().to_vec());
        }
    }
    Ok(found.into_iter().map(TenantId::from_u128).collect())
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

/// Where an event stands in the order of all.
pub(crate) type Place = (u64, LogId, u64);

/// Where this event stands.
pub(crate) fn place(sealed: &SealedEvent) -> Place {
    (sealed.event.time_ns, sealed.event.log, sealed.event.index)
}

/// The events of several tenants in one order: that of time, log and index. So those of one log come in
/// the order in which they were written.
pub(crate) struct Events<'a> {
    store: &'a dyn Store,
    after: Option<Place>,
    lanes: Vec<Lane>,
}

/// The events of one tenant.
struct Lane {
    query: Query,
    cursor: Option<AuditCursor>,
    is_over: bool,
    waiting: VecDeque<SealedEvent>,
}

impl<'a> Events<'a> {
    /// Those of `tenants`, behind the one that stands at `after`.
    pub(crate) fn of(store: &'a dyn Store, tenants: &[TenantId], after: Option<Place>) -> Self {
        let lane = |tenant: &TenantId| Lane {
            query: Query {
                tenant: *tenant,
                since_ns: after.map(|(time_ns, ..)| time_ns),
                ..Query::default()
            },
            cursor: None,
            is_over: false,
            waiting: VecDeque::new(),
        };
        Self {
            store,
            after,
            lanes: tenants.iter().map(lane).collect(),
        }
    }

    /// The next event; `None` behind the last.
    pub(crate) async fn next(&mut self) -> Result<Option<SealedEvent>, StoreError> {
        for lane in &mut self.lanes {
            lane.fill(self.store, self.after).await?;
        }
        let first = self
            .lanes
            .iter_mut()
            .filter(|lane| !lane.waiting.is_empty())
            .min_by_key(|lane| lane.waiting.front().map(place));
        Ok(first.and_then(|lane| lane.waiting.pop_front()))
    }
}

impl Lane {
    async fn fill(&mut self, store: &dyn Store, after: Option<Place>) -> Result<(), StoreError> {
        while self.waiting.is_empty() && !self.is_over {
            let page = store
                .audit_scan(&self.query, self.cursor.as_ref(), PAGE)
                .await?;
            let events = page.events.into_iter();
            self.waiting = events.filter(|event| Some(place(event)) > after).collect();
            self.is_over = page.next.is_none();
            self.cursor = page.next;
        }
        Ok(())
    }
}
