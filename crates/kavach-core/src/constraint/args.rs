//! With which arguments: rules by JSON pointer (RFC 6901), in a closed world.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::error::Problem;
use crate::limits::ARG_RULES_MAX;

mod checks;
mod host;
mod kind;
mod number;
mod path;
mod pointer;
mod scalar;
use checks::Checks;
use pointer::Pointer;

/// Rules for the arguments of a call, a JSON value. Whatever no rule names may not be there.
///
/// A rule names a place by its JSON pointer, and says what must stand there. It is there, unless the rule
/// is `optional`; and whatever else is there lies at or below a place that is named. So each scalar, and
/// each array or object that is empty, needs a name of its own or one above it; only the empty object as a
/// whole, like no arguments at all, needs none. A rule that is `closed` names the place and not what lies
/// below it.
///
/// The meet is exact: a value keeps the rules of both if and only if it keeps those of the meet. For the
/// rules that is their conjunction, place by place. For the closed world it is the intersection of two
/// sets of places, each of which is all that lies at or below some places: two such places either nest,
/// and the deeper of them is what both open, or have nothing in common. A rule whose place is not opened
/// any more stays as a `closed` one as long as anything is opened above or below it, and otherwise its
/// place can only be empty.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ArgRules {
    /// INVARIANT (one spelling): as [`settled`] leaves them, by pointer.
    rules: Vec<Rule>,
    /// Whether no arguments, and no lack of any, can keep them. Then there are no rules.
    never: bool,
}

/// The rule of one place.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Rule {
    at: Pointer,
    /// Whether something must be there.
    required: bool,
    /// Whether all that lies there is named by it. Only the highest such places are marked.
    opens: bool,
    checks: Checks,
}

const PAIR: &str =
    "a rule for arguments is a JSON pointer, a dot and a rule, as in `args/amount.max=500`";
const FLAG: &str = "`any`, `closed`, `none` and `optional` stand alone, without a value";
const NONE_ALONE: &str =
    "`none` is for what may not be there, and stands with no other rule of its place";
const MANY: &str =
    "it has rules for more than 32 places in the arguments; name what lies above them";

impl ArgRules {
    /// The rules in these parts: a place and a rule each, `/amount.max`, with the value of the rule.
    pub(super) fn of<'a>(
        parts: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Self, Problem> {
        let mut written: Vec<Written> = Vec::new();
        for (name, value) in parts {
            let (place, rule) = name.rsplit_once('.').ok_or(Problem::Other(PAIR))?;
            let at = Pointer::parse(place).ok_or(Problem::Other(PAIR))?;
            let known = written.iter_mut().find(|known| known.at == at);
            match known {
                Some(known) => known.add(rule, value)?,
                None => {
                    let mut new = Written::at(at);
                    new.add(rule, value)?;
                    written.push(new);
                }
            }
        }
        if written.len() > ARG_RULES_MAX {
            return Err(Problem::Other(MANY));
        }
        let rules: Result<Vec<Rule>, Problem> = written.into_iter().map(Written::rule).collect();
        Ok(settled(rules?))
    }

    /// No arguments at all.
    pub(super) const fn none() -> Self {
        Self {
            rules: Vec::new(),
            never: false,
        }
    }

    /// Nothing, not even no arguments.
    pub(super) const fn never() -> Self {
        Self {
            rules: Vec::new(),
            never: true,
        }
    }

    /// Whether nothing can keep them, as far as that can be told.
    #[must_use]
    pub fn is_never(&self) -> bool {
        self.never
    }

    /// How many places they name.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether they name no place: then there may be no arguments.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether the arguments keep every rule. A call without arguments keeps none that asks for one.
    #[must_use]
    pub fn allow(&self, args: Option<&Value>) -> bool {
        let empty = |args: &Value| args.as_object().is_some_and(serde_json::Map::is_empty);
        self.are_kept(args, Checks::allow)
            && args.is_none_or(|args| empty(args) || opened(&self.rules, args, 0))
    }

