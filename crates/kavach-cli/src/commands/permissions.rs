//! `kavach permissions`

use kavach::{Kavach, LinePermissions};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::paint::Ink;

/// List what an agent may do now, line by line, every ancestor's bounds met
#[derive(clap::Args, Debug)]
pub(crate) struct Permissions {
    /// Its name or id
    agent: String,
}

/// What one line of the agent gives.
#[derive(Serialize)]
struct Shown {
    line: Vec<String>,
    via: String,
    fault: Option<&'static str>,
    permissions: Vec<String>,
    complete: bool,
}

impl Shown {
    fn of(kavach: &Kavach, agent: kavach::AgentId, line: &LinePermissions) -> Self {
        Self {
            line: lookup::line(kavach, agent, line.leaf),
            via: line.leaf.to_string(),
            fault: line.fault.map(kavach::Reason::code),
            permissions: line.permissions.iter().map(ToString::to_string).collect(),
            complete: line.complete,
        }
    }
}

impl Permissions {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        data.look(console, async |kavach, console| {
            let agent = lookup::agent(kavach, &self.agent)?;
            let lines = kavach.permissions_of(&agent.id).unwrap_or_default();
            let lines: Vec<Shown> = lines
                .iter()
                .map(|line| Shown::of(kavach, agent.id, line))
                .collect();
            if console.json {
                console.array(&lines)?;
                return Ok(Exit::Done);
            }
            if lines.is_empty() {
                console.note(format_args!("`{}` holds nothing", agent.name));
            }
            for line in &lines {
                print(console, line)?;
            }
            Ok(Exit::Done)
        })
        .await
    }
}

fn print(console: &mut Console, line: &Shown) -> Result<(), Failure> {
    let names = console.paint.ink(Ink::Strong, line.line.join(" > "));
    let via = console.paint.ink(Ink::Faint, &line.via);
    console.line(format_args!("{names}  {via}"))?;
    if let Some(fault) = line.fault {
        let fault = console.paint.ink(Ink::Bad, format!("nothing ({fault})"));
        console.line(format_args!("  {fault}"))?;
    }
    for permission in &line.permissions {
        console.line(format_args!("  {permission}"))?;
    }
    if !line.complete {
        let more = console.paint.ink(Ink::Warn, "and more: the list was cut");
        console.line(format_args!("  {more}"))?;
    }
    Ok(())
}
