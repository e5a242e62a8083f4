//! Guardrails: what is never allowed, and on which lines.

use crate::decide::Verdict;
use crate::decide::hop::Asked;
use crate::graph::{AgentRow, Graph, Hop, NONE, Packed};
use crate::guardrail::{Guardrail, Selector};
use crate::id::TenantId;
use crate::limits::GUARDRAILS_MAX;

// INVARIANT (none is passed over): those after the 64th, of which there are some only where several were set
// at once, have no bit, and deny as well: they are looked at one by one.
const _: () = assert!(GUARDRAILS_MAX <= 64, "each guardrail has a bit");

/// The guardrails of a tenant that speak of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rails {
    /// A bit for each that does, by its place in the order of names. Nearly always there are none.
    speaking: u64,
    /// Whether one does that has no bit.
    beyond: bool,
    packed: u32,
}

impl Rails {
    /// Those that are packed under this number.
    #[inline]
    pub(super) fn of<R>(packed: u32, asked: &Asked<'_, R>) -> Self {
        if packed == NONE {
            return Self {
                speaking: 0,
                beyond: false,
                packed,
            };
        }
        Self::speaking(packed, asked)
    }

    /// Whether none speaks of the request.
    #[inline]
    pub(super) fn is_silent(self) -> bool {
        self.speaking == 0 && !self.beyond
    }

    fn speaking<R>(packed: u32, asked: &Asked<'_, R>) -> Self {
        let (mut speaking, mut beyond) = (0, false);
        let mut rails = asked.query.alike(asked.words.grants(packed));
        while let Some(never) = asked.query.next_match(&mut rails) {
            if !is_met(never, asked) {
                continue;
            }
            match bit(never.number()) {
                Some(bit) => speaking |= bit,
                None => beyond = true,
            }
        }
        Self {
            speaking,
            beyond,
            packed,
        }
    }

    /// The first guardrail that denies the line, and a bit for each that would, if it did more than note it.
    pub(super) fn on_line<'a, R>(
        self,
        graph: &Graph,
        asked: &Asked<'_, R>,
        line: impl Iterator<Item = Hop<'a>> + Clone,
    ) -> (Option<u8>, u64) {
        let (mut denying, mut shadowed) = (None, 0);
        for (place, guardrail) in numbered(graph, asked.request.tenant) {
            let mut agents = line.clone().map(|hop| hop.agent);
            if !self.speaks_at(place, asked) || !agents.any(|agent| means(graph, guardrail, agent))
            {
                continue;
            }
            if guardrail.shadow {
                shadowed |= bit(place).unwrap_or_default();
            } else if denying.is_none() {
                denying = Some(u8::try_from(place).unwrap_or(u8::MAX));
            }
        }
        (denying, shadowed)
    }

    /// Whether the one at this place speaks of the request.
    fn speaks_at<R>(&self, place: u32, asked: &Asked<'_, R>) -> bool {
        if let Some(bit) = bit(place) {
            return self.speaking & bit != 0;
        }
        let mut rails = asked.query.alike(asked.words.grants(self.packed));
        let mut speaking = core::iter::from_fn(|| asked.query.next_match(&mut rails));
        let at = |never: Packed<'_>| never.number() == place && is_met(never, asked);
        self.beyond && speaking.any(at)
    }
}

/// The bit of a guardrail at this place, if it has one.
fn bit(place: u32) -> Option<u64> {
    1_u64.checked_shl(place)
}

/// The guardrails of a tenant by name, with their places.
fn numbered(graph: &Graph, tenant: TenantId) -> impl Iterator<Item = (u32, &Guardrail)> {
    (0..).zip(graph.guardrails(tenant))
}

/// Whether a call is in the circumstances that a guardrail names. One that is not known counts as met.
fn is_met<R>(never: Packed<'_>, asked: &Asked<'_, R>) -> bool {
    let request = asked.request;
    let bounds = never.constraints();
    let bounds = bounds.and_then(|bounds| asked.words.constraints(bounds));
    bounds.is_none_or(|bounds| {
        bounds.holds_at(asked.now)
            && bounds
                .windows
                .iter()
                .all(|window| window.holds_at(asked.now))
            && bounds
                .addresses
                .as_ref()
                .is_none_or(|named| request.address.is_none_or(|address| named.has(address)))
            && bounds.args.as_ref().is_none_or(|rules| {
                request.args.is_none() || rules.describe(request.args.as_deref())
            })
    })
}

fn means(graph: &Graph, guardrail: &Guardrail, agent: &AgentRow) -> bool {
    match &guardrail.agents {
        Selector::Everyone => true,
        Selector::Agents(named) => named.contains(&agent.id),
        Selector::Kind(kind) => agent.kind == *kind,
        Selector::Owner(owner) => graph.owner_of(agent) == Some(*owner),
    }
}

impl Graph {
    /// The guardrail at this place in the order of names, as [`Verdict::guardrail`] says it.
    #[must_use]
    pub fn guardrail_at(&self, tenant: TenantId, place: u8) -> Option<&Guardrail> {
        self.guardrails(tenant).nth(usize::from(place))
    }

    /// The guardrails that only noted that they would deny.
    pub fn shadowed<'a>(
        &'a self,
        tenant: TenantId,
        verdict: &Verdict,
    ) -> impl Iterator<Item = &'a Guardrail> + use<'a> {
        let bits = verdict.shadowed;
        let known = numbered(self, tenant);
        known
            .filter(move |(place, _)| bit(*place).is_some_and(|bit| bits & bit != 0))
            .map(|(_, guardrail)| guardrail)
    }
}
