//! News about approvals: kept in the store until somebody was told.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kavach_audit::Hash;
use kavach_core::{ApprovalId, TenantId};
use kavach_store::{
    Batch, Expect, Key, MasterKey, Space, Store, StoreError, StoreErrorKind, Version,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::arguments::arguments_of;
use super::listener::{ApprovalListener, NotDelivered};
use super::record::{Stored, approval_key};
use super::request::{ApprovalRequest, describe};
use super::{Approvals, Step};
use crate::clock::Clock;
use crate::committer::Work;
use crate::error::CannotDecide;
use crate::limits::{NEWS_CLOSING_S, NEWS_QUEUE_MAX, NEWS_TRIES_MAX, PAGE_RECORDS};
use crate::view::{View, read_one};

/// News that nobody was told yet: under tenant, approval and what it is; in it, what the approval is bound to.
const NOTICES: Space = Space::quiet("approval_notice");
/// How long to wait before telling news again for the first time; four times as long each time after.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What there is to tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum News {
    Requested,
    Decided,
}

/// News about one approval.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    tenant: TenantId,
    bound: Hash,
    id: ApprovalId,
    news: News,
}

/// News that is in the store.
#[derive(Debug)]
pub(crate) struct Kept {
    notice: Notice,
    version: Version,
}

impl Notice {
    fn key(&self) -> Key {
        let (tenant, id) = (self.tenant.as_u128(), self.id.as_u128());
        let news = match self.news {
            News::Requested => 1,
            News::Decided => 2,
        };
        let mut bytes = [tenant.to_be_bytes(), id.to_be_bytes()].concat();
        bytes.push(news);
        Key::new(NOTICES, bytes)
    }

    /// What lies there; `None` if it is nothing that this version wrote.
    fn read(key: &[u8], bytes: &[u8]) -> Option<Self> {
        let (tenant, rest) = key.split_first_chunk::<16>()?;
        let (id, news) = rest.split_first_chunk::<16>()?;
        Some(Self {
            tenant: TenantId::from_u128(u128::from_be_bytes(*tenant)),
            bound: bytes.try_into().ok()?,
            id: ApprovalId::from_u128(u128::from_be_bytes(*id)),
            news: match news {
                [1] => News::Requested,
                [2] => News::Decided,
                _ => return None,
            },
        })
    }
}

impl Approvals {
    /// Lets news land along with what it is about, if anybody listens.
    pub(super) fn announce(
        &self,
        tenant: TenantId,
        bound: &Hash,
        id: ApprovalId,
        news: News,
        work: &mut Work,
    ) {
        if self.herald.is_none() {
            return;
        }
        let notice = Notice {
            tenant,
            bound: *bound,
            id,
            news,
        };
        work.puts.push((notice.key(), bound.to_vec()));
        work.approvals.push(Step::Tell(notice));
    }

    /// Hands news that has landed to the herald.
    pub(super) fn tell(&self, notice: Notice, version: Version) {
        if let Some(herald) = &self.herald
            && herald.try_send(Kept { notice, version }).is_err()
        {
            tracing::warn!("too much news of approvals waits; some is told at the next opening");
        }
    }
}

/// Who listens to a store, if anybody does.
#[derive(Debug)]
pub(crate) struct Heard<'a> {
    pub(crate) store: &'a Arc<dyn Store>,
    pub(crate) view: &'a Arc<View>,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) master: Option<&'a MasterKey>,
    pub(crate) listener: Option<Arc<dyn ApprovalListener>>,
}

/// The task that tells news, if anybody listens.
#[derive(Debug)]
pub(crate) struct RunningHerald(Mutex<Option<JoinHandle<()>>>);

/// Tells news, one piece after the other.
#[derive(Debug)]
struct Herald {
    store: Arc<dyn Store>,
    view: Arc<View>,
    clock: Arc<dyn Clock>,
    master: Option<MasterKey>,
    listener: Arc<dyn ApprovalListener>,
    waiting: VecDeque<Kept>,
    /// Set when the node shuts down: everything is tried once more, and no longer waited for.
    closing: bool,
}

impl Heard<'_> {
    /// Reads the approvals in the store, and starts to tell what is left to tell of them.
    pub(crate) async fn open(
        self,
        ttl_s: u64,
    ) -> Result<(Arc<Approvals>, RunningHerald), StoreError> {
        let Some(listener) = self.listener else {
            let approvals = Approvals::load(&**self.store, ttl_s, None).await?;
            return Ok((Arc::new(approvals), RunningHerald(Mutex::new(None))));
        };
        let (sender, receiver) = mpsc::channel(NEWS_QUEUE_MAX);
        let approvals = Approvals::load(&**self.store, ttl_s, Some(sender)).await?;
        let herald = Herald {
            store: Arc::clone(self.store),
            view: Arc::clone(self.view),
            clock: Arc::clone(self.clock),
            master: self.master.cloned(),
            listener,
            waiting: left_over(&**self.store).await?,
            closing: false,
        };
        let task = tokio::spawn(herald.run(receiver));
        Ok((Arc::new(approvals), RunningHerald(Mutex::new(Some(task)))))
    }
}

