//! Everything that a change must pass, cheapest first.

use std::process::ExitCode;
use std::time::Instant;

use crate::cargo::{self, cargo};
use crate::{layers, licences, suite};

/// One gate before the tests.
struct Step {
    title: &'static str,
    run: fn() -> Result<(), String>,
    /// What to do when it fails.
    remedy: &'static str,
}

const STEPS: &[Step] = &[
    Step {
        title: "formatting",
        run: formatting,
        remedy: "run `cargo fmt --all`",
    },
    Step {
        title: "layers",
        run: layers::run,
        remedy: "do what the sentence says; a new arrow needs a reason in ARCHITECTURE.md first",
    },
    Step {
        title: "lints",
        run: lints,
        remedy: "follow the lint; where it is wrong, `#[expect(…, reason = \"…\")]` says why",
    },
    Step {
        title: "documentation",
        run: documentation,
        remedy: "mend the doc comments that rustdoc names",
    },
    Step {
        title: "licences",
        run: licences::run,
        remedy: "drop the dependency, or change deny.toml with a reason",
    },
];

/// Runs every step until one fails, then the test suite, whose totals are the last line.
pub(crate) fn run() -> ExitCode {
    for step in STEPS {
        if let Err(complaint) = timed(step.title, step.run) {
            println!("{complaint}");
            println!("{} failed: {}", step.title, step.remedy);
            return ExitCode::FAILURE;
        }
    }
    timed("tests", || suite::run(&[])).close()
}

fn formatting() -> Result<(), String> {
    cargo::succeed(&mut cargo(&["fmt", "--all", "--check"]))
}

fn lints() -> Result<(), String> {
    // The benches apart: their feature is other people's engines, which take minutes to compile.
    let ours = &[
        "--workspace",
        "--exclude",
        "kavach-benches",
        "--all-features",
    ][..];
    for packages in [ours, &["--package", "kavach-benches"]] {
        let mut clippy = cargo(&["clippy", "--all-targets", "--locked"]);
        clippy.args(packages).args(["--", "-D", "warnings"]);
        cargo::succeed(&mut clippy)?;
    }
    Ok(())
}

fn documentation() -> Result<(), String> {
    // Apart, because the library `kavach` and the binary `kavach` write the same pages.
    for targets in ["--bins", "--lib"] {
        let what = ["doc", "--workspace", "--no-deps", "--locked", targets];
        cargo::succeed(cargo(&what).env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    Ok(())
}

/// Runs `work` between a heading and the time it took.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that tells a person how long a step took"
)]
fn timed<T>(title: &str, work: impl FnOnce() -> T) -> T {
    println!("== {title}");
    let started = Instant::now();
    let outcome = work();
    println!("== {title}: {:.1} s", started.elapsed().as_secs_f64());
    outcome
}
