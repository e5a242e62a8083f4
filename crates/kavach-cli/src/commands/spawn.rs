//! `kavach spawn`

use kavach::{Name, Spawn as NewSpawn};

use super::agent::{Issued, note};
use super::delegate::{Terms, given};
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;

/// Create a sub-agent with some of an agent's permissions
#[derive(clap::Args, Debug)]
pub(crate) struct Spawn {
    /// Who passes on, by name or id
    from: String,
    /// What to call the sub-agent
    name: String,
    #[command(flatten)]
    terms: Terms,
    /// How it comes to act: autonomous, delegated or service
    #[arg(long, value_name = "KIND", default_value = "delegated")]
    kind: String,
    /// Note something about it, key=value; may be repeated
    #[arg(long = "note", value_name = "NOTE")]
    notes: Vec<String>,
    /// Take the name of a revoked agent, under a new id
    #[arg(long)]
    recreate: bool,
}

impl Spawn {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let terms = self.terms.read()?;
        let new = self.new_spawn()?;
        let (permissions, spawned) = data
            .change(async |kavach| {
                let from = lookup::agent(kavach, &self.from)?;
                let new = new.delegation(self.terms.via(terms, kavach, &from)?);
                let spawned = kavach.spawn(&from.id, new).await?;
                Ok((given(kavach, spawned.delegation), spawned))
            })
            .await?;
        let issued = Issued {
            id: spawned.id,
            name: &self.name,
            credential: &spawned.credential,
            given: Some((spawned.delegation.to_string(), permissions)),
            revision: spawned.revision,
            audit_id: spawned.audit_id,
        };
        issued.print(
            console,
            "the credential is shown only now: hand it to the agent, and to nobody else",
        )
    }

    fn new_spawn(&self) -> Result<NewSpawn, Failure> {
        self.name.parse::<Name>()?;
        let mut new = NewSpawn::new(&self.name).kind(self.kind.parse()?);
        for text in &self.notes {
            let (key, value) = note(text)?;
            new = new.note(key, value);
        }
        Ok(if self.recreate { new.recreate() } else { new })
    }
}
