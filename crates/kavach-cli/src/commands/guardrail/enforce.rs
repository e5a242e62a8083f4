//! `kavach guardrail enforce`

use kavach::Name;

use super::told;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;

/// Make a guardrail that only noted deny from now on
#[derive(clap::Args, Debug)]
pub(crate) struct Enforce {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
}

impl Enforce {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let name: Name = self.name.parse()?;
        let done = data
            .change(async |kavach| Ok(kavach.enforce_guardrail(&name).await?))
            .await?;
        told(console, (Ink::Good, "enforced"), &name, &done, "")
    }
}
