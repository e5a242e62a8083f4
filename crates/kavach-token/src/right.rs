//! One permission as a fact, and the checks that ask for it.
//!
//! `starts_with` alone would cross the colons, so a pattern becomes a fact by its shape and arity:
//!
//! | pattern | fact |
//! | --- | --- |
//! | `mcp:github:read` | `gl3("mcp", "github", "read", {"call"})` |
//! | `mcp:*:read` | `ge3("mcp", "*", "read", {"call"})` |
//! | `mcp:github:op*` | `gp3("mcp", "github", "op", {"call"})` |
//! | `mcp:github:**` | `gt2("mcp", "github", {"call"})` |
//! | `**` | `gt0({"call"})` |
//!
//! The last value is the set of actions; it is left out where the right is for all of them.
//!
//! A right that ends before its block, may be passed on less deep, or has a constraint of another kind is
//! conditional: `ce3(…, until, deepest, "ip=10.0.0.0/8")`. Its check asks for `holds("ip=10.0.0.0/8")`,
//! which only a verifier states that understood those words and found them true; one that knows nothing of
//! them does not state it, and so refuses. `holds("")` is always true.
//!
//! The first block's facts begin with an `a` more, because the checks of all other blocks see them too.

use core::net::IpAddr;
use std::sync::Arc;

use kavach_core::limits::DEPTH_MAX as PERMISSION_DEPTH_MAX;
use kavach_core::{Action, Actions, Constraints, Pattern, Permission, Resource, Timestamp};
use serde_json::Value;

use crate::block::{Binary, BlockWriter, Fact, Op, QueryWriter, Term, Unreadable};

#[cfg(test)]
mod tests;

/// A permission that a block gives, with the bounds that a token states by itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Right {
    /// INVARIANT (bare): without expiry and depth, which stand below.
    pub(crate) permission: Permission,
    /// The first second at which it no longer holds; not after its block's.
    pub(crate) until: Timestamp,
    /// The number of the deepest block that may still rest on it; not above its block's.
    pub(crate) deepest: u8,
    /// The permission's constraints in words, as in the shorthand; empty if there are none.
    words: Arc<str>,
}

/// What is known of a call beside the token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    pub(crate) now: Timestamp,
    pub(crate) address: Option<IpAddr>,
    pub(crate) args: Option<&'a Value>,
    /// How many approvers said yes to the call.
    pub(crate) approvals: u8,
}

/// Whether a right's conditions hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Judgement {
    Holds,
    Fails,
    /// If somebody else says so of what is left.
    Ask(String),
}

impl Judgement {
    /// What to ask, if there is something.
    pub(crate) fn question(&self) -> Option<&str> {
        match self {
            Self::Ask(condition) => Some(condition),
            Self::Holds | Self::Fails => None,
        }
    }
}

/// The bounds of a block, which all its rights share.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) until: Timestamp,
    pub(crate) deepest: u8,
}

/// In which block a right stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// The first.
    Authority,
    /// A delegation or an invocation.
    Below,
}

/// Which query asks for a right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Shape {
    place: Place,
    conditional: bool,
    /// Whether it is for all actions: then the fact names none, and has one value less.
    every_action: bool,
    ending: Ending,
    /// How many segments the fact has.
    segments: usize,
}

/// How a pattern ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    /// No `*` anywhere: the segments are compared by being the same variables.
    Literal,
    /// Some segments are `*`.
    Exact,
    Prefix,
    Tail,
}

macro_rules! names {
    ($prefix:literal) => {
        [
            concat!($prefix, "0"),
            concat!($prefix, "1"),
            concat!($prefix, "2"),
            concat!($prefix, "3"),
            concat!($prefix, "4"),
            concat!($prefix, "5"),
            concat!($prefix, "6"),
            concat!($prefix, "7"),
            concat!($prefix, "8"),
        ]
    };
}

