//! Every test there is, and one line of totals.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

use crate::cargo::{self, cargo};
use crate::{interop, postgres, wasm};

/// One part of the suite. What later tests need set up joins as a [`Work::Prepare`] of its own.
struct Step {
    title: &'static str,
    work: Work,
}

enum Work {
    /// Has to succeed before anything below it runs.
    Prepare(fn() -> Result<(), String>),
    /// A run of cargo whose results are counted.
    Count(&'static [&'static str]),
    /// The same, after setting up what it needs; what is asked for more is passed on to it.
    CountAfter(fn(&[&str]) -> Result<Command, String>),
}

const STEPS: &[Step] = &[
    Step {
        title: "kavach-core builds without std",
        work: Work::Prepare(build_core),
    },
    Step {
        title: "kavach-token builds for a browser",
        work: Work::Prepare(wasm::check),
    },
    Step {
        title: "the benches compile",
        work: Work::Prepare(check_benches),
    },
    Step {
        title: "PostgreSQL is there",
        work: Work::Prepare(postgres::install),
    },
    Step {
        title: "unit and integration tests",
        work: Work::Count(&[
            "test",
            "--workspace",
            "--exclude",
            "kavach-benches",
            "--all-targets",
            "--locked",
            "--no-fail-fast",
        ]),
    },
    Step {
        title: "tokens beside the libraries of other languages",
        work: Work::CountAfter(interop::tests),
    },
    Step {
        title: "examples in the documentation",
        work: Work::Count(&["test", "--workspace", "--doc", "--locked", "--no-fail-fast"]),
    },
];

fn build_core() -> Result<(), String> {
    cargo::succeed(&mut cargo(&[
        "build",
        "--package",
        "kavach-core",
        "--no-default-features",
        "--locked",
    ]))
}

fn check_benches() -> Result<(), String> {
    cargo::succeed(&mut cargo(&[
        "check",
        "--package",
        "kavach-benches",
        "--benches",
        "--locked",
    ]))
}

/// What became of the suite.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Report {
    passed: u64,
    /// Tests that failed, and runs that ended badly without naming one.
    failed: u64,
    complaints: Vec<String>,
}

/// Runs every step, with `extra` appended to each `cargo test`.
pub(crate) fn run(extra: &[&str]) -> Report {
    let mut report = Report::default();
    for step in STEPS {
        println!("-- {}", step.title);
        match step.work {
            Work::Prepare(prepare) => {
                if let Err(complaint) = prepare() {
                    report.broken(complaint);
                    return report;
                }
            }
            Work::Count(arguments) => count(cargo(arguments).args(extra), &mut report),
            Work::CountAfter(prepare) => match prepare(extra) {
                Ok(mut command) => count(&mut command, &mut report),
                Err(complaint) => report.broken(complaint),
            },
        }
    }
    report.demand_a_test();
    report
}

/// Runs `command`, passes its output on line by line, and adds its results to `report`.
fn count(command: &mut Command, report: &mut Report) {
    let name = cargo::spelled(command);
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return report.broken(format!("`{name}` cannot be started: {error}")),
    };
    let mut tally = Tally::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            tally.read(&line);
        }
    }
    match child.wait() {
        Ok(status) if status.success() => report.add(&tally, &name, None),
        Ok(status) => report.add(&tally, &name, Some(status.to_string())),
        Err(error) => report.add(&tally, &name, Some(error.to_string())),
    }
}

