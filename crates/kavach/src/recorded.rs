//! What a decision asks besides the grants: how much is used up, and how far an agent is trusted.

use kavach_core::{AgentId, Charge, Graph, Recorded, Room, TenantId, Timestamp, TrustLevel};

use crate::node::Node;

/// What a node has recorded, or what is supposed instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Books<'a> {
    node: &'a Node,
    graph: &'a Graph,
    /// What the call was charged already; `None` if nothing was yet.
    charged: Option<&'a [Charge]>,
    /// How far every agent is supposed to be trusted.
    trust: Option<TrustLevel>,
    /// How far anybody is trusted at most.
    at_most: Option<TrustLevel>,
}

impl<'a> Books<'a> {
    /// As they are, for the agents of `graph`.
    pub(crate) fn of(node: &'a Node, graph: &'a Graph) -> Self {
        Self {
            node,
            graph,
            charged: None,
            trust: None,
            at_most: None,
        }
    }

    /// As they are for a call that was charged this, and will be charged no more.
    pub(crate) fn charged(self, charges: &'a [Charge]) -> Self {
        Self {
            charged: Some(charges),
            ..self
        }
    }

    /// With this much trust in everybody, if it says how much.
    pub(crate) fn trusting(self, trust: Option<TrustLevel>) -> Self {
        Self { trust, ..self }
    }
}

impl Books<'_> {
    /// With nobody trusted further than this.
    pub(crate) fn at_most(self, trust: TrustLevel) -> Self {
        Self {
            at_most: Some(trust),
            ..self
        }
    }
}

impl Recorded for Books<'_> {
    fn room(&self, tenant: TenantId, charge: &Charge, now: Timestamp) -> Room {
        let meters = &self.node.meters;
        let Some(charged) = self.charged else {
            return meters.room(tenant, charge, now);
        };
        let same =
            |known: &&Charge| (known.counter, known.amount) == (charge.counter, charge.amount);
        match charged.iter().find(same) {
            // There was room, and what it took is its own.
            Some(known) if known.limit <= charge.limit => Room::Enough,
            // The limit was lowered since: what was taken must fit under it.
            Some(_) => meters.room(
                tenant,
                &Charge {
                    amount: 0,
                    ..*charge
                },
                now,
            ),
            // INVARIANT (nothing uncharged): no call leaves by a limit that does not count it.
            None => Room::Never,
        }
    }

    fn trust(&self, tenant: TenantId, agent: AgentId, now: Timestamp) -> TrustLevel {
        let level = || {
            let agent = self.graph.agent(tenant, agent);
            // Nobody asks for one that is not there.
            agent.map_or(TrustLevel::Untrusted, |agent| {
                self.node.trust.level(agent, now)
            })
        };
        let known = self.trust.unwrap_or_else(level);
        self.at_most.map_or(known, |most| known.min(most))
    }
}
