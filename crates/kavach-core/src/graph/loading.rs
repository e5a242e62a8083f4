//! Filling a graph with records that come a page at a time.

use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::{Graph, GraphError, NONE, Record, Stamp};
use crate::grant::Grants;
use crate::id::{AgentId, DelegationId};

/// A graph that is being filled, for those who do not want all records in memory beside it.
///
/// Each record should come after what it cites ([`Record::rank`]), but delegations in any order among themselves:
/// what comes before something that it cites is kept until the end. Ids grow with time, so that is little.
/// Records that hold the same share one list of it, as they did when they were made.
///
/// ```
/// use kavach_core::Loading;
///
/// let graph = Loading::new().finish()?;
/// assert_eq!(graph.size(), (0, 0));
/// # Ok::<(), kavach_core::GraphError>(())
/// ```
#[derive(Debug)]
pub struct Loading {
    graph: Graph,
    /// Records that came before what they cite.
    early: Vec<(Record, Stamp)>,
    /// A list of grants for each number that [`Words`](super::Words) gave to one.
    lists: HashMap<u32, Grants>,
}

impl Loading {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let mut graph = Graph::new();
        graph.words.hurry();
        Self {
            graph,
            early: Vec::new(),
            lists: HashMap::new(),
        }
    }

    /// Puts a record in, or in the place of its former self.
    ///
    /// # Errors
    /// If it changes what never changes.
    pub fn put(&mut self, record: Record, stamp: Stamp) -> Result<(), GraphError> {
        if self.cites_missing(&record) {
            self.early.push((record, stamp));
            return Ok(());
        }
        self.apply(record, stamp)
    }

    fn apply(&mut self, record: Record, stamp: Stamp) -> Result<(), GraphError> {
        let (agent, delegation) = match &record {
            Record::Agent(agent) => (Some(agent.id), None),
            Record::Delegation(delegation) => (None, Some(delegation.id)),
            Record::Owner(_) | Record::Subject(_) | Record::Name(_) | Record::Guardrail(_) => {
                (None, None)
            }
        };
        self.graph.apply(record, stamp)?;
        agent.map(|id| self.share_of_agent(id));
        delegation.map(|id| self.share_of_delegation(id));
        Ok(())
    }

    fn share_of_agent(&mut self, id: AgentId) -> Option<()> {
        let slot = self.graph.agent_slot(id)?;
        let number = self.graph.agent_rows.get(slot)?.grants;
        let node = self.graph.agents.get_mut(slot)?.as_mut()?;
        share(
            &mut self.lists,
            number,
            &mut Arc::get_mut(node)?.record.grants,
        );
        Some(())
    }

    fn share_of_delegation(&mut self, id: DelegationId) -> Option<()> {
        let slot = self.graph.delegation_slot(id)?;
        let number = self.graph.delegation_rows.get(slot)?.grants;
        let node = self.graph.delegations.get_mut(slot)?.as_mut()?;
        share(
            &mut self.lists,
            number,
            &mut Arc::get_mut(node)?.record.grants,
        );
        Some(())
    }

    /// Whether something waits for a record that it cites. Where the records were read while others wrote, that
    /// one is among what they changed: put it in too, as it stands.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.early.is_empty()
    }

    fn cites_missing(&self, record: &Record) -> bool {
        let graph = &self.graph;
        match record {
            Record::Owner(_) | Record::Guardrail(_) => false,
            Record::Subject(name) => graph.owner_slot((name.tenant, name.id)).is_none(),
            Record::Agent(agent) => {
                let owner = (agent.tenant, agent.owner);
                graph.owner_slot(owner).is_none() && graph.agent_slot(agent.id).is_none()
            }
            Record::Name(name) => graph.agent_node(name.tenant, name.agent).is_none(),
            Record::Delegation(delegation) => {
                graph.delegation_slot(delegation.id).is_none() && graph.ends_of(delegation).is_err()
            }
        }
    }

    /// The graph of all of them.
    ///
    /// # Errors
    /// If one cites a record that never came.
    pub fn finish(mut self) -> Result<Graph, GraphError> {
        self.early.sort_by_key(|(record, _)| record.rank());
        for (record, stamp) in core::mem::take(&mut self.early) {
            // What was put in since is newer.
            if self.graph.stamp(&record.key()).is_none() {
                self.apply(record, stamp)?;
            }
        }
        self.graph.words.settle();
        Ok(self.graph)
    }
}

impl Default for Loading {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes the list that others have for this number, if it says the same to the letter, or leaves its own for them.
fn share(lists: &mut HashMap<u32, Grants>, number: u32, grants: &mut Grants) {
    if number == NONE {
        return;
    }
    let known = lists.entry(number).or_insert_with(|| grants.clone());
    if known == grants {
        *grants = known.clone();
    }
}
