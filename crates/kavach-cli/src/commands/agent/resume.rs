//! `kavach agent resume`

use super::told;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::paint::Ink;

/// Let a suspended agent, and what hangs below it, act again
#[derive(clap::Args, Debug)]
pub(crate) struct Resume {
    /// Its name or id
    agent: String,
}

impl Resume {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let (agent, done) = data
            .change(async |kavach| {
                let agent = lookup::agent(kavach, &self.agent)?;
                let done = kavach.resume_agent(&agent.id).await?;
                Ok((agent, done))
            })
            .await?;
        told(console, (Ink::Good, "resumed"), &agent, &done, "")
    }
}
