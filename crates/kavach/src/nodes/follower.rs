//! Taking in what other nodes change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kavach_core::LogId;
use kavach_store::{Store, StoreError, StoreErrorKind};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::freshness::Freshness;
use super::sharing::Sharing;
use crate::approvals::Approvals;
use crate::committer::{Part, Work};
use crate::limits::POLLS_FOR_OTHERS;
use crate::trust;
use crate::view::View;

/// What a node keeps in step with its store.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) view: Arc<View>,
    pub(crate) freshness: Arc<Freshness>,
    pub(crate) approvals: Arc<Approvals>,
    pub(crate) trust: Arc<trust::Book>,
    /// The node's own log.
    pub(crate) log: LogId,
    pub(crate) sharing: Sharing,
}

/// Asks a store what other nodes changed.
#[derive(Debug)]
pub(crate) struct Follower {
    of: Followed,
    /// Something changed: ask now.
    woken: Notify,
    stopped: AtomicBool,
}

impl Follower {
    /// Takes in everything that was committed before this call.
    ///
    /// # Errors
    /// If the store does not say in time, or is not the one that it was.
    pub(crate) async fn refresh(&self) -> Result<(), StoreError> {
        let asked_ns = self.of.freshness.now_ns();
        let caught_up = self.of.view.catch_up(&*self.of.store);
        // An answer that comes later than a lease is of no use.
        let answer = timeout(self.of.sharing.lease(), caught_up).await;
        answer.unwrap_or_else(|_| {
            let words = "the store does not say in time what other nodes changed; try again";
            Err(StoreError::new(StoreErrorKind::Unavailable, words))
        })?;
        self.of.freshness.asked(asked_ns);
        Ok(())
    }

    /// The same, unless somebody did since this was called.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh).
    pub(crate) async fn refresh_if_stale(&self) -> Result<(), StoreError> {
        if self.of.freshness.holds(&self.of.view.read()) {
            return Ok(());
        }
        self.refresh().await
    }

    /// Takes in what people said elsewhere, and what others recorded of agents: neither makes a no of a yes
    /// that a revocation would, so it may lag.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn hear_others(&self) -> Result<(), StoreError> {
        self.of.approvals.reload(&*self.of.store).await?;
        self.of
            .trust
            .hear_others(&*self.of.store, self.of.log)
            .await
    }

    /// For how long the node is fresh after it asked.
    pub(crate) fn lease(&self) -> Duration {
        self.of.sharing.lease()
    }

    /// Asks soon.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Whether there is something that other nodes should be told.
    fn has_news(&self, told: u64) -> bool {
        self.of.freshness.is_seat_due() || self.of.view.revision().number() > told
    }
}

/// Keeps following until it is dropped.
#[derive(Debug)]
pub(crate) struct Following {
    follower: Arc<Follower>,
    task: JoinHandle<()>,
}

impl Following {
    /// Asks as often as they agreed, or as soon as it is woken; what there is to tell, the committer tells.
    pub(crate) fn start(of: Followed, parts: mpsc::WeakSender<Part>) -> Self {
        let poll = of.sharing.poll();
        let follower = Arc::new(Follower {
            of,
            woken: Notify::new(),
            stopped: AtomicBool::new(false),
        });
        let asking = Arc::clone(&follower);
        let task = tokio::spawn(async move {
            let (follower, mut told) = (asking, 0);
            for poll_number in (1..=POLLS_FOR_OTHERS).cycle() {
                let _ = timeout(poll, follower.woken.notified()).await;
                if follower.stopped.load(Ordering::SeqCst) {
                    return;
                }
                if let Err(error) = follower.refresh().await {
                    tracing::warn!(%error, "other nodes' changes are not known; nothing is allowed once the lease is over");
                    continue;
                }
                if poll_number == POLLS_FOR_OTHERS
                    && let Err(error) = follower.hear_others().await
                {
                    tracing::warn!(%error, "what other nodes recorded is not known; trying again");
                }
                if follower.has_news(told) && nudge(&parts) {
                    told = follower.of.view.revision().number();
                }
            }
        });
        Self { follower, task }
    }

    /// Whom to ask.
    pub(crate) fn follower(&self) -> Arc<Follower> {
        Arc::clone(&self.follower)
    }

    /// Waits until it has stopped.
    pub(crate) async fn end(self) {
        self.follower.stopped.store(true, Ordering::SeqCst);
        self.follower.wake();
        let _ = self.task.await;
    }
}

/// Makes the committer commit, if only to tell that the node is alive. Whether it will.
fn nudge(parts: &mpsc::WeakSender<Part>) -> bool {
    let part = Part {
        work: Work::default(),
        reply: oneshot::channel().0,
    };
    parts
        .upgrade()
        .is_some_and(|parts| parts.try_send(part).is_ok())
}
