//! Changes through the facade, and opening a store, on each store or on those that are named:
//! `cargo bench -p kavach-benches --bench changes -- redb sqlite postgres`.

use std::path::Path;

use kavach::declare::{ApplyOptions, Declaration, DeclaredDelegation, DeclaredEnd};
use kavach::{Kavach, Mode, NewAgent, NewDelegation, Subject};
use kavach_benches::{Failed, drive, now};

#[path = "stores/mod.rs"]
mod stores;

/// Agents in one declaration: a file of a few megabytes.
const FILE_AGENTS: usize = 10_000;

fn main() -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<(), Failed> {
    for name in stores::asked_for() {
        println!("{name}\n\n| what | result |\n|---|---|");
        create_and_delegate(name).await?;
        for descendants in [1_000, 100_000] {
            revoke_above(name, descendants).await?;
        }
        for agents in [10_000, 100_000] {
            open_store_of(name, agents).await?;
        }
        println!();
    }
    Ok(())
}

async fn open(name: &str, folder: &Path) -> Result<Kavach, Failed> {
    Ok(Kavach::open(stores::open(name, folder).await?).await?)
}

async fn create_and_delegate(name: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let kavach = open(name, folder.path()).await?;
    let share = if name == "redb" { 1 } else { 4 };
    for (in_flight, total) in [(1, 500), (64, 20_000 / share)] {
        let node = kavach.clone();
        let made = drive(total, in_flight, move |number| {
            let node = node.clone();
            async move {
                let name = format!("agent-{in_flight}-{number}");
                let agent =
                    NewAgent::new(Subject::user("alice")?, name).allow("read:mcp:github:*")?;
                node.create_agent(agent).await?;
                Ok(())
            }
        })
        .await?;
        println!(
            "| create an agent, {in_flight} in flight | {:.0}/s, p50 {:.2} ms, p99 {:.2} ms |",
            made.per_second(),
            made.quantile(0.5).as_secs_f64() * 1e3,
            made.quantile(0.99).as_secs_f64() * 1e3
        );
    }
    let agents = kavach.agents();
    let from = agents.first().ok_or("no agents")?.id;
    for (in_flight, total) in [(1, 500), (64, 20_000 / share)] {
        let node = kavach.clone();
        let receivers: Vec<_> = agents.iter().skip(1).map(|agent| agent.id).collect();
        let made = drive(total, in_flight, move |number| {
            let node = node.clone();
            let to = receivers.get(number % receivers.len()).copied();
            async move {
                let to = to.ok_or("no receiver")?;
                let what = NewDelegation::new().allow("read:mcp:github:issues")?;
                node.delegate(&from, &to, what).await?;
                Ok(())
            }
        })
        .await?;
        println!(
            "| delegate, {in_flight} in flight | {:.0}/s, p50 {:.2} ms, p99 {:.2} ms |",
            made.per_second(),
            made.quantile(0.5).as_secs_f64() * 1e3,
            made.quantile(0.99).as_secs_f64() * 1e3
        );
    }
    Ok(())
}

/// A root with many agents below it, all through one declaration a file.
async fn many(kavach: &Kavach, below: usize) -> Result<kavach::AgentId, Failed> {
    let root = NewAgent::new(Subject::user("alice")?, "root").allow("read:mcp:github:*")?;
    let root = kavach.create_agent(root).await?.id;
    let mut made = 0;
    while made < below {
        let count = FILE_AGENTS.min(below - made);
        let delegation = |number: usize| -> Result<DeclaredDelegation, Failed> {
            Ok(DeclaredDelegation {
                from: "root".parse()?,
                to: format!("agent-{number}").parse()?,
                via: None,
                permissions: vec!["read:mcp:github:issues".parse()?],
                end: DeclaredEnd::Never,
                max_depth: None,
                mode: Mode::Strict,
            })
        };
        let delegations: Result<_, Failed> = (made..made + count).map(delegation).collect();
        let declaration = Declaration {
            delegations: delegations?,
            ..Declaration::default()
        };
        kavach.apply(&declaration, &ApplyOptions::default()).await?;
        made += count;
    }
    Ok(root)
}

async fn revoke_above(name: &str, descendants: usize) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let kavach = open(name, folder.path()).await?;
    let root = many(&kavach, descendants).await?;
    let last = kavach
        .find_agent(&format!("agent-{}", descendants - 1))
        .ok_or("lost")?;
    let started = now();
    kavach.revoke_agent(&root).await?;
    let taken = started.elapsed();
    let after = kavach
        .authorize(&last.id, "read", "mcp:github:issues")
        .await?;
    if after.is_allowed() {
        return Err("a descendant outlived its root".into());
    }
    println!(
        "| revoke above {descendants} descendants, durable and effective | {:.2} ms |",
        taken.as_secs_f64() * 1e3
    );
    Ok(())
}

async fn open_store_of(name: &str, agents: usize) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let kavach = open(name, folder.path()).await?;
    many(&kavach, agents).await?;
    kavach.close().await;
    let started = now();
    let kavach = open(name, folder.path()).await?;
    let taken = started.elapsed();
    let found = kavach.agents().len();
    println!(
        "| open a store of {found} agents, each with a delegation | {:.0} ms |",
        taken.as_secs_f64() * 1e3
    );
    Ok(())
}
