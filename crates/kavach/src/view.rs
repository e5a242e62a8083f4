//! What a node knows: the graph in memory, and the revision that it reflects.

use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};
use kavach_core::{
    Graph, GraphError, Holders, Loading, Reason, Record, RecordKey, Stamp, TenantId,
};
use kavach_store::records::{GRAPH_SPACES, GUARDRAILS, decode, key_of};
use kavach_store::{Change, Key, Revision, Space, Store, StoreError, StoreErrorKind};

use crate::backup::{self, RESTORED, Restoration};
use crate::error::OpenError;
use crate::limits::PAGE_RECORDS;
use crate::tokens::{Book, TOKEN_SPACES};
use crate::who::Directory;

/// The graph of a node. Decisions read it; only the committer moves it on.
///
/// Who reads takes one atomic load and keeps what it saw for as long as it likes; a change is made on a copy,
/// which shares all that does not change, and then takes its place.
pub(crate) struct View {
    state: ArcSwap<State>,
    directory: Directory,
    /// Whoever asks the store what changed, and takes it in.
    asking: tokio::sync::Mutex<()>,
    /// Whoever exchanges the state.
    moving: Mutex<()>,
}

#[derive(Clone)]
pub(crate) struct State {
    pub(crate) graph: Graph,
    /// What is known of tokens, at the same revision.
    pub(crate) tokens: Arc<Book>,
    pub(crate) revision: Revision,
    /// That the store was made from a backup, if it was.
    pub(crate) restored: Option<Arc<Restoration>>,
    /// Set if a committed change could not be applied: the graph is not the store's any more.
    pub(crate) broken: bool,
}

impl View {
    /// Reads the whole graph: every space page by page, then what changed meanwhile.
    pub(crate) async fn load(store: &dyn Store) -> Result<Self, OpenError> {
        let directory = Directory::default();
        let (graph, before) = read_graph(store, &directory).await?;
        let view = Self {
            state: ArcSwap::from_pointee(State {
                graph,
                tokens: Arc::new(load_tokens(store).await?),
                restored: load_restored(store).await?,
                revision: before,
                broken: false,
            }),
            directory,
            asking: tokio::sync::Mutex::default(),
            moving: Mutex::default(),
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
    /// INVARIANT (in order): where the node has its store for itself, only the committer calls this. Where it
    /// shares the store, only [`catch_up`](Self::catch_up) does, one at a time and with all changes in the
    /// order of the store. So no change is lost, and none is taken back.
    pub(crate) fn advance<'a>(
        &self,
        revision: Revision,
        records: impl Iterator<Item = &'a Record>,
        apply: impl FnOnce(&mut State) -> Result<(), NotApplied>,
    ) {
        self.directory.note(records);
        let _alone = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = State::clone(&self.read());
        if let Err(error) = apply(&mut state) {
            tracing::error!(%error, "a committed change cannot be applied; denying from now on");
            state.broken = true;
        }
        state.revision = revision;
        self.state.store(Arc::new(state));
    }

    /// Nothing is allowed by this view any more.
    pub(crate) fn break_off(&self) {
        let _alone = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = State::clone(&self.read());
        state.broken = true;
        self.state.store(Arc::new(state));
    }

    /// Applies what was committed since the revision that the graph reflects, and all of it if the feed does
    /// not reach back that far any more.
    ///
    /// # Errors
    /// If the store fails. If it is not the one that it was, nothing is allowed by this view any more.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else a store answers, nothing was taken in"
    )]
    pub(crate) async fn catch_up(&self, store: &dyn Store) -> Result<(), StoreError> {
        let _one_at_a_time = self.asking.lock().await;
        match self.follow(store).await {
            Err(error) => match error.kind() {
                StoreErrorKind::Compacted => self.reload(store).await,
                StoreErrorKind::UnknownRevision => {
                    tracing::error!(%error, "the store is not the one that it was; denying from now on");
                    self.break_off();
                    Err(error)
                }
                _ => Err(error),
            },
            Ok(()) => Ok(()),
        }
    }

    /// Reads the whole graph anew.
    async fn reload(&self, store: &dyn Store) -> Result<(), StoreError> {
        let words = "the records in the store contradict each other; restore a backup";
        let read = read_graph(store, &self.directory).await;
        let (graph, revision) = read.map_err(|unread| match unread {
            Unread::Store(error) => error,
            Unread::Graph(error) => StoreError::new(StoreErrorKind::Corrupt, words).because(error),
        })?;
        let tokens = Arc::new(load_tokens(store).await?);
        let restored = load_restored(store).await?;
        if revision.number() < self.revision().number() {
            self.break_off();
            let words = "the store went back to an earlier revision; find out which store it is";
            return Err(StoreError::new(StoreErrorKind::UnknownRevision, words));
        }
        {
            let _alone = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
            let broken = self.read().broken;
            self.state.store(Arc::new(State {
                graph,
                tokens,
                restored,
                revision,
                broken,
            }));
        }
        self.follow(store).await
    }

    /// Applies what was committed since the revision that the graph reflects.
    async fn follow(&self, store: &dyn Store) -> Result<(), StoreError> {
        let before = self.revision();
        let (pending, after) = changes_since(store, before).await?;
        if after == before {
            return Ok(());
        }
        let records = records_of(&pending)?;
        let erased = pending.iter().filter(|change| change.record.is_none());
        let erased = erased.map(|change| (change.space.as_str(), change.key.as_slice()));
        let erased: Vec<(&str, &[u8])> = erased.collect();
        let known = records.iter().map(|(record, _)| record);
        self.advance(after, known, |state| {
            erase(&mut state.graph, &erased);
            let mut known = records.iter().cloned();
            known.try_for_each(|(record, stamp)| state.graph.apply(record, stamp))?;
            for change in &pending {
                state.turn(&change.space, &change.key, change.record.as_ref())?;
            }
            Ok(())
        });
        if self.read().broken {
            let words = "the store's changes contradict the records; restore a backup";
            return Err(StoreError::new(StoreErrorKind::Corrupt, words));
        }
        Ok(())
    }
}

