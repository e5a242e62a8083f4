//! Paths in arguments: at or below a base.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// A base that paths lie at or below: `/srv/data`, `docs`, `/` or `.`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Base {
    absolute: bool,
    /// INVARIANT (plain path): none is empty, `.` or `..`.
    segments: Vec<Box<str>>,
}

/// The segments of a path, those that say nothing left out; `None` if it may mean something else to
/// whoever opens it than it seems to.
///
/// Wherever a `..` stands, the path is none: with a link before it, it leads elsewhere than the text
/// says. Nor is one with a backslash or a control character in it, with two slashes at its beginning
/// (another root on some systems), or that begins with `~` or a drive.
fn segments(path: &str) -> Option<impl Iterator<Item = &str>> {
    let foreign = |character: char| character == '\\' || character.is_control();
    let first = path.split('/').next().unwrap_or_default();
    let odd = path.is_empty()
        || path.contains(foreign)
        || path.starts_with("//")
        || first.starts_with('~')
        || first.contains(':')
        || path.split('/').any(|segment| segment == "..");
    let said = path
        .split('/')
        .filter(|segment| !segment.is_empty() && *segment != ".");
    (!odd).then_some(said)
}

impl Base {
    /// A base that is written plainly.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let base = Self {
            absolute: text.starts_with('/'),
            segments: segments(text)?.map(Into::into).collect(),
        };
        base.is_written(text).then_some(base)
    }

    fn is_written(&self, text: &str) -> bool {
        use alloc::string::ToString;
        self.to_string() == text
    }

    /// Whether `path` is at or below the base, by its text. Links are for whoever opens it.
    pub(super) fn has(&self, path: &str) -> bool {
        let Some(mut segments) = segments(path) else {
            return false;
        };
        self.absolute == path.starts_with('/')
            && self
                .segments
                .iter()
                .all(|mine| segments.next() == Some(mine))
    }

    /// Whether the text of `path` says where it lies, seen from the base.
    pub(super) fn can_read(&self, path: &str) -> bool {
        self.absolute == path.starts_with('/') && segments(path).is_some()
    }

    /// The lower of two, if one is below the other.
    pub(super) fn meet<'a>(&'a self, other: &'a Self) -> Option<&'a Self> {
        if self.absolute != other.absolute {
            None
        } else if self.segments.starts_with(&other.segments) {
            Some(self)
        } else if other.segments.starts_with(&self.segments) {
            Some(other)
        } else {
            None
        }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.absolute, self.segments.is_empty()) {
            (true, true) => return f.write_str("/"),
            (false, true) => return f.write_str("."),
            (_, false) => {}
        }
        for (place, segment) in self.segments.iter().enumerate() {
            let separator = if place > 0 || self.absolute { "/" } else { "" };
            write!(f, "{separator}{segment}")?;
        }
        Ok(())
    }
}
