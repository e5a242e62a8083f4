//! The bounds of a permission. What is absent is inherited from the grant that it was narrowed from.

use alloc::vec::Vec;

use crate::counter::Span;
use crate::time::Timestamp;
use crate::trust::TrustLevel;

mod address;
mod args;
mod budget;
mod rate;
mod text;
mod wider;
mod window;

pub use address::{AddressBlock, AddressSet};
pub use args::ArgRules;
pub use budget::{Budget, Period};
pub use rate::Rate;
pub use window::Window;

/// The bounds of a permission. What is absent is inherited from the grant it was narrowed from.
///
/// Empty or zero is "nothing is allowed", never "no bound".
///
/// They are partly ordered: [`contains`](Self::contains) is that order, and [`meet`](Self::meet) its
/// greatest lower bound, which allows a call if and only if both do.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Constraints {
    /// The first second at which it no longer holds (RFC 7519 section 4.1.4, "on or after").
    pub expires_at: Option<Timestamp>,
    /// How many hops further it may be passed on. Zero: not at all.
    pub max_depth: Option<u8>,
    /// How often; all must hold. INVARIANT (limits): by window, each window once.
    pub rates: Vec<Rate>,
    /// At what cost; all must hold. INVARIANT (limits): by period, each period once.
    pub budgets: Vec<Budget>,
    /// At which times of the week; all must hold. Sorted, and none that another one implies.
    pub windows: Vec<Window>,
    /// From where. A call from nowhere known is denied.
    pub addresses: Option<AddressSet>,
    /// With which arguments.
    pub args: Option<ArgRules>,
    /// How many people must say yes to each call, from 1.
    pub approvals: Option<u8>,
    /// How far the line's least trusted agent must be trusted.
    pub min_trust: Option<TrustLevel>,
}

impl Constraints {
    /// Whether everything within the bounds of `other` is within these; they contain themselves.
    ///
    /// Never true where it is not so. It may be false although it is so where different things bound each
    /// other: windows in different zones, several windows together, rates over different times, and as
    /// [`ArgRules::contains`] says.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        /// The values are ordered so that less is tighter.
        fn within<T: Ord>(bound: Option<T>, value: Option<T>) -> bool {
            bound.is_none_or(|bound| value.is_some_and(|value| value <= bound))
        }
        fn holds<T>(
            bound: Option<&T>,
            value: Option<&T>,
            contains: impl Fn(&T, &T) -> bool,
        ) -> bool {
            bound.is_none_or(|bound| value.is_some_and(|value| contains(bound, value)))
        }
        let rate = |bound: &Rate| {
            let tighter =
                |rate: &Rate| rate.window_s == bound.window_s && rate.calls <= bound.calls;
            other.rates.iter().any(tighter)
        };
        let budget = |bound: &Budget| {
            let tighter =
                |budget: &Budget| budget.period == bound.period && budget.units <= bound.units;
            other.budgets.iter().any(tighter)
        };
        let window = |bound: &Window| other.windows.iter().any(|window| bound.contains(window));
        within(self.expires_at, other.expires_at)
            && within(self.max_depth, other.max_depth)
            && self.approvals <= other.approvals
            && self.min_trust <= other.min_trust
            && self.rates.iter().all(rate)
            && self.budgets.iter().all(budget)
            && self.windows.iter().all(window)
            && holds(
                self.addresses.as_ref(),
                other.addresses.as_ref(),
                AddressSet::contains,
            )
            && holds(self.args.as_ref(), other.args.as_ref(), ArgRules::contains)
    }

    /// Both bounds together.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            expires_at: lesser(self.expires_at, other.expires_at),
            max_depth: lesser(self.max_depth, other.max_depth),
            rates: least_of_each(&self.rates, &other.rates, |rate| rate.window_s),
            budgets: least_of_each(&self.budgets, &other.budgets, |budget| budget.period),
            windows: without_implied(self.windows.iter().chain(&other.windows).cloned()),
            addresses: both(&self.addresses, &other.addresses, AddressSet::meet),
            args: both(&self.args, &other.args, ArgRules::meet),
            approvals: greater(self.approvals, other.approvals),
            min_trust: greater(self.min_trust, other.min_trust),
        }
    }

    /// Whether there is none at all.
    #[inline]
    pub(crate) fn is_absent(&self) -> bool {
        let Self {
            expires_at,
            max_depth,
            rates,
            budgets,
            windows,
            addresses,
            args,
            approvals,
            min_trust,
        } = self;
        let lists = rates.is_empty() && budgets.is_empty() && windows.is_empty();
        let values = expires_at.is_none() && max_depth.is_none() && approvals.is_none();
        lists && values && min_trust.is_none() && addresses.is_none() && args.is_none()
    }

    /// Whether no call can keep within them, by what can be told without a call: no address is left, or
    /// no arguments.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.addresses.as_ref().is_some_and(AddressSet::is_empty)
            || self.args.as_ref().is_some_and(ArgRules::is_never)
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

    /// Every limit that is counted, with what it may reach: rates first, then budgets.
    pub fn limits(&self) -> impl Iterator<Item = (Span, u64)> + '_ {
        let rates = self
            .rates
            .iter()
            .map(|rate| (Span::Sliding(rate.window_s), u64::from(rate.calls)));
        let budgets = self
            .budgets
            .iter()
            .map(|budget| (budget.period.span(), budget.units));
        rates.chain(budgets)
    }
}

/// The lesser of two bounds, where absent is no bound.
pub(crate) fn lesser<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The greater of two bounds, where absent is no bound, and so the least.
fn greater<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.max(other)
}

fn both<T: Clone>(one: &Option<T>, other: &Option<T>, meet: impl Fn(&T, &T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(meet(one, other)),
        (one, other) => one.clone().or_else(|| other.clone()),
    }
}

/// Of all limits over the same time the least, by that time. Limits are ordered by time, then by amount.
fn least_of_each<T: Copy + Ord, K: PartialEq>(
    some: &[T],
    others: &[T],
    over: fn(&T) -> K,
) -> Vec<T> {
    if some.is_empty() && others.is_empty() {
        return Vec::new();
    }
    let mut all: Vec<T> = some.iter().chain(others).copied().collect();
    all.sort_unstable();
    all.dedup_by(|next, first| over(next) == over(first));
    all
}

/// The windows, sorted, without those that hold whenever another one does.
fn without_implied(windows: impl Iterator<Item = Window>) -> Vec<Window> {
    let mut kept: Vec<Window> = Vec::new();
    for window in windows {
        if !kept.iter().any(|known| window.contains(known)) {
            kept.retain(|known| !known.contains(&window));
            kept.push(window);
        }
    }
    kept.sort_unstable();
    kept
}
