//! Events, a page at a time, in each of the formats.

use std::fmt::Write as _;

use clap::ValueEnum;
use kavach::audit::{Csv, Event, Names, Outcome, Private, SealedEvent, write_jsonl};
use kavach::{AgentId, Kavach, SubjectId};

use crate::console::Console;
use crate::failure::Failure;
use crate::paint::{Ink, Paint};

/// How events are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Format {
    /// A sentence for each, for people
    Table,
    /// The canonical bytes, one event a line: what was hashed
    Jsonl,
    /// For spreadsheets (RFC 4180), with names; not what was hashed
    Csv,
}

/// Writes pages of events, one after the other.
#[derive(Debug)]
pub(super) struct Printer {
    format: Format,
    paint: Paint,
    begun: bool,
}

impl Printer {
    /// In `format` if it is named, otherwise as the console wants it.
    pub(super) fn new(format: Option<Format>, console: &Console) -> Self {
        let wanted = if console.json {
            Format::Jsonl
        } else {
            Format::Table
        };
        Self {
            format: format.unwrap_or(wanted),
            paint: console.paint,
            begun: false,
        }
    }

    /// The same, after other pages.
    pub(super) fn going_on(mut self) -> Self {
        self.begun = true;
        self
    }

    /// Prints a page of events to the console.
    pub(super) async fn print(
        &mut self,
        kavach: &Kavach,
        console: &mut Console,
        events: &[SealedEvent],
    ) -> Result<(), Failure> {
        let written = self.render(kavach, events).await?;
        console
            .writer()
            .write_all(&written)
            .map_err(|error| Failure::output(&error))
    }

    /// A page of events as bytes; with what comes before them, if this is the first.
    pub(super) async fn render(
        &mut self,
        kavach: &Kavach,
        events: &[SealedEvent],
    ) -> Result<Vec<u8>, Failure> {
        let mut written = Vec::new();
        let first = !std::mem::replace(&mut self.begun, true);
        match self.format {
            Format::Jsonl => {
                for event in events {
                    write_jsonl(&mut written, event).map_err(|error| Failure::output(&error))?;
                }
            }
            Format::Csv => {
                let names = Known(kavach);
                let mut csv = Csv::new(written, &names).map_err(|error| Failure::output(&error))?;
                for event in events {
                    let private = kavach.private(&event.event).await?;
                    csv.write(event, &private)
                        .map_err(|error| Failure::output(&error))?;
                }
                written = csv.finish().map_err(|error| Failure::output(&error))?;
                if !first {
                    let header = written
                        .iter()
                        .position(|byte| *byte == b'\n')
                        .map_or(0, |feed| feed + 1);
                    written.drain(..header);
                }
            }
            Format::Table => {
                let mut text = String::new();
                if first {
                    let header = format!("{:<20}  {:<8}  WHAT", "TIME", "OUTCOME");
                    // Writing into a string does not fail.
                    let _ = writeln!(text, "{}", self.paint.ink(Ink::Faint, header));
                }
                for event in events {
                    let private = kavach.private(&event.event).await?;
                    let _ = writeln!(text, "{}", row(kavach, &event.event, &private, self.paint));
                }
                written = text.into_bytes();
            }
        }
        Ok(written)
    }
}

/// Time, outcome, and the sentence.
pub(crate) fn row(kavach: &Kavach, event: &Event, private: &Private, paint: Paint) -> String {
    let outcome = format!("{:<8}", event.outcome.code());
    let outcome = paint.ink(ink_of(event.outcome), outcome);
    format!(
        "{}  {outcome}  {}",
        time(event),
        kavach.sentence(event, private)
    )
}

/// The colour of an outcome.
pub(crate) fn ink_of(outcome: Outcome) -> Ink {
    if is_good(outcome) {
        Ink::Good
    } else if outcome == Outcome::NeedsApproval {
        Ink::Warn
    } else {
        Ink::Bad
    }
}

/// Whether what was asked for came to be.
pub(crate) fn is_good(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Allow | Outcome::Done)
}

/// In UTC, as in the sentence: `2026-11-21 14:23:05Z`.
fn time(event: &Event) -> String {
    event.at().to_string().replace('T', " ")
}

/// The names that are known now.
struct Known<'a>(&'a Kavach);

impl Names for Known<'_> {
    fn agent(&self, id: AgentId) -> Option<String> {
        self.0.agent(&id).map(|agent| agent.name.to_string())
    }

    fn subject(&self, id: SubjectId) -> Option<String> {
        self.0.subject(&id).map(|subject| subject.to_string())
    }
}
