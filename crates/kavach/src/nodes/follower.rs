//! Taking in what other nodes change.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use kavach_core::LogId;
use kavach_store::{Store, StoreError, StoreErrorKind};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::freshness::Freshness;
use super::sharing::Sharing;
use crate::approvals::Approvals;
use crate::committer::{Part, Work};
use crate::limits::{OTHERS_EVERY_MS, OTHERS_TIMEOUT_MS, POLL_GAP_MS, TELLING_GAP_MS};
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
    /// If the store fails, or does not answer for five seconds.
    pub(crate) async fn hear_others(&self) -> Result<(), StoreError> {
        let heard = async {
            self.of.approvals.reload(&*self.of.store).await?;
            self.of
                .trust
                .hear_others(&*self.of.store, self.of.log)
                .await
        };
        let limit = Duration::from_millis(OTHERS_TIMEOUT_MS);
        timeout(limit, heard).await.unwrap_or_else(|_| {
            let words = "the store does not say in time what other nodes recorded; try again";
            Err(StoreError::new(StoreErrorKind::Unavailable, words))
        })
    }

    /// For how long the node is fresh after it asked.
    pub(crate) fn lease(&self) -> Duration {
        self.of.sharing.lease()
    }

    /// Asks soon.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Waits until it is time to ask again: not at once, whoever wants it, after that as soon as somebody does,
    /// and else when the time of a poll is over. Or until the end.
    ///
    /// Hints count while the store answers. One that gives hints and no answers is asked as often as without.
    async fn until_due(&self, is_answered: bool, poll: Duration, end: &mut watch::Receiver<bool>) {
        let gap = poll.min(Duration::from_millis(POLL_GAP_MS));
        if timeout(gap, end.wait_for(|ended| *ended)).await.is_ok() {
            return;
        }
        let hint = async {
            if is_answered {
                self.of.store.stirred(self.of.view.revision()).await;
            } else {
                pending().await
            }
        };
        let asked = either(hint, self.woken.notified());
        let ended = async { drop(end.wait_for(|ended| *ended).await) };
        let _ = timeout(poll.saturating_sub(gap), either(asked, ended)).await;
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
    ended: watch::Sender<bool>,
    polling: JoinHandle<()>,
    hearing: JoinHandle<()>,
}

impl Following {
    /// Asks as often as they agreed, or as soon as it is woken or the store hints; what there is to tell, the
    /// committer tells.
    pub(crate) fn start(of: Followed, parts: mpsc::WeakSender<Part>) -> Self {
        let follower = Arc::new(Follower {
            of,
            woken: Notify::new(),
        });
        let (ended, end) = watch::channel(false);
        // Apart from each other: a store that hangs with the one does not keep the other waiting.
        let polling = keep_polling(Arc::clone(&follower), parts, end.clone());
        let hearing = keep_hearing(Arc::clone(&follower), end);
        Self {
            follower,
            ended,
            polling: tokio::spawn(polling),
            hearing: tokio::spawn(hearing),
        }
    }

    /// Whom to ask.
    pub(crate) fn follower(&self) -> Arc<Follower> {
        Arc::clone(&self.follower)
    }

    /// Waits until it has stopped.
    pub(crate) async fn end(mut self) {
        self.ended.send_replace(true);
        let _ = (&mut self.polling).await;
        // It only reads.
        self.hearing.abort();
        let _ = (&mut self.hearing).await;
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.polling.abort();
        self.hearing.abort();
    }
}

/// Asks what others changed, until the end.
async fn keep_polling(
    follower: Arc<Follower>,
    parts: mpsc::WeakSender<Part>,
    mut end: watch::Receiver<bool>,
) {
    let (mut told, mut told_at, mut is_answered) = (0, None::<Instant>, true);
    let telling_gap = Duration::from_millis(TELLING_GAP_MS);
    loop {
        let poll = follower.of.sharing.poll();
        let poll = if is_answered && follower.has_news(told) {
            poll.min(telling_gap)
        } else {
            poll
        };
        follower.until_due(is_answered, poll, &mut end).await;
        if *end.borrow() {
            return;
        }
        let refreshed = follower.refresh().await;
        is_answered = refreshed.is_ok();
        if let Err(error) = refreshed {
            tracing::warn!(%error, "other nodes' changes are not known; nothing is allowed once the lease is over");
            continue;
        }
        let may_tell = told_at.is_none_or(|at| at.elapsed() >= telling_gap);
        if may_tell && follower.has_news(told) && nudge(&parts) {
            told = follower.of.view.revision().number();
            told_at = Some(Instant::now());
        }
    }
}

/// Asks what others recorded beside the graph, until the end.
async fn keep_hearing(follower: Arc<Follower>, mut end: watch::Receiver<bool>) {
    let pause = Duration::from_millis(OTHERS_EVERY_MS);
    while timeout(pause, end.wait_for(|ended| *ended)).await.is_err() {
        if let Err(error) = follower.hear_others().await {
            tracing::warn!(%error, "what other nodes recorded is not known; trying again");
        }
    }
}

/// Waits until one of them is done.
async fn either<T>(one: impl Future<Output = T>, other: impl Future<Output = T>) -> T {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Pending => other.as_mut().poll(context),
        done @ Poll::Ready(_) => done,
    })
    .await
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
