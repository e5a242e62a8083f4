//! `kavach owner show`

use kavach::Subject;
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::table::{field, fields};

/// Show a person or system: how they stand, their agents, and what they may do in Kavach itself
#[derive(clap::Args, Debug)]
pub(crate) struct Show {
    /// Who: user:NAME or service:NAME
    subject: String,
}

#[derive(Serialize)]
struct Shown<'a> {
    owner: &'a str,
    id: String,
    status: &'static str,
    permissions: Vec<String>,
    agents: Vec<String>,
}

impl Show {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let subject: Subject = self.subject.parse()?;
        data.look(console, async |kavach, console| {
            let Some(owner) = kavach.owner(&subject) else {
                return Err(Failure::error(format!(
                    "nobody called `{subject}` is known in this tenant; see `kavach agent list` for owners"
                )));
            };
            let agents = kavach.agents().into_iter();
            let agents = agents.filter(|agent| agent.owner == owner.id);
            let known = Shown {
                owner: subject.as_str(),
                id: owner.id.to_string(),
                status: owner.status.word(),
                permissions: owner.grants.permissions().map(ToString::to_string).collect(),
                agents: agents.map(|agent| agent.name.to_string()).collect(),
            };
            if console.json {
                console.object(&known)?;
            } else {
                field(console, "owner", known.owner)?;
                field(console, "id", &known.id)?;
                field(console, "status", known.status)?;
                fields(console, "may", known.permissions)?;
                fields(console, "agents", known.agents)?;
            }
            Ok(Exit::Done)
        })
        .await
    }
}
