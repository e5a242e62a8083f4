//! What the `Store` trait costs: the writes of audited decisions through it, and straight to the engine.
//!
//! ```text
//! cargo bench -p kavach-benches --bench store_spike -- redb postgres
//! ```
//!
//! Callers each have an event recorded, again and again. One committer merges what waits into one batch:
//! the events, the head of their log, and a budget's counter, the latter two compared and swapped.
//! Each line is the best of three runs on a new file in the folder for temporary files.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kavach_benches::{Failed, Latencies, cpu_time, drive, now};
use kavach_store::kavach_audit::{Event, EventKind, Head, Hop, Outcome, SealedEvent};
use kavach_store::kavach_core::{
    Action, AgentId, DelegationId, EventId, LogId, Reason, Resource, SubjectId, TenantId, Timestamp,
};
use kavach_store::{Batch, Expect, Key, Migration, Space, Store};
use kavach_store_redb::RedbStore;
use postgres::BarePostgres;
use redb::{Builder, ConcurrencyMode, Database, TableDefinition};
use tokio::sync::{mpsc, oneshot};

#[path = "store_spike/postgres.rs"]
mod postgres;
#[path = "stores/mod.rs"]
mod stores;

const RUNS: usize = 3;
/// How many callers, and how many events they have recorded in all.
const LOADS: [(usize, usize); 4] = [(1, 4_000), (16, 40_000), (64, 120_000), (256, 240_000)];
/// What a committer merges at most.
const GROUP_EVENTS_MAX: usize = 1_000;
/// Agents that act.
const AGENTS: u128 = 1_000;
const START_MS: u64 = 1_795_270_985_000;

fn main() -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let event = template()?.seal().bytes.len();
    let (folder, sync_us) = (std::env::temp_dir(), sync_us()?);
    println!(
        "an event of {event} bytes; in {}, where one fdatasync takes {sync_us} us",
        folder.display()
    );
    println!(
        "{:<28} {:>7} {:>9} {:>9} {:>9} {:>10} {:>12}",
        "", "callers", "events/s", "p50 ms", "p99 ms", "commits/s", "CPU us/event"
    );
    for (callers, events) in LOADS {
        for target in targets() {
            // PostgreSQL is the slower one, and takes fewer for the same time.
            let events = if target.is_postgres() {
                events / 4
            } else {
                events
            };
            let mut best: Option<Measured> = None;
            for _ in 0..RUNS {
                let measured = runtime.block_on(measure(target, callers, events))?;
                let is_best = best.as_ref().is_none_or(|best| {
                    measured.latencies.per_second() > best.latencies.per_second()
                });
                if is_best {
                    best = Some(measured);
                }
            }
            if let Some(best) = best {
                best.print(target, callers);
            }
        }
    }
    Ok(())
}

/// Those of the engines that the command line names, or of all.
fn targets() -> Vec<Target> {
    let mut targets = Vec::new();
    for name in stores::asked_for() {
        match name {
            "redb" => targets.extend([Target::Store, Target::Bare, Target::BareIndexed]),
            "postgres" => targets.extend([
                Target::PostgresStore,
                Target::BarePostgres(postgres::Indexes::None),
                Target::BarePostgres(postgres::Indexes::Same),
            ]),
            _ => {}
        }
    }
    targets
}

/// How long the disk takes to make 4 KiB durable, on average: what every line below stands on.
fn sync_us() -> Result<u128, Failed> {
    const SYNCS: u32 = 200;
    let mut file = tempfile::tempfile()?;
    let start = now();
    for _ in 0..SYNCS {
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
    }
    Ok((start.elapsed() / SYNCS).as_micros())
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// `RedbStore` through `dyn Store`: expectations, versions, every index.
    Store,
    /// The rows and the two records on redb, and nothing else.
    Bare,
    /// The same, and an index by agent and time in the same transaction.
    BareIndexed,
    /// `PostgresStore` through `dyn Store`.
    PostgresStore,
    /// Rows and records on PostgreSQL.
    BarePostgres(postgres::Indexes),
}

impl Target {
    fn is_postgres(self) -> bool {
        matches!(self, Self::PostgresStore | Self::BarePostgres(_))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Store => "Store trait on redb",
            Self::Bare => "redb, no index",
            Self::BareIndexed => "redb, (agent, time) index",
            Self::PostgresStore => "Store trait on PostgreSQL",
            Self::BarePostgres(postgres::Indexes::None) => "PostgreSQL, no index",
            Self::BarePostgres(postgres::Indexes::Same) => "PostgreSQL, the same indexes",
        }
    }
}

#[derive(Debug)]
struct Measured {
    latencies: Latencies,
    commits: u64,
    cpu_us: u128,
}

