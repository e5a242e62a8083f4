//! `kavach delegation revoke`

use kavach::DelegationId;
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::paint::Ink;

/// Revoke a delegation for good, and with it everything that rests on it
#[derive(clap::Args, Debug)]
pub(crate) struct Revoke {
    /// Its id, as `delegation list` prints it
    #[arg(value_name = "ID")]
    delegation: String,
    /// Return only once no node says yes by it any more; without this, every node follows within half a second
    #[arg(long)]
    wait: bool,
}

impl Revoke {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        #[derive(Serialize)]
        struct Printed {
            id: String,
            revision: u64,
            audit_id: String,
        }
        let id: DelegationId = self.delegation.parse()?;
        let (known, done) = data
            .change(async |kavach| {
                let words = || {
                    format!(
                        "there is no delegation `{id}` in this tenant; see `kavach delegation list`"
                    )
                };
                let known = kavach
                    .delegation(&id)
                    .ok_or_else(|| Failure::error(words()))?;
                let done = kavach.revoke_delegation(&id).await?;
                if self.wait {
                    kavach.wait_for_all(done.revision).await;
                }
                let names = [known.from, known.to].map(|agent| lookup::name_of(kavach, agent));
                Ok((names, done))
            })
            .await?;
        if console.json {
            console.object(&Printed {
                id: id.to_string(),
                revision: done.revision,
                audit_id: done.audit_id.to_string(),
            })?;
        } else {
            let [from, to] = known;
            let word = console.paint.ink(Ink::Bad, "revoked");
            console.line(format_args!(
                "{word} {id} ({from} -> {to}), and everything that rests on it"
            ))?;
        }
        Ok(Exit::Done)
    }
}
