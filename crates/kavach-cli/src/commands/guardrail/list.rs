//! `kavach guardrail list`

use kavach::{Guardrail, Kavach, Selector};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::table::{Table, plain};

/// List guardrails
#[derive(clap::Args, Debug)]
pub(crate) struct List {}

/// A guardrail, for programs.
#[derive(Serialize)]
struct Shown {
    name: String,
    never: String,
    /// Of whom it speaks: `everyone`, names, `kind …` or `owner …`.
    agents: String,
    mode: &'static str,
    created_at: String,
}

impl List {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        data.look(console, async |kavach, console| {
            let guardrails = kavach.guardrails();
            let shown = guardrails.iter().map(|guardrail| shown(kavach, guardrail));
            if console.json {
                console.array(shown)?;
            } else if guardrails.is_empty() {
                console.note("no guardrails");
            } else {
                let mut table = Table::new(console, &["name", "never", "agents", "mode"]);
                for row in shown {
                    table.row([row.name, row.never, row.agents, row.mode.to_owned()].map(plain));
                }
                table.print(console)?;
            }
            Ok(Exit::Done)
        })
        .await
    }
}

fn shown(kavach: &Kavach, guardrail: &Guardrail) -> Shown {
    Shown {
        name: guardrail.name.to_string(),
        never: guardrail.never.to_string(),
        agents: match &guardrail.agents {
            Selector::Everyone => "everyone".to_owned(),
            Selector::Kind(kind) => format!("kind {kind}"),
            Selector::Owner(owner) => format!("owner {}", lookup::owner_name(kavach, *owner)),
            Selector::Agents(agents) => {
                let names = agents.iter().map(|agent| lookup::name_of(kavach, *agent));
                names.collect::<Vec<_>>().join(", ")
            }
        },
        mode: if guardrail.shadow {
            "shadow"
        } else {
            "enforce"
        },
        created_at: guardrail.created_at.to_string(),
    }
}
