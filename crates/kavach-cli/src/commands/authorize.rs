//! `kavach authorize`

use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;

use kavach::{Authorization, Caller, Decision, Kavach, Reason, Timestamp};

use crate::commands::token::presentation;
use crate::console::Console;
use crate::data::{Data, shown_path};
use crate::failure::{Exit, Failure};
use crate::paint::Ink;
use crate::progress::Progress;
use crate::requests::{Answer, Asked, Input, Manner, Stream, context_argument, unrecorded};

/// Decide whether an agent may do something, and record the answer
///
/// On a terminal one answer is a sentence; with --json, and wherever else it goes, it is an object as for
/// --requests.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
With --requests, one JSON object a line in:
  {\"agent\",\"action\",\"resource\",\"context\"?,\"at\"?}
where context is {\"args\"?,\"ip\"?,\"cost\"?,\"audience\"?}, and at stands only with --simulate;
one object a line out, in order:
  {\"decision\":\"allow\"|\"deny\"|\"needs_approval\",\"reason\",\"line\":[owner,agent,…],\"audit_id\",\"revision\"}
A bad line gives {\"error\",\"line\"}, and the rest goes on.")]
pub(crate) struct Authorize {
    /// Who, by name or id, what they want to do, and to what; with --presentation only the latter two
    #[arg(
        value_names = ["AGENT", "ACTION", "RESOURCE"],
        num_args = 0..=3,
        required_unless_present = "requests"
    )]
    call: Vec<String>,
    /// Whoever holds the token in this file calls; `-` is standard input. Name the service with --audience
    #[arg(long, value_name = "FILE", requires = "audience", conflicts_with_all = ["requests", "simulate"])]
    presentation: Option<PathBuf>,
    /// The service that is called: its URL, as it writes itself
    #[arg(long, value_name = "URL", conflicts_with = "requests")]
    audience: Option<String>,
    /// What else is known, a JSON object: {"args"?,"ip"?,"cost"?,"audience"?,"request_id"?}
    #[arg(long, value_name = "JSON", conflicts_with = "requests")]
    context: Option<String>,
    /// Decide each line of this file instead; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "call")]
    requests: Option<PathBuf>,
    /// Only say what the answer would be: nothing is debited or recorded
    #[arg(long)]
    simulate: bool,
    /// Simulate at this time; the agents are those of today
    #[arg(
        long,
        value_name = "TIME",
        requires = "simulate",
        conflicts_with = "requests"
    )]
    at: Option<String>,
}

impl Authorize {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let manner = if self.simulate {
            Manner::Simulate
        } else {
            Manner::Record
        };
        match &self.requests {
            Some(file) => self.many(file, manner, data, console).await,
            None => self.one(manner, data, console).await,
        }
    }

    fn asked(&self) -> Result<Asked, Failure> {
        let call: Vec<&str> = self.call.iter().map(String::as_str).collect();
        match (&self.presentation, call.as_slice()) {
            (None, [agent, action, resource]) => {
                Asked::new(agent, action, resource).map_err(Failure::Error)
            }
            (Some(file), [action, resource]) => {
                let caller = Caller::from(&presentation(file)?);
                Asked::by(caller, action, resource).map_err(Failure::Error)
            }
            (None, [..]) => {
                let words = "name an agent, an action and a resource: `kavach authorize searcher read \
                             mcp:github:issues`";
                Err(Failure::error(words))
            }
            (Some(_), [..]) => {
                let words = "name an action and a resource: the presentation says who calls";
                Err(Failure::error(words))
            }
        }
    }

    async fn one(
        &self,
        manner: Manner,
        data: &Data,
        console: &mut Console,
    ) -> Result<Exit, Failure> {
        let mut asked = self.asked()?;
        if let Some(json) = &self.context {
            asked.call.context = context_argument(json)?;
        }
        if let Some(audience) = &self.audience {
            asked.call.context.audience = Some(audience.clone());
        }
        let at: Option<Timestamp> = self.at.as_deref().map(str::parse).transpose()?;
        let given = match manner {
            Manner::Simulate => {
                data.look(console, async |kavach, _| {
                    Ok(kavach.simulate(&asked.call, at)?)
                })
                .await?
            }
            Manner::Record => {
                data.change(async |kavach| Ok(kavach.authorize_call(asked.call).await?))
                    .await?
            }
        };
        if given.reason() == Reason::AuditUnavailable {
            console.complain(unrecorded(1));
        }
        print(console, manner, &given)?;
        Ok(if given.is_allowed() {
            Exit::Done
        } else {
            Exit::Denied
        })
    }

    async fn many(
        &self,
        file: &PathBuf,
        manner: Manner,
        data: &Data,
        console: &mut Console,
    ) -> Result<Exit, Failure> {
        let (input, size) = if file.as_os_str() == "-" {
            (Input::read(BufReader::new(io::stdin()), manner), None)
        } else {
            let unreadable = |error| {
                let file = shown_path(file);
                Failure::error(format!("the requests in `{file}` cannot be read: {error}"))
            };
            let opened = File::open(file).map_err(unreadable)?;
            let found = opened.metadata().map_err(unreadable)?;
            let size = found.is_file().then_some(found.len());
            (Input::read(BufReader::new(opened), manner), size)
        };
        let progress = Progress::of_bytes(console, size);
        let answer = async |kavach: &Kavach, console: &mut Console| {
            let stream = Stream::new(kavach, manner);
            stream
                .answer_all(input, console, |bytes| progress.is_at(bytes))
                .await
        };
        let exit = match manner {
            Manner::Simulate => data.look(console, answer).await,
            Manner::Record => {
                data.change(async |kavach| answer(kavach, console).await)
                    .await
            }
        };
        progress.end();
        exit
    }
}

fn print(console: &mut Console, manner: Manner, given: &Authorization) -> Result<(), Failure> {
    if !console.is_for_people() {
        return console.object(&match manner {
            Manner::Record => Answer::recorded(given),
            Manner::Simulate => Answer::simulated(given),
        });
    }
    let ink = match given.decision {
        Decision::Allow => Ink::Good,
        Decision::NeedsApproval => Ink::Warn,
        Decision::Deny(_) => Ink::Bad,
    };
    let word = console
        .paint
        .ink(ink, crate::requests::word(given.decision));
    console.line(format_args!("{word}  {given}"))?;
    if let Some(refusal) = given.token_refusal {
        console.line(console.paint.ink(Ink::Faint, refusal))?;
    }
    if let (Decision::NeedsApproval, Some(id)) = (given.decision, given.approval) {
        let words = format_args!("waits as {id}; `kavach approval show {id}` tells more");
        console.line(console.paint.ink(Ink::Faint, words))?;
    }
    if let Some(id) = given.audit_id {
        console.line(
            console
                .paint
                .ink(Ink::Faint, format_args!("recorded as {id}")),
        )?;
    }
    Ok(())
}
