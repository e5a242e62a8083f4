//! A store that fails on command.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kavach_audit::{Query, SealedEvent};
use kavach_core::LogId;
use tokio::sync::{Semaphore, watch};

use crate::batch::{Batch, Committed, Revision};
use crate::error::{StoreError, StoreErrorKind};
use crate::key::{Key, Space};
use crate::store::{
    AuditCursor, AuditPage, ChangesPage, Health, Migration, ScanPage, SchemaState, Snapshot, Store,
};

#[cfg(test)]
mod tests;

/// Any store, with faults that the test decides on.
///
/// ```
/// use std::sync::Arc;
/// use kavach_store::{Batch, Call, Fault, Faults, FaultyStore, MemoryStore, Store, StoreErrorKind, When};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let faults = Faults::new();
/// let store = FaultyStore::new(Arc::new(MemoryStore::new()), faults.clone());
/// faults.inject(Call::Commit, When::Nth(2), Fault::UnknownDone);
///
/// assert!(store.commit(Batch::default()).await.is_ok());
/// let error = store.commit(Batch::default()).await.unwrap_err();
/// assert_eq!(*error.kind(), StoreErrorKind::OutcomeUnknown);
/// # }
/// ```
#[derive(Debug)]
pub struct FaultyStore<S: ?Sized> {
    inner: Arc<S>,
    faults: Faults,
}

/// The script that a [`FaultyStore`] follows. A clone is another handle onto the same script.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    script: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    /// How often each was called.
    seen: BTreeMap<Call, u64>,
    rules: Vec<(Call, At, Fault)>,
}

#[derive(Clone, Copy, Debug)]
enum At {
    /// The call with this number, counted from the first ever.
    Number(u64),
    Each,
}

/// The methods of [`Store`].
#[expect(clippy::exhaustive_enums, reason = "one for each verb of the contract")]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Call {
    /// [`Store::read`].
    Read,
    /// [`Store::scan`].
    Scan,
    /// [`Store::commit`].
    Commit,
    /// [`Store::changes`].
    Changes,
    /// [`Store::audit_scan`].
    AuditScan,
    /// [`Store::log_scan`].
    LogScan,
    /// [`Store::migrate`].
    Migrate,
    /// [`Store::health`].
    Health,
    /// [`Store::stirred`]. What is struck by a failure never hints; what is held hints late.
    Stirred,
}

/// Which calls a fault strikes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum When {
    /// One: 1 is the next from now on, 2 the one after it. 0 is none.
    Nth(u64),
    /// Each from now on, until [`Faults::clear`].
    Each,
}

/// What happens to a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing is done, and the answer says so: `Unavailable`.
    Unavailable,
    /// Nothing is done for want of room: `Unavailable`.
    OutOfSpace,
    /// Nothing is done, and the answer leaves it open: `OutcomeUnknown` (for a call that only reads,
    /// `Unavailable`).
    UnknownNotDone,
    /// It is done, and the answer leaves it open. What fails of itself fails as ever.
    UnknownDone,
    /// It waits at the gate before anything is done.
    HeldBefore(Gate),
    /// It is done, and then the answer waits at the gate.
    HeldAfter(Gate),
}

impl<S: Store + ?Sized> FaultyStore<S> {
    /// `inner` with these faults.
    pub fn new(inner: Arc<S>, faults: Faults) -> Self {
        Self { inner, faults }
    }

    async fn strike<T>(
        &self,
        call: Call,
        operation: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let unknown = || match call {
            Call::Commit | Call::Migrate => {
                let message = "injected: it may or may not have landed; read before repeating it";
                StoreError::new(StoreErrorKind::OutcomeUnknown, message)
            }
            Call::Read
            | Call::Scan
            | Call::Changes
            | Call::AuditScan
            | Call::LogScan
            | Call::Health
            | Call::Stirred => unavailable("injected: the answer was lost; try again"),
        };
        match self.faults.next(call) {
            None => operation.await,
            Some(Fault::Unavailable) => Err(unavailable("injected: not reachable; try again")),
            Some(Fault::OutOfSpace) => Err(unavailable("injected: no room left; make some")),
            Some(Fault::UnknownNotDone) => Err(unknown()),
            Some(Fault::UnknownDone) => operation.await.and_then(|_| Err(unknown())),
            Some(Fault::HeldBefore(gate)) => {
                gate.pass().await;
                operation.await
            }
            Some(Fault::HeldAfter(gate)) => {
                let answer = operation.await;
                gate.pass().await;
                answer
            }
        }
    }
}

