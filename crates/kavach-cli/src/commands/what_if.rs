//! `kavach what-if`

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use kavach::declare::Doing;
use kavach::{Authorization, Candidate as State, Compared, Effect, Supposed};
use serde::Serialize;

use super::apply::sign;
use super::candidate::Candidate;
use crate::console::Console;
use crate::data::{Data, shown_path};
use crate::failure::{Exit, Failure};
use crate::paint::Ink;
use crate::requests::{Asked, Content, Lines, Manner, word};

/// Say what applying a file would change, and for whom; nothing is changed or recorded
#[derive(clap::Args, Debug)]
#[command(after_help = "\
With --json one object a line: {\"step\",…} and {\"agent\",\"gained\",\"lost\",…} for what changes,
{\"request\",\"now\",\"then\",…} for each answer that would be another one, {\"requests\",\"changed\"} last.")]
pub(crate) struct WhatIf {
    #[command(flatten)]
    candidate: Candidate,
    /// Hold the answers to these requests against each other, one JSON object a line; `-` is standard input
    #[arg(long, value_name = "FILE")]
    requests: Option<PathBuf>,
}

#[derive(Serialize)]
struct ShownStep<'a> {
    step: &'static str,
    what: &'a str,
    details: &'a [String],
}

#[derive(Serialize)]
struct ShownEffect<'a> {
    agent: &'a str,
    agent_id: String,
    gained: Vec<String>,
    lost: Vec<String>,
    /// Whether these are all.
    complete: bool,
}

#[derive(Serialize)]
struct ShownAnswer {
    decision: &'static str,
    reason: &'static str,
    line: Vec<String>,
}

#[derive(Serialize)]
struct ShownRequest<'a> {
    request: u64,
    agent: Option<&'a str>,
    action: &'a str,
    resource: &'a str,
    now: ShownAnswer,
    then: ShownAnswer,
}

#[derive(Serialize)]
struct Summary {
    requests: u64,
    changed: u64,
}

impl WhatIf {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        if self.candidate.file.as_os_str() == "-"
            && self.requests.as_deref() == Some(Path::new("-"))
        {
            let words = "the file and the requests cannot both be standard input; name one of them";
            return Err(Failure::error(words));
        }
        let read = self.candidate.read(console)?;
        data.look(console, async |kavach, console| {
            let state = read.on(kavach, console).await?;
            let mut changes = 0;
            for step in state.steps() {
                if matches!(step.doing, Doing::Keep | Doing::Unnamed) {
                    continue;
                }
                changes += 1;
                let (sign, ink) = sign(step.doing);
                if console.json {
                    let (what, details) = (&*step.what, &*step.details);
                    let step = doing(step.doing);
                    console.object(&ShownStep {
                        step,
                        what,
                        details,
                    })?;
                } else {
                    let sign = console.paint.ink(ink, sign);
                    console.line(format_args!("{sign} {}", step.what))?;
                }
            }
            for effect in state.effects() {
                tell(console, &effect)?;
            }
            if changes == 0 && !console.json {
                console.note("nothing to change");
            }
            if let Some(file) = &self.requests {
                hold_against(&state, file, console)?;
            }
            Ok(Exit::Done)
        })
        .await
    }
}

fn doing(doing: Doing) -> &'static str {
    match doing {
        Doing::Create => "create",
        Doing::Update => "update",
        Doing::Keep => "keep",
        Doing::Unnamed => "unnamed",
        Doing::Revoke => "revoke",
    }
}

fn tell(console: &mut Console, effect: &Effect) -> Result<(), Failure> {
    let texts =
        |permissions: &[kavach::Permission]| permissions.iter().map(ToString::to_string).collect();
    let (gained, lost): (Vec<String>, Vec<String>) = (texts(&effect.gained), texts(&effect.lost));
    if console.json {
        return console.object(&ShownEffect {
            agent: effect.name.as_str(),
            agent_id: effect.agent.to_string(),
            gained,
            lost,
            complete: effect.complete,
        });
    }
    let name = console.paint.ink(Ink::Strong, &effect.name);
    console.line(format_args!("{name}"))?;
    for permission in gained {
        let sign = console.paint.ink(Ink::Good, "could");
        console.line(format_args!("    {sign} {permission}"))?;
    }
    for permission in lost {
        let sign = console.paint.ink(Ink::Bad, "could no longer");
        console.line(format_args!("    {sign} {permission}"))?;
    }
    if !effect.complete {
        console.line("    and more: there are too many permissions to list")?;
    }
    Ok(())
}

/// Prints every request of a file whose answer would be another one.
fn hold_against(state: &State, file: &Path, console: &mut Console) -> Result<(), Failure> {
    let input: Box<dyn io::BufRead> = if file.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let unreadable = |error| {
            let file = shown_path(file);
            Failure::error(format!("the requests in `{file}` cannot be read: {error}"))
        };
        Box::new(BufReader::new(File::open(file).map_err(unreadable)?))
    };
    let (mut requests, mut changed) = (0, 0);
    for line in Lines::new(input) {
        let line =
            line.map_err(|error| Failure::error(format!("the requests cannot be read: {error}")))?;
        let wrong = |words: &str| Failure::error(format!("request {}: {words}", line.number));
        let asked = match &line.content {
            Content::Whole(text) => {
                Asked::parse(text, Manner::Simulate).map_err(|words| wrong(&words))?
            }
            Content::TooLong => return Err(wrong("it is too long; shorten it")),
            Content::Blank => return Err(wrong("it is blank; write one request to a line")),
        };
        let mut supposed = Supposed::default();
        supposed.at = asked.at;
        let compared = state.compare(&asked.call, &supposed)?;
        requests += 1;
        if compared.differs() {
            changed += 1;
            differs(console, line.number, &asked, &compared)?;
        }
    }
    if console.json {
        return console.object(&Summary { requests, changed });
    }
    console.line(format_args!(
        "{changed} of {requests} answers would be others"
    ))
}

fn differs(
    console: &mut Console,
    number: u64,
    asked: &Asked,
    compared: &Compared,
) -> Result<(), Failure> {
    let (now, then) = (&compared.now, &compared.then);
    let (action, resource) = (asked.call.action.as_str(), asked.call.resource.as_str());
    let named = then.line.last().or(now.line.last());
    if console.json {
        return console.object(&ShownRequest {
            request: number,
            agent: named.map(String::as_str),
            action,
            resource,
            now: shown(now),
            then: shown(then),
        });
    }
    let agent = named.map_or("an unknown agent", String::as_str);
    console.line(format_args!(
        "{agent} {action} {resource}: {} -> {}",
        in_words(now),
        in_words(then)
    ))
}

fn shown(given: &Authorization) -> ShownAnswer {
    ShownAnswer {
        decision: word(given.decision),
        reason: given.reason().code(),
        line: given.line.clone(),
    }
}

/// The decision, and for a denial why.
pub(super) fn in_words(given: &Authorization) -> String {
    let word = word(given.decision);
    if given.is_allowed() {
        word.to_owned()
    } else {
        format!("{word} ({})", given.reason())
    }
}
