//! Durable, audited decisions through the facade, on each store or on those that are named:
//! `cargo bench -p kavach-benches --bench authorize -- redb sqlite postgres`.
//!
//! Numbers (`64 256`) ask for these many in flight only; `free` and `budget` for calls without and with a
//! budget that all of them share.

use kavach::{Kavach, NewAgent, Spawn, Subject};
use kavach_benches::{Failed, Latencies, cpu_time, drive, now};

#[path = "stores/mod.rs"]
mod stores;

const ROW: &str = "| in flight | decisions/s | p50 ms | p99 ms | CPU µs each |";

fn main() -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<(), Failed> {
    for name in stores::asked_for() {
        let folder = tempfile::tempdir()?;
        let kavach = Kavach::open(stores::open(name, folder.path()).await?).await?;
        for (word, bounds, said) in [
            ("free", "", ""),
            (
                "budget",
                "?budget=1000000000/day",
                "; a budget that all calls share",
            ),
        ] {
            if !is_asked(word, &["free", "budget"]) {
                continue;
            }
            let leaf = line_of_three(&kavach, bounds).await?;
            println!(
                "durable, audited authorize; {name}; a line of 3{said}\n\n{ROW}\n|---|---|---|---|---|"
            );
            decisions(&kavach, leaf, name).await?;
            println!();
        }
        read_back(&kavach).await?;
        println!();
        kavach.close().await;
    }
    Ok(())
}

/// Whether the command line names `word`, or none of `all`.
fn is_asked(word: &str, all: &[&str]) -> bool {
    let mut named = std::env::args().skip(1);
    let mut any = false;
    named.any(|name| {
        any |= all.contains(&name.as_str());
        name == word
    }) || !any
}

async fn decisions(kavach: &Kavach, leaf: kavach::AgentId, store: &str) -> Result<(), Failed> {
    // The embedded one is the fastest, and takes more for the same time.
    let share = if store == "redb" { 1 } else { 4 };
    for (in_flight, total) in [(1, 2_000), (16, 30_000), (64, 120_000), (256, 200_000)] {
        if !is_asked(&in_flight.to_string(), &["1", "16", "64", "256"]) {
            continue;
        }
        let total = total / share;
        let node = kavach.clone();
        let cpu = cpu_time();
        let measured = drive(total, in_flight, move |_| {
            let node = node.clone();
            async move {
                let answer = node.authorize(&leaf, "read", "mcp:github:issues").await?;
                if answer.is_allowed() {
                    Ok(())
                } else {
                    Err(answer.to_string().into())
                }
            }
        })
        .await?;
        row(
            in_flight,
            &measured,
            (cpu_time() - cpu).as_secs_f64() * 1e6 / total as f64,
        );
    }
    Ok(())
}

async fn read_back(kavach: &Kavach) -> Result<(), Failed> {
    let started = now();
    let mut trail = kavach.audit(kavach::audit::Query::default());
    let mut events = 0;
    while let Some(page) = trail.next_page().await? {
        events += page.len();
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "read back: {events} events at {:.0}/s",
        events as f64 / seconds
    );
    Ok(())
}

/// A line whose top holds its permission under these bounds, and passes them on.
async fn line_of_three(kavach: &Kavach, bounds: &str) -> Result<kavach::AgentId, Failed> {
    let permission = format!("read:mcp:github:*{bounds}");
    let named = |name: &str| format!("{name}{}", bounds.len());
    let top = NewAgent::new(Subject::user("alice")?, named("orchestrator")).allow(&permission)?;
    let top = kavach.create_agent(top).await?.id;
    let middle = kavach
        .spawn(
            &top,
            Spawn::new(named("researcher")).allow("read:mcp:github:*")?,
        )
        .await?
        .id;
    let leaf = Spawn::new(named("searcher")).allow("read:mcp:github:issues")?;
    Ok(kavach.spawn(&middle, leaf).await?.id)
}

fn row(in_flight: usize, measured: &Latencies, cpu_us: f64) {
    let ms = |share| measured.quantile(share).as_secs_f64() * 1e3;
    println!(
        "| {in_flight} | {:.0} | {:.2} | {:.2} | {cpu_us:.1} |",
        measured.per_second(),
        ms(0.5),
        ms(0.99),
    );
}
