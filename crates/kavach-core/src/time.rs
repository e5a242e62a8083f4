//! Seconds since the epoch.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{ParseError, Problem};

/// A point in time: whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Prints and parses as RFC 3339 in UTC, `2026-11-21T10:00:00Z`; other offsets are accepted when
/// parsing, fractions of a second and lower-case letters are refused. The range is the years 1970 to 9999; numbers outside
/// it are moved to its ends.
///
/// ```
/// use kavach_core::Timestamp;
///
/// let noon: Timestamp = "2026-11-21T13:00:00+01:00".parse()?;
/// assert_eq!(noon.to_string(), "2026-11-21T12:00:00Z");
/// assert_eq!(noon.plus_s(60).as_s() - noon.as_s(), 60);
/// # Ok::<(), kavach_core::ParseError>(())
/// ```
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// RFC 3339 section 5.6, as it is written here: `0` stands for a digit.
const SHAPES: [&str; 3] = [
    "0000-00-00T00:00:00Z",
    "0000-00-00T00:00:00+00:00",
    "0000-00-00T00:00:00-00:00",
];

/// 9999-12-30T00:00:00Z: inside what the calendar library can print in every zone.
const LAST_S: i64 = 253_402_128_000;

impl Timestamp {
    /// This many seconds since the epoch, moved into the range if outside it.
    #[must_use]
    pub const fn from_s(seconds: i64) -> Self {
        if seconds < 0 {
            Self(0)
        } else if seconds > LAST_S {
            Self(LAST_S)
        } else {
            Self(seconds)
        }
    }

    /// Seconds since the epoch.
    #[must_use]
    pub const fn as_s(self) -> i64 {
        self.0
    }

    /// This many seconds later, or the end of the range.
    #[must_use]
    pub const fn plus_s(self, seconds: u64) -> Self {
        let seconds = if seconds > LAST_S.unsigned_abs() {
            LAST_S
        } else {
            seconds.cast_signed()
        };
        Self::from_s(self.0.saturating_add(seconds))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "@{}", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = |problem| ParseError::new("a time", text, problem);
        let timestamp: jiff::Timestamp = text
            .parse()
            .map_err(|_| error(Problem::Other("write it as in `2026-11-21T10:00:00Z`")))?;
        if timestamp.subsec_nanosecond() != 0 {
            return Err(error(Problem::Other(
                "leave out the fraction of the second",
            )));
        }
        // The calendar library also reads other forms, and two spellings of one time are one too many.
        if !SHAPES.iter().any(|shape| has_shape(text, shape)) {
            return Err(error(Problem::Other(
                "write it as in `2026-11-21T10:00:00Z`",
            )));
        }
        let seconds = timestamp.as_second();
        if !(0..=LAST_S).contains(&seconds) {
            return Err(error(Problem::Other(
                "it lies outside the years 1970 to 9999",
            )));
        }
        Ok(Self(seconds))
    }
}

fn has_shape(text: &str, shape: &str) -> bool {
    let fits = |(byte, want): (u8, u8)| match want {
        b'0' => byte.is_ascii_digit(),
        _ => byte == want,
    };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
}

impl TryFrom<String> for Timestamp {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}