/// What the verifier says of a resource: all its segments, by their number.
pub(crate) const WHOLE: [&str; 9] = names!("r");
/// And the first ones of them, for each number that is less.
pub(crate) const PART: [&str; 9] = names!("t");

// Variables are called by strings that every library knows, which costs no byte.
const KIND: u64 = 2;
const ACTION: u64 = 3;
const TIME: u64 = 5;
const ACTIONS: u64 = 6;
const ASKED: [u64; 7] = [9, 10, 11, 12, 13, 14, 15];
const HELD: [u64; 7] = [16, 17, 18, 19, 20, 21, 22];
const DEEPEST: u64 = 23;
const UNTIL: u64 = 24;
const DEPTH: u64 = 25;
const CONDITION: u64 = 27;

impl Right {
    /// What `permission` is in block number `index`.
    pub(crate) fn new(permission: &Permission, bounds: Bounds, index: u8) -> Self {
        let mut permission = permission.clone();
        let until = permission.constraints.expires_at.take();
        let depth = permission.constraints.max_depth.take();
        let deepest = depth.map(|depth| index.saturating_add(depth));
        Self {
            words: condition(&permission).into(),
            permission,
            until: until.map_or(bounds.until, |until| until.min(bounds.until)),
            deepest: deepest.map_or(bounds.deepest, |deepest| deepest.min(bounds.deepest)),
        }
    }

    /// The permission with its bounds, as block number `index` holds it; `None` if it does not reach there.
    ///
    /// A token may be passed on more often than a permission can say, which is eight times: then it says eight.
    pub(crate) fn permission_at(&self, index: u8) -> Option<Permission> {
        let mut permission = self.permission.clone();
        let further = self.deepest.checked_sub(index)?;
        permission.constraints.expires_at = Some(self.until);
        permission.constraints.max_depth = Some(further.min(PERMISSION_DEPTH_MAX));
        Some(permission)
    }

    /// The permission as block number `index` may pass it on, without the bounds that it shares with its block.
    pub(crate) fn passed_on(&self, bounds: Bounds, index: u8) -> Permission {
        let mut permission = self.permission.clone();
        let constraints = &mut permission.constraints;
        constraints.expires_at = (self.until != bounds.until).then_some(self.until);
        let depth = self.deepest.saturating_sub(index);
        constraints.max_depth = (self.deepest != bounds.deepest).then_some(depth);
        permission
    }

    /// Whether its conditions hold, as far as that can be told without asking anybody.
    pub(crate) fn judge(&self, known: &Circumstances<'_>) -> Judgement {
        if self.words.is_empty() {
            return Judgement::Holds;
        }
        let mut open = self.permission.clone();
        let constraints = &mut open.constraints;
        let windows = core::mem::take(&mut constraints.windows);
        let addresses = constraints.addresses.take();
        let args = constraints.args.take();
        if !windows.iter().all(|window| window.holds_at(known.now))
            || addresses.is_some_and(|set| !known.address.is_some_and(|address| set.has(address)))
            || args.is_some_and(|rules| !rules.allow(known.args))
        {
            return Judgement::Fails;
        }
        constraints.approvals = constraints
            .approvals
            .filter(|needed| known.approvals < *needed);
        // INVARIANT (nothing ignored): whatever is left, of kinds that nobody here knows included, is asked.
        let condition = condition(&open);
        if condition.is_empty() {
            Judgement::Holds
        } else {
            Judgement::Ask(condition)
        }
    }

    /// Whether all that `other` allows is allowed by this, and in how many steps of some 20 ns that was found.
    pub(crate) fn contains(&self, other: &Self) -> (bool, u32) {
        let [one, two] = [&self.permission, &other.permission];
        let bounded = other.until <= self.until && other.deepest <= self.deepest;
        if !bounded || !one.pattern.contains(&two.pattern) {
            return (false, 1);
        }
        // Actions are looked up one by one. Constraints are compared each with each, and no two of them are
        // written in fewer than eight bytes.
        let actions = two.actions.listed().map_or(0, <[Action]>::len);
        let [long, other_long] = [&self.words, &other.words].map(|words| words.len() / 8);
        let words = long.saturating_mul(other_long) + long + other_long;
        let steps = u32::try_from(1 + actions + words).unwrap_or(u32::MAX);
        (one.contains(two), steps)
    }

