//! A process that is killed: what is stored of its agents' trust, with the rest of the trail, is what the whole
//! trail says.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use kavach::store::{Batch, Key};
use kavach::{AgentId, Kavach, ManualClock, Store, TrustScore};
use kavach_store_redb::RedbStore;

use super::{READ, TRUST, WRITE};
use crate::dice::{Dice, scale};
use crate::world::{NOW, authorize, new_agent, new_spawn, scan, time};

/// Tells the process that it is the one that will be killed: the file of the store.
const VICTIM: &str = "KAVACH_TEST_TRUST_VICTIM";
const AGENTS: usize = 5;

async fn open(file: &Path) -> (Kavach, RedbStore) {
    let store = RedbStore::open(file).unwrap();
    let clock = Arc::new(ManualClock::new(time(NOW)));
    let opening = Kavach::builder(store.clone()).clock(clock);
    (opening.open().await.unwrap(), store)
}

#[test]
fn no_fact_is_lost_or_doubled_when_a_process_is_killed() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.unwrap();
    match std::env::var(VICTIM) {
        Ok(file) => runtime.block_on(live_until_killed(Path::new(&file))),
        Err(_) => runtime.block_on(kill_again_and_again()),
    }
}

/// Calls for ever, from many tasks, and says how often it was answered.
async fn live_until_killed(file: &Path) {
    let (kavach, _) = open(file).await;
    let agents: Vec<AgentId> = kavach.agents().iter().map(|agent| agent.id).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..64 {
        let kavach = kavach.clone();
        let agent = agents[task % agents.len()];
        tasks.spawn(async move {
            for call in 0.. {
                let what = if call % 3 == 0 { WRITE } else { READ };
                let _ = authorize(&kavach, agent, what).await;
                if task == 0 {
                    println!("ack");
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

async fn kill_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kavach.redb");
    let (kavach, _) = open(&file).await;
    let new = new_agent("user:alice", "top", &["read:app:x"]);
    let top = kavach.create_agent(new).await.unwrap().id;
    for number in 1..AGENTS {
        let new = new_spawn(&format!("a{number}"), &["read:app:x"]);
        kavach.spawn(&top, new).await.unwrap();
    }
    kavach.close().await;
    let mut dice = Dice::new(1);
    let mut stored = 0;
    for life in 0..scale(2, 40) {
        // Every other life lasts for so many events that what is recorded is stored: every 4,096.
        let enough = if life % 2 == 0 { 75 } else { 5 };
        kill_after(&file, enough + dice.below(30));
        let (kavach, store) = open(&file).await;
        let events = store.health().await.unwrap().events;
        stored += usize::from(!scan(&store, TRUST).await.is_empty());
        let found = scores(&kavach);
        kavach.close().await;
        drop(store);

        let copy = folder.path().join(format!("copy{life}.redb"));
        std::fs::copy(&file, &copy).unwrap();
        let (kavach, store) = open(&copy).await;
        kavach.close().await;
        forget(&store).await;
        drop(store);
        let (kavach, store) = open(&copy).await;
        assert_eq!(scores(&kavach), found, "life {life}, {events} events");
        kavach.close().await;
        drop(store);
        // Now both go on with the same calls, until both have stored each of their records: every byte.
        assert_eq!(
            records(&file).await,
            records(&copy).await,
            "life {life}, {events} events"
        );
    }
    assert!(stored > 0, "no life was long enough");
}

fn scores(kavach: &Kavach) -> Vec<TrustScore> {
    let agents = kavach.agents();
    assert_eq!(agents.len(), AGENTS);
    agents
        .iter()
        .map(|agent| kavach.trust(&agent.id).unwrap())
        .collect()
}

/// Takes out all that is stored for trust, so that only the trail has it.
async fn forget(store: &RedbStore) {
    let deletes = scan(store, TRUST)
        .await
        .into_keys()
        .map(|key| Key::new(TRUST, key));
    let batch = Batch {
        deletes: deletes.collect(),
        ..Batch::default()
    };
    store.commit(batch).await.unwrap();
}

/// What is stored for trust after some more calls of each agent.
async fn records(file: &Path) -> std::collections::BTreeMap<Vec<u8>, Vec<u8>> {
    let (kavach, store) = open(file).await;
    let mut calls = tokio::task::JoinSet::new();
    for agent in kavach.agents() {
        for _ in 0..60 {
            let kavach = kavach.clone();
            calls.spawn(async move { authorize(&kavach, agent.id, READ).await.is_allowed() });
        }
    }
    let answers = calls.join_all().await;
    assert!(answers.iter().all(|allowed| *allowed));
    kavach.close().await;
    let mut records = scan(&store, TRUST).await;
    // How an agent began is written once, and says how far it went then: a number of one or more bytes, after
    // that of the version.
    records.retain(|key, _| key.len() != 48);
    records
}

/// Lets a process live until one of its tasks was answered so often, and kills it.
fn kill_after(file: &Path, enough: usize) {
    let this = std::env::current_exe().unwrap();
    let test = "trust::crash::no_fact_is_lost_or_doubled_when_a_process_is_killed";
    let mut victim = Command::new(this)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(VICTIM, file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let answers = lines.filter(|line| line.as_ref().is_ok_and(|line| line.ends_with("ack")));
    assert_eq!(answers.take(enough).count(), enough, "it ended by itself");
    victim.kill().unwrap();
    victim.wait().unwrap();
}
