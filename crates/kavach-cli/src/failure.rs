//! How a command fails, and what its exit code says.

use std::error::Error;
use std::fmt;
use std::io;

use kavach::audit::shown;
use kavach::declare::ApplyError;
use kavach::{
    CannotDecide, ChangeError, OpenError, ParseError, Reason, Refusal, StoreError, TokenError,
};

use crate::limits::SHOWN_TEXT_CHARS_MAX;

/// How a command ended that did what it was asked to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Exit {
    /// Done, or everything was allowed.
    Done,
    /// Something was denied, or needs an approval.
    Denied,
    /// Something among many was wrong.
    Erred,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Denied => 1,
            Self::Erred => 2,
        }
    }
}

/// Why a command ended without doing what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It is against the rules. Exit code 1.
    Refused {
        reason: Option<Reason>,
        message: String,
    },
    /// Anything else. Exit code 2.
    Error(String),
    /// Everything was said already, to people and to programs.
    Told(Exit),
    /// Whoever read the output has seen enough: no failure at all.
    PipeClosed,
}

impl Failure {
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self::Error(message.into())
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::PipeClosed => 0,
            Self::Refused { .. } => 1,
            Self::Error(_) => 2,
            Self::Told(exit) => exit.code(),
        }
    }

    /// The output could not be written.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::PipeClosed;
        }
        Self::Error(format!("the output cannot be written: {error}"))
    }

    /// The same, where something else is to be done about it.
    pub(crate) fn but(self, what_to_do: &str) -> Self {
        if let Self::Error(message) = self {
            return Self::Error(format!("{message}; {what_to_do}"));
        }
        self
    }

    pub(crate) fn reason(&self) -> Option<Reason> {
        match self {
            Self::Refused { reason, .. } => *reason,
            Self::Error(_) | Self::Told(_) | Self::PipeClosed => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { message, .. } | Self::Error(message) => f.write_str(message),
            Self::Told(_) => f.write_str("see above"),
            Self::PipeClosed => f.write_str("the reader of the output is gone"),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let mut message = refusal.message;
        for (place, candidate) in refusal.candidates.iter().enumerate() {
            message.push_str(if place == 0 { ": " } else { ", " });
            message.push_str(&candidate.to_string());
        }
        Self::Refused {
            reason: Some(refusal.reason),
            message,
        }
    }
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        if let ChangeError::Refused(refusal) = error {
            return refusal.into();
        }
        Self::Error(with_causes(&error))
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        if let ApplyError::Change(error) = error {
            return error.into();
        }
        Self::Error(with_causes(&error))
    }
}

macro_rules! from_error {
    ($($error:ty,)*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Error(with_causes(&error))
            }
        })*
    };
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        if let TokenError::Refused(refusal) = error {
            return refusal.into();
        }
        Self::Error(with_causes(&error))
    }
}

from_error! { CannotDecide, OpenError, ParseError, StoreError, }

/// The error, and after it every cause that it does not name itself.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !text.is_empty() && !message.contains(&text) {
            message.push_str(" (");
            message.push_str(&text);
            message.push(')');
        }
        cause = error.source();
    }
    message
}

/// Text from outside as a message repeats it: shortened, and safe in a terminal.
pub(crate) fn quoted(text: &str) -> String {
    let mut kept: String = text.chars().take(SHOWN_TEXT_CHARS_MAX).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    format!("`{}`", shown(&kept))
}
