//! Several nodes and a database in one process, on a network that a seed breaks: what was promised held.
//!
//! Time and the network are simulated, so a seed tells the same story each time. To see one again:
//! `KAVACH_SEED=17 cargo test -p kavach --test simulation`.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod far_store;
mod history;
mod node;

#[path = "../it/dice.rs"]
mod dice;

use std::sync::Arc;
use std::time::Duration;

use dice::{Dice, scale};
use far_store::{Database, serve};
use history::History;
use node::{LEASE_MS, live, prepare};

/// Nodes that share the database.
const NODES: usize = 3;
/// For how long faults happen, and for how long everything is well after that, in simulated time.
const TROUBLED_S: u64 = 12;
const CALM_S: u64 = 3;
const DATABASE: &str = "database";

fn name(node: usize) -> String {
    format!("node{node}")
}

#[test]
fn whatever_the_network_does_no_node_says_yes_to_what_was_revoked_a_lease_ago() {
    let asked = std::env::var("KAVACH_SEED").ok();
    let seeds: Vec<u64> = match asked.and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (0..scale(10, 1_000) as u64).collect(),
    };
    let mut seen = history::Seen::default();
    for seed in seeds {
        let told = std::panic::catch_unwind(|| story(seed));
        match told {
            Ok(more) => seen.add(&more),
            Err(_) => panic!("seed {seed} failed; see it again with KAVACH_SEED={seed}"),
        }
    }
    // A story in which nothing happens proves nothing.
    seen.check();
    println!("{seen:?}");
}

fn story(seed: u64) -> history::Seen {
    let mut dice = Dice::new(seed);
    let database = Database::default();
    let history = Arc::new(History::new(Duration::from_millis(LEASE_MS)));
    prepare(&database, &history);
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .simulation_duration(Duration::from_secs(TROUBLED_S + CALM_S + 60))
        .min_message_latency(Duration::from_micros(200))
        .max_message_latency(Duration::from_millis(5))
        .tcp_capacity(1_024)
        .enable_random_order()
        .build();
    let served = database.clone();
    sim.host(DATABASE, move || serve(served.clone()));
    for number in 0..NODES {
        let (database, history) = (database.clone(), Arc::clone(&history));
        let seed = dice.roll();
        sim.host(name(number), move || {
            live(number, seed, database.clone(), Arc::clone(&history))
        });
    }
    let troubled = Duration::from_secs(TROUBLED_S);
    let mut next = Duration::from_millis(500);
    while sim.elapsed() < troubled {
        sim.step().unwrap();
        if sim.elapsed() >= next {
            trouble(&mut sim, &mut dice, &history);
            next += Duration::from_millis(50 + dice.below(400) as u64);
        }
    }
    for number in 0..NODES {
        sim.release(name(number), DATABASE);
        sim.repair(name(number), DATABASE);
    }
    history.stop();
    while sim.elapsed() < troubled + Duration::from_secs(CALM_S) {
        sim.step().unwrap();
    }
    history.check(&database)
}

/// One thing that goes wrong, or well again.
fn trouble(sim: &mut turmoil::Sim<'_>, dice: &mut Dice, history: &History) {
    let node = name(dice.below(NODES));
    history.fault();
    match dice.below(12) {
        0..3 => sim.partition(node, DATABASE),
        3 => sim.partition_oneway(DATABASE, node.as_str()),
        4 => sim.partition_oneway(node.as_str(), DATABASE),
        5 => sim.hold(node, DATABASE),
        6 => sim.bounce(node),
        7 => sim.bounce(DATABASE),
        _ => {
            sim.release(node.as_str(), DATABASE);
            sim.repair(node, DATABASE);
        }
    }
}
