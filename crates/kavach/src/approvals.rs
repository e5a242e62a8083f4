//! Approvals: calls that wait for people to say yes.
//!
//! A call that needs approval is laid before people as it stands. Who may approve says yes or no to exactly
//! that call; with as many yeses as its line needs, the same call, made again, goes through once.
//!
//! The store keeps each request under the hash of what it is bound to, so that no two are open for one call.
//! Memory holds what decisions ask; only the committer moves it on, in the order in which commits land.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kavach_audit::Hash;
use kavach_core::{AgentId, ApprovalId, Graph, SubjectId, TenantId, Timestamp};
use kavach_store::{Key, Store, StoreError, Version};
use tokio::sync::mpsc;

use crate::limits::PAGE_RECORDS;

mod approvers;
mod arguments;
mod ask;
mod binding;
mod listener;
mod notice;
mod record;
mod request;
mod vote;
#[cfg(feature = "webhook")]
mod webhook;

use approvers::people_who_say_yes;
pub(crate) use ask::{Asked, NotAsked};
pub(crate) use binding::binding;
pub use listener::{ApprovalListener, NotDelivered};
pub(crate) use notice::{Heard, RunningHerald};
use notice::{Kept, Notice};
use record::{APPROVALS, Stored, approval_key, arguments_key, bound_of};
pub use request::{ApprovalArgs, ApprovalRequest, ApprovalState, ApprovalVote};
pub use vote::Voted;
#[cfg(feature = "webhook")]
pub use webhook::{NotAWebhook, NotAWebhookSecret, Webhook, WebhookSecret};

/// Every approval that the store still holds, in memory.
#[derive(Debug)]
pub(crate) struct Approvals {
    /// For how many seconds a new one is open.
    ttl_s: u64,
    known: Mutex<HashMap<TenantId, Known>>,
    /// Where news goes, if anybody listens.
    herald: Option<mpsc::Sender<Kept>>,
}

/// Those of one tenant.
#[derive(Debug, Default)]
struct Known {
    by_bound: HashMap<Hash, Entry>,
    bounds: HashMap<ApprovalId, Hash>,
}

/// How many calls wait for people, or were denied by them.
#[derive(Debug, Default)]
struct Open {
    of_agent: usize,
    /// By lines that begin at the same agent, whatever hangs below it.
    of_root: usize,
    of_tenant: usize,
}

/// One as it lies in the store.
#[derive(Clone, Debug)]
struct Entry {
    stored: Arc<Stored>,
    version: Version,
}

/// What people said to a call so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// Nobody was asked, or what was asked is over or used.
    None,
    /// They were asked, and this many who may still approve said yes.
    Open { id: ApprovalId, people: u8 },
    /// Somebody said no.
    Denied { id: ApprovalId },
}

/// What a commit does to an approval, for keeping memory in step.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Put(TenantId, Hash, Arc<Stored>),
    Gone(TenantId, Hash),
    Tell(Notice),
}

impl Approvals {
    /// Reads those that the store holds.
    pub(crate) async fn load(
        store: &dyn Store,
        ttl_s: u64,
        herald: Option<mpsc::Sender<Kept>>,
    ) -> Result<Self, StoreError> {
        let approvals = Self {
            ttl_s,
            known: Mutex::default(),
            herald,
        };
        approvals.reload(store).await?;
        Ok(approvals)
    }

    /// Reads them anew, after a commit that may or may not have landed.
    pub(crate) async fn reload(&self, store: &dyn Store) -> Result<(), StoreError> {
        let mut known: HashMap<TenantId, Known> = HashMap::new();
        let mut from = Bound::Unbounded;
        loop {
            let page = store
                .scan(APPROVALS, (from, Bound::Unbounded), PAGE_RECORDS)
                .await?;
            for (key, record) in page.records {
                let (tenant, bound) = bound_of(&key)?;
                let stored = Arc::new(Stored::decode(&record.bytes)?);
                let entry = Entry {
                    stored,
                    version: record.version,
                };
                known.entry(tenant).or_default().put(bound, entry);
            }
            match page.next {
                Some(next) => from = Bound::Excluded(next),
                None => break,
            }
        }
        *self.lock() = known;
        Ok(())
    }

    /// Reads those that are bound to these anew, because people may have answered at another node.
    ///
    /// What is read may be older than what a commit of this node just landed. Then whoever rests on it gets a
    /// conflict, and reads again.
    pub(crate) async fn read(
        &self,
        store: &dyn Store,
        tenant: TenantId,
        bounds: &[Hash],
    ) -> Result<(), StoreError> {
        let keys: Vec<Key> = bounds
            .iter()
            .map(|bound| approval_key(tenant, bound))
            .collect();
        let found = store.read(&keys).await?;
        let mut read = Vec::with_capacity(bounds.len());
        for record in found.records {
            let entry = record.map(|record| {
                let stored = Arc::new(Stored::decode(&record.bytes)?);
                let version = record.version;
                Ok::<_, StoreError>(Entry { stored, version })
            });
            read.push(entry.transpose()?);
        }
        let mut known = self.lock();
        let known = known.entry(tenant).or_default();
        for (bound, entry) in bounds.iter().zip(read) {
            match entry {
                Some(entry) => known.put(*bound, entry),
                None => known.remove(bound),
            }
        }
        Ok(())
    }

