//! The text of a file, and where in it something stands.

use std::fmt::Write as _;
use std::ops::Range;

use kavach::audit::shown;

use super::Fault;
use crate::limits::{PROBLEMS_SHOWN_MAX, SOURCE_LINE_CHARS_MAX};
use crate::paint::{Ink, Paint};

/// The text of a file with its name.
#[derive(Debug)]
pub(crate) struct Source {
    /// The name as the user wrote it, safe in a terminal.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A line and a column, both from 1; columns are characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Source {
    /// Where this byte stands.
    pub(crate) fn position(&self, byte: usize) -> Position {
        let before = self
            .text
            .get(..self.text.floor_char_boundary(byte))
            .unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |feed| feed + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        Position {
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: in_line.chars().count() + 1,
        }
    }

    /// Each fault as `file:line:column: message`, with the line that it is in.
    pub(crate) fn describe(&self, faults: &[Fault], paint: Paint) -> String {
        let mut text = String::new();
        for fault in faults.iter().take(PROBLEMS_SHOWN_MAX) {
            let Position { line, column } = self.position(fault.at.start);
            let place = paint.ink(Ink::Strong, format!("{}:{line}:{column}:", self.name));
            // Writing into a string does not fail.
            let _ = writeln!(text, "{place} {}", fault.message);
            self.underline(&fault.at, line, column, paint, &mut text);
        }
        if let Some(more) = faults
            .len()
            .checked_sub(PROBLEMS_SHOWN_MAX)
            .filter(|more| *more > 0)
        {
            let _ = writeln!(text, "and {more} more");
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// The line, and marks under what is meant, where both can be shown as they are.
    fn underline(
        &self,
        at: &Range<usize>,
        line: usize,
        column: usize,
        paint: Paint,
        text: &mut String,
    ) {
        let content = self
            .text
            .lines()
            .nth(line.saturating_sub(1))
            .unwrap_or_default();
        let is_plain = |character: char| {
            matches!(character, '\t' | '\\')
                || shown(character.encode_utf8(&mut [0; 4])).to_string().len() <= 4
        };
        if content.chars().count() > SOURCE_LINE_CHARS_MAX || !content.chars().all(is_plain) {
            return;
        }
        let meant = self.text.get(at.clone()).unwrap_or_default();
        let marks = meant
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            .max(1);
        let indent: String = content
            .chars()
            .take(column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let bar = paint.ink(Ink::Faint, "|");
        let marks = paint.ink(Ink::Bad, "^".repeat(marks));
        let _ = writeln!(text, "  {} {bar} {content}", paint.ink(Ink::Faint, &number));
        let _ = writeln!(text, "  {margin} {bar} {indent}{marks}");
    }
}
