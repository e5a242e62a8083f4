//! What one hop of a line says to a request.

use crate::constraint::{AddressSet, Constraints};
use crate::counter::{Charge, Counter, Recorded, Room, Span};
use crate::decide::Request;
use crate::decide::query::Query;
use crate::graph::{Hop, Leaf, PackedGrants, Words};
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
    /// The hop's grants, and the word at which this one starts.
    pub(crate) place: (u32, u16),
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
pub(crate) fn best_match<'a, R: Recorded>(
    hop: &Hop<'_>,
    mut grants: PackedGrants<'_>,
    distance: u8,
    asked: &Asked<'a, R>,
    trust: impl Fn() -> TrustLevel,
) -> Found<'a> {
    let mut best: Option<((u8, usize), Taken<'a>)> = None;
    let mut nearest = (Miss::Other, None);
    let list = hop.grants();
    while let Some((at, grant)) = asked.query.next_match(&mut grants, asked.words) {
        let mut taken = Taken {
            place: (list, at),
            number: grant.number(),
            constraints: None,
        };
        let Some(bounds) = grant.constraints() else {
            // Nothing is cheaper, and of equals the first is taken.
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
        match constrained_miss(constraints, holder, distance, asked, &trust) {
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
    (holder, grant): (Leaf, u32),
    distance: u8,
    asked: &Asked<'_, R>,
    trust: impl Fn() -> TrustLevel,
) -> Option<Miss> {
    let Asked { request, now, .. } = *asked;
    if !constraints.holds_at(now) {
        return Some(Miss::Expired);
    }
    if !constraints.reaches(distance) {
        return Some(Miss::TooDeep);
    }
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
    if !constraints
        .args
        .as_ref()
        .is_none_or(|rules| rules.allow(args))
    {
        return Some(Miss::ArgumentsNotAllowed);
    }
    if constraints.min_trust.is_some_and(|least| trust() < least) {
        return Some(Miss::TrustTooLow);
    }
    let charges = charges(request, holder, grant, constraints);
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
