//! `kavach delegation`

use kavach::{Delegation as DelegationRecord, Kavach, Leaf};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;

mod list;
mod revoke;

/// List delegations and revoke them; `delegate` and `spawn` make them
#[derive(clap::Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Delegation {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    List(list::List),
    Revoke(revoke::Revoke),
}

impl Delegation {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        match self.command {
            Command::List(list) => list.run(data, console).await,
            Command::Revoke(revoke) => revoke.run(data, console).await,
        }
    }
}

/// A delegation, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct ShownDelegation {
    id: String,
    from: String,
    from_id: String,
    to: String,
    to_id: String,
    /// The delegation that it rests on, or `root`.
    via: String,
    permissions: Vec<String>,
    expires_at: Option<String>,
    max_depth: Option<u8>,
    /// Why it gives nothing; `null` while it holds.
    fault: Option<&'static str>,
    created_at: String,
}

impl ShownDelegation {
    pub(crate) fn of(kavach: &Kavach, known: &DelegationRecord) -> Self {
        Self {
            id: known.id.to_string(),
            from: lookup::name_of(kavach, known.from),
            from_id: known.from.to_string(),
            to: lookup::name_of(kavach, known.to),
            to_id: known.to.to_string(),
            via: known
                .parent
                .map_or("root".to_owned(), |parent| parent.to_string()),
            permissions: known
                .grants
                .permissions()
                .map(ToString::to_string)
                .collect(),
            expires_at: known.expires_at.map(|at| at.to_string()),
            max_depth: known.max_depth,
            fault: kavach
                .fault_of(Leaf::Delegation(known.id))
                .map(kavach::Reason::code),
            created_at: known.created_at.to_string(),
        }
    }
}
