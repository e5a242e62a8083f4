//! At what cost: so many units in a period.

use core::fmt;
use core::str::FromStr;

use super::rate::whole;
use crate::counter::Span;
use crate::error::{ParseError, Problem};

/// At most `units` of cost in each `period`.
///
/// Prints and parses as `5/day`, `100/month`, `1000/total`.
///
/// ```
/// use kavach_core::{Budget, Period};
///
/// let budget: Budget = "5/day".parse()?;
/// assert_eq!((budget.units, budget.period), (5, Period::Day));
/// # Ok::<(), kavach_core::ParseError>(())
/// ```
#[expect(
    clippy::exhaustive_structs,
    reason = "an amount and a period are what a budget is"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Budget {
    /// Over which time.
    pub period: Period,
    /// Units of cost in it. Zero: none at all.
    pub units: u64,
}

/// Over which time a budget counts.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever counts must count each of them"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Period {
    /// The calendar day, UTC.
    Day,
    /// The calendar month, UTC.
    Month,
    /// For ever.
    Total,
}

const WORDS: &str =
    "a budget is units of cost and a period, as in `5/day`, `100/month` or `1000/total`";

impl Period {
    /// All of them, the shortest first.
    pub const ALL: [Self; 3] = [Self::Day, Self::Month, Self::Total];

    /// The same for counters.
    #[must_use]
    pub const fn span(self) -> Span {
        match self {
            Self::Day => Span::Day,
            Self::Month => Span::Month,
            Self::Total => Span::Total,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Total => "total",
        }
    }
}

impl Budget {
    /// Whether whoever keeps to this budget cannot but keep to `other`.
    pub(crate) fn implies(self, other: Self) -> bool {
        let most = match (self.period, other.period) {
            (Period::Day, Period::Month) => self.units.checked_mul(31),
            (Period::Day | Period::Month, Period::Total) if self.units > 0 => None,
            (Period::Day | Period::Month | Period::Total, _) => Some(self.units),
        };
        most.is_some_and(|most| most <= other.units)
    }
}

impl FromStr for Budget {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let (units, word) = text.split_once('/')?;
            let period = Period::ALL
                .into_iter()
                .find(|period| period.word() == word)?;
            let units = whole(units)?;
            Some(Self { period, units })
        };
        parse().ok_or_else(|| ParseError::new("a budget", text, Problem::Other(WORDS)))
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.units, self.period.word())
    }
}
