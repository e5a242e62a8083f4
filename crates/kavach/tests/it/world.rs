//! A node to test: on a store that fails when told to, with a clock that the test moves.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use kavach::audit::{Event, Head, Query, SealedEvent, leaf_hash};
use kavach::core::Record;
use kavach::store::records::{GRAPH_SPACES, decode};
use kavach::store::{Faults, FaultyStore, Space};
use kavach::{
    AgentId, Authorization, Caller, Created, Delegated, Kavach, Leaf, ManualClock, MasterKey,
    MemoryStore, Name, NewAgent, NewDelegation, Secret, Spawn, Spawned, Store, Subject, TenantId,
    Timestamp,
};
use kavach_store_redb::RedbStore;
use tempfile::TempDir;

use crate::tree::root;

/// When every test begins.
pub(crate) const NOW: &str = "2026-11-21T10:00:00Z";

/// Where the head of a node's log lies.
pub(crate) const LOG_HEADS: Space = Space::quiet("log_head");

/// A node on a store.
pub(crate) struct World {
    pub(crate) kavach: Kavach,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) faults: Faults,
    /// The store under the node, without its faults.
    pub(crate) store: Arc<dyn Store>,
    place: Place,
    master_key: Option<u8>,
}

enum Place {
    Memory(MemoryStore),
    File(TempDir),
}

/// Which store, and which master key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum On {
    Memory,
    Redb,
}

impl World {
    pub(crate) async fn on(on: On) -> Self {
        Self::with_master_key(on, None).await
    }

    pub(crate) async fn on_memory() -> Self {
        Self::on(On::Memory).await
    }

    /// With the master key of which every byte is this one.
    pub(crate) async fn with_master_key(on: On, master_key: Option<u8>) -> Self {
        let place = match on {
            On::Memory => Place::Memory(MemoryStore::new()),
            On::Redb => Place::File(tempfile::tempdir().unwrap()),
        };
        Self::open(place, Arc::new(ManualClock::new(time(NOW))), master_key).await
    }

    /// On a store that is there already.
    pub(crate) async fn over(
        store: MemoryStore,
        clock: Arc<ManualClock>,
        master_key: Option<u8>,
    ) -> Self {
        Self::open(Place::Memory(store), clock, master_key).await
    }

    async fn open(place: Place, clock: Arc<ManualClock>, master_key: Option<u8>) -> Self {
        let store: Arc<dyn Store> = match &place {
            Place::Memory(store) => Arc::new(store.clone()),
            Place::File(folder) => {
                Arc::new(RedbStore::open(folder.path().join("kavach.redb")).unwrap())
            }
        };
        let faults = Faults::new();
        let kavach = open_node(Arc::clone(&store), &faults, &clock, master_key).await;
        Self {
            kavach,
            clock,
            faults,
            store,
            place,
            master_key,
        }
    }

    /// Closes the node and opens it again.
    pub(crate) async fn reopen(self) -> Self {
        let master_key = self.master_key;
        self.reopen_with(master_key).await
    }

    /// Closes the node and opens it again with another master key.
    pub(crate) async fn reopen_with(self, master_key: Option<u8>) -> Self {
        let Self {
            kavach,
            clock,
            store,
            place,
            ..
        } = self;
        kavach.close().await;
        drop(store);
        Self::open(place, clock, master_key).await
    }

    /// The file that the store lies in.
    pub(crate) fn file(&self) -> PathBuf {
        match &self.place {
            Place::File(folder) => folder.path().join("kavach.redb"),
            Place::Memory(_) => panic!("a memory store has no file"),
        }
    }

    /// An agent of Alice's.
    pub(crate) async fn agent(&self, name: &str, permissions: &[&str]) -> Created {
        self.kavach
            .create_agent(new_agent("user:alice", name, permissions))
            .await
            .unwrap()
    }

    pub(crate) async fn spawn(&self, from: &AgentId, name: &str, permissions: &[&str]) -> Spawned {
        self.kavach
            .spawn(from, new_spawn(name, permissions))
            .await
            .unwrap()
    }

    pub(crate) async fn delegate(
        &self,
        from: &AgentId,
        to: &AgentId,
        permissions: &[&str],
    ) -> Delegated {
        self.kavach
            .delegate(from, to, new_delegation(permissions))
            .await
            .unwrap()
    }

    pub(crate) async fn authorize(&self, who: impl Into<Caller>, what: &str) -> Authorization {
        authorize(&self.kavach, who, what).await
    }

