//! The permissions that one agent, or one delegation, holds.

use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashSet;
use serde::{Deserialize, Serialize, Serializer};

use crate::limits::GRANTS_MAX;
use crate::permission::{Permission, sort};

/// A permission that is held, with the number that names it for as long as it is.
#[expect(
    clippy::exhaustive_structs,
    reason = "a number and a permission is all a grant is"
)]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Unique among all grants that its holder ever had, from 1.
    pub id: u32,
    /// What is granted.
    pub permission: Permission,
}

/// All grants of one holder, in canonical order.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Stored")]
pub struct Grants {
    /// INVARIANT (grant order): sorted by canonical bytes, no two alike; ids from 1 to `last`, no two alike.
    ///
    /// Shared between the versions of a record that say the same.
    #[serde(serialize_with = "as_list")]
    list: Arc<[Grant]>,
    /// The last number given out.
    last: u32,
}

fn as_list<S: Serializer>(list: &[Grant], serializer: S) -> Result<S::Ok, S::Error> {
    list.serialize(serializer)
}

/// Grants as a store has them, not looked at yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    list: Vec<Grant>,
    last: u32,
}

impl Grants {
    /// Grants of these permissions, numbered in canonical order.
    #[must_use]
    pub fn of(permissions: impl IntoIterator<Item = Permission>) -> Self {
        Self::default().replaced(permissions)
    }

    /// These permissions instead. One that was there keeps its number; a number is never given out twice.
    ///
    /// One that is new and has the pattern and the actions of one that is gone was edited, and takes its
    /// number: what was counted for it stays counted. Where several could be meant, they are paired in
    /// canonical order.
    #[must_use]
    pub fn replaced(&self, permissions: impl IntoIterator<Item = Permission>) -> Self {
        let mut permissions: Vec<Permission> = permissions.into_iter().collect();
        sort(&mut permissions);
        permissions.dedup();
        let mut left: Vec<&Grant> = self.list.iter().collect();
        let mut take = |fits: &dyn Fn(&Grant) -> bool| {
            let place = left.iter().position(|grant| fits(grant))?;
            Some(left.remove(place).id)
        };
        let same: Vec<Option<u32>> = permissions
            .iter()
            .map(|permission| take(&|grant| grant.permission == *permission))
            .collect();
        let mut last = self.last;
        let list = same
            .into_iter()
            .zip(permissions)
            .map(|(same, permission)| {
                let edited = |grant: &Grant| {
                    let known = &grant.permission;
                    known.pattern == permission.pattern && known.actions == permission.actions
                };
                let id = same.or_else(|| take(&edited)).unwrap_or_else(|| {
                    // 2^32 grants of one holder are a change every second for a century.
                    last = last.saturating_add(1);
                    last
                });
                Grant { id, permission }
            })
            .collect();
        Self { list, last }
    }

    /// The grants, in canonical order.
    pub fn iter(&self) -> core::slice::Iter<'_, Grant> {
        self.list.iter()
    }

    /// The permissions, in canonical order.
    pub fn permissions(&self) -> impl Iterator<Item = &Permission> + Clone {
        self.list.iter().map(|grant| &grant.permission)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

impl TryFrom<Stored> for Grants {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let Stored { list, last } = stored;
        let before = |one: &Grant, next: &Grant| {
            let order = one.permission.canonical_cmp(&next.permission);
            order.is_lt()
        };
        let ids: HashSet<u32> = list.iter().map(|grant| grant.id).collect();
        if list.len() > GRANTS_MAX {
            Err("one holder has at most 256 grants")
        } else if !list.is_sorted_by(before) {
            Err("grants stand in the order of their text, each once")
        } else if ids.len() < list.len() || !ids.iter().all(|id| (1..=last).contains(id)) {
            Err("each grant has a number of its own, from 1 to `last`")
        } else {
            let list = list.into();
            Ok(Self { list, last })
        }
    }
}

impl<'a> IntoIterator for &'a Grants {
    type Item = &'a Grant;
    type IntoIter = core::slice::Iter<'a, Grant>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
