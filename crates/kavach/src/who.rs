//! Asking the other way round: who can do this, and which of these may an agent use.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kavach_core::{Action, AgentId, Decision, Holders, Record, Request, Resource, WhoCan};

use crate::call::{Call, Context, check_context};
use crate::error::CannotDecide;
use crate::limits::WHO_CAN_MAX;
use crate::node::Kavach;
use crate::recorded::Books;
use crate::view::{State, View};

/// Who holds what, for asking the other way round: made when somebody first asks, and kept up from then on.
#[derive(Default)]
pub(crate) struct Directory(Mutex<Stage>);

#[derive(Default)]
enum Stage {
    /// Nobody has asked yet.
    #[default]
    Unasked,
    /// It is being made; these came meanwhile.
    Making(Vec<Record>),
    Kept(Holders),
}

impl Directory {
    /// Takes in what is about to be seen.
    ///
    /// INVARIANT (noted first): whatever a reader can see in the graph was noted here before.
    pub(crate) fn note<'a>(&self, records: impl Iterator<Item = &'a Record>) {
        match &mut *self.lock() {
            Stage::Unasked => {}
            Stage::Making(pending) => pending.extend(records.cloned()),
            Stage::Kept(holders) => records.for_each(|record| holders.note(record)),
        }
    }

    /// Answers with what is kept, or makes it first.
    pub(crate) fn ask<T>(&self, view: &View, answer: impl Fn(&Holders, &State) -> T) -> T {
        let mut stage = self.lock();
        match &*stage {
            Stage::Kept(holders) => answer(holders, &view.read()),
            Stage::Making(_) => {
                drop(stage);
                // Somebody else is at it: make one for this question alone, rather than wait.
                let state = view.read();
                answer(&Holders::of(&state.graph), &state)
            }
            Stage::Unasked => {
                *stage = Stage::Making(Vec::new());
                drop(stage);
                self.make(view, answer)
            }
        }
    }

    fn make<T>(&self, view: &View, answer: impl Fn(&Holders, &State) -> T) -> T {
        let mut holders = Holders::of(&view.read().graph);
        let mut stage = self.lock();
        if let Stage::Making(pending) = &*stage {
            pending.iter().for_each(|record| holders.note(record));
        }
        let told = answer(&holders, &view.read());
        *stage = Stage::Kept(holders);
        told
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Directory")
    }
}

impl Kavach {
    /// Everybody who can do `action` to `resource` now, in these circumstances or in others, with the answer
    /// that each would get; at most 10,000 agents, and it says whether these are all.
    ///
    /// The first question of a node takes longer: it reads everything that anybody holds.
    ///
    /// # Errors
    /// If the context is too long.
    pub fn who_can(
        &self,
        action: &Action,
        resource: &Resource,
        context: &Context,
    ) -> Result<WhoCan, CannotDecide> {
        check_context(context)?;
        // Whoever it is about is asked in turn.
        let nobody = AgentId::from_parts(0, 0);
        let mut call = Call::new(nobody, action.clone(), resource.clone());
        call.context = context.clone();
        let request: Request = self.request(nobody, &call, 0);
        let now = self.now();
        Ok(self.node.view.who(|holders, state| {
            let books = Books::of(&self.node, &state.graph);
            holders.who_can(&state.graph, &request, &books, now, WHO_CAN_MAX)
        }))
    }

    /// The answer that the caller of `call` would get for each of these resources instead of its own, in
    /// their order: to show an agent only the tools that it may call. `None` if nobody knows the caller.
    /// Nothing is recorded.
    ///
    /// # Errors
    /// If the context is too long.
    pub fn which_tools(
        &self,
        call: &Call,
        resources: impl IntoIterator<Item = Resource>,
    ) -> Result<Option<Vec<(Resource, Decision)>>, CannotDecide> {
        check_context(&call.context)?;
        let now = self.now();
        let state = self.node.view.read();
        let Ok(agent) = self.identify(&state.graph, &call.caller, now) else {
            return Ok(None);
        };
        let request = self.request(agent.id, call, 0);
        let books = Books::of(&self.node, &state.graph);
        let answers = state.graph.which_tools(&request, resources, &books, now);
        Ok(Some(answers.collect()))
    }
}
