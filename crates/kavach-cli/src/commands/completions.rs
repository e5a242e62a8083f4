//! `kavach completions`

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::console::Console;
use crate::failure::{Exit, Failure};

/// Print completions for a shell, to be sourced by it
#[derive(clap::Args, Debug)]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "kavach", &mut script);
        let written = console.writer().write_all(&script);
        written.map_err(|error| Failure::output(&error))?;
        Ok(Exit::Done)
    }
}
