//! Who holds anything that could speak of a resource: an index for asking the other way round.

use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap};

use crate::counter::Recorded;
use crate::decide::{Decision, Request, decide};
use crate::grant::Grants;
use crate::graph::{Graph, Record};
use crate::id::{AgentId, TenantId};
use crate::limits::WHO_CAN_LOOKS_MAX;
use crate::reason::Reason;
use crate::resource::Resource;
use crate::time::Timestamp;

#[cfg(test)]
mod tests;

/// Segments of a pattern that it is filed under, where they are exact.
const FILED_SEGMENTS: usize = 3;

/// Agents by what their grants begin with: at most three segments, as many as are exact.
///
/// It names everybody who could hold something, and some who no longer do: whoever asks decides for each. Nothing
/// is taken out; make a new one now and then.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    hasher: DefaultHashBuilder,
    ids: Vec<AgentId>,
    numbers: HashMap<AgentId, u32>,
    /// By the hash of tenant and segments. Two that share one only share their candidates.
    places: HashMap<u64, Vec<u32>>,
}

/// Everybody who can do something, as far as was looked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct WhoCan {
    /// Who, in order of id, with the answer that they would get: also a denial, if it is only for the
    /// circumstances (time of the week, address, arguments, a limit that is used up, trust).
    pub agents: Vec<(AgentId, Decision)>,
    /// Whether these are all.
    pub complete: bool,
}

impl Holders {
    /// The holders in a graph.
    #[must_use]
    pub fn of(graph: &Graph) -> Self {
        let mut holders = Self::default();
        for tenant in graph.tenants() {
            for agent in graph.agents(tenant) {
                holders.add(tenant, agent.id, &agent.grants);
            }
            for delegation in graph.delegations(tenant) {
                holders.add(tenant, delegation.to, &delegation.grants);
            }
        }
        holders
    }

    /// Takes in what a record says, before or after the graph does.
    pub fn note(&mut self, record: &Record) {
        match record {
            Record::Agent(agent) => self.add(agent.tenant, agent.id, &agent.grants),
            Record::Delegation(known) => self.add(known.tenant, known.to, &known.grants),
            Record::Owner(_) | Record::Subject(_) | Record::Name(_) | Record::Guardrail(_) => {}
        }
    }

    fn add(&mut self, tenant: TenantId, agent: AgentId, grants: &Grants) {
        let fresh = self.ids.len() as u32;
        let number = *self.numbers.entry(agent).or_insert(fresh);
        if number == fresh {
            self.ids.push(agent);
        }
        for grant in grants {
            let exact = grant.permission.pattern.exact_start();
            let exact: Vec<&str> = exact.take(FILED_SEGMENTS).collect();
            let key = self.key(tenant, &exact);
            let place = self.places.entry(key).or_default();
            // Grants of one holder stand in order of their text, so the same place mostly comes twice in a row.
            if place.last() != Some(&number) {
                place.push(number);
            }
        }
    }

    fn key(&self, tenant: TenantId, segments: &[&str]) -> u64 {
        self.hasher.hash_one((tenant, segments))
    }

    /// Everybody who could hold something that speaks of `resource`, in order of id.
    fn candidates(&self, tenant: TenantId, resource: &Resource) -> Vec<AgentId> {
        let mut numbers: Vec<u32> = Vec::new();
        let segments: Vec<&str> = resource.segments().take(FILED_SEGMENTS).collect();
        for exact in 0..=segments.len() {
            let start = segments.get(..exact).unwrap_or_default();
            let place = self.places.get(&self.key(tenant, start));
            numbers.extend(place.into_iter().flatten());
        }
        numbers.sort_unstable();
        numbers.dedup();
        let ids = numbers
            .into_iter()
            .filter_map(|number| self.ids.get(number as usize));
        let mut ids: Vec<AgentId> = ids.copied().collect();
        ids.sort_unstable();
        ids
    }

    /// Who can make the call that `request` describes, whoever it says makes it; at most `most` agents.
    ///
    /// `complete` is false if there are more, or more to look at than 100,000.
    pub fn who_can(
        &self,
        graph: &Graph,
        request: &Request,
        recorded: &impl Recorded,
        now: Timestamp,
        most: usize,
    ) -> WhoCan {
        let candidates = self.candidates(request.tenant, &request.resource);
        let mut asked = request.clone();
        let mut found = WhoCan {
            agents: Vec::new(),
            complete: candidates.len() <= WHO_CAN_LOOKS_MAX,
        };
        for agent in candidates.into_iter().take(WHO_CAN_LOOKS_MAX) {
            asked.agent = agent;
            let decision = decide(graph, &asked, recorded, now).decision;
            if !could(decision) {
                continue;
            }
            if found.agents.len() >= most {
                found.complete = false;
                break;
            }
            found.agents.push((agent, decision));
        }
        found
    }
}

/// Whether the agent may do it, or might in other circumstances.
fn could(decision: Decision) -> bool {
    match decision {
        Decision::Allow | Decision::NeedsApproval => true,
        Decision::Deny(reason) => matches!(
            reason,
            Reason::OutsideWindow
                | Reason::AddressNotAllowed
                | Reason::ArgumentsNotAllowed
                | Reason::RateUsedUp
                | Reason::BudgetUsedUp
                | Reason::TrustTooLow
        ),
    }
}

impl Graph {
    /// The answers that one agent would get for each of many resources, in their order: to show it only the
    /// tools that it may call. Nothing is charged, and a limit that is used up hides nothing that will come
    /// back: look at the reason.
    pub fn which_tools<'a>(
        &'a self,
        request: &'a Request,
        resources: impl IntoIterator<Item = Resource> + 'a,
        recorded: &'a impl Recorded,
        now: Timestamp,
    ) -> impl Iterator<Item = (Resource, Decision)> + 'a {
        let mut asked = request.clone();
        resources.into_iter().map(move |resource| {
            asked.resource = resource;
            let decision = decide(self, &asked, recorded, now).decision;
            (asked.resource.clone(), decision)
        })
    }
}