impl RunningHerald {
    /// Waits, not for long, until everything was told. Once nobody is left who could bring news.
    pub(crate) async fn end(self) {
        let task = self.0.into_inner();
        if let Some(mut task) = task.unwrap_or_else(PoisonError::into_inner) {
            let limit = Duration::from_secs(NEWS_CLOSING_S);
            if tokio::time::timeout(limit, &mut task).await.is_err() {
                // What was not told stays in the store.
                task.abort();
                let _ = task.await;
            }
        }
    }
}

/// News that nobody was told before the store was last closed.
async fn left_over(store: &dyn Store) -> Result<VecDeque<Kept>, StoreError> {
    let mut left = VecDeque::new();
    let mut from = Bound::Unbounded;
    loop {
        let page = store
            .scan(NOTICES, (from, Bound::Unbounded), PAGE_RECORDS)
            .await?;
        left.extend(page.records.iter().filter_map(|(key, record)| {
            let notice = Notice::read(key, &record.bytes)?;
            let version = record.version;
            Some(Kept { notice, version })
        }));
        match page.next {
            Some(next) => from = Bound::Excluded(next),
            None => return Ok(left),
        }
    }
}

impl Herald {
    /// Serves until everybody is gone who could bring news.
    async fn run(mut self, mut news: mpsc::Receiver<Kept>) {
        loop {
            let next = match self.waiting.pop_front() {
                Some(kept) => Some(kept),
                None => news.recv().await,
            };
            match next {
                Some(kept) => self.deliver(&kept, &mut news).await,
                None => return,
            }
        }
    }

    async fn deliver(&mut self, kept: &Kept, news: &mut mpsc::Receiver<Kept>) {
        let mut wait = FIRST_WAIT;
        for attempt in 1..=NEWS_TRIES_MAX {
            match self.tell(&kept.notice).await {
                Ok(()) => return self.forget(kept).await,
                Err(error) => {
                    let id = kept.notice.id;
                    tracing::warn!(%error, %id, attempt, "news of an approval reached nobody");
                }
            }
            self.closing |= news.is_closed();
            if self.closing || attempt == NEWS_TRIES_MAX {
                break;
            }
            self.pause(wait, news).await;
            wait = wait.saturating_mul(4);
        }
        tracing::error!(id = %kept.notice.id, "news of an approval is told at the next opening");
    }

    /// Waits, and takes in what comes meanwhile.
    async fn pause(&mut self, wait: Duration, news: &mut mpsc::Receiver<Kept>) {
        let end = Instant::now() + wait;
        while let Ok(next) = timeout_at(end, news.recv()).await {
            match next {
                Some(kept) => self.waiting.push_back(kept),
                None => {
                    self.closing = true;
                    return;
                }
            }
        }
    }

    async fn tell(&self, notice: &Notice) -> Result<(), NotDelivered> {
        let request = self.request(notice).await;
        match request.map_err(|error| NotDelivered(error.to_string()))? {
            // Cleared away meanwhile, or asked anew: nobody need know.
            None => Ok(()),
            Some(request) => match notice.news {
                News::Requested => self.listener.requested(&request).await,
                News::Decided => self.listener.decided(&request).await,
            },
        }
    }

    async fn request(&self, notice: &Notice) -> Result<Option<ApprovalRequest>, CannotDecide> {
        let (tenant, store) = (notice.tenant, &*self.store);
        let found = read_one(store, &approval_key(tenant, &notice.bound)).await?;
        let Some(found) = found else {
            return Ok(None);
        };
        let stored = Stored::decode(&found.bytes)?;
        if stored.id != notice.id {
            return Ok(None);
        }
        let args = arguments_of(store, self.master.as_ref(), tenant, &stored).await?;
        let state = self.view.read();
        let mut request = describe(&state.graph, tenant, &stored, self.clock.now());
        request.args = args;
        Ok(Some(request))
    }

    /// Takes news out that was told, unless there is newer news in its place.
    async fn forget(&self, kept: &Kept) {
        let key = kept.notice.key();
        let batch = Batch {
            expectations: vec![(key.clone(), Expect::Version(kept.version))],
            deletes: vec![key],
            ..Batch::default()
        };
        match self.store.commit(batch).await {
            Err(error) if !matches!(error.kind(), StoreErrorKind::Conflict(_)) => {
                tracing::warn!(%error, "news of an approval may be told twice");
            }
            _ => {}
        }
    }
}
