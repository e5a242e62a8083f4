//! Several nodes on one PostgreSQL: how soon the others say no to what one revokes, with push and with polling,
//! and what push costs: `cargo bench -p kavach-benches --bench nodes`. Or only some of it: `-- push idle`,
//! `-- polling loaded`, `-- cost`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kavach::store::Migration;
use kavach::{AgentId, Kavach, NewAgent, Sharing, Store, Subject};
use kavach_benches::{Failed, drive, now};
use kavach_store_sqlx::{PostgresOptions, PostgresStore};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep};

#[expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "it is test code, and ends a measurement as it ends a test"
)]
#[path = "../../crates/kavach-store-sqlx/tests/it/postgres/server.rs"]
mod server;

/// Revocations in one measurement.
const REVOCATIONS: usize = 500;
/// For how long a node may say yes after one was answered.
const LEASE: Duration = Duration::from_millis(500);
/// Decisions a second while they are measured under load.
const LOAD: u64 = 2_000;
/// Decisions, and agents, in a measurement of what push costs.
const DECISIONS: usize = 20_000;
const AGENTS: usize = 4_000;

fn main() -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<(), Failed> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let all = ["push", "polling", "idle", "loaded", "cost"];
    let nothing = !asked.iter().any(|word| all.contains(&word.as_str()));
    let asked_for = |word: &str| nothing || asked.iter().any(|asked| asked == word);
    for push in [Push::On, Push::Off] {
        for load in [Load::None, Load::Decisions] {
            if asked_for(push.name()) && asked_for(load.name()) {
                revocations(push, load).await?;
            }
        }
    }
    if asked_for("cost") {
        // There and back, so that a machine that slows down does not favour one.
        for push in [Push::On, Push::Off, Push::Off, Push::On] {
            cost(push).await?;
        }
    }
    Ok(())
}

/// Whether nodes are told of changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Push {
    On,
    Off,
}

impl Push {
    fn name(self) -> &'static str {
        match self {
            Self::On => "push",
            Self::Off => "polling",
        }
    }
}

/// What else goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Load {
    None,
    Decisions,
}

impl Load {
    fn name(self) -> &'static str {
        match self {
            Self::None => "idle",
            Self::Decisions => "loaded",
        }
    }
}

/// So many nodes, each with connections of its own.
async fn nodes(push: Push, count: usize) -> Result<Vec<Kavach>, Failed> {
    let schema = server::schema();
    let mut nodes = Vec::new();
    for _ in 0..count {
        let url = server::url(server::Server::shared());
        let options = PostgresOptions::parse(&url)?.with_schema(&schema);
        let store = PostgresStore::open_with(match push {
            Push::On => options,
            Push::Off => options.without_push(),
        })?;
        store.migrate(Migration::Apply).await?;
        let opening = Kavach::builder(store).shared(Sharing::default());
        nodes.push(opening.open().await?);
    }
    Ok(nodes)
}

async fn create(node: &Kavach, count: usize) -> Result<Vec<AgentId>, Failed> {
    let made = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (node, kept) = (node.clone(), Arc::clone(&made));
    drive(count, 64, move |number| {
        let (node, made) = (node.clone(), Arc::clone(&made));
        async move {
            let new = NewAgent::new(Subject::user("alice")?, format!("agent-{number}"));
            let agent = node.create_agent(new.allow("read:mcp:github:*")?).await?;
            made.lock().map_err(|_| "poisoned")?.push(agent.id);
            Ok(())
        }
    })
    .await?;
    let made = kept.lock().map_err(|_| "poisoned")?;
    Ok(made.clone())
}

async fn allows(node: &Kavach, agent: AgentId) -> Result<bool, Failed> {
    let answer = node.authorize(&agent, "read", "mcp:github:issues").await?;
    Ok(answer.is_allowed())
}

/// Revokes one agent after the other at the first node, while two others decide about it in a loop. A fourth is
/// asked nothing: one that decides may hear of a change by its own commits.
async fn revocations(push: Push, load: Load) -> Result<(), Failed> {
    let nodes = nodes(push, 4).await?;
    let [first, idle, others @ ..] = nodes.as_slice() else {
        return Err("no nodes".into());
    };
    let mut agents = create(first, REVOCATIONS + 1).await?;
    let busy = agents.pop().ok_or("no agents")?;
    for node in &nodes {
        node.refresh().await?;
    }
    let background = (load == Load::Decisions).then(|| Background::start(others, busy));
    let (mut heard, mut taken_in) = (Series::default(), Series::default());
    let (mut everywhere, mut late) = (Series::default(), 0);
    for (number, agent) in agents.into_iter().enumerate() {
        // Somewhere between two polls: the odd number visits each millisecond of a hundred in turn.
        sleep(Duration::from_millis(number as u64 * 37 % 100)).await;
        let mut watches = Vec::new();
        for node in others {
            watches.push(Watch::start(node, agent).await?);
        }
        let asked = now();
        let revision = first.revoke_agent(&agent).await?.revision;
        let returned = now();
        let taking_in = tokio::spawn(take_in(idle.clone(), revision));
        first.wait_for_all(revision).await;
        everywhere.add(asked.elapsed());
        taken_in.add(taking_in.await?.saturating_duration_since(returned));
        for watch in watches {
            let seen = watch.end().await?;
            heard.add(seen.first_no.saturating_duration_since(returned));
            let last_yes = seen.last_yes.saturating_duration_since(returned);
            late += usize::from(last_yes > LEASE);
        }
    }
    let rate = match background {
        Some(background) => background.end().await?,
        None => 0.0,
    };
    println!(
        "\n## {}, {}: {REVOCATIONS} revocations, {rate:.0} decisions/s beside them\n",
        push.name(),
        load.name()
    );
    heard.print("revocation returned → first no at two nodes that decide");
    taken_in.print("revocation returned → taken in by a node that is asked nothing");
    everywhere.print("revoke + wait_for_all");
    println!("allows that were answered later than {LEASE:?} after it returned: {late}");
    for node in nodes {
        node.close().await;
    }
    Ok(())
}

