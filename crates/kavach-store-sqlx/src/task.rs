//! Operations that nobody can cancel, on threads that nobody keeps busy.

use std::future::Future;
use std::pin::Pin;

use kavach_store::{StoreError, StoreErrorKind};
use tokio::runtime::Handle;
#[cfg(feature = "postgres")]
use tokio::runtime::{Builder, Runtime};

use crate::error::stopped;
#[cfg(feature = "postgres")]
use crate::limits::THREADS;

/// What an operation does with the connection that it is lent.
pub(crate) type Work<'c, T> = Pin<Box<dyn Future<Output = T> + Send + 'c>>;

/// The threads of a store that speaks with a server.
///
/// A commit waits for its server some six times. On the threads of a busy node each answer would be looked at
/// only when sixty other tasks have had their turn, and these are decisions: three times as long in all as the
/// server takes.
#[cfg(feature = "postgres")]
#[derive(Debug)]
pub(crate) struct Threads {
    /// `None` once it ends.
    runtime: Option<Runtime>,
    handle: Handle,
}

#[cfg(feature = "postgres")]
impl Threads {
    /// # Errors
    /// `Unavailable` if the machine gives no threads.
    pub(crate) fn start() -> Result<Self, StoreError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("kavach-store")
            // What the server answered comes first.
            .event_interval(1)
            .enable_all()
            .build();
        let runtime = runtime.map_err(|cause| {
            let message = "the machine gives no threads for the store; end what uses them";
            StoreError::new(StoreErrorKind::Unavailable, message).because(cause)
        })?;
        let handle = runtime.handle().clone();
        let runtime = Some(runtime);
        Ok(Self { runtime, handle })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

#[cfg(feature = "postgres")]
impl Drop for Threads {
    /// Does not wait: the last handle may be dropped where nobody may wait, such as on one of these threads.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Runs `operation` on a task of its own, which goes on to its end when the caller stops waiting.
///
/// A future that is dropped in the middle of a transaction leaves the connection in it; sqlx 0.9.0 even
/// gives such a connection to the next caller, whose writes then answer `Ok` and never land. `cut_off` is
/// what it means if the task itself was ended: the runtime is stopping, or there is a defect.
pub(crate) async fn to_its_end<T: Send + 'static>(
    on: &Handle,
    name: &str,
    cut_off: StoreErrorKind,
    operation: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    match on.spawn(operation).await {
        Ok(answer) => answer,
        Err(cause) => Err(stopped(name, cut_off, cause)),
    }
}
