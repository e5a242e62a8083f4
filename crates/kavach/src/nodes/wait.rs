//! Waiting until a change holds everywhere.

use std::time::Duration;

use kavach_store::StoreError;
use tokio::time::timeout;

use super::freshness::nanoseconds;
use super::seat;
use crate::limits::WAIT_POLL_MS;
use crate::node::Kavach;

impl Kavach {
    /// Takes in what other nodes have changed, all that was committed before this call. A node that has its
    /// store for itself knows it already.
    ///
    /// # Errors
    /// If the store does not say in time, or is not the one that it was.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        match &self.node.follower {
            Some(follower) => {
                follower.refresh().await?;
                follower.hear_others().await
            }
            None => Ok(()),
        }
    }

    /// Waits until no node says yes by anything older than `revision`, which a change returned: each has come
    /// to it, or its lease has run out. After a revocation: when this returns, nobody is let through any more.
    ///
    /// Takes no longer than a lease ([`Sharing::lease_ms`](crate::Sharing::lease_ms)), whatever becomes of the
    /// store and of the other nodes; if all are well, about as long as it takes them to hear of it, which is
    /// some milliseconds where the store tells of changes and else as long as they poll; no time where the
    /// node has its store for itself.
    pub async fn wait_for_all(&self, revision: u64) {
        let Some(follower) = &self.node.follower else {
            return;
        };
        let started_ns = self.node.freshness.now_ns();
        let lease_ns = nanoseconds(follower.lease());
        loop {
            let others = seat::others(&*self.node.store, self.node.run, self.now());
            // A store that hangs keeps nobody past the lease.
            if let Ok(Ok(others)) = timeout(follower.lease(), others).await
                && others.iter().all(|known| *known >= revision)
                && self.revision() >= revision
            {
                return;
            }
            if self.revision() < revision {
                follower.wake();
            }
            let gone_ns = self.node.freshness.now_ns().saturating_sub(started_ns);
            if gone_ns >= lease_ns {
                return;
            }
            let left = Duration::from_nanos(lease_ns - gone_ns);
            let pause = left.min(Duration::from_millis(WAIT_POLL_MS));
            let _ = timeout(pause, std::future::pending::<()>()).await;
        }
    }
}
