//! What exports say was taken away since a backup.

use std::collections::BTreeMap;

use kavach_audit::{Detail, Event, Outcome, Taken};
use kavach_core::{
    AgentId, AgentKind, DelegationId, EventId, Name, Permission, Selector, SubjectId, TenantId,
    Timestamp,
};
use kavach_token::PublicKey;

use super::error::Missing;
use crate::tokens::Revocable;

/// What was taken away since, by whom it was taken from. Of what was changed several times, the last counts.
#[derive(Debug, Default)]
pub(super) struct Takings {
    pub(super) tenants: BTreeMap<TenantId, FromTenant>,
    /// What is not told well enough to take it away again, nor anything that has it.
    pub(super) untold: Vec<Missing>,
}

#[derive(Debug, Default)]
pub(super) struct FromTenant {
    pub(super) agents: BTreeMap<AgentId, FromAgent>,
    pub(super) delegations: BTreeMap<DelegationId, FromDelegation>,
    pub(super) owners: BTreeMap<SubjectId, FromOwner>,
    pub(super) guardrails: BTreeMap<Name, (EventId, Guard)>,
    pub(super) holder_keys: BTreeMap<PublicKey, (EventId, AgentId)>,
    pub(super) tokens: BTreeMap<Revocable, EventId>,
}

#[derive(Debug, Default)]
pub(super) struct FromAgent {
    pub(super) revoked: Option<EventId>,
    pub(super) suspended: Option<EventId>,
    /// Beside the event, the beginning of the credential that came instead, if it says so.
    pub(super) credentials: Option<(EventId, Option<String>)>,
    /// All that it may do; `None` if the event does not say what.
    pub(super) permissions: Option<(EventId, Option<Vec<Permission>>)>,
    pub(super) ends: Option<(EventId, Timestamp)>,
    pub(super) kind: Option<(EventId, AgentKind)>,
}

#[derive(Debug)]
pub(super) struct FromDelegation {
    pub(super) event: EventId,
    /// Whether it was revoked, and not just changed.
    pub(super) revoked: bool,
}

#[derive(Debug, Default)]
pub(super) struct FromOwner {
    pub(super) revoked: Option<EventId>,
    pub(super) permissions: Option<(EventId, Vec<Permission>)>,
    pub(super) erased: Option<EventId>,
}

/// A guardrail as it was set.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    pub(super) never: Permission,
    pub(super) agents: Selector,
    pub(super) shadow: bool,
}

impl Takings {
    /// Notes what a change took away. Calls are not looked at: see `allowance`.
    pub(super) fn note(&mut self, event: &Event) {
        if event.outcome != Outcome::Done {
            return;
        }
        let known = match event.kind.taken() {
            Taken::Nothing | Taken::Allowance => Ok(()),
            Taken::FromAgent
            | Taken::Credentials
            | Taken::AgentForNow
            | Taken::AgentForNowNoMore
            | Taken::Agent => self.note_agent(event),
            Taken::FromDelegation | Taken::Delegation => self.note_delegation(event),
            Taken::Owner | Taken::FromOwner | Taken::Person => self.note_owner(event),
            Taken::ByGuardrail | Taken::ByGuardrailNoMore => self.note_guardrail(event),
            Taken::HolderKey => self.note_holder_key(event),
            Taken::Token => self.note_token(event),
        };
        if let Err(what) = known {
            let event = event.id;
            self.untold.push(Missing::Change { event, what });
        }
    }

    fn of(&mut self, event: &Event) -> &mut FromTenant {
        self.tenants.entry(event.tenant).or_default()
    }

