//! Telling the host that people are asked, and what they said.

use std::fmt;

use async_trait::async_trait;

use super::request::ApprovalRequest;

/// Who is told when a call waits for approval, and when people have decided.
///
/// Called from a task of its own, one piece of news after the other: no decision waits for it. What is
/// answered with an error is told again, a few times and then at the next opening of the store, until
/// it is told or the request is cleared away. So the same news may come twice.
///
/// ```
/// use kavach::{ApprovalListener, ApprovalRequest, NotDelivered};
///
/// #[derive(Debug)]
/// struct Mail;
///
/// #[async_trait::async_trait]
/// impl ApprovalListener for Mail {
///     async fn requested(&self, request: &ApprovalRequest) -> Result<(), NotDelivered> {
///         println!("please look at {}", request.id);
///         Ok(())
///     }
///
///     async fn decided(&self, request: &ApprovalRequest) -> Result<(), NotDelivered> {
///         println!("{} is {}", request.id, request.state);
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait ApprovalListener: fmt::Debug + Send + Sync {
    /// A call waits for people to say yes.
    ///
    /// # Errors
    /// If nobody was told; then it is told again.
    async fn requested(&self, request: &ApprovalRequest) -> Result<(), NotDelivered>;

    /// As many people as it needs said yes to the call, or somebody said no.
    ///
    /// # Errors
    /// If nobody was told; then it is told again.
    async fn decided(&self, request: &ApprovalRequest) -> Result<(), NotDelivered>;
}

/// News about an approval did not reach anybody; in words, for the log, without secrets.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
#[expect(clippy::exhaustive_structs, reason = "built by every listener")]
pub struct NotDelivered(pub String);
