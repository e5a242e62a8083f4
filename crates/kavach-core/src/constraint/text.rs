//! Constraints by name and value.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;
use core::str::FromStr;

use super::{AddressSet, ArgRules, Budget, Constraints, Rate, without_implied};
use crate::error::{ParseError, Problem};
use crate::limits::{ADDRESS_BLOCKS_MAX, APPROVALS_MAX, ARG_RULES_MAX, DEPTH_MAX, LIMITS_MAX};

const WHAT: &str = "a constraint";
const UNKNOWN: &str = "it has a constraint that is not known; known are `approve`, `args`, `budget`, \
                       `depth`, `expires`, `ip`, `min_trust`, `rate` and `window`";
const TWICE: &str = "it names a constraint twice; write each once";
const PAIR: &str = "write each constraint as `name=value`; only `approve` and some rules for arguments \
                    stand alone";
const DEPTH: &str = "`depth` is a number of hops, one digit from 0 to 8";
const EXPIRES: &str = "`expires` is a time as in `2026-11-21T10:00:00Z`, in whole seconds";
const APPROVE: &str = "`approve` is a number of people from 1 to 16, and 1 if it stands alone";
const RATE: &str = "`rate` is up to 8 rates over different times with commas between them, each calls and a \
                    window of up to 31 days, as in `20/h`, `100/15m` or `5/90s`";
const BUDGET: &str = "`budget` is up to 3 budgets over different times with commas between them, each units \
                      of cost and a period, as in `5/day`, `100/month` or `1000/total`";
const WINDOWS: &str = "`window` is up to 8 windows with `;` between them";
const IP: &str =
    "`ip` is up to 64 blocks of addresses with commas between them, or `none` for nowhere";
const ARGS: &str = "`args` alone is `none` for no arguments, or `never`; a rule for arguments is a JSON \
                    pointer, a dot and a rule, as in `args/amount.max=500`";

impl Constraints {
    /// The constraints with these names and values, as in the shorthand, but not escaped.
    ///
    /// A name that stands alone, such as `approve`, has no value. Several rates and budgets have commas
    /// between them, and several windows `;`.
    ///
    /// ```
    /// use kavach_core::Constraints;
    ///
    /// let parts = [("rate", Some("20/h,100/d")), ("args/amount.max", Some("500")), ("approve", None)];
    /// let constraints = Constraints::of(parts)?;
    /// assert_eq!(constraints.approvals, Some(1));
    /// assert!(Constraints::of([("approve", Some("0"))]).is_err());
    /// # Ok::<(), kavach_core::ParseError>(())
    /// ```
    ///
    /// # Errors
    /// If one of them is not known, stands there twice, or has a value that is none of its; the message says
    /// what to write.
    pub fn of<'a>(
        parts: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Self, ParseError> {
        let parts: Vec<_> = parts.into_iter().collect();
        parse(&parts).map_err(|problem| {
            let written = parts.iter().map(|(name, value)| match value {
                Some(value) => format!("{name}={value}"),
                None => (*name).to_owned(),
            });
            let all = written.reduce(|all, next| format!("{all}&{next}"));
            ParseError::new(WHAT, &all.unwrap_or_default(), problem)
        })
    }

    /// Each constraint by its name, with its value if it has one: in the order of the names, and of rules
    /// for arguments by pointer.
    #[must_use]
    pub fn parts(&self) -> Vec<(String, Option<String>)> {
        let mut parts: Vec<(String, Option<String>)> = Vec::new();
        let mut say = |name: &str, value: Option<String>| {
            if value.is_some() {
                parts.push((name.to_owned(), value));
            }
        };
        say("budget", list(&self.budgets, ","));
        say("depth", self.max_depth.as_ref().map(ToString::to_string));
        say("expires", self.expires_at.as_ref().map(ToString::to_string));
        say("ip", self.addresses.as_ref().map(ToString::to_string));
        say(
            "min_trust",
            self.min_trust.as_ref().map(ToString::to_string),
        );
        say("rate", list(&self.rates, ","));
        say("window", list(&self.windows, ";"));
        let mut first = Vec::new();
        if let Some(people) = self.approvals {
            let many = (people != 1).then(|| people.to_string());
            first.push(("approve".to_owned(), many));
        }
        first.extend(self.args.iter().flat_map(ArgRules::parts));
        first.append(&mut parts);
        first
    }