    /// Whether it speaks of the call, whatever its condition, in a chain of `depth` delegations.
    pub(crate) fn covers(
        &self,
        action: &Action,
        resource: &Resource,
        depth: u8,
        now: Timestamp,
    ) -> bool {
        now < self.until && depth <= self.deepest && self.permission.matches(action, resource)
    }

    /// What taking it costs: approvals, then counters; then its text, so that order never matters.
    pub(crate) fn price(&self) -> (u8, usize, String) {
        let constraints = &self.permission.constraints;
        let approvals = constraints.approvals.unwrap_or(0);
        let counters = constraints.limits().count();
        (approvals, counters, self.permission.to_string())
    }

    /// The constraints that the fact only repeats, in words; empty if there are none.
    #[cfg(feature = "datalog")]
    pub(crate) fn words(&self) -> &str {
        &self.words
    }

    fn shape(&self, place: Place, bounds: Bounds, pattern: &str) -> Shape {
        let ending = match pattern.rsplit(':').next().unwrap_or_default() {
            "**" => Ending::Tail,
            last if last.len() > 1 && last.ends_with('*') => Ending::Prefix,
            _ if pattern.contains('*') => Ending::Exact,
            _ => Ending::Literal,
        };
        let whole = pattern.split(':').count();
        let bounded = self.until != bounds.until || self.deepest != bounds.deepest;
        Shape {
            place,
            conditional: bounded || !self.words.is_empty(),
            every_action: self.permission.actions.listed().is_none(),
            ending,
            segments: whole - usize::from(ending == Ending::Tail),
        }
    }

    /// Writes the fact, and says which query asks for it.
    fn write(&self, out: &mut BlockWriter<'_>, place: Place, bounds: Bounds) -> Shape {
        let pattern = self.permission.pattern.to_string();
        let shape = self.shape(place, bounds, &pattern);
        let segments = pattern.split(':').take(shape.segments);
        let mut terms: Vec<Term<'_>> = Vec::with_capacity(shape.segments + 4);
        terms.extend(segments.map(Term::Text));
        if let (Ending::Prefix, Some(Term::Text(last))) = (shape.ending, terms.last_mut()) {
            *last = last.strip_suffix('*').unwrap_or(last);
        }
        if let Some(actions) = self.permission.actions.listed() {
            terms.push(Term::Texts(actions.iter().map(Action::as_str).collect()));
        }
        if shape.conditional {
            terms.push(Term::Date(self.until));
            terms.push(Term::Number(u64::from(self.deepest)));
            terms.push(Term::Text(&self.words));
        }
        out.fact(shape.name(), &terms);
        shape
    }

    /// Reads the fact, in a block with these bounds.
    pub(crate) fn read(
        mut fact: Fact<'_>,
        place: Place,
        bounds: Bounds,
    ) -> Result<Self, Unreadable> {
        let shape = Shape::named(fact.name, place).ok_or(Unreadable::Profile)?;
        let mut pattern = String::with_capacity(64);
        for index in 0..shape.segments {
            if index > 0 {
                pattern.push(':');
            }
            pattern.push_str(fact.text()?);
        }
        pattern.push_str(match (shape.ending, shape.segments) {
            (Ending::Literal | Ending::Exact, _) => "",
            (Ending::Prefix, _) => "*",
            (Ending::Tail, 0) => "**",
            (Ending::Tail, _) => ":**",
        });
        let pattern: Pattern = pattern.parse().map_err(|_| Unreadable::Profile)?;
        let actions = match fact.optional_texts()? {
            None => Actions::all(),
            Some(texts) => read_actions(&texts)?,
        };
        let mut right = Self {
            permission: Permission::new(pattern, actions),
            until: bounds.until,
            deepest: bounds.deepest,
            words: Arc::default(),
        };
        if shape.conditional {
            right.until = fact.date()?;
            right.deepest = fact.number()?;
            let (words, constraints) = fact.condition(read_condition)?;
            right.permission.constraints = constraints;
            right.words = words.into();
        }
        fact.done()?;
        if right.until > bounds.until || right.deepest > bounds.deepest {
            return Err(Unreadable::Profile);
        }
        Ok(right)
    }
}

