//! The last look, just before an allow leaves.

use kavach_audit::{Detail, EventKind, Outcome};
use kavach_core::{Decision, EventId, Reason};

use super::decided::Decided;
use crate::answer::Authorization;
use crate::call::Call;
use crate::committer::Work;
use crate::error::CannotDecide;
use crate::meters::Debit;
use crate::node::Kavach;
use crate::recorded::Books;

impl Kavach {
    /// INVARIANT (last look): an allow leaves only if its line holds at the revision that the node has come
    /// to by now. Between this look and the return there is no await, so nothing comes between them on this
    /// task.
    ///
    /// The call is charged, and its approval spent: what they took is its own, and does not speak against it.
    /// A grant whose limits it was not charged is none that it can leave by.
    pub(super) async fn look_once_more(
        &self,
        decided: Decided,
        call: &Call,
        (id, debit): (EventId, Option<Debit>),
    ) -> Result<Authorization, CannotDecide> {
        let (Decision::Allow, Some(request), Some(leaf)) = (
            decided.verdict.decision,
            &decided.request,
            decided.verdict.leaf,
        ) else {
            let state = self.node.view.read();
            return Ok(decided.answer(&state.graph, call, Some(id)));
        };
        // What takes time comes first: what is looked at last is looked at just before the answer leaves.
        let mut answer = decided.answer(&self.node.view.read().graph, call, Some(id));
        // Whatever the answer waited for may have taken longer than the node is fresh.
        self.node.be_fresh(None).await;
        let again = {
            let state = self.node.view.read();
            let now = self.node.clock.now();
            let books = Books::of(&self.node, &state.graph).charged(&decided.charges);
            let standing = match &decided.presented {
                Some(presented) => self
                    .check_standing(&state, presented, now)
                    .map_err(|(reason, _)| reason),
                None => self
                    .identify(&state.graph, &call.caller, now)
                    .map(drop)
                    .map_err(|(_, reason)| reason),
            };
            let again = match standing {
                Err(reason) => Err(reason),
                Ok(()) => {
                    let by = (leaf, decided.presented.as_ref());
                    let decision = self.verdict_via(&state, request, by, &books, now).decision;
                    match decision {
                        Decision::Allow => Ok(state.revision.number()),
                        Decision::NeedsApproval | Decision::Deny(_) => Err(decision.reason()),
                    }
                }
            };
            // INVARIANT (fresh last): a node that was paused anywhere above finds out here.
            match again {
                Ok(_) if state.bars().is_some() => Err(Reason::StoreRestored),
                Ok(_) if !self.node.freshness.holds(&state) => Err(Reason::StaleState),
                again => again,
            }
        };
        match again {
            Ok(revision) => {
                answer.revision = revision;
                Ok(answer)
            }
            Err(because) => self.withdraw(decided, call, (id, debit), because).await,
        }
    }

    /// Takes an allow back before anybody was told, gives back what it was charged, and records that.
    async fn withdraw(
        &self,
        mut decided: Decided,
        call: &Call,
        (id, debit): (EventId, Option<Debit>),
        because: Reason,
    ) -> Result<Authorization, CannotDecide> {
        let kind = EventKind::Withdrawn;
        let mut event =
            self.node
                .blank_event(self.tenant, kind, Outcome::Deny, Reason::Withdrawn)?;
        decided.describe(&mut event, call);
        event.obligations.clear();
        event.withdraws = Some(id);
        let because = Detail::Text(because.code().to_owned());
        event.detail.insert("because".to_owned(), because);
        let own = event.id;
        let mut work = Work::default();
        work.events.push(event);
        work.refunds.extend(debit);
        let recorded = self.node.record(work).await;
        if let Err(error) = &recorded {
            tracing::error!(%error, "a withdrawal could not be recorded; denied all the same");
        }
        decided.deny(Reason::Withdrawn);
        let state = self.node.view.read();
        Ok(decided.answer(&state.graph, call, recorded.ok().map(|_| own)))
    }
}