    /// Whether the arguments keep every rule, whatever else there is: what a guardrail asks, which nobody
    /// is to evade by one argument more, nor by another spelling. What a rule cannot read keeps it.
    pub(crate) fn describe(&self, args: Option<&Value>) -> bool {
        self.are_kept(args, |checks, value| {
            checks.allow(value) || !checks.can_read(value)
        })
    }

    fn are_kept(&self, args: Option<&Value>, keeps: impl Fn(&Checks, &Value) -> bool) -> bool {
        let keeps = |rule: &Rule| match args.and_then(|args| rule.at.find(args)) {
            Some(value) => keeps(&rule.checks, value),
            None => !rule.required,
        };
        !self.never && self.rules.iter().all(keeps)
    }

    /// The rules of both.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        if self.never || other.never {
            return Self::never();
        }
        let opened_by_both = |at: &Pointer| self.opens(at) && other.opens(at);
        let mut rules: Vec<Rule> = Vec::with_capacity(self.rules.len() + other.rules.len());
        for rule in self.rules.iter().chain(&other.rules) {
            if let Some(known) = rules.iter_mut().find(|known| known.at == rule.at) {
                known.required |= rule.required;
                known.checks = known.checks.meet(&rule.checks);
            } else {
                // What both open begins where one of them begins to, below where the other has.
                let opens = opened_by_both(&rule.at);
                rules.push(Rule {
                    opens,
                    ..rule.clone()
                });
            }
        }
        settled(rules)
    }

    /// Whether these allow all that `other` allows; they allow what they allow themselves.
    ///
    /// Never true where it is not so. Where checks of different kinds speak of one place, it may be false
    /// although it is so: that a `subpath` is also a `prefix` is not seen.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.meet(other) == *other
    }

    fn opens(&self, at: &Pointer) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.opens && rule.at.is_at_or_above(at))
    }

    /// Each rule as it is parsed: the name, and the value if it has one.
    pub(super) fn parts(&self) -> Vec<(String, Option<String>)> {
        if self.never || self.rules.is_empty() {
            let word = if self.never { "never" } else { "none" };
            return Vec::from([("args".to_owned(), Some(word.to_owned()))]);
        }
        let mut parts = Vec::new();
        for rule in &self.rules {
            let mut said: Vec<(&str, Option<String>)> = Vec::new();
            if rule.checks.is_nothing() {
                said.push(("none", None));
            } else {
                let checks = rule.checks.parts().into_iter();
                said.extend(checks.map(|(name, value)| (name, Some(value))));
                if !self.opens(&rule.at) {
                    said.push(("closed", None));
                }
                if !rule.required {
                    said.push(("optional", None));
                }
                if said.is_empty() {
                    said.push(("any", None));
                }
            }
            said.sort_unstable();
            let named = said
                .into_iter()
                .map(|(word, value)| (format!("args{}.{word}", rule.at), value));
            parts.extend(named);
        }
        parts
    }
}

/// A rule as it was written, part by part.
struct Written {
    rule: Rule,
    words: Vec<String>,
    at: Pointer,
}

impl Written {
    fn at(at: Pointer) -> Self {
        Self {
            rule: Rule {
                at: at.clone(),
                required: true,
                opens: true,
                checks: Checks::ANY,
            },
            words: Vec::new(),
            at,
        }
    }

    fn add(&mut self, word: &str, value: Option<&str>) -> Result<(), Problem> {
        let rule = &mut self.rule;
        match (word, value) {
            ("any", None) => {}
            ("closed", None) => rule.opens = false,
            ("optional", None) => rule.required = false,
            ("none", None) => (rule.required, rule.checks) = (false, Checks::NOTHING),
            ("any" | "closed" | "optional" | "none", Some(_)) => return Err(Problem::Other(FLAG)),
            (_, value) => {
                // No check takes an empty value, and so each says what to write.
                let checks =
                    Checks::parse(word, value.unwrap_or_default()).map_err(Problem::Other)?;
                rule.checks = rule.checks.meet(&checks);
            }
        }
        if self.words.iter().any(|known| known == word) {
            return Err(Problem::Other(
                "it names a constraint twice; write each once",
            ));
        }
        self.words.push(word.to_owned());
        Ok(())
    }

