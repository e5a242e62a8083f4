//! `kavach who-can`

use kavach::{Action, Context, Decision, Resource};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::requests::{context_argument, word};
use crate::table::{Table, faint, plain};

/// List every agent that could do something
///
/// One that is denied only for the circumstances (time, address, arguments, limits, trust) is listed with what
/// stands against it.
#[derive(clap::Args, Debug)]
pub(crate) struct WhoCan {
    /// What
    action: String,
    /// To what
    resource: String,
    /// In which circumstances, a JSON object: {"args"?,"ip"?,"cost"?}
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
}

#[derive(Serialize)]
struct Shown {
    complete: bool,
    agents: Vec<ShownAgent>,
}

#[derive(Serialize)]
struct ShownAgent {
    agent: String,
    id: String,
    decision: &'static str,
    reason: &'static str,
}

impl WhoCan {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let action: Action = self.action.parse()?;
        let resource: Resource = self.resource.parse()?;
        let context = match &self.context {
            Some(json) => context_argument(json)?,
            None => Context::default(),
        };
        data.look(console, async |kavach, console| {
            let found = kavach.who_can(&action, &resource, &context)?;
            let agents = found.agents.iter().map(|(agent, decision)| ShownAgent {
                agent: lookup::name_of(kavach, *agent),
                id: agent.to_string(),
                decision: word(*decision),
                reason: decision.reason().code(),
            });
            if console.json {
                let agents = agents.collect();
                let complete = found.complete;
                console.object(&Shown { complete, agents })?;
                return Ok(Exit::Done);
            }
            let mut table = Table::new(console, &["agent", "answer", "id"]);
            for ((_, decision), shown) in found.agents.iter().zip(agents) {
                table.row([plain(shown.agent), plain(told(*decision)), faint(shown.id)]);
            }
            if found.agents.is_empty() {
                console.note("nobody");
            } else {
                table.print(console)?;
            }
            if !found.complete {
                console.note("and more: this list is not complete");
            }
            Ok(Exit::Done)
        })
        .await
    }
}

/// The answer, and what stands against it.
pub(super) fn told(decision: Decision) -> String {
    match decision {
        Decision::Allow | Decision::NeedsApproval => word(decision).to_owned(),
        Decision::Deny(reason) => format!("not now: {reason}"),
    }
}
