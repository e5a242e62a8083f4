//! Many agents in a store: how fast they are written, and what a node that opens it takes.
//!
//! `cargo bench -p kavach-benches --bench many -- sqlite postgres`. Of ten agents, one has ten grants of its
//! own and nine share theirs with a thousand others; every tenth was spawned by the one before, so there is a
//! delegation to it. A million agents need some minutes; `AGENTS=100000` makes them fewer. Memory is that of the
//! process (`VmRSS` and `VmHWM` of proc(5)), with the allocator of the system.

use std::sync::Arc;

use kavach::{Kavach, Store};
use kavach_benches::{Failed, now};
use kavach_core::{
    Agent, AgentId, AgentKind, AgentName, AgentStatus, Delegation, DelegationId, Grants, Owner,
    OwnerStatus, Permission, Record, SubjectId, TenantId, Timestamp,
};
use kavach_store::records::{encode, key_of};
use kavach_store::{Batch, Migration};

#[path = "stores/mod.rs"]
mod stores;

const NOW: Timestamp = Timestamp::from_s(1_795_089_600);
const TENANT: TenantId = TenantId::DEFAULT;
const OWNERS: u64 = 1_000;
/// Agents in one batch.
const BATCH: u64 = 2_000;

fn main() -> Result<(), Failed> {
    let agents = std::env::var("AGENTS").map_or(Ok(1_000_000), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(agents))
}

async fn measure(agents: u64) -> Result<(), Failed> {
    println!(
        "| store | agents | written/s | open s | resident MB | peak MB | reload s | its peak MB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for name in stores::asked_for() {
        let folder = tempfile::tempdir()?;
        let started = now();
        write(stores::open(name, folder.path()).await?, agents).await?;
        let written = agents as f64 / started.elapsed().as_secs_f64();

        let store = stores::open(name, folder.path()).await?;
        let before = resident("VmRSS");
        forget_peak();
        let started = now();
        let kavach = Kavach::open(Arc::clone(&store)).await?;
        let opened = started.elapsed().as_secs_f64();
        let (resident_mb, peak) = (resident("VmRSS") - before, resident("VmHWM") - before);
        let found = kavach.agents().len();
        if found as u64 != agents {
            return Err(format!("{found} of {agents} agents were found").into());
        }
        // A second graph while the first one is there: what a node holds that must read everything anew.
        forget_peak();
        let before_again = resident("VmRSS");
        let started = now();
        let again = Kavach::open(store).await?;
        let reloaded = started.elapsed().as_secs_f64();
        let peak_again = resident("VmHWM") - before_again;
        println!(
            "| {name} | {agents} | {written:.0} | {opened:.1} | {resident_mb:.0} | {peak:.0} | {reloaded:.1} | {peak_again:.0} |"
        );
        again.close().await;
        kavach.close().await;
    }
    Ok(())
}

async fn write(store: Arc<dyn Store>, agents: u64) -> Result<(), Failed> {
    store.migrate(Migration::Apply).await?;
    put(&*store, (0..OWNERS).map(owner).collect()).await?;
    let shared: Vec<Grants> = (0..1_000)
        .map(|set| grants(u64::MAX - set))
        .collect::<Result<_, _>>()?;
    let mut first = 0;
    while first < agents {
        let mut records = Vec::new();
        for number in first..agents.min(first + BATCH) {
            let held = match shared.get(number as usize % shared.len()) {
                Some(held) if number % 10 != 0 => held.clone(),
                _ => grants(number)?,
            };
            let agent = agent(number, held)?;
            records.push(Record::Name(AgentName {
                tenant: TENANT,
                name: agent.name.clone(),
                agent: agent.id,
            }));
            records.push(Record::Agent(agent));
            if number % 10 == 9 {
                records.push(delegation(number, grants(number - 9)?));
            }
        }
        put(&*store, records).await?;
        first += BATCH;
    }
    Ok(())
}

async fn put(store: &dyn Store, records: Vec<Record>) -> Result<(), Failed> {
    let mut batch = Batch::default();
    for record in records {
        batch.puts.push((key_of(&record.key()), encode(&record)?));
    }
    store.commit(batch).await?;
    Ok(())
}

fn agent_id(number: u64) -> AgentId {
    // As ids come: they grow with time, and end at random.
    let tail = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    AgentId::from_parts(1_795_089_600_000 + number, tail)
}

fn owner(number: u64) -> Record {
    Record::Owner(Owner {
        id: SubjectId::from_parts(1, number.into()),
        tenant: TENANT,
        status: OwnerStatus::Active,
        generation: 0,
        grants: Grants::default(),
    })
}

/// Ten permissions that differ with the number.
fn grants(number: u64) -> Result<Grants, Failed> {
    let texts = (0..10).map(|place| {
        let (server, tool) = (number.wrapping_add(place * 37), number / 1_000 + place);
        format!(
            "read,list:mcp:server-{}:tool-{}:*",
            server % 1_000,
            tool % 1_000
        )
    });
    let held: Vec<Permission> = texts.map(|text| text.parse()).collect::<Result<_, _>>()?;
    Ok(Grants::of(held))
}

fn agent(number: u64, grants: Grants) -> Result<Agent, Failed> {
    Ok(Agent {
        id: agent_id(number),
        tenant: TENANT,
        owner: SubjectId::from_parts(1, (number % OWNERS).into()),
        owner_generation: 0,
        name: format!("agent-{number}").parse()?,
        kind: AgentKind::Autonomous,
        status: AgentStatus::Active,
        generation: 0,
        created_at: NOW,
        expires_at: None,
        grants,
        credentials: Vec::new(),
        metadata: Default::default(),
    })
}

/// From the agent nine before, to this one.
fn delegation(number: u64, grants: Grants) -> Record {
    Record::Delegation(Delegation {
        id: DelegationId::from_parts(1_795_089_600_000 + number, u128::from(number)),
        tenant: TENANT,
        from: agent_id(number - 9),
        to: agent_id(number),
        parent: None,
        parent_generation: 0,
        depth: 1,
        grants,
        expires_at: None,
        max_depth: None,
        revoked: false,
        generation: 0,
        created_at: NOW,
    })
}

/// A line of `/proc/self/status`, in megabytes; zero where there is none.
fn resident(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    let kilobytes = found.and_then(|rest| rest.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1_024.0
}

/// The peak counts from now on (proc(5), `clear_refs`).
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
