//! Nodes as processes on a real PostgreSQL: killed, paused, cut off; the database killed, slow, full.

use std::io::{BufRead, BufReader, Write};
use std::panic::AssertUnwindSafe;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kavach::{Clock, Kavach, Sharing, SystemClock};
use kavach_store_sqlx::{PostgresOptions, PostgresStore};
use tokio::time::sleep;

use crate::dice::{Dice, scale};
use crate::history::{History, Seen};
use crate::work::{LEASE_MS, Shift, Told, prepare};

pub(crate) mod database;

use database::Database;

/// Tells a process that it is a node, and on which database.
const NODE: &str = "KAVACH_TEST_NODE";
const SEED: &str = "KAVACH_TEST_NODE_SEED";
/// This test, as the harness calls it.
const TEST: &str = "processes::whatever_is_killed_paused_or_cut_off_no_node_says_yes_to_what_was_revoked_a_lease_ago";
const NODES: usize = 3;
/// Stories of the long run that are told at the same time: most of one is waiting.
const AT_ONCE: usize = 4;
/// For how long faults happen, and for how long everything is well after that.
const TROUBLED: Duration = Duration::from_secs(4);
const CALM: Duration = Duration::from_millis(1_500);

#[test]
fn whatever_is_killed_paused_or_cut_off_no_node_says_yes_to_what_was_revoked_a_lease_ago() {
    if let Ok(url) = std::env::var(NODE) {
        return runtime().block_on(live(&url));
    }
    let asked = std::env::var("KAVACH_SEED").ok();
    let seeds: Vec<u64> = match asked.as_ref().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (0..scale(10, 1_000) as u64).collect(),
    };
    let next = AtomicUsize::new(0);
    let told = std::thread::scope(|scope| {
        let workers =
            (0..scale(2, AT_ONCE).min(seeds.len())).map(|_| scope.spawn(|| tell(&seeds, &next)));
        let workers: Vec<_> = workers.collect();
        let told = workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap());
        told.collect::<Vec<_>>()
    });
    let mut seen = Seen::default();
    let mut failed = Vec::new();
    for (seed, told) in told {
        match told {
            Some(more) => seen.add(&more),
            None => failed.push(seed),
        }
    }
    println!("{} stories: {seen:?}", seeds.len() - failed.len());
    assert!(
        failed.is_empty(),
        "seeds {failed:?} failed; see one again with KAVACH_SEED"
    );
    if asked.is_none() {
        // Stories in which nothing happens prove nothing.
        seen.check();
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.unwrap()
}

/// Tells stories on a server of its own until none are left. Nothing is seen in one that failed.
fn tell(seeds: &[u64], next: &AtomicUsize) -> Vec<(u64, Option<Seen>)> {
    let (runtime, database) = (runtime(), Database::start());
    let mut told = Vec::new();
    while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::SeqCst)) {
        let story = || runtime.block_on(story(*seed, &database));
        let seen = std::panic::catch_unwind(AssertUnwindSafe(story)).ok();
        println!("seed {seed}: {seen:?}");
        told.push((*seed, seen));
    }
    told
}

async fn story(seed: u64, database: &Database) -> Seen {
    let mut dice = Dice::new(seed);
    let url = database.url(&format!("story_{seed}"));
    database.answers().await;
    let store = looked_at(&url);
    let history = Arc::new(History::new(Duration::from_millis(LEASE_MS)));
    let kavach = Kavach::open(store).await.unwrap();
    prepare(&kavach, &history).await;
    kavach.close().await;

    let nodes: Vec<Arc<Node>> = (0..NODES)
        .map(|number| Arc::new(Node::start(number, dice.roll(), &url, &history)))
        .collect();
    let started_ns = SystemClock::default().elapsed_ns();
    let gone = || Duration::from_nanos(SystemClock::default().elapsed_ns() - started_ns);
    while gone() < TROUBLED {
        sleep(Duration::from_millis(100 + dice.below(400) as u64)).await;
        history.fault();
        let node = Arc::clone(dice.pick(&nodes));
        match dice.below(10) {
            0..2 => node.kill_and_start(dice.roll(), &url, &history),
            2..5 => drop(tokio::spawn(async move { node.pause().await })),
            5 => database.cut_connections().await,
            6 => database.kill(),
            7 => database.be_slow(&format!("story_{seed}")).await,
            8 => database.be_full(&format!("story_{seed}")).await,
            _ => {}
        }
    }
    database.be_well(&format!("story_{seed}")).await;
    sleep(CALM).await;
    for node in nodes {
        node.end().await;
    }
    let store = looked_at(&url);
    let seen = history.check(&store).await;
    store.close().await;
    database.forget(&format!("story_{seed}")).await;
    seen
}

