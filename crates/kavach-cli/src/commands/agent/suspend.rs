//! `kavach agent suspend`

use super::told;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::paint::Ink;

/// Stop an agent, and everything below it, until it is resumed
#[derive(clap::Args, Debug)]
pub(crate) struct Suspend {
    /// Its name or id
    agent: String,
}

impl Suspend {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let (agent, done) = data
            .change(async |kavach| {
                let agent = lookup::agent(kavach, &self.agent)?;
                let done = kavach.suspend_agent(&agent.id).await?;
                Ok((agent, done))
            })
            .await?;
        told(
            console,
            (Ink::Warn, "suspended"),
            &agent,
            &done,
            ", and everything below it",
        )
    }
}
