//! `kavach store backup`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use kavach::SystemClock;
use kavach::backup::{BackedUp, BackupError};
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::console::Console;
use crate::data::{Data, shown_path};
use crate::failure::{Exit, Failure, with_causes};
use crate::master_key;
use crate::progress::Progress;

use super::{counted, open};

/// Write a backup of the store to a file, while nodes go on using it
///
/// The file is whole or not there, and only you may read it. Secrets in it stay sealed under the master key,
/// and the whole is sealed under it too, so that nobody changes it unnoticed: the key is not in the file, keep it
/// elsewhere. For restoring without loss, keep `kavach audit export --all-tenants` as well, as often as you can.
#[derive(clap::Args, Debug)]
pub(super) struct Backup {
    /// The file, which must not be there yet; `-` is standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Put it in the place of what is there
    #[arg(long)]
    force: bool,
}

impl Backup {
    pub(super) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        #[derive(Serialize)]
        struct Told {
            store: String,
            backup_at: String,
            revision: u64,
            records: u64,
            events: u64,
            bytes: u64,
        }
        let to_console = self.file.as_os_str() == "-";
        if !to_console && !self.force && self.file.exists() {
            return Err(self.is_there());
        }
        let done = if to_console {
            let progress = Progress::of_copied(console);
            let done = write(data, console.writer(), &progress).await;
            progress.end();
            done?
        } else {
            self.write_file(data, console).await?
        };
        let told = Told {
            store: data.place.to_string(),
            backup_at: done.backup_at.to_string(),
            revision: done.revision,
            records: done.records,
            events: done.events,
            bytes: done.bytes,
        };
        if to_console {
            return Ok(Exit::Done);
        }
        if console.json {
            console.object(&told)?;
        } else {
            console.line(format_args!(
                "backed up {} as it was at {}: {}, {}",
                told.store,
                told.backup_at,
                counted(told.records, "record"),
                counted(told.events, "event"),
            ))?;
        }
        Ok(Exit::Done)
    }

    /// Whole or not at all: under another name first, which only this user may read.
    async fn write_file(&self, data: &Data, console: &Console) -> Result<BackedUp, Failure> {
        let folder = match self.file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let failed = |error: &dyn std::fmt::Display| {
            let path = shown_path(&self.file);
            Failure::error(format!("`{path}` cannot be written: {error}"))
        };
        let draft = NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
        let progress = Progress::of_copied(console);
        let mut out = BufWriter::new(draft);
        let done = write(data, &mut out, &progress).await;
        progress.end();
        let done = done?;
        let draft = out.into_inner().map_err(|error| failed(&error))?;
        draft.as_file().sync_all().map_err(|error| failed(&error))?;
        let kept = if self.force {
            draft.persist(&self.file)
        } else {
            draft.persist_noclobber(&self.file)
        };
        match kept {
            Ok(_) => {}
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(self.is_there());
            }
            Err(error) => return Err(failed(&error.error)),
        }
        // The name lasts once the folder does.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| failed(&error))?;
        Ok(done)
    }

    fn is_there(&self) -> Failure {
        let path = shown_path(&self.file);
        Failure::error(format!(
            "`{path}` is there already; name another file, or say `--force` to write it anew"
        ))
    }
}

async fn write(
    data: &Data,
    out: &mut (dyn Write + Send),
    progress: &Progress,
) -> Result<BackedUp, Failure> {
    let opened = open(data).await?;
    let done = match master_key::read(&data.folder) {
        Ok(Some(key)) => {
            let mut tell = |written| progress.is_at(written);
            let clock = SystemClock::default();
            kavach::backup::backup(&*opened.store, out, Some(&key), &clock, &mut tell)
                .await
                .map_err(failed)
        }
        Ok(None) => Err(master_key::missing(&data.folder)),
        Err(error) => Err(error),
    };
    opened.close().await;
    done
}

fn failed(error: BackupError) -> Failure {
    if let BackupError::Store(error) = error {
        return error.into();
    }
    Failure::error(with_causes(&error))
}
