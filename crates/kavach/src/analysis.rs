//! What an agent needs of what it holds, by the trail.

use std::collections::HashMap;

use kavach_audit::{Event, EventKind, Outcome, Query};
use kavach_core::{AgentId, Grant, GrantAnalysis, GrantUse, Leaf, Timestamp, analyze};
use kavach_store::StoreError;

use crate::limits::ANALYZED_PAIRS_MAX;
use crate::node::Kavach;

/// What an agent holds, beside what it did with it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Analysis {
    /// Who.
    pub agent: AgentId,
    /// From when on calls were looked at.
    pub since: Timestamp,
    /// Each grant of each line that holds, the agent's own first.
    pub grants: Vec<(Leaf, GrantAnalysis)>,
}

/// What was done by one grant, while it is being counted.
#[derive(Default)]
struct Counted {
    done: GrantUse,
    /// The hour that is being counted, and its calls.
    hour: (u64, u32),
}

impl Kavach {
    /// Holds what an agent may do by itself, and by each delegation to it, against what it did since
    /// `since`: what is unused, too broad, without limit or without end, and what would do instead.
    /// `None` if it is not known.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn analyze(
        &self,
        agent: &AgentId,
        since: Timestamp,
    ) -> Result<Option<Analysis>, StoreError> {
        let now = self.now();
        let Some(held) = self.held(agent, now) else {
            return Ok(None);
        };
        let done = self.done(agent, &held, since).await?;
        let grants = held.into_iter().map(|(leaf, grant)| {
            let none = GrantUse::none();
            let done = done.get(&(leaf, grant.id)).map(|counted| &counted.done);
            (leaf, analyze(&grant, done.unwrap_or(&none), now))
        });
        Ok(Some(Analysis {
            agent: *agent,
            since,
            grants: grants.collect(),
        }))
    }

    /// Every grant of every line of an agent that holds.
    fn held(&self, agent: &AgentId, now: Timestamp) -> Option<Vec<(Leaf, Grant)>> {
        let state = self.node.view.read();
        let graph = &state.graph;
        let known = graph.agent(self.tenant, *agent)?;
        let own = (Leaf::Root(*agent), &known.grants);
        let received = graph
            .delegations_to(self.tenant, *agent)
            .map(|delegation| (Leaf::Delegation(delegation.id), &delegation.grants));
        let holding = std::iter::once(own)
            .chain(received)
            .filter(|(leaf, _)| graph.fault_of(self.tenant, *leaf, now).is_none());
        let grants = holding
            .flat_map(|(leaf, grants)| grants.iter().map(move |grant| (leaf, grant.clone())));
        Some(grants.collect())
    }

    /// What was done by each grant, by the trail: by the agent, and by those that it passed it on to.
    async fn done(
        &self,
        agent: &AgentId,
        held: &[(Leaf, Grant)],
        since: Timestamp,
    ) -> Result<HashMap<(Leaf, u32), Counted>, StoreError> {
        let since_ns = u64::try_from(since.as_s())
            .unwrap_or(0)
            .saturating_mul(1_000_000_000);
        let mut trail = self.audit(Query {
            under: Some(*agent),
            kind: Some(EventKind::Authorize),
            outcome: Some(Outcome::Allow),
            since_ns: Some(since_ns),
            ..Query::default()
        });
        let mut done: HashMap<(Leaf, u32), Counted> = HashMap::new();
        while let Some(page) = trail.next_page().await? {
            for sealed in &page {
                for rested_on in rested_on(&sealed.event, *agent, held) {
                    done.entry(rested_on).or_default().count(&sealed.event);
                }
            }
        }
        Ok(done)
    }
}

/// The grants of an agent that a call rested on. The trail names the one at the end of the line; of those
/// further up, it was one that speaks of the call, and the first of them stands for all.
fn rested_on(event: &Event, agent: AgentId, held: &[(Leaf, Grant)]) -> Vec<(Leaf, u32)> {
    let (Some(action), Some(resource)) = (&event.action, &event.resource) else {
        return Vec::new();
    };
    let line = event.rested_on();
    let last = line.len().saturating_sub(1);
    let hops = line.iter().enumerate();
    let own = hops.filter(|(_, hop)| hop.agent == agent);
    let rested_on = own.filter_map(|(place, hop)| {
        let leaf = hop.delegation.map_or(Leaf::Root(agent), Leaf::Delegation);
        let grant = if place == last {
            event.grant
        } else {
            let mut grants = held.iter().filter(|(at, _)| *at == leaf);
            let found = grants.find(|(_, grant)| grant.permission.matches(action, resource));
            found.map(|(_, grant)| grant.id)
        };
        grant.map(|grant| (leaf, grant))
    });
    rested_on.collect()
}

impl Counted {
    fn count(&mut self, event: &Event) {
        let done = &mut self.done;
        let hour = event.time_ns / 3_600_000_000_000;
        if self.hour.0 != hour {
            self.hour = (hour, 0);
        }
        self.hour.1 = self.hour.1.saturating_add(1);
        done.busiest_hour = done.busiest_hour.max(self.hour.1);
        if done.calls == 0 {
            done.complete = true;
        }
        done.calls = done.calls.saturating_add(1);
        done.last_at = Some(event.at());
        if let (Some(action), Some(resource)) = (&event.action, &event.resource) {
            let pair = (action.clone(), resource.clone());
            if done.pairs.len() < ANALYZED_PAIRS_MAX || done.pairs.contains(&pair) {
                done.pairs.insert(pair);
            } else {
                done.complete = false;
            }
        }
    }
}
