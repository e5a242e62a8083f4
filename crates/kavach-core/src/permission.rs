//! A pattern, the actions on it, and the constraints.

use alloc::string::{String, ToString};
use core::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::action::{Action, Actions};
use crate::error::{ParseError, Problem};
use crate::pattern::Pattern;
use crate::resource::Resource;
use crate::time::Timestamp;

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

/// The bounds of a permission. What is absent is inherited from the grant it was narrowed from.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Constraints {
    /// The first second at which it no longer holds (RFC 7519 section 4.1.4, "on or after").
    pub expires_at: Option<Timestamp>,
    /// How many hops further it may be passed on. Zero: not at all.
    pub max_depth: Option<u8>,
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
        Some(Self {
            pattern: self.pattern.meet(&other.pattern)?,
            actions: self.actions.meet(&other.actions)?,
            constraints: self.constraints.meet(&other.constraints),
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

    /// Orders by the canonical bytes, so that what is chosen among equals never depends on where it stood.
    pub(crate) fn canonical_cmp(&self, other: &Self) -> Ordering {
        self.to_string().cmp(&other.to_string())
    }
}

impl Constraints {
    /// Whether everything within the bounds of `other` is within these.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        fn within<T: Ord>(bound: Option<T>, value: Option<T>) -> bool {
            bound.is_none_or(|bound| value.is_some_and(|value| value <= bound))
        }
        within(self.expires_at, other.expires_at) && within(self.max_depth, other.max_depth)
    }

    /// Both bounds together.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            expires_at: lesser(self.expires_at, other.expires_at),
            max_depth: lesser(self.max_depth, other.max_depth),
        }
    }

    /// Whether it holds at `now`, by its own expiry.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// Whether a delegation that many hops further down may still rest on it.
    #[must_use]
    pub fn reaches(&self, hops: u8) -> bool {
        self.max_depth.is_none_or(|max_depth| hops <= max_depth)
    }
}

/// The tighter of two bounds, where absent is no bound.
pub(crate) fn lesser<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
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
