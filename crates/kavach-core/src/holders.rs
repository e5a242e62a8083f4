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
use crate::segment::KINDS;
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
    /// A [`Key`], and the number of an agent that is filed under it, in one word each, sorted: a million agents
    /// are filed in a fraction of the time that a map would need, and in half the memory. Two that share a
    /// key only share their candidates.
    filed: Vec<u64>,
    /// Those that were noted since.
    noted: HashMap<Key, Vec<AgentId>>,
}

/// Part of a hash of tenant and segments.
type Key = u32;

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
        // Hashed once each, however many grants name them.
        let texts: Vec<u64> = graph
            .words
            .texts
            .places(|text| holders.text(text))
            .collect();
        let kinds = KINDS.map(|kind| holders.text(kind));
        let of_tenant: Vec<u64> = graph
            .tenants
            .places(|node| holders.tenant(node.id))
            .collect();
        let start_of = |tenant: u32| of_tenant.get(tenant as usize).copied();
        let mut file = |number: u32, start: Option<u64>, grants: u32| {
            let mut before = None;
            for grant in graph.words.grants(grants).iter() {
                let exact = grant.exact_start(&kinds, &texts).take(FILED_SEGMENTS);
                let key = end(exact.fold(start.unwrap_or_default(), step));
                // Grants of one holder stand in order of their text, so the same key mostly comes twice in a row.
                if before.replace(key) != Some(key) {
                    holders.filed.push(u64::from(key) << 32 | u64::from(number));
                }
            }
        };
        for (number, row) in (0..).zip(graph.agent_rows.iter()) {
            file(number, start_of(row.tenant), row.grants);
        }
        for row in graph.delegation_rows.iter() {
            let to = graph.agent_rows.get(row.to);
            file(row.to, to.and_then(|to| start_of(to.tenant)), row.grants);
        }
        holders.filed.sort_unstable();
        holders.filed.dedup();
        holders.filed.shrink_to_fit();
        holders.ids = graph.agent_rows.iter().map(|row| row.id).collect();
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
        for permission in grants.permissions() {
            let exact = permission.pattern.exact_start();
            let key = self.key(tenant, exact.take(FILED_SEGMENTS));
            let place = self.noted.entry(key).or_default();
            if place.last() != Some(&agent) {
                place.push(agent);
            }
        }
    }

    fn tenant(&self, tenant: TenantId) -> u64 {
        self.hasher.hash_one(tenant)
    }

    fn text(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
    }

    fn key<'a>(&self, tenant: TenantId, segments: impl Iterator<Item = &'a str>) -> Key {
        let hashes = segments.map(|segment| self.text(segment));
        end(hashes.fold(self.tenant(tenant), step))
    }

    /// The agents that were filed under `key`.
    fn filed_under(&self, key: Key) -> impl Iterator<Item = AgentId> {
        let start = self
            .filed
            .partition_point(|filed| filed >> 32 < u64::from(key));
        let rest = self.filed.get(start..).unwrap_or_default();
        let here = rest
            .iter()
            .take_while(move |filed| **filed >> 32 == u64::from(key));
        // The lower half is the number.
        here.filter_map(|filed| self.ids.get(*filed as u32 as usize).copied())
    }

    /// Everybody who could hold something that speaks of `resource`, in order of id.
    fn candidates(&self, tenant: TenantId, resource: &Resource) -> Vec<AgentId> {
        let mut ids: Vec<AgentId> = Vec::new();
        for exact in 0..=FILED_SEGMENTS {
            let key = self.key(tenant, resource.segments().take(exact));
            ids.extend(self.filed_under(key));
            ids.extend(self.noted.get(&key).into_iter().flatten());
        }
        ids.sort_unstable();
        ids.dedup();
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

/// The hash of what was hashed so far and one segment more.
fn step(before: u64, segment: u64) -> u64 {
    (before.rotate_left(29) ^ segment).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The part of a hash that is filed by: the half that depends on most of it.
fn end(hash: u64) -> Key {
    (hash >> 32) as u32
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
