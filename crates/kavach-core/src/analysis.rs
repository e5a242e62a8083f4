//! What a holder needs of what it holds, by what it did.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::action::{Action, Actions};
use crate::constraint::Rate;
use crate::grant::Grant;
use crate::limits::{SUGGESTED_EXACTLY_MAX, SUGGESTED_TTL_S};
use crate::pattern::Pattern;
use crate::permission::Permission;
use crate::resource::Resource;
use crate::time::Timestamp;

/// What was done by one grant in some time.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct GrantUse {
    /// What was done to what, each pair once.
    pub pairs: BTreeSet<(Action, Resource)>,
    /// Whether `pairs` has all of them.
    pub complete: bool,
    /// How many calls.
    pub calls: u64,
    /// Calls in the busiest hour.
    pub busiest_hour: u32,
    /// The last one.
    pub last_at: Option<Timestamp>,
}

impl GrantUse {
    /// Nothing was done.
    #[must_use]
    pub fn none() -> Self {
        Self {
            complete: true,
            ..Self::default()
        }
    }
}

/// Something about a grant that is more than its holder needs.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// Nothing was done by it.
    Unused,
    /// Only these of its actions were used.
    BroadActions(Actions),
    /// Only these of its resources were touched.
    BroadPattern(Vec<Pattern>),
    /// It has no rate and no budget.
    NoLimit,
    /// It has no end.
    NoExpiry,
}

/// One grant beside what was done by it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct GrantAnalysis {
    /// The grant.
    pub grant: Grant,
    /// How many calls were made by it.
    pub calls: u64,
    /// The last of them.
    pub last_at: Option<Timestamp>,
    /// What is more than needed.
    pub findings: Vec<Finding>,
    /// What would do instead; every one within the grant. Empty if nothing was done.
    pub suggested: Vec<Permission>,
}

/// Holds a grant against what was done by it until `now`.
///
/// What is suggested allows every call that was made, at twice the busiest hour, for 90 days, and nothing
/// that the grant does not.
#[must_use]
pub fn analyze(grant: &Grant, done: &GrantUse, now: Timestamp) -> GrantAnalysis {
    let mut findings = Vec::new();
    let mut suggested = Vec::new();
    let permission = &grant.permission;
    if done.calls == 0 {
        findings.push(Finding::Unused);
    } else {
        let used = Actions::of(done.pairs.iter().map(|(action, _)| action.clone()));
        let used = used.filter(|_| done.complete);
        let actions = used.unwrap_or_else(|| permission.actions.clone());
        if actions != permission.actions {
            findings.push(Finding::BroadActions(actions.clone()));
        }
        let patterns = patterns(permission, done);
        if patterns.as_slice() != core::slice::from_ref(&permission.pattern) {
            findings.push(Finding::BroadPattern(patterns.clone()));
        }
        let narrowed = patterns.into_iter().map(|pattern| Permission {
            pattern,
            actions: actions.clone(),
            constraints: permission.constraints.clone(),
        });
        suggested.extend(narrowed.map(|permission| bounded(permission, done, now)));
    }
    if permission.constraints.rates.is_empty() && permission.constraints.budgets.is_empty() {
        findings.push(Finding::NoLimit);
    }
    if permission.constraints.expires_at.is_none() {
        findings.push(Finding::NoExpiry);
    }
    GrantAnalysis {
        grant: grant.clone(),
        calls: done.calls,
        last_at: done.last_at,
        findings,
        suggested,
    }
}

/// Adds the bounds that the permission does not have yet.
fn bounded(mut permission: Permission, done: &GrantUse, now: Timestamp) -> Permission {
    let constraints = &mut permission.constraints;
    if constraints.expires_at.is_none() {
        constraints.expires_at = Some(now.plus_s(SUGGESTED_TTL_S));
    }
    if constraints.rates.is_empty() && constraints.budgets.is_empty() {
        constraints.rates.push(Rate {
            window_s: 3600,
            calls: done.busiest_hour.saturating_mul(2).max(1),
        });
    }
    permission
}

/// The resources that were touched: each by itself where they are few, or else the narrowest pattern that
/// has them all. Always within the permission's own pattern.
fn patterns(permission: &Permission, done: &GrantUse) -> Vec<Pattern> {
    let touched: BTreeSet<&Resource> = done.pairs.iter().map(|(_, resource)| resource).collect();
    if !done.complete || touched.is_empty() {
        return [permission.pattern.clone()].into();
    }
    if touched.len() <= SUGGESTED_EXACTLY_MAX {
        return touched.into_iter().map(Pattern::exactly).collect();
    }
    let hull = Pattern::hull(touched);
    let narrowed = hull.and_then(|hull| hull.meet(&permission.pattern));
    [narrowed.unwrap_or_else(|| permission.pattern.clone())].into()
}

#[cfg(test)]
mod tests;
