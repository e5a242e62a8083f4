//! Narrowing: what is left of a request for permissions, below what its giver holds.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::action::Actions;
use crate::constraint::Constraints;
use crate::delegation::Mode;
use crate::graph::{Graph, Holding, Node};
use crate::limits::{ACTIONS_MAX, GRANTS_MAX, PIECES_MAX};
use crate::pattern::{Outline, Pattern};
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
    let asked: Vec<Piece<'_>> = requested.iter().map(Piece::borrowed).collect();
    let mut narrowed: Option<Vec<Piece<'_>>> = None;
    for (distance, holding) in graph.walk(giver) {
        // What is made now stands one hop below the giver.
        let held = Held::at(&holding, distance + 1, now);
        if mode == Mode::Strict {
            asked
                .iter()
                .try_for_each(|wanted| held.check(wanted, now))?;
        }
        let met = met_in_full(narrowed.as_deref().unwrap_or(&asked), &held.lent)?;
        narrowed = Some(met);
    }
    stored(narrowed.unwrap_or(asked))
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
    let held: Vec<Lent<'_>> = held.iter().map(Lent::whole).collect();
    let asked: Vec<Piece<'_>> = requested.iter().map(Piece::borrowed).collect();
    for wanted in asked.iter().filter(|_| mode == Mode::Strict) {
        if let Some(actions) = wider(wanted, held.iter().filter(|held| held.admits(wanted))) {
            let message = format!(
                "`{actions}` of `{}` is wider than what its giver holds; ask for less, or use \
                 mode `attenuate`",
                wanted.permission
            );
            return Err(Refusal::new(Reason::WiderThanParent, message));
        }
    }
    stored(met_in_full(&asked, &held)?)
}

/// The permissions that the line ending in `leaf` gives at `now`, and whether these are all.
///
/// Where they are too many, those that are listed are still given.
pub(crate) fn effective(graph: &Graph, leaf: Node, now: Timestamp) -> (Vec<Permission>, bool) {
    let everything = Permission::new(Pattern::everything(), Actions::all());
    let mut given = Vec::from([Piece::borrowed(&everything)]);
    let mut complete = true;
    for (distance, holding) in graph.walk(leaf) {
        let held = Held::at(&holding, distance, now);
        let (met, all) = met(&given, &held.lent);
        given = met;
        complete &= all;
    }
    (owned(given), complete)
}

/// What both sides allow, if that is not too many pieces.
fn met_in_full(some: &[Piece<'_>], others: &[Lent<'_>]) -> Result<Vec<Piece<'static>>, Refusal> {
    let (met, complete) = met(some, others);
    if !complete || met.len() > GRANTS_MAX {
        let words =
            "narrowing splits the request into more than 256 grants; ask for less at a time";
        return Err(Refusal::new(Reason::LimitReached, words));
    }
    Ok(met)
}

/// What a narrowing stores: something, and nothing that no record could hold.
fn stored(narrowed: Vec<Piece<'_>>) -> Result<Vec<Permission>, Refusal> {
    let narrowed = owned(narrowed);
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
fn met(some: &[Piece<'_>], others: &[Lent<'_>]) -> (Vec<Piece<'static>>, bool) {
    let pieces = some
        .iter()
        .flat_map(|one| others.iter().filter_map(|other| other.meet(one)));
    maximal(pieces)
}

/// The permissions that no other one contains, and whether these are all: see [`PIECES_MAX`].
fn maximal(pieces: impl Iterator<Item = Piece<'static>>) -> (Vec<Piece<'static>>, bool) {
    let mut kept: Vec<Piece<'static>> = Vec::new();
    for piece in pieces {
        if kept.iter().any(|known| known.contains(&piece)) {
            continue;
        }
        kept.retain(|known| !piece.contains(known));
        if kept.len() >= PIECES_MAX {
            return (kept, false);
        }
        kept.push(piece);
    }
    (kept, true)
}

/// A permission that is asked for, or what is left of one.
#[derive(Debug)]
struct Piece<'a> {
    outline: Outline,
    permission: Cow<'a, Permission>,
}

impl<'a> Piece<'a> {
    fn borrowed(permission: &'a Permission) -> Self {
        Self {
            outline: Outline::of(&permission.pattern),
            permission: Cow::Borrowed(permission),
        }
    }

    fn contains(&self, other: &Piece<'_>) -> bool {
        self.outline.may_contain(other.outline) && self.permission.contains(&other.permission)
    }
}

fn owned(pieces: Vec<Piece<'_>>) -> Vec<Permission> {
    let permissions = pieces
        .into_iter()
        .map(|piece| piece.permission.into_owned());
    permissions.collect()
}

/// A permission that is held, as it counts for somebody further down.
#[derive(Debug)]
struct Lent<'a> {
    outline: Outline,
    pattern: &'a Pattern,
    actions: &'a Actions,
    constraints: Cow<'a, Constraints>,
}

