//! Looking around without recording it: what an agent may do, and why an answer is what it is.

use kavach_core::{
    AgentId, BlastRadius, DelegationId, Explanation, Leaf, LinePermissions, Reason, Request,
    Timestamp,
};

use crate::error::CannotDecide;
use crate::node::Kavach;

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

    /// Why a request would be answered as it would, now or at another time. Nothing is recorded.
    ///
    /// # Errors
    /// If the action or the resource is not well formed.
    pub fn explain(
        &self,
        agent: &AgentId,
        action: &str,
        resource: &str,
        at: Option<Timestamp>,
    ) -> Result<Explanation, CannotDecide> {
        let request = Request::new(self.tenant, *agent, action.parse()?, resource.parse()?);
        let now = at.unwrap_or_else(|| self.now());
        Ok(self.node.view.read().graph.explain(&request, now))
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
