//! The one committer of a node: every change and every audit event passes through here.
//!
//! It merges what waits into one batch, alone writes the node's log head, applies committed changes to
//! the graph in the order in which they landed, and only then releases those who wait.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use kavach_audit::{Event, Head};
use kavach_core::{Record, RecordKey, Stamp};
use kavach_store::{
    Batch, Committed, Expect, Key, Space, Store, StoreError, StoreErrorKind, Version,
};
use tokio::sync::{mpsc, oneshot};

use crate::approvals::{self, Approvals};
use crate::clock::Clock;
use crate::error::FailedCommit;
use crate::limits::{BATCH_EVENTS_MAX, BATCH_KEYS_MAX, GATHER_ROUNDS_MAX, HEAD_CONFLICTS_MAX};
use crate::meters::{Debit, Ledger, Meters, Settlement, Share, Staged, reservation_of};
use crate::nodes::{Follower, Freshness, Renewal, Seat};
use crate::trust;
use crate::view::{View, is_beside_graph, read_one};

#[cfg(test)]
mod tests;

/// Where the heads of audit logs lie.
pub(crate) const LOG_HEADS: Space = Space::quiet("log_head");

/// What must land together.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) expectations: Vec<(Key, Expect)>,
    pub(crate) puts: Vec<(Key, Vec<u8>)>,
    pub(crate) deletes: Vec<Key>,
    /// What to apply to the graph once it has landed: the records among `puts`.
    pub(crate) records: Vec<Record>,
    /// What to take out of the graph: those among `deletes`.
    pub(crate) erases: Vec<RecordKey>,
    pub(crate) events: Vec<Event>,
    /// What the work does to approvals: to keep in step once it has landed.
    pub(crate) approvals: Vec<approvals::Step>,
    /// What the calls among `events` took from their limits.
    pub(crate) debits: Vec<Debit>,
    /// What calls took that the `events` take back.
    pub(crate) refunds: Vec<Debit>,
    /// What calls cost less than they took.
    pub(crate) settlements: Vec<Settlement>,
}

impl Work {
    /// How many counters it touches.
    fn shares(&self) -> usize {
        let debits = self.debits.iter().chain(&self.refunds);
        let back = self
            .settlements
            .iter()
            .map(|settlement| settlement.back.len());
        debits.map(|debit| debit.shares().len()).chain(back).sum()
    }
}

/// Work with somebody who waits for it.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) work: Work,
    pub(crate) reply: oneshot::Sender<Result<Committed, Failure>>,
}

/// Why a part did not land.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// An expectation of its own did not hold.
    Conflict,
    /// The store failed.
    Store(Arc<StoreError>),
}

impl From<Failure> for FailedCommit {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Conflict => Self::Contended,
            Failure::Store(error) => Self::Store(error),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Committer {
    pub(crate) seat: Seat,
    pub(crate) freshness: Arc<Freshness>,
    /// `None` where the node has its store for itself.
    pub(crate) follower: Option<Arc<Follower>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) view: Arc<View>,
    pub(crate) approvals: Arc<Approvals>,
    pub(crate) trust: trust::Keeper,
    pub(crate) head: Head,
    /// The version of the head's record; `None` before the first event.
    pub(crate) head_version: Option<Version>,
    /// A commit may have landed that was not seen to: look before doing anything else.
    pub(crate) in_doubt: bool,
    pub(crate) meters: Arc<Meters>,
    pub(crate) ledger: Ledger,
    /// What the commit in doubt would do to the counters.
    pub(crate) doubt: Option<Doubt>,
}

/// What a commit that may or may not have landed does to the counters in memory.
#[derive(Debug)]
pub(crate) struct Doubt {
    /// The head if it did.
    head: Head,
    debits: Vec<Debit>,
    back: Vec<Share>,
}

/// One batch of several parts.
struct Together {
    batch: Batch,
    /// Which part each expectation is of; `None`: the node's own.
    owners: Vec<Option<usize>>,
    /// What the others are told of the node, if it is time.
    renewal: Option<Renewal>,
    /// The head after it.
    head: Head,
    /// The counters after it.
    staged: Staged,
}

