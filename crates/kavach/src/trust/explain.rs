//! Trust, told.

use kavach_core::{AgentId, Leaf, Reason, TrustLevel, TrustScore};

use crate::node::Kavach;

/// How far an agent is trusted, and how far each of its lines is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TrustExplained {
    /// The agent's own score, with all that it is made of.
    pub own: TrustScore,
    /// Its lines: those that `min_trust` looks at as a whole.
    pub lines: Vec<LineTrust>,
}

/// How far a line is trusted: as far as the least trusted agent on it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LineTrust {
    /// Which line.
    pub leaf: Leaf,
    /// Why it does not hold now; `None` if it does.
    pub fault: Option<Reason>,
    /// The least trusted agent on it; of several, the one nearest to the owner.
    pub agent: AgentId,
    /// Its score.
    pub score: u8,
    /// Its level: what `min_trust` is held against.
    pub level: TrustLevel,
}

impl Kavach {
    /// How far an agent is trusted now, and why; `None` if it is not known.
    ///
    /// ```
    /// use kavach::{Kavach, MemoryStore, NewAgent, Subject, TrustLevel};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let kavach = Kavach::open(MemoryStore::new()).await?;
    /// let reader = NewAgent::new(Subject::user("alice")?, "reader").allow("read:mcp:github:*")?;
    /// let reader = kavach.create_agent(reader).await?;
    /// let trust = kavach.trust(&reader.id).ok_or("the agent is not known")?;
    /// assert_eq!((trust.score, trust.level), (50, TrustLevel::Standard));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn trust(&self, agent: &AgentId) -> Option<TrustScore> {
        let now = self.now();
        let state = self.node.view.read();
        let agent = state.graph.agent(self.tenant, *agent)?;
        Some(self.node.trust.score(agent, now))
    }

    /// The same, and how far each of its lines is trusted; `None` if it is not known.
    #[must_use]
    pub fn explain_trust(&self, agent: &AgentId) -> Option<TrustExplained> {
        let now = self.now();
        let state = self.node.view.read();
        let known = state.graph.agent(self.tenant, *agent)?;
        let received = state.graph.delegations_to(self.tenant, *agent);
        let received = received.map(|delegation| Leaf::Delegation(delegation.id));
        let root = (!known.grants.is_empty()).then_some(Leaf::Root(*agent));
        let lines = root.into_iter().chain(received).filter_map(|leaf| {
            let line = state.graph.line(self.tenant, leaf)?;
            let agents = line
                .hops
                .iter()
                .filter_map(|hop| state.graph.agent(self.tenant, hop.agent));
            let scores = agents.map(|agent| (self.node.trust.points(agent, now), agent.id));
            // `min_by_key` takes the first of equals: the one nearest to the owner.
            let (score, agent) = scores.min_by_key(|(score, _)| *score)?;
            Some(LineTrust {
                leaf,
                fault: state.graph.fault_of(self.tenant, leaf, now),
                agent,
                score,
                level: TrustLevel::of_score(score),
            })
        });
        Some(TrustExplained {
            own: self.node.trust.score(known, now),
            lines: lines.collect(),
        })
    }
}
