//! `kavach agent update`

use kavach::{Agent, AgentEdit, AgentKind, Edit, Permission};

use super::{note, told};
use crate::arguments::{End, Ending, Rights};
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure, quoted};
use crate::lookup;
use crate::paint::Ink;

/// Change an agent's grants, end, kind or notes
#[derive(clap::Args, Debug)]
pub(crate) struct Update {
    /// Its name or id
    agent: String,
    #[command(flatten)]
    rights: Rights,
    /// Take this away, as `agent show` prints it; may be repeated
    #[arg(long, value_name = "PERMISSION")]
    remove: Vec<String>,
    #[command(flatten)]
    ending: Ending,
    /// Let it go on without an end
    #[arg(long, conflicts_with_all = ["expires_in", "expires_at"])]
    never_expires: bool,
    /// How it comes to act: autonomous, delegated or service
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Note something about it, key=value; may be repeated
    #[arg(long = "note", value_name = "NOTE")]
    notes: Vec<String>,
    /// Drop the note of this key; may be repeated
    #[arg(long = "drop-note", value_name = "KEY")]
    drop_notes: Vec<String>,
}

impl Update {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let added = self.rights.allowed()?;
        let removed = self.rights.read(&self.remove)?;
        let kind: Option<AgentKind> = self.kind.as_deref().map(str::parse).transpose()?;
        let end = self.ending.end()?;
        let (agent, done) = data
            .change(async |kavach| {
                let agent = lookup::agent(kavach, &self.agent)?;
                let mut edit = AgentEdit::default();
                edit.permissions = changed(&agent, added, &removed)?;
                edit.expires_at = match end {
                    Some(End::In(seconds)) => Edit::Set(kavach.now().plus_s(seconds)),
                    Some(End::At(at)) => Edit::Set(at),
                    None if self.never_expires => Edit::Clear,
                    None => Edit::Keep,
                };
                edit.kind = kind;
                edit.metadata = self.metadata(&agent)?;
                if edit.is_empty() {
                    let words = "nothing to change; say what, as in `--allow read:mcp:github:*`";
                    return Err(Failure::error(words));
                }
                let done = kavach.update_agent(&agent.id, edit).await?;
                Ok((agent, done))
            })
            .await?;
        told(console, (Ink::Good, "changed"), &agent, &done, "")
    }

    fn metadata(
        &self,
        agent: &Agent,
    ) -> Result<Option<std::collections::BTreeMap<String, String>>, Failure> {
        if self.notes.is_empty() && self.drop_notes.is_empty() {
            return Ok(None);
        }
        let mut metadata = agent.metadata.clone();
        for key in &self.drop_notes {
            if metadata.remove(key).is_none() {
                let (key, name) = (quoted(key), &agent.name);
                return Err(Failure::error(format!(
                    "`{name}` has no note {key}; see `kavach agent show {name}`"
                )));
            }
        }
        for text in &self.notes {
            let (key, value) = note(text)?;
            metadata.insert(key, value);
        }
        Ok(Some(metadata))
    }
}

/// The grants with some more and some less; `None` if there is nothing to change.
fn changed(
    agent: &Agent,
    added: Vec<Permission>,
    removed: &[Permission],
) -> Result<Option<Vec<Permission>>, Failure> {
    if added.is_empty() && removed.is_empty() {
        return Ok(None);
    }
    let mut permissions: Vec<Permission> = agent.grants.permissions().cloned().collect();
    for permission in removed {
        let before = permissions.len();
        permissions.retain(|held| held != permission);
        if permissions.len() == before {
            let name = &agent.name;
            return Err(Failure::error(format!(
                "`{name}` does not hold `{permission}`; see `kavach agent show {name}`"
            )));
        }
    }
    permissions.extend(added);
    Ok(Some(permissions))
}
