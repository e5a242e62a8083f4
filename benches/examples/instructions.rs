//! Decides the published workload once, for counting instructions, which do not depend on what else runs:
//!
//! ```text
//! CARGO_PROFILE_RELEASE_DEBUG=line-tables-only cargo build --release -p kavach-benches --example instructions
//! valgrind --tool=callgrind --toggle-collect='*decide_all*' target/release/examples/instructions 3
//! ```
//!
//! The argument is how many agents a line has. What valgrind says it collected, by 10,000 requests, is a decision.

use std::env;
use std::hint::black_box;

use kavach_benches::Failed;
use kavach_benches::engine::Engine;
use kavach_benches::ours::{Kavach, NOW};
use kavach_benches::workload::{Shape, Workload};
use kavach_core::{Graph, NothingRecorded, Request, decide};

/// Not inlined, so that it has a name to collect by.
#[inline(never)]
fn decide_all(graph: &Graph, requests: &[Request]) -> usize {
    let decided = requests
        .iter()
        .map(|request| decide(graph, black_box(request), &NothingRecorded, NOW));
    decided
        .filter(|verdict| verdict.decision.is_allow())
        .count()
}

fn main() -> Result<(), Failed> {
    let hops = env::args().nth(1).ok_or("name the agents of a line")?;
    let workload = Workload::generate(Shape::published(hops.parse()?));
    let kavach = Kavach::of(&workload)?;
    let requests = kavach.questions(&workload)?;
    let allowed = decide_all(&kavach.graph, &requests);
    println!("{allowed} of {} allowed", requests.len());
    Ok(())
}