/// What `words` mean, if a token of ours may say so.
fn read_condition(words: &str) -> Option<Constraints> {
    if words.is_empty() {
        return Some(Constraints::default());
    }
    let permission: Permission = ["*:**?", words].concat().parse().ok()?;
    let constraints = &permission.constraints;
    let bare = constraints.expires_at.is_none() && constraints.max_depth.is_none();
    // INVARIANT (profile): the words are as they would be written, not only read as the same.
    (bare && condition(&permission) == words).then_some(permission.constraints)
}

/// The constraints of a permission in words, as in the shorthand.
fn condition(permission: &Permission) -> String {
    if permission.constraints == Constraints::default() {
        return String::new();
    }
    let text = permission.to_string();
    let words = text.split_once('?');
    words.map_or_else(String::new, |(_, words)| words.to_owned())
}

fn read_actions(texts: &[&str]) -> Result<Actions, Unreadable> {
    let actions: Result<Vec<Action>, _> = texts.iter().map(|text| text.parse()).collect();
    let actions = actions.map_err(|_| Unreadable::Profile)?;
    Actions::of(actions).ok_or(Unreadable::Profile)
}

/// Writes the facts of all rights; the check on their shapes is for [`check_rights`].
pub(crate) fn write_all(
    out: &mut BlockWriter<'_>,
    rights: &[Right],
    place: Place,
    bounds: Bounds,
) -> Vec<Shape> {
    let mut shapes: Vec<Shape> = Vec::new();
    for right in rights {
        let shape = right.write(out, place, bounds);
        if !shapes.contains(&shape) {
            shapes.push(shape);
        }
    }
    shapes
}

/// Writes the check on rights: one query for each shape.
pub(crate) fn check_rights(out: &mut BlockWriter<'_>, shapes: &[Shape]) {
    out.check_any(shapes, |query, shape| shape.query(query));
}

impl Shape {
    fn names(place: Place, conditional: bool, ending: Ending) -> [&'static str; 9] {
        match (place, conditional, ending) {
            (Place::Authority, false, Ending::Literal) => names!("agl"),
            (Place::Authority, false, Ending::Exact) => names!("age"),
            (Place::Authority, false, Ending::Prefix) => names!("agp"),
            (Place::Authority, false, Ending::Tail) => names!("agt"),
            (Place::Authority, true, Ending::Literal) => names!("acl"),
            (Place::Authority, true, Ending::Exact) => names!("ace"),
            (Place::Authority, true, Ending::Prefix) => names!("acp"),
            (Place::Authority, true, Ending::Tail) => names!("act"),
            (Place::Below, false, Ending::Literal) => names!("gl"),
            (Place::Below, false, Ending::Exact) => names!("ge"),
            (Place::Below, false, Ending::Prefix) => names!("gp"),
            (Place::Below, false, Ending::Tail) => names!("gt"),
            (Place::Below, true, Ending::Literal) => names!("cl"),
            (Place::Below, true, Ending::Exact) => names!("ce"),
            (Place::Below, true, Ending::Prefix) => names!("cp"),
            (Place::Below, true, Ending::Tail) => names!("ct"),
        }
    }

