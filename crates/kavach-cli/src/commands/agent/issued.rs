//! A credential that was just made, on its only way out.

use kavach::{AgentId, EventId, Secret};
use serde::Serialize;

use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::table::{field, fields};

/// An agent with its new credential, and what it was given along with it.
#[derive(Debug)]
pub(crate) struct Issued<'a> {
    pub(crate) id: AgentId,
    pub(crate) name: &'a str,
    pub(crate) credential: &'a Secret,
    /// The delegation, and what it gives.
    pub(crate) given: Option<(String, Vec<String>)>,
    pub(crate) revision: u64,
    pub(crate) audit_id: EventId,
}

#[derive(Serialize)]
struct Shown<'a> {
    id: String,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    delegation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<&'a [String]>,
    credential: &'a str,
    revision: u64,
    audit_id: String,
}

impl Issued<'_> {
    /// Prints it, and says `note` to people.
    pub(crate) fn print(self, console: &mut Console, note: &str) -> Result<Exit, Failure> {
        let written = self.write(console).and_then(|()| console.flush());
        written.map_err(|failure| failure.but(&lost(self.name)))?;
        if !console.json {
            console.note(note);
        }
        Ok(Exit::Done)
    }

    fn write(&self, console: &mut Console) -> Result<(), Failure> {
        let given = self.given.as_ref();
        if console.json {
            return console.object(&Shown {
                id: self.id.to_string(),
                name: self.name,
                delegation: given.map(|(id, _)| id.as_str()),
                permissions: given.map(|(_, permissions)| permissions.as_slice()),
                credential: self.credential.expose(),
                revision: self.revision,
                audit_id: self.audit_id.to_string(),
            });
        }
        field(console, "agent", self.name)?;
        field(console, "id", self.id)?;
        field(console, "credential", self.credential.expose())?;
        if let Some((id, permissions)) = given {
            field(console, "delegation", id)?;
            fields(console, "may", permissions.iter().cloned())?;
        }
        Ok(())
    }
}

/// What to do where a credential was made and could not be shown.
pub(crate) fn lost(name: &str) -> String {
    format!("the credential is lost: `kavach agent rotate {name}` makes another")
}
