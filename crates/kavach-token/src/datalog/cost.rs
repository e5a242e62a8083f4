//! How long Datalog could take, worked out from the names alone.

use std::collections::BTreeMap;

use biscuit_auth::builder::Term;

use super::DatalogRefusal;
use crate::envelope::Envelope;
use crate::symbols::{Resolver, Symbols};
use crate::wire::{Malformed, Reader};

/// Facts that all checks of a token may look at, each time counted. The library needs about a microsecond
/// for one.
const VISITS_MAX: u64 = 200_000;

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

/// For each predicate the library walks over all facts, once for each way to satisfy those before it.
fn query_visits(query: &[&str], visible: &Counts<'_>) -> u64 {
    let all: u64 = visible.values().sum();
    let mut ways: u64 = 1;
    let mut visits = all;
    for name in query {
        visits = visits.saturating_add(ways.saturating_mul(all));
        ways = ways.saturating_mul(visible.get(name).copied().unwrap_or(0));
    }
    visits.saturating_add(ways)
}

/// What matters of a block's contents.
struct Skim<'a> {
    facts: Counts<'a>,
    queries: Vec<Vec<&'a str>>,
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

fn read_query<'a>(bytes: &'a [u8], strings: &Resolver<'a>) -> Result<Vec<&'a str>, Malformed> {
    let mut reader = Reader::new(bytes);
    reader.bytes(1)?;
    let mut names = Vec::new();
    while let Some(predicate) = reader.optional_bytes(2)? {
        names.push(name(predicate, strings)?);
    }
    while let Some(expression) = reader.optional_bytes(3)? {
        let mut expression = Reader::new(expression);
        while let Some(op) = expression.optional_bytes(1)? {
            // Closures are field 4: they loop.
            if op.first().is_none_or(|tag| *tag >> 3 == 4) {
                return Err(Malformed);
            }
        }
        expression.finish()?;
    }
    reader.finish()?;
    Ok(names)
}

fn name<'a>(predicate: &'a [u8], strings: &Resolver<'a>) -> Result<&'a str, Malformed> {
    let number = Reader::new(predicate).integer(1)?;
    strings.name(number).ok_or(Malformed)
}
