//! Tokens: what agents pass on offline, and what becomes of it here.
//!
//! An agent registers the keys that it holds tokens by ([`holders`]). A tenant's root key ([`roots`]) signs the
//! tokens that are [minted](mint). A presentation is one more way to say who calls: [`presented`] looks at it,
//! and [`authorize`](crate::authorize) does with it all that it does with every other call. What was revoked
//! ([`revoked`]) counts at the next look.
//!
//! What decisions ask is in memory, in the [`Book`] beside the graph: it is part of the same revisions, and
//! only the committer moves it on.

mod again;
mod book;
mod conditions;
mod error;
mod holder;
mod holders;
mod list;
mod mint;
mod presented;
mod record;
mod revoked;
mod roots;
mod uses;
mod verifiers;

pub(crate) use book::Book;
pub use error::TokenError;
pub use holder::Holder;
pub(crate) use holder::{acting, further, refuse, words};
pub use holders::HolderKeyInfo;
pub(crate) use holders::{about_key, is_registered, to_register};
pub use list::SignedRevocations;
pub use mint::{Minted, NewToken};
pub(crate) use presented::{Presented, Refused, audience_of};
pub(crate) use record::{QUIET_TOKEN_SPACES, TOKEN_SPACES};
pub use revoked::{NotRevocable, Revocable};
pub use roots::RootKeyInfo;
pub(crate) use roots::own_issuer;
pub(crate) use uses::Uses;
pub(crate) use verifiers::Verifiers;

use kavach_audit::EventKind;
use kavach_core::{Reason, Refusal, Timestamp};

use crate::change::{About, Done};
use crate::committer::{Failure, Work};
use crate::error::{ChangeError, FailedCommit};
use crate::limits::CHANGE_TRIES_MAX;
use crate::node::Kavach;
use crate::view::State;

/// What a change of tokens puts, or why it is refused, and what its event says.
type Planned = (Result<Work, Refusal>, About);

impl Kavach {
    /// Makes a change of what is known of tokens: plans it on what is known now, and again if others were
    /// faster. A refusal is recorded too, and then returned.
    async fn change_tokens(
        &self,
        kind: EventKind,
        plan: impl Fn(&State, Timestamp) -> Planned,
    ) -> Result<Done, ChangeError> {
        self.node.take_in_others().await;
        for _ in 0..CHANGE_TRIES_MAX {
            let (work, refused, audit_id) = {
                let state = self.node.view.read();
                let (planned, about) = plan(&state, self.now());
                let (mut work, refused) = match planned {
                    Ok(work) => (work, None),
                    Err(refusal) => (Work::default(), Some(refusal)),
                };
                let revision = state.revision.number();
                let event = self.event_of(kind, refused.as_ref(), about, revision)?;
                let audit_id = event.id;
                work.events.push(event);
                (work, refused, audit_id)
            };
            match (self.node.commit(work).await?, refused) {
                (Ok(_), Some(refusal)) => return Err(refusal.into()),
                (Ok(committed), None) => {
                    return Ok(Done {
                        revision: committed.revision.number(),
                        audit_id,
                    });
                }
                (Err(Failure::Conflict), _) => self.node.take_in_others().await,
                (Err(failure @ Failure::Store(_)), _) => {
                    return Err(FailedCommit::from(failure).into());
                }
            }
        }
        Err(FailedCommit::Contended.into())
    }
}

/// Why an agent that stands like this may not be given anything; `None` if it may. Somebody who is suspended
/// comes back.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else ends an agent ends it for good"
)]
fn keeps_from_changing(fault: Option<Reason>) -> Option<Refusal> {
    let reason = fault.filter(|reason| *reason != Reason::AgentSuspended)?;
    let (reason, words) = match reason {
        Reason::NotFound => (
            reason,
            "there is no such agent in this tenant; see `agent list`",
        ),
        Reason::AgentExpired => {
            let words = "the agent is past its time, and cannot be changed; create a new one";
            (Reason::AlreadyExpired, words)
        }
        Reason::OwnerRevoked => (
            reason,
            "the agent's owner was off-boarded; create a new agent for another owner",
        ),
        _ => {
            let words = "the agent is revoked, and stays so; create a new one";
            (Reason::AlreadyRevoked, words)
        }
    };
    Some(Refusal::new(reason, words))
}
