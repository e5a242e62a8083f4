//! How the kit gets at the stores of one backend.

use std::sync::Arc;

use async_trait::async_trait;

use crate::batch::Batch;
use crate::store::Store;

/// Makes, reopens and kills the stores of one backend, for the kit.
///
/// A harness has at most one store at a time, the one that [`fresh`](Self::fresh) made last; the other
/// methods are about that one. It may keep a handle of its own. It panics where it fails.
#[async_trait]
pub trait Harness: Send {
    /// Makes a new store, empty and migrated, in a place that nothing else uses, and opens it.
    ///
    /// The store before it, if any, is not used again.
    async fn fresh(&mut self) -> Arc<dyn Store>;

    /// One more handle onto the store: with connections of its own where a backend allows several, and
    /// otherwise the same one (`Arc::clone`).
    async fn second_handle(&mut self) -> Arc<dyn Store>;

    /// Closes the store properly and opens it again from what was committed.
    ///
    /// The kit has dropped its handles and seen the end of its tasks. Operations whose futures it
    /// dropped may still be under way inside the backend: once this returns they have landed or never
    /// will.
    async fn reopen(&mut self) -> Arc<dyn Store>;

    /// Commits `batches` in order, has the store die at `moment`, and opens what is left: as after a
    /// killed process or a power cut, whichever the backend can play.
    ///
    /// `moment` counts from 0 in a unit of the harness's own: writes, syncs, messages. The kit tries
    /// 0, 1, 2, … until every batch was acknowledged before the end, or until it has tried enough. In a
    /// backend that has a moment between two effects of one commit, some `moment` must fall there. After
    /// the death nothing of this life may reach the store any more. [`commit_until_killed`] does the
    /// committing.
    ///
    /// The kit has dropped its handles.
    async fn kill_mid_commit(&mut self, batches: Vec<Batch>, moment: u64) -> Killed;
}

/// What [`Harness::kill_mid_commit`] leaves.
#[expect(clippy::exhaustive_structs, reason = "built by every harness")]
#[derive(Debug)]
pub struct Killed {
    /// How many batches, from the first, were answered with `Ok` before the end.
    pub acknowledged: usize,
    /// The store, opened again.
    pub store: Arc<dyn Store>,
}

/// For harnesses: commits in order until one fails, and answers how many did not.
pub async fn commit_until_killed(store: &dyn Store, batches: Vec<Batch>) -> usize {
    let mut acknowledged = 0;
    for batch in batches {
        if store.commit(batch).await.is_err() {
            break;
        }
        acknowledged += 1;
    }
    acknowledged
}
