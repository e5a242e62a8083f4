//! The project's own commands, run as `cargo xtask …`.
//!
//! `layers` holds the tree against the tables of ARCHITECTURE.md, `test` runs every test and ends
//! with one line of totals, `ci` runs everything that a change must pass, `campaign` runs the
//! same tests for much longer, and `prove` has Coq check the proof of the policy engine. [`cargo`]
//! is the only module that makes child processes, [`tree`] the only one that reads the workspace.

mod campaign;
mod cargo;
mod ci;
mod interop;
mod layers;
mod licences;
mod machine;
mod postgres;
mod prove;
mod suite;
mod tree;
mod wasm;

use std::env;
use std::process::ExitCode;

use prove::Differing;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            println!("{}", help());
            ExitCode::SUCCESS
        }
        ["layers"] => told(layers::run()),
        ["test"] => suite::run(&[]).close(),
        ["test", "--", extra @ ..] => suite::run(extra).close(),
        ["ci"] => ci::run(),
        ["campaign"] => told(campaign::run_all()),
        ["campaign", name] => told(campaign::run(name)),
        ["prove"] => told(prove::run(Differing::Refuse)),
        ["prove", "--write"] => told(prove::run(Differing::Overwrite)),
        unknown => told(Err(format!(
            "`cargo xtask {}` is no command\n\n{}",
            unknown.join(" "),
            help()
        ))),
    }
}

/// The exit code of `outcome`, after saying what went wrong.
fn told(outcome: Result<(), String>) -> ExitCode {
    let Err(complaint) = outcome else {
        return ExitCode::SUCCESS;
    };
    eprintln!("{complaint}");
    ExitCode::FAILURE
}

fn help() -> String {
    let campaigns = campaign::list();
    format!(
        "\
cargo xtask test [-- <arguments of cargo test>]
    every test; the last line of output is `N passed, N failed`
cargo xtask ci
    everything that a change must pass: formatting, layers, lints, documentation, licences, tests
cargo xtask layers
    who may depend on whom
cargo xtask campaign [<name>]
    the long runs, one or all:
{campaigns}
cargo xtask prove [--write]
    the proof of the policy engine, checked by Coq, and the code held against it; with `--write`, the
    vectors in the tree are written anew
cargo xtask help
    this text"
    )
}