    /// The answer in short: `allow`, or `deny: reason`.
    pub(crate) async fn decide(&self, who: impl Into<Caller>, what: &str) -> String {
        short(&self.authorize(who, what).await)
    }

    /// Every event of the default tenant, in order.
    pub(crate) async fn events(&self) -> Vec<Event> {
        let sealed = found(&self.kavach, Query::default()).await;
        sealed.into_iter().map(|sealed| sealed.event).collect()
    }

    /// Looks whether the log is whole: no gap, no duplicate, and the head is the head of these events.
    /// Returns how many there are.
    pub(crate) async fn check_log(&self) -> u64 {
        check_log(&*self.store, &[TenantId::DEFAULT]).await
    }

    /// Looks whether the graph in memory is what the store says.
    pub(crate) async fn check_graph(&self) {
        let (agents, delegations) = stored(&*self.store, self.kavach.tenant()).await;
        assert_eq!(
            self.kavach.agents(),
            agents,
            "agents in memory, and in the store"
        );
        assert_eq!(
            self.kavach.delegations(),
            delegations,
            "delegations in memory, and in the store"
        );
        let revision = self.store.health().await.unwrap().revision;
        assert_eq!(self.kavach.revision(), revision.number());
    }
}

async fn open_node(
    store: Arc<dyn Store>,
    faults: &Faults,
    clock: &Arc<ManualClock>,
    master_key: Option<u8>,
) -> Kavach {
    let store = FaultyStore::new(store, faults.clone());
    let mut builder = Kavach::builder(store).clock(Arc::clone(clock) as _);
    if let Some(byte) = master_key {
        builder = builder.master_key(MasterKey::from_bytes([byte; 32]));
    }
    builder.open().await.unwrap()
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn subject(text: &str) -> Subject {
    text.parse().unwrap()
}

pub(crate) fn new_agent(owner: &str, name: &str, permissions: &[&str]) -> NewAgent {
    let new = NewAgent::new(subject(owner), name);
    permissions
        .iter()
        .fold(new, |new, text| new.allow(text).unwrap())
}

pub(crate) fn new_spawn(name: &str, permissions: &[&str]) -> Spawn {
    let new = Spawn::new(name);
    permissions
        .iter()
        .fold(new, |new, text| new.allow(text).unwrap())
}

pub(crate) fn new_delegation(permissions: &[&str]) -> NewDelegation {
    let new = NewDelegation::new();
    permissions
        .iter()
        .fold(new, |new, text| new.allow(text).unwrap())
}

/// `what` is an action and a resource: `read mcp:github:repos`.
pub(crate) async fn authorize(
    kavach: &Kavach,
    who: impl Into<Caller>,
    what: &str,
) -> Authorization {
    let (action, resource) = what.split_once(' ').unwrap();
    kavach.authorize(who, action, resource).await.unwrap()
}

pub(crate) fn short(answer: &Authorization) -> String {
    use kavach::Decision::{Allow, Deny, NeedsApproval};
    match answer.decision {
        Allow => "allow".to_owned(),
        NeedsApproval => "needs approval".to_owned(),
        Deny(reason) => format!("deny: {reason}"),
    }
}

/// The ways to say who is calling.
pub(crate) fn callers(
    id: AgentId,
    called: &str,
    credential: &Secret,
) -> [(&'static str, Caller); 3] {
    [
        ("id", Caller::from(id)),
        ("name", Caller::parse(called).unwrap()),
        ("credential", Caller::parse(credential.expose()).unwrap()),
    ]
}

/// All that `query` asks for.
pub(crate) async fn found(kavach: &Kavach, query: Query) -> Vec<SealedEvent> {
    let mut trail = kavach.audit(query);
    let mut found = Vec::new();
    while let Some(page) = trail.next_page().await.unwrap() {
        found.extend(page);
    }
    found
}

/// The agents and delegations of a tenant as they lie in a store, in order of id.
pub(crate) async fn stored(
    store: &dyn Store,
    tenant: TenantId,
) -> (Vec<kavach::Agent>, Vec<kavach::Delegation>) {
    let (mut agents, mut delegations) = (Vec::new(), Vec::new());
    for record in records(store).await {
        match record {
            Record::Agent(agent) if agent.tenant == tenant => agents.push(agent),
            Record::Delegation(delegation) if delegation.tenant == tenant => {
                delegations.push(delegation);
            }
            _ => {}
        }
    }
    agents.sort_by_key(|agent| agent.id);
    delegations.sort_by_key(|delegation| delegation.id);
    (agents, delegations)
}

/// Every record of the graph in a store.
pub(crate) async fn records(store: &dyn Store) -> Vec<Record> {
    let mut records = Vec::new();
    for space in GRAPH_SPACES {
        for (_, bytes) in scan(store, space).await {
            records.extend(decode(space.name(), &bytes).unwrap());
        }
    }
    records
}

/// Every record of a space, by its key.
pub(crate) async fn scan(store: &dyn Store, space: Space) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut from = Bound::Unbounded;
    loop {
        let page = store
            .scan(space, (from, Bound::Unbounded), 1000)
            .await
            .unwrap();
        found.extend(
            page.records
                .into_iter()
                .map(|(key, record)| (key, record.bytes)),
        );
        match page.next {
            Some(next) => from = Bound::Excluded(next),
            None => return found,
        }
    }
}

/// All events of these tenants, in the order of the log.
pub(crate) async fn sealed_events(store: &dyn Store, tenants: &[TenantId]) -> Vec<SealedEvent> {
    let mut events = Vec::new();
    for tenant in tenants {
        let query = Query {
            tenant: *tenant,
            ..Query::default()
        };
        let mut cursor = None;
        loop {
            let page = store
                .audit_scan(&query, cursor.as_ref(), 1000)
                .await
                .unwrap();
            events.extend(page.events);
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
    }
    events.sort_by_key(|sealed| sealed.event.index);
    events
}

/// The head of the one log in a store; `None` before the first event.
pub(crate) async fn head(store: &dyn Store) -> Option<Head> {
    let heads = scan(store, LOG_HEADS).await;
    assert!(heads.len() <= 1, "a node has one log");
    heads
        .values()
        .next()
        .map(|bytes| Head::decode(bytes).unwrap())
}

/// Looks whether the events of these tenants make up the whole log. Returns how many there are.
pub(crate) async fn check_log(store: &dyn Store, tenants: &[TenantId]) -> u64 {
    let events = sealed_events(store, tenants).await;
    let Some(head) = head(store).await else {
        assert!(events.is_empty(), "events without a head");
        return 0;
    };
    let mut last_ns = 0;
    for (place, sealed) in events.iter().enumerate() {
        assert_eq!(sealed.event.index, place as u64, "a gap or a duplicate");
        assert_eq!(sealed.event.log, head.log());
        assert!(sealed.event.time_ns >= last_ns, "time goes back");
        last_ns = sealed.event.time_ns;
        assert_eq!(&SealedEvent::decode(&sealed.bytes).unwrap(), sealed);
    }
    let leaves: Vec<[u8; 32]> = events
        .iter()
        .map(|sealed| leaf_hash(&sealed.bytes))
        .collect();
    assert_eq!(head.size(), leaves.len() as u64);
    if !leaves.is_empty() {
        assert_eq!(
            head.root(),
            root(&leaves),
            "the head is not the head of these events"
        );
    }
    assert_eq!(store.health().await.unwrap().events, head.size());
    head.size()
}

/// Polls once, with nobody to wake.
pub(crate) fn poll_once<T>(future: &mut Pin<Box<impl Future<Output = T> + ?Sized>>) -> Poll<T> {
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// What an agent may do, as text, line by line.
pub(crate) fn permissions(kavach: &Kavach, agent: &AgentId) -> Vec<String> {
    let lines = kavach.permissions_of(agent).unwrap();
    let lines = lines.iter().map(|line| {
        let leaf = match line.leaf {
            Leaf::Root(_) => "root",
            Leaf::Delegation(_) => "delegated",
        };
        let given: Vec<String> = line.permissions.iter().map(ToString::to_string).collect();
        match line.fault {
            Some(fault) => format!("{leaf}: {fault}"),
            None => format!("{leaf}: {}", given.join(" ")),
        }
    });
    lines.collect()
}

/// A test in two: on the memory store, and on redb.
macro_rules! on_each_store {
    ($($name:ident,)*) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::world::World::on($crate::world::On::Memory).await).await;
            })*
        }
        mod on_redb {
            $(#[tokio::test]
            async fn $name() {
                super::$name($crate::world::World::on($crate::world::On::Redb).await).await;
            })*
        }
    };
}
pub(crate) use on_each_store;
