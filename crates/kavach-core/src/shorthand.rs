//! A permission in one line: `read,comment:mcp:github:pull_requests?depth=2`.
//!
//! ```text
//! shorthand   = acts ":" target [ "?" constraint *( "&" constraint ) ]
//! acts        = action *63( "," action ) / "*"
//! target      = pattern                          ; its first segment is a known kind, or it is "**"
//!             / pseg *( ":" pseg ) [ ":**" ]     ; anything else is relative to the base
//! constraint  = "depth" "=" value                ; hops further, one digit from 0 to 8
//!             / "expires" "=" value              ; RFC 3339, whole seconds
//! value       = *( vchar / "+" / %XX )           ; "+" is a space; %XX any byte, upper-case hex
//! vchar       = %x21 / %x23-24 / %x27-2A / %x2C-3E / %x40-5B / %x5D-7E   ; not `"` `%` `&` `+` `?` `\`
//! ```
//!
//! `action`, `pattern` and `pseg` as in [`Action`](crate::Action) and [`Pattern`]. Each constraint
//! stands at most once; one that is not known is refused, never ignored. What the printer writes is
//! canonical: actions sorted, target absolute, constraints sorted by name. It is a legal OAuth scope
//! token (RFC 6749 section 3.3). `docs/shorthand.md` says the same at length, with examples.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::error::{ParseError, Problem};
use crate::limits::{DEPTH_MAX, SHORTHAND_BYTES_MAX};
use crate::pattern::Pattern;
use crate::permission::{Constraints, Permission};
use crate::segment::{check_length, check_segment, is_kind, split};
use crate::time::Timestamp;

#[cfg(test)]
mod tests;

const WHAT: &str = "a permission";

/// What relative targets are relative to: a kind and up to 6 segments, `mcp:github`.
///
/// The default is `app`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Base(String);

impl Default for Base {
    fn default() -> Self {
        Self("app".to_string())
    }
}

impl FromStr for Base {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = |problem| ParseError::new("a base", text, problem);
        check_length(text).map_err(error)?;
        for (number, at, segment) in split(text) {
            check_segment(segment, number, at).map_err(error)?;
            if number == 1 && !is_kind(segment) {
                return Err(error(Problem::Kind));
            }
            if number > 7 {
                return Err(error(Problem::Other(
                    "leave room for one segment: at most 7",
                )));
            }
        }
        Ok(Self(text.to_string()))
    }
}

impl Permission {
    /// Parses the shorthand, with relative targets below `base`.
    ///
    /// ```
    /// use kavach_core::{Base, Permission};
    ///
    /// let base: Base = "mcp:github".parse()?;
    /// let permission = Permission::parse("read:repos?depth=1", &base)?;
    /// assert_eq!(permission.to_string(), "read:mcp:github:repos?depth=1");
    /// # Ok::<(), kavach_core::ParseError>(())
    /// ```
    ///
    /// # Errors
    /// If the text is not as the grammar in `docs/shorthand.md` says; the message says what to write.
    pub fn parse(text: &str, base: &Base) -> Result<Self, ParseError> {
        let error = |problem| ParseError::new(WHAT, text, problem);
        if text.is_empty() {
            return Err(error(Problem::Empty));
        }
        if text.len() > SHORTHAND_BYTES_MAX {
            return Err(error(Problem::TooLong(SHORTHAND_BYTES_MAX)));
        }
        let (body, constraints) = match text.split_once('?') {
            Some((body, constraints)) => (body, Some(constraints)),
            None => (text, None),
        };
        let (actions, target) = body.split_once(':').ok_or_else(|| {
            error(Problem::Other(
                "write actions, `:` and a target, as in `read:mcp:github:repos`",
            ))
        })?;
        Ok(Self {
            actions: actions.parse()?,
            pattern: parse_target(target, base)?,
            constraints: match constraints {
                None => Constraints::default(),
                Some(constraints) => parse_constraints(constraints).map_err(error)?,
            },
        })
    }
}

fn parse_target(target: &str, base: &Base) -> Result<Pattern, ParseError> {
    let first = target.split(':').next().unwrap_or_default();
    if target == "**" || is_kind(first) {
        target.parse()
    } else {
        check_length(target).map_err(|problem| ParseError::new("a pattern", target, problem))?;
        format!("{}:{target}", base.0).parse()
    }
}

fn parse_constraints(text: &str) -> Result<Constraints, Problem> {
    let mut constraints = Constraints::default();
    for constraint in text.split('&') {
        let (name, value) = constraint
            .split_once('=')
            .ok_or(Problem::Other("write each constraint as `name=value`"))?;
        let value = decode(value)?;
        let twice = match name {
            "depth" => constraints
                .max_depth
                .replace(parse_depth(&value)?)
                .is_some(),
            "expires" => constraints
                .expires_at
                .replace(parse_expires(&value)?)
                .is_some(),
            _ => {
                let words =
                    "it has a constraint that is not known; known are `depth` and `expires`";
                return Err(Problem::Other(words));
            }
        };
        if twice {
            return Err(Problem::Other(
                "it names a constraint twice; write each once",
            ));
        }
    }
    Ok(constraints)
}

fn parse_depth(value: &str) -> Result<u8, Problem> {
    let digit = value.len() == 1 && value.starts_with(|first: char| first.is_ascii_digit());
    let depth = value.parse().ok();
    depth
        .filter(|depth| digit && *depth <= DEPTH_MAX)
        .ok_or(Problem::Other(
            "`depth` is a number of hops, one digit from 0 to 8",
        ))
}

fn parse_expires(value: &str) -> Result<Timestamp, Problem> {
    let words = "`expires` is a time as in `2026-11-21T10:00:00Z`, in whole seconds";
    value.parse().map_err(|_| Problem::Other(words))
}

/// Undoes the escaping of a constraint's value.
fn decode(value: &str) -> Result<String, Problem> {
    let words = "a constraint's value has a character that must be percent-encoded, as in `%26`";
    let mut decoded = Vec::with_capacity(value.len());
    let mut bytes = value.as_bytes();
    while let Some((&first, rest)) = bytes.split_first() {
        bytes = rest;
        match first {
            b'+' => decoded.push(b' '),
            b'%' => {
                let digits = rest
                    .get(..2)
                    .and_then(|digits| core::str::from_utf8(digits).ok());
                let digits = digits
                    .filter(|text| !text.bytes().any(|b| b.is_ascii_lowercase() || b == b'+'));
                let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                decoded.push(byte.ok_or(Problem::Other(words))?);
                bytes = rest.get(2..).unwrap_or_default();
            }
            b'"' | b'?' | b'\\' | 0..=0x20 | 0x7f.. => return Err(Problem::Other(words)),
            other => decoded.push(other),
        }
    }
    String::from_utf8(decoded).map_err(|_| Problem::Other("a constraint's value is not UTF-8"))
}

impl FromStr for Permission {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text, &Base::default())
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.actions, self.pattern)?;
        let mut separator = '?';
        if let Some(depth) = self.constraints.max_depth {
            write!(f, "{separator}depth={depth}")?;
            separator = '&';
        }
        if let Some(expires_at) = self.constraints.expires_at {
            write!(f, "{separator}expires={expires_at}")?;
        }
        Ok(())
    }
}
