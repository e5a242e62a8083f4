//! `kavach approval`

use kavach::{ApprovalId, ParseError, Subject, Voted};

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;
use shown::Shown;

mod approve;
mod deny;
mod list;
mod show;
mod shown;

/// Say yes or no to calls that wait for a person
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Approval {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    List(list::List),
    Show(show::Show),
    Approve(approve::Approve),
    Deny(deny::Deny),
}

impl Approval {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        match self.command {
            Command::List(list) => list.run(data, console).await,
            Command::Show(show) => show.run(data, console).await,
            Command::Approve(approve) => approve.run(data, console).await,
            Command::Deny(deny) => deny.run(data, console).await,
        }
    }
}

/// What a person says to a call.
#[derive(clap::Args, Debug)]
struct Said {
    /// Which: its id, as `approval list` prints it
    approval: String,
    /// Who says so: user:NAME. Whoever may write to the data folder is believed
    #[arg(long, value_name = "SUBJECT")]
    by: String,
    /// What to note; recorded sealed, beside the event
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl Said {
    /// The request, and the person.
    fn read(&self) -> Result<(ApprovalId, Subject), ParseError> {
        Ok((self.approval.parse()?, self.by.parse()?))
    }

    /// Says what came of it.
    fn told(
        &self,
        console: &mut Console,
        (ink, word): (Ink, &str),
        voted: &Voted,
    ) -> Result<Exit, Failure> {
        let request = &voted.request;
        if console.json {
            console.object(&Shown::of(request))?;
            return Ok(Exit::Done);
        }
        let word = console.paint.ink(ink, word);
        let agent = request.line.last().map_or("", String::as_str);
        console.line(format_args!(
            "{word} {} by {}: {agent} {} {} ({}, {} of {} said yes)",
            request.id,
            self.by,
            request.action,
            request.resource,
            request.state,
            request.said_yes,
            request.needed,
        ))?;
        Ok(Exit::Done)
    }
}
