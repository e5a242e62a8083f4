//! A pattern, the actions on it, and the constraints.

use alloc::format;
use alloc::string::{String, ToString};
use core::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::action::{Action, Actions};
use crate::constraint::Constraints;
use crate::error::{ParseError, Problem};
use crate::limits::{ACTION_BYTES_MAX, ACTIONS_MAX, RESOURCE_BYTES_MAX, SHORTHAND_BYTES_MAX};
use crate::pattern::Pattern;
use crate::resource::Resource;

#[cfg(test)]
mod tests;

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
        // Without bounds it is what it says: pattern and actions are never but as they were read.
        const {
            let actions = ACTIONS_MAX * (ACTION_BYTES_MAX + 1);
            assert!(
                actions + RESOURCE_BYTES_MAX <= SHORTHAND_BYTES_MAX,
                "the longest would be too long"
            );
        }
        if self.constraints.is_absent() && self.pattern.is_short() {
            return None;
        }
        self.unreadable()
    }

    /// The same as [`unstorable`](Self::unstorable), by writing it down and reading it again.
    fn unreadable(&self) -> Option<String> {
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

/// The order of texts, mostly without writing them down.
impl Permission {
    /// The order of the two texts by their bytes.
    pub(crate) fn canonical_cmp(&self, other: &Self) -> Ordering {
        self.head_cmp(other).then_with(|| {
            if self.constraints.is_absent() {
                return Ordering::Equal;
            }
            self.to_string().cmp(&other.to_string())
        })
    }

    /// Its text up to the first constraint, the `?` before that included, piece by piece.
    fn head(&self) -> impl Iterator<Item = &str> {
        let actions = self.actions.pieces().chain([":"]);
        actions.chain(self.rest_of_head(0))
    }

    /// The same without the actions and the first segments.
    fn rest_of_head(&self, segments: usize) -> impl Iterator<Item = &str> {
        let mark = (!self.constraints.is_absent()).then_some("?");
        self.pattern.pieces_from(segments).chain(mark)
    }

    fn head_cmp(&self, other: &Self) -> Ordering {
        if self.actions == other.actions {
            let shared = self.pattern.shared(&other.pattern);
            cmp_pieces(self.rest_of_head(shared), other.rest_of_head(shared))
        } else {
            cmp_pieces(self.head(), other.head())
        }
    }
}

/// Sorts permissions by the bytes of their texts. Those that are alike keep their order.
pub(crate) fn sort(permissions: &mut [Permission]) {
    permissions.sort_by(Permission::head_cmp);
    let alike = permissions.chunk_by_mut(|one, next| one.head_cmp(next).is_eq());
    // Only the constraints tell these apart.
    for alike in alike.filter(|alike| alike.len() > 1) {
        alike.sort_by_cached_key(ToString::to_string);
    }
}

/// The order of two texts by their bytes, each in pieces.
fn cmp_pieces<'a>(
    mut one: impl Iterator<Item = &'a str>,
    mut other: impl Iterator<Item = &'a str>,
) -> Ordering {
    let (mut mine, mut its): (&[u8], &[u8]) = (&[], &[]);
    loop {
        if mine.is_empty() {
            mine = next_piece(&mut one);
        }
        if its.is_empty() {
            its = next_piece(&mut other);
        }
        let shared = mine.len().min(its.len());
        let ((start, rest), (its_start, its_rest)) = (mine.split_at(shared), its.split_at(shared));
        let order = start.cmp(its_start);
        if shared == 0 || order.is_ne() {
            // Where nothing is shared, one of the two is at its end.
            return order.then(mine.len().cmp(&its.len()));
        }
        (mine, its) = (rest, its_rest);
    }
}

/// The next piece that is not empty; an empty one after the last.
fn next_piece<'a>(pieces: &mut impl Iterator<Item = &'a str>) -> &'a [u8] {
    let piece = pieces.find(|piece| !piece.is_empty());
    piece.unwrap_or_default().as_bytes()
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
