//! A permission in one line: `read,comment:mcp:github:pull_requests?depth=2`.
//!
//! ```text
//! shorthand   = acts ":" target [ "?" constraint *( "&" constraint ) ]
//! acts        = action *63( "," action ) / "*"
//! target      = pattern                          ; its first segment is a known kind, or it is "**"
//!             / pseg *( ":" pseg ) [ ":**" ]     ; anything else is relative to the base
//! constraint  = name [ "=" value ]               ; see `Constraints::of`
//! name, value = *( vchar / "+" / %XX )           ; "+" is a space; %XX any byte, upper-case hex
//! vchar       = %x21 / %x23-24 / %x27-2A / %x2C-3E / %x40-5B / %x5D-7E   ; not `"` `%` `&` `+` `?` `\`
//! ```
//!
//! `action`, `pattern` and `pseg` as in [`Action`](crate::Action) and [`Pattern`]. A name takes no `=`. Each constraint
//! stands at most once; one that is not known is refused, never ignored. What the printer writes is
//! canonical: actions sorted, target absolute, constraints sorted by name. It is a legal OAuth scope
//! token (RFC 6749 section 3.3). `docs/shorthand.md` says the same at length, with examples.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::constraint::Constraints;
use crate::error::{ParseError, Problem};
use crate::limits::SHORTHAND_BYTES_MAX;
use crate::pattern::Pattern;
use crate::permission::Permission;
use crate::segment::{check_length, check_segment, is_kind, split};

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
    let mut parts = Vec::new();
    for constraint in text.split('&') {
        let (name, value) = match constraint.split_once('=') {
            Some((name, value)) => (name, Some(decode(value)?)),
            None => (constraint, None),
        };
        parts.push((decode(name)?, value));
    }
    let parts = parts
        .iter()
        .map(|(name, value)| (&**name, value.as_deref()));
    Constraints::of(parts).map_err(|error| error.problem())
}

/// Whether it may stand as itself in a name or a value.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'%' | b'&' | b'+' | b'?' | b'\\')
}

/// The escaping of a name or a value; a `=` stands as itself in values only.
struct Escaped<'a> {
    text: &'a str,
    is_name: bool,
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.text.bytes() {
            match byte {
                b' ' => f.write_str("+")?,
                b'=' if self.is_name => f.write_str("%3D")?,
                byte if is_plain(byte) => fmt::Write::write_char(f, char::from(byte))?,
                byte => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

/// Undoes the escaping of a name or a value.
fn decode(value: &str) -> Result<String, Problem> {
    let words = "a constraint has a character that must be percent-encoded, as in `%26`";
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
            byte if is_plain(byte) => decoded.push(byte),
            _ => return Err(Problem::Other(words)),
        }
    }
    String::from_utf8(decoded).map_err(|_| Problem::Other("a constraint is not UTF-8"))
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
        for (place, (name, value)) in self.constraints.parts().iter().enumerate() {
            let separator = if place == 0 { '?' } else { '&' };
            let name = Escaped {
                text: name,
                is_name: true,
            };
            write!(f, "{separator}{name}")?;
            if let Some(text) = value {
                let is_name = false;
                write!(f, "={}", Escaped { text, is_name })?;
            }
        }
        Ok(())
    }
}
