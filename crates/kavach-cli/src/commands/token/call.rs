//! The call that a token is used for, or held against.

use std::path::PathBuf;

use kavach::token::{ArgumentsHash, Audience};
use kavach::{Action, Resource};
use serde_json::Value;

use super::text::{failed, read};
use crate::failure::Failure;
use crate::limits::REQUEST_LINE_BYTES_MAX;

/// What is called, where, and with what.
#[derive(clap::Args, Debug)]
pub(super) struct Called {
    /// What to do
    pub(super) action: Action,
    /// To what
    pub(super) resource: Resource,
    /// At which service: its URL, as it writes itself
    #[arg(long, value_name = "URL")]
    audience: String,
    /// The file with the arguments of the call, JSON; without, it has none
    #[arg(long, value_name = "FILE")]
    args: Option<PathBuf>,
}

impl Called {
    pub(super) fn audience(&self) -> Result<Audience, Failure> {
        self.audience.parse().map_err(failed)
    }

    /// The arguments, if there are any.
    pub(super) fn arguments(&self) -> Result<Option<Value>, Failure> {
        let Some(file) = &self.args else {
            return Ok(None);
        };
        let text = read(file, REQUEST_LINE_BYTES_MAX as u64)?;
        let args = serde_json::from_str(&text);
        args.map(Some)
            .map_err(|error| failed(format!("the arguments are not JSON: {error}")))
    }
}

/// The hash of the arguments, or of none.
pub(super) fn hash(args: Option<&Value>) -> ArgumentsHash {
    args.map_or_else(|| ArgumentsHash::of(b""), ArgumentsHash::of_json)
}
