//! How long Datalog could take, worked out from the names alone.

use std::collections::BTreeMap;

use biscuit_auth::builder::Term;

use super::DatalogRefusal;
use crate::envelope::Envelope;
use crate::symbols::{Resolver, Symbols};
use crate::wire::{Malformed, Reader};

/// Steps of evaluation that all checks of a token may take together: a fact looked at, or an operator
/// applied. The library needs about a microsecond for one.
const VISITS_MAX: u64 = 200_000;

/// What a regular expression counts for. It is compiled each time, to at most what the library's own limit
/// on its size allows, which takes milliseconds.
const REGEX_VISITS: u64 = 20_000;

/// How deep closures may lie in each other. What people write needs one for each `&&` and `||` in brackets.
const CLOSURES_MAX: u32 = 16;

/// Numbers of operators in the schema.
const REGEX: u64 = 8;
const ALL: u64 = 25;
const ANY: u64 = 26;

/// How many facts there are of each name.
type Counts<'a> = BTreeMap<&'a str, u64>;

/// Whether evaluating the token, with these facts added, is sure to end soon.
pub(super) fn check(
    envelope: &Envelope<'_>,
    known: &[(&str, Vec<Term>)],
) -> Result<(), DatalogRefusal> {
    let visits = visits(envelope, known).map_err(|Malformed| DatalogRefusal::TooCostly)?;
    if visits > VISITS_MAX {
        return Err(DatalogRefusal::TooCostly);
    }
    Ok(())
}

fn visits(envelope: &Envelope<'_>, known: &[(&str, Vec<Term>)]) -> Result<u64, Malformed> {
    let nothing = Symbols::default();
    let mut shared = Vec::new();
    let mut first: Option<Counts<'_>> = None;
    let mut visits: u64 = 0;
    for block in &envelope.blocks {
        let mut reader = Reader::new(block.payload);
        let mut strings = match block.external {
            None => core::mem::take(&mut shared),
            // A third party's block has strings of its own.
            Some(_) => Vec::new(),
        };
        while let Some(name) = reader.optional_bytes(1)? {
            strings.push(core::str::from_utf8(name).map_err(|_| Malformed)?);
        }
        let skim = Skim::read(reader, &Resolver::new(&nothing, strings.clone()))?;
        // A block sees the first one, itself, and what the verifier states.
        let mut visible = first.clone().unwrap_or_default();
        for (name, count) in &skim.facts {
            *visible.entry(name).or_default() += count;
        }
        for (name, _) in known {
            *visible.entry(name).or_default() += 1;
        }
        let queries = skim.queries.iter();
        let block_visits = queries.map(|query| query_visits(query, &visible));
        visits = block_visits.fold(visits, u64::saturating_add);
        first.get_or_insert(skim.facts);
        if block.external.is_none() {
            shared = strings;
        }
    }
    Ok(visits)
}

/// For each predicate the library walks over all facts, once for each way to satisfy those before it. For
/// each way to satisfy all of them it computes the expressions.
fn query_visits(query: &Query<'_>, visible: &Counts<'_>) -> u64 {
    let all: u64 = visible.values().sum();
    let mut ways: u64 = 1;
    let mut visits = all;
    for name in &query.names {
        visits = visits.saturating_add(ways.saturating_mul(all));
        ways = ways.saturating_mul(visible.get(name).copied().unwrap_or(0));
    }
    visits.saturating_add(ways.saturating_mul(query.steps.saturating_add(1)))
}

/// What matters of a block's contents.
struct Skim<'a> {
    facts: Counts<'a>,
    queries: Vec<Query<'a>>,
}

/// What matters of one way to pass a check.
struct Query<'a> {
    names: Vec<&'a str>,
    /// How many operators its expressions have, closures included: without loops, each is applied once.
    steps: u64,
}

impl<'a> Skim<'a> {
    fn read(mut reader: Reader<'a>, strings: &Resolver<'a>) -> Result<Self, Malformed> {
        let mut skim = Self {
            facts: Counts::new(),
            queries: Vec::new(),
        };
        reader.optional_bytes(2)?;
        reader.optional_integer(3)?;
        while let Some(fact) = reader.optional_bytes(4)? {
            let name = name(Reader::new(fact).bytes(1)?, strings)?;
            *skim.facts.entry(name).or_default() += 1;
        }
        while let Some(check) = reader.optional_bytes(6)? {
            let mut check = Reader::new(check);
            while let Some(query) = check.optional_bytes(1)? {
                skim.queries.push(read_query(query, strings)?);
            }
        }
        // Rules, scopes and keys: none, or the facts that a check sees cannot be told from here.
        reader.finish()?;
        Ok(skim)
    }
}

fn read_query<'a>(bytes: &'a [u8], strings: &Resolver<'a>) -> Result<Query<'a>, Malformed> {
    let mut reader = Reader::new(bytes);
    reader.bytes(1)?;
    let mut names = Vec::new();
    while let Some(predicate) = reader.optional_bytes(2)? {
        names.push(name(predicate, strings)?);
    }
    let mut steps: u64 = 0;
    while let Some(expression) = reader.optional_bytes(3)? {
        let mut expression = Reader::new(expression);
        while let Some(op) = expression.optional_bytes(1)? {
            steps = steps.saturating_add(op_steps(op, CLOSURES_MAX)?);
        }
        expression.finish()?;
    }
    reader.finish()?;
    Ok(Query { names, steps })
}

/// How often operators are applied for this one, with those in a closure; malformed if it may loop.
fn op_steps(bytes: &[u8], deeper: u32) -> Result<u64, Malformed> {
    let mut reader = Reader::new(bytes);
    if let Some(binary) = reader.optional_bytes(3)? {
        return match Reader::new(binary).integer(1)? {
            // They apply a closure to each value of a set.
            ALL | ANY => Err(Malformed),
            REGEX => Ok(REGEX_VISITS),
            _ => Ok(1),
        };
    }
    let Some(closure) = reader.optional_bytes(4)? else {
        return Ok(1);
    };
    let deeper = deeper.checked_sub(1).ok_or(Malformed)?;
    let mut closure = Reader::new(closure);
    // What `&&` and `||` put off takes no parameters. Whatever does would be applied by a loop.
    let mut steps: u64 = 1;
    while let Some(op) = closure.optional_bytes(2)? {
        steps = steps.saturating_add(op_steps(op, deeper)?);
    }
    closure.finish()?;
    Ok(steps)
}

fn name<'a>(predicate: &'a [u8], strings: &Resolver<'a>) -> Result<&'a str, Malformed> {
    let number = Reader::new(predicate).integer(1)?;
    strings.name(number).ok_or(Malformed)
}
