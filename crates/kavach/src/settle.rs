//! What a call truly cost.

use kavach_audit::EventKind;
use kavach_core::{EventId, Timestamp};
use kavach_store::{Expect, StoreError};

use crate::change::About;
use crate::committer::{Failure, Work};
use crate::error::FailedCommit;
use crate::limits::CHANGE_TRIES_MAX;
use crate::meters::{Reservation, Settlement, Share, reservation_key};
use crate::node::Kavach;
use crate::random::NoRandomness;
use crate::view::read_one;

/// A cost that was settled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Settled {
    /// What the call had reserved, in units.
    pub reserved: u64,
    /// What it cost.
    pub cost: u64,
    /// The event that records it.
    pub audit_id: EventId,
}

/// A cost that was not settled. Nothing was written, unless [`FailedCommit`] says that it may have been.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettleError {
    /// Nothing is reserved for this call: it had no budget, it was denied or withdrawn, its cost was settled
    /// before, or its time is over.
    #[error(
        "nothing is reserved for `{0}`: it took from no budget, was settled already, or was to be settled \
         earlier; see `kavach audit`"
    )]
    NothingReserved(EventId),
    /// The time to settle it is over, and what was reserved counts.
    #[error("`{of}` was to be settled before {until}, and counts as it was reserved")]
    TooLate {
        /// The event of the call.
        of: EventId,
        /// When its time was over.
        until: Timestamp,
    },
    /// The store failed to say what was reserved.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The store failed to take it.
    #[error(transparent)]
    Commit(#[from] FailedCommit),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

impl Kavach {
    /// Says what a call truly cost, once: `of` is the audit id of its answer. Less than it reserved is given
    /// back at every level of its line, in the period in which it was reserved; more is charged on, past the
    /// limit if need be, for what is spent is spent, and later calls are denied.
    ///
    /// What is not settled in time (see [`settle_within_s`](crate::Builder::settle_within_s)) counts as it was
    /// reserved, and is not given back: else whoever never settles would call for free.
    ///
    /// # Errors
    /// If there is nothing to settle, or not any more, or the store fails. A refusal is not recorded: it
    /// changes nothing.
    ///
    /// ```
    /// use kavach::{Call, Kavach, MemoryStore, NewAgent, Subject};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let kavach = Kavach::open(MemoryStore::new()).await?;
    /// let writer = NewAgent::new(Subject::user("alice")?, "writer").allow("use:tool:llm?budget=100/day")?;
    /// let writer = kavach.create_agent(writer).await?.id;
    /// let mut call = Call::new(writer, "use".parse()?, "tool:llm".parse()?);
    /// call.context.cost = Some(80);
    /// let answer = kavach.authorize_call(call.clone()).await?;
    /// assert!(answer.is_allowed());
    /// assert!(!kavach.authorize_call(call.clone()).await?.is_allowed());
    ///
    /// let of = answer.audit_id.ok_or("it is recorded")?;
    /// assert_eq!(kavach.settle(of, 20).await?.reserved, 80);
    /// assert!(kavach.authorize_call(call).await?.is_allowed());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn settle(&self, of: EventId, cost: u64) -> Result<Settled, SettleError> {
        let key = reservation_key(of);
        for _ in 0..CHANGE_TRIES_MAX {
            let found = read_one(&*self.node.store, &key).await?;
            let Some(found) = found else {
                return Err(SettleError::NothingReserved(of));
            };
            let reservation = Reservation::decode(&found.bytes)?;
            if reservation.tenant != self.tenant {
                return Err(SettleError::NothingReserved(of));
            }
            let until = reservation.expires_at;
            if self.now() >= until {
                return Err(SettleError::TooLate { of, until });
            }
            let (mut work, settled) = self.settlement(of, &reservation, cost).await?;
            // INVARIANT (settled once): the reservation goes in the same commit, which expects it.
            work.expectations
                .push((key.clone(), Expect::Version(found.version)));
            work.deletes.push(key.clone());
            match self.node.commit(work).await? {
                Ok(_) => return Ok(settled),
                Err(Failure::Conflict) => {}
                Err(failure @ Failure::Store(_)) => return Err(FailedCommit::from(failure).into()),
            }
        }
        Err(FailedCommit::Contended.into())
    }

    /// What to commit for it. What it cost more is counted in memory at once.
    async fn settlement(
        &self,
        of: EventId,
        reservation: &Reservation,
        cost: u64,
    ) -> Result<(Work, Settled), SettleError> {
        let (mut back, mut more): (Vec<Share>, Vec<Share>) = (Vec::new(), Vec::new());
        let mut reserved = 0;
        for share in reservation.shares() {
            reserved = share.amount.max(reserved);
            let with = |amount| Share { amount, ..share };
            match cost.checked_sub(share.amount) {
                Some(0) => {}
                Some(extra) => more.push(with(extra)),
                None => back.push(with(share.amount - cost)),
            }
        }
        let (about, revision) = {
            let state = self.node.view.read();
            let leaf = reservation.caller();
            let about = leaf.map(|leaf| About::leaf(&state.graph, self.tenant, leaf));
            (about.unwrap_or_default(), state.revision.number())
        };
        let about = about.with("of", of).with("reserved", reserved);
        let mut event = self.event_of(EventKind::Settled, None, about, revision)?;
        event.cost = Some(cost);
        let audit_id = event.id;
        let mut work = Work {
            events: vec![event],
            settlements: vec![Settlement { of, back }],
            ..Work::default()
        };
        if !more.is_empty() {
            let store = &*self.node.store;
            let more = self.node.meters.charge_on(store, of, more).await?;
            work.debits.push(more);
        }
        let settled = Settled {
            reserved,
            cost,
            audit_id,
        };
        Ok((work, settled))
    }
}
