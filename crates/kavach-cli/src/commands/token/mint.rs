//! `kavach token mint`

use kavach::{Minted, NewToken, Permission};
use serde::Serialize;

use super::text::failed;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::lookup;
use crate::when;

/// Make a token for an agent, of at most what it may do now
///
/// It is for one of the agent's holder keys, and printed in the open form: no secret, and of no use without
/// that key.
#[derive(clap::Args, Debug)]
pub(super) struct Mint {
    /// For whom: a name or an id
    agent: String,
    /// For which service: its URL, as it writes itself; up to 8
    #[arg(long, value_name = "URL", required = true)]
    audience: Vec<String>,
    /// Only this, in the shorthand; may stand several times
    #[arg(long, value_name = "PERMISSION")]
    allow: Vec<Permission>,
    /// Give the part that the agent has, instead of refusing what is wider
    #[arg(long)]
    attenuate: bool,
    /// The line that it rests on: `root`, a delegation's id, or the agent that it comes from
    #[arg(long, value_name = "LINE")]
    via: Option<String>,
    /// The holder key that it is for, where the agent has several
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// How long it holds: at most 30 days, and never longer than what it rests on
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    ttl: String,
    /// How often it may be passed on
    #[arg(long, value_name = "HOPS")]
    depth: Option<u8>,
}

#[derive(Serialize)]
struct Shown {
    token: String,
    id: String,
    key: String,
    rests_on: String,
    expires_at: String,
    audit_id: String,
}

impl Mint {
    pub(super) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let ttl_s = when::seconds(&self.ttl).map_err(Failure::Error)?;
        let key = self.key.as_deref().map(str::parse).transpose();
        let key = key.map_err(failed)?;
        let minted: Minted = data
            .change(async |kavach| {
                let agent = lookup::agent(kavach, &self.agent)?;
                let via = self.via.as_deref();
                let via = via
                    .map(|text| lookup::via(kavach, &agent, text))
                    .transpose()?;
                let (first, further) = self.audience.split_first().unzip();
                let mut new = NewToken::new(agent.id, first.cloned().unwrap_or_default());
                for audience in further.unwrap_or_default() {
                    new = new.audience(audience);
                }
                for permission in &self.allow {
                    new = new.permit(permission.clone());
                }
                if self.attenuate {
                    new = new.attenuate();
                }
                if let Some(leaf) = via {
                    new = new.via(leaf);
                }
                if let Some(key) = key {
                    new = new.key(key);
                }
                if let Some(depth) = self.depth {
                    new = new.max_depth(depth);
                }
                Ok(kavach.mint(&new.ttl_s(ttl_s)).await?)
            })
            .await?;
        if console.json {
            console.object(&Shown {
                token: minted.token.to_string(),
                id: minted.id.to_string(),
                key: minted.key.to_string(),
                rests_on: minted.leaf.to_string(),
                expires_at: minted.expires_at.to_string(),
                audit_id: minted.audit_id.to_string(),
            })?;
        } else {
            console.line(&minted.token)?;
            console.note(format_args!("holds until {}", minted.expires_at));
        }
        Ok(Exit::Done)
    }
}
