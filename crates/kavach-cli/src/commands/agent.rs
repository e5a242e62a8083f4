//! `kavach agent`

use kavach::{Agent as AgentRecord, Done};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure, quoted};
use crate::paint::Ink;

mod create;
mod forest;
mod issued;
mod key;
mod list;
mod resume;
mod revoke;
mod rotate;
mod show;
mod shown;
mod suspend;
mod tree;
mod update;

pub(crate) use issued::{Issued, lost};

/// Create agents, look at them, change them, end them
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Agent {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Create(create::Create),
    List(list::List),
    Show(show::Show),
    Update(update::Update),
    Rotate(rotate::Rotate),
    Key(key::Key),
    Suspend(suspend::Suspend),
    Resume(resume::Resume),
    Revoke(revoke::Revoke),
    Tree(tree::Tree),
}

impl Agent {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        match self.command {
            Command::Create(create) => create.run(data, console).await,
            Command::List(list) => list.run(data, console).await,
            Command::Show(show) => show.run(data, console).await,
            Command::Update(update) => update.run(data, console).await,
            Command::Rotate(rotate) => rotate.run(data, console).await,
            Command::Key(key) => key.run(data, console).await,
            Command::Suspend(suspend) => suspend.run(data, console).await,
            Command::Resume(resume) => resume.run(data, console).await,
            Command::Revoke(revoke) => revoke.run(data, console).await,
            Command::Tree(tree) => tree.run(data, console).await,
        }
    }
}

/// Says what was done about an agent.
fn told(
    console: &mut Console,
    (ink, word): (Ink, &str),
    agent: &AgentRecord,
    done: &Done,
    what_else: &str,
) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Told<'a> {
        id: String,
        name: &'a str,
        revision: u64,
        audit_id: String,
    }
    if console.json {
        console.object(&Told {
            id: agent.id.to_string(),
            name: agent.name.as_str(),
            revision: done.revision,
            audit_id: done.audit_id.to_string(),
        })?;
    } else {
        let word = console.paint.ink(ink, word);
        console.line(format_args!(
            "{word} {} ({}){what_else}",
            agent.name, agent.id
        ))?;
    }
    Ok(Exit::Done)
}

/// A note `key=value`.
pub(crate) fn note(text: &str) -> Result<(String, String), Failure> {
    let pair = text
        .split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    pair.ok_or_else(|| {
        Failure::error(format!(
            "{} is not a note; write `key=value`, as in `team=search`",
            quoted(text)
        ))
    })
}
