//! Standard output and standard error: results go to the one, messages for people to the other.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use serde::Serialize;

use crate::failure::Failure;
use crate::paint::{Ink, Paint};

/// What a command prints to.
#[derive(Debug)]
pub(crate) struct Console {
    out: BufWriter<Stdout>,
    /// Whether results are JSON.
    pub(crate) json: bool,
    /// Colours of results.
    pub(crate) paint: Paint,
    /// Colours of messages.
    pub(crate) notes: Paint,
    out_is_terminal: bool,
    err_is_terminal: bool,
}

/// What the user said about the form of results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wishes {
    pub(crate) json: bool,
    pub(crate) no_color: bool,
}

impl Console {
    pub(crate) fn new(wishes: Wishes) -> Self {
        let out_is_terminal = io::stdout().is_terminal();
        let err_is_terminal = io::stderr().is_terminal();
        let unwanted = wishes.no_color
            || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let paint = |terminal: bool| {
            if terminal && !unwanted {
                Paint::Colours
            } else {
                Paint::Plain
            }
        };
        Self {
            out: BufWriter::new(io::stdout()),
            json: wishes.json,
            paint: paint(out_is_terminal),
            notes: paint(err_is_terminal),
            out_is_terminal,
            err_is_terminal,
        }
    }

    /// Whether results are read by a person, as they are printed.
    pub(crate) fn is_for_people(&self) -> bool {
        self.out_is_terminal && !self.json
    }

    /// Whether a progress bar can be seen, and is in nobody's way.
    pub(crate) fn shows_progress(&self) -> bool {
        self.err_is_terminal && !self.out_is_terminal
    }

    /// Prints a line of results.
    pub(crate) fn line(&mut self, text: impl fmt::Display) -> Result<(), Failure> {
        writeln!(self.out, "{text}").map_err(|error| Failure::output(&error))
    }

    /// Prints a result as one line of JSON.
    pub(crate) fn object(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let written = serde_json::to_writer(&mut self.out, value).map_err(io::Error::from);
        let ended = written.and_then(|()| self.out.write_all(b"\n"));
        ended.map_err(|error| Failure::output(&error))
    }

    /// Prints results as a JSON array, one to a line.
    pub(crate) fn array<T: Serialize>(
        &mut self,
        values: impl IntoIterator<Item = T>,
    ) -> Result<(), Failure> {
        let mut separator = "[\n";
        for value in values {
            let written = self.out.write_all(separator.as_bytes());
            let written = written.and_then(|()| {
                serde_json::to_writer(&mut self.out, &value).map_err(io::Error::from)
            });
            written.map_err(|error| Failure::output(&error))?;
            separator = ",\n";
        }
        self.line(if separator == "[\n" { "[]" } else { "\n]" })
    }

    /// Where results go, for what writes by itself.
    pub(crate) fn writer(&mut self) -> &mut (dyn Write + Send) {
        &mut self.out
    }

    /// Hands everything printed so far on.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| Failure::output(&error))
    }

    /// Tells a person something. Where nobody listens, that is no failure.
    pub(crate) fn note(&mut self, text: impl fmt::Display) {
        // In the order in which it happened, where both are one terminal.
        let _ = self.out.flush();
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Tells a person what went wrong.
    pub(crate) fn complain(&mut self, text: impl fmt::Display) {
        let error = self.notes.ink(Ink::Bad, "error:");
        self.note(format_args!("{error} {text}"));
    }

    /// Ends a command that failed: for people on standard error, and as an object where results are JSON.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        #[derive(Serialize)]
        struct Failed<'a> {
            error: &'a str,
            reason: Option<&'static str>,
        }
        if matches!(failure, Failure::Told(_) | Failure::PipeClosed) {
            return;
        }
        let message = failure.to_string();
        self.complain(&message);
        if self.json {
            let reason = failure.reason().map(kavach::Reason::code);
            let error = &message;
            let _ = self.object(&Failed { error, reason });
            let _ = self.flush();
        }
    }
}
