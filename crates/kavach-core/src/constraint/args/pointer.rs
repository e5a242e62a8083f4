//! Places in a JSON value (RFC 6901).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde_json::Value;

use crate::limits::ARG_POINTER_TOKENS_MAX;

/// A JSON pointer: `/filter/0/name`. The empty one is the whole value.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Pointer {
    tokens: Vec<Box<str>>,
}

impl Pointer {
    /// Reads RFC 6901 section 3; up to 16 tokens.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut tokens = text.split('/');
        if !tokens.next()?.is_empty() {
            return None;
        }
        let tokens: Option<Vec<Box<str>>> = tokens.map(unescape).collect();
        let tokens = tokens.filter(|tokens| tokens.len() <= ARG_POINTER_TOKENS_MAX)?;
        Some(Self { tokens })
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The token at this depth, if it goes so far.
    pub(super) fn token(&self, depth: usize) -> Option<&str> {
        self.tokens.get(depth).map(|token| &**token)
    }

    /// Whether it is `other`, or leads to what `other` lies within.
    pub(super) fn is_at_or_above(&self, other: &Self) -> bool {
        other.tokens.starts_with(&self.tokens)
    }

    /// What it points to (RFC 6901 section 4).
    pub(super) fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.tokens
            .iter()
            .try_fold(value, |value, token| match value {
                Value::Object(members) => members.get(&**token),
                Value::Array(items) => items.get(index(token)?),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
            })
    }
}

/// The place in an array that a token names: digits without leading zeros.
pub(super) fn index(token: &str) -> Option<usize> {
    crate::constraint::rate::whole(token)
}

/// `~1` is a slash and `~0` a tilde (RFC 6901 section 4); nothing else follows a tilde.
fn unescape(token: &str) -> Option<Box<str>> {
    let mut parts = token.split('~');
    let mut text = String::from(parts.next()?);
    for part in parts {
        let (character, rest) = match part.split_at_checked(1)? {
            ("0", rest) => ('~', rest),
            ("1", rest) => ('/', rest),
            _ => return None,
        };
        text.push(character);
        text.push_str(rest);
    }
    Some(text.into())
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for token in &self.tokens {
            write!(f, "/{}", token.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}
