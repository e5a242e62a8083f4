//! `kavach token revoke`

use std::path::PathBuf;

use kavach::Revocable;
use kavach::token::Inspection;
use serde::Serialize;

use super::text::{failed, read};
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::limits::TOKEN_FILE_BYTES_MAX;
use crate::paint::Ink;

/// Revoke a token for good, and all that was made of it: by one of its blocks, by a key, or by what it is called
#[derive(clap::Args, Debug)]
pub(super) struct Revoke {
    /// What: `block:`, `key:` or `token:` and the digits that `kavach token inspect` shows
    #[arg(required_unless_present = "from")]
    what: Option<Revocable>,
    /// The last holder's block of the token in this file instead; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "what")]
    from: Option<PathBuf>,
    /// With --from, the block of this holder: 0 is the agent that it was minted for
    #[arg(long, value_name = "NUMBER", requires = "from")]
    hop: Option<usize>,
}

#[derive(Serialize)]
struct Told {
    revoked: String,
    revision: u64,
    audit_id: String,
}

impl Revoke {
    pub(super) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let what = match (self.what, &self.from) {
            (Some(what), _) => what,
            (None, Some(file)) => {
                let text = read(file, TOKEN_FILE_BYTES_MAX)?;
                let shown: Inspection = text.parse().map_err(failed)?;
                let line = shown.line();
                let hop = match self.hop {
                    Some(number) => line.get(number),
                    None => line.last(),
                };
                let hop = hop.ok_or_else(|| {
                    failed(format!(
                        "the token has holders 0 to {}; name one",
                        line.len() - 1
                    ))
                })?;
                Revocable::Block(hop.block())
            }
            (None, None) => return Err(failed("name what to revoke")),
        };
        let done = data
            .change(async |kavach| Ok(kavach.revoke_tokens(what).await?))
            .await?;
        if console.json {
            console.object(&Told {
                revoked: what.to_string(),
                revision: done.revision,
                audit_id: done.audit_id.to_string(),
            })?;
        } else {
            let word = console.paint.ink(Ink::Bad, "revoked");
            console.line(format_args!("{word} {what}"))?;
        }
        Ok(Exit::Done)
    }
}
