//! The counters of a node as it opens, and what is done for them while it runs.

use std::sync::Arc;
use std::time::Duration;

use kavach_store::Store;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Meters;
use super::ledger::{Ledger, Sharing};
use super::slices::{HandIn, go_on_alone};
use crate::clock::Clock;
use crate::error::OpenError;
use crate::random;

/// The counters of a node that was just opened.
#[derive(Debug)]
pub(crate) struct OpenedMeters {
    pub(crate) meters: Arc<Meters>,
    pub(crate) ledger: Ledger,
    /// `None` for a node that is alone.
    pub(crate) tending: Option<Tending>,
}

impl OpenedMeters {
    /// Reads the counters back; with a lease, as one node of several.
    ///
    /// # Errors
    /// If the store fails, or what lies there is no counter.
    pub(crate) async fn open(
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
        lease_s: Option<u64>,
        settle_within_s: u64,
    ) -> Result<Self, OpenError> {
        let Some(lease_s) = lease_s else {
            go_on_alone(&**store, clock.now()).await?;
            let ledger = Ledger::load(&**store, Sharing::Alone).await?;
            let meters = Arc::new(Meters::alone(&ledger, clock.now(), settle_within_s));
            return Ok(Self {
                meters,
                ledger,
                tending: None,
            });
        };
        let ledger = Ledger::load(&**store, Sharing::Shared).await?;
        let run = random::log_id(clock.now_ns())?;
        let meters = Arc::new(Meters::shared(run, lease_s, settle_within_s));
        let (store, clock) = (Arc::clone(store), Arc::clone(clock));
        let tending = Tending::start(Arc::clone(&meters), store, clock, lease_s);
        Ok(Self {
            meters,
            ledger,
            tending: Some(tending),
        })
    }
}

/// Hands in slices whose lease is over, until it is dropped.
#[derive(Debug)]
pub(crate) struct Tending {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Tending {
    fn start(
        meters: Arc<Meters>,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        lease_s: u64,
    ) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let every = Duration::from_secs(lease_s);
        let task = tokio::spawn(async move {
            while timeout(every, &mut stopped).await.is_err() {
                let handed_in = meters.hand_in(&*store, HandIn::Ended, clock.now()).await;
                if let Err(error) = handed_in {
                    tracing::warn!(%error, "slices of limits could not be handed in; trying again");
                }
            }
        });
        Self { stop, task }
    }

    /// Waits until it has stopped.
    pub(crate) async fn end(self) {
        drop(self.stop);
        let _ = self.task.await;
    }
}
