//! What is done to a resource.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{ParseError, Problem};
use crate::limits::{ACTION_BYTES_MAX, ACTIONS_MAX};

/// What a request does: a letter, then up to 63 letters, digits and `_-.`.
///
/// Compared byte for byte; `Read` is not `read`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Action(Box<str>);

impl Action {
    /// The action as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Action {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let error = |problem| ParseError::new("an action", text, problem);
        if text.is_empty() {
            return Err(error(Problem::Empty));
        }
        if text.len() > ACTION_BYTES_MAX {
            return Err(error(Problem::TooLong(ACTION_BYTES_MAX)));
        }
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if !text.starts_with(|first: char| first.is_ascii_alphabetic())
            || !text.bytes().all(allowed)
        {
            let problem = Problem::Other("write a letter, then letters, digits and `_-.`");
            return Err(error(problem));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Action {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Action> for String {
    fn from(action: Action) -> Self {
        action.0.into()
    }
}

/// The actions that a permission allows: a list of 1 to 64, or all.
///
/// Prints and parses as `read,comment`, in byte order without repetition, or `*`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Actions(Listed);

#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Listed {
    /// INVARIANT (listed): sorted, without repetition, not empty.
    These(Arc<[Action]>),
    All,
}

impl Actions {
    /// Every action, those that nobody has thought of yet included.
    #[must_use]
    pub const fn all() -> Self {
        Self(Listed::All)
    }

    /// Just this one.
    #[must_use]
    pub fn only(action: Action) -> Self {
        Self(Listed::These(Arc::from([action])))
    }

    /// These; `None` if there are none, or more than 64 different ones.
    pub fn of(actions: impl IntoIterator<Item = Action>) -> Option<Self> {
        let mut actions: Vec<Action> = actions.into_iter().collect();
        actions.sort_unstable();
        actions.dedup();
        (1..=ACTIONS_MAX)
            .contains(&actions.len())
            .then(|| Self(Listed::These(actions.into())))
    }

    /// The actions by name, in byte order; `None` if it is all of them.
    #[must_use]
    pub fn listed(&self) -> Option<&[Action]> {
        match &self.0 {
            Listed::All => None,
            Listed::These(actions) => Some(actions),
        }
    }

    /// Their text, piece by piece.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &str> {
        let listed = self.listed();
        let all = listed.is_none().then_some("*");
        let actions = listed.into_iter().flatten().enumerate();
        let texts = actions.flat_map(|(place, action)| {
            let comma = if place > 0 { "," } else { "" };
            [comma, action.as_str()]
        });
        all.into_iter().chain(texts)
    }

    /// Whether `action` is among them.
    #[must_use]
    pub fn matches(&self, action: &Action) -> bool {
        match &self.0 {
            Listed::All => true,
            Listed::These(actions) => actions.binary_search(action).is_ok(),
        }
    }

    /// Whether every action of `other` is among them.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Listed::All, _) => true,
            (Listed::These(_), Listed::All) => false,
            (Listed::These(mine), Listed::These(its)) => {
                // Both are sorted: what stands before a match is never asked for again.
                let mut left = mine.iter();
                Arc::ptr_eq(mine, its) || its.iter().all(|action| left.any(|known| known == action))
            }
        }
    }

    /// The actions in both; `None` if there are none.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Option<Self> {
        match (&self.0, &other.0) {
            (Listed::All, _) => Some(other.clone()),
            (_, Listed::All) => Some(self.clone()),
            // One of the two as it is, if that is the meet: nothing is copied.
            _ if self.contains(other) => Some(other.clone()),
            _ if other.contains(self) => Some(self.clone()),
            (Listed::These(actions), Listed::These(_)) => Self::of(
                actions
                    .iter()
                    .filter(|action| other.matches(action))
                    .cloned(),
            ),
        }
    }
}

impl FromStr for Actions {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == "*" {
            return Ok(Self::all());
        }
        let mut actions = Vec::new();
        for action in text.split(',') {
            if actions.len() >= ACTIONS_MAX {
                let problem = Problem::Other("list at most 64 actions, or write `*`");
                return Err(ParseError::new("a list of actions", text, problem));
            }
            actions.push(action.parse()?);
        }
        let empty = || ParseError::new("a list of actions", text, Problem::Empty);
        Self::of(actions).ok_or_else(empty)
    }
}

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().try_for_each(|piece| f.write_str(piece))
    }
}
