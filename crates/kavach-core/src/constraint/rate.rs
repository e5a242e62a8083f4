//! How often: so many calls in any window of so many seconds.

use core::fmt;
use core::str::FromStr;

use crate::error::{ParseError, Problem};
use crate::limits::RATE_WINDOW_S_MAX;

/// At most `calls` in any `window_s` seconds on end.
///
/// Prints and parses as `20/h`, `100/15m`, `5/90s`: the window is a number of `s`, `m`, `h`, `d` or `w`,
/// printed in the largest of them that it is a multiple of, and without the number if that is one.
///
/// ```
/// use kavach_core::Rate;
///
/// let rate: Rate = "20/60m".parse()?;
/// assert_eq!((rate.calls, rate.window_s), (20, 3600));
/// assert_eq!(rate.to_string(), "20/h");
/// # Ok::<(), kavach_core::ParseError>(())
/// ```
#[expect(clippy::exhaustive_structs, reason = "two numbers are what a rate is")]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Rate {
    /// The window in seconds, from 1 to 31 days.
    pub window_s: u32,
    /// Calls in it. Zero: none at all.
    pub calls: u32,
}

/// The units of a window, the largest first.
const UNITS: [(char, u32); 5] = [
    ('w', 7 * 86_400),
    ('d', 86_400),
    ('h', 3_600),
    ('m', 60),
    ('s', 1),
];

const WORDS: &str = "a rate is calls and a window of up to 31 days, as in `20/h`, `100/15m` or `5/90s`; \
                     units are `s`, `m`, `h`, `d` and `w`";

impl Rate {
    /// Whether whoever keeps to this rate cannot but keep to `other`.
    ///
    /// Calls come in bursts at worst: in any window there are as many bursts as windows of this rate
    /// begin in it.
    pub(crate) fn implies(self, other: Self) -> bool {
        let bursts = u64::from(other.window_s).div_ceil(u64::from(self.window_s.max(1)));
        bursts * u64::from(self.calls) <= u64::from(other.calls)
    }
}

/// A whole number in decimal digits, without leading zeros.
pub(super) fn whole<T: FromStr>(text: &str) -> Option<T> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

fn parse(text: &str) -> Option<Rate> {
    let (calls, window) = text.split_once('/')?;
    let unit = window.chars().next_back()?;
    let (_, unit_s) = UNITS.iter().find(|(letter, _)| *letter == unit)?;
    let count: u32 = match window.strip_suffix(unit)? {
        "" => 1,
        count => whole(count)?,
    };
    let window_s = count.checked_mul(*unit_s)?;
    (1..=RATE_WINDOW_S_MAX).contains(&window_s).then_some(Rate {
        window_s,
        calls: whole(calls)?,
    })
}

impl FromStr for Rate {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text).ok_or_else(|| ParseError::new("a rate", text, Problem::Other(WORDS)))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, unit_s): &&(char, u32)| self.window_s.is_multiple_of(*unit_s);
        let (unit, unit_s) = UNITS.iter().find(fits).copied().unwrap_or(('s', 1));
        match self.window_s / unit_s {
            1 => write!(f, "{}/{unit}", self.calls),
            count => write!(f, "{}/{count}{unit}", self.calls),
        }
    }
}