    fn name(self) -> &'static str {
        let names = Self::names(self.place, self.conditional, self.ending);
        // A pattern has at most 8 segments.
        names.get(self.segments).copied().unwrap_or_default()
    }

    fn named(name: &str, place: Place) -> Option<Self> {
        let below = match place {
            Place::Authority => name.strip_prefix('a')?,
            Place::Below => name,
        };
        let &[class, ending, digit] = below.as_bytes() else {
            return None;
        };
        let conditional = match class {
            b'g' => false,
            b'c' => true,
            _ => return None,
        };
        let ending = match ending {
            b'l' => Ending::Literal,
            b'e' => Ending::Exact,
            b'p' => Ending::Prefix,
            b't' => Ending::Tail,
            _ => return None,
        };
        let segments = usize::from(digit.checked_sub(b'0')?);
        (segments <= 8).then_some(Self {
            place,
            conditional,
            every_action: false,
            ending,
            segments,
        })
    }

    /// Asks whether a right of this shape covers the request.
    fn query(self, query: &mut QueryWriter<'_, '_>) {
        let further = self.segments.saturating_sub(1);
        let mut asked = Variables::default();
        asked.push(KIND);
        ASKED
            .iter()
            .take(further)
            .for_each(|name| asked.push(*name));
        let mut held = Variables::default();
        let names = match self.ending {
            Ending::Literal => ASKED,
            Ending::Exact | Ending::Prefix | Ending::Tail => HELD,
        };
        let request = match self.ending {
            Ending::Literal | Ending::Exact | Ending::Prefix => WHOLE,
            Ending::Tail => PART,
        };
        if self.segments > 0 {
            held.push(KIND);
            names.iter().take(further).for_each(|name| held.push(*name));
            let name = request.get(self.segments).copied().unwrap_or_default();
            query.with(name, asked.all());
        }
        if !self.every_action {
            query.with("operation", &[ACTION]);
            held.push(ACTIONS);
        }
        if self.conditional {
            for name in [UNTIL, DEEPEST, CONDITION] {
                held.push(name);
            }
        }
        query.with(self.name(), held.all());
        if self.conditional {
            query.with("time", &[TIME]);
            query.with("chain_depth", &[DEPTH]);
            query.with("holds", &[CONDITION]);
        }
        self.conditions(query);
    }

    fn conditions(self, query: &mut QueryWriter<'_, '_>) {
        use Op::{Text, Variable};
        let last = self.segments.checked_sub(2);
        let compared = match self.ending {
            Ending::Literal => 0,
            Ending::Exact | Ending::Prefix | Ending::Tail => self.segments.saturating_sub(1),
        };
        let equal = Op::Binary(Binary::Equal);
        for (index, (asked, held)) in ASKED.into_iter().zip(HELD).take(compared).enumerate() {
            let (asked, held) = (Variable(asked), Variable(held));
            if self.ending == Ending::Prefix && Some(index) == last {
                query.that(&[asked, held, Op::Binary(Binary::Prefix)]);
            } else {
                let or = Op::Binary(Binary::Or);
                query.that(&[held, Text("*"), equal, held, asked, equal, or]);
            }
        }
        if !self.every_action {
            let contains = Op::Binary(Binary::Contains);
            query.that(&[Variable(ACTIONS), Variable(ACTION), contains]);
        }
        if self.conditional {
            let less_or_equal = Op::Binary(Binary::LessOrEqual);
            query.that(&[Variable(TIME), Variable(UNTIL), Op::Binary(Binary::Less)]);
            query.that(&[Variable(DEPTH), Variable(DEEPEST), less_or_equal]);
        }
    }
}

/// The variables of one fact: at most eight segments, the actions, and three for a condition.
#[derive(Default)]
struct Variables {
    names: [u64; 12],
    count: usize,
}

impl Variables {
    fn push(&mut self, name: u64) {
        if let Some(free) = self.names.get_mut(self.count) {
            *free = name;
            self.count += 1;
        }
    }

    fn all(&self) -> &[u64] {
        self.names.get(..self.count).unwrap_or_default()
    }
}
