//! `kavach store check`

use kavach::backup::{Restoration, restoration};
use kavach::{Store, census};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};

use super::{counted, how_to, on, open};

/// Read everything: are the records whole, and does the trail lead to the heads of its logs?
#[derive(clap::Args, Debug)]
pub(crate) struct Check {}

impl Check {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        #[derive(Serialize)]
        struct Told {
            store: String,
            records: u64,
            events: u64,
            logs: u64,
            closed: bool,
        }
        let opened = open(data).await?;
        let file = opened.check_file().await;
        let check = async |store: &dyn Store| {
            file?;
            Ok((census::check(store).await?, restoration(store).await?))
        };
        let (census, restored) = on(opened, check).await?;
        let closed = restored.filter(Restoration::is_closed);
        let told = Told {
            store: data.place.to_string(),
            records: census.records.values().sum(),
            events: census.events(),
            logs: census.logs.len() as u64,
            closed: closed.is_some(),
        };
        if console.json {
            console.object(&told)?;
        } else {
            console.line(format_args!(
                "{} is whole: {}, {} in {}",
                told.store,
                counted(told.records, "record"),
                counted(told.events, "event"),
                counted(told.logs, "log"),
            ))?;
        }
        if let Some(closed) = closed {
            console.note(how_to(&closed));
        }
        Ok(Exit::Done)
    }
}
