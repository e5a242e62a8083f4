//! Values that arguments are compared with.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde_json::Value;

use super::number::Number;

/// A value without parts.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Number(Number),
    Text(Box<str>),
}

impl Scalar {
    pub(super) fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(mine), Value::Bool(its)) => mine == its,
            (Self::Number(mine), Value::Number(its)) => Number::of(its) == Some(*mine),
            (Self::Text(mine), Value::String(its)) => **mine == **its,
            (Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_), _) => false,
        }
    }

    /// The same as JSON, for the checks that look at JSON.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(Number::Whole(whole)) => {
                let signed = i64::try_from(*whole).map(Value::from);
                signed
                    .or_else(|_| u64::try_from(*whole).map(Value::from))
                    .unwrap_or_default()
            }
            Self::Number(Number::Fraction(fraction)) => Value::from(*fraction),
            Self::Text(text) => Value::String(String::from(&**text)),
        }
    }

    /// One value without quotes.
    fn bare(text: &str) -> Option<Self> {
        match text {
            "" => None,
            "null" => Some(Self::Null),
            "true" => Some(Self::Bool(true)),
            "false" => Some(Self::Bool(false)),
            _ if looks_like_a_number(text) => Number::parse(text).map(Self::Number),
            _ => Some(Self::Text(text.into())),
        }
    }
}

/// What begins as a number does must be one, or stand in quotes: `007` and `1e3` are neither.
fn looks_like_a_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || first == '-')
}

/// The JSON string that `text` begins with, and what follows it.
fn quoted(text: &str) -> Option<(Scalar, &str)> {
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    let (string, rest) = text.split_at_checked(end + 2)?;
    let string: String = serde_json::from_str(string).ok()?;
    Some((Scalar::Text(string.into()), rest))
}

/// Values with commas between them: `EUR,5,true,null`. Text stands in quotes, as JSON, where it would be
/// read as something else.
pub(super) fn parse_list(text: &str) -> Option<Vec<Scalar>> {
    let mut values = Vec::new();
    let mut rest = text;
    loop {
        let (value, after) = if rest.starts_with('"') {
            quoted(rest)?
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let (bare, after) = rest.split_at_checked(end)?;
            (Scalar::bare(bare).filter(|_| !bare.contains('"'))?, after)
        };
        values.push(value);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Some(values),
            None => return None,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => {
                let bare = !text.contains([',', '"']) && Self::bare(text).as_ref() == Some(self);
                if bare {
                    f.write_str(text)
                } else {
                    write!(f, "{}", Value::String(String::from(&**text)))
                }
            }
        }
    }
}
