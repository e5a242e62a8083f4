//! Revoking again what was revoked since a backup.

use kavach_audit::EventKind;
use kavach_core::{AgentId, EventId, Reason, Refusal};
use kavach_store::Expect;
use kavach_token::PublicKey;

use super::Planned;
use super::holders::{about_key, put};
use super::record::HolderRecord;
use super::revoked::Revocable;
use crate::error::ChangeError;
use crate::node::Kavach;

impl Kavach {
    /// Takes a holder key away that was taken away in `event`, also one that came after the backup: it never
    /// is one again. Whether there was something to do.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn remove_holder_key_again(
        &self,
        key: &PublicKey,
        agent: AgentId,
        event: EventId,
    ) -> Result<bool, ChangeError> {
        let done = self.change_tokens(EventKind::HolderKeyRemoved, |state, now| -> Planned {
            let about = about_key(&state.graph, self.tenant, agent, key).with("again", event);
            let pages = state.tokens.of(self.tenant);
            let known = pages.and_then(|pages| pages.holder(key));
            if known.is_some_and(|known| known.removed_at.is_some()) {
                let words = "the key was removed already, and stays so";
                return (Err(Refusal::new(Reason::AlreadyRevoked, words)), about);
            }
            let record = HolderRecord {
                agent: known.map_or(agent, |known| known.agent),
                added_at: known.map_or(now, |known| known.added_at),
                removed_at: Some(now),
            };
            let expect = known.map_or(Expect::Absent, |known| Expect::Version(known.version));
            (put(self.tenant, key, &record, expect), about)
        });
        is_new(done.await)
    }

    /// Revokes what was revoked in `event`. Whether there was something to do.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn revoke_tokens_again(
        &self,
        what: Revocable,
        event: EventId,
    ) -> Result<bool, ChangeError> {
        if self.revoked_tokens().contains(&what) {
            return Ok(false);
        }
        is_new(self.revoke_tokens_because(what, Some(event)).await)
    }

    /// The tenants that have root keys.
    pub(crate) fn tenants_with_roots(&self) -> Vec<kavach_core::TenantId> {
        self.node.view.read().tokens.with_roots().collect()
    }
}

fn is_new(done: Result<crate::change::Done, ChangeError>) -> Result<bool, ChangeError> {
    match done {
        Ok(_) => Ok(true),
        Err(ChangeError::Refused(refusal)) if refusal.reason == Reason::AlreadyRevoked => Ok(false),
        Err(error) => Err(error),
    }
}
