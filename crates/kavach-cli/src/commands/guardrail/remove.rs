//! `kavach guardrail remove`

use kavach::Name;

use super::told;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::paint::Ink;

/// Take a guardrail away
#[derive(clap::Args, Debug)]
pub(crate) struct Remove {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
}

impl Remove {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let name: Name = self.name.parse()?;
        let done = data
            .change(async |kavach| Ok(kavach.remove_guardrail(&name).await?))
            .await?;
        told(console, (Ink::Bad, "removed"), &name, &done, "")
    }
}
