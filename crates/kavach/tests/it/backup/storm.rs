//! Backups while others write.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Mutex;

use async_trait::async_trait;
use kavach::audit::SealedEvent;
use kavach::backup::check;
use kavach::core::{LogId, Record};
use kavach::store::records::{GRAPH_SPACES, decode};
use kavach::store::{
    AuditCursor, AuditPage, Batch, ChangesPage, Committed, Health, Key, Migration, Revision,
    ScanPage, SchemaState, Snapshot, Space, SpaceKind, StoreError,
};
use kavach_store_redb::RedbStore;

use super::*;
use crate::world::scan;

type Written = Vec<(Key, Option<Vec<u8>>)>;

/// A store that remembers what each revision wrote to the graph.
#[derive(Debug)]
struct Remembering {
    behind: Arc<dyn Store>,
    commits: Mutex<BTreeMap<u64, Written>>,
}

impl Remembering {
    /// A space as it was at a revision.
    fn at(&self, revision: u64, space: Space) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut records = BTreeMap::new();
        for (_, written) in self.commits.lock().unwrap().range(..=revision) {
            for (key, bytes) in written.iter().filter(|(key, _)| key.space() == space) {
                match bytes {
                    Some(bytes) => records.insert(key.bytes().to_vec(), bytes.clone()),
                    None => records.remove(key.bytes()),
                };
            }
        }
        records
    }
}

#[async_trait]
impl Store for Remembering {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, StoreError> {
        self.behind.read(keys).await
    }

    async fn scan(
        &self,
        space: Space,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        // Small pages, and something happens between them, unless nobody writes.
        let commits = || self.commits.lock().unwrap().len();
        let before = commits();
        for _ in 0..1_000 {
            if commits() > before {
                break;
            }
            tokio::task::yield_now().await;
        }
        self.behind.scan(space, range, limit.min(7)).await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let graph = |key: &Key| key.space().kind() == SpaceKind::Graph;
        let puts = batch.puts.iter().filter(|(key, _)| graph(key));
        let mut written: Written = puts
            .map(|(key, bytes)| (key.clone(), Some(bytes.clone())))
            .collect();
        let deletes = batch.deletes.iter().filter(|key| graph(key));
        written.extend(deletes.map(|key| (key.clone(), None)));
        let committed = self.behind.commit(batch).await?;
        if !written.is_empty() {
            let number = committed.revision.number();
            self.commits.lock().unwrap().insert(number, written);
        }
        Ok(committed)
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesPage, StoreError> {
        self.behind.changes(after, limit).await
    }

    async fn audit_scan(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        self.behind.audit_scan(query, after, limit).await
    }

    async fn log_scan(
        &self,
        log: LogId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedEvent>, StoreError> {
        self.behind.log_scan(log, from, limit.min(50)).await
    }

    async fn migrate(&self, migration: Migration) -> Result<SchemaState, StoreError> {
        self.behind.migrate(migration).await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.behind.health().await
    }
}

/// Creates, revokes, suspends and narrows agents, and makes calls, until it is told to stop.
async fn write(kavach: Kavach, writer: usize, stop: Arc<std::sync::atomic::AtomicBool>) {
    for number in 0.. {
        if stop.load(std::sync::atomic::Ordering::SeqCst) {
            return;
        }
        let called = format!("agent-{writer}-{number}");
        let new = new_agent("user:alice", &called, &["read:mcp:github:*?rate=100/h"]);
        let agent = kavach.create_agent(new).await.unwrap().id;
        let answer = kavach
            .authorize(&agent, "read", "mcp:github:repos")
            .await
            .unwrap();
        assert!(answer.is_allowed());
        match number % 3 {
            0 => drop(kavach.revoke_agent(&agent).await.unwrap()),
            1 => drop(kavach.suspend_agent(&agent).await.unwrap()),
            _ => {}
        }
        let guardrail = kavach::NewGuardrail::new("flicker", "write:mcp:x:y").unwrap();
        if number % 2 == 0 {
            let _ = kavach.set_guardrail(&guardrail).await;
        } else {
            let _ = kavach.remove_guardrail(&guardrail.name).await;
        }
    }
}

async fn storm(behind: Arc<dyn Store>) {
    let remembering = Arc::new(Remembering {
        behind,
        commits: Mutex::default(),
    });
    let store: Arc<dyn Store> = Arc::clone(&remembering) as _;
    let open = Kavach::builder(Arc::clone(&store)).master_key(key());
    let kavach = open.open().await.unwrap();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|writer| tokio::spawn(write(kavach.clone(), writer, Arc::clone(&stop))))
        .collect();
    while store.health().await.unwrap().events < 100 {
        tokio::task::yield_now().await;
    }
    let clock = kavach::SystemClock::default();
    let mut backups = Vec::new();
    let first = store.health().await.unwrap().revision.number();
    for _ in 0..3 {
        let mut file = Vec::new();
        let done = backup(&store, &mut file, Some(&key()), &clock, &mut |_| ()).await;
        backups.push((done.unwrap(), file));
    }
    let during = backups[2].0.revision > first + 3;
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    for writer in writers {
        writer.await.unwrap();
    }
    kavach.close().await;
    assert!(during, "nothing was written meanwhile");
    for (done, file) in backups {
        let contents = check(file.as_slice(), Some(&key())).unwrap();
        assert_eq!(contents.events(), done.events);
        let to = MemoryStore::new();
        let mut file = Cursor::new(file);
        restore(&mut file, &to, Some(&key()), &clock, &mut |_| ())
            .await
            .unwrap();
        for space in GRAPH_SPACES {
            let oracle = remembering.at(done.revision, space);
            assert_eq!(scan(&to, space).await, oracle, "`{}`", space.name());
        }
        taken_is_taken(&to).await;
        // And a node opens it.
        let kavach = Kavach::builder(to).master_key(key()).open().await.unwrap();
        kavach.close().await;
    }
}

/// Whatever the trail says was revoked is revoked.
async fn taken_is_taken(store: &MemoryStore) {
    let mut revoked = BTreeMap::new();
    for (_, bytes) in scan(store, kavach::store::records::AGENTS).await {
        if let Some(Record::Agent(agent)) = decode("agent", &bytes).unwrap() {
            revoked.insert(agent.id, agent.status);
        }
    }
    let events = crate::world::sealed_events(store, &[TenantId::DEFAULT]).await;
    let mut found = 0;
    for event in events.iter().map(|sealed| &sealed.event) {
        if event.kind == EventKind::AgentRevoked {
            found += 1;
            let status = revoked[&event.agent.unwrap()];
            assert_eq!(status, kavach::AgentStatus::Revoked);
        }
    }
    assert!(found > 5, "{found} were revoked only");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_a_storm_is_one_state_of_the_graph_and_no_event_runs_ahead_of_it() {
    storm(Arc::new(MemoryStore::new())).await;
    let folder = tempfile::tempdir().unwrap();
    let redb = RedbStore::open(folder.path().join("kavach.redb")).unwrap();
    storm(Arc::new(redb)).await;
}