impl Report {
    /// Prints every complaint and then, as the very last line, the totals.
    pub(crate) fn close(self) -> ExitCode {
        for complaint in &self.complaints {
            println!("{complaint}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.complaints.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// Adds one run called `name`; `ended_badly` is how, if it did.
    fn add(&mut self, tally: &Tally, name: &str, ended_badly: Option<String>) {
        self.passed += tally.passed;
        self.failed += tally.failed;
        if tally.ignored > 0 {
            self.complaints.push(format!(
                "`{name}` ignored {} of its tests ({}): no test is skipped silently, so make it \
                 run or delete it",
                tally.ignored,
                tally.ignored_names.join(", ")
            ));
        }
        if tally.failed > 0 {
            self.complaints.push(format!(
                "`{name}` saw tests fail: {}",
                tally.failed_names.join(", ")
            ));
        } else if let Some(how) = ended_badly {
            self.broken(format!(
                "`{name}` ended with {how} and named no failed test: it did not compile, or it was \
                 cut off; read its output above"
            ));
        }
    }

    /// Counts something that ended badly without naming a test as one failure.
    fn broken(&mut self, complaint: String) {
        self.failed += 1;
        self.complaints.push(complaint);
    }

    fn demand_a_test(&mut self) {
        if self.passed + self.failed == 0 {
            self.complaints
                .push("no test ran: a suite that proves nothing does not pass".to_owned());
        }
    }
}

/// What the test runners of one run of cargo have printed so far.
#[derive(Debug, Default, Eq, PartialEq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
    failed_names: Vec<String>,
    ignored_names: Vec<String>,
}

impl Tally {
    fn read(&mut self, line: &str) {
        if let Some(summary) = line.strip_prefix("test result: ") {
            return self.read_summary(summary);
        }
        let Some((name, outcome)) = line
            .strip_prefix("test ")
            .and_then(|line| line.split_once(" ... "))
        else {
            return;
        };
        if outcome.starts_with("FAILED") {
            self.failed_names.push(format!("`{name}`"));
        } else if outcome.starts_with("ignored") {
            self.ignored_names.push(format!("`{name}`"));
        }
    }

    /// Reads `ok. 3 passed; 0 failed; 1 ignored; 0 measured; …`.
    fn read_summary(&mut self, summary: &str) {
        let Some((_verdict, counts)) = summary.split_once(". ") else {
            return;
        };
        for part in counts.split("; ") {
            let Some((count, what)) = part.split_once(' ') else {
                continue;
            };
            let Ok(count) = count.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Report, Tally};

    const OK: &str = "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out";
    const FAILED: &str =
        "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
    const IGNORED: &str =
        "test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out";

    fn report(lines: &[&str], ended_badly: Option<&str>) -> Report {
        let mut tally = Tally::default();
        lines.iter().for_each(|line| tally.read(line));
        let mut report = Report::default();
        report.add(&tally, "cargo test", ended_badly.map(str::to_owned));
        report.demand_a_test();
        report
    }

    #[track_caller]
    fn check(lines: &[&str], ended_badly: Option<&str>, totals: (u64, u64), complaints: &[&str]) {
        let report = report(lines, ended_badly);
        assert_eq!((report.passed, report.failed), totals);
        assert_eq!(report.complaints, complaints);
    }

    #[test]
    fn every_runner_is_added_up() {
        check(
            &["running 3 tests", OK, "", "running 3 tests", OK],
            None,
            (6, 0),
            &[],
        );
    }

    #[test]
    fn a_failed_test_is_named() {
        let lines = [
            "test chain::tests::a ... FAILED",
            "test chain::tests::b ... FAILED",
            OK,
            FAILED,
        ];
        let want = "`cargo test` saw tests fail: `chain::tests::a`, `chain::tests::b`";
        check(&lines, Some("exit status: 101"), (4, 2), &[want]);
    }

    #[test]
    fn an_ignored_test_fails_the_suite() {
        let lines = [
            "test chain::tests::slow ... ignored, takes long",
            "test chain::tests::a ... ok",
            IGNORED,
        ];
        let want = "`cargo test` ignored 1 of its tests (`chain::tests::slow`): no test is \
                    skipped silently, so make it run or delete it";
        check(&lines, None, (1, 0), &[want]);
    }

    #[test]
    fn a_suite_without_tests_fails() {
        let empty = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out";
        check(
            &[empty],
            None,
            (0, 0),
            &["no test ran: a suite that proves nothing does not pass"],
        );
    }

    #[test]
    fn a_run_that_is_cut_off_counts_as_a_failure() {
        let want = "`cargo test` ended with signal: 6 and named no failed test: it did not \
                    compile, or it was cut off; read its output above";
        check(&[OK, "running 2 tests"], Some("signal: 6"), (3, 1), &[want]);
    }
}
