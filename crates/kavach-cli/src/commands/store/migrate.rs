//! `kavach store migrate`

use kavach::store::{Migration, SchemaState};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::place::Purpose;

use super::on;

/// Bring the schema up to date, as the first command that changes something would
#[derive(clap::Args, Debug)]
pub(crate) struct Migrate {
    /// Only look whether it is; exit with 1 if not
    #[arg(long)]
    check: bool,
}

impl Migrate {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        #[derive(Serialize)]
        struct Told {
            store: String,
            schema: u32,
            wanted: u32,
        }
        let place = &data.place;
        let state = if self.check && !place.has_store().await? {
            SchemaState {
                found: 0,
                wanted: 1,
            }
        } else {
            let migration = if self.check {
                Migration::Check
            } else {
                Migration::Apply
            };
            let opened = place.open(Purpose::Changing).await?;
            on(opened, async |store| store.migrate(migration).await).await?
        };
        let told = Told {
            store: place.to_string(),
            schema: state.found,
            wanted: state.wanted,
        };
        let is_ready = told.schema == told.wanted;
        if console.json {
            console.object(&told)?;
        } else if is_ready {
            console.line(format_args!("{} has schema {}", told.store, told.schema))?;
        } else {
            console.line(format_args!(
                "{} has schema {}, and needs {}",
                told.store, told.schema, told.wanted
            ))?;
        }
        Ok(if is_ready { Exit::Done } else { Exit::Denied })
    }
}