    fn note_agent(&mut self, event: &Event) -> Result<(), &'static str> {
        let id = event.agent.ok_or("which agent lost something")?;
        let agent = self.of(event).agents.entry(id).or_default();
        match event.kind.taken() {
            Taken::Agent => agent.revoked = Some(event.id),
            Taken::AgentForNow => agent.suspended = Some(event.id),
            Taken::AgentForNowNoMore => agent.suspended = None,
            Taken::Credentials => {
                let prefix = text(event, "prefix").map(str::to_owned);
                agent.credentials = Some((event.id, prefix));
            }
            Taken::FromAgent if is_shortened(event) => {
                agent.permissions = Some((event.id, None));
            }
            Taken::FromAgent => {
                if let Some(detail) = event.detail.get("permissions") {
                    agent.permissions = Some((event.id, permissions(detail)));
                }
                match text(event, "expires_at").map(|text| (text, text.parse())) {
                    Some((_, Ok(at))) => agent.ends = Some((event.id, at)),
                    Some(("never", _)) => agent.ends = None,
                    Some((_, Err(_))) => agent.permissions = Some((event.id, None)),
                    None => {}
                }
                match text(event, "kind").map(str::parse) {
                    Some(Ok(kind)) => agent.kind = Some((event.id, kind)),
                    Some(Err(_)) => agent.permissions = Some((event.id, None)),
                    None => {}
                }
            }
            Taken::Nothing
            | Taken::Allowance
            | Taken::FromDelegation
            | Taken::Delegation
            | Taken::Owner
            | Taken::FromOwner
            | Taken::Person
            | Taken::ByGuardrail
            | Taken::ByGuardrailNoMore
            | Taken::HolderKey
            | Taken::Token => {}
        }
        Ok(())
    }

    /// What it was changed to depends on what its giver held then, which no event says: it is revoked.
    fn note_delegation(&mut self, event: &Event) -> Result<(), &'static str> {
        let named = text(event, "delegation").and_then(|text| text.parse().ok());
        let last = event.line.last().and_then(|hop| hop.delegation);
        let id: DelegationId = named.or(last).ok_or("which delegation lost something")?;
        let revoked = event.kind.taken() == Taken::Delegation;
        let before = self.of(event).delegations.entry(id);
        let known = before.or_insert(FromDelegation {
            event: event.id,
            revoked,
        });
        if revoked {
            (known.event, known.revoked) = (event.id, true);
        }
        Ok(())
    }

    fn note_owner(&mut self, event: &Event) -> Result<(), &'static str> {
        let id = event.owner.ok_or("which person lost something")?;
        let taken = event.kind.taken();
        // What does not say what is left leaves nothing.
        let left = event.detail.get("permissions").and_then(permissions);
        let owner = self.of(event).owners.entry(id).or_default();
        if taken == Taken::Owner {
            owner.revoked = Some(event.id);
        } else if taken == Taken::Person {
            owner.erased = Some(event.id);
        } else {
            owner.permissions = Some((event.id, left.unwrap_or_default()));
        }
        Ok(())
    }

    fn note_guardrail(&mut self, event: &Event) -> Result<(), &'static str> {
        let name = text(event, "guardrail").and_then(|text| text.parse::<Name>().ok());
        let name = name.ok_or("which guardrail was set")?;
        if event.kind.taken() == Taken::ByGuardrailNoMore {
            self.of(event).guardrails.remove(&name);
            return Ok(());
        }
        let never = text(event, "never").and_then(|text| text.parse().ok());
        let never = never.ok_or("what a guardrail forbids")?;
        let agents = match text(event, "agents") {
            // Of one that only noted before, it is not said: everybody is the most.
            None => Selector::Everyone,
            Some(text) => selector(text).ok_or("whom a guardrail speaks of")?,
        };
        let shadow = text(event, "shadow").is_some();
        let guard = Guard {
            never,
            agents,
            shadow,
        };
        self.of(event).guardrails.insert(name, (event.id, guard));
        Ok(())
    }

    fn note_holder_key(&mut self, event: &Event) -> Result<(), &'static str> {
        let key = text(event, "key").and_then(|text| text.parse().ok());
        let (key, agent) = key.zip(event.agent).ok_or("which holder key was removed")?;
        let removed = (event.id, agent);
        self.of(event).holder_keys.insert(key, removed);
        Ok(())
    }

    fn note_token(&mut self, event: &Event) -> Result<(), &'static str> {
        let named = ["block", "key", "token"].iter().find_map(|kind| {
            let id = text(event, kind)?;
            format!("{kind}:{id}").parse::<Revocable>().ok()
        });
        let what = named.ok_or("which tokens were revoked")?;
        self.of(event).tokens.insert(what, event.id);
        Ok(())
    }
}

/// Whether the event lost what it said, because that was too long.
fn is_shortened(event: &Event) -> bool {
    event.detail.contains_key("shortened")
}

pub(super) fn text<'a>(event: &'a Event, field: &str) -> Option<&'a str> {
    match event.detail.get(field)? {
        Detail::Text(text) => Some(text),
        Detail::List(_) => None,
    }
}

fn permissions(detail: &Detail) -> Option<Vec<Permission>> {
    match detail {
        Detail::List(texts) => texts.iter().map(|text| text.parse().ok()).collect(),
        Detail::Text(_) => None,
    }
}

/// As an event of a guardrail writes it.
fn selector(text: &str) -> Option<Selector> {
    if let Some(kind) = text.strip_prefix("kind ") {
        return kind.parse().ok().map(Selector::Kind);
    }
    if let Some(owner) = text.strip_prefix("owner ") {
        return owner.parse().ok().map(Selector::Owner);
    }
    let agents: Option<Vec<AgentId>> = text.split(", ").map(|id| id.parse().ok()).collect();
    agents.map(Selector::Agents)
}
