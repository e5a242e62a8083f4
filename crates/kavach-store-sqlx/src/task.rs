//! Operations that nobody can cancel.

use std::future::Future;
use std::pin::Pin;

use kavach_store::{StoreError, StoreErrorKind};

use crate::error::stopped;

/// What an operation does with the connection that it is lent.
pub(crate) type Work<'c, T> = Pin<Box<dyn Future<Output = T> + Send + 'c>>;

/// Runs `operation` on a task of its own, which goes on to its end when the caller stops waiting.
///
/// A future that is dropped in the middle of a transaction leaves the connection in it; sqlx 0.9.0 even
/// gives such a connection to the next caller, whose writes then answer `Ok` and never land. `cut_off` is
/// what it means if the task itself was ended: the runtime is stopping, or there is a defect.
pub(crate) async fn to_its_end<T: Send + 'static>(
    name: &str,
    cut_off: StoreErrorKind,
    operation: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::spawn(operation).await {
        Ok(answer) => answer,
        Err(cause) => Err(stopped(name, cut_off, cause)),
    }
}
