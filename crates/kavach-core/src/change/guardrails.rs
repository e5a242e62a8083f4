//! Setting guardrails, and taking them away.

use alloc::format;

use super::{Change, check_future, check_permissions};
use crate::constraint::Constraints;
use crate::graph::{Graph, Record, RecordKey};
use crate::guardrail::{Guardrail, Selector};
use crate::id::TenantId;
use crate::limits::{GUARDRAILS_MAX, SELECTED_MAX};
use crate::name::Name;
use crate::permission::Permission;
use crate::reason::Reason;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A guardrail as it should be.
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever sets a guardrail says all of it"
)]
#[derive(Clone, Debug)]
pub struct GuardrailDraft {
    /// What to call it. One of this name is replaced.
    pub name: Name,
    /// In which tenant.
    pub tenant: TenantId,
    /// What is never to be done.
    pub never: Permission,
    /// By whom.
    pub agents: Selector,
    /// Whether it only notes what it would deny.
    pub shadow: bool,
}

impl Graph {
    /// Sets a guardrail, in the place of the one of this name if there is one. It holds from the next
    /// decision on.
    ///
    /// # Errors
    /// If there are 64 already; if it names too many agents, or some that are not there; if it has a
    /// constraint that no single call meets or misses by itself (a limit, approval, trust, depth); if its
    /// time is over.
    pub fn set_guardrail(&self, draft: GuardrailDraft, now: Timestamp) -> Result<Change, Refusal> {
        check_permissions(core::slice::from_ref(&draft.never), now)?;
        check_future(draft.never.constraints.expires_at, now)?;
        check_circumstances(&draft.never)?;
        let known = self
            .guardrails(draft.tenant)
            .find(|known| known.name == draft.name);
        if known.is_none() && self.guardrails(draft.tenant).count() >= GUARDRAILS_MAX {
            let message = format!(
                "there are {GUARDRAILS_MAX} guardrails already; remove one, or use a wider pattern"
            );
            return Err(Refusal::new(Reason::LimitReached, message));
        }
        let relies_on = self.check_selector(draft.tenant, &draft.agents)?;
        let guardrail = Guardrail {
            created_at: known.map_or(now, |known| known.created_at),
            name: draft.name,
            tenant: draft.tenant,
            never: draft.never,
            agents: draft.agents,
            shadow: draft.shadow,
        };
        Ok(Change::of([Record::Guardrail(guardrail)]).relying_on(relies_on))
    }

    /// Takes a guardrail away.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn remove_guardrail(&self, tenant: TenantId, name: &Name) -> Result<Change, Refusal> {
        if !self.guardrails(tenant).any(|known| known.name == *name) {
            let words = "there is no such guardrail in this tenant; see `guardrail list`";
            return Err(Refusal::new(Reason::NotFound, words));
        }
        let mut change = Change::default();
        change
            .erases
            .push(RecordKey::Guardrail(tenant, name.clone()));
        Ok(change)
    }

    /// The records that the selector speaks of.
    fn check_selector(
        &self,
        tenant: TenantId,
        selector: &Selector,
    ) -> Result<alloc::vec::Vec<RecordKey>, Refusal> {
        match selector {
            Selector::Everyone | Selector::Kind(_) => Ok(alloc::vec::Vec::new()),
            Selector::Owner(owner) => match self.owner(tenant, *owner) {
                Some(_) => Ok([RecordKey::Owner(tenant, *owner)].into()),
                None => Err(Refusal::new(
                    Reason::NotFound,
                    "there is no such owner in this tenant",
                )),
            },
            Selector::Agents(agents) if agents.is_empty() || agents.len() > SELECTED_MAX => {
                let message = format!(
                    "a guardrail names 1 to {SELECTED_MAX} agents; leave them out to mean everyone"
                );
                Err(Refusal::new(Reason::LimitReached, message))
            }
            // Agents are never taken out, so there is nothing that could change meanwhile.
            Selector::Agents(agents) => agents
                .iter()
                .try_for_each(|agent| self.existing(tenant, *agent).map(drop))
                .map(|()| alloc::vec::Vec::new()),
        }
    }
}

/// Refuses what is counted, asked of people, or of a line: a "never" holds or not for a call by itself.
fn check_circumstances(never: &Permission) -> Result<(), Refusal> {
    let circumstances = Constraints {
        expires_at: never.constraints.expires_at,
        windows: never.constraints.windows.clone(),
        addresses: never.constraints.addresses.clone(),
        args: never.constraints.args.clone(),
        ..Constraints::default()
    };
    if never.constraints == circumstances {
        return Ok(());
    }
    let words = "a guardrail has only `expires`, `window`, `ip` and `args`; limits, approval, trust and \
                 depth belong to permissions";
    Err(Refusal::new(Reason::WrongState, words))
}