/// What was committed since, and the revision that this leads to.
async fn changes_since(
    store: &dyn Store,
    mut after: Revision,
) -> Result<(Vec<Change>, Revision), StoreError> {
    let mut changes = Vec::new();
    loop {
        let page = store.changes(after, PAGE_RECORDS).await?;
        changes.extend(page.changes);
        after = page.revision;
        if page.complete {
            return Ok((changes, after));
        }
    }
}

/// The records of the graph among what changed, as they are now, each after what it cites.
fn records_of(changes: &[Change]) -> Result<Vec<(Record, Stamp)>, StoreError> {
    let mut records = Vec::new();
    for change in changes {
        if let Some(record) = &change.record
            && let Some(known) = decode(&change.space, &record.bytes)?
        {
            records.push((known, Stamp(record.version.as_u64())));
        }
    }
    records.sort_by_key(|(record, _)| record.rank());
    Ok(records)
}

/// A committed change that does not fit what is in memory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotApplied {
    #[error("{0}")]
    Graph(#[from] GraphError),
    #[error("{0}")]
    Tokens(#[from] StoreError),
}

impl State {
    /// Why nothing is allowed by this state, whoever asks; `None` if something is.
    pub(crate) fn bars(&self) -> Option<Reason> {
        let closed = self.restored.as_ref()?.is_closed();
        closed.then_some(Reason::StoreRestored)
    }

    /// Follows a record beside the graph: of tokens, or that the store was restored. Others are passed over.
    pub(crate) fn turn(
        &mut self,
        space: &str,
        key: &[u8],
        record: Option<&kavach_store::Record>,
    ) -> Result<(), StoreError> {
        if TOKEN_SPACES.iter().any(|known| known.name() == space) {
            Arc::make_mut(&mut self.tokens).apply(space, key, record)?;
        }
        if space == RESTORED.name() {
            self.restored = backup::known(record)?.map(Arc::new);
        }
        Ok(())
    }
}

/// Reads whether the store was restored.
async fn load_restored(store: &dyn Store) -> Result<Option<Arc<Restoration>>, StoreError> {
    let found = backup::read(store).await?;
    Ok(found.map(|(restored, _)| Arc::new(restored)))
}

/// Whether a space is in the feed without being part of the graph.
pub(crate) fn is_beside_graph(space: Space) -> bool {
    TOKEN_SPACES.contains(&space) || space == RESTORED
}

/// Reads what is known of tokens.
async fn load_tokens(store: &dyn Store) -> Result<Book, StoreError> {
    let mut book = Book::default();
    for space in TOKEN_SPACES {
        let mut from = Bound::Unbounded;
        loop {
            let range = (from, Bound::Unbounded);
            let page = store.scan(space, range, PAGE_RECORDS).await?;
            for (key, record) in &page.records {
                book.apply(space.name(), key, Some(record))?;
            }
            match page.next {
                Some(next) => from = Bound::Excluded(next),
                None => break,
            }
        }
    }
    Ok(book)
}

impl fmt::Debug for View {
    /// Without the graph, which is long and full of people's names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("revision", &self.revision())
            .finish_non_exhaustive()
    }
}

/// Why a graph could not be read.
#[derive(Debug)]
enum Unread {
    Store(StoreError),
    Graph(GraphError),
}

impl From<StoreError> for Unread {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<GraphError> for Unread {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

impl From<Unread> for OpenError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Store(error) => Self::Store(error),
            Unread::Graph(error) => Self::Graph(error),
        }
    }
}

/// Reads the graph, every space page by page, and the revision that it reflects at least. Of what is read, no
/// more than a page lies beside the graph; spaces come in the order in which records cite each other.
async fn read_graph(store: &dyn Store, directory: &Directory) -> Result<(Graph, Revision), Unread> {
    let before = store.health().await?.revision;
    let mut loading = Loading::new();
    for space in GRAPH_SPACES {
        let mut from = Bound::Unbounded;
        loop {
            let page = store
                .scan(space, (from, Bound::Unbounded), PAGE_RECORDS)
                .await?;
            for (_, record) in page.records {
                if let Some(known) = decode(space.name(), &record.bytes)? {
                    directory.note(std::iter::once(&known));
                    loading.put(known, Stamp(record.version.as_u64()))?;
                }
            }
            match page.next {
                Some(next) => from = Bound::Excluded(next),
                None => break,
            }
        }
    }
    if loading.is_waiting() {
        // Each page is a snapshot of its own: what was made meanwhile may cite what earlier pages had not yet.
        let (changes, _) = changes_since(store, before).await?;
        for (known, stamp) in records_of(&changes)? {
            loading.put(known, stamp)?;
        }
    }
    Ok((loading.finish()?, before))
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
