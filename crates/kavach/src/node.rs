//! A node: a store, the graph in memory, and the one committer.

use std::sync::Arc;

use kavach_audit::{Event, Head};
use kavach_core::{LogId, TenantId, Timestamp};
use kavach_store::{
    Batch, Committed, Expect, Key, MasterKey, Migration, Space, Store, StoreError, StoreErrorKind,
};
use tokio::sync::{mpsc, oneshot};

use crate::approvals::{ApprovalListener, Approvals, Heard, RunningHerald};
use crate::clock::{Clock, SystemClock};
use crate::committer::{Committer, Failure, LOG_HEADS, Part, Work};
use crate::error::{FailedCommit, OpenError};
use crate::limits::{
    APPROVAL_TTL_S, APPROVAL_TTL_S_MAX, LEASE_S_MAX, LEASE_S_MIN, QUEUE_MAX, RESERVATION_DEFAULT_S,
    RESERVATION_MAX_S,
};
use crate::meters::{HandIn, Meters, OpenedMeters, Tending};
use crate::people::{People, check_master_key};
use crate::random;
use crate::trust;
use crate::view::{View, read_one};

/// What a store remembers of the node that writes to it.
const NODES: Space = Space::quiet("node");

/// The control plane for a team's agents, on one store.
///
/// Cheap to clone; every clone is the same node. A handle speaks for one tenant, the default one
/// unless [`in_tenant`](Self::in_tenant) says otherwise.
#[derive(Clone, Debug)]
pub struct Kavach {
    pub(crate) node: Arc<Node>,
    pub(crate) tenant: TenantId,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) view: Arc<View>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) people: People,
    pub(crate) trust: Arc<trust::Book>,
    pub(crate) approvals: Arc<Approvals>,
    herald: RunningHerald,
    pub(crate) meters: Arc<Meters>,
    /// Whoever sets guardrails: two at a time would both find room for the last one.
    pub(crate) guarding: tokio::sync::Mutex<()>,
    tending: Option<Tending>,
    parts: mpsc::Sender<Part>,
    committer: std::sync::Mutex<Option<tokio::task::JoinHandle<()>>>,
}

/// How to open a [`Kavach`]: with another clock, with a master key.
#[derive(Debug)]
pub struct Builder {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    master_key: Option<MasterKey>,
    approval_ttl_s: u64,
    approval_listener: Option<Arc<dyn ApprovalListener>>,
    settle_within_s: u64,
    lease_s: Option<u64>,
}

impl Builder {
    /// Takes the time from `clock` instead of from the machine.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Records client addresses and notes, sealed for each person under a key that this one wraps.
    /// Without a master key they are not recorded at all.
    #[must_use]
    pub fn master_key(mut self, key: MasterKey) -> Self {
        self.master_key = Some(key);
        self
    }

    /// How long a call that needs approval waits for it, and for being made: an hour if this says nothing
    /// else. At least a second, at most a week.
    #[must_use]
    pub fn approval_ttl_s(mut self, seconds: u64) -> Self {
        self.approval_ttl_s = seconds.clamp(1, APPROVAL_TTL_S_MAX);
        self
    }

    /// Tells `listener` when a call waits for approval, and when people have decided.
    #[must_use]
    pub fn approval_listener(mut self, listener: Arc<dyn ApprovalListener>) -> Self {
        self.approval_listener = Some(listener);
        self
    }

    /// For how long the true cost of a call can be settled: an hour if this says nothing else. At least a
    /// second, at most a week. What is not settled by then counts as it was reserved.
    #[must_use]
    pub fn settle_within_s(mut self, seconds: u64) -> Self {
        self.settle_within_s = seconds.clamp(1, RESERVATION_MAX_S);
        self
    }

    /// Shares limits with other nodes on the same store: this one takes slices of them, spends those without
    /// asking, and hands in what is left when a slice's lease is over. Between 1 second and 10 minutes; ten
    /// seconds are a good start.
    ///
    /// The promise is one-sided then: in no window are there ever more calls than a limit allows, and there
    /// may be fewer, by what a node took and did not hand in because it died.
    #[must_use]
    pub fn shared_limits(mut self, lease_s: u64) -> Self {
        self.lease_s = Some(lease_s.clamp(LEASE_S_MIN, LEASE_S_MAX));
        self
    }

