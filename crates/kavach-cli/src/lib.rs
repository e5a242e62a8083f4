//! The command line.
//!
//! The binary `kavach` calls [`main`] and does nothing else. `Arguments` says what
//! can be written, and each command is a file of `commands`: it opens the `data` folder, asks or
//! changes the facade, and prints to the `console`: results to standard output, everything that is said
//! to a person to standard error. What comes from outside is read at the edge: the file of `apply` by
//! `declaration`, requests by `requests`, times by `when`.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, FromArgMatches};

mod arguments;
mod branch;
mod commands;
mod console;
mod data;
mod declaration;
mod failure;
#[doc(hidden)]
pub mod fuzz;
mod limits;
mod lookup;
mod master_key;
mod paint;
mod place;
mod policy_test;
mod progress;
mod requests;
mod table;
mod webhook;
mod when;

use arguments::{Arguments, Command, Global};
use console::{Console, Wishes};
use data::{Data, usual_place};
use failure::{Exit, Failure};

/// Does what the command line says, and returns what the process ends with.
pub fn main() -> ExitCode {
    let Arguments { command, global } = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and versions go to standard output, mistakes to standard error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() {
                Exit::Erred.code()
            } else {
                0
            });
        }
    };
    let mut console = Console::new(Wishes {
        json: global.json,
        no_color: global.no_color,
    });
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        // A defect is told in one line, like every other error.
        std::panic::set_hook(Box::new(|_| ()));
    }
    let run = AssertUnwindSafe(|| run(command, global, &mut console));
    let result = std::panic::catch_unwind(run).unwrap_or_else(|defect| Err(told(&*defect)));
    // What was printed may still not be out.
    let result = result.and_then(|exit| console.flush().map(|()| exit));
    ExitCode::from(match result {
        Ok(exit) => exit.code(),
        Err(failure) => {
            console.fail(&failure);
            failure.code()
        }
    })
}

/// A defect of this program.
fn told(defect: &(dyn Any + Send)) -> Failure {
    let words = defect.downcast_ref::<String>().map(String::as_str);
    let words = words
        .or_else(|| defect.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    Failure::error(format!(
        "this is a defect of kavach ({words}); report it, with what RUST_BACKTRACE=1 adds to it"
    ))
}

fn arguments() -> Result<Arguments, clap::Error> {
    let plain = std::env::args_os().any(|argument| argument == "--no-color");
    let colours = if plain {
        ColorChoice::Never
    } else {
        ColorChoice::Auto
    };
    let mut command = Arguments::command().color(colours);
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

fn run(command: Command, global: Global, console: &mut Console) -> Result<Exit, Failure> {
    let place = match global.store.filter(|url| !url.is_empty()) {
        Some(url) => url.parse()?,
        None => usual_place(&global.data),
    };
    let data = Data {
        folder: global.data,
        place,
        tenant: global.tenant.parse()?,
        approval_webhook: global.approval_webhook.filter(|url| !url.is_empty()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::error(format!("no threads can be started: {error}")))?;
    runtime.block_on(commands::run(command, &data, console))
}
