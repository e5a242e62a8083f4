//! A tally as it is stored: in parts of bounded size.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// One part of a tally, stored as one record.
#[expect(
    clippy::exhaustive_enums,
    reason = "a new kind of part is a new version of the encoding"
)]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TallyPart {
    /// Calls, by second.
    Calls(Calls),
    /// Units spent in one period.
    Spent(Spent),
}

impl TallyPart {
    /// Its number among the parts of its tally.
    #[must_use]
    pub fn number(&self) -> u64 {
        match self {
            Self::Calls(calls) => calls.from.as_s().unsigned_abs(),
            Self::Spent(_) => 0,
        }
    }
}

/// Calls from one second on, until the next part begins.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    pub(super) from: Timestamp,
    /// So many seconds after `from`, so many calls. INVARIANT (calls in order): by second, each once, none of
    /// no calls.
    pub(super) calls: Vec<(u64, Count)>,
}

/// Units spent in one period.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// When the period began.
    pub(super) from: Timestamp,
    pub(super) units: Count,
}

/// A number of more bits than a double holds, as decimal digits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Count(pub(super) u128);

impl TryFrom<String> for Count {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number: Option<u128> = text.parse().ok();
        number
            .filter(|number| alloc::format!("{number}") == text)
            .map(Self)
            .ok_or("a count is decimal digits without leading zeros")
    }
}

impl From<Count> for String {
    fn from(count: Count) -> Self {
        alloc::format!("{}", count.0)
    }
}
