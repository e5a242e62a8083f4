//! `kavach store copy`

use kavach::copy::{Copied, CopyError};
use serde::Serialize;

use crate::console::Console;
use crate::failure::{Exit, Failure, with_causes};
use crate::place::{Place, Purpose};
use crate::progress::Progress;

use super::counted;

/// Copy everything to an empty store, of whatever kind, and read both again
///
/// Nothing may write to either meanwhile. A copy that was interrupted goes on where it was; until it is
/// done, nobody can open it. The master key stays where it is and fits both.
#[derive(clap::Args, Debug)]
pub(crate) struct Copy {
    /// The store that is there, such as `redb:kavach-data/kavach.redb`
    #[arg(value_name = "FROM")]
    from: String,
    /// The one that is made, such as `postgres://USER@HOST/DATABASE`
    #[arg(value_name = "TO")]
    to: String,
}

impl Copy {
    pub(crate) async fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        #[derive(Serialize)]
        struct Told {
            from: String,
            to: String,
            records: u64,
            events: u64,
            resumed: bool,
        }
        let (from, to): (Place, Place) = (self.from.parse()?, self.to.parse()?);
        if from == to {
            return Err(Failure::error(
                "a store cannot be copied onto itself; name two",
            ));
        }
        if !from.has_store().await? {
            return Err(Failure::error(format!("there is no store in `{from}`")));
        }
        let copied = copy(console, &from, &to).await?;
        let told = Told {
            from: from.to_string(),
            to: to.to_string(),
            records: copied.census.records.values().sum(),
            events: copied.census.events(),
            resumed: copied.resumed,
        };
        if console.json {
            console.object(&told)?;
        } else {
            console.line(format_args!(
                "copied {} and {} from {} to {}",
                counted(told.records, "record"),
                counted(told.events, "event"),
                told.from,
                told.to
            ))?;
        }
        Ok(Exit::Done)
    }
}

async fn copy(console: &Console, from: &Place, to: &Place) -> Result<Copied, Failure> {
    // Opened for writing, so that an embedded source is locked against those who write.
    let source = from.open(Purpose::Changing).await?;
    let target = match to.open(Purpose::Changing).await {
        Ok(target) => target,
        Err(error) => {
            source.close().await;
            return Err(error.into());
        }
    };
    let progress = Progress::of_copied(console);
    let tell = |written| progress.is_at(written);
    let copied = kavach::copy::copy(&*source.store, &*target.store, tell).await;
    progress.end();
    source.close().await;
    target.close().await;
    copied.map_err(|error| {
        if let CopyError::Store(error) = error {
            return error.into();
        }
        Failure::error(with_causes(&error))
    })
}
