//! One event a row, for spreadsheets.

use std::fmt;
use std::io::{self, Write};

use crate::canonical::Canonical;
use crate::encode::encode_detail;
use crate::event::{Event, Hop};
use crate::hash::{Hash, hex};
use crate::names::{ERASED, Names};
use crate::private::Private;
use crate::sealed::SealedEvent;

/// The columns, in order. New ones are added at the end.
const COLUMNS: [&str; 36] = [
    "hash_verifiable",
    "id",
    "time",
    "time_ns",
    "tenant",
    "log",
    "index",
    "kind",
    "outcome",
    "reason",
    "agent",
    "agent_name",
    "claimed",
    "owner",
    "owner_name",
    "line",
    "line_names",
    "line_delegations",
    "line_at",
    "action",
    "resource",
    "grant",
    "obligations",
    "revision",
    "request_id",
    "cost",
    "duration_ns",
    "audience",
    "args_hash",
    "token_ids",
    "withdraws",
    "private",
    "address",
    "note",
    "detail",
    "leaf_hash",
];

/// Writes events as CSV (RFC 4180): a header, then one row an event, all as wide as the header.
///
/// The rows are for reading, and cannot be verified: names change, and cells that a spreadsheet would
/// run as a formula begin with `'`. The file says so in its first column, `hash_verifiable`, which is
/// `no` in every row; the last column, `leaf_hash`, finds the record in an export that can be.
///
/// The cells of `line` and its kin are joined by `>`, from the agent that the owner made to the one
/// that acted; lists and details are JSON. What is absent is an empty cell.
pub struct Csv<'a, W: Write> {
    writer: csv::Writer<W>,
    names: &'a dyn Names,
}

impl<'a, W: Write> Csv<'a, W> {
    /// Writes the header.
    ///
    /// # Errors
    /// What `out` answers.
    pub fn new(out: W, names: &'a dyn Names) -> io::Result<Self> {
        let mut writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(out);
        writer.write_record(COLUMNS)?;
        Ok(Self { writer, names })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// What the writer answers. The file may end within a row: start it anew.
    pub fn write(&mut self, sealed: &SealedEvent, private: &Private) -> io::Result<()> {
        for cell in self.cells(sealed, private) {
            self.writer.write_field(defused(cell))?;
        }
        self.writer.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Hands on what is still in memory, and gives back the writer.
    ///
    /// # Errors
    /// What the writer answers. Without this call, the last rows may be missing.
    pub fn finish(self) -> io::Result<W> {
        self.writer.into_inner().map_err(|error| error.into_error())
    }

    fn cells(&self, sealed: &SealedEvent, private: &Private) -> [String; COLUMNS.len()] {
        let event = &sealed.event;
        let (address, note) = private_cells(private);
        [
            "no".to_owned(),
            event.id.to_string(),
            time(event),
            event.time_ns.to_string(),
            event.tenant.to_string(),
            event.log.to_string(),
            event.index.to_string(),
            event.kind.to_string(),
            event.outcome.to_string(),
            event.reason.to_string(),
            cell(event.agent),
            cell(event.agent.and_then(|agent| self.names.agent(agent))),
            cell(event.claimed.as_ref()),
            cell(event.owner),
            cell(event.owner.and_then(|owner| self.names.subject(owner))),
            line(event, |hop| hop.agent.to_string()),
            line(event, |hop| cell(self.names.agent(hop.agent))),
            line(event, |hop| cell(hop.delegation)),
            line(event, |hop| hop.at.to_string()),
            cell(event.action.as_ref()),
            cell(event.resource.as_ref()),
            cell(event.grant),
            list(&event.obligations),
            event.revision.to_string(),
            cell(event.request_id.as_ref()),
            cell(event.cost),
            cell(event.duration_ns),
            cell(event.audience.as_ref()),
            hash(event.args_hash.as_ref()),
            list(&event.token_ids),
            cell(event.withdraws),
            hash(event.private.as_ref()),
            address,
            note,
            detail(event),
            hash(Some(&sealed.leaf_hash())),
        ]
    }
}

impl<W: Write> fmt::Debug for Csv<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Csv").finish_non_exhaustive()
    }
}

/// The cell, with a `'` before it if a spreadsheet might take it for a formula (CWE-1236).
///
/// That is one whose first character, spaces aside, starts a formula, in its full-width form too, or
/// one that starts with a character that programs drop before they look.
fn defused(mut cell: String) -> String {
    let dropped = cell.starts_with(['\0', '\t', '\n', '\r']);
    let invisible = |character: char| {
        character.is_whitespace() || character.is_control() || character == '\u{feff}'
    };
    let formula = cell
        .trim_start_matches(invisible)
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if dropped || formula {
        cell.insert(0, '\'');
    }
    cell
}

/// RFC 3339 in UTC, with all nine digits of the fraction.
fn time(event: &Event) -> String {
    let seconds = event.at().to_string();
    let seconds = seconds.strip_suffix('Z').unwrap_or(&seconds);
    format!("{seconds}.{:09}Z", event.time_ns % 1_000_000_000)
}

fn cell(value: Option<impl fmt::Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn line(event: &Event, cell: impl Fn(&Hop) -> String) -> String {
    event.line.iter().map(cell).collect::<Vec<_>>().join(">")
}

fn list(texts: &[String]) -> String {
    if texts.is_empty() {
        return String::new();
    }
    let mut json = Canonical::with_capacity(64);
    json.texts(texts);
    text(json)
}

fn detail(event: &Event) -> String {
    if event.detail.is_empty() {
        return String::new();
    }
    let mut json = Canonical::with_capacity(256);
    encode_detail(&mut json, &event.detail);
    text(json)
}

fn hash(hash: Option<&Hash>) -> String {
    hash.map(|hash| String::from_utf8_lossy(&hex(hash)).into_owned())
        .unwrap_or_default()
}

fn text(json: Canonical) -> String {
    // It was written from texts, and so is one.
    String::from_utf8(json.into_bytes()).unwrap_or_default()
}

fn private_cells(private: &Private) -> (String, String) {
    match private {
        Private::None => (String::new(), String::new()),
        Private::Shown(fields) => (cell(fields.address.as_ref()), cell(fields.note.as_ref())),
        Private::Erased => (ERASED.to_owned(), ERASED.to_owned()),
    }
}
