//! A process that is killed while it counts: the counters say what the trail says, and so never less than
//! what was acknowledged.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use kavach::audit::{Event, EventKind, Outcome, Query};
use kavach::{AgentId, EventId, Kavach, ManualClock};
use kavach_store_redb::RedbStore;

use super::{call, used};
use crate::dice::{Dice, scale};
use crate::world::{NOW, found, new_agent, new_spawn, time};

/// Tells the process that it is the one that will be killed: a seed, and the file of the store.
const VICTIM: &str = "KAVACH_TEST_COUNTING_VICTIM";
const TOP: &str = "use:tool:*?rate=100000/h&budget=150/day,1000000/total";
const LOW: &str = "use:tool:*?rate=100/h";

async fn open(file: &Path) -> Kavach {
    let clock = Arc::new(ManualClock::new(time(NOW)));
    let builder = Kavach::builder(RedbStore::open(file).unwrap());
    builder.clock(clock).open().await.unwrap()
}

#[test]
fn after_a_kill_the_counters_say_what_the_trail_says() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.unwrap();
    match std::env::var(VICTIM) {
        Ok(orders) => runtime.block_on(live_until_killed(&orders)),
        Err(_) => runtime.block_on(kill_again_and_again()),
    }
}

/// Calls and settles in eight tasks, and prints what was allowed, for ever.
async fn live_until_killed(orders: &str) {
    let (seed, file) = orders.split_once(' ').unwrap();
    let kavach = open(Path::new(file)).await;
    let agents = ["top", "low"].map(|name| kavach.find_agent(name).unwrap().id);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let (kavach, seed) = (kavach.clone(), seed.parse::<u64>().unwrap());
        tasks.spawn(async move {
            let mut dice = Dice::new(seed * 8 + task);
            loop {
                let cost = dice.below(3) as u64;
                let made = call(*dice.pick(&agents), "use tool:x", cost);
                let answer = kavach.authorize_call(made).await.unwrap();
                println!("ack {} {}", answer.is_allowed(), answer.audit_id.unwrap());
                if answer.is_allowed() && dice.once_in(2) {
                    let of = answer.audit_id.unwrap();
                    let cost = dice.below(4) as u64;
                    let settled = kavach.settle(of, cost).await.unwrap();
                    println!("ack settled {}", settled.audit_id);
                }
            }
        });
    }
    let () = tasks.join_next().await.unwrap().unwrap();
}

async fn kill_again_and_again() {
    for store in 0..scale(2, 40) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kavach.redb");
        let kavach = open(&file).await;
        let top = kavach.create_agent(new_agent("user:alice", "top", &[TOP]));
        let top = top.await.unwrap().id;
        let low = kavach
            .spawn(&top, new_spawn("low", &[LOW]))
            .await
            .unwrap()
            .id;
        kavach.close().await;
        for life in 0..4 {
            let acknowledged = kill_one(&file, store * 4 + life);
            let kavach = open(&file).await;
            check(&kavach, top, low, &acknowledged).await;
            kavach.close().await;
        }
    }
}

/// Lets a process live until it has acknowledged some number of things, and kills it.
fn kill_one(file: &Path, seed: usize) -> Vec<EventId> {
    let enough = 1 + Dice::new(seed as u64).below(120);
    let this = std::env::current_exe().unwrap();
    let test = "meters::crash::after_a_kill_the_counters_say_what_the_trail_says";
    let mut victim = Command::new(this)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(VICTIM, format!("{seed} {}", file.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard: Vec<EventId> = Vec::new();
    for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let id = line
            .strip_prefix("ack ")
            .and_then(|said| said.split(' ').nth(1));
        heard.extend(id.and_then(|id| id.parse::<EventId>().ok()));
        if heard.len() == enough {
            // Killed twice is dead.
            let _ = victim.kill();
        }
    }
    assert!(!victim.wait().unwrap().success());
    assert!(heard.len() >= enough, "the process ended by itself");
    heard
}

async fn check(kavach: &Kavach, top: AgentId, low: AgentId, acknowledged: &[EventId]) {
    let sealed = found(kavach, Query::default()).await;
    let events: Vec<Event> = sealed.into_iter().map(|sealed| sealed.event).collect();
    let known: HashSet<EventId> = events.iter().map(|event| event.id).collect();
    assert!(acknowledged.iter().all(|id| known.contains(id)));
    let of_kind = |kind| events.iter().filter(move |event| event.kind == kind);
    let settled: HashMap<String, u64> = of_kind(EventKind::Settled)
        .map(|event| match &event.detail["of"] {
            kavach::audit::Detail::Text(of) => (of.clone(), event.cost.unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        settled.len(),
        of_kind(EventKind::Settled).count(),
        "settled twice"
    );
    let allowed: Vec<&Event> = of_kind(EventKind::Authorize)
        .filter(|event| event.outcome == Outcome::Allow)
        .collect();
    let low_calls = allowed
        .iter()
        .filter(|event| event.agent == Some(low))
        .count();
    let costs = allowed.iter().map(|event| {
        let settled = settled.get(&event.id.to_string()).copied();
        settled.or(event.cost).unwrap()
    });
    let spent: u64 = costs.sum();
    let calls = allowed.len();
    let above = format!("{calls}/100000 {spent}/150 {spent}/1000000");
    assert_eq!(used(kavach, top), [above]);
    // What a child's grant inherits is counted there too, by what the child did.
    assert!(used(kavach, low)[1].contains(&format!("{low_calls}/100")));
    assert!(low_calls <= 100);
}
