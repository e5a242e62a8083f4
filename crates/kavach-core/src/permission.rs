//! A pattern, the actions on it, and the constraints.

use alloc::format;
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

use crate::action::{Action, Actions};
use crate::constraint::Constraints;
use crate::error::{ParseError, Problem};
use crate::limits::SHORTHAND_BYTES_MAX;
use crate::pattern::Pattern;
use crate::resource::Resource;

/// What may be done to what, and within which bounds.
///
/// Prints and parses as the shorthand, `read,comment:mcp:github:pull_requests?depth=2`; see
/// [`Permission::parse`].
///
/// ```
/// use kavach_core::Permission;
///
/// let parent: Permission = "read:mcp:github:*".parse()?;
/// let child: Permission = "read:mcp:github:issues?expires=2026-12-01T00:00:00Z".parse()?;
/// assert!(parent.contains(&child));
/// assert_eq!(parent.meet(&child), Some(child));
/// # Ok::<(), kavach_core::ParseError>(())
/// ```
#[expect(
    clippy::exhaustive_structs,
    reason = "the three parts are what a permission is"
)]
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Permission {
    /// Which resources.
    pub pattern: Pattern,
    /// Which actions.
    pub actions: Actions,
    /// Within which bounds.
    pub constraints: Constraints,
}

impl Permission {
    /// The permission without any constraint.
    #[must_use]
    pub fn new(pattern: Pattern, actions: Actions) -> Self {
        Self {
            pattern,
            actions,
            constraints: Constraints::default(),
        }
    }

    /// Whether it speaks of this action on this resource, whatever its constraints.
    #[must_use]
    pub fn matches(&self, action: &Action, resource: &Resource) -> bool {
        self.actions.matches(action) && self.pattern.matches(resource)
    }

    /// Whether it allows all that `other` allows. It contains itself.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.pattern.contains(&other.pattern)
            && self.actions.contains(&other.actions)
            && self.constraints.contains(&other.constraints)
    }

    /// What both allow; `None` if that is nothing.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let pattern = self.pattern.meet(&other.pattern)?;
        let actions = self.actions.meet(&other.actions)?;
        let constraints = self.constraints.meet(&other.constraints);
        let there = !constraints.is_nothing();
        there.then_some(Self {
            pattern,
            actions,
            constraints,
        })
    }

    /// The most that the next hop can get of it; `None` if it may not be passed on.
    #[must_use]
    pub fn passed_on(&self) -> Option<Self> {
        let mut next = self.clone();
        if let Some(depth) = &mut next.constraints.max_depth {
            *depth = depth.checked_sub(1)?;
        }
        Some(next)
    }

    /// Why no record can hold it; `None` if one can.
    ///
    /// One that was parsed can be held; one that was built, or met with another, may be more than the limits
    /// allow.
    pub(crate) fn unstorable(&self) -> Option<String> {
        if let Some(excess) = self.constraints.excess() {
            return Some(format!("a permission with {excess}"));
        }
        let text = self.to_string();
        if text.len() > SHORTHAND_BYTES_MAX {
            return Some(format!(
                "a permission of {} bytes as text, of which there are at most {SHORTHAND_BYTES_MAX}",
                text.len()
            ));
        }
        let read = text.parse::<Self>();
        (read.as_ref() != Ok(self)).then(|| {
            format!("`{text}` is not what its permission was built as; build it from its text")
        })
    }
}

/// Takes only the canonical form, as records hold it: what is stored is always absolute, and says
/// itself what it means.
impl TryFrom<String> for Permission {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        let permission: Self = text.parse()?;
        if permission.to_string() != text {
            let problem = Problem::Other("a record holds permissions in canonical form only");
            return Err(ParseError::new("a stored permission", &text, problem));
        }
        Ok(permission)
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.to_string()
    }
}
