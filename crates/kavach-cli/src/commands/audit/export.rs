//! `kavach audit export`

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use kavach::audit::{Query, SealedEvent};
use kavach::core::LogId;
use kavach::{ExportError, Kavach};

use super::print::{Format, Printer};
use super::selection::Selection;
use crate::console::Console;
use crate::data::{Data, shown_path};
use crate::failure::{Exit, Failure, with_causes};
use crate::limits::EXPORT_TAIL_BYTES;
use crate::progress::Progress;

/// Write events to a file, or to standard output, all of them
#[derive(clap::Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    selection: Selection,
    /// How to write them
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "jsonl")]
    format: Format,
    /// To this file, which must not be there yet
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Go on after the last whole event in the file (jsonl only)
    #[arg(long, requires = "output")]
    resume: bool,
    /// The events of every tenant: what a restored store is reopened with
    #[arg(long, conflicts_with_all = [
        "agent", "under", "owner", "action", "resource", "outcome", "reason", "kind", "since", "until", "on",
        "format", "resume",
    ])]
    all_tenants: bool,
    /// Write the file anew if it is there
    #[arg(long, requires = "output", conflicts_with = "resume")]
    force: bool,
}

/// The place of an event among all others: its time, then its log, then its number there.
type Order = (u64, LogId, u64);

impl Export {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        if self.resume && self.format != Format::Jsonl {
            let words =
                "only a `jsonl` export can be gone on with; write the file anew with `--force`";
            return Err(Failure::error(words));
        }
        if self.all_tenants {
            return self.write_all(data, console).await;
        }
        let range = self.selection.range()?;
        if let Some(words) = range.words() {
            console.note(words);
        }
        data.look(console, async |kavach, console| {
            let query = self.selection.query(kavach, &range)?;
            // Only now: nothing is made where there is nothing to ask.
            let mut output = match &self.output {
                Some(path) => Some((path, self.open(path)?)),
                None => None,
            };
            let last = match &mut output {
                Some((path, file)) if self.resume => last_event(path, file)?,
                _ => None,
            };
            let count = self
                .write(kavach, console, query, last, &mut output)
                .await?;
            if let Some((path, file)) = output {
                file.sync_all().map_err(|error| unwritable(path, &error))?;
                let plural = if count == 1 { "" } else { "s" };
                console.note(format_args!(
                    "{count} event{plural} written to `{}`",
                    shown_path(path)
                ));
            }
            Ok(Exit::Done)
        })
        .await
    }

    /// Every event there is.
    async fn write_all(&self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        data.look(console, async |kavach, console| {
            let progress = Progress::of_events(console);
            let mut tell = |count| progress.is_at(count);
            let failed = |error: ExportError| {
                if let ExportError::Output(error) = &error {
                    return Failure::output(error);
                }
                Failure::error(with_causes(&error))
            };
            let count = match &self.output {
                None => {
                    let all = kavach.export_all(console.writer(), &mut tell).await;
                    all.map_err(failed)?
                }
                Some(path) => {
                    let mut file = BufWriter::new(self.open(path)?);
                    let count = kavach.export_all(&mut file, &mut tell).await;
                    let count = count.map_err(failed)?;
                    let synced = file.into_inner().map_err(io::IntoInnerError::into_error);
                    let synced = synced.and_then(|file| file.sync_all());
                    synced.map_err(|error| unwritable(path, &error))?;
                    count
                }
            };
            progress.end();
            if let Some(path) = &self.output {
                let plural = if count == 1 { "" } else { "s" };
                console.note(format_args!(
                    "{count} event{plural} written to `{}`",
                    shown_path(path)
                ));
            }
            Ok(Exit::Done)
        })
        .await
    }

    fn open(&self, path: &Path) -> Result<File, Failure> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        match (self.force, self.resume) {
            (true, _) => options.create(true).truncate(true),
            (false, true) => options.create(true).truncate(false),
            (false, false) => options.create_new(true),
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // It says who did what.
            options.mode(0o600);
        }
        options.open(path).map_err(|error| {
            if error.kind() != io::ErrorKind::AlreadyExists {
                return unwritable(path, &error);
            }
            Failure::error(format!(
                "`{}` is there already; say `--resume` to go on with it, or `--force` to write it anew",
                shown_path(path)
            ))
        })
    }

    async fn write(
        &self,
        kavach: &Kavach,
        console: &mut Console,
        mut query: Query,
        last: Option<Order>,
        output: &mut Option<(&PathBuf, File)>,
    ) -> Result<u64, Failure> {
        let mut printer = Printer::new(Some(self.format), console);
        if let Some((time_ns, ..)) = last {
            query.since_ns = Some(query.since_ns.map_or(time_ns, |since| since.max(time_ns)));
            printer = printer.going_on();
        }
        let progress = Progress::of_events(console);
        let mut trail = kavach.audit(query);
        let mut count: u64 = 0;
        let mut next = Some(Vec::new());
        while let Some(mut page) = next {
            page.retain(|event| Some(order(event)) > last);
            count += page.len() as u64;
            // The first page has nothing, so that there is a header even where there are no events.
            let written = printer.render(kavach, &page).await?;
            match output {
                Some((path, file)) => {
                    file.write_all(&written)
                        .map_err(|error| unwritable(path, &error))?;
                }
                None => {
                    console
                        .writer()
                        .write_all(&written)
                        .map_err(|error| Failure::output(&error))?;
                }
            }
            progress.is_at(count);
            next = trail.next_page().await?;
        }
        progress.end();
        Ok(count)
    }
}

fn order(event: &SealedEvent) -> Order {
    (event.event.time_ns, event.event.log, event.event.index)
}

/// The last whole event in the file, which is cut back to its end; `None` if there is none.
fn last_event(path: &Path, file: &mut File) -> Result<Option<Order>, Failure> {
    let failed = |error| unwritable(path, &error);
    let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let start = length.saturating_sub(EXPORT_TAIL_BYTES);
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).map_err(failed)?;
    let foreign = || {
        let words = "does not end in an event of this program; export to another file";
        Failure::error(format!("`{}` {words}", shown_path(path)))
    };
    let whole = tail
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |feed| feed + 1);
    if whole == 0 && start > 0 {
        return Err(foreign());
    }
    let lines = tail.get(..whole).unwrap_or_default();
    let last = lines.split_inclusive(|byte| *byte == b'\n').next_back();
    let order_of_last = match last.and_then(|line| line.strip_suffix(b"\n")) {
        None => None,
        Some(line) => Some(order(&SealedEvent::decode(line).map_err(|_| foreign())?)),
    };
    let end = start + whole as u64;
    file.set_len(end).map_err(failed)?;
    file.seek(SeekFrom::Start(end)).map_err(failed)?;
    Ok(order_of_last)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::error(format!("`{}` cannot be written: {error}", shown_path(path)))
}
