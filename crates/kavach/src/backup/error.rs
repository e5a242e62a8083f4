//! How backups fail.

use std::io;

use kavach_core::{EventId, LogId};
use kavach_store::StoreError;

use crate::error::{ChangeError, FailedCommit, OpenError};
use crate::random::NoRandomness;
use crate::tokens::TokenError;

/// No backup was made; what was written is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The store was restored, and not reopened.
    #[error(
        "the store was restored from a backup and is not reopened yet: a backup of it would hide what was lost; \
         reopen it first"
    )]
    Closed,
    /// A node took the store for itself, and moved the counters.
    #[error("a node took the store for itself while it was read; try again")]
    Taken,
    /// The graph changes faster than it can be read.
    #[error("the store changes faster than it can be read; try again at a quieter time")]
    TooFast,
    /// The store has what no store of ours has.
    #[error("the store has a record that is too large for a backup; check it")]
    TooLarge,
    /// The store failed, or what lies there contradicts itself.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be written.
    #[error("the backup cannot be written: {0}")]
    Output(#[from] io::Error),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// A file is not a backup that can be relied on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is something else.
    #[error("the file is not a backup of Kavach's; name one that `store backup` wrote")]
    NotABackup,
    /// It is of a later version.
    #[error("the backup is of version {0}, which is not known here; use the program that wrote it")]
    NewerVersion(u64),
    /// It has records of a kind that this version does not know.
    #[error(
        "the backup has records of `{0}`, which are not known here; use the program that wrote it"
    )]
    UnknownSpace(String),
    /// It is cut off, or something in it is not what was written there.
    #[error("the backup is damaged at byte {at}: {what}; use another one")]
    Damaged {
        /// Where, from the beginning of the file.
        at: u64,
        /// What is wrong there.
        what: String,
    },
    /// There is a master key, and the file is not sealed under any.
    #[error(
        "the backup is not sealed, so anybody may have changed it; use one that was made with the master key"
    )]
    NotSealed,
    /// It is sealed, and there is no master key to see by what.
    #[error("the backup is sealed under a master key; give that one")]
    NoMasterKey,
    /// The seal is of another key, or of another file.
    #[error(
        "the backup is not sealed under this master key: the key is another one's, or somebody changed the file"
    )]
    NotSealedByThis,
    /// It could not be read.
    #[error("the backup cannot be read: {0}")]
    Input(#[from] io::Error),
}

/// A store was not restored. Nobody can open what was begun of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The file is not one to restore from. Nothing was written.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is something in the target. Nothing was written.
    #[error("the target holds records already; restore to an empty one")]
    NotEmpty,
    /// The file is another one than it was when it was checked.
    #[error(
        "the file was changed while it was read; throw away what was made, and restore to an empty store"
    )]
    FileChanged,
    /// The target failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// A restored store was not opened again: nothing is allowed in it still. What was taken away so far stays so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReopenError {
    /// It was never restored.
    #[error("the store was not restored from a backup; there is nothing to reopen")]
    NotRestored,
    /// It was reopened before.
    #[error("the store was reopened before; nothing to do")]
    NotClosed,
    /// There are neither exports nor words.
    #[error(
        "say what became of what was revoked since the backup: give the exports of the trail since, or say in so \
         many words: {0}"
    )]
    NothingSaid(String),
    /// What somebody said is not what they have to say.
    #[error("to accept the loss, say exactly: {0}")]
    NotAccepted(String),
    /// The exports leave something out. Nothing was changed.
    #[error(
        "the exports do not tell everything since the backup: {}; give the whole trail of every tenant, or accept \
         the loss too, and say: {acceptance}",
        told(missing)
    )]
    Missing {
        /// What is missing.
        missing: Vec<Missing>,
        /// What somebody says who accepts that.
        acceptance: String,
    },
    /// An export is none. Nothing was changed.
    #[error("`{name}`, line {line}: {what}; give it as `audit export --format jsonl` wrote it")]
    NotAnExport {
        /// Which.
        name: String,
        /// Its line, from 1.
        line: u64,
        /// What is wrong there.
        what: String,
    },
    /// An export tells another history than the store. Nothing was changed.
    #[error("`{name}`, line {line}: {what}; it is of another store, or somebody changed it")]
    OtherHistory {
        /// Which.
        name: String,
        /// Its line, from 1.
        line: u64,
        /// What is wrong there.
        what: String,
    },
    /// An export cannot be read.
    #[error("`{name}` cannot be read: {source}")]
    Input {
        /// Which.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Something cannot be taken away again.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The root keys of tokens cannot be replaced.
    #[error("the root keys of tokens cannot be replaced: {0}")]
    Token(#[from] TokenError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store failed to take it; see [`FailedCommit`] for whether anything was written.
    #[error(transparent)]
    Commit(#[from] FailedCommit),
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// What exports leave out.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Missing {
    /// Events of a log: from this one to before that one; `None`: nobody knows how many.
    Events {
        /// Of which log.
        log: LogId,
        /// The first.
        from: u64,
        /// The first that is there again.
        to: Option<u64>,
    },
    /// What a change took away: its event does not say enough of it.
    Change {
        /// The event.
        event: EventId,
        /// What it does not say.
        what: &'static str,
    },
    /// The end of a file, which stops in the middle of a line.
    End {
        /// Which.
        name: String,
        /// That line, from 1.
        line: u64,
    },
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Events { log, from, to } => {
                write!(f, "event {from}")?;
                match to {
                    Some(to) if *to > from.saturating_add(1) => {
                        write!(f, " to {} of `{log}`", to.saturating_sub(1))
                    }
                    Some(_) => write!(f, " of `{log}`"),
                    None => write!(f, " of `{log}` and whatever follows it"),
                }
            }
            Self::Change { event, what } => write!(f, "{what}, in `{event}`"),
            Self::End { name, line } => write!(f, "the end of `{name}`, from line {line} on"),
        }
    }
}

/// What a message names of a list that may be long.
const TOLD_MAX: usize = 5;

fn told(missing: &[Missing]) -> String {
    let some = missing.iter().take(TOLD_MAX).map(ToString::to_string);
    let mut told = some.collect::<Vec<_>>().join(", ");
    if missing.len() > TOLD_MAX {
        told.push_str(&format!(" and {} more", missing.len() - TOLD_MAX));
    }
    told
}