    fn rule(self) -> Result<Rule, Problem> {
        if self.words.len() > 1 && self.words.iter().any(|word| word == "none") {
            return Err(Problem::Other(NONE_ALONE));
        }
        Ok(self.rule)
    }
}

/// The one spelling of these rules, of which no two are of one place.
fn settled(mut rules: Vec<Rule>) -> ArgRules {
    if rules
        .iter()
        .any(|rule| rule.required && rule.checks.is_nothing())
    {
        return ArgRules::never();
    }
    // Where nothing may be, nothing is opened, and nothing below is there.
    let forbidden: Vec<Pointer> = rules
        .iter()
        .filter(|rule| rule.checks.is_nothing())
        .map(|rule| rule.at.clone())
        .collect();
    for rule in &mut rules {
        rule.opens &= !forbidden.iter().any(|place| place.is_at_or_above(&rule.at));
    }
    // Of places that are opened, only the highest are marked.
    let marked: Vec<Pointer> = rules
        .iter()
        .filter(|rule| rule.opens)
        .map(|rule| rule.at.clone())
        .collect();
    for rule in &mut rules {
        rule.opens &= !marked
            .iter()
            .any(|place| *place != rule.at && place.is_at_or_above(&rule.at));
    }
    let opened: Vec<Pointer> = rules
        .iter()
        .filter(|rule| rule.opens)
        .map(|rule| rule.at.clone())
        .collect();
    // What cannot be there: below what is forbidden, or with nothing opened above or below it. The whole,
    // if it is an empty object, can be.
    let absent = |rule: &Rule| {
        let below = forbidden
            .iter()
            .any(|place| *place != rule.at && place.is_at_or_above(&rule.at));
        let near =
            |place: &Pointer| place.is_at_or_above(&rule.at) || rule.at.is_at_or_above(place);
        below || (rule.at.len() > 0 && !opened.iter().any(near))
    };
    if rules.iter().any(|rule| rule.required && absent(rule)) {
        return ArgRules::never();
    }
    rules.retain(|rule| !absent(rule));
    // What must be there must have what it lies in.
    let needed: Vec<Pointer> = rules
        .iter()
        .filter(|rule| rule.required)
        .map(|rule| rule.at.clone())
        .collect();
    let is_needed_below = |at: &Pointer| {
        needed
            .iter()
            .any(|place| place != at && at.is_at_or_above(place))
    };
    rules.retain_mut(|rule| {
        let below = is_needed_below(&rule.at);
        rule.required |= below;
        rule.opens || !rule.checks.is_any() || (rule.required && !below)
    });
    rules.sort_unstable_by(|one, other| one.at.cmp(&other.at));
    ArgRules {
        rules,
        never: false,
    }
}

/// Whether all that lies in `value` is opened. `rules` are those whose place lies there, `depth` tokens down.
///
/// It goes no deeper than the places do, of which each has at most 16 tokens.
fn opened(rules: &[Rule], value: &Value, depth: usize) -> bool {
    if rules
        .iter()
        .any(|rule| rule.opens && rule.at.len() == depth)
    {
        return true;
    }
    // They are sorted, so that those that agree up to here stand together.
    let below = |token: &str| {
        let start = rules.partition_point(|rule| rule.at.token(depth) < Some(token));
        let end = rules.partition_point(|rule| rule.at.token(depth) <= Some(token));
        rules.get(start..end).unwrap_or_default()
    };
    match value {
        Value::Object(members) => {
            let named = |(key, value): (&String, &Value)| match below(key) {
                [] => false,
                rules => opened(rules, value, depth + 1),
            };
            !members.is_empty() && members.iter().all(named)
        }
        Value::Array(items) => {
            let named = |(place, value): (usize, &Value)| {
                let at =
                    |rule: &&Rule| rule.at.token(depth).and_then(pointer::index) == Some(place);
                rules
                    .iter()
                    .find(at)
                    .and_then(|rule| rule.at.token(depth))
                    .is_some_and(|token| opened(below(token), value, depth + 1))
            };
            !items.is_empty() && items.iter().enumerate().all(named)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
