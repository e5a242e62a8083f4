//! `kavach store stats`

use std::collections::BTreeMap;

use kavach::backup::{Restoration, restoration};
use kavach::census;
use kavach::store::Migration;
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};

use super::{how_to, on, open};

/// See how much there is of what
#[derive(clap::Args, Debug)]
pub(crate) struct Stats {}

#[derive(Serialize)]
struct Told {
    store: String,
    engine: String,
    schema: u32,
    revision: u64,
    events: u64,
    records: BTreeMap<&'static str, u64>,
    /// When the backup was made that the store is from, if it is.
    backup_at: Option<String>,
    closed: bool,
}

impl Stats {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let opened = open(data).await?;
        let place = data.place.to_string();
        let mut closed = None;
        let told = on(opened, async |store| {
            let health = store.health().await?;
            let restored = restoration(store).await?;
            closed = restored.clone().filter(Restoration::is_closed);
            Ok(Told {
                closed: closed.is_some(),
                backup_at: restored.map(|restored| restored.backup_at.to_string()),
                store: place,
                engine: health.backend,
                schema: store.migrate(Migration::Check).await?.found,
                revision: health.revision.number(),
                events: health.events,
                records: census::count(store).await?,
            })
        })
        .await?;
        if let Some(closed) = &closed {
            console.note(how_to(closed));
        }
        if console.json {
            console.object(&told)?;
            return Ok(Exit::Done);
        }
        console.line(format_args!(
            "{} ({}, schema {})",
            told.store, told.engine, told.schema
        ))?;
        console.line(format_args!(
            "revision {}, {} events",
            told.revision, told.events
        ))?;
        for (space, records) in told.records.iter().filter(|(_, records)| **records > 0) {
            console.line(format_args!("{records:>10}  {space}"))?;
        }
        Ok(Exit::Done)
    }
}