    /// What there is too much of for one permission; `None` if it can be stored.
    pub(crate) fn excess(&self) -> Option<String> {
        let limits = [
            ("rates", self.rates.len(), LIMITS_MAX),
            ("windows", self.windows.len(), LIMITS_MAX),
            (
                "places in arguments",
                self.args.as_ref().map_or(0, ArgRules::len),
                ARG_RULES_MAX,
            ),
            (
                "blocks of addresses",
                self.addresses.as_ref().map_or(0, |set| set.blocks().len()),
                ADDRESS_BLOCKS_MAX,
            ),
        ];
        let over = limits.into_iter().find(|(_, there, most)| there > most);
        over.map(|(what, there, most)| format!("{there} {what}, of which there are at most {most}"))
    }
}

fn list<T: Display>(items: &[T], separator: &str) -> Option<String> {
    let texts = items.iter().map(ToString::to_string);
    texts.reduce(|list, next| format!("{list}{separator}{next}"))
}

fn parse(parts: &[(&str, Option<&str>)]) -> Result<Constraints, Problem> {
    let mut constraints = Constraints::default();
    let mut rules = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in parts {
        if seen.contains(name) {
            return Err(Problem::Other(TWICE));
        }
        seen.push(name);
        match name
            .strip_prefix("args")
            .filter(|rest| rest.starts_with(['/', '.']))
        {
            Some(rule) => rules.push((rule, *value)),
            None => set(&mut constraints, name, *value)?,
        }
    }
    if !rules.is_empty() {
        let rules = ArgRules::of(rules)?;
        if constraints.args.replace(rules).is_some() {
            return Err(Problem::Other(ARGS));
        }
    }
    Ok(constraints)
}

fn set(constraints: &mut Constraints, name: &str, value: Option<&str>) -> Result<(), Problem> {
    let other = Problem::Other;
    let known = [
        "budget",
        "depth",
        "expires",
        "ip",
        "min_trust",
        "rate",
        "window",
        "args",
    ];
    let text = match value {
        Some(value) => value,
        None if name == "approve" => "1",
        None if known.contains(&name) || name.is_empty() => return Err(other(PAIR)),
        None => return Err(other(UNKNOWN)),
    };
    match name {
        "approve" => {
            let people = super::rate::whole(text);
            let people = people.filter(|people| (1..=APPROVALS_MAX).contains(people));
            constraints.approvals = Some(people.ok_or(other(APPROVE))?);
        }
        "args" => {
            constraints.args = Some(match text {
                "none" => ArgRules::none(),
                "never" => ArgRules::never(),
                _ => return Err(other(ARGS)),
            });
        }
        "budget" => {
            constraints.budgets = limits(text, other(BUDGET), |budget: &Budget| budget.period)?
        }
        "depth" => {
            let digit = text.len() == 1 && text.starts_with(|first: char| first.is_ascii_digit());
            let depth = text.parse().ok();
            let depth = depth.filter(|depth| digit && *depth <= DEPTH_MAX);
            constraints.max_depth = Some(depth.ok_or(other(DEPTH))?);
        }
        "expires" => constraints.expires_at = Some(text.parse().map_err(|_| other(EXPIRES))?),
        "ip" => constraints.addresses = Some(addresses(text)?),
        "min_trust" => constraints.min_trust = Some(parsed(text)?),
        "rate" => constraints.rates = limits(text, other(RATE), |rate: &Rate| rate.window_s)?,
        "window" => {
            let windows: Result<Vec<_>, _> = text.split(';').map(parsed).collect();
            constraints.windows = without_implied(windows?.into_iter());
            if text.split(';').count() > LIMITS_MAX {
                return Err(other(WINDOWS));
            }
        }
        _ => return Err(other(UNKNOWN)),
    }
    Ok(())
}

/// What the text is, or what is wrong with it.
fn parsed<T: FromStr<Err = ParseError>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: ParseError| error.problem())
}

/// Limits with commas between them, sorted; no two over the same time.
fn limits<T: FromStr + Ord, K: PartialEq>(
    text: &str,
    problem: Problem,
    over: fn(&T) -> K,
) -> Result<Vec<T>, Problem> {
    let limits: Result<Vec<T>, _> = text.split(',').map(str::parse).collect();
    let mut limits = limits.map_err(|_| problem)?;
    limits.sort_unstable();
    let twice = limits.windows(2).any(|pair| match pair {
        [one, next] => over(one) == over(next),
        _ => false,
    });
    if twice || limits.len() > LIMITS_MAX {
        return Err(problem);
    }
    Ok(limits)
}

fn addresses(text: &str) -> Result<AddressSet, Problem> {
    if text.split(',').count() > ADDRESS_BLOCKS_MAX {
        return Err(Problem::Other(IP));
    }
    match text {
        "" => Err(Problem::Other(IP)),
        _ => parsed(text),
    }
}
