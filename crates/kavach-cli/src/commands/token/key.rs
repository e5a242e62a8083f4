//! `kavach token key`

use std::path::PathBuf;

use kavach::Name;
use kavach::token::{Registration, Sign};
use serde::Serialize;

use super::holder_key;
use super::text::failed;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};

/// Make a holder key, or show the public half of one
///
/// The key is an agent's own: it stays on the agent's machine, in a file that only its user may read. What is
/// printed is no secret.
#[derive(clap::Args, Debug)]
pub(super) struct Key {
    /// The file with the secret key: PKCS#8, as PEM
    file: PathBuf,
    /// Make it; it must not be there
    #[arg(long)]
    new: bool,
    /// Print what `kavach agent key add` takes to register it for the agent of this name
    #[arg(long = "for", value_name = "AGENT")]
    agent: Option<String>,
}

#[derive(Serialize)]
struct Shown {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration: Option<String>,
}

impl Key {
    pub(super) fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        // A name that is none is told before a key is made.
        let name: Option<Name> = self.agent.as_deref().map(str::parse).transpose()?;
        let key = if self.new {
            holder_key::create(&self.file)?
        } else {
            holder_key::read(&self.file)?
        };
        let sign = |name: &Name| Registration::sign(&key, data.tenant, name);
        let registration = name.as_ref().map(sign).transpose().map_err(failed)?;
        let shown = Shown {
            key: key.public_key().to_string(),
            registration: registration.map(|made| made.to_string()),
        };
        if console.json {
            console.object(&shown)?;
        } else {
            console.line(shown.registration.as_ref().unwrap_or(&shown.key))?;
        }
        Ok(Exit::Done)
    }
}
