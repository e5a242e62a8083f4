//! What a request names outright, beside what its giver holds.

use alloc::format;
use alloc::string::{String, ToString};

use super::{AddressSet, ArgRules, Constraints};

/// A constraint that is named outright and wider than the giver's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Wider {
    /// As it is named, `rate=100/h`.
    pub(crate) named: String,
    /// As the giver has it, `rate=20/h`.
    pub(crate) held: String,
}

impl Constraints {
    /// What of `named` is wider than these bounds. What it leaves out is inherited, and never wider.
    ///
    /// A limit or a window of a list is wider if one of these makes it say nothing, and is not the same:
    /// 100 calls an hour, or 500 a day, below 20 an hour. 100 a day are a further bound.
    pub(crate) fn wider(&self, named: &Self) -> Option<Wider> {
        beyond(
            "expires",
            &self.expires_at,
            &named.expires_at,
            PartialOrd::ge,
        )
        .or_else(|| beyond("depth", &self.max_depth, &named.max_depth, PartialOrd::ge))
        .or_else(|| beyond("approve", &self.approvals, &named.approvals, PartialOrd::le))
        .or_else(|| {
            beyond(
                "min_trust",
                &self.min_trust,
                &named.min_trust,
                PartialOrd::le,
            )
        })
        .or_else(|| {
            implied("rate", &self.rates, &named.rates, |held, named| {
                held.implies(*named)
            })
        })
        .or_else(|| {
            implied("budget", &self.budgets, &named.budgets, |held, named| {
                held.implies(*named)
            })
        })
        .or_else(|| {
            implied("window", &self.windows, &named.windows, |held, named| {
                named.contains(held)
            })
        })
        .or_else(|| {
            beyond(
                "ip",
                &self.addresses,
                &named.addresses,
                AddressSet::contains,
            )
        })
        .or_else(|| {
            let both = self.args.as_ref().zip(named.args.as_ref());
            let (held, named) = both.filter(|(held, named)| !held.contains(named))?;
            Some(Wider {
                named: written(named),
                held: written(held),
            })
        })
    }
}

/// What is named, if something is held that it does not lie within.
fn beyond<T: ToString>(
    name: &str,
    held: &Option<T>,
    named: &Option<T>,
    within: impl Fn(&T, &T) -> bool,
) -> Option<Wider> {
    let both = held.as_ref().zip(named.as_ref());
    let (held, named) = both.filter(|(held, named)| !within(held, named))?;
    Some(Wider {
        named: format!("{name}={}", named.to_string()),
        held: format!("{name}={}", held.to_string()),
    })
}

/// The first that is named though one that is held, and is not the same, makes it say nothing.
fn implied<T: PartialEq + ToString>(
    name: &str,
    held: &[T],
    named: &[T],
    implies: impl Fn(&T, &T) -> bool,
) -> Option<Wider> {
    named.iter().find_map(|named| {
        let tighter = held.iter().find(|held| implies(held, named))?;
        (!held.contains(named)).then(|| Wider {
            named: format!("{name}={}", named.to_string()),
            held: format!("{name}={}", tighter.to_string()),
        })
    })
}

/// Rules as they are written, not escaped.
fn written(args: &ArgRules) -> String {
    let texts = args.parts().into_iter().map(|(name, value)| match value {
        Some(value) => format!("{name}={value}"),
        None => name,
    });
    texts
        .reduce(|all, next| format!("{all}&{next}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::{Budget, Period, Rate};

    /// The most calls in `window_s` seconds of any schedule that keeps to `rate`: each second it takes what
    /// it can, which is the most in any window that begins where it does.
    fn most(rate: Rate, window_s: u32) -> u32 {
        let mut calls: alloc::vec::Vec<u32> = alloc::vec::Vec::new();
        for second in 0..window_s {
            let first = (second + 1).saturating_sub(rate.window_s) as usize;
            let counted: u32 = calls[first..].iter().sum();
            calls.push(rate.calls - counted);
        }
        calls.iter().sum()
    }

    #[test]
    fn a_rate_implies_another_if_no_schedule_breaks_that() {
        let all = || (1..8).flat_map(|window_s| (0..9).map(move |calls| Rate { window_s, calls }));
        for (one, other) in all().flat_map(|one| all().map(move |other| (one, other))) {
            let want = most(one, other.window_s) <= other.calls;
            assert_eq!(one.implies(other), want, "{one} {other}");
        }
    }

    #[test]
    fn a_budget_implies_another_if_no_spending_breaks_that() {
        // Everything on every day, in months of 31 days, for longer than any total here.
        let spent = |budget: Budget, over: Period| match (budget.period, over) {
            (Period::Day, Period::Month) => budget.units * 31,
            (Period::Day | Period::Month, Period::Total) => budget.units * 10_000,
            (Period::Day | Period::Month | Period::Total, _) => budget.units,
        };
        let amounts = [0, 1, 2, 30, 31, 61, 62, 63];
        let all = || {
            Period::ALL
                .into_iter()
                .flat_map(move |period| amounts.map(|units| Budget { period, units }))
        };
        for (one, other) in all().flat_map(|one| all().map(move |other| (one, other))) {
            assert_eq!(
                one.implies(other),
                spent(one, other.period) <= other.units,
                "{one} {other}"
            );
        }
        let [day, month] = [Period::Day, Period::Month].map(|period| Budget {
            period,
            units: u64::MAX,
        });
        assert!(
            !day.implies(month),
            "more than can be counted is no implication"
        );
    }
}
