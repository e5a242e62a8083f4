//! `kavach shadow`

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use kavach::{Authorization, Supposed};
use serde::Serialize;

use super::candidate::Candidate;
use super::what_if::in_words;
use crate::console::Console;
use crate::data::{Data, shown_path};
use crate::failure::{Exit, Failure};
use crate::requests::{Answer, Asked, Content, Lines, Manner, Wrong, word};

/// Decide requests in earnest, and say beside each answer what it would be under a file
#[derive(clap::Args, Debug)]
#[command(after_help = "\
One request a line in, as for `kavach authorize --requests`; one object a line out: the answer
that holds and is recorded, with {\"shadow\":{\"decision\",\"reason\",\"line\"},\"differs\"} in it.
The file changes nothing.")]
pub(crate) struct Shadow {
    #[command(flatten)]
    candidate: Candidate,
    /// Decide each line of this file; `-` is standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    requests: PathBuf,
}

/// The answer that holds, and the one that would.
#[derive(Serialize)]
struct Both {
    #[serde(flatten)]
    answer: Answer,
    shadow: Other,
    differs: bool,
}

#[derive(Serialize)]
struct Other {
    decision: &'static str,
    reason: &'static str,
    line: Vec<String>,
}

impl Shadow {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        if self.candidate.file.as_os_str() == "-" && self.requests.as_os_str() == "-" {
            let words = "the file and the requests cannot both be standard input; name one of them";
            return Err(Failure::error(words));
        }
        let read = self.candidate.read(console)?;
        let input = input(&self.requests)?;
        data.change(async |kavach| {
            let mut state = read.on(kavach, console).await?;
            let mut exit = Exit::Done;
            for line in Lines::new(input) {
                let line = line.map_err(|error| {
                    Failure::error(format!("the requests cannot be read: {error}"))
                })?;
                let asked = match parsed(&line.content) {
                    Ok(asked) => asked,
                    Err(error) => {
                        exit = Exit::Erred;
                        let line = Some(line.number);
                        console.object(&Wrong { error, line })?;
                        continue;
                    }
                };
                if state.revision() != kavach.revision() {
                    state = read.on(kavach, console).await?;
                }
                // Before the call is charged, so that both find the same counters.
                let other = state.decide(&asked.call, &Supposed::default())?;
                let given = kavach.authorize_call(asked.call).await?;
                if exit == Exit::Done && !given.is_allowed() {
                    exit = Exit::Denied;
                }
                print(console, &given, &other)?;
                console.flush()?;
            }
            Ok(exit)
        })
        .await
    }
}

fn input(file: &Path) -> Result<Box<dyn io::BufRead + Send>, Failure> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let opened = File::open(file).map_err(|error| {
        let file = shown_path(file);
        Failure::error(format!("the requests in `{file}` cannot be read: {error}"))
    })?;
    Ok(Box::new(BufReader::new(opened)))
}

fn parsed(content: &Content) -> Result<Asked, String> {
    match content {
        Content::Whole(text) => Asked::parse(text, Manner::Record),
        Content::TooLong => Err("it is too long; shorten it".to_owned()),
        Content::Blank => Err("it is blank; write one request to a line".to_owned()),
    }
}

fn print(
    console: &mut Console,
    given: &Authorization,
    other: &Authorization,
) -> Result<(), Failure> {
    let differs = given.decision != other.decision;
    if !console.is_for_people() {
        return console.object(&Both {
            answer: Answer::recorded(given),
            shadow: Other {
                decision: word(other.decision),
                reason: other.reason().code(),
                line: other.line.clone(),
            },
            differs,
        });
    }
    console.line(format_args!("{}  {given}", word(given.decision)))?;
    if differs {
        console.line(format_args!("    under the file: {}", in_words(other)))?;
    }
    Ok(())
}
