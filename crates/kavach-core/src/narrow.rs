//! Narrowing: what is left of a request for permissions, below what its giver holds.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::action::Actions;
use crate::delegation::Mode;
use crate::graph::{Graph, Holding, Node};
use crate::limits::{ACTIONS_MAX, GRANTS_MAX, PIECES_MAX};
use crate::pattern::Pattern;
use crate::permission::Permission;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::time::Timestamp;

#[cfg(test)]
mod tests;

/// Other bounds of the giver that a refusal names: a message is read by people.
const SHOWN_MAX: usize = 3;

/// Narrows `requested` below everything on the line that ends in `giver`, at every hop anew: a giver
/// whose own ancestors were narrowed since cannot pass on what it no longer has.
///
/// In [`Mode::Strict`] every hop must hold all that the request says outright: each pattern for each
/// action, by the union of its grants if by no single one, and each constraint that it names. What the
/// request leaves out is inherited, whatever the hop.
pub(crate) fn narrow_below(
    graph: &Graph,
    giver: Node,
    requested: &[Permission],
    mode: Mode,
    now: Timestamp,
) -> Result<Vec<Permission>, Refusal> {
    let mut narrowed = requested.to_vec();
    for (distance, holding) in graph.walk(giver) {
        // What is made now stands one hop below the giver.
        let held = Held::at(&holding, distance + 1, now);
        if mode == Mode::Strict {
            requested
                .iter()
                .try_for_each(|wanted| held.check(wanted, now))?;
        }
        narrowed = met_in_full(&narrowed, &held.permissions)?;
    }
    stored(narrowed)
}

/// Narrows `requested` below `held`, without a graph: what is left of it for somebody to whom the holder
/// of `held` passes it on. `held` is what counts down there, its depths already one less.
///
/// In [`Mode::Strict`] `held` must hold all that the request says outright: each pattern for each action,
/// by the union of its permissions if by no single one, and each constraint that it names. What the request
/// leaves out is inherited.
///
/// # Errors
/// If the request is wider than `held` and the mode is strict, if nothing is left of it, or if it splits
/// into more than 256 grants.
pub fn narrow(
    held: &[Permission],
    requested: &[Permission],
    mode: Mode,
) -> Result<Vec<Permission>, Refusal> {
    for wanted in requested.iter().filter(|_| mode == Mode::Strict) {
        let admitting = held
            .iter()
            .filter(|held| held.constraints.wider(&wanted.constraints).is_none());
        if let Some(actions) = wider(wanted, admitting) {
            let message = format!(
                "`{actions}` of `{wanted}` is wider than what its giver holds; ask for less, or use \
                 mode `attenuate`"
            );
            return Err(Refusal::new(Reason::WiderThanParent, message));
        }
    }
    stored(met_in_full(requested, held)?)
}

/// The permissions that the line ending in `leaf` gives at `now`, and whether these are all.
///
/// Where they are too many, those that are listed are still given.
pub(crate) fn effective(graph: &Graph, leaf: Node, now: Timestamp) -> (Vec<Permission>, bool) {
    let mut given = Vec::from([Permission::new(Pattern::everything(), Actions::all())]);
    let mut complete = true;
    for (distance, holding) in graph.walk(leaf) {
        let held = Held::at(&holding, distance, now);
        let (met, all) = met(&given, &held.permissions);
        given = met;
        complete &= all;
    }
    (given, complete)
}

/// What both sides allow, if that is not too many pieces.
fn met_in_full(some: &[Permission], others: &[Permission]) -> Result<Vec<Permission>, Refusal> {
    let (met, complete) = met(some, others);
    if !complete || met.len() > GRANTS_MAX {
        let words =
            "narrowing splits the request into more than 256 grants; ask for less at a time";
        return Err(Refusal::new(Reason::LimitReached, words));
    }
    Ok(met)
}

/// What a narrowing stores: something, and nothing that no record could hold.
fn stored(narrowed: Vec<Permission>) -> Result<Vec<Permission>, Refusal> {
    if let Some(words) = narrowed.iter().find_map(Permission::unstorable) {
        let message = format!("what is left of the request is too much: {words}; ask for less");
        return Err(Refusal::new(Reason::LimitReached, message));
    }
    if narrowed.is_empty() {
        let words =
            "nothing is left of the request: its giver holds none of it; ask for what it holds";
        return Err(Refusal::new(Reason::NothingLeft, words));
    }
    Ok(narrowed)
}

/// What both sides allow, and whether that is all of it: too many pieces are left out.
fn met(some: &[Permission], others: &[Permission]) -> (Vec<Permission>, bool) {
    let pieces = some
        .iter()
        .flat_map(|one| others.iter().filter_map(|other| one.meet(other)));
    maximal(pieces)
}

