//! A node: a store, the graph in memory, and the one committer.

use std::sync::Arc;

use kavach_audit::Event;
use kavach_core::{LogId, TenantId, Timestamp};
use kavach_store::{Committed, MasterKey, Migration, Store};
use kavach_token::Audience;
use tokio::sync::{mpsc, oneshot};

use crate::approvals::{ApprovalListener, Approvals, Heard, RunningHerald};
use crate::clock::{Clock, SystemClock};
use crate::committer::{Committer, Failure, Part, Work};
use crate::copy;
use crate::error::{FailedCommit, OpenError};
use crate::limits::{
    APPROVAL_TTL_S, APPROVAL_TTL_S_MAX, QUEUE_MAX, RESERVATION_DEFAULT_S, RESERVATION_MAX_S,
};
use crate::meters::{HandIn, Meters, OpenedMeters, Tending};
use crate::nodes::{Followed, Follower, Following, Freshness, Place, Sharing};
use crate::people::{People, check_master_key};
use crate::random;
use crate::tokens::{Uses, Verifiers, own_issuer};
use crate::trust;
use crate::view::View;

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
    /// Who issues tokens. INVARIANT (issuer): always there, for a log's id is visible ASCII.
    pub(crate) issuer: Option<Audience>,
    pub(crate) verifiers: Verifiers,
    pub(crate) uses: Uses,
    tending: Option<Tending>,
    /// This run of the node.
    pub(crate) run: LogId,
    pub(crate) freshness: Arc<Freshness>,
    /// `None` where the node has its store for itself.
    pub(crate) follower: Option<Arc<Follower>>,
    following: Option<Following>,
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
    sharing: Option<Sharing>,
    issuer: Option<Audience>,
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

    /// Shares the store with other nodes, each of which says so too. The node follows what the others change,
    /// and says yes only while it is fresh; see `docs/many-nodes.md` for what is promised, and why. A node
    /// that opens without this has its store for itself, and loses it to one that opens with it.
    #[must_use]
    pub fn shared(mut self, sharing: Sharing) -> Self {
        self.sharing = Some(sharing);
        self
    }

    /// Names who issues tokens: the URL under which root keys are published. Without, the store has a name of
    /// its own. Only the first root key of each tenant looks at it: the name stays.
    #[must_use]
    pub fn issuer(mut self, issuer: Audience) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// Opens the store, reads the graph and starts the committer. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// If the store cannot be used, is of a newer version, or is damaged.
    pub async fn open(mut self) -> Result<Kavach, OpenError> {
        self.store.migrate(Migration::Apply).await?;
        copy::refuse_unfinished(&*self.store).await?;
        // Whoever comes with the wrong key takes nobody's place.
        if let Some(master) = &self.master_key {
            check_master_key(&*self.store, master).await?;
        }
        let place = Place::take(&*self.store, &self.clock, self.sharing).await?;
        let books = self.read_books(&place).await?;
        Ok(self.start(place, books))
    }

    /// Reads what the node keeps in memory besides the graph.
    async fn read_books(&mut self, place: &Place) -> Result<ReadBooks, OpenError> {
        let heard = Heard {
            store: &self.store,
            view: &place.view,
            clock: &self.clock,
            master: self.master_key.as_ref(),
            listener: self.approval_listener.take(),
        };
        let (approvals, herald) = heard.open(self.approval_ttl_s).await?;
        let lease_s = self.sharing.map(Sharing::limits_lease);
        let counted =
            OpenedMeters::open(&self.store, &self.clock, lease_s, self.settle_within_s).await?;
        let tenants: Vec<_> = place.view.read().graph.tenants().collect();
        let (now_ns, sharing) = (self.clock.now_ns(), self.sharing.is_some());
        let keeper = trust::Keeper::load(&*self.store, &place.head, &tenants, now_ns, sharing);
        Ok(ReadBooks {
            approvals,
            herald,
            counted,
            keeper: keeper.await?,
        })
    }

    fn start(self, place: Place, books: ReadBooks) -> Kavach {
        let ReadBooks {
            approvals,
            herald,
            counted,
            keeper,
        } = books;
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        let trust = keeper.book();
        let following = self.sharing.map(|sharing| {
            let followed = Followed {
                store: Arc::clone(&self.store),
                view: Arc::clone(&place.view),
                freshness: Arc::clone(&place.freshness),
                approvals: Arc::clone(&approvals),
                trust: Arc::clone(&trust),
                log: place.seat.log(),
                sharing,
            };
            Following::start(followed, sender.downgrade())
        });
        let follower = following.as_ref().map(Following::follower);
        let node = Node {
            people: People::new(self.master_key),
            trust,
            approvals: Arc::clone(&approvals),
            herald,
            meters: Arc::clone(&counted.meters),
            guarding: tokio::sync::Mutex::default(),
            issuer: self.issuer.or_else(|| own_issuer(place.seat.log())),
            verifiers: Verifiers::default(),
            uses: Uses::default(),
            tending: counted.tending,
            run: place.seat.run(),
            freshness: Arc::clone(&place.freshness),
            follower: follower.clone(),
            following,
            store: Arc::clone(&self.store),
            view: Arc::clone(&place.view),
            clock: Arc::clone(&self.clock),
            parts: sender,
            committer: std::sync::Mutex::default(),
        };
        let committer = Committer {
            seat: place.seat,
            freshness: place.freshness,
            follower,
            clock: self.clock,
            store: self.store,
            view: place.view,
            approvals,
            trust: keeper,
            head: place.head,
            head_version: place.head_version,
            in_doubt: false,
            meters: counted.meters,
            ledger: counted.ledger,
            doubt: None,
        };
        let running = tokio::spawn(committer.run(receiver));
        let task = node.committer.lock();
        *task.unwrap_or_else(std::sync::PoisonError::into_inner) = Some(running);
        Kavach {
            node: Arc::new(node),
            tenant: TenantId::DEFAULT,
        }
    }
}

/// What a node keeps in memory besides the graph, as it opens.
struct ReadBooks {
    approvals: Arc<Approvals>,
    herald: RunningHerald,
    counted: OpenedMeters,
    keeper: trust::Keeper,
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
            sharing: None,
            issuer: None,
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
            following,
            meters,
            store,
            clock,
            ..
        } = node;
        if let Some(following) = following {
            following.end().await;
        }
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
    /// Where the node shares its store: makes sure that it is fresh, and has come to a revision if one is
    /// named. What it cannot make sure of, the decision finds out.
    pub(crate) async fn be_fresh(&self, at_least: Option<u64>) {
        let Some(follower) = &self.follower else {
            return;
        };
        let behind = at_least.is_some_and(|least| self.view.revision().number() < least);
        let asked = if behind {
            follower.refresh().await
        } else {
            follower.refresh_if_stale().await
        };
        if let Err(error) = asked {
            tracing::warn!(%error, "the node is not fresh; denied");
        }
        // The machine was suspended, or the store away for long: others hear that it is back.
        if self.freshness.is_seat_over() {
            let _ = self.commit(Work::default()).await;
        }
    }

    /// Where the node shares its store: takes in what others changed, before something is planned on it, or
    /// because what was planned did not fit it. Whoever cannot goes on: what they commit expects what they
    /// saw.
    pub(crate) async fn take_in_others(&self) {
        if let Some(follower) = &self.follower
            && let Err(error) = follower.refresh().await
        {
            tracing::warn!(%error, "other nodes' changes are not known; trying again");
        }
    }

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
