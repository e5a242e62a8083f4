//! `--expires-in` and `--expires-at`.

use kavach::Timestamp;

use crate::failure::Failure;
use crate::when;

/// When something ends, as it is written on the command line.
#[derive(clap::Args, Debug)]
#[group(multiple = false)]
pub(crate) struct Ending {
    /// End it after this time from now: 30m, 1h, 7d
    #[arg(long, value_name = "DURATION")]
    expires_in: Option<String>,
    /// End it at this time: 2026-11-21T10:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
}

/// When something ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// After this many seconds.
    In(u64),
    /// Then.
    At(Timestamp),
}

impl Ending {
    /// `None` if nothing was said.
    pub(crate) fn end(&self) -> Result<Option<End>, Failure> {
        if let Some(text) = &self.expires_in {
            return when::seconds(text)
                .map(|seconds| Some(End::In(seconds)))
                .map_err(Failure::Error);
        }
        Ok(self
            .expires_at
            .as_deref()
            .map(str::parse)
            .transpose()?
            .map(End::At))
    }
}
