//! `kavach token delegate`

use std::path::PathBuf;

use kavach::Mode;
use kavach::Permission;
use kavach::token::{Audience, Narrowing, PublicKey, TokenId};
use serde::Serialize;

use super::holder_key;
use super::text::{failed, now, random, token};
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::when;

/// Pass a token on to another key, or a part of what it allows; needs no store and no network
#[derive(clap::Args, Debug)]
pub(super) struct Delegate {
    /// The file with the token; `-` is standard input
    token: PathBuf,
    /// The file with the secret key that the token is for
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The public key of whoever gets it: 64 digits
    #[arg(long, value_name = "KEY")]
    to: String,
    /// What to call them: an agent's id, if they are one that is registered, or a name
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Only this, in the shorthand; may stand several times
    #[arg(long, value_name = "PERMISSION")]
    allow: Vec<Permission>,
    /// Pass on the part that the token allows, instead of refusing what is wider
    #[arg(long)]
    attenuate: bool,
    /// Only for this service; may stand several times
    #[arg(long, value_name = "URL")]
    audience: Vec<String>,
    /// For how long; without, for as long as the token holds
    #[arg(long, value_name = "DURATION")]
    ttl: Option<String>,
    /// How often it may be passed on further
    #[arg(long, value_name = "HOPS")]
    depth: Option<u8>,
    /// Why, on one line; everybody who sees the token reads it
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
}

#[derive(Serialize)]
struct Shown {
    token: String,
    id: String,
    block: String,
    expires_at: String,
}

impl Delegate {
    pub(super) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let to: PublicKey = self.to.parse().map_err(failed)?;
        let ttl_s = self.ttl.as_deref().map(when::seconds).transpose();
        let ttl_s = ttl_s.map_err(Failure::Error)?;
        let audiences: Result<Vec<Audience>, _> =
            self.audience.iter().map(|text| text.parse()).collect();
        let audiences = audiences.map_err(failed)?;
        let at = now();
        let narrowing = Narrowing {
            id: TokenId::from_bytes(random()?),
            to: self.name.parse().map_err(failed)?,
            why: self.why.parse().map_err(failed)?,
            at,
            expires_at: ttl_s.map(|ttl_s| at.plus_s(ttl_s)),
            max_depth: self.depth,
            audiences: (!audiences.is_empty()).then_some(audiences),
            permissions: (!self.allow.is_empty()).then_some(self.allow),
            mode: if self.attenuate {
                Mode::Attenuate
            } else {
                Mode::Strict
            },
        };
        let held = token(&self.token)?;
        let key = holder_key::read(&self.key)?;
        let passed = held.delegate(&key, &to, narrowing).map_err(failed)?;
        let last = passed.line().last();
        if console.json {
            console.object(&Shown {
                token: passed.to_string(),
                id: last.map(|hop| hop.id().to_string()).unwrap_or_default(),
                block: last.map(|hop| hop.block().to_string()).unwrap_or_default(),
                expires_at: passed.expires_at().to_string(),
            })?;
        } else {
            console.line(&passed)?;
            console.note(format_args!("holds until {}", passed.expires_at()));
        }
        Ok(Exit::Done)
    }
}
