//! `kavach agent create`

use kavach::NewAgent;

use super::{Issued, note};
use crate::arguments::{End, Ending, Rights};
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};

/// Create an agent, and print its credential, once
#[derive(clap::Args, Debug)]
pub(crate) struct Create {
    /// What to call it
    name: String,
    /// Who answers for it, for good: user:NAME or service:NAME
    #[arg(long, value_name = "SUBJECT")]
    owner: String,
    #[command(flatten)]
    rights: Rights,
    #[command(flatten)]
    ending: Ending,
    /// How it comes to act: autonomous, delegated or service
    #[arg(long, value_name = "KIND", default_value = "autonomous")]
    kind: String,
    /// Note something about it, key=value; may be repeated
    #[arg(long = "note", value_name = "NOTE")]
    notes: Vec<String>,
    /// Take the name of a revoked agent, under a new id
    #[arg(long)]
    recreate: bool,
}

impl Create {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let new = self.new_agent()?;
        let created = data
            .change(async |kavach| Ok(kavach.create_agent(new).await?))
            .await?;
        let issued = Issued {
            id: created.id,
            name: &self.name,
            credential: &created.credential,
            given: None,
            revision: created.revision,
            audit_id: created.audit_id,
        };
        issued.print(
            console,
            "the credential is shown only now: hand it to the agent, and to nobody else",
        )
    }

    fn new_agent(&self) -> Result<NewAgent, Failure> {
        // Looked at here too, so that nothing is opened for a name that cannot be.
        self.name.parse::<kavach::Name>()?;
        let mut new = NewAgent::new(self.owner.parse()?, &self.name).kind(self.kind.parse()?);
        for permission in self.rights.allowed()? {
            new = new.permit(permission);
        }
        new = match self.ending.end()? {
            None => new,
            Some(End::In(seconds)) => new.ttl_s(seconds),
            Some(End::At(at)) => new.expires_at(at),
        };
        for text in &self.notes {
            let (key, value) = note(text)?;
            new = new.note(key, value);
        }
        Ok(if self.recreate { new.recreate() } else { new })
    }
}
