//! Deciding alone: `cargo bench -p kavach-benches --bench decide`, 10,000 agents with 10 grants each, lines
//! of 1, 3 and 5, nine requests in ten allowed. `AGENTS=1000000` in the environment makes it a million.
//!
//! Every answer is compared with the naive oracle's first. `--bench rivals` has other engines beside ours.

use std::env;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use kavach_benches::Failed;
use kavach_benches::engine::{Engine, agree};
use kavach_benches::ours::{Kavach, truth};
use kavach_benches::workload::{Shape, Workload};

fn main() -> Result<(), Failed> {
    let mut criterion = Criterion::default().configure_from_args();
    for hops in [1, 3, 5] {
        bench(&mut criterion, hops)?;
    }
    criterion.final_summary();
    Ok(())
}

fn bench(criterion: &mut Criterion, hops: usize) -> Result<(), Failed> {
    let mut shape = Shape::published(hops);
    if let Ok(agents) = env::var("AGENTS") {
        shape.agents = agents.parse()?;
        // So many that no cache holds what they touch.
        shape.requests = shape.requests.max(shape.agents / 5);
    }
    let workload = Workload::generate(shape);
    let truth = truth(&workload)?;
    let kavach = Kavach::of(&workload)?;
    let requests = kavach.questions(&workload)?;
    agree(&kavach, &workload, &requests, &truth)?;
    let mut worker = kavach.worker()?;
    let mut turn = requests.iter().cycle();
    let name = format!("decide/{}", shape.agents);
    let mut group = criterion.benchmark_group(name);
    group.bench_function(BenchmarkId::new("chain", hops), |bencher| {
        bencher.iter(|| {
            let request = turn.next().map(black_box);
            request.map(|request| Kavach::allows(&mut worker, request))
        });
    });
    group.finish();
    Ok(())
}
