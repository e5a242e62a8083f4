//! Colours, where a terminal shows them.

use std::fmt;

/// What a colour says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ink {
    Plain,
    /// Allowed, done, new.
    Good,
    /// Denied, refused, gone.
    Bad,
    /// To be looked at.
    Warn,
    /// Of less weight.
    Faint,
    /// Of more weight.
    Strong,
}

/// Whether to use colours at all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Paint {
    Colours,
    Plain,
}

impl Paint {
    /// The text in this colour.
    pub(crate) fn ink<T: fmt::Display>(self, ink: Ink, text: T) -> Inked<T> {
        let ink = if self == Self::Plain { Ink::Plain } else { ink };
        Inked { ink, text }
    }
}

/// Text with a colour; print it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inked<T> {
    ink: Ink,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Inked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = match self.ink {
            Ink::Plain => return self.text.fmt(f),
            Ink::Good => "32",
            Ink::Bad => "31",
            Ink::Warn => "33",
            Ink::Faint => "2",
            Ink::Strong => "1",
        };
        write!(f, "\u{1b}[{code}m")?;
        self.text.fmt(f)?;
        f.write_str("\u{1b}[0m")
    }
}