impl Measured {
    fn print(&self, target: Target, callers: usize) {
        let latencies = &self.latencies;
        let events = latencies.per_second() * latencies.wall.as_secs_f64();
        println!(
            "{:<28} {callers:>7} {:>9.0} {:>9.2} {:>9.2} {:>10.0} {:>12.1}",
            target.name(),
            latencies.per_second(),
            latencies.quantile(0.5).as_secs_f64() * 1e3,
            latencies.quantile(0.99).as_secs_f64() * 1e3,
            self.commits as f64 / latencies.wall.as_secs_f64(),
            self.cpu_us as f64 / events,
        );
    }
}

/// One request to the committer.
type Request = (Event, oneshot::Sender<()>);

async fn measure(target: Target, callers: usize, events: usize) -> Result<Measured, Failed> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("spike.redb");
    let sink = match target {
        Target::Store => {
            let store = Arc::new(RedbStore::open(&path)?);
            Sink::Store(Box::new(StoreSink::of(store).await?))
        }
        Target::PostgresStore => {
            let store = stores::open("postgres", folder.path()).await?;
            Sink::Store(Box::new(StoreSink::of(store).await?))
        }
        Target::BarePostgres(indexes) => {
            Sink::Postgres(Box::new(BarePostgres::open(indexes).await?))
        }
        Target::Bare => Sink::Bare(Bare::open(&path, false)?),
        Target::BareIndexed => Sink::Bare(Bare::open(&path, true)?),
    };
    let commits = Arc::new(AtomicU64::new(0));
    let (requests, waiting) = mpsc::channel::<Request>(GROUP_EVENTS_MAX);
    let committer = tokio::spawn(commit_groups(sink, waiting, Arc::clone(&commits)));

    let template = Arc::new(template()?);
    let cpu = cpu_time();
    let latencies = drive(events, callers, move |number| {
        let (requests, template) = (requests.clone(), Arc::clone(&template));
        async move {
            let (answer, answered) = oneshot::channel();
            requests
                .send((decision(&template, number as u128), answer))
                .await?;
            Ok(answered.await?)
        }
    })
    .await?;
    let cpu_us = (cpu_time() - cpu).as_micros();
    // The callers are gone, so the committer ends.
    committer.await??;
    Ok(Measured {
        latencies,
        commits: commits.load(Ordering::Relaxed),
        cpu_us,
    })
}

/// Takes what waits, commits it together, and lets the callers go.
async fn commit_groups(
    mut sink: Sink,
    mut waiting: mpsc::Receiver<Request>,
    commits: Arc<AtomicU64>,
) -> Result<(), Failed> {
    let mut head = Head::empty(LogId::from_parts(START_MS, 1));
    let mut spent = 0_u64;
    let mut group = Vec::new();
    while waiting.recv_many(&mut group, GROUP_EVENTS_MAX).await > 0 {
        let mut writes = Writes {
            events: Vec::with_capacity(group.len()),
            ..Writes::default()
        };
        let mut answers = Vec::with_capacity(group.len());
        for (event, answer) in group.drain(..) {
            let time_ns = head.time_ns().max(START_MS * 1_000_000) + 1_000;
            writes.events.push(head.append(event, time_ns).0);
            answers.push(answer);
            spent += 1;
        }
        writes.head = head.encode();
        writes.counter = spent.to_be_bytes().to_vec();
        sink.commit(writes).await?;
        commits.fetch_add(1, Ordering::Relaxed);
        for answer in answers {
            let _ = answer.send(());
        }
    }
    Ok(())
}

/// What one commit writes.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    pub(crate) head: Vec<u8>,
    pub(crate) counter: Vec<u8>,
    pub(crate) events: Vec<SealedEvent>,
}

#[derive(Debug)]
enum Sink {
    Store(Box<StoreSink>),
    Bare(Bare),
    Postgres(Box<BarePostgres>),
}

impl Sink {
    async fn commit(&mut self, writes: Writes) -> Result<(), Failed> {
        match self {
            Self::Store(sink) => sink.commit(writes).await,
            Self::Bare(sink) => sink.commit(writes).await,
            Self::Postgres(sink) => sink.commit(writes).await,
        }
    }
}

#[derive(Debug)]
struct StoreSink {
    store: Arc<dyn Store>,
    head: (Key, Expect),
    counter: (Key, Expect),
}

impl StoreSink {
    async fn of(store: Arc<dyn Store>) -> Result<Self, Failed> {
        let key = |space, bytes: &[u8]| Key::new(Space::quiet(space), bytes);
        store.migrate(Migration::Apply).await?;
        Ok(Self {
            store,
            head: (key("log_heads", &START_MS.to_be_bytes()), Expect::Absent),
            counter: (key("counters", b"budget"), Expect::Absent),
        })
    }

