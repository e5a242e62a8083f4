//! Tenuo: what a warrant says, without the cryptography that makes it a token.
//!
//! Measured, at each hop: `check_constraints`, as in Tenuo's own `authorize_no_crypto` benchmark, and the
//! end of the warrant. Left out: signatures, proof of possession, the link of each warrant to its parent,
//! and finding the line, because a caller brings its warrants along. Tokens are compared elsewhere.

use std::collections::HashMap;
use std::time::Duration;

use tenuo::{Constraint, ConstraintSet, ConstraintValue, Exact, SigningKey, Warrant, Wildcard};

use crate::Failed;
use crate::engine::Engine;
use crate::workload::{Act, Call, Grant, Line, Reach, Tool, Workload};

const TTL: Duration = Duration::from_secs(3600);

/// A warrant for each agent, attenuated from the one above it.
pub struct Tenuo {
    /// By line, then by hop.
    lines: Vec<Vec<Warrant>>,
    /// The instant of every decision, in seconds since the epoch.
    as_of: i64,
}

/// A tool call of one agent, to be put to every warrant of its line.
pub struct Question {
    line: usize,
    tool: String,
    arguments: HashMap<String, ConstraintValue>,
}

/// The name of the tool and what may be done with it: an MCP tool is called for an action on an item.
fn capability(grant: Grant) -> (String, ConstraintSet) {
    let (item, rest): (Constraint, Constraint) = match grant.reach {
        Reach::Item(item) => (
            Exact::new(format!("item-{item}")).into(),
            Exact::new("").into(),
        ),
        Reach::Segment => (Wildcard::new().into(), Exact::new("").into()),
        Reach::Below => (Wildcard::new().into(), Wildcard::new().into()),
    };
    let mut constraints = ConstraintSet::new();
    constraints.insert("item", item);
    constraints.insert("rest", rest);
    (tool(grant.act, grant.tool), constraints)
}

fn tool(act: Act, tool: Tool) -> String {
    format!("{tool}:{}", act.name())
}

fn root(grants: impl Iterator<Item = Grant>, key: &SigningKey) -> Result<Warrant, Failed> {
    let mut builder = Warrant::builder().ttl(TTL).holder(key.public_key());
    for (tool, constraints) in grants.map(capability) {
        builder = builder.capability(tool, constraints);
    }
    Ok(builder.build(key)?)
}

fn attenuated(
    parent: &Warrant,
    grants: impl Iterator<Item = Grant>,
    key: &SigningKey,
) -> Result<Warrant, Failed> {
    let mut builder = parent.attenuate().ttl_capped_to_parent(TTL);
    for (tool, constraints) in grants.map(capability) {
        builder = builder.capability(tool, constraints);
    }
    Ok(builder.build(key)?)
}

/// The warrants of a line, each attenuated from the one above as that was when it was issued.
fn warrants(line: &Line, key: &SigningKey) -> Result<Vec<Warrant>, Failed> {
    let mut issued: Vec<Warrant> = Vec::new();
    for grants in &line.hops {
        let grants = grants.iter().copied();
        let warrant = match issued.last() {
            None => root(grants, key)?,
            Some(parent) => attenuated(parent, grants, key)?,
        };
        issued.push(warrant);
    }
    // What was lost since is another, smaller warrant in the place of the first.
    if let Some((hop, _)) = line.lost {
        let above = hop.checked_sub(1).and_then(|above| issued.get(above));
        let smaller = match above {
            None => root(line.present(hop), key)?,
            Some(parent) => attenuated(parent, line.present(hop), key)?,
        };
        if let Some(place) = issued.get_mut(hop) {
            *place = smaller;
        }
    }
    Ok(issued)
}

impl Engine for Tenuo {
    const NAME: &'static str = "Tenuo 0.3.5, policy only";
    type Question = Question;
    type Worker<'a> = &'a Self;

    fn of(workload: &Workload) -> Result<Self, Failed> {
        let key = SigningKey::from_bytes(&[7; 32]);
        let lines = workload.lines.iter().map(|line| warrants(line, &key));
        let lines: Vec<Vec<Warrant>> = lines.collect::<Result<_, Failed>>()?;
        let issued = lines.iter().flatten().map(Warrant::issued_at).max();
        let as_of = issued.ok_or("no warrants")?.timestamp();
        Ok(Self { lines, as_of })
    }

    fn question(&self, call: &Call) -> Result<Question, Failed> {
        let rest = call.part.map(|part| format!("part-{part}"));
        let text = ConstraintValue::String;
        let arguments = HashMap::from([
            ("item".to_owned(), text(format!("item-{}", call.item))),
            ("rest".to_owned(), text(rest.unwrap_or_default())),
        ]);
        Ok(Question {
            line: call.line,
            tool: tool(call.act, call.tool),
            arguments,
        })
    }

    fn worker(&self) -> Result<&Self, Failed> {
        Ok(self)
    }

    fn allows(tenuo: &mut &Self, question: &Question) -> Result<bool, Failed> {
        let line = tenuo.lines.get(question.line).ok_or("no such line")?;
        let (tool, arguments) = (&question.tool, &question.arguments);
        Ok(line.iter().all(|warrant| {
            !warrant.is_expired_as_of(tenuo.as_of)
                && warrant.check_constraints(tool, arguments).is_ok()
        }))
    }
}