impl<'a> Lent<'a> {
    /// As it is.
    fn whole(permission: &'a Permission) -> Self {
        Self {
            outline: Outline::of(&permission.pattern),
            pattern: &permission.pattern,
            actions: &permission.actions,
            constraints: Cow::Borrowed(&permission.constraints),
        }
    }

    /// Within these bounds, and so many hops further down; `None` if it may not be passed on that far.
    fn bounded(permission: &'a Permission, bounds: &Constraints, hops: u8) -> Option<Self> {
        let mut lent = Self::whole(permission);
        if !bounds.is_absent() {
            lent.constraints = Cow::Owned(lent.constraints.meet(bounds));
        }
        if let Some(depth) = lent.constraints.max_depth {
            let left = depth.checked_sub(hops)?;
            lent.constraints.to_mut().max_depth = Some(left);
        }
        Some(lent)
    }

    fn overlaps(&self, wanted: &Piece<'_>) -> bool {
        self.outline.may_overlap(wanted.outline)
            && self.pattern.overlaps(&wanted.permission.pattern)
    }

    /// Whether its pattern has all that is asked for.
    fn contains(&self, wanted: &Piece<'_>) -> bool {
        self.outline.may_contain(wanted.outline)
            && self.pattern.contains(&wanted.permission.pattern)
    }

    /// Whether its bounds are no tighter than those that are asked for outright.
    fn admits(&self, wanted: &Piece<'_>) -> bool {
        let named = &wanted.permission.constraints;
        // What only bounds of other patterns forbid never counts: whoever asks looks at what overlaps.
        named.is_absent()
            || !self.outline.may_overlap(wanted.outline)
            || self.constraints.wider(named).is_none()
    }

    /// What both allow; `None` if that is nothing.
    fn meet(&self, piece: &Piece<'_>) -> Option<Piece<'static>> {
        if !self.outline.may_overlap(piece.outline) {
            return None;
        }
        let pattern = piece.permission.pattern.meet(self.pattern)?;
        let actions = piece.permission.actions.meet(self.actions)?;
        let constraints = piece.permission.constraints.meet(&self.constraints);
        let there = !constraints.is_nothing();
        there.then(|| Piece {
            outline: self.outline.meet(piece.outline),
            permission: Cow::Owned(Permission {
                pattern,
                actions,
                constraints,
            }),
        })
    }
}

/// What one hop of a line holds, for somebody further down.
struct Held<'a> {
    holding: &'a Holding<'a>,
    /// What of it counts down there, with the bounds on everything met.
    lent: Vec<Lent<'a>>,
}

impl<'a> Held<'a> {
    fn at(holding: &'a Holding<'a>, distance: u8, now: Timestamp) -> Self {
        let bounds = holding.bounds();
        let bounded = holding
            .grants
            .permissions()
            .filter_map(|permission| Lent::bounded(permission, &bounds, distance));
        let lent = bounded
            .filter(|lent| lent.constraints.holds_at(now))
            .collect();
        Self { holding, lent }
    }

    /// Whether all that `wanted` says outright is held.
    fn check(&self, wanted: &Piece<'_>, now: Timestamp) -> Result<(), Refusal> {
        match wider(wanted, self.lent.iter().filter(|held| held.admits(wanted))) {
            None => Ok(()),
            Some(actions) => Err(self.refuse(wanted, &actions, now)),
        }
    }

    /// Says what is wider: a bound that is named, the time, the depth, or else action and pattern.
    fn refuse(&self, piece: &Piece<'_>, actions: &Actions, now: Timestamp) -> Refusal {
        let wanted = &*piece.permission;
        if wider(piece, self.lent.iter()).is_none() {
            return self.refuse_bound(wanted);
        }
        let all: Vec<Lent<'_>> = self.holding.grants.permissions().map(Lent::whole).collect();
        let in_time = all.iter().filter(|held| held.constraints.holds_at(now));
        if wider(piece, in_time).is_none() {
            let message = format!(
                "`{wanted}` rests on a grant that may not be passed on this far; delegate from \
                 higher up, or have a grant with more `depth`"
            );
            return Refusal::new(Reason::TooDeep, message);
        }
        if wider(piece, all.iter()).is_none() {
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
        let near = self.lent.iter().filter(|held| {
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
fn wider<'a>(
    piece: &Piece<'_>,
    held: impl Iterator<Item = &'a Lent<'a>> + Clone,
) -> Option<Actions> {
    let wanted = &*piece.permission;
    let settles = |held: &Lent<'_>| bits(held.actions, &wanted.actions);
    let containing = held.clone().filter(|held| held.contains(piece));
    let asked = bits(&wanted.actions, &wanted.actions);
    let open = containing.fold(asked, |open, held| open & !settles(held));
    if open == 0 {
        return None;
    }
    let near = held.filter(|held| held.overlaps(piece));
    let near: Vec<(&Pattern, u64)> = near.map(|held| (held.pattern, settles(held))).collect();
    let open = wanted.pattern.left_open(&near, open);
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
