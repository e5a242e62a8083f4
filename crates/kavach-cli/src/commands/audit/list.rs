//! `kavach audit list`

use super::print::{Format, Printer};
use super::selection::Selection;
use crate::console::Console;
use crate::data::Data;
use crate::failure::{Exit, Failure};
use crate::progress::Progress;

/// List events, the oldest first, all of them
#[derive(clap::Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    selection: Selection,
    /// How to write them [default: table, or jsonl with --json]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
}

impl List {
    pub(crate) async fn run(self, data: &Data, console: &mut Console) -> Result<Exit, Failure> {
        let range = self.selection.range()?;
        if let Some(words) = range.words() {
            console.note(words);
        }
        data.look(console, async |kavach, console| {
            let query = self.selection.query(kavach, &range)?;
            let mut printer = Printer::new(self.format, console);
            let progress = Progress::of_events(console);
            let mut trail = kavach.audit(query);
            let mut count: u64 = 0;
            while let Some(page) = trail.next_page().await? {
                printer.print(kavach, console, &page).await?;
                count += page.len() as u64;
                progress.is_at(count);
            }
            progress.end();
            if count == 0 {
                // A table without rows has a header all the same, so that it can be told from a failure.
                printer.print(kavach, console, &[]).await?;
                console.note("no events");
            }
            Ok(Exit::Done)
        })
        .await
    }
}