impl Committer {
    /// Serves until every sender is gone and everything that waits has been answered.
    pub(crate) async fn run(mut self, mut parts: mpsc::Receiver<Part>) {
        let mut waiting: VecDeque<Part> = VecDeque::new();
        loop {
            if waiting.is_empty() {
                match parts.recv().await {
                    Some(part) => waiting.push_back(part),
                    None => return self.close().await,
                }
                self.gather(&parts).await;
            }
            while waiting.len() < BATCH_EVENTS_MAX
                && let Ok(part) = parts.try_recv()
            {
                waiting.push_back(part);
            }
            let together = take_compatible(&mut waiting);
            self.commit(together).await;
            self.trust.store_if_due(&*self.store).await;
        }
    }

    async fn close(mut self) {
        self.trust.close(&*self.store).await;
        if let Err(error) = self.seat.leave(&*self.store).await {
            tracing::warn!(%error, "the node's seat could not be left; it is free once its lease is over");
        }
    }

    /// Lets those who were just released come back with more, so that one commit serves them all.
    async fn gather(&self, parts: &mpsc::Receiver<Part>) {
        let mut seen = parts.len();
        for _ in 0..GATHER_ROUNDS_MAX {
            tokio::task::yield_now().await;
            let now = parts.len();
            if now == seen || now >= BATCH_EVENTS_MAX {
                return;
            }
            seen = now;
        }
    }

    async fn commit(&mut self, parts: Vec<Part>) {
        let mut groups = vec![parts];
        while let Some(group) = groups.pop() {
            if let Some([first, second]) = self.commit_together(group).await {
                groups.extend([second, first]);
            }
        }
    }