/// When a node knows of this revision.
async fn take_in(node: Kavach, revision: u64) -> Instant {
    while node.revision() < revision {
        sleep(Duration::from_micros(200)).await;
    }
    now()
}

/// A caller that asks one node about one agent until the answer is no.
struct Watch(oneshot::Receiver<Result<Seen, Failed>>);

struct Seen {
    last_yes: Instant,
    first_no: Instant,
}

impl Watch {
    /// Begins, and waits for the first yes.
    async fn start(node: &Kavach, agent: AgentId) -> Result<Self, Failed> {
        let (node, (end, ended)) = (node.clone(), oneshot::channel());
        let (begin, mut began) = mpsc::channel(1);
        tokio::spawn(async move {
            let seen = async {
                let mut last_yes = now();
                while allows(&node, agent).await? {
                    last_yes = now();
                    let _ = begin.try_send(());
                }
                let first_no = now();
                Ok(Seen { last_yes, first_no })
            };
            let _ = end.send(seen.await);
        });
        began.recv().await.ok_or("the first answer was no")?;
        Ok(Self(ended))
    }

    async fn end(self) -> Result<Seen, Failed> {
        self.0.await?
    }
}

/// Decisions at these nodes, so many a second, whoever waits.
struct Background {
    is_over: Arc<AtomicBool>,
    made: Arc<AtomicU64>,
    started: Instant,
    task: tokio::task::JoinHandle<()>,
}

impl Background {
    fn start(nodes: &[Kavach], agent: AgentId) -> Self {
        let (is_over, made) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (over, counted, nodes) = (Arc::clone(&is_over), Arc::clone(&made), nodes.to_vec());
        let task = tokio::spawn(async move {
            let mut tick = interval(Duration::from_millis(5));
            tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut nodes = nodes.iter().cycle();
            while !over.load(Ordering::Relaxed) {
                tick.tick().await;
                for node in nodes.by_ref().take(LOAD as usize / 200) {
                    let (node, counted) = (node.clone(), Arc::clone(&counted));
                    tokio::spawn(async move {
                        if matches!(allows(&node, agent).await, Ok(true)) {
                            counted.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            }
        });
        Self {
            is_over,
            made,
            started: now(),
            task,
        }
    }

    /// How many a second were allowed.
    async fn end(self) -> Result<f64, Failed> {
        self.is_over.store(true, Ordering::Relaxed);
        self.task.await?;
        let seconds = self.started.elapsed().as_secs_f64();
        Ok(self.made.load(Ordering::Relaxed) as f64 / seconds)
    }
}

/// What 64 callers get from one node while another listens.
async fn cost(push: Push) -> Result<(), Failed> {
    let nodes = nodes(push, 2).await?;
    let [first, ..] = nodes.as_slice() else {
        return Err("no nodes".into());
    };
    let started = now();
    let agents = create(first, AGENTS).await?;
    let created = AGENTS as f64 / started.elapsed().as_secs_f64();
    let agent = agents.first().copied().ok_or("no agents")?;
    let node = first.clone();
    let decided = drive(DECISIONS, 64, move |_| {
        let node = node.clone();
        async move {
            let is_allowed = allows(&node, agent).await?;
            is_allowed.then_some(()).ok_or_else(|| "denied".into())
        }
    })
    .await?;
    println!(
        "{}: {:.0} decisions/s (p99 {:.1} ms), {created:.0} agents created/s, 64 in flight, another node beside it",
        push.name(),
        decided.per_second(),
        decided.quantile(0.99).as_secs_f64() * 1e3,
    );
    for node in nodes {
        node.close().await;
    }
    Ok(())
}

/// Times, and a picture of them.
#[derive(Default)]
struct Series(Vec<Duration>);

impl Series {
    fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    fn print(mut self, what: &str) {
        self.0.sort_unstable();
        let quantile = |share: f64| {
            let at = (self.0.len() as f64 * share) as usize;
            let at = at.min(self.0.len().saturating_sub(1));
            self.0.get(at).copied().unwrap_or_default().as_secs_f64() * 1e3
        };
        println!(
            "{what} ({}): p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
            self.0.len(),
            quantile(0.5),
            quantile(0.9),
            quantile(0.99),
            quantile(1.0)
        );
        let mut from = 0;
        for to in [2, 5, 10, 20, 50, 100, 150, 200, 500, u64::MAX] {
            let until = |ms| {
                self.0
                    .partition_point(|time| *time < Duration::from_millis(ms))
            };
            let count = until(to) - until(from);
            if count > 0 {
                let bar = "#".repeat((60 * count).div_ceil(self.0.len().max(1)));
                let end = if to == u64::MAX {
                    "…".to_owned()
                } else {
                    to.to_string()
                };
                println!("  {from:>4}–{end:<4} ms {count:>5} {bar}");
            }
            from = to;
        }
        println!();
    }
}
