//! The profile `kv(1)`: which facts each kind of block has, and the checks that follow from them.
//!
//! A block is in the profile if writing down what was read from it gives its very bytes. So there is one
//! place that says what a block looks like, and the checks, which a reader cannot trust, are never read.

mod approval;
mod authority;
mod delegation;
mod invocation;
mod receipt;

pub(crate) use approval::ApprovalBlock;
pub(crate) use authority::Authority;
pub(crate) use delegation::DelegationBlock;
pub(crate) use invocation::InvocationBlock;
pub(crate) use receipt::ReceiptBlock;

use kavach_core::Timestamp;

use crate::block::{
    Binary, BlockReader, BlockWriter, Fact, Op, Term, Unreadable, Written, read_strings,
};
use crate::claim::Audience;
use crate::limits::AUDIENCES_MAX;
use crate::right::{Bounds, Place, Right, Shape, check_rights};
use crate::symbols::Symbols;

/// The version of the profile.
pub(crate) const VERSION: u64 = 1;
/// The version of Datalog that first-party blocks need: 3.0.
const DATALOG: u64 = 3;
/// The one that third-party blocks need: 3.2.
const DATALOG_THIRD_PARTY: u64 = 5;

// Variables are called by strings that every library knows, which costs no byte.
const TIME: u64 = 5;
const AUDIENCE: u64 = 20;
const LIMIT: u64 = 23;
const START: u64 = 22;
const END: u64 = 24;
const DEPTH: u64 = 25;
const HASH: u64 = 26;

/// What a block brings beside its facts.
#[derive(Debug)]
pub(crate) struct Brought {
    /// The strings that nobody used before.
    pub(crate) symbols: Symbols,
    /// Bytes of text in its facts, each string counted as often as it is used.
    pub(crate) text_bytes: usize,
}

/// A kind of block.
pub(crate) trait Profiled: Sized {
    /// The version of Datalog that it says it needs.
    const DATALOG: u64 = DATALOG;

    /// Reads the facts. The reader may leave the checks alone.
    fn read_facts(reader: &mut BlockReader<'_>) -> Result<Self, Unreadable>;

    /// Writes the facts and the checks.
    fn write_block(&self, out: &mut BlockWriter<'_>);

    /// Writes it, as a block after those that brought `before`.
    fn write(&self, before: &Symbols) -> Written {
        let mut out = BlockWriter::after(before, Self::DATALOG);
        self.write_block(&mut out);
        out.finish()
    }

    /// Reads it, if it is in the profile, and says what it brings.
    fn read(payload: &[u8], before: &Symbols) -> Result<(Self, Brought), Unreadable> {
        let (strings, reader) = read_strings(payload, before)?;
        let mut reader = BlockReader::new(reader, &strings)?;
        if reader.version() != Self::DATALOG {
            return Err(Unreadable::Profile);
        }
        let read = Self::read_facts(&mut reader)?;
        let written = read.write(before);
        // INVARIANT (profile): what is accepted is exactly what is written.
        if written.payload == payload {
            let brought = Brought {
                symbols: written.symbols,
                text_bytes: strings.found(),
            };
            Ok((read, brought))
        } else {
            Err(Unreadable::Profile)
        }
    }
}

/// The facts of audiences from here on, and the first fact that is none.
fn read_audiences<'a>(
    reader: &mut BlockReader<'a>,
    name: &str,
) -> Result<(Vec<Audience>, Option<Fact<'a>>), Unreadable> {
    let mut audiences = Vec::new();
    while let Some(fact) = reader.next_fact()? {
        if fact.name != name {
            return Ok((audiences, Some(fact)));
        }
        if audiences.len() >= AUDIENCES_MAX {
            return Err(Unreadable::Profile);
        }
        audiences.push(fact.only(name, Fact::parsed)?);
    }
    Ok((audiences, None))
}

/// The rights that all facts from `first` on state.
fn read_rights<'a>(
    reader: &mut BlockReader<'a>,
    first: Option<Fact<'a>>,
    place: Place,
    bounds: Bounds,
) -> Result<Vec<Right>, Unreadable> {
    let mut rights = Vec::new();
    let mut next = first;
    while let Some(fact) = next {
        rights.push(Right::read(fact, place, bounds)?);
        next = reader.next_fact()?;
    }
    if rights.is_empty() {
        return Err(Unreadable::Profile);
    }
    Ok(rights)
}

fn write_audiences(out: &mut BlockWriter<'_>, name: &str, audiences: &[Audience]) {
    for audience in audiences {
        out.fact(name, &[Term::Text(audience.as_str())]);
    }
}

/// The bounds of a block below the first, and its audiences.
fn write_bounds(out: &mut BlockWriter<'_>, bounds: Bounds, audiences: &[Audience]) {
    out.fact("d_exp", &[Term::Date(bounds.until)]);
    out.fact("d_depth", &[Term::Number(u64::from(bounds.deepest))]);
    write_audiences(out, "d_aud", audiences);
}

fn read_bounds(reader: &mut BlockReader<'_>) -> Result<Bounds, Unreadable> {
    Ok(Bounds {
        until: reader.fact()?.only("d_exp", Fact::date)?,
        deepest: reader.fact()?.only("d_depth", Fact::number)?,
    })
}

/// The four checks of every block below the first: rights, time, audience, depth.
fn check_below(out: &mut BlockWriter<'_>, shapes: &[Shape]) {
    check_rights(out, shapes);
    out.check(|query| {
        query.with("time", &[TIME]).with("d_exp", &[END]);
        query.that(&[Op::Variable(TIME), Op::Variable(END), LESS]);
    });
    check_audience(out, "d_aud");
    check_depth(out, "d_depth");
}

const LESS: Op = Op::Binary(Binary::Less);
const LESS_OR_EQUAL: Op = Op::Binary(Binary::LessOrEqual);

fn check_audience(out: &mut BlockWriter<'_>, name: &'static str) {
    out.check(|query| {
        query.with("audience", &[AUDIENCE]).with(name, &[AUDIENCE]);
    });
}

fn check_depth(out: &mut BlockWriter<'_>, name: &'static str) {
    out.check(|query| {
        query.with("chain_depth", &[DEPTH]).with(name, &[LIMIT]);
        query.that(&[Op::Variable(DEPTH), Op::Variable(LIMIT), LESS_OR_EQUAL]);
    });
}

/// A date as a term.
fn date(at: Timestamp) -> Term<'static> {
    Term::Date(at)
}