    /// Commits parts in one batch. If the store will not have them together, because one of them is wrong
    /// or all of them are too much, gives them back in two halves, so that nobody fails for another's sake.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else a store answers, nothing was written"
    )]
    async fn commit_together(&mut self, mut parts: Vec<Part>) -> Option<[Vec<Part>; 2]> {
        let mut head_conflicts = 0;
        while !parts.is_empty() {
            if (self.in_doubt || self.trust.is_in_doubt())
                && let Err(error) = self.resolve().await
            {
                fail(parts, &Arc::new(error));
                return None;
            }
            let sent_ns = self.freshness.now_ns();
            let together = match self.together(&parts) {
                Ok(together) => together,
                Err(error) => {
                    fail(parts, &Arc::new(error));
                    return None;
                }
            };
            let Together {
                batch,
                owners,
                renewal,
                head,
                staged,
            } = together;
            match self.store.commit(batch).await {
                Ok(committed) => {
                    if let Some(renewal) = renewal {
                        self.freshness.seated(sent_ns);
                        self.seat.renew(renewal, committed.version);
                    }
                    self.landed(parts, head, staged, committed).await;
                    return None;
                }
                Err(error) => match error.kind() {
                    StoreErrorKind::Conflict(failed) => {
                        let blamed: HashSet<usize> = failed
                            .iter()
                            .filter_map(|at| owners.get(*at).copied().flatten())
                            .collect();
                        if blamed.is_empty() {
                            // The node's own: somebody else wrote to this log, or took the seat.
                            self.in_doubt = true;
                            head_conflicts += 1;
                            if head_conflicts > HEAD_CONFLICTS_MAX {
                                fail(parts, &Arc::new(error));
                                return None;
                            }
                        }
                        parts = eject(parts, &blamed);
                    }
                    StoreErrorKind::OutcomeUnknown => {
                        self.doubt(&parts, head.clone(), staged);
                        fail_or_finish(self, parts, head, error).await;
                        return None;
                    }
                    StoreErrorKind::InvalidInput if parts.len() > 1 => {
                        let second = parts.split_off(parts.len() / 2);
                        return Some([parts, second]);
                    }
                    _ => {
                        fail(parts, &Arc::new(error));
                        return None;
                    }
                },
            }
        }
        None
    }

    /// Merges all parts. Fails only where something has no encoding.
    fn together(&self, parts: &[Part]) -> Result<Together, StoreError> {
        let mut batch = Batch::default();
        let mut owners = Vec::new();
        let mut head = self.head.clone();
        for (number, part) in parts.iter().enumerate() {
            let work = &part.work;
            batch.expectations.extend(work.expectations.iter().cloned());
            owners.resize(batch.expectations.len(), Some(number));
            batch.puts.extend(work.puts.iter().cloned());
            batch.deletes.extend(work.deletes.iter().cloned());
            for event in &work.events {
                let time_ns = event.time_ns;
                batch.events.push(head.append(event.clone(), time_ns).0);
            }
        }
        if head.size() > self.head.size() {
            let key = head_key(&head);
            let expect = self.head_version.map_or(Expect::Absent, Expect::Version);
            batch.expectations.push((key.clone(), expect));
            owners.push(None);
            batch.puts.push((key, head.encode()));
        }
        let staged = self.stage(parts);
        staged.write(&self.ledger, &mut batch)?;
        batch.expectations.push(self.seat.expectation());
        owners.resize(batch.expectations.len(), None);
        let renewal = self.renew_seat(&mut batch)?;
        Ok(Together {
            batch,
            owners,
            renewal,
            head,
            staged,
        })
    }

    /// Tells the other nodes that this one is alive and how far it has come, if they do not know.
    fn renew_seat(&self, batch: &mut Batch) -> Result<Option<Renewal>, StoreError> {
        let revision = self.view.revision().number();
        let is_news = revision > self.seat.revision() || self.freshness.is_seat_due();
        if self.seat.is_alone() || !is_news {
            return Ok(None);
        }
        let (key, bytes, renewal) = self.seat.renewed(revision, self.clock.now())?;
        batch.puts.push((key, bytes));
        Ok(Some(renewal))
    }

    /// What the parts do to the counters, in their order. However many of them count at one counter, it is
    /// written once.
    fn stage(&self, parts: &[Part]) -> Staged {
        let mut staged = Staged::default();
        let mut counts = false;
        for Part { work, .. } in parts {
            for debit in &work.debits {
                staged.debit(&self.ledger, debit, &work.events);
            }
            for debit in &work.refunds {
                staged.refund(&self.ledger, debit);
            }
            for settlement in &work.settlements {
                staged.settle(&self.ledger, settlement);
            }
            counts |= work.shares() > 0;
        }
        let events = parts.iter().flat_map(|part| &part.work.events);
        if let (true, Some(now)) = (counts, events.map(Event::at).max()) {
            staged.sweep(&self.ledger, now);
        }
        staged
    }

    /// Notes what would follow if a commit, of which nobody knows, landed.
    fn doubt(&mut self, parts: &[Part], head: Head, staged: Staged) {
        self.in_doubt = true;
        let debits = parts.iter().flat_map(|part| &part.work.debits);
        let debits: Vec<Debit> = debits.cloned().collect();
        debits.iter().for_each(Debit::is_in_doubt);
        let back = staged.into_back();
        self.doubt = Some(Doubt { head, debits, back });
    }

    async fn landed(&mut self, parts: Vec<Part>, head: Head, staged: Staged, committed: Committed) {
        if head.size() > self.head.size() {
            self.head_version = Some(committed.version);
        }
        let events = parts.iter().flat_map(|part| &part.work.events);
        self.trust.landed(&self.head, events);
        self.head = head;
        self.take_in(&parts, committed).await;
        let steps = parts.iter().flat_map(|part| &part.work.approvals);
        self.approvals.landed(steps, committed.version);
        let debits = parts.iter().flat_map(|part| &part.work.debits);
        debits.for_each(Debit::has_landed);
        self.meters.landed(&self.ledger.adopt(staged));
        for part in parts {
            // Who no longer waits does not want to know.
            let _ = part.reply.send(Ok(committed));
        }
    }

    /// Moves the view on to what was committed: a commit of events alone leaves the graph as it is.
    async fn take_in(&self, parts: &[Part], committed: Committed) {
        let beside = |part: &Part| part.work.puts.iter().any(|(key, _)| is_beside(key));
        let graph = |part: &Part| !(part.work.records.is_empty() && part.work.erases.is_empty());
        let changes = |part: &Part| graph(part) || beside(part);
        let Some(follower) = &self.follower else {
            let stamp = Stamp(committed.version.as_u64());
            if committed.revision != self.view.revision() {
                let records = parts.iter().flat_map(|part| &part.work.records);
                self.view.advance(committed.revision, records, |state| {
                    for Part { work, .. } in parts {
                        for record in &work.records {
                            state.graph.apply(record.clone(), stamp)?;
                        }
                        work.erases.iter().for_each(|key| state.graph.erase(key));
                        for (key, bytes) in work.puts.iter().filter(|(key, _)| is_beside(key)) {
                            let (bytes, version) = (bytes.clone(), committed.version);
                            let record = kavach_store::Record { bytes, version };
                            state.turn(key.space().name(), key.bytes(), Some(&record))?;
                        }
                    }
                    Ok(())
                });
            }
            return;
        };
        if !parts.iter().any(changes) {
            if committed.revision.number() > self.view.revision().number() {
                follower.wake();
            }
            return;
        }
        // INVARIANT (in order): between the view and this commit there may be others' changes.
        self.freshness.require(committed.revision.number());
        if let Err(error) = follower.refresh().await {
            tracing::error!(%error, "a change was committed and cannot be read back; nothing is allowed until it can");
        }
    }

    /// After a commit that may or may not have landed: takes the head and the changes as they are now.
    async fn resolve(&mut self) -> Result<(), StoreError> {
        if let Err(error) = self.seat.reload(&*self.store).await {
            if *error.kind() == StoreErrorKind::Locked {
                self.view.break_off();
            }
            return Err(error);
        }
        let key = head_key(&self.head);
        if let Some(record) = read_one(&*self.store, &key).await? {
            self.head = Head::decode(&record.bytes).map_err(|cause| {
                let words = "the head of the audit log is damaged; restore a backup";
                StoreError::new(StoreErrorKind::Corrupt, words).because(cause)
            })?;
            self.head_version = Some(record.version);
        }
        self.view.catch_up(&*self.store).await?;
        self.approvals.reload(&*self.store).await?;
        let tenants: Vec<_> = self.view.read().graph.tenants().collect();
        self.trust
            .catch_up(&*self.store, &self.head, &tenants)
            .await?;
        self.ledger.reload(&*self.store).await?;
        if let Some(doubt) = self.doubt.take() {
            // The head is written only by us, and in the same commit as the counters.
            if self.head == doubt.head {
                doubt.debits.iter().for_each(Debit::has_landed);
                self.meters.landed(&doubt.back);
            } else {
                doubt.debits.iter().for_each(Debit::did_not_land);
            }
        }
        self.in_doubt = false;
        Ok(())
    }
}

