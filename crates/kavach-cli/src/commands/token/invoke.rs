//! `kavach token invoke`

use std::path::PathBuf;

use kavach::token::{Call, Moment, Nonce};
use serde::Serialize;

use super::call::{Called, hash};
use super::holder_key;
use super::text::{failed, now, random, token};
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::when;

/// Use a token for one call: print the presentation to send with it; needs no store and no network
///
/// A presentation counts once, at one service, for at most a minute.
#[derive(clap::Args, Debug)]
pub(super) struct Invoke {
    /// The file with the token; `-` is standard input
    token: PathBuf,
    #[command(flatten)]
    called: Called,
    /// The file with the secret key that the token is for
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// For how long: at most 60s
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    ttl: String,
}

#[derive(Serialize)]
struct Shown {
    presentation: String,
    nonce: String,
    expires_at: String,
}

impl Invoke {
    pub(super) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let ttl_s = when::seconds(&self.ttl).map_err(Failure::Error)?;
        let args = self.called.arguments()?;
        let call = Call {
            audience: self.called.audience()?,
            action: self.called.action,
            resource: self.called.resource,
            arguments: hash(args.as_ref()),
        };
        let moment = Moment {
            at: now(),
            ttl_s,
            nonce: Nonce::from_bytes(random()?),
        };
        let held = token(&self.token)?;
        let key = holder_key::read(&self.key)?;
        let presentation = held.invoke(&key, &call, moment).map_err(failed)?;
        if console.json {
            console.object(&Shown {
                presentation: presentation.to_string(),
                nonce: moment.nonce.to_string(),
                expires_at: moment.at.plus_s(ttl_s).to_string(),
            })?;
        } else {
            console.line(&presentation)?;
        }
        Ok(Exit::Done)
    }
}