    async fn commit(&mut self, writes: Writes) -> Result<(), Failed> {
        let batch = Batch {
            expectations: vec![self.head.clone(), self.counter.clone()],
            puts: vec![
                (self.head.0.clone(), writes.head),
                (self.counter.0.clone(), writes.counter),
            ],
            events: writes.events,
            ..Batch::default()
        };
        let version = self.store.commit(batch).await?.version;
        self.head.1 = Expect::Version(version);
        self.counter.1 = Expect::Version(version);
        Ok(())
    }
}

const RECORDS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("records");
const ROWS: TableDefinition<(u128, u64), &[u8]> = TableDefinition::new("rows");
const BY_AGENT: TableDefinition<(u128, u64, u128, u64), ()> = TableDefinition::new("by_agent");

/// A job of the thread that writes to redb, as `RedbStore` has one.
type BareJob = (Writes, oneshot::Sender<Result<(), Failed>>);

#[derive(Debug)]
struct Bare {
    jobs: std::sync::mpsc::Sender<BareJob>,
}

impl Bare {
    fn open(path: &std::path::Path, indexed: bool) -> Result<Self, Failed> {
        let mut builder = Builder::new();
        builder.set_cache_size(kavach_store_redb::limits::CACHE_BYTES);
        builder.set_concurrency_mode(ConcurrencyMode::SingleWriter);
        let database = builder.create(path)?;
        let (jobs, waiting) = std::sync::mpsc::channel::<BareJob>();
        std::thread::spawn(move || {
            for (writes, answer) in waiting {
                let _ = answer.send(write(&database, &writes, indexed));
            }
        });
        Ok(Self { jobs })
    }

    async fn commit(&mut self, writes: Writes) -> Result<(), Failed> {
        let (answer, answered) = oneshot::channel();
        self.jobs
            .send((writes, answer))
            .map_err(|_| "the thread is gone")?;
        answered.await?
    }
}

fn write(database: &Database, writes: &Writes, indexed: bool) -> Result<(), Failed> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    {
        let mut records = transaction.open_table(RECORDS)?;
        records.insert(b"head".as_slice(), writes.head.as_slice())?;
        records.insert(b"counter".as_slice(), writes.counter.as_slice())?;
        let mut rows = transaction.open_table(ROWS)?;
        let mut end = rows.upper_bound_mut(std::ops::Bound::<(u128, u64)>::Unbounded)?;
        for SealedEvent { event, bytes } in &writes.events {
            end.insert_before((event.log.as_u128(), event.index), bytes.as_slice())?;
        }
        end.close()?;
        if indexed {
            let mut by_agent = transaction.open_table(BY_AGENT)?;
            for SealedEvent { event, .. } in &writes.events {
                let agent = event.agent.map_or(0, AgentId::as_u128);
                by_agent.insert((agent, event.time_ns, event.log.as_u128(), event.index), ())?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

/// An allowed call of an agent three steps below its owner.
fn template() -> Result<Event, Failed> {
    let id = |number| (START_MS, number);
    let (at_ms, number) = id(7);
    let at = Timestamp::from_s(1_795_270_000);
    let mut event = Event::new(
        EventId::from_parts(at_ms, number),
        TenantId::DEFAULT,
        EventKind::Authorize,
        Outcome::Allow,
        Reason::Granted,
    );
    event.owner = Some(SubjectId::from_parts(at_ms, 3));
    for hop in 0..3 {
        let delegation = (hop > 0).then(|| DelegationId::from_parts(at_ms, hop));
        event.line.push(Hop {
            agent: AgentId::from_parts(at_ms, hop),
            delegation,
            at,
        });
    }
    event.action = Some("read".parse::<Action>()?);
    event.resource = Some("mcp:payroll:salaries:emp-12345".parse::<Resource>()?);
    event.grant = Some(1);
    event.revision = 123_456;
    event.request_id = Some("6e1e0e6e-6d0b-4c1f-9a55-8f6f0c5b2f10".to_owned());
    event.cost = Some(1);
    event.duration_ns = Some(850);
    Ok(event)
}

/// The template as one of the agents, with numbers spread so that they do not come in order.
fn decision(template: &Event, number: u128) -> Event {
    let mut event = template.clone();
    let agent = AgentId::from_parts(
        START_MS,
        (number % AGENTS).wrapping_mul(0x9e37_79b9_7f4a_7c15),
    );
    event.id = EventId::from_parts(START_MS, number);
    event.agent = Some(agent);
    if let Some(last) = event.line.last_mut() {
        last.agent = agent;
    }
    event
}
