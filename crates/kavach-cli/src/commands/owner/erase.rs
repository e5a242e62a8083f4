//! `kavach owner erase`

use kavach::Subject;

use super::told;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;

/// Erase a person's name, and everything sealed for them; the trail stays whole
#[derive(clap::Args, Debug)]
pub(crate) struct Erase {
    /// Who: user:NAME or service:NAME
    subject: String,
    /// Yes, for good: it cannot be undone
    #[arg(long)]
    yes: bool,
}

impl Erase {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let owner: Subject = self.subject.parse()?;
        if !self.yes {
            return Err(Failure::error(format!(
                "erasing `{owner}` cannot be undone; say `--yes` if that is what you want (their agents go \
                 on: `kavach owner revoke {owner}` stops them)"
            )));
        }
        let done = data
            .change(async |kavach| Ok(kavach.erase_subject(&owner).await?))
            .await?;
        told(
            console,
            (Ink::Bad, "erased"),
            &owner,
            &done,
            "; the trail shows an id in place of the name",
        )
    }
}