/// The store for whoever prepares and checks a story: who is in no hurry, however busy the machine is.
fn looked_at(url: &str) -> PostgresStore {
    let options = PostgresOptions::parse(url).unwrap();
    PostgresStore::open_with(options.with_patience(Duration::from_secs(120))).unwrap()
}

/// A process that is a node.
struct Node {
    number: usize,
    process: Mutex<Running>,
    /// Somebody stopped it, and will let it go on.
    paused: AtomicBool,
}

struct Running {
    child: Child,
    /// The process ends when this does.
    lifeline: Option<ChildStdin>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Node {
    fn start(number: usize, seed: u64, url: &str, history: &Arc<History>) -> Self {
        Self {
            number,
            process: Mutex::new(run(number, seed, url, history)),
            paused: AtomicBool::new(false),
        }
    }

    fn kill_and_start(&self, seed: u64, url: &str, history: &Arc<History>) {
        let mut process = self.process.lock().unwrap();
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        let reader = process.reader.take();
        reader.into_iter().for_each(|reader| reader.join().unwrap());
        *process = run(self.number, seed, url, history);
    }

    /// Stops it for twice as long as its lease lasts.
    async fn pause(&self) {
        if self.paused.swap(true, Ordering::SeqCst) {
            return;
        }
        self.signal("STOP");
        sleep(Duration::from_millis(2 * LEASE_MS)).await;
        self.signal("CONT");
        self.paused.store(false, Ordering::SeqCst);
    }

    fn signal(&self, signal: &str) {
        let id = self.process.lock().unwrap().child.id();
        let sent = Command::new("kill")
            .args([format!("-{signal}"), id.to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    async fn end(&self) {
        while self.paused.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(10)).await;
        }
        let mut process = self.process.lock().unwrap();
        drop(process.lifeline.take());
        assert!(process.child.wait().unwrap().success());
        let reader = process.reader.take();
        reader.into_iter().for_each(|reader| reader.join().unwrap());
    }
}

fn run(number: usize, seed: u64, url: &str, history: &Arc<History>) -> Running {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", TEST, "--nocapture", "--test-threads=1"])
        .env(NODE, url)
        .env(SEED, seed.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let history = Arc::clone(history);
    let reader = std::thread::spawn(move || {
        for line in lines {
            // The last line of a process that was killed may be half a line.
            let told = line.ok().and_then(|line| serde_json::from_str(&line).ok());
            if let Some(told) = told {
                history.hear(number, began(told));
            }
        }
    });
    Running {
        lifeline: child.stdin.take(),
        child,
        reader: Some(reader),
    }
}

/// A process that is stopped between the answer and the look at the clock would seem to answer late: what
/// counts is when the call began.
fn began(told: Told) -> Told {
    match told {
        Told::Answered {
            agent,
            asked_ns,
            at_least,
            reason,
            revision,
            audit_id,
            ..
        } => Told::Answered {
            agent,
            asked_ns,
            answered_ns: asked_ns,
            at_least,
            reason,
            revision,
            audit_id,
        },
        told @ (Told::Born { .. }
        | Told::Revoked { .. }
        | Told::RevokedEverywhere { .. }
        | Told::SaysYes { .. }) => told,
    }
}

/// What a process does that is a node: it works until its lifeline ends.
async fn live(url: &str) {
    let over = Arc::new(AtomicBool::new(false));
    let lifeline = Arc::clone(&over);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        lifeline.store(true, Ordering::SeqCst);
    });
    let seed = std::env::var(SEED).unwrap();
    let mut dice = Dice::new(seed.parse().unwrap());
    let is_over = move || over.load(Ordering::SeqCst);
    while !is_over() {
        let options = PostgresOptions::parse(url).unwrap();
        let options = options.with_patience(Duration::from_millis(LEASE_MS));
        let store = PostgresStore::open_with(options).unwrap();
        let sharing = Sharing::default().lease_ms(LEASE_MS).limits_lease_s(1);
        let Ok(kavach) = Kavach::builder(store).shared(sharing).open().await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let shift = Shift {
            kavach,
            clock: Arc::new(SystemClock::default()),
            tell: Arc::new(|told: Told| {
                let mut line = serde_json::to_string(&told).unwrap();
                line.push('\n');
                let mut out = std::io::stdout().lock();
                // Who tells nobody any more is about to be killed.
                let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
            }),
            is_over: Arc::new(is_over.clone()),
        };
        let kavach = shift.kavach.clone();
        shift.work(&mut dice).await;
        kavach.close().await;
    }
}
