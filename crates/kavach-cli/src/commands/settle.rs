//! `kavach settle`

use kavach::{EventId, SettleError};
use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure, with_causes};

/// Say what an allowed call truly cost, so that its budgets count that instead of what it reserved
#[derive(clap::Args, Debug)]
pub(crate) struct Settle {
    /// The audit id of the answer
    #[arg(value_name = "AUDIT_ID")]
    of: String,
    /// Units, from 0
    cost: u64,
}

impl Settle {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        #[derive(Serialize)]
        struct Printed {
            of: String,
            reserved: String,
            cost: String,
            audit_id: String,
        }
        let of: EventId = self.of.parse()?;
        let settled = data
            .change(async |kavach| kavach.settle(of, self.cost).await.map_err(failure))
            .await?;
        let printed = Printed {
            of: of.to_string(),
            reserved: settled.reserved.to_string(),
            cost: settled.cost.to_string(),
            audit_id: settled.audit_id.to_string(),
        };
        if console.json {
            console.object(&printed)?;
        } else {
            let (cost, reserved) = (printed.cost, printed.reserved);
            console.line(format_args!("settled {of}: {cost} for {reserved} reserved"))?;
        }
        Ok(Exit::Done)
    }
}

/// What is not, or no longer, to be settled is refused; the rest is an error.
fn failure(error: SettleError) -> Failure {
    let message = with_causes(&error);
    if matches!(
        error,
        SettleError::NothingReserved(_) | SettleError::TooLate { .. }
    ) {
        return Failure::Refused {
            reason: None,
            message,
        };
    }
    Failure::error(message)
}
