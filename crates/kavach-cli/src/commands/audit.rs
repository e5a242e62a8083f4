//! `kavach audit`

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};

mod export;
mod list;
mod print;
mod selection;
mod show;
mod tail;

pub(crate) use print::{ink_of, is_good, row};

/// Ask the trail: who did what, through whom, and who said they could
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    List(list::List),
    Show(show::Show),
    Export(export::Export),
    Tail(tail::Tail),
}

impl Audit {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        match self.command {
            Command::List(list) => list.run(data, console).await,
            Command::Show(show) => show.run(data, console).await,
            Command::Export(export) => export.run(data, console).await,
            Command::Tail(tail) => tail.run(data, console).await,
        }
    }
}
