//! `kavach owner grant` and `kavach owner ungrant`

use kavach::{Base, Permission, Subject};

use super::told;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;

/// Let a person do something in Kavach itself, besides what they may do already
#[derive(clap::Args, Debug)]
pub(crate) struct Grant {
    #[command(flatten)]
    rights: PersonRights,
}

/// Take from a person what they may do in Kavach itself
#[derive(clap::Args, Debug)]
pub(crate) struct Ungrant {
    #[command(flatten)]
    rights: PersonRights,
}

#[derive(clap::Args, Debug)]
struct PersonRights {
    /// Who: user:NAME
    subject: String,
    /// What, as in `approve:app:kavach:approvals`, which lets them say yes or no to calls
    #[arg(required = true, value_name = "PERMISSION")]
    permissions: Vec<String>,
}

impl PersonRights {
    fn read(&self) -> Result<(Subject, Vec<Permission>), Failure> {
        let base = Base::default();
        let permissions = self
            .permissions
            .iter()
            .map(|text| Permission::parse(text, &base));
        Ok((
            self.subject.parse()?,
            permissions.collect::<Result<_, _>>()?,
        ))
    }
}

impl Grant {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let (person, added) = self.rights.read()?;
        let done = data
            .change(async |kavach| {
                let known = kavach.owner(&person);
                let held = known.iter().flat_map(|owner| owner.grants.permissions());
                let mut permissions: Vec<Permission> = held.cloned().collect();
                permissions.extend(added);
                Ok(kavach.grant_owner(&person, &permissions).await?)
            })
            .await?;
        told(console, (Ink::Good, "granted"), &person, &done, "")
    }
}

impl Ungrant {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let (person, taken) = self.rights.read()?;
        let done = data
            .change(async |kavach| {
                let known = kavach.owner(&person);
                let held = known.iter().flat_map(|owner| owner.grants.permissions());
                let mut permissions: Vec<Permission> = held.cloned().collect();
                for permission in &taken {
                    let before = permissions.len();
                    permissions.retain(|held| held != permission);
                    if permissions.len() == before {
                        return Err(Failure::error(format!(
                            "`{person}` does not hold `{permission}`; see `kavach owner show {person}`"
                        )));
                    }
                }
                Ok(kavach.grant_owner(&person, &permissions).await?)
            })
            .await?;
        told(console, (Ink::Bad, "ungranted"), &person, &done, "")
    }
}
