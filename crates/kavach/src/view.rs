//! What a node knows: the graph in memory, and the revision that it reflects.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use kavach_core::{Graph, GraphError, Holders, Record, RecordKey, Stamp, TenantId};
use kavach_store::records::{GRAPH_SPACES, GUARDRAILS, decode, key_of};
use kavach_store::{Key, Revision, Store, StoreError, StoreErrorKind};

use crate::error::OpenError;
use crate::limits::PAGE_RECORDS;
use crate::who::Directory;

/// The graph of a node. Decisions read it; only the committer moves it on.
///
/// Who reads takes one atomic load and keeps what it saw for as long as it likes; a change is made on a copy,
/// which shares all that does not change, and then takes its place.
pub(crate) struct View {
    state: ArcSwap<State>,
    directory: Directory,
}

#[derive(Clone)]
pub(crate) struct State {
    pub(crate) graph: Graph,
    pub(crate) revision: Revision,
    /// Set if a committed change could not be applied: the graph is not the store's any more.
    pub(crate) broken: bool,
}

impl View {
    /// Reads the whole graph: every space page by page, then what changed meanwhile.
    pub(crate) async fn load(store: &dyn Store) -> Result<Self, OpenError> {
        let before = store.health().await?.revision;
        let mut records: Vec<(Record, Stamp)> = Vec::new();
        for space in GRAPH_SPACES {
            let mut from = Bound::Unbounded;
            loop {
                let page = store
                    .scan(space, (from, Bound::Unbounded), PAGE_RECORDS)
                    .await?;
                for (_, record) in page.records {
                    if let Some(known) = decode(space.name(), &record.bytes)? {
                        records.push((known, Stamp(record.version.as_u64())));
                    }
                }
                match page.next {
                    Some(next) => from = Bound::Excluded(next),
                    None => break,
                }
            }
        }
        // What is cited comes before what cites it.
        records.sort_by_key(|(record, _)| record.rank());
        let mut graph = Graph::new();
        for (record, stamp) in records {
            graph.apply(record, stamp)?;
        }
        let view = Self {
            state: ArcSwap::from_pointee(State {
                graph,
                revision: before,
                broken: false,
            }),
            directory: Directory::default(),
        };
        view.catch_up(store).await?;
        Ok(view)
    }

    /// Asks who holds what.
    pub(crate) fn who<T>(&self, answer: impl Fn(&Holders, &State) -> T) -> T {
        self.directory.ask(self, answer)
    }

    pub(crate) fn read(&self) -> Guard<Arc<State>> {
        self.state.load()
    }

    pub(crate) fn revision(&self) -> Revision {
        self.read().revision
    }

    /// Moves the graph on to a revision that was just committed.
    ///
    /// INVARIANT (one writer): only the committer calls this, and before it the one who opens the node, so
    /// that no change is lost between the copy and the exchange.
    pub(crate) fn advance<'a>(
        &self,
        revision: Revision,
        records: impl Iterator<Item = &'a Record>,
        apply: impl FnOnce(&mut Graph) -> Result<(), GraphError>,
    ) {
        self.directory.note(records);
        let mut state = State::clone(&self.read());
        if let Err(error) = apply(&mut state.graph) {
            tracing::error!(%error, "a committed change cannot be applied; denying from now on");
            state.broken = true;
        }
        state.revision = revision;
        self.state.store(Arc::new(state));
    }

    /// Applies what was committed since the revision that the graph reflects.
    pub(crate) async fn catch_up(&self, store: &dyn Store) -> Result<(), StoreError> {
        let mut after = self.revision();
        let mut pending: Vec<kavach_store::Change> = Vec::new();
        loop {
            let page = store.changes(after, PAGE_RECORDS).await?;
            pending.extend(page.changes);
            after = page.revision;
            if page.complete {
                break;
            }
        }
        let mut records = Vec::new();
        for change in &pending {
            if let Some(record) = &change.record
                && let Some(known) = decode(&change.space, &record.bytes)?
            {
                records.push((known, Stamp(record.version.as_u64())));
            }
        }
        records.sort_by_key(|(record, _)| record.rank());
        let erased = pending.iter().filter(|change| change.record.is_none());
        let erased = erased.map(|change| (change.space.as_str(), change.key.as_slice()));
        let erased: Vec<(&str, &[u8])> = erased.collect();
        let known = records.iter().map(|(record, _)| record);
        self.advance(after, known, |graph| {
            erase(graph, &erased);
            let mut known = records.iter().cloned();
            known.try_for_each(|(record, stamp)| graph.apply(record, stamp))
        });
        if self.read().broken {
            let words = "the store's changes contradict the records; restore a backup";
            return Err(StoreError::new(StoreErrorKind::Corrupt, words));
        }
        Ok(())
    }
}

impl fmt::Debug for View {
    /// Without the graph, which is long and full of people's names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("revision", &self.revision())
            .finish_non_exhaustive()
    }
}

/// The record under `key`; `None` if there is none.
pub(crate) async fn read_one(
    store: &dyn Store,
    key: &Key,
) -> Result<Option<kavach_store::Record>, StoreError> {
    let snapshot = store.read(std::slice::from_ref(key)).await?;
    Ok(snapshot.records.into_iter().flatten().next())
}

/// Takes out the guardrails and the subjects whose records are gone; nothing else is ever deleted. The key of
/// a subject does not tell its name, so each name that is known is looked at.
fn erase(graph: &mut Graph, erased: &[(&str, &[u8])]) {
    let (guardrails, keys): (Vec<_>, Vec<_>) = erased
        .iter()
        .partition(|(space, _)| *space == GUARDRAILS.name());
    let guardrails = guardrails.iter().filter_map(|(_, key)| guardrail_at(key));
    guardrails.for_each(|key| graph.erase(&key));
    let keys: Vec<&[u8]> = keys.iter().map(|(_, key)| *key).collect();
    if keys.is_empty() {
        return;
    }
    let names = graph
        .subjects()
        .map(|(tenant, subject)| RecordKey::Subject(tenant, subject.clone()));
    let gone: Vec<RecordKey> = names
        .filter(|key| keys.contains(&key_of(key).bytes()))
        .collect();
    gone.iter().for_each(|key| graph.erase(key));
}

/// The inverse of [`key_of`] for guardrails.
fn guardrail_at(key: &[u8]) -> Option<RecordKey> {
    let (tenant, name) = key.split_first_chunk()?;
    let name = std::str::from_utf8(name).ok()?.parse().ok()?;
    let tenant = TenantId::from_u128(u128::from_be_bytes(*tenant));
    Some(RecordKey::Guardrail(tenant, name))
}
