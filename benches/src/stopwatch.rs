//! Timing decisions: the median of many batches, the slowest hundredth, and several threads at once.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::Engine;
use crate::{Failed, now};

/// Decisions between two looks at the clock: enough for the looks not to count, and few enough for most
/// batches to run undisturbed.
const BATCH: usize = 20;

/// What deciding costs one thread.
#[expect(clippy::exhaustive_structs, reason = "a row of a table")]
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Nanoseconds for a decision in the median batch.
    pub median_ns: f64,
    /// Nanoseconds that 99 decisions in 100 do not exceed, each timed alone.
    pub p99_ns: f64,
}

/// Asks all questions round and round for about `time`, half of it by the batch and half one by one.
///
/// # Errors
/// If the engine cannot decide.
pub fn cost<E: Engine>(
    engine: &E,
    questions: &[E::Question],
    time: Duration,
) -> Result<Cost, Failed> {
    let mut worker = engine.worker()?;
    for question in questions {
        black_box(E::allows(&mut worker, question)?);
    }
    let (mut batches, mut singles) = (Vec::new(), Vec::new());
    let end = now() + time / 2;
    while now() < end {
        for batch in questions.chunks_exact(BATCH) {
            let start = now();
            for question in batch {
                black_box(E::allows(&mut worker, black_box(question))?);
            }
            batches.push(start.elapsed().as_secs_f64() * 1e9 / BATCH as f64);
        }
    }
    let end = now() + time / 2;
    while now() < end {
        for question in questions {
            let start = now();
            black_box(E::allows(&mut worker, black_box(question))?);
            singles.push(start.elapsed().as_secs_f64() * 1e9);
        }
    }
    Ok(Cost {
        median_ns: quantile(batches, 0.5),
        p99_ns: quantile(singles, 0.99) - clock_ns(),
    })
}

/// Decisions in a second by so many threads together, each with questions of its own.
///
/// # Errors
/// If the engine cannot decide, or a thread dies.
pub fn per_second<E: Engine>(
    engine: &E,
    questions: &[E::Question],
    threads: usize,
    time: Duration,
) -> Result<f64, Failed> {
    let barrier = Barrier::new(threads);
    let rates: Result<Vec<f64>, Failed> = thread::scope(|scope| {
        let shares = questions.chunks(questions.len().div_ceil(threads));
        let running: Vec<_> = shares
            .map(|share| scope.spawn(|| rate(engine, share, &barrier, time)))
            .collect();
        let joined = running.into_iter();
        joined
            .map(|one| one.join().map_err(|_| "a thread died")?)
            .collect()
    });
    Ok(rates?.into_iter().sum())
}

fn rate<E: Engine>(
    engine: &E,
    questions: &[E::Question],
    barrier: &Barrier,
    time: Duration,
) -> Result<f64, Failed> {
    let prepared = engine.worker();
    barrier.wait();
    let mut worker = prepared?;
    let (start, mut decided) = (now(), 0_usize);
    let mut batches = questions.chunks_exact(BATCH).cycle();
    while start.elapsed() < time {
        let batch = batches.next().ok_or("too few questions for a batch")?;
        for question in batch {
            black_box(E::allows(&mut worker, black_box(question))?);
        }
        decided += batch.len();
    }
    Ok(decided as f64 / start.elapsed().as_secs_f64())
}

/// What looking at the clock twice costs, in nanoseconds.
fn clock_ns() -> f64 {
    let looks = (0..10_000).map(|_| {
        let start: Instant = black_box(now());
        start.elapsed().as_secs_f64() * 1e9
    });
    quantile(looks.collect(), 0.5)
}

fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    let at = at.min(values.len().saturating_sub(1));
    values.get(at).copied().unwrap_or(f64::NAN)
}
