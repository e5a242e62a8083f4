//! `kavach token revocations`

use serde::Serialize;

use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};

/// Sign the list of what does not hold any more, for verifiers that cannot ask
///
/// What was revoked is in it, keys that were removed, all keys of agents that may not act now, and tokens whose
/// line does not hold. Publish it often: verifiers take it only while it is fresh.
#[derive(clap::Args, Debug)]
pub(super) struct Revocations {}

#[derive(Serialize)]
struct Shown {
    list: String,
    version: u64,
    issued_at: String,
    entries: usize,
}

impl Revocations {
    pub(super) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let signed = data
            .change(async |kavach| Ok(kavach.sign_revocations().await?))
            .await?;
        if console.json {
            console.object(&Shown {
                list: signed.text,
                version: signed.version,
                issued_at: signed.issued_at.to_string(),
                entries: signed.entries,
            })?;
        } else {
            console.line(&signed.text)?;
            console.note(format_args!(
                "version {}, with {} entries, as of {}",
                signed.version, signed.entries, signed.issued_at
            ));
        }
        Ok(Exit::Done)
    }
}
