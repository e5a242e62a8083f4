//! What deciding allocates and what a model weighs, for the engines and the workload of `rivals`:
//! `cargo bench -p kavach-benches --features rivals --bench rivals_memory`.
//!
//! A program of its own, because counting allocations slows them down.

use std::alloc::System;

use kavach_benches::Failed;
use kavach_benches::engine::{Engine, agree};
use kavach_benches::ours::{Kavach, truth};
use kavach_benches::rivals::{Casbin, Cedar, Regorus, Tenuo};
use kavach_benches::workload::{Shape, Workload};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const HOPS: [usize; 3] = [1, 3, 5];

/// What one engine did with one workload.
struct Row {
    name: &'static str,
    /// A decision, on average over all requests.
    allocations: f64,
    allocated_bytes: f64,
    /// The model without any request, for each agent.
    agent_bytes: f64,
}

fn main() -> Result<(), Failed> {
    for hops in HOPS {
        let workload = Workload::generate(Shape::published(hops));
        let truth = truth(&workload)?;
        let rows = [
            measure::<Kavach>(&workload, &truth)?,
            measure::<Cedar>(&workload, &truth)?,
            measure::<Regorus>(&workload, &truth)?,
            measure::<Casbin>(&workload, &truth)?,
            measure::<Tenuo>(&workload, &truth)?,
        ];
        println!(
            "\n### Lines of {hops}: {} agents, {} requests\n",
            workload.agents(),
            workload.calls.len()
        );
        println!(
            "| engine | allocations for a decision | bytes allocated | bytes for an agent |\n\
             | --- | ---: | ---: | ---: |"
        );
        for row in rows {
            println!(
                "| {} | {:.1} | {:.0} | {:.0} |",
                row.name, row.allocations, row.allocated_bytes, row.agent_bytes
            );
        }
    }
    Ok(())
}

fn measure<E: Engine>(workload: &Workload, truth: &[bool]) -> Result<Row, Failed> {
    let agents_alone = Workload {
        lines: workload.lines.clone(),
        calls: Vec::new(),
    };
    let region = Region::new(ALLOCATOR);
    let model = E::of(&agents_alone)?;
    let built = region.change();
    drop(model);

    let engine = E::of(workload)?;
    let questions = engine.questions(workload)?;
    agree(&engine, workload, &questions, truth)?;
    let mut worker = engine.worker()?;
    // What a worker allocates once and keeps is not counted.
    for question in &questions {
        E::allows(&mut worker, question)?;
    }
    let region = Region::new(ALLOCATOR);
    for question in &questions {
        E::allows(&mut worker, question)?;
    }
    let used = region.change();
    let decisions = questions.len() as f64;
    Ok(Row {
        name: E::NAME,
        allocations: (used.allocations + used.reallocations) as f64 / decisions,
        allocated_bytes: used.bytes_allocated as f64 / decisions,
        agent_bytes: (built.bytes_allocated as f64 - built.bytes_deallocated as f64)
            / workload.agents() as f64,
    })
}
