//! Types of JSON values.

use core::fmt;

use serde_json::Value;

use super::number::Number;

/// A set of types, one bit for each.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const NONE: Self = Self(0);
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOL: Self = Self(1 << 1);
    /// Whole numbers, however they are written: `5.0` is one.
    pub(super) const INTEGER: Self = Self(1 << 2);
    const FRACTION: Self = Self(1 << 3);
    pub(super) const NUMBER: Self = Self(Self::INTEGER.0 | Self::FRACTION.0);
    pub(super) const STRING: Self = Self(1 << 4);
    pub(super) const ARRAY: Self = Self(1 << 5);
    pub(super) const OBJECT: Self = Self(1 << 6);
    pub(super) const ALL: Self = Self((1 << 7) - 1);

    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOL,
            Value::Number(number) if Number::of(number).is_some_and(Number::is_whole) => {
                Self::INTEGER
            }
            Value::Number(_) => Self::FRACTION,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The words for them, in the order in which they are printed; the longer of two that overlap first.
const WORDS: [(&str, Kinds); 7] = [
    ("array", Kinds::ARRAY),
    ("bool", Kinds::BOOL),
    ("number", Kinds::NUMBER),
    ("integer", Kinds::INTEGER),
    ("null", Kinds::NULL),
    ("object", Kinds::OBJECT),
    ("string", Kinds::STRING),
];

/// Words with commas between them.
pub(super) fn parse_list(text: &str) -> Option<Kinds> {
    text.split(',').try_fold(Kinds::NONE, |kinds, word| {
        let (_, kind) = WORDS.iter().find(|(known, _)| *known == word)?;
        Some(kinds.or(*kind))
    })
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut left = *self;
        for (word, kind) in WORDS {
            if left.has(kind) {
                write!(f, "{separator}{word}")?;
                separator = ",";
                left = Self(left.0 & !kind.0);
            }
        }
        Ok(())
    }
}