/// After an unknown outcome: if the head says that the batch landed, all is well; if not, nobody's part did.
async fn fail_or_finish(
    committer: &mut Committer,
    parts: Vec<Part>,
    head: Head,
    error: StoreError,
) {
    let before = committer.head.size();
    if head.size() > before && committer.resolve().await.is_ok() {
        // The head is written only by us, and in the same commit as everything else.
        if committer.head == head
            && let Some(version) = committer.head_version
        {
            let revision = committer.view.revision();
            for part in parts {
                let _ = part.reply.send(Ok(Committed { revision, version }));
            }
            return;
        }
        let words = "the store failed, and nothing was written; try again";
        let error = StoreError::new(StoreErrorKind::Unavailable, words).because(error);
        return fail(parts, &Arc::new(error));
    }
    fail(parts, &Arc::new(error));
}

fn is_beside(key: &Key) -> bool {
    is_beside_graph(key.space())
}

fn head_key(head: &Head) -> Key {
    Key::new(LOG_HEADS, head.log().as_u128().to_be_bytes())
}

fn fail(parts: Vec<Part>, error: &Arc<StoreError>) {
    tracing::error!(%error, waiting = parts.len(), "a commit failed");
    for part in parts {
        let _ = part.reply.send(Err(Failure::Store(Arc::clone(error))));
    }
}

/// Tells the blamed parts of their conflict and keeps the rest.
fn eject(parts: Vec<Part>, blamed: &HashSet<usize>) -> Vec<Part> {
    let mut kept = Vec::with_capacity(parts.len());
    for (number, part) in parts.into_iter().enumerate() {
        if blamed.contains(&number) {
            let _ = part.reply.send(Err(Failure::Conflict));
        } else {
            kept.push(part);
        }
    }
    kept
}

/// Takes what may share a batch from the front: until one part touches what an earlier one writes, or the
/// batch is large enough. A part alone is never too large to be tried.
fn take_compatible(waiting: &mut VecDeque<Part>) -> Vec<Part> {
    let mut written: HashSet<Key> = HashSet::new();
    let mut together = Vec::new();
    let mut keys = 0;
    while let Some(part) = waiting.front() {
        let work = &part.work;
        // Whoever settles a call, and whoever takes it back, do not meet in one batch.
        let refunded: Vec<Key> = work.refunds.iter().map(reservation_of).collect();
        let writes = work.puts.iter().map(|(key, _)| key);
        let writes = writes.chain(&work.deletes).chain(&refunded);
        let touches = work
            .expectations
            .iter()
            .map(|(key, _)| key)
            .chain(writes.clone());
        keys += touches.clone().count() + work.shares();
        let large = keys > BATCH_KEYS_MAX && !together.is_empty();
        if large || touches.clone().any(|key| written.contains(key)) {
            break;
        }
        written.extend(writes.cloned());
        together.extend(waiting.pop_front());
    }
    together
}
