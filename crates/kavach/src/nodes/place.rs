//! What a node begins with: its seat, the graph, and how far its log goes.

use std::sync::Arc;

use kavach_audit::Head;
use kavach_store::{Key, Store, Version};

use super::{Freshness, Seat, Seating, Sharing};
use crate::clock::Clock;
use crate::committer::LOG_HEADS;
use crate::error::OpenError;
use crate::view::{View, read_one};

/// What a node begins with.
pub(crate) struct Place {
    pub(crate) seat: Seat,
    pub(crate) freshness: Arc<Freshness>,
    pub(crate) view: Arc<View>,
    pub(crate) head: Head,
    /// The version of the head's record; `None` before the first event.
    pub(crate) head_version: Option<Version>,
}

impl Place {
    /// Takes a seat, and reads what belongs to it.
    ///
    /// INVARIANT (seated first): who waits for all nodes finds the seat, or the graph is read after that.
    ///
    /// # Errors
    /// As [`Seat::take`]; if the records contradict each other, or the head of the log is damaged.
    pub(crate) async fn take(
        store: &dyn Store,
        clock: &Arc<dyn Clock>,
        sharing: Option<Sharing>,
    ) -> Result<Self, OpenError> {
        let seating = sharing.map_or(Seating::Alone, |_| Seating::Shared);
        let freshness = Arc::new(Freshness::new(
            Arc::clone(clock),
            sharing.map(Sharing::lease),
        ));
        let asked_ns = freshness.now_ns();
        let seat = Seat::take(store, &**clock, seating).await?;
        freshness.seated(asked_ns);
        let asked_ns = freshness.now_ns();
        let view = Arc::new(View::load(store).await?);
        freshness.asked(asked_ns);
        let key = Key::new(LOG_HEADS, seat.log().as_u128().to_be_bytes());
        let found = read_one(store, &key).await?;
        let head = match &found {
            Some(record) => {
                Head::decode(&record.bytes).map_err(|error| OpenError::Head(error.to_string()))?
            }
            None => Head::empty(seat.log()),
        };
        Ok(Self {
            seat,
            freshness,
            view,
            head,
            head_version: found.map(|record| record.version),
        })
    }
}
