//! The second way to evaluate a presentation: as Datalog, by the biscuit-auth library.
//!
//! A [`Verifier`](crate::Verifier) allows nothing that this refuses. The converse does not hold: Datalog does
//! not look at who a next key belongs to, at replays, at revocation, or at whether there is exactly one
//! invocation. So this is for tests, and for tokens of other makers, of which only the checks count.
//!
//! The library's own limit is time on the wall, looked at between steps: one join of six predicates takes
//! seconds. Here the work is worked out before it begins, and a token that would take too much is refused.

mod cost;
#[cfg(test)]
mod tests;

use core::fmt;
use std::collections::BTreeSet;
use std::time::Duration;

use biscuit_auth::builder::{Fact, Term};
use biscuit_auth::{Algorithm, AuthorizerBuilder, AuthorizerLimits, Biscuit, error};
use kavach_core::Timestamp;

use crate::chain::Chain;
use crate::claim::Audience;
use crate::envelope::Envelope;
use crate::key::PublicKey;
use crate::request::Request;
use crate::right::{Circumstances, Judgement, PART, WHOLE};

/// What is known of a request, for Datalog.
#[expect(
    clippy::exhaustive_structs,
    reason = "each part is a fact that the page of the profile lists"
)]
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What is asked.
    pub request: &'a Request<'a>,
    /// By which service.
    pub audience: &'a Audience,
    /// When.
    pub now: Timestamp,
    /// The conditions that hold and that no token tells, in the words of the token. Those that follow from
    /// the request alone are found here.
    pub holds: &'a [&'a str],
}

/// Why Datalog did not allow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DatalogRefusal {
    /// Not a Biscuit, or not signed by this key.
    NotSigned,
    /// It has rules, scopes or functions, or its checks could take too long.
    TooCostly,
    /// A check failed, or nothing allowed.
    Denied,
    /// The library came to one of its limits: nothing was decided.
    Undecided,
}

impl fmt::Display for DatalogRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSigned => "this is not a Biscuit signed by this root key",
            Self::TooCostly => "evaluating this token could take too long",
            Self::Denied => "a check of this token failed",
            Self::Undecided => "this token could not be decided within the limits",
        })
    }
}

impl core::error::Error for DatalogRefusal {}

/// Whether every check of `presentation`, a Biscuit signed by `root`, allows what is known of the request.
///
/// # Errors
/// If not, or that could not be decided. Every error means no.
pub fn evaluate(
    presentation: &[u8],
    root: &PublicKey,
    known: &Known<'_>,
) -> Result<(), DatalogRefusal> {
    let envelope = Envelope::read(presentation).map_err(|_| DatalogRefusal::NotSigned)?;
    let facts = facts(&envelope, known);
    cost::check(&envelope, &facts)?;
    let root = biscuit_auth::PublicKey::from_bytes(root.as_bytes(), Algorithm::Ed25519);
    let root = root.map_err(|_| DatalogRefusal::NotSigned)?;
    let biscuit = Biscuit::from(presentation, root).map_err(|_| DatalogRefusal::NotSigned)?;
    // 6.0.0 keeps to the limits of the builder only. The work is bounded already: these are far beyond it.
    let limits = AuthorizerLimits {
        max_facts: 10_000,
        max_iterations: 100,
        max_time: Duration::from_secs(10),
    };
    let mut builder = AuthorizerBuilder::new().set_limits(limits);
    for (name, terms) in facts {
        let fact = Fact::new(name.to_owned(), terms);
        builder = builder.fact(fact).map_err(|_| DatalogRefusal::Undecided)?;
    }
    let builder = builder.policy("allow if kv(1)");
    let mut authorizer = builder
        .and_then(|builder| builder.build(&biscuit))
        .map_err(|_| DatalogRefusal::Undecided)?;
    match authorizer.authorize() {
        Ok(_) => Ok(()),
        Err(error::Token::FailedLogic(_)) => Err(DatalogRefusal::Denied),
        Err(_) => Err(DatalogRefusal::Undecided),
    }
}

/// The facts that a verifier states.
fn facts(envelope: &Envelope<'_>, known: &Known<'_>) -> Vec<(&'static str, Vec<Term>)> {
    let request = known.request;
    let text = |text: &str| Term::Str(text.to_owned());
    let first_party = envelope
        .blocks
        .iter()
        .filter(|block| block.external.is_none());
    // The first block and the invocation are no delegations; a bearer token may have no invocation.
    let depth = i64::try_from(first_party.count())
        .unwrap_or(i64::MAX)
        .saturating_sub(2)
        .max(0);
    let mut facts = vec![
        ("time", vec![Term::Date(known.now.as_s().unsigned_abs())]),
        ("audience", vec![text(known.audience.as_str())]),
        ("operation", vec![text(request.action.as_str())]),
        (
            "request_hash",
            vec![Term::Bytes(request.arguments.as_bytes().to_vec())],
        ),
        ("chain_depth", vec![Term::Integer(depth)]),
        ("holds", vec![text("")]),
    ];
    facts.extend(known.holds.iter().map(|words| ("holds", vec![text(words)])));
    facts.extend(holding(envelope, known).map(|words| ("holds", vec![Term::Str(words)])));
    let segments: Vec<Term> = request.resource.segments().map(text).collect();
    for length in 1..segments.len() {
        let part = segments.iter().take(length).cloned().collect();
        facts.push((PART.get(length).copied().unwrap_or_default(), part));
    }
    let whole = WHOLE.get(segments.len()).copied().unwrap_or_default();
    facts.push((whole, segments));
    facts
}

/// The conditions of the chain that hold by what is known, if it is a chain of ours.
fn holding(envelope: &Envelope<'_>, known: &Known<'_>) -> impl Iterator<Item = String> {
    let circumstances = known.request.circumstances(0, known.now);
    let mut words = BTreeSet::new();
    let mut blocks = envelope.blocks.iter();
    let mut chain = blocks.next().and_then(|first| Chain::begin(0, first).ok());
    for block in blocks {
        // The invocation ends it: what it states has no conditions.
        chain = chain.and_then(|mut chain| match chain.follow(block) {
            Ok(()) => Some(chain),
            Err(_) => {
                words.extend(held_words(&chain, &circumstances));
                None
            }
        });
    }
    words.extend(
        chain
            .iter()
            .flat_map(|chain| held_words(chain, &circumstances)),
    );
    words.into_iter()
}

fn held_words(chain: &Chain, known: &Circumstances<'_>) -> Vec<String> {
    let rights = chain.hops.iter().flat_map(|hop| hop.rights.iter());
    let held = rights.filter(|right| right.judge(known) == Judgement::Holds);
    let words = held.map(|right| right.words().to_owned());
    words.filter(|words| !words.is_empty()).collect()
}