fn unavailable(message: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, message)
}

impl Faults {
    /// No faults yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on, `fault` strikes these calls. Where several do, the one that was injected first.
    pub fn inject(&self, call: Call, when: When, fault: Fault) {
        let mut script = self.script();
        let at = match when {
            When::Nth(nth) => At::Number(script.seen.get(&call).unwrap_or(&0).saturating_add(nth)),
            When::Each => At::Each,
        };
        script.rules.push((call, at, fault));
    }

    /// From now on, nothing fails any more. Calls that wait at a gate still do.
    pub fn clear(&self) {
        self.script().rules.clear();
    }

    /// How often `call` was made so far, struck or not.
    #[must_use]
    pub fn seen(&self, call: Call) -> u64 {
        self.script().seen.get(&call).copied().unwrap_or(0)
    }

    /// Counts a call, and says what strikes it.
    fn next(&self, call: Call) -> Option<Fault> {
        let mut script = self.script();
        let count = script.seen.entry(call).or_default();
        *count += 1;
        let number = *count;
        let strikes = |(struck, at, _): &&(Call, At, Fault)| {
            *struck == call
                && match *at {
                    At::Number(wanted) => wanted == number,
                    At::Each => true,
                }
        };
        script
            .rules
            .iter()
            .find(strikes)
            .map(|(_, _, fault)| fault.clone())
    }

    // Nothing panics while the lock is held.
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where calls wait until the test lets them go. A clone is another handle onto the same gate.
#[derive(Clone)]
pub struct Gate {
    state: Arc<GateState>,
}

struct GateState {
    arrived: watch::Sender<u64>,
    /// One permit for each call that may go; closed once all may.
    permits: Semaphore,
}

impl Gate {
    /// A gate that is shut.
    #[must_use]
    pub fn new() -> Self {
        let state = GateState {
            arrived: watch::Sender::new(0),
            permits: Semaphore::new(0),
        };
        Self {
            state: Arc::new(state),
        }
    }

    /// Waits until `count` calls have arrived in all, those that have gone on included.
    pub async fn arrived(&self, count: u64) {
        // An error means that the sender is gone, and `self` holds it.
        let _ = self
            .state
            .arrived
            .subscribe()
            .wait_for(|arrived| *arrived >= count)
            .await;
    }

    /// Lets one call go: the one that has waited longest, or else the next to arrive.
    pub fn release_one(&self) {
        self.state.permits.add_permits(1);
    }

    /// Lets everything go, now and for ever.
    pub fn open(&self) {
        self.state.permits.close();
    }

    async fn pass(&self) {
        self.state.arrived.send_modify(|arrived| *arrived += 1);
        if let Ok(permit) = self.state.permits.acquire().await {
            permit.forget();
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("arrived", &*self.state.arrived.borrow())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<S: Store + ?Sized> Store for FaultyStore<S> {
    async fn read(&self, keys: &[Key]) -> Result<Snapshot, StoreError> {
        self.strike(Call::Read, self.inner.read(keys)).await
    }

    async fn scan(
        &self,
        space: Space,
        range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
        limit: usize,
    ) -> Result<ScanPage, StoreError> {
        self.strike(Call::Scan, self.inner.scan(space, range, limit))
            .await
    }

    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.strike(Call::Commit, self.inner.commit(batch)).await
    }

    async fn changes(&self, after: Revision, limit: usize) -> Result<ChangesPage, StoreError> {
        self.strike(Call::Changes, self.inner.changes(after, limit))
            .await
    }

    async fn audit_scan(
        &self,
        query: &Query,
        after: Option<&AuditCursor>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        self.strike(Call::AuditScan, self.inner.audit_scan(query, after, limit))
            .await
    }

    async fn log_scan(
        &self,
        log: LogId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedEvent>, StoreError> {
        self.strike(Call::LogScan, self.inner.log_scan(log, from, limit))
            .await
    }

    async fn migrate(&self, migration: Migration) -> Result<SchemaState, StoreError> {
        self.strike(Call::Migrate, self.inner.migrate(migration))
            .await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.strike(Call::Health, self.inner.health()).await
    }

    async fn stirred(&self, known: Revision) {
        let hint = async {
            self.inner.stirred(known).await;
            Ok(())
        };
        if self.strike(Call::Stirred, hint).await.is_err() {
            std::future::pending().await
        }
    }
}