    /// Opens the store, reads the graph and starts the committer. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// If the store cannot be used, is of a newer version, or is damaged.
    pub async fn open(self) -> Result<Kavach, OpenError> {
        self.store.migrate(Migration::Apply).await?;
        let view = Arc::new(View::load(&*self.store).await?);
        let log = own_log(&*self.store, &*self.clock).await?;
        if let Some(master) = &self.master_key {
            check_master_key(&*self.store, master).await?;
        }
        let key = Key::new(LOG_HEADS, log.as_u128().to_be_bytes());
        let found = read_one(&*self.store, &key).await?;
        let head = match &found {
            Some(record) => {
                Head::decode(&record.bytes).map_err(|error| OpenError::Head(error.to_string()))?
            }
            None => Head::empty(log),
        };
        let heard = Heard {
            store: &self.store,
            view: &view,
            clock: &self.clock,
            master: self.master_key.as_ref(),
            listener: self.approval_listener,
        };
        let (approvals, herald) = heard.open(self.approval_ttl_s).await?;
        let opened =
            OpenedMeters::open(&self.store, &self.clock, self.lease_s, self.settle_within_s);
        let OpenedMeters {
            meters,
            ledger,
            tending,
        } = opened.await?;
        let tenants: Vec<_> = view.read().graph.tenants().collect();
        let now_ns = self.clock.now_ns();
        let keeper = trust::Keeper::load(&*self.store, &head, &tenants, now_ns).await?;
        let trust = keeper.book();
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        let committer = Committer {
            store: Arc::clone(&self.store),
            view: Arc::clone(&view),
            approvals: Arc::clone(&approvals),
            trust: keeper,
            head,
            head_version: found.map(|record| record.version),
            in_doubt: false,
            meters: Arc::clone(&meters),
            ledger,
            doubt: None,
        };
        let committer = tokio::spawn(committer.run(receiver));
        let node = Node {
            people: People::new(self.master_key),
            trust,
            approvals,
            herald,
            meters,
            guarding: tokio::sync::Mutex::default(),
            tending,
            store: self.store,
            view,
            clock: self.clock,
            parts: sender,
            committer: std::sync::Mutex::new(Some(committer)),
        };
        Ok(Kavach {
            node: Arc::new(node),
            tenant: TenantId::DEFAULT,
        })
    }
}

/// The log that this store's node writes to; made at the first opening.
async fn own_log(store: &dyn Store, clock: &dyn Clock) -> Result<LogId, OpenError> {
    let key = Key::new(NODES, *b"local");
    for _ in 0..2 {
        let found = read_one(store, &key).await?;
        if let Some(record) = found {
            let text = String::from_utf8_lossy(&record.bytes).into_owned();
            return text
                .parse()
                .map_err(|error: kavach_core::ParseError| OpenError::Head(error.to_string()));
        }
        let log = random::log_id(clock.now_ns())?;
        let batch = Batch {
            expectations: vec![(key.clone(), Expect::Absent)],
            puts: vec![(key.clone(), log.to_string().into_bytes())],
            ..Batch::default()
        };
        match store.commit(batch).await {
            Ok(_) => return Ok(log),
            Err(error) if matches!(error.kind(), StoreErrorKind::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let words = "another node keeps opening this store; stop it first";
    Err(StoreError::new(StoreErrorKind::Locked, words).into())
}

impl Kavach {
    /// Opens a store with the machine's clock and without a master key.
    ///
    /// # Errors
    /// As [`Builder::open`].
    pub async fn open(store: impl Store + 'static) -> Result<Self, OpenError> {
        Self::builder(store).open().await
    }

    /// Opens a store in another way.
    pub fn builder(store: impl Store + 'static) -> Builder {
        Builder {
            store: Arc::new(store),
            clock: Arc::new(SystemClock),
            master_key: None,
            approval_ttl_s: APPROVAL_TTL_S,
            approval_listener: None,
            settle_within_s: RESERVATION_DEFAULT_S,
            lease_s: None,
        }
    }

    /// The same node, for another tenant.
    #[must_use]
    pub fn in_tenant(&self, tenant: TenantId) -> Self {
        Self {
            node: Arc::clone(&self.node),
            tenant,
        }
    }

    /// The tenant that this handle speaks for.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The node's clock, in whole seconds.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.node.clock.now()
    }

    /// The number of the newest revision that this node reflects.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.node.view.revision().number()
    }

    /// Waits until everything that was handed in has been answered, and lets go of the store if this was
    /// the last handle.
    pub async fn close(self) {
        let Some(node) = Arc::into_inner(self.node) else {
            return;
        };
        let Node {
            parts,
            committer,
            approvals,
            herald,
            tending,
            meters,
            store,
            clock,
            ..
        } = node;
        drop((parts, approvals));
        let task = committer
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(task) = task {
            let _ = task.await;
        }
        if let Some(tending) = tending {
            tending.end().await;
        }
        if let Err(error) = meters.hand_in(&*store, HandIn::All, clock.now()).await {
            tracing::warn!(%error, "slices of limits could not be handed in; they count as spent");
        }
        herald.end().await;
    }
}

impl Node {
    /// Hands work to the committer and waits until it is durable.
    pub(crate) async fn commit(
        &self,
        work: Work,
    ) -> Result<Result<Committed, Failure>, FailedCommit> {
        let (reply, answer) = oneshot::channel();
        self.parts
            .send(Part { work, reply })
            .await
            .map_err(|_| FailedCommit::Closed)?;
        answer.await.map_err(|_| FailedCommit::Closed)
    }

    /// The same for one event alone; refuses at once when too many wait.
    pub(crate) async fn record(&self, work: Work) -> Result<Committed, FailedCommit> {
        let (reply, answer) = oneshot::channel();
        self.parts
            .try_send(Part { work, reply })
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => FailedCommit::QueueFull,
                mpsc::error::TrySendError::Closed(_) => FailedCommit::Closed,
            })?;
        Ok(answer.await.map_err(|_| FailedCommit::Closed)??)
    }

    /// An event of this tenant, now, with nothing in it yet.
    pub(crate) fn blank_event(
        &self,
        tenant: TenantId,
        kind: kavach_audit::EventKind,
        outcome: kavach_audit::Outcome,
        reason: kavach_core::Reason,
    ) -> Result<Event, random::NoRandomness> {
        let now_ns = self.clock.now_ns();
        let mut event = Event::new(random::event_id(now_ns)?, tenant, kind, outcome, reason);
        event.time_ns = now_ns;
        Ok(event)
    }
}
