//! `kavach store reopen`

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use kavach::Subject;
use kavach::backup::{Export, Reopened, Reopening, Restoration};
use serde::Serialize;

use crate::console::Console;
use crate::data::{Data, shown_path, unreadable_file};
use crate::failure::{Exit, Failure, with_causes};

use super::counted;

/// Open a restored store again: with exports of the trail since, or by accepting what is lost
///
/// What the exports say was taken away is taken away again: agents and delegations revoked, grants narrowed,
/// guardrails set, limits used. What was given since is lost. Tokens from before count no more. It is recorded who
/// said so, and what is missing.
#[derive(clap::Args, Debug)]
pub(super) struct Reopen {
    /// Who says so, such as user:alice
    #[arg(long, value_name = "SUBJECT")]
    by: String,
    #[command(flatten)]
    said: Said,
}

/// What became of what was revoked since the backup.
#[derive(clap::Args, Debug)]
pub(super) struct Said {
    /// An export of the trail of the lost store, by `kavach audit export --all-tenants`; give all that there are
    #[arg(long = "export", value_name = "FILE")]
    exports: Vec<PathBuf>,
    /// Accept that what was revoked since may be allowed again, in the words that are asked for
    #[arg(long, value_name = "WORDS")]
    accept_loss: Option<String>,
}

impl Said {
    pub(super) fn is_empty(&self) -> bool {
        self.exports.is_empty() && self.accept_loss.is_none()
    }

    pub(super) fn reopening(&self, by: &str) -> Result<Reopening, Failure> {
        let by: Subject = by.parse()?;
        let mut reopening = Reopening::by(by);
        for path in &self.exports {
            let file = File::open(path).map_err(|error| unreadable_file(path, &error))?;
            reopening = reopening.export(Export::new(shown_path(path), file));
        }
        Ok(match &self.accept_loss {
            Some(words) => reopening.accept_loss(words),
            None => reopening,
        })
    }
}

impl Reopen {
    pub(super) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let reopening = self.said.reopening(&self.by)?;
        if !data.place.has_store().await? {
            let place = &data.place;
            return Err(Failure::error(format!("there is no store in `{place}`")));
        }
        run(reopening, data, console).await
    }
}

#[derive(Serialize)]
struct Told {
    store: String,
    taken: u64,
    counted: u64,
    kept: u64,
    root_keys: u64,
    reached: BTreeMap<String, Reached>,
    missing: Vec<String>,
    stricter: Vec<String>,
    audit_id: String,
}

#[derive(Serialize)]
struct Reached {
    events: u64,
    until: String,
}

/// Reopens the store, and tells what that took.
pub(super) async fn run(
    reopening: Reopening,
    data: &Data,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let reopened = data
        .change(async |kavach| {
            let reopened = kavach.reopen(reopening).await;
            reopened.map_err(|error| Failure::error(with_causes(&error)))
        })
        .await?;
    let told = told(data, &reopened);
    if console.json {
        console.object(&told)?;
        return Ok(Exit::Done);
    }
    console.line(format_args!(
        "reopened {}: {} taken away again, {} raised, {} kept in the trail, {} of tokens replaced",
        told.store,
        counted(told.taken, "thing"),
        counted(told.counted, "counter"),
        counted(told.kept, "event"),
        counted(told.root_keys, "root key"),
    ))?;
    for (log, reached) in &told.reached {
        console.line(format_args!(
            "{log} is known until {}, {}; what came after is lost",
            reached.until,
            counted(reached.events, "event")
        ))?;
    }
    for missing in &told.missing {
        console.line(format_args!("lost, and accepted: {missing}"))?;
    }
    for stricter in &told.stricter {
        console.line(format_args!("to do: {stricter}"))?;
    }
    Ok(Exit::Done)
}

fn told(data: &Data, reopened: &Reopened) -> Told {
    let reached = reopened.reached.iter().map(|(log, (events, until))| {
        let reached = Reached {
            events: *events,
            until: until.to_string(),
        };
        (log.to_string(), reached)
    });
    Told {
        store: data.place.to_string(),
        taken: reopened.taken,
        counted: reopened.counted,
        kept: reopened.kept,
        root_keys: reopened.root_keys,
        reached: reached.collect(),
        missing: reopened.missing.iter().map(ToString::to_string).collect(),
        stricter: reopened.stricter.clone(),
        audit_id: reopened.audit_id.to_string(),
    }
}

/// What to do about a store that allows nothing.
pub(crate) fn how_to(restoration: &Restoration) -> String {
    format!(
        "note: this store was restored from a backup of {}, and every call is denied. What was revoked since is \
         not in it: run `kavach store reopen --by user:YOU --export FILE` with exports of the trail since, or with \
         `--accept-loss \"{}\"`",
        restoration.backup_at,
        restoration.acceptance()
    )
}
