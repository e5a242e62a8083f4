//! `kavach token verify`

use std::net::IpAddr;
use std::path::PathBuf;

use kavach::token::{ReplayCache, Request, Revocations, Verified, Verifier};
use serde::Serialize;

use super::call::{Called, hash};
use super::text::{failed, key_set, now, presentation, read};
use crate::console::Console;
use crate::failure::{Exit, Failure};
use crate::limits::REVOCATIONS_FILE_BYTES_MAX;
use crate::paint::Ink;
use crate::when;

/// Decide offline whether a presentation allows a call, as a service does; needs no store and no network
///
/// Asks nobody: what a token allows only under a rate, a budget, an approval or a level of trust is refused.
/// It remembers nothing: whether the presentation was used before is for the service that takes it.
#[derive(clap::Args, Debug)]
pub(super) struct Verify {
    /// The file with the presentation; `-` is standard input
    presentation: PathBuf,
    #[command(flatten)]
    called: Called,
    /// The issuer's key set, as `kavach keys export` writes it
    #[arg(long, value_name = "FILE")]
    keys: PathBuf,
    /// The issuer's list of what is revoked, as `kavach token revocations` writes it
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "danger_ignore_revocations"
    )]
    revocations: Option<PathBuf>,
    /// How old that list may be
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    fresh: String,
    /// The lowest version of that list that is taken
    #[arg(long, value_name = "VERSION", default_value_t = 0)]
    floor: u64,
    /// Look at no list: a token that was revoked holds until it ends
    #[arg(long, conflicts_with = "revocations")]
    danger_ignore_revocations: bool,
    /// From where the call comes
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,
}

#[derive(Serialize)]
struct Shown {
    decision: &'static str,
    /// Why it was refused: for the operator.
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<usize>,
    agent: Option<String>,
    tenant: Option<String>,
    /// The keys of everybody who held it.
    holders: Vec<String>,
}

impl Verify {
    pub(super) fn run(self, console: &mut Console) -> Result<Exit, Failure> {
        let now = now();
        let keys = key_set(&self.keys)?;
        let revocations = match &self.revocations {
            None => Revocations::danger_ignored(),
            Some(file) => {
                let fresh_s = when::seconds(&self.fresh).map_err(Failure::Error)?;
                let mut revocations = Revocations::following(fresh_s, self.floor);
                let list = read(file, REVOCATIONS_FILE_BYTES_MAX)?;
                revocations.update(&list, &keys, now).map_err(failed)?;
                revocations
            }
        };
        let args = self.called.arguments()?;
        let (action, resource) = (&self.called.action, &self.called.resource);
        let request = match &args {
            Some(args) => Request::with_json(action, resource, args),
            None => Request::new(action, resource, hash(None)),
        };
        let request = match self.ip {
            Some(ip) => request.from_address(ip),
            None => request,
        };
        let replays = ReplayCache::danger_first_start(1);
        let verifier = Verifier::new(self.called.audience()?, keys, revocations, replays);
        let presentation = presentation(&self.presentation)?;
        match verifier.verify(presentation.as_bytes(), &request, now) {
            Ok(verified) => {
                allowed(console, &verified)?;
                Ok(Exit::Done)
            }
            Err(refusal) => {
                if console.is_for_people() {
                    let word = console.paint.ink(Ink::Bad, "deny");
                    console.line(format_args!("{word}  {refusal}"))?;
                } else {
                    console.object(&Shown {
                        decision: "deny",
                        reason: Some(refusal.code()),
                        block: refusal.block(),
                        agent: None,
                        tenant: None,
                        holders: Vec::new(),
                    })?;
                }
                Ok(Exit::Denied)
            }
        }
    }
}

fn allowed(console: &mut Console, verified: &Verified) -> Result<(), Failure> {
    if console.is_for_people() {
        let word = console.paint.ink(Ink::Good, "allow");
        return console.line(format_args!("{word}  {verified}"));
    }
    console.object(&Shown {
        decision: "allow",
        reason: None,
        block: None,
        agent: Some(verified.agent().to_string()),
        tenant: Some(verified.tenant().to_string()),
        holders: verified
            .line()
            .iter()
            .map(|hop| hop.key().to_string())
            .collect(),
    })
}
