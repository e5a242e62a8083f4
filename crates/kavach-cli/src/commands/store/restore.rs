//! `kavach store restore`

use std::fs::File;
use std::path::PathBuf;

use kavach::SystemClock;
use kavach::backup::{RestoreError, Restored, check};
use serde::Serialize;

use crate::console::Console;
use crate::data::{Data, unreadable_file};
use crate::failure::{Exit, Failure, with_causes};
use crate::master_key;
use crate::place::{Place, Purpose};
use crate::progress::Progress;

use super::counted;
use super::reopen::{Said, how_to};

/// Make a store from a backup; it allows nothing until it is reopened
///
/// All of the file is looked at first, and the master key of the store must be in the data folder. The store that
/// is made must be empty before: nothing is overwritten. Nodes that ran on the lost one must be stopped.
///
/// What was revoked after the backup is not in it. So every call is denied until somebody says what became of
/// that, here or with `kavach store reopen`: by exports of the trail since, or by accepting the loss.
#[derive(clap::Args, Debug)]
pub(super) struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who says what follows, such as user:alice
    #[arg(long, value_name = "SUBJECT")]
    by: Option<String>,
    #[command(flatten)]
    said: Said,
}

impl Restore {
    pub(super) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        #[derive(Serialize)]
        struct Told {
            store: String,
            backup_at: String,
            records: u64,
            events: u64,
            closed: bool,
        }
        let reopening = match (&self.by, self.said.is_empty()) {
            (_, true) => None,
            (Some(by), false) => Some(self.said.reopening(by)?),
            (None, false) => {
                return Err(Failure::error(
                    "say who says so: `--by user:NAME`; it is on record then",
                ));
            }
        };
        let restored = self.make(data, console).await?;
        let told = Told {
            store: data.place.to_string(),
            backup_at: restored.restoration.backup_at.to_string(),
            records: restored.census.records.values().sum(),
            events: restored.contents.events(),
            closed: reopening.is_none(),
        };
        if console.json && reopening.is_none() {
            console.object(&told)?;
        } else if !console.json {
            console.line(format_args!(
                "restored {} as it was at {}: {}, {}",
                told.store,
                told.backup_at,
                counted(told.records, "record"),
                counted(told.events, "event"),
            ))?;
        }
        match reopening {
            Some(reopening) => super::reopen::run(reopening, data, console).await,
            None => {
                console.note(how_to(&restored.restoration));
                Ok(Exit::Done)
            }
        }
    }

    async fn make(&self, data: &Data, console: &Console) -> Result<Restored, Failure> {
        if data.place == Place::Memory {
            return Err(Failure::error(
                "what is restored to `memory:` is gone when the command ends; name a store that stays",
            ));
        }
        let key = master_key::read(&data.folder)?;
        let key = key.ok_or_else(|| master_key::missing(&data.folder))?;
        let unreadable = |error| unreadable_file(&self.file, &error);
        // Before anything is made where the store is to be.
        let file = File::open(&self.file).map_err(unreadable)?;
        check(file, Some(&key)).map_err(|error| failed(RestoreError::Read(error)))?;
        let mut file = File::open(&self.file).map_err(unreadable)?;
        let opened = data.place.open(Purpose::Changing).await?;
        let progress = Progress::of_copied(console);
        let clock = SystemClock::default();
        let mut tell = |written| progress.is_at(written);
        let store = &*opened.store;
        let made = kavach::backup::restore(&mut file, store, Some(&key), &clock, &mut tell).await;
        progress.end();
        opened.close().await;
        made.map_err(failed)
    }
}

fn failed(error: RestoreError) -> Failure {
    if let RestoreError::Store(error) = error {
        return error.into();
    }
    Failure::error(with_causes(&error))
}
