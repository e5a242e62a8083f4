//! A store that is not the one that it was.

use super::*;
use async_trait::async_trait;
use kavach::SystemClock;
use kavach::audit::{Query, SealedEvent};
use kavach::backup::{Reopening, backup, restore};
use kavach::core::LogId;
use kavach::store::{
    AuditCursor, AuditPage, Batch, ChangesPage, Committed, Health, Key, Migration, Revision,
    ScanPage, SchemaState, Snapshot, Space, StoreError,
};
use std::io::Cursor;
use std::ops::Bound;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

/// A store behind a name: what it stands for may be exchanged, as in a failover.
#[derive(Debug)]
pub(super) struct Named {
    behind: Mutex<Arc<dyn Store>>,
    /// The feed reaches back to this revision, and no further.
    forgets_before: AtomicU64,
    /// Somebody hints all the time, though nothing changes.
    is_noisy: AtomicBool,
}

impl Named {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            behind: Mutex::new(Arc::new(MemoryStore::new())),
            forgets_before: AtomicU64::new(0),
            is_noisy: AtomicBool::new(false),
        })
    }

    pub(super) fn hints_without_end(&self) {
        self.is_noisy.store(true, Ordering::SeqCst);
    }

    fn now(&self) -> Arc<dyn Store> {
        Arc::clone(&self.behind.lock().unwrap())
    }
}

#[async_trait]
impl Store for Named {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, StoreError> {
        self.now().read(keys).await
    }

