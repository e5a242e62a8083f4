//! `kavach owner revoke`

use kavach::Subject;

use super::told;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;

/// Off-board an owner: all their agents stop for good, and they get no new ones
#[derive(clap::Args, Debug)]
pub(crate) struct Revoke {
    /// Who: user:NAME or service:NAME
    subject: String,
    /// Return only once no node says yes by it any more; without this, every node follows within half a second
    #[arg(long)]
    wait: bool,
}

impl Revoke {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let owner: Subject = self.subject.parse()?;
        let done = data
            .change(async |kavach| {
                let done = kavach.revoke_owner(&owner).await?;
                if self.wait {
                    kavach.wait_for_all(done.revision).await;
                }
                Ok(done)
            })
            .await?;
        told(
            console,
            (Ink::Bad, "revoked"),
            &owner,
            &done,
            "; all their agents are stopped for good",
        )
    }
}