/// The permissions that no other one contains, and whether these are all: see [`PIECES_MAX`].
fn maximal(permissions: impl Iterator<Item = Permission>) -> (Vec<Permission>, bool) {
    let mut kept: Vec<Permission> = Vec::new();
    for permission in permissions {
        if kept.iter().any(|known| known.contains(&permission)) {
            continue;
        }
        kept.retain(|known| !permission.contains(known));
        if kept.len() >= PIECES_MAX {
            return (kept, false);
        }
        kept.push(permission);
    }
    (kept, true)
}

/// What one hop of a line holds, for somebody further down.
struct Held<'a> {
    holding: &'a Holding<'a>,
    /// What of it counts down there, with the bounds on everything met.
    permissions: Vec<Permission>,
}

impl<'a> Held<'a> {
    fn at(holding: &'a Holding<'a>, distance: u8, now: Timestamp) -> Self {
        let bounds = holding.bounds();
        let bounded = holding.grants.permissions().filter_map(|permission| {
            let mut held = permission.clone();
            held.constraints = held.constraints.meet(&bounds);
            (0..distance).try_fold(held, |held, _| held.passed_on())
        });
        let permissions = bounded
            .filter(|held| held.constraints.holds_at(now))
            .collect();
        Self {
            holding,
            permissions,
        }
    }

    /// Whether all that `wanted` says outright is held.
    fn check(&self, wanted: &Permission, now: Timestamp) -> Result<(), Refusal> {
        let admitting = self
            .permissions
            .iter()
            .filter(|held| held.constraints.wider(&wanted.constraints).is_none());
        match wider(wanted, admitting) {
            None => Ok(()),
            Some(actions) => Err(self.refuse(wanted, &actions, now)),
        }
    }

    /// Says what is wider: a bound that is named, the time, the depth, or else action and pattern.
    fn refuse(&self, wanted: &Permission, actions: &Actions, now: Timestamp) -> Refusal {
        if wider(wanted, self.permissions.iter()).is_none() {
            return self.refuse_bound(wanted);
        }
        let all = self.holding.grants.permissions();
        let in_time = all.clone().filter(|held| held.constraints.holds_at(now));
        if wider(wanted, in_time).is_none() {
            let message = format!(
                "`{wanted}` rests on a grant that may not be passed on this far; delegate from \
                 higher up, or have a grant with more `depth`"
            );
            return Refusal::new(Reason::TooDeep, message);
        }
        if wider(wanted, all).is_none() {
            let message =
                format!("`{wanted}` rests on a grant whose time is over; have it renewed");
            return Refusal::new(Reason::GrantExpired, message);
        }
        let message = format!(
            "`{actions}` on `{}` is wider than what its giver holds; ask for less, or use mode \
             `attenuate`",
            wanted.pattern
        );
        Refusal::new(Reason::WiderThanParent, message)
    }

    fn refuse_bound(&self, wanted: &Permission) -> Refusal {
        let near = self.permissions.iter().filter(|held| {
            let actions = held.actions.meet(&wanted.actions);
            held.pattern.overlaps(&wanted.pattern) && actions.is_some()
        });
        let mut found = near.filter_map(|held| held.constraints.wider(&wanted.constraints));
        let what = found.next().map_or_else(String::new, |first| {
            let rest = found.filter(|wider| wider.named == first.named);
            let held = rest
                .map(|wider| wider.held)
                .filter(|held| *held != first.held);
            let others: Vec<String> = held
                .take(SHOWN_MAX)
                .map(|held| format!(", `{held}`"))
                .collect();
            format!(
                ": `{}`, where that is `{}`{}",
                first.named,
                first.held,
                others.concat()
            )
        });
        let message = format!(
            "`{wanted}` names a bound that is wider than its giver's{what}; leave the bound out to inherit \
             it, or name a tighter one"
        );
        Refusal::new(Reason::WiderThanParent, message)
    }
}

/// The part of `wanted`, one action of it or all, that the union of `held` does not cover.
fn wider<'a>(wanted: &Permission, held: impl Iterator<Item = &'a Permission>) -> Option<Actions> {
    let near = held.filter(|held| held.pattern.overlaps(&wanted.pattern));
    let near: Vec<(&Pattern, u64)> = near
        .map(|held| (&held.pattern, bits(&held.actions, &wanted.actions)))
        .collect();
    let open = wanted
        .pattern
        .left_open(&near, bits(&wanted.actions, &wanted.actions));
    match wanted.actions.listed() {
        _ if open == 0 => None,
        None => Some(wanted.actions.clone()),
        Some(actions) => {
            let first = actions.get(open.trailing_zeros() as usize)?;
            Some(Actions::only(first.clone()))
        }
    }
}

/// One bit for each action of `wanted`, of which there are at most 64, or one for all: set if `held` has it.
fn bits(held: &Actions, wanted: &Actions) -> u64 {
    const { assert!(ACTIONS_MAX <= 64, "an action would fall out of the bits") };
    match wanted.listed() {
        None => u64::from(held.listed().is_none()),
        Some(actions) => actions.iter().rev().fold(0, |bits, action| {
            bits << 1 | u64::from(held.matches(action))
        }),
    }
}
