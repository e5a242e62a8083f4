//! Long runs: the same tests with far more cases, and the fuzz targets with far more time.

use crate::cargo::{self, cargo};
use crate::tree;

/// One long run.
struct Campaign {
    name: &'static str,
    what: &'static str,
    work: Work,
    environment: &'static [(&'static str, &'static str)],
}

enum Work {
    /// One run of cargo.
    Cargo(&'static [&'static str]),
    /// Each target in `fuzz/fuzz_targets`, for [`FUZZ_S`].
    Fuzz,
}

/// What the tests read to scale their number of cases up.
const MORE_CASES: &[(&str, &str)] = &[("KAVACH_CAMPAIGN", "1")];

/// Seconds for each fuzz target: what a night holds for a few dozen of them.
const FUZZ_S: u32 = 600;

const CAMPAIGNS: &[Campaign] = &[
    Campaign {
        name: "oracle",
        what: "decisions against the naive evaluator",
        work: Work::Cargo(&["test", "--release", "--locked", "--package", "kavach-core"]),
        environment: MORE_CASES,
    },
    Campaign {
        name: "crashes",
        what: "seeded crashes of the store and of everything above it",
        work: Work::Cargo(&[
            "test",
            "--release",
            "--locked",
            "--package",
            "kavach-store-redb",
            "--package",
            "kavach-store-sqlx",
            "--package",
            "kavach-cli",
            "--package",
            "kavach",
            // Those have a campaign of their own: `nodes`.
            "--",
            "--skip",
            "simulated::",
            "--skip",
            "processes::",
        ]),
        environment: MORE_CASES,
    },
    Campaign {
        name: "nodes",
        what: "many nodes, simulated and as processes on PostgreSQL, on a database that goes wrong",
        work: Work::Cargo(&[
            "test",
            "--release",
            "--locked",
            "--package",
            "kavach",
            "--test",
            "many",
        ]),
        environment: MORE_CASES,
    },
    Campaign {
        name: "tokens",
        what: "tokens natively against Datalog",
        work: Work::Cargo(&["test", "--release", "--locked", "--package", "kavach-token"]),
        environment: MORE_CASES,
    },
    Campaign {
        name: "fuzz",
        what: "every parser of outside bytes, under its fuzz target",
        work: Work::Fuzz,
        // cargo-fuzz passes flags that a stable compiler takes only like this.
        environment: &[("RUSTC_BOOTSTRAP", "1")],
    },
];

/// The campaigns, one to a line, indented.
pub(crate) fn list() -> String {
    let lines: Vec<String> = CAMPAIGNS
        .iter()
        .map(|campaign| format!("        {:8} {}", campaign.name, campaign.what))
        .collect();
    lines.join("\n")
}

/// Runs every campaign to its end, also after one that failed.
///
/// # Errors
/// One sentence for each that failed.
pub(crate) fn run_all() -> Result<(), String> {
    told(CAMPAIGNS.iter().map(Campaign::run))
}

/// Runs the campaign called `name`.
///
/// # Errors
/// Where there is none, or it failed.
pub(crate) fn run(name: &str) -> Result<(), String> {
    let Some(campaign) = CAMPAIGNS.iter().find(|campaign| campaign.name == name) else {
        return Err(format!("there is no campaign `{name}`, only\n{}", list()));
    };
    campaign.run()
}

impl Campaign {
    fn run(&self) -> Result<(), String> {
        println!("== {}: {}", self.name, self.what);
        match self.work {
            Work::Cargo(arguments) => self.run_cargo(arguments),
            Work::Fuzz => self.run_fuzz(),
        }
    }

    fn run_fuzz(&self) -> Result<(), String> {
        if cargo::output(&mut cargo(&["fuzz", "--version"])).is_err() {
            return Err(
                "cargo-fuzz is missing: run `cargo install cargo-fuzz --locked`".to_owned(),
            );
        }
        let targets = fuzz_targets()?;
        told(targets.iter().map(|target| self.run_target(target)))
    }

    /// New inputs go to `fuzz/corpus`, which is not in the tree; a crate's own corpus is only read.
    fn run_target(&self, target: &str) -> Result<(), String> {
        let found = format!("fuzz/corpus/{target}");
        let folder = cargo::root().join(&found);
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("`{}` cannot be made: {error}", folder.display()))?;
        let own = tree::entries(&cargo::root().join("crates"))?
            .into_iter()
            .map(|path| path.join("corpus").join(target))
            .filter(|path| path.is_dir())
            .map(|path| path.to_string_lossy().into_owned());
        let limit = format!("-max_total_time={FUZZ_S}");
        let own: Vec<String> = own.collect();
        let mut arguments = vec!["fuzz", "run", target, &found];
        arguments.extend(own.iter().map(String::as_str));
        arguments.extend(["--", &limit]);
        self.run_cargo(&arguments)
    }

    fn run_cargo(&self, arguments: &[&str]) -> Result<(), String> {
        let mut command = cargo(arguments);
        command.envs(self.environment.iter().copied());
        let environment: Vec<String> = self
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        println!("{} {}", environment.join(" "), cargo::spelled(&command));
        cargo::succeed(&mut command)
    }
}

/// The names of the files in `fuzz/fuzz_targets`, in order.
fn fuzz_targets() -> Result<Vec<String>, String> {
    let files = tree::entries(&cargo::root().join("fuzz/fuzz_targets"))?;
    let rust = files
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    Ok(rust
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect())
}

/// Drives `runs` to the end and says what failed.
fn told(runs: impl Iterator<Item = Result<(), String>>) -> Result<(), String> {
    let complaints: Vec<String> = runs.filter_map(Result::err).collect();
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints.join("\n"))
    }
}
