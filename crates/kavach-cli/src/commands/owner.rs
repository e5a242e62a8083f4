//! `kavach owner`

use kavach::{Done, Subject};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;

mod erase;
mod grant;
mod reinstate;
mod revoke;
mod show;

/// Look after the people behind agents: let them approve calls, off-board them, erase them
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Owner {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Show(show::Show),
    Grant(grant::Grant),
    Ungrant(grant::Ungrant),
    Revoke(revoke::Revoke),
    Reinstate(reinstate::Reinstate),
    Erase(erase::Erase),
}

impl Owner {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        match self.command {
            Command::Show(show) => show.run(data, console).await,
            Command::Grant(grant) => grant.run(data, console).await,
            Command::Ungrant(ungrant) => ungrant.run(data, console).await,
            Command::Revoke(revoke) => revoke.run(data, console).await,
            Command::Reinstate(reinstate) => reinstate.run(data, console).await,
            Command::Erase(erase) => erase.run(data, console).await,
        }
    }
}

/// Says what was done about an owner.
fn told(
    console: &mut Console,
    (ink, word): (Ink, &str),
    owner: &Subject,
    done: &Done,
    what_else: &str,
) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Told<'a> {
        owner: &'a str,
        revision: u64,
        audit_id: String,
    }
    if console.json {
        console.object(&Told {
            owner: owner.as_str(),
            revision: done.revision,
            audit_id: done.audit_id.to_string(),
        })?;
    } else {
        let word = console.paint.ink(ink, word);
        console.line(format_args!("{word} {owner}{what_else}"))?;
    }
    Ok(Exit::Done)
}
