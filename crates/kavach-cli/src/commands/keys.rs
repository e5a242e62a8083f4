//! `kavach keys`

use kavach::Kavach;
use serde::Serialize;

use crate::commands::token::failed;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;
use crate::table::{Table, faint, plain};
use crate::when;

/// The root keys that sign a tenant's tokens: list them, rotate them, publish them
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// List the root keys, the oldest first; the last one signs
    List,
    /// Make a root key and put it in the place of the present one; makes the first one too
    Rotate {
        /// How long what the present one signed counts: at most 30 days; 0s for not at all
        #[arg(long, value_name = "DURATION", default_value = "30d")]
        overlap: String,
    },
    /// Print the key set to publish, for verifiers elsewhere: JSON
    Export,
}

#[derive(Serialize)]
struct Shown {
    id: u32,
    key: String,
    not_before: String,
    expires_at: Option<String>,
}

impl Keys {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        match self.command {
            Command::List => {
                let keys = data
                    .look(console, async |kavach, _| Ok(shown(kavach)))
                    .await?;
                print(console, keys)
            }
            Command::Rotate { overlap } => {
                let overlap_s = when::seconds(&overlap).map_err(Failure::Error)?;
                let rotate = async |kavach: &Kavach| {
                    kavach.rotate_root_key(overlap_s).await?;
                    Ok(shown(kavach))
                };
                let keys = data.change(rotate).await?;
                print(console, keys)
            }
            Command::Export => {
                let export = async |kavach: &Kavach, _: &mut Console| Ok(kavach.key_set());
                let keys = data.look(console, export).await?;
                let keys = keys.ok_or_else(|| {
                    failed("this tenant has no root key yet; `kavach keys rotate` makes one")
                })?;
                console.line(keys.to_json())?;
                Ok(Exit::Done)
            }
        }
    }
}

fn shown(kavach: &Kavach) -> Vec<Shown> {
    let keys = kavach.root_keys().into_iter();
    keys.map(|known| Shown {
        id: known.id,
        key: known.key.to_string(),
        not_before: known.not_before.to_string(),
        expires_at: known.expires_at.map(|at| at.to_string()),
    })
    .collect()
}

fn print(console: &mut Console, keys: Vec<Shown>) -> Result<Exit, Failure> {
    if console.json {
        console.array(keys)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(console, &["number", "key", "from", "until"]);
    for known in keys {
        let until = match known.expires_at {
            Some(at) => faint(at),
            None => ("signs now".to_owned(), Ink::Good),
        };
        table.row([
            plain(known.id),
            plain(known.key),
            plain(known.not_before),
            until,
        ]);
    }
    table.print(console)?;
    Ok(Exit::Done)
}
