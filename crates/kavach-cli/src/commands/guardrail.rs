//! `kavach guardrail`

use kavach::{Done, Name};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;

mod enforce;
mod list;
mod remove;
mod set;

/// Say what is never allowed, whatever anybody holds
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Guardrail {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Set(set::Set),
    Enforce(enforce::Enforce),
    Remove(remove::Remove),
    List(list::List),
}

impl Guardrail {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        match self.command {
            Command::Set(set) => set.run(data, console).await,
            Command::Enforce(enforce) => enforce.run(data, console).await,
            Command::Remove(remove) => remove.run(data, console).await,
            Command::List(list) => list.run(data, console).await,
        }
    }
}

/// Says what was done about a guardrail.
fn told(
    console: &mut Console,
    (ink, word): (Ink, &str),
    name: &Name,
    done: &Done,
    what_else: &str,
) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Told<'a> {
        guardrail: &'a str,
        revision: u64,
        audit_id: String,
    }
    if console.json {
        console.object(&Told {
            guardrail: name.as_str(),
            revision: done.revision,
            audit_id: done.audit_id.to_string(),
        })?;
    } else {
        let word = console.paint.ink(ink, word);
        console.line(format_args!("{word} {name}{what_else}"))?;
    }
    Ok(Exit::Done)
}
