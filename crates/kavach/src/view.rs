//! What a node knows: the graph in memory, and the revision that it reflects.

use std::fmt;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use kavach_core::{Graph, GraphError, Record, RecordKey, Stamp};
use kavach_store::records::{GRAPH_SPACES, decode, key_of};
use kavach_store::{Key, Revision, Store, StoreError, StoreErrorKind};

use crate::error::OpenError;
use crate::limits::PAGE_RECORDS;

/// The graph of a node. Decisions read it; only the committer moves it on.
pub(crate) struct View {
    state: RwLock<State>,
}

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
            state: RwLock::new(State {
                graph,
                revision: before,
                broken: false,
            }),
        };
        view.catch_up(store).await?;
        Ok(view)
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn revision(&self) -> Revision {
        self.read().revision
    }

    /// Moves the graph on to a revision that was just committed.
    pub(crate) fn advance(
        &self,
        revision: Revision,
        apply: impl FnOnce(&mut Graph) -> Result<(), GraphError>,
    ) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = apply(&mut state.graph) {
            tracing::error!(%error, "a committed change cannot be applied; denying from now on");
            state.broken = true;
        }
        state.revision = revision;
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
        let erased: Vec<&[u8]> = erased.map(|change| change.key.as_slice()).collect();
        self.advance(after, |graph| {
            erase(graph, &erased);
            records
                .into_iter()
                .try_for_each(|(record, stamp)| graph.apply(record, stamp))
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

/// Takes out the subjects whose records are gone. Only subjects are ever deleted, and their keys do not
/// tell their names, so each name that is known is looked at.
fn erase(graph: &mut Graph, keys: &[&[u8]]) {
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
