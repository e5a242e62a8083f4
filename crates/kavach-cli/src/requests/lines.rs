//! Lines of a stream, in bounded memory.

use std::io::{self, BufRead};
use std::ops::Range;

use crate::limits::REQUEST_LINE_BYTES_MAX;

/// A line of input.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Line {
    /// Its number, from 1.
    pub(crate) number: u64,
    pub(crate) content: Content,
}

/// What stands in a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Content {
    /// Something, without the line feed.
    Whole(Vec<u8>),
    /// More than may.
    TooLong,
    /// Nothing but white space, and there are lines below that have something.
    Blank,
}

/// Reads lines one at a time. Blank lines at the end are none.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    /// The number of the next line to be read.
    next: u64,
    /// Blank lines that were read, and not given out yet: they may be the last.
    blank: Range<u64>,
    /// The line after them.
    held: Option<Line>,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            next: 1,
            blank: 0..0,
            held: None,
        }
    }

    /// The bytes up to the next line feed, or what `Content` says of them; `None` at the end.
    fn read(&mut self) -> io::Result<Option<Content>> {
        let mut line = Vec::new();
        let (mut started, mut too_long) = (false, false);
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                break;
            }
            started = true;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or(buffer);
            if line.len() + part.len() > REQUEST_LINE_BYTES_MAX {
                too_long = true;
                line = Vec::new();
            }
            if !too_long {
                line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        Ok(match (started, too_long) {
            (false, _) => None,
            (true, true) => Some(Content::TooLong),
            (true, false) if line.trim_ascii().is_empty() => Some(Content::Blank),
            (true, false) => Some(Content::Whole(line)),
        })
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.held.is_none() {
            let content = match self.read() {
                Ok(content) => content?,
                Err(error) => return Some(Err(error)),
            };
            let number = self.next;
            self.next += 1;
            if content != Content::Blank {
                self.held = Some(Line { number, content });
            } else if self.blank.is_empty() {
                self.blank = number..number + 1;
            } else {
                self.blank.end = number + 1;
            }
        }
        match self.blank.next() {
            Some(number) => Some(Ok(Line {
                number,
                content: Content::Blank,
            })),
            None => self.held.take().map(Ok),
        }
    }
}