    /// What people said to the call that is bound to `bound`; `graph` says who may still approve.
    pub(crate) fn standing(
        &self,
        graph: &Graph,
        tenant: TenantId,
        bound: &Hash,
        now: Timestamp,
    ) -> Standing {
        let Some(Entry { stored, .. }) = self.entry(tenant, bound) else {
            return Standing::None;
        };
        let id = stored.id;
        if stored.is_over(now) || stored.used.is_some() {
            Standing::None
        } else if stored.is_denied() {
            Standing::Denied { id }
        } else {
            let people = people_who_say_yes(graph, tenant, &stored, now).count();
            Standing::Open {
                id,
                people: u8::try_from(people).unwrap_or(u8::MAX),
            }
        }
    }

    /// Follows what has landed, with the version that all records of the commit have.
    pub(crate) fn landed<'a>(&self, steps: impl Iterator<Item = &'a Step>, version: Version) {
        let mut steps = steps.peekable();
        if steps.peek().is_none() {
            return;
        }
        let mut known = self.lock();
        for step in steps {
            match step {
                Step::Put(tenant, bound, stored) => {
                    let stored = Arc::clone(stored);
                    let entry = Entry { stored, version };
                    known.entry(*tenant).or_default().put(*bound, entry);
                }
                Step::Gone(tenant, bound) => {
                    known.entry(*tenant).or_default().remove(bound);
                }
                Step::Tell(notice) => self.tell(notice.clone(), version),
            }
        }
    }

    fn entry(&self, tenant: TenantId, bound: &Hash) -> Option<Entry> {
        self.lock().get(&tenant)?.by_bound.get(bound).cloned()
    }

    /// The one with this id in this tenant, and what it is bound to.
    fn find(&self, tenant: TenantId, id: ApprovalId) -> Option<(Hash, Entry)> {
        let known = self.lock();
        let known = known.get(&tenant)?;
        let bound = known.bounds.get(&id)?;
        Some((*bound, known.by_bound.get(bound)?.clone()))
    }

    /// All of this tenant, the oldest first.
    fn all(&self, tenant: TenantId) -> Vec<Entry> {
        let known = self.lock();
        let entries = known.get(&tenant).into_iter();
        let mut all: Vec<Entry> = entries
            .flat_map(|known| known.by_bound.values().cloned())
            .collect();
        all.sort_by_key(|entry| entry.stored.id);
        all
    }

    /// Where the arguments of all calls lie that agents of this owner wait to make.
    pub(crate) fn arguments_of_owner(&self, tenant: TenantId, owner: SubjectId) -> Vec<Key> {
        let entries = self.all(tenant);
        let ours = entries.iter().filter(|entry| entry.stored.owner == owner);
        ours.map(|entry| arguments_key(tenant, entry.stored.id))
            .collect()
    }

    /// Whether any of this agent waits or was denied at `now`.
    fn has_open(&self, tenant: TenantId, agent: AgentId, now: Timestamp) -> bool {
        let known = self.lock();
        let mut entries = known.get(&tenant).into_iter().flat_map(Known::entries);
        entries.any(|stored| stored.agent == agent && stored.is_open(now))
    }

    /// How many wait or were denied at `now`.
    fn open(&self, tenant: TenantId, agent: AgentId, root: AgentId, now: Timestamp) -> Open {
        let known = self.lock();
        let entries = known.get(&tenant).into_iter().flat_map(Known::entries);
        entries
            .filter(|stored| stored.is_open(now))
            .fold(Open::default(), |open, stored| Open {
                of_agent: open.of_agent + usize::from(stored.agent == agent),
                of_root: open.of_root + usize::from(stored.root() == Some(root)),
                of_tenant: open.of_tenant + 1,
            })
    }

    /// Up to `most` whose time is over, but for the one that is bound to `but`.
    fn over(
        &self,
        tenant: TenantId,
        but: &Hash,
        now: Timestamp,
        most: usize,
    ) -> Vec<(Hash, Entry)> {
        let known = self.lock();
        let entries = known.get(&tenant).into_iter();
        entries
            .flat_map(|known| &known.by_bound)
            .filter(|(bound, entry)| *bound != but && entry.stored.is_over(now))
            .take(most)
            .map(|(bound, entry)| (*bound, entry.clone()))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn entries(&self) -> impl Iterator<Item = &Stored> {
        self.by_bound.values().map(|entry| &*entry.stored)
    }

    fn put(&mut self, bound: Hash, entry: Entry) {
        let id = entry.stored.id;
        if let Some(before) = self.by_bound.insert(bound, entry) {
            self.bounds.remove(&before.stored.id);
        }
        self.bounds.insert(id, bound);
    }

    fn remove(&mut self, bound: &Hash) {
        if let Some(before) = self.by_bound.remove(bound) {
            self.bounds.remove(&before.stored.id);
        }
    }
}
