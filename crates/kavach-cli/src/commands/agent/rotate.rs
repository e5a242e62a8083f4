//! `kavach agent rotate`

use super::Issued;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::when;

/// Give an agent a new credential, and print it, once
#[derive(clap::Args, Debug)]
pub(crate) struct Rotate {
    /// Its name or id
    agent: String,
    /// Accept the present credential for this long: 30m, 1h; 0s for not at all
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    overlap: String,
}

impl Rotate {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let overlap_s = when::seconds(&self.overlap).map_err(Failure::Error)?;
        let (agent, rotated) = data
            .change(async |kavach| {
                let agent = lookup::agent(kavach, &self.agent)?;
                let rotated = kavach.rotate_credential(&agent.id, overlap_s).await?;
                Ok((agent, rotated))
            })
            .await?;
        let earlier = match overlap_s {
            0 => "earlier ones are no longer accepted".to_owned(),
            _ => format!("the earlier one is accepted for {} more", self.overlap),
        };
        let issued = Issued {
            id: agent.id,
            name: agent.name.as_str(),
            credential: &rotated.credential,
            given: None,
            revision: rotated.revision,
            audit_id: rotated.audit_id,
        };
        issued.print(
            console,
            &format!("the credential is shown only now; {earlier}"),
        )
    }
}