    async fn scan(
        &self,
        space: Space,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        self.now().scan(space, range, limit).await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.now().commit(batch).await
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesPage, StoreError> {
        if after.number() < self.forgets_before.load(Ordering::SeqCst) {
            let words = "forgotten; take a snapshot";
            return Err(StoreError::new(StoreErrorKind::Compacted, words));
        }
        self.now().changes(after, limit).await
    }

    async fn audit_scan(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        self.now().audit_scan(query, after, limit).await
    }

    async fn log_scan(
        &self,
        log: LogId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedEvent>, StoreError> {
        self.now().log_scan(log, from, limit).await
    }

    async fn migrate(&self, migration: Migration) -> Result<SchemaState, StoreError> {
        self.now().migrate(migration).await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.now().health().await
    }

    async fn stirred(&self, known: Revision) {
        if !self.is_noisy.load(Ordering::SeqCst) {
            self.now().stirred(known).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lost_commits_is_refused_even_when_it_has_overtaken() {
    for further in [0, 1, 20] {
        let named = Named::new();
        let nodes = Nodes::on(Arc::clone(&named) as _);
        let (one, two, top, low) = nodes.pair().await;
        one.kavach.revoke_agent(&top).await.unwrap();
        two.kavach.refresh().await.unwrap();
        // A replica that never heard of the revocation, or of anything else, takes over and goes on.
        let replica: Arc<dyn Store> = Arc::new(MemoryStore::new());
        *named.behind.lock().unwrap() = Arc::clone(&replica);
        let other = Kavach::builder(named_alone(&replica)).open().await.unwrap();
        for number in 0..further {
            let name = format!("agent{number}");
            let new = new_agent("user:mallory", &name, &["read:app:*"]);
            other.create_agent(new).await.unwrap();
        }
        let error = two.kavach.refresh().await.unwrap_err();
        assert_eq!(
            *error.kind(),
            StoreErrorKind::UnknownRevision,
            "{further}: {error}"
        );
        for node in [&one, &two] {
            pass_ms(LEASE_MS).await;
            assert!(!node.ask(low).await.is_allowed());
            assert!(!node.ask(top).await.is_allowed());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_of_a_store_that_was_restored_in_its_place_allow_and_write_nothing() {
    let named = Named::new();
    let nodes = Nodes::on(Arc::clone(&named) as _);
    let (one, two, top, low) = nodes.pair().await;
    let mut file = Cursor::new(Vec::new());
    let (before, clock) = (named.now(), SystemClock::default());
    backup(&*before, &mut file, None, &clock, &mut |_| ())
        .await
        .unwrap();
    one.kavach.revoke_agent(&top).await.unwrap();
    two.kavach.refresh().await.unwrap();
    // Where they are, a restored store takes the place of theirs, and is open.
    let replica: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let restored = restore(&mut file, &*replica, None, &clock, &mut |_| ())
        .await
        .unwrap();
    let three = Kavach::builder(named_alone(&replica)).open().await.unwrap();
    let words = restored.restoration.acceptance();
    let reopening = Reopening::by(subject("user:alice")).accept_loss(words);
    three.reopen(reopening).await.unwrap();
    assert!(authorize(&three, low, "read app:x").await.is_allowed());
    three.close().await;
    let events = replica.health().await.unwrap().events;

    *named.behind.lock().unwrap() = Arc::clone(&replica);
    for node in [&one, &two] {
        for _ in 0..3 {
            pass_ms(LEASE_MS).await;
            for agent in [top, low] {
                assert!(!node.ask(agent).await.is_allowed());
            }
        }
        let new = new_agent("user:mallory", "later", &["read:app:*"]);
        node.kavach.create_agent(new).await.unwrap_err();
    }
    let health = replica.health().await.unwrap();
    assert_eq!(
        health.events, events,
        "they wrote to a store that is not theirs"
    );
}

fn named_alone(store: &Arc<dyn Store>) -> Named {
    Named {
        behind: Mutex::new(Arc::clone(store)),
        forgets_before: AtomicU64::new(0),
        is_noisy: AtomicBool::new(false),
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_opens_while_others_write_finds_everything() {
    for nth in 1.. {
        let nodes = Nodes::new();
        let (one, _two, top, _) = nodes.pair().await;
        let (gate, faults) = (Gate::new(), Faults::new());
        faults.inject(Call::Scan, When::Nth(nth), Fault::HeldBefore(gate.clone()));
        let store = FaultyStore::new(Arc::clone(&nodes.store), faults.clone());
        let opening = Kavach::builder(store)
            .clock(Arc::clone(&nodes.clock) as _)
            .shared(Sharing::default().lease_ms(LEASE_MS));
        let opening = tokio::spawn(opening.open());
        // Whichever page it stops before: what is made now cites what earlier pages had not.
        let is_held = tokio::select! {
            () = gate.arrived(1) => true,
            () = tokio::time::sleep(Duration::from_secs(3)) => false,
        };
        if is_held {
            let new = new_agent("user:zoe", "later", &["read:app:*"]);
            let later = one.kavach.create_agent(new).await.unwrap().id;
            let low = new_spawn("below", &["read:app:x"]);
            let below = one.kavach.spawn(&later, low).await.unwrap().id;
            let lower = new_spawn("lower", &["read:app:x"]);
            let lower = one.kavach.spawn(&below, lower).await.unwrap().id;
            one.kavach.revoke_agent(&top).await.unwrap();
            gate.open();
            let kavach = opening.await.unwrap().unwrap();
            let three = Node { kavach, faults };
            // What was made after it had read the graph, it hears of when it asks.
            three.kavach.refresh().await.unwrap();
            assert_eq!(three.decide(lower).await, "allow", "scan {nth}");
            assert_eq!(three.decide(top).await, "deny: agent_revoked", "scan {nth}");
            assert_eq!(three.kavach.agents().len(), 5, "scan {nth}");
            continue;
        }
        opening.await.unwrap().unwrap();
        assert!(nth > 6, "opening takes {nth} scans only");
        return;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_the_feed_left_behind_takes_a_snapshot() {
    let named = Named::new();
    let nodes = Nodes::on(Arc::clone(&named) as _);
    let (one, two, top, low) = nodes.pair().await;
    let action = "read".parse().unwrap();
    let resource = "app:x".parse().unwrap();
    let known = two
        .kavach
        .who_can(&action, &resource, &kavach::Context::default())
        .unwrap();
    assert_eq!(known.agents.len(), 2);
    two.cut_off();
    for number in 0..10 {
        let name = format!("agent{number}");
        let new = new_agent("user:alice", &name, &["read:app:*"]);
        one.kavach.create_agent(new).await.unwrap();
    }
    let last = one.kavach.revoke_agent(&top).await.unwrap().revision;
    named.forgets_before.store(last, Ordering::SeqCst);
    two.faults.clear();
    pass_ms(LEASE_MS).await;
    assert_eq!(two.decide(low).await, "deny: ancestor_revoked");
    assert_eq!(two.kavach.revision(), last);
    assert_eq!(two.kavach.agents().len(), 12);
    // Who asks the other way round is told of all of them too.
    let known = two
        .kavach
        .who_can(&action, &resource, &kavach::Context::default())
        .unwrap();
    assert!(known.complete);
    assert_eq!(known.agents.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_older_than_what_a_node_knows_is_refused() {
    let named = Named::new();
    let nodes = Nodes::on(Arc::clone(&named) as _);
    let (one, two, top, low) = nodes.pair().await;
    one.kavach.revoke_agent(&top).await.unwrap();
    two.kavach.refresh().await.unwrap();
    *named.behind.lock().unwrap() = Arc::new(MemoryStore::new());
    named.forgets_before.store(u64::MAX, Ordering::SeqCst);
    let error = two.kavach.refresh().await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::UnknownRevision, "{error}");
    assert!(!two.ask(low).await.is_allowed());
}
