//! `kavach delegation list`

use kavach::{Delegation, Kavach, Leaf};

use super::ShownDelegation;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::table::{Table, faint, plain, standing};

/// List delegations, the oldest first, revoked ones included
#[derive(clap::Args, Debug)]
pub(crate) struct List {
    /// Only those that this agent gave
    #[arg(long, value_name = "AGENT")]
    from: Option<String>,
    /// Only those that this agent received
    #[arg(long, value_name = "AGENT")]
    to: Option<String>,
    /// Only those that hold
    #[arg(long)]
    active: bool,
}

impl List {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        data.look(console, async |kavach, console| {
            let chosen = self.chosen(kavach)?;
            if console.json {
                console.array(
                    chosen
                        .iter()
                        .map(|known| ShownDelegation::of(kavach, known)),
                )?;
            } else if chosen.is_empty() {
                console.note("no delegations");
            } else {
                print(kavach, console, &chosen)?;
            }
            Ok(Exit::Done)
        })
        .await
    }

    fn chosen(&self, kavach: &Kavach) -> Result<Vec<Delegation>, Failure> {
        let named = |name: &Option<String>| {
            let name = name.as_deref();
            name.map(|name| lookup::agent(kavach, name).map(|agent| agent.id))
                .transpose()
        };
        let (from, to) = (named(&self.from)?, named(&self.to)?);
        let mut chosen = kavach.delegations();
        chosen.retain(|known| from.is_none_or(|from| known.from == from));
        chosen.retain(|known| to.is_none_or(|to| known.to == to));
        chosen
            .retain(|known| !self.active || kavach.fault_of(Leaf::Delegation(known.id)).is_none());
        Ok(chosen)
    }
}

fn print(kavach: &Kavach, console: &mut Console, chosen: &[Delegation]) -> Result<(), Failure> {
    let mut table = Table::new(
        console,
        &["from", "to", "permissions", "standing", "expires", "id"],
    );
    for known in chosen {
        let (permissions, until) = lookup::summary(known.grants.permissions(), known.expires_at);
        table.row([
            plain(lookup::name_of(kavach, known.from)),
            plain(lookup::name_of(kavach, known.to)),
            plain(permissions.join("\n")),
            standing(lookup::standing(
                kavach.fault_of(Leaf::Delegation(known.id)),
            )),
            plain(until.unwrap_or_else(|| "as its giver".to_owned())),
            faint(known.id),
        ]);
    }
    table.print(console)
}
