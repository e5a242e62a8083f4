//! `kavach blast-radius`

use kavach::{BlastRadius as Radius, DelegationId, Kavach};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::table::{Table, faint, plain};

/// List what a revocation would stop, before you do it
#[derive(clap::Args, Debug)]
pub(crate) struct BlastRadius {
    /// An agent's name or id, or a delegation's id
    id: String,
}

#[derive(Serialize)]
struct Shown {
    delegations: Vec<String>,
    agents: Vec<ShownAgent>,
}

#[derive(Serialize)]
struct ShownAgent {
    id: String,
    name: String,
    /// Whether it would be left without any line.
    left_with_nothing: bool,
}

impl BlastRadius {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        data.look(console, async |kavach, console| {
            let (what, radius) = self.radius(kavach)?;
            let agents = radius.agents.iter().map(|id| ShownAgent {
                id: id.to_string(),
                name: lookup::name_of(kavach, *id),
                left_with_nothing: radius.left_with_nothing.contains(id),
            });
            let shown = Shown {
                delegations: radius.delegations.iter().map(ToString::to_string).collect(),
                agents: agents.collect(),
            };
            if console.json {
                console.object(&shown)?;
            } else {
                print(console, &what, &shown)?;
            }
            Ok(Exit::Done)
        })
        .await
    }

    fn radius(&self, kavach: &Kavach) -> Result<(String, Radius), Failure> {
        if self.id.starts_with(DelegationId::PREFIX) {
            let id: DelegationId = self.id.parse()?;
            let words = || {
                format!(
                    "there is no delegation `{id}` in this tenant; see `kavach delegation list`"
                )
            };
            let radius = kavach.blast_radius_of_delegation(&id);
            return Ok((
                id.to_string(),
                radius.ok_or_else(|| Failure::error(words()))?,
            ));
        }
        let agent = lookup::agent(kavach, &self.id)?;
        let radius = kavach.blast_radius_of_agent(&agent.id).unwrap_or_default();
        Ok((agent.name.to_string(), radius))
    }
}

fn print(console: &mut Console, what: &str, shown: &Shown) -> Result<(), Failure> {
    let count = |number: usize, noun: &str| {
        let plural = if number == 1 { "" } else { "s" };
        format!("{number} {noun}{plural}")
    };
    console.line(format_args!(
        "revoking {what} would stop {} and touch {}",
        count(shown.delegations.len(), "delegation"),
        count(shown.agents.len(), "agent"),
    ))?;
    if shown.agents.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(console, &["agent", "left with", "id"]);
    for agent in &shown.agents {
        let left = if agent.left_with_nothing {
            "nothing"
        } else {
            "other lines"
        };
        table.row([plain(&agent.name), plain(left), faint(&agent.id)]);
    }
    table.print(console)
}
