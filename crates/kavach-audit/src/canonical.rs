//! JSON in its canonical form (RFC 8785), written straight into bytes.

use std::fmt::{self, Write};

use crate::hash::{Hash, hex};

/// Writes JSON without white space; strings are escaped as in RFC 8785 section 3.2.2.2.
///
/// The caller names the keys of an object in the order of their UTF-16 code units (RFC 8785 section
/// 3.2.3), and no key twice. Numbers are written only where a double holds them exactly.
#[derive(Debug)]
pub(crate) struct Canonical {
    bytes: Vec<u8>,
}

impl Canonical {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Begins an object or a list.
    pub(crate) fn open(&mut self, bracket: u8) {
        self.bytes.push(bracket);
    }

    /// Ends it.
    pub(crate) fn close(&mut self, bracket: u8) {
        self.bytes.push(bracket);
    }

    /// Separates an entry from the one before it, if there is one.
    ///
    /// Every entry ends in a quote, a digit or a closing bracket, so an opening one is never an entry's.
    pub(crate) fn entry(&mut self) {
        if !matches!(self.bytes.last(), Some(b'{' | b'[')) {
            self.bytes.push(b',');
        }
    }

    /// The key of the entry that follows.
    pub(crate) fn key(&mut self, key: &str) -> &mut Self {
        self.entry();
        self.text(key);
        self.bytes.push(b':');
        self
    }

    /// Any text.
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes.push(b'"');
        for run in text.as_bytes().split_inclusive(|byte| is_escaped(*byte)) {
            match run.split_last() {
                Some((&last, plain)) if is_escaped(last) => {
                    self.bytes.extend_from_slice(plain);
                    self.escape(last);
                }
                _ => self.bytes.extend_from_slice(run),
            }
        }
        self.bytes.push(b'"');
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, texts: &[String]) {
        self.open(b'[');
        for text in texts {
            self.entry();
            self.text(text);
        }
        self.close(b']');
    }

    /// As text, something that never prints a quote, a backslash or a control character: ids, times
    /// and numbers of 64 bits.
    pub(crate) fn plain(&mut self, value: impl fmt::Display) {
        self.bytes.push(b'"');
        self.number(value);
        self.bytes.push(b'"');
    }

    /// A number of at most 32 bits.
    pub(crate) fn number(&mut self, value: impl fmt::Display) {
        // Writing into memory cannot fail.
        let _ = write!(self, "{value}");
    }

    /// A hash, as text of 64 lower-case digits.
    pub(crate) fn hash(&mut self, hash: &Hash) {
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(&hex(hash));
        self.bytes.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\x08' => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            b'\x0c' => b'f',
            b'\r' => b'r',
            _ => return self.number(format_args!("\\u{byte:04x}")),
        };
        self.bytes.extend_from_slice(&[b'\\', short]);
    }
}

impl Write for Canonical {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

const fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | ..=0x1f)
}
