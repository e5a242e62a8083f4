//! `kavach agent show`

use kavach::audit::shown;
use kavach::{Agent, Delegation, Kavach, Leaf};
use serde::Serialize;

use super::shown::ShownAgent;
use crate::commands::delegation::ShownDelegation;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::table::{field, fields};

/// Show an agent: what it holds, and from whom
#[derive(clap::Args, Debug)]
pub(crate) struct Show {
    /// Its name or id
    agent: String,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    agent: ShownAgent,
    received: Vec<ShownDelegation>,
    given: Vec<ShownDelegation>,
}

impl Show {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        data.look(console, async |kavach, console| {
            let agent = lookup::agent(kavach, &self.agent)?;
            let (mut received, mut given) = (Vec::new(), Vec::new());
            for delegation in kavach.delegations() {
                if delegation.to == agent.id {
                    received.push(delegation);
                } else if delegation.from == agent.id {
                    given.push(delegation);
                }
            }
            if console.json {
                let shown = |delegations: &[Delegation]| {
                    delegations
                        .iter()
                        .map(|known| ShownDelegation::of(kavach, known))
                        .collect()
                };
                console.object(&Shown {
                    agent: ShownAgent::of(kavach, &agent),
                    received: shown(&received),
                    given: shown(&given),
                })?;
            } else {
                print(kavach, console, &agent, &received, &given)?;
            }
            Ok(Exit::Done)
        })
        .await
    }
}

fn print(
    kavach: &Kavach,
    console: &mut Console,
    agent: &Agent,
    received: &[Delegation],
    given: &[Delegation],
) -> Result<(), Failure> {
    let known = ShownAgent::of(kavach, agent);
    field(console, "agent", &known.name)?;
    field(console, "id", agent.id)?;
    field(console, "owner", &known.owner)?;
    field(console, "kind", agent.kind)?;
    field(
        console,
        "standing",
        lookup::standing(kavach.fault_of(Leaf::Root(agent.id))),
    )?;
    field(console, "created", agent.created_at)?;
    field(
        console,
        "expires",
        agent
            .expires_at
            .map_or("never".to_owned(), |at| at.to_string()),
    )?;
    let credentials = known.credentials.iter().map(|known| {
        let end = known
            .expires_at
            .as_ref()
            .map_or(String::new(), |at| format!(", until {at}"));
        format!("{}…, since {}{end}", known.prefix, known.created_at)
    });
    fields(console, "credentials", credentials)?;
    let grants = known
        .grants
        .iter()
        .map(|grant| format!("{} (grant {})", grant.permission, grant.number));
    fields(console, "grants", grants)?;
    let side = |delegation: &Delegation, word: &str, other| {
        let standing = lookup::standing(kavach.fault_of(Leaf::Delegation(delegation.id)));
        let (permissions, until) =
            lookup::summary(delegation.grants.permissions(), delegation.expires_at);
        let until = until.map_or(String::new(), |until| format!(" until {until}"));
        let (permissions, name) = (permissions.join(", "), lookup::name_of(kavach, other));
        format!(
            "{permissions} {word} {name}{until} ({standing}, {})",
            delegation.id
        )
    };
    fields(
        console,
        "received",
        received.iter().map(|known| side(known, "from", known.from)),
    )?;
    fields(
        console,
        "given",
        given.iter().map(|known| side(known, "to", known.to)),
    )?;
    let notes = known
        .metadata
        .iter()
        .map(|(key, value)| format!("{key}={}", shown(value)));
    fields(console, "notes", notes)
}
