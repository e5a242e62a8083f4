//! Deciding, beside other engines on the same workload:
//! `cargo bench -p kavach-benches --features rivals --bench rivals`.
//!
//! Every answer of every engine is compared with the naive oracle's before a clock starts.

use std::time::Duration;

use kavach_benches::Failed;
use kavach_benches::engine::{Engine, agree};
use kavach_benches::ours::{Kavach, truth};
use kavach_benches::rivals::{Casbin, Cedar, Regorus, Tenuo};
use kavach_benches::stopwatch::{Cost, cost, per_second};
use kavach_benches::workload::{Shape, Workload};

const HOPS: [usize; 3] = [1, 3, 5];
const ALONE: Duration = Duration::from_secs(2);
const TOGETHER: Duration = Duration::from_secs(1);
/// Runs on one thread and on two in turn, of which the best count: neighbours only ever slow things down.
const TURNS: usize = 2;

/// What one engine did with one workload.
struct Row {
    name: &'static str,
    cost: Cost,
    one_thread: f64,
    two_threads: f64,
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
        print(hops, &workload, &rows);
    }
    Ok(())
}

fn measure<E: Engine>(workload: &Workload, truth: &[bool]) -> Result<Row, Failed> {
    let engine = E::of(workload)?;
    let questions = engine.questions(workload)?;
    agree(&engine, workload, &questions, truth)?;
    let cost = cost(&engine, &questions, ALONE)?;
    let (mut one_thread, mut two_threads) = (0_f64, 0_f64);
    for _ in 0..TURNS {
        let together = TOGETHER / TURNS as u32;
        one_thread = one_thread.max(per_second(&engine, &questions, 1, together)?);
        two_threads = two_threads.max(per_second(&engine, &questions, 2, together)?);
    }
    Ok(Row {
        name: E::NAME,
        cost,
        one_thread,
        two_threads,
    })
}

fn print(hops: usize, workload: &Workload, rows: &[Row]) {
    println!(
        "\n### Lines of {hops}: {} agents, {} requests, each answer equal to the oracle's\n",
        workload.agents(),
        workload.calls.len()
    );
    println!(
        "| engine | median | p99 | × ours | one thread | two threads | scaling |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    );
    let ours = rows.first().map_or(f64::NAN, |row| row.cost.median_ns);
    for row in rows {
        println!(
            "| {} | {:.0} ns | {:.0} ns | {:.1} | {:.0}/s | {:.0}/s | {:.2} |",
            row.name,
            row.cost.median_ns,
            row.cost.p99_ns,
            row.cost.median_ns / ours,
            row.one_thread,
            row.two_threads,
            row.two_threads / row.one_thread,
        );
    }
}
