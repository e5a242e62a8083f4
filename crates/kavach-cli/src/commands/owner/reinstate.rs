//! `kavach owner reinstate`

use kavach::Subject;

use super::told;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;

/// Let an off-boarded owner have new agents; the earlier ones stay dead
#[derive(clap::Args, Debug)]
pub(crate) struct Reinstate {
    /// Who: user:NAME or service:NAME
    subject: String,
}

impl Reinstate {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let owner: Subject = self.subject.parse()?;
        let done = data
            .change(async |kavach| Ok(kavach.reinstate_owner(&owner).await?))
            .await?;
        told(
            console,
            (Ink::Good, "reinstated"),
            &owner,
            &done,
            "; earlier agents stay dead",
        )
    }
}
