//! `kavach approval approve`

use super::Said;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;

/// Say yes to a call; made again, it goes through once, when as many said yes as it needs
#[derive(clap::Args, Debug)]
pub(crate) struct Approve {
    #[command(flatten)]
    said: Said,
}

impl Approve {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let (id, by) = self.said.read()?;
        let note = self.said.note.as_deref();
        let voted = data
            .change(async |kavach| Ok(kavach.grant_approval(&id, &by, note).await?))
            .await?;
        self.said.told(console, (Ink::Good, "approved"), &voted)
    }
}
