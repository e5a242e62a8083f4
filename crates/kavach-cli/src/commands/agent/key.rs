//! `kavach agent key`

use std::path::PathBuf;

use kavach::token::{PublicKey, Registration};
use kavach::{HolderKeyInfo, Kavach};
use serde::Serialize;

use super::told;
use crate::commands::token::{failed, read_holder_key, read_text};
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::limits::TOKEN_FILE_BYTES_MAX;
use crate::lookup;
use crate::paint::Ink;
use crate::table::{Table, faint, plain};

/// The keys that an agent holds tokens by: register them, list them, take them away
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub(super) struct Key {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Register a holder key for an agent; at most 8 live at a time
    Add {
        /// The agent: a name or an id
        agent: String,
        /// What `kavach token key FILE --for AGENT` prints on the agent's machine; `-` is standard input
        #[arg(required_unless_present = "key")]
        registration: Option<String>,
        /// The file with the secret key instead, where it is on this machine
        #[arg(long, value_name = "FILE", conflicts_with = "registration")]
        key: Option<PathBuf>,
    },
    /// List an agent's holder keys, those that were removed included
    List {
        /// The agent: a name or an id
        agent: String,
    },
    /// Take a holder key away, for good, and with it all that was passed on by it
    Remove {
        /// The agent: a name or an id
        agent: String,
        /// The key: 64 digits
        key: String,
    },
}

#[derive(Serialize)]
struct Shown {
    key: String,
    added_at: String,
    removed_at: Option<String>,
}

impl Shown {
    fn of(known: &HolderKeyInfo) -> Self {
        Self {
            key: known.key.to_string(),
            added_at: known.added_at.to_string(),
            removed_at: known.removed_at.map(|at| at.to_string()),
        }
    }
}

impl Key {
    pub(super) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        match self.command {
            Command::Add {
                agent,
                registration,
                key,
            } => {
                let registration = registration.as_deref();
                let (agent, done, key) = data
                    .change(async |kavach| {
                        let agent = lookup::agent(kavach, &agent)?;
                        let made = registered(kavach, &agent.name, registration, key)?;
                        let done = kavach.add_holder_key(&agent.id, &made).await?;
                        Ok((agent, done, made.key()))
                    })
                    .await?;
                let what_else = format!(" holds tokens by {key}");
                told(
                    console,
                    (Ink::Good, "registered"),
                    &agent,
                    &done,
                    &what_else,
                )
            }
            Command::List { agent } => {
                let keys = data
                    .look(console, async |kavach, _| {
                        let agent = lookup::agent(kavach, &agent)?;
                        let keys = kavach.holder_keys(&agent.id);
                        Ok(keys.iter().map(Shown::of).collect())
                    })
                    .await?;
                print(console, keys)
            }
            Command::Remove { agent, key } => {
                let key: PublicKey = key.parse().map_err(failed)?;
                let (agent, done) = data
                    .change(async |kavach| {
                        let agent = lookup::agent(kavach, &agent)?;
                        let done = kavach.remove_holder_key(&agent.id, &key).await?;
                        Ok((agent, done))
                    })
                    .await?;
                let what_else = format!(" holds nothing by {key} any more");
                told(console, (Ink::Bad, "removed"), &agent, &done, &what_else)
            }
        }
    }
}

fn registered(
    kavach: &Kavach,
    name: &kavach::Name,
    registration: Option<&str>,
    key: Option<PathBuf>,
) -> Result<Registration, Failure> {
    if let Some(file) = key {
        let key = read_holder_key(&file)?;
        return Registration::sign(&key, kavach.tenant(), name).map_err(failed);
    }
    let text = match registration {
        Some("-") => read_text(&PathBuf::from("-"), TOKEN_FILE_BYTES_MAX)?,
        other => other.unwrap_or_default().to_owned(),
    };
    text.parse().map_err(failed)
}

fn print(console: &mut Console, keys: Vec<Shown>) -> Result<Exit, Failure> {
    if console.json {
        console.array(keys)?;
        return Ok(Exit::Done);
    }
    let mut table = Table::new(console, &["key", "since", "until"]);
    for known in keys {
        let until = known.removed_at.map_or_else(|| plain(""), faint);
        table.row([plain(known.key), plain(known.added_at), until]);
    }
    table.print(console)?;
    Ok(Exit::Done)
}
