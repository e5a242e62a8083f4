//! `kavach agent list`

use kavach::{Agent, Kavach, Leaf, Subject};

use super::shown::ShownAgent;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::table::{Table, faint, plain, standing};

/// List agents, the oldest first, revoked ones included
#[derive(clap::Args, Debug)]
pub(crate) struct List {
    /// Only those of this owner
    #[arg(long, value_name = "SUBJECT")]
    owner: Option<String>,
    /// Only those that can act
    #[arg(long)]
    active: bool,
}

impl List {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let owner: Option<Subject> = self.owner.as_deref().map(str::parse).transpose()?;
        data.look(console, async |kavach, console| {
            let agents = self.chosen(kavach, owner);
            if console.json {
                console.array(agents.iter().map(|agent| ShownAgent::of(kavach, agent)))?;
            } else if agents.is_empty() {
                console.note("no agents");
            } else {
                print(kavach, console, &agents)?;
            }
            Ok(Exit::Done)
        })
        .await
    }

    fn chosen(&self, kavach: &Kavach, owner: Option<Subject>) -> Vec<Agent> {
        let owner = owner.map(|owner| kavach.subject_id(&owner));
        let mut agents = kavach.agents();
        // An owner that nobody knows has none.
        agents.retain(|agent| owner.is_none_or(|owner| owner == Some(agent.owner)));
        agents.retain(|agent| !self.active || kavach.fault_of(Leaf::Root(agent.id)).is_none());
        agents
    }
}

fn print(kavach: &Kavach, console: &mut Console, agents: &[Agent]) -> Result<(), Failure> {
    let mut table = Table::new(
        console,
        &[
            "name", "owner", "kind", "standing", "grants", "expires", "id",
        ],
    );
    for agent in agents {
        table.row([
            plain(&agent.name),
            plain(lookup::owner_name(kavach, agent.owner)),
            plain(agent.kind),
            standing(lookup::standing(kavach.fault_of(Leaf::Root(agent.id)))),
            plain(agent.grants.len()),
            plain(
                agent
                    .expires_at
                    .map_or("never".to_owned(), |at| at.to_string()),
            ),
            faint(agent.id),
        ]);
    }
    table.print(console)
}
