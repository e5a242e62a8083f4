//! What people call agents and subjects.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{ParseError, Problem};
use crate::id::AgentId;
use crate::limits::{NAME_BYTES_MAX, SUBJECT_BYTES_MAX};

/// An agent's name: 1 to 128 letters, digits and `_-.~@+`, starting with a letter or a digit.
///
/// Compared byte for byte: `Foo` and `foo` are two agents, in every database. A name that could be
/// taken for an agent's id or for a credential is refused.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = |problem| ParseError::new("an agent's name", text, problem);
        check_characters(text, NAME_BYTES_MAX).map_err(error)?;
        if !text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Err(error(Problem::Other("start it with a letter or a digit")));
        }
        if text.starts_with(AgentId::PREFIX) || text.starts_with("kv_") {
            let words = "names may not start with `agt_` or `kv_`, as ids and credentials do";
            return Err(error(Problem::Other(words)));
        }
        Ok(Self(text.into()))
    }
}

/// Who stands behind an agent, as the host knows them: `user:alice`, `service:billing`.
///
/// The kind says whether it is a person or a system; the name has letters, digits and `_-.~@+`, at
/// least one, and both together at most 256 bytes. Inside Kavach stands an opaque [`SubjectId`](crate::SubjectId) instead; this text lives
/// in one record that can be erased.
///
/// ```
/// use kavach_core::Subject;
///
/// let alice = Subject::user("alice@example.com")?;
/// assert_eq!(alice.to_string(), "user:alice@example.com");
/// assert!(Subject::user("two words").is_err());
/// # Ok::<(), kavach_core::ParseError>(())
/// ```
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject(Box<str>);

impl Subject {
    /// A person.
    ///
    /// # Errors
    /// If `name` is empty, too long, or has other characters than allowed; ask the host for another name.
    pub fn user(name: &str) -> Result<Self, ParseError> {
        Self::of_kind("user:", name)
    }

    /// A system outside, such as a scheduler.
    ///
    /// # Errors
    /// As [`Subject::user`].
    pub fn service(name: &str) -> Result<Self, ParseError> {
        Self::of_kind("service:", name)
    }

    fn of_kind(kind: &str, name: &str) -> Result<Self, ParseError> {
        let max = SUBJECT_BYTES_MAX - kind.len();
        check_characters(name, max)
            .map_err(|problem| ParseError::new("a subject's name", name, problem))?;
        let mut text = String::with_capacity(kind.len() + name.len());
        text.push_str(kind);
        text.push_str(name);
        Ok(Self(text.into()))
    }

    /// Whether it is a person, and no system.
    #[must_use]
    pub fn is_person(&self) -> bool {
        self.0.starts_with("user:")
    }

    /// The subject as text, `kind:name`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Subject {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text.split_once(':') {
            Some(("user", name)) => Self::user(name),
            Some(("service", name)) => Self::service(name),
            _ => {
                let problem = Problem::Other("write `user:NAME` or `service:NAME`");
                Err(ParseError::new("a subject", text, problem))
            }
        }
    }
}

fn check_characters(text: &str, bytes_max: usize) -> Result<(), Problem> {
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    if text.len() > bytes_max {
        return Err(Problem::TooLong(bytes_max));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.~@+".contains(&byte);
    match text.bytes().position(|byte| !allowed(byte)) {
        Some(_) => Err(Problem::Other("write only letters, digits and `_-.~@+`")),
        None => Ok(()),
    }
}

macro_rules! text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;

            fn try_from(text: String) -> Result<Self, ParseError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                String::from(&*value.0)
            }
        }
    };
}

text!(Name);
text!(Subject);
