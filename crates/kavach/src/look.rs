//! Looking around without recording it: what an agent may do, and why an answer is what it is.

use kavach_core::{AgentId, BlastRadius, DelegationId, Explanation, Leaf, LinePermissions, Reason};

use crate::call::{Call, check_context};
use crate::error::CannotDecide;
use crate::node::Kavach;
use crate::recorded::Books;
use crate::suppose::Supposed;

impl Kavach {
    /// What an agent may do now, line by line, every ancestor's bounds met; `None` if it is not known.
    #[must_use]
    pub fn permissions_of(&self, agent: &AgentId) -> Option<Vec<LinePermissions>> {
        self.node
            .view
            .read()
            .graph
            .permissions_of(self.tenant, *agent, self.now())
    }

    /// What keeps the line that ends in `leaf` from holding now, whatever is asked; `None` while it holds.
    #[must_use]
    pub fn fault_of(&self, leaf: Leaf) -> Option<Reason> {
        self.node
            .view
            .read()
            .graph
            .fault_of(self.tenant, leaf, self.now())
    }

    /// Why a call would be answered as it would, now or in other circumstances. Nothing is recorded. `None`
    /// if nobody knows the caller.
    ///
    /// # Errors
    /// If the context is too long, or its arguments are none that could be hashed.
    pub fn explain(
        &self,
        call: &Call,
        supposed: &Supposed,
    ) -> Result<Option<Explanation>, CannotDecide> {
        check_context(&call.context)?;
        let now = supposed.at.unwrap_or_else(|| self.now());
        let state = self.node.view.read();
        let known = self.identify(&state.graph, &call.caller, now);
        let known = known.map_or_else(|(known, _)| known, Some);
        let books = Books::of(&self.node, &state.graph).trusting(supposed.trust);
        Ok(known.map(|agent| {
            let request = self.request(agent.id, call, supposed.approvals);
            state.graph.explain(&request, &books, now)
        }))
    }

    /// What would stop if the agent were revoked now; `None` if it is not known.
    #[must_use]
    pub fn blast_radius_of_agent(&self, agent: &AgentId) -> Option<BlastRadius> {
        self.node
            .view
            .read()
            .graph
            .blast_radius_of_agent(self.tenant, *agent, self.now())
    }

    /// What would stop if the delegation were revoked now; `None` if it is not known.
    #[must_use]
    pub fn blast_radius_of_delegation(&self, delegation: &DelegationId) -> Option<BlastRadius> {
        let state = self.node.view.read();
        state
            .graph
            .blast_radius_of_delegation(self.tenant, *delegation, self.now())
    }
}
