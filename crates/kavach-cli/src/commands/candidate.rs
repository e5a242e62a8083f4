//! `FILE.toml`, for commands that look at what it would change.

use std::path::PathBuf;

use kavach::declare::ApplyOptions;
use kavach::{Candidate as State, Kavach, Name};

use super::apply::{refused, source, tell};
use crate::console::Console;
use crate::declaration::{self, Declared, Source};
use crate::failure::{Exit, Failure};

/// What would be applied.
#[derive(clap::Args, Debug)]
pub(crate) struct Candidate {
    /// The file, as for `kavach apply`; `-` is standard input
    #[arg(value_name = "FILE.toml")]
    pub(super) file: PathBuf,
    /// As if what an earlier file named and this one no longer does were revoked
    #[arg(long)]
    prune: bool,
    /// As if this revoked name were taken again; may be repeated
    #[arg(long, value_name = "NAME")]
    recreate: Vec<String>,
}

/// A file that was read.
pub(super) struct Read {
    source: Source,
    declared: Declared,
    options: ApplyOptions,
}

impl Candidate {
    /// Reads the file, or tells what is wrong with it.
    pub(super) fn read(&self, console: &mut Console) -> Result<Read, Failure> {
        let recreate: Result<Vec<Name>, _> =
            self.recreate.iter().map(|name| name.parse()).collect();
        let source = source(&self.file)?;
        let declared = declaration::read(&source.text).map_err(|faults| {
            tell(console, &source, &faults);
            Failure::Told(Exit::Erred)
        })?;
        Ok(Read {
            source,
            declared,
            options: ApplyOptions {
                dry_run: true,
                prune: self.prune,
                recreate: recreate?,
            },
        })
    }
}

impl Read {
    /// The state as the file would make it.
    pub(super) async fn on(
        &self,
        kavach: &Kavach,
        console: &mut Console,
    ) -> Result<State, Failure> {
        let declaration = &self.declared.declaration;
        let candidate = kavach.candidate(declaration, &self.options).await;
        candidate.map_err(|error| refused(console, &self.source, &self.declared, error))
    }
}
