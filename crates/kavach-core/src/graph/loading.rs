//! Filling a graph with records that come a page at a time.

use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::{Graph, GraphError, NONE, Record, Stamp};
use crate::grant::Grants;
use crate::id::{AgentId, DelegationId};

/// A graph that is being filled, for those who do not want all records in memory beside it.
///
/// Each record comes after what it cites ([`Record::rank`]), but delegations in any order among themselves:
/// those that come before their parent are kept until the end. Ids grow with time, so they are few. Records that
/// hold the same share one list of it, as they did when they were made.
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
    /// Delegations that came before their parent.
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

    /// Puts a record in.
    ///
    /// # Errors
    /// If it cites a record that is not there, or changes what never changes.
    pub fn put(&mut self, record: Record, stamp: Stamp) -> Result<(), GraphError> {
        if self.is_early(&record) {
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

    fn is_early(&self, record: &Record) -> bool {
        let Record::Delegation(delegation) = record else {
            return false;
        };
        let parent = delegation.parent;
        parent.is_some_and(|parent| self.graph.delegation(delegation.tenant, parent).is_none())
    }

    /// The graph of all of them.
    ///
    /// # Errors
    /// If a delegation cites one that never came.
    pub fn finish(mut self) -> Result<Graph, GraphError> {
        self.early.sort_by_key(|(record, _)| record.rank());
        for (record, stamp) in core::mem::take(&mut self.early) {
            self.apply(record, stamp)?;
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
