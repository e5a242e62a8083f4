//! `kavach store`

use kavach::StoreError;

use crate::console::Console;
use crate::data::{Data, is_left_unfinished};
use crate::failure::{Exit, Failure};
use crate::place::{Opened, Purpose};

mod backup;
mod check;
mod copy;
mod migrate;
mod reopen;
mod restore;
mod stats;

pub(crate) use reopen::how_to;

/// Look after the store itself: move it to another engine, check it, bring its schema up to date
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Store {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Copy(copy::Copy),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Reopen(reopen::Reopen),
    Check(check::Check),
    Stats(stats::Stats),
    Migrate(migrate::Migrate),
}

impl Store {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        match self.command {
            Command::Backup(backup) => backup.run(data, console).await,
            Command::Restore(restore) => restore.run(data, console).await,
            Command::Reopen(reopen) => reopen.run(data, console).await,
            Command::Copy(copy) => copy.run(console).await,
            Command::Check(check) => check.run(data, console).await,
            Command::Stats(stats) => stats.run(data, console).await,
            Command::Migrate(migrate) => migrate.run(data, console).await,
        }
    }
}

/// Opens the store to be looked at, without a node on it.
async fn open(data: &Data) -> Result<Opened, Failure> {
    if !data.place.has_store().await? {
        return Err(Failure::error(format!(
            "there is no store in `{}`",
            data.place
        )));
    }
    match data.place.open(Purpose::Looking).await {
        // Who had it last was stopped in the middle: it has to be set right first.
        Err(error) if is_left_unfinished(error.kind()) => {
            Ok(data.place.open(Purpose::Changing).await?)
        }
        opened => Ok(opened?),
    }
}

/// Runs `work` on a store, and closes it.
async fn on<T>(
    opened: Opened,
    work: impl AsyncFnOnce(&dyn kavach::Store) -> Result<T, StoreError>,
) -> Result<T, Failure> {
    let result = work(&*opened.store).await;
    opened.close().await;
    Ok(result?)
}

/// `1 event`, `2 events`.
fn counted(number: u64, what: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{number} {what}{end}")
}
