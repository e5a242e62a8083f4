//! How many cases a property gets, and from which seed.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// The seed of every ordinary run.
const SEED: u64 = 20_260_101;

/// Whether this is the long run.
pub(crate) fn is_campaign() -> bool {
    std::env::var_os("KAVACH_CAMPAIGN").is_some()
}

/// `KAVACH_SEED` if it is set, so that a campaign can be had again; a new one for each other campaign.
pub(crate) fn seed() -> u64 {
    match std::env::var("KAVACH_SEED") {
        Ok(text) => text.parse().expect("`KAVACH_SEED` is a number"),
        Err(_) if is_campaign() => RandomState::new().hash_one("a new seed"),
        Err(_) => SEED,
    }
}

/// Says something although the test passes.
pub(crate) fn report(words: fmt::Arguments<'_>) {
    // The test harness swallows what `println!` writes.
    let line = format!("{words}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Holds `check` against `cases` values of `strategy`, and shows the smallest on which it panics.
#[track_caller]
pub(crate) fn hold<S: Strategy>(seed: u64, cases: u32, strategy: &S, check: impl Fn(S::Value)) {
    let config = Config {
        cases,
        failure_persistence: None,
        // As many as it takes: what generators filter out is rare.
        max_local_rejects: u32::MAX,
        max_shrink_iters: 4096,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let result = TestRunner::new_with_rng(config, rng).run(strategy, |value| {
        check(value);
        Ok::<(), TestCaseError>(())
    });
    if let Err(error) = result {
        panic!("seed {seed}: {error}");
    }
}

/// [`hold`] with the seed of this run, and fifty times the cases in a campaign.
#[track_caller]
pub(crate) fn check<S: Strategy>(cases: u32, strategy: &S, check: impl Fn(S::Value)) {
    let cases = if is_campaign() { 50 * cases } else { cases };
    hold(seed(), cases, strategy, check);
}
