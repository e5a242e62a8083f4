//! What one hop of a line says to a request.

use crate::constraint::{AddressSet, ArgRules, Constraints};
use crate::counter::{Charge, Counter, Recorded, Room, Span};
use crate::decide::Request;
use crate::decide::query::Query;
use crate::graph::{Alike, Hop, Leaf, Packed, PackedGrants, Words};
use crate::reason::Reason;
use crate::time::Timestamp;
use crate::trust::TrustLevel;

/// What a request is held against, besides the grants of a hop.
pub(crate) struct Asked<'a, R> {
    pub(crate) request: &'a Request,
    pub(crate) query: &'a Query<'a>,
    pub(crate) words: &'a Words,
    pub(crate) recorded: &'a R,
    pub(crate) now: Timestamp,
}

impl<R> Clone for Asked<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Asked<'_, R> {}

/// A grant of a hop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken<'a> {
    /// The hop's grants.
    pub(crate) list: u32,
    /// The number that its holder calls it by.
    pub(crate) number: u32,
    pub(crate) constraints: Option<&'a Constraints>,
}

impl Taken<'_> {
    /// What an allow by it asks for: approvals, then counters.
    pub(crate) fn price(&self) -> (u8, usize) {
        self.constraints.map_or((0, 0), |constraints| {
            (
                constraints.approvals.unwrap_or(0),
                constraints.limits().count(),
            )
        })
    }
}

/// Why a grant does not match, the farthest miss first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Miss {
    /// It does not speak of the request.
    Other,
    /// It does, and has run out.
    Expired,
    /// It does, and may not be passed on this far.
    TooDeep,
    /// It does, at other times.
    OutsideWindow,
    /// It does, from elsewhere.
    AddressNotAllowed,
    /// It does, with other arguments.
    ArgumentsNotAllowed,
    /// It does, for a line that is trusted more.
    TrustTooLow,
    /// It does, and a limit of it is used up. The soonest that there is room is the nearest.
    UsedUp(Used),
}

/// A limit that is used up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Used {
    /// Which kind: the reason to give.
    pub(crate) reason: Reason,
    /// When there is room; `None` for never.
    pub(crate) until: Option<Timestamp>,
}

impl Ord for Used {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        let late = |used: &Self| (used.until.is_none(), used.until, used.reason);
        late(other).cmp(&late(self))
    }
}

impl PartialOrd for Used {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// What a hop gives: the best of its grants, or the nearest miss with the grant that it is of.
pub(crate) type Found<'a> = Result<Taken<'a>, (Miss, Option<Taken<'a>>)>;

/// The best grant of a hop: the fewest approvals, then the fewest counters, then the smallest canonical
/// bytes, which is the first.
#[inline]
pub(crate) fn best_match<'a, R: Recorded>(
    hop: &Hop<'_>,
    grants: PackedGrants<'_>,
    distance: u8,
    asked: &Asked<'a, R>,
    trust: &impl Fn() -> TrustLevel,
) -> Found<'a> {
    let mut alike = asked.query.alike(grants);
    match asked.query.next_match(&mut alike) {
        // Nothing is cheaper, and of equals the first is taken.
        Some(first) if !first.is_constrained() => Ok(Taken {
            list: hop.grants(),
            number: first.number(),
            constraints: None,
        }),
        Some(first) => best_of(hop, (first, alike), distance, asked, trust),
        None => Err((Miss::Other, None)),
    }
}

/// The same of the first that speaks of the request, and those after it.
fn best_of<'a, R: Recorded>(
    hop: &Hop<'_>,
    (first, mut others): (Packed<'_>, Alike<'_>),
    distance: u8,
    asked: &Asked<'a, R>,
    trust: &impl Fn() -> TrustLevel,
) -> Found<'a> {
    let mut best: Option<((u8, usize), Taken<'a>)> = None;
    let mut nearest = (Miss::Other, None);
    let mut next = Some(first);
    while let Some(grant) = next {
        next = asked.query.next_match(&mut others);
        let mut taken = Taken {
            list: hop.grants(),
            number: grant.number(),
            constraints: None,
        };
        let Some(bounds) = grant.constraints() else {
            return Ok(match best {
                Some(((0, 0), earlier)) => earlier,
                _ => taken,
            });
        };
        // INVARIANT (kept): what a grant names is kept. If it were not, the grant would give nothing.
        let Some(constraints) = asked.words.constraints(bounds) else {
            continue;
        };
        taken.constraints = Some(constraints);
        let holder = (hop.leaf(), taken.number);
        let circumstances = || {
            let miss = || circumstances_miss(constraints, asked);
            asked.query.remembered(bounds, asked.now, miss)
        };
        let miss = standing_miss(constraints, distance, asked.now)
            .or_else(circumstances)
            .or_else(|| counted_miss(constraints, holder, asked, trust));
        match miss {
            None => {
                let price = taken.price();
                if best.is_none_or(|(known, _)| price < known) {
                    best = Some((price, taken));
                }
            }
            Some(miss) if miss > nearest.0 => nearest = (miss, Some(taken)),
            Some(_) => {}
        }
    }
    best.map(|(_, taken)| taken).ok_or(nearest)
}

