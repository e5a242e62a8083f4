//! What events are searched by.

use kavach_store::kavach_audit::{Event, Query};
use kavach_store::kavach_core::{AgentId, Pattern, Resource};

use crate::limits::RESOURCE_SEGMENTS_INDEXED;

/// A hash of one thing that is true of an event, such as "its owner is this one".
///
/// Two things may share a hash: having a term says that an event may match, and lacking one that it
/// does not. So nobody gains by choosing texts that collide.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Term(u32);

impl Term {
    pub(crate) fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    pub(crate) fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(bytes))
    }

    pub(crate) fn as_u32(self) -> u32 {
        self.0
    }

    /// FNV-1a (32 bits), because it must be the same in every version that reads the file.
    fn of(what: What, value: &[u8]) -> Self {
        let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        Self(
            value
                .iter()
                .copied()
                .fold(step(0x811c_9dc5, what.tag()), step),
        )
    }

    fn of_id(what: What, id: u128) -> Self {
        Self::of(what, &id.to_be_bytes())
    }
}

#[derive(Clone, Copy)]
enum What {
    Agent,
    Under,
    Owner,
    Tenant,
    Action,
    Resource,
    Outcome,
    Reason,
    Kind,
}

impl What {
    /// What stands in front of the value, in every file there is.
    const fn tag(self) -> u8 {
        match self {
            Self::Agent => b'a',
            Self::Under => b'u',
            Self::Owner => b'o',
            Self::Tenant => b't',
            Self::Action => b'x',
            Self::Resource => b'r',
            Self::Outcome => b'=',
            Self::Reason => b'y',
            Self::Kind => b'k',
        }
    }
}

/// All terms of an event, in order, each once.
pub(crate) fn of_event(event: &Event) -> Vec<Term> {
    let mut terms = Vec::with_capacity(12 + event.line.len());
    let under = |agent: AgentId| Term::of_id(What::Under, agent.as_u128());
    if let Some(agent) = event.agent {
        terms.push(Term::of_id(What::Agent, agent.as_u128()));
        terms.push(under(agent));
    }
    terms.extend(event.line.iter().map(|hop| under(hop.agent)));
    if let Some(owner) = event.owner {
        terms.push(Term::of_id(What::Owner, owner.as_u128()));
    }
    terms.push(Term::of_id(What::Tenant, event.tenant.as_u128()));
    if let Some(action) = &event.action {
        terms.push(Term::of(What::Action, action.as_str().as_bytes()));
    }
    if let Some(resource) = &event.resource {
        terms.extend(beginnings(resource).map(|text| Term::of(What::Resource, text.as_bytes())));
    }
    terms.push(Term::of(What::Outcome, event.outcome.code().as_bytes()));
    terms.push(Term::of(What::Reason, event.reason.code().as_bytes()));
    terms.push(Term::of(What::Kind, event.kind.code().as_bytes()));
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// The terms that an event has if `query` matches it; those that few events have come first.
pub(crate) fn of_query(query: &Query) -> Vec<Term> {
    let text = |what, text: &str| Term::of(what, text.as_bytes());
    let terms = [
        query
            .agent
            .map(|agent| Term::of_id(What::Agent, agent.as_u128())),
        query
            .under
            .map(|agent| Term::of_id(What::Under, agent.as_u128())),
        query
            .resource
            .as_ref()
            .and_then(beginning)
            .map(|exact| text(What::Resource, &exact)),
        query
            .owner
            .map(|owner| Term::of_id(What::Owner, owner.as_u128())),
        query.reason.map(|reason| text(What::Reason, reason.code())),
        query
            .action
            .as_ref()
            .map(|action| text(What::Action, action.as_str())),
        query.kind.map(|kind| text(What::Kind, kind.code())),
        query
            .outcome
            .map(|outcome| text(What::Outcome, outcome.code())),
        Some(Term::of_id(What::Tenant, query.tenant.as_u128())),
    ];
    terms.into_iter().flatten().collect()
}

/// `a`, `a:b` and `a:b:c` for `a:b:c:d`.
fn beginnings(resource: &Resource) -> impl Iterator<Item = &str> {
    let text = resource.as_str();
    let ends = text
        .match_indices(':')
        .map(|(end, _)| end)
        .chain([text.len()]);
    ends.take(RESOURCE_SEGMENTS_INDEXED)
        .filter_map(|end| text.get(..end))
}

/// The longest of the [`beginnings`] that all resources in `pattern` share.
fn beginning(pattern: &Pattern) -> Option<String> {
    let text = pattern.to_string();
    let exact: Vec<&str> = text
        .split(':')
        .take(RESOURCE_SEGMENTS_INDEXED)
        .take_while(|segment| !segment.ends_with('*'))
        .collect();
    (!exact.is_empty()).then(|| exact.join(":"))
}
