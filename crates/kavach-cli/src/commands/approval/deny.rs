//! `kavach approval deny`

use super::Said;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;

/// Say no to a call; one no ends it, until the request is over
#[derive(clap::Args, Debug)]
pub(crate) struct Deny {
    #[command(flatten)]
    said: Said,
}

impl Deny {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let (id, by) = self.said.read()?;
        let note = self.said.note.as_deref();
        let voted = data
            .change(async |kavach| Ok(kavach.deny_approval(&id, &by, note).await?))
            .await?;
        self.said.told(console, (Ink::Bad, "denied"), &voted)
    }
}