/// Why a grant with these constraints, `distance` hops above the leaf, does not match a request that it
/// speaks of; `None` if it does.
pub(crate) fn constrained_miss<R: Recorded>(
    constraints: &Constraints,
    holder: (Leaf, u32),
    distance: u8,
    asked: &Asked<'_, R>,
    trust: impl Fn() -> TrustLevel,
) -> Option<Miss> {
    standing_miss(constraints, distance, asked.now)
        .or_else(|| circumstances_miss(constraints, asked))
        .or_else(|| counted_miss(constraints, holder, asked, &trust))
}

/// Whether it holds at all, that far above the leaf.
#[inline]
fn standing_miss(constraints: &Constraints, distance: u8, now: Timestamp) -> Option<Miss> {
    if !constraints.holds_at(now) {
        return Some(Miss::Expired);
    }
    (!constraints.reaches(distance)).then_some(Miss::TooDeep)
}

/// Whether the call is made in the circumstances that it asks for: the same at every hop.
fn circumstances_miss<R>(constraints: &Constraints, asked: &Asked<'_, R>) -> Option<Miss> {
    let Asked { request, now, .. } = *asked;
    if !constraints
        .windows
        .iter()
        .all(|window| window.holds_at(now))
    {
        return Some(Miss::OutsideWindow);
    }
    // A call from nowhere known comes from no address that is named.
    let from = |allowed: &AddressSet| request.address.is_some_and(|address| allowed.has(address));
    if !constraints.addresses.as_ref().is_none_or(from) {
        return Some(Miss::AddressNotAllowed);
    }
    let args = request.args.as_deref();
    let kept = |rules: &ArgRules| rules.allow(args);
    (!constraints.args.as_ref().is_none_or(kept)).then_some(Miss::ArgumentsNotAllowed)
}

/// Whether the line is trusted enough, and there is room.
#[inline]
fn counted_miss<R: Recorded>(
    constraints: &Constraints,
    (holder, grant): (Leaf, u32),
    asked: &Asked<'_, R>,
    trust: &impl Fn() -> TrustLevel,
) -> Option<Miss> {
    if constraints.min_trust.is_some_and(|least| trust() < least) {
        return Some(Miss::TrustTooLow);
    }
    let charges = charges(asked.request, holder, grant, constraints);
    let used = charges.filter_map(|charge| used_up(&charge, asked));
    used.min().map(Miss::UsedUp)
}

/// What the request takes from the limits of a grant.
pub(crate) fn charges<'a>(
    request: &Request,
    holder: Leaf,
    grant: u32,
    constraints: &'a Constraints,
) -> impl Iterator<Item = Charge> + use<'a> {
    let cost = request.cost.unwrap_or(1);
    constraints.limits().map(move |(span, limit)| Charge {
        counter: Counter {
            holder,
            grant,
            span,
        },
        limit,
        amount: match span {
            Span::Sliding(_) => 1,
            Span::Day | Span::Month | Span::Total => cost,
        },
    })
}

fn used_up<R: Recorded>(charge: &Charge, asked: &Asked<'_, R>) -> Option<Used> {
    let reason = match charge.counter.span {
        Span::Sliding(_) => Reason::RateUsedUp,
        Span::Day | Span::Month | Span::Total => Reason::BudgetUsedUp,
    };
    // INVARIANT (zero is nothing): a limit of zero has no room, not even for a call that costs nothing.
    if charge.limit == 0 {
        return Some(Used {
            reason,
            until: None,
        });
    }
    match asked.recorded.room(asked.request.tenant, charge, asked.now) {
        Room::Enough => None,
        Room::From(at) => Some(Used {
            reason,
            until: Some(at),
        }),
        Room::Never => Some(Used {
            reason,
            until: None,
        }),
    }
}
