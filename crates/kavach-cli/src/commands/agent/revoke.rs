//! `kavach agent revoke`

use super::told;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::paint::Ink;

/// Revoke an agent for good, and with it everything that rests on it
#[derive(clap::Args, Debug)]
pub(crate) struct Revoke {
    /// Its name or id
    agent: String,
    /// Return only once no node says yes by it any more; without this, every node follows within half a second
    #[arg(long)]
    wait: bool,
}

impl Revoke {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let (agent, done) = data
            .change(async |kavach| {
                let agent = lookup::agent(kavach, &self.agent)?;
                let done = kavach.revoke_agent(&agent.id).await?;
                if self.wait {
                    kavach.wait_for_all(done.revision).await;
                }
                Ok((agent, done))
            })
            .await?;
        told(
            console,
            (Ink::Bad, "revoked"),
            &agent,
            &done,
            ", and everything that rests on it",
        )
    }
}
