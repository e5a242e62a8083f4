//! `kavach tools`

use std::io;

use kavach::{Decision, Resource};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::requests::{Asked, Content, Lines, context_argument, word};

/// Of some resources, list those that an agent may use: to show it only the tools that it can call
#[derive(clap::Args, Debug)]
pub(crate) struct Tools {
    /// Which agent: a name or an id
    agent: String,
    /// What it wants to do with them
    #[arg(long, value_name = "ACTION", default_value = "call")]
    action: String,
    /// In which circumstances, a JSON object: {"args"?,"ip"?,"cost"?}
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
    /// Those that it may not use too, with the reason
    #[arg(long)]
    all: bool,
    /// The resources; `-` reads one a line from standard input
    #[arg(required = true, value_name = "RESOURCE")]
    resources: Vec<String>,
}

#[derive(Serialize)]
struct Shown<'a> {
    resource: &'a str,
    decision: &'static str,
    reason: &'static str,
}

impl Tools {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let resources = self.resources()?;
        let some = resources.first().map_or("app:none", Resource::as_str);
        let mut asked = Asked::new(&self.agent, &self.action, some).map_err(Failure::Error)?;
        if let Some(json) = &self.context {
            asked.call.context = context_argument(json)?;
        }
        data.look(console, async |kavach, console| {
            let Some(answers) = kavach.which_tools(&asked.call, resources)? else {
                let words = format!(
                    "there is no agent `{}` in this tenant; see `kavach agent list`",
                    self.agent
                );
                return Err(Failure::error(words));
            };
            for (resource, decision) in &answers {
                let usable = !matches!(decision, Decision::Deny(_));
                if !usable && !self.all {
                    continue;
                }
                let (word, reason) = (word(*decision), decision.reason());
                if console.json {
                    console.object(&Shown {
                        resource: resource.as_str(),
                        decision: word,
                        reason: reason.code(),
                    })?;
                } else if usable {
                    console.line(format_args!("{resource}  {word}"))?;
                } else {
                    console.line(format_args!("{resource}  {word} ({reason})"))?;
                }
            }
            Ok(Exit::Done)
        })
        .await
    }

    fn resources(&self) -> Result<Vec<Resource>, Failure> {
        if self.resources != ["-"] {
            let resources = self.resources.iter().map(|text| text.parse());
            return Ok(resources.collect::<Result<_, _>>()?);
        }
        let mut resources = Vec::new();
        for line in Lines::new(io::BufReader::new(io::stdin())) {
            let line = line.map_err(|error| {
                Failure::error(format!("the resources cannot be read: {error}"))
            })?;
            let wrong = |words: &str| Failure::error(format!("line {}: {words}", line.number));
            match &line.content {
                Content::Whole(text) => {
                    let text = String::from_utf8_lossy(text);
                    let resource = text.trim().parse::<Resource>();
                    resources.push(resource.map_err(|error| wrong(&error.to_string()))?);
                }
                Content::TooLong => return Err(wrong("it is too long; write a resource")),
                Content::Blank => return Err(wrong("it is blank; write a resource to a line")),
            }
        }
        Ok(resources)
    }
}
