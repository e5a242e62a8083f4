//! What the benches share: a story to measure on, a stopwatch, and tables.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub mod engine;
pub mod ours;
#[cfg(feature = "rivals")]
pub mod rivals;
pub mod stopwatch;
pub mod tokens;
pub mod workload;

/// Whatever stops a bench.
pub type Failed = Box<dyn Error + Send + Sync>;

/// The one place in the benches that reads a clock.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "measuring is what benches are for"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// The time that each of many calls took.
#[derive(Debug)]
pub struct Latencies {
    sorted: Vec<Duration>,
    /// From the first start to the last end.
    pub wall: Duration,
}

impl Latencies {
    /// Calls in a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.sorted.len() as f64 / self.wall.as_secs_f64()
    }

    /// The latency that this share of calls, from 0 to 1, did not exceed.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let at = (self.sorted.len() as f64 * share) as usize;
        let at = at.min(self.sorted.len().saturating_sub(1));
        self.sorted.get(at).copied().unwrap_or_default()
    }
}

/// Calls `job` with 0, 1, … `total - 1`, `in_flight` of them at a time.
///
/// # Errors
/// The first failure of any call.
pub async fn drive<J, F>(total: usize, in_flight: usize, job: J) -> Result<Latencies, Failed>
where
    J: Fn(usize) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Failed>> + Send,
{
    let (job, next) = (Arc::new(job), Arc::new(AtomicUsize::new(0)));
    let started = now();
    let mut callers = Vec::new();
    for _ in 0..in_flight {
        let (job, next) = (Arc::clone(&job), Arc::clone(&next));
        callers.push(tokio::spawn(async move {
            let mut taken = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= total {
                    return Ok::<_, Failed>(taken);
                }
                let start = now();
                job(number).await?;
                taken.push(start.elapsed());
            }
        }));
    }
    let mut sorted = Vec::with_capacity(total);
    for caller in callers {
        sorted.extend(caller.await??);
    }
    let wall = started.elapsed();
    sorted.sort_unstable();
    Ok(Latencies { sorted, wall })
}

/// CPU time that this process has used, user and system, from `/proc`; zero where there is none.
#[must_use]
pub fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|field| field.parse::<u64>().ok())
            .unwrap_or(0)
    };
    // Fields 14 and 15 of proc(5), in hundredths of a second.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}
