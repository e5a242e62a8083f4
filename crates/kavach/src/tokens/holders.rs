//! The keys that agents hold tokens by.

use kavach_audit::EventKind;
use kavach_core::{AgentId, Graph, Leaf, Reason, RecordKey, Refusal, TenantId, Timestamp};
use kavach_store::records::key_of;
use kavach_store::{Expect, Key, Version};
use kavach_token::{PublicKey, Registration};

use super::book::Book;
use super::record::{HolderRecord, encode, holder_key};
use super::{Planned, keeps_from_changing};
use crate::change::{About, Done};
use crate::committer::Work;
use crate::error::ChangeError;
use crate::limits::HOLDER_KEYS_MAX;
use crate::node::Kavach;
use crate::view::State;

/// A holder key of an agent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HolderKeyInfo {
    /// The key, which is its own name.
    pub key: PublicKey,
    /// Since when it is the agent's.
    pub added_at: Timestamp,
    /// Since when it no longer is; `None` while it lives. It never lives again.
    pub removed_at: Option<Timestamp>,
}

impl Kavach {
    /// Registers a key for an agent to hold tokens by. An agent has at most 8 at a time; a key is one
    /// agent's, and once removed is nobody's any more.
    ///
    /// # Errors
    /// If there is no such agent, it is revoked or past its time, the registration is not its own, the key is
    /// or was registered in this tenant, a ninth would live, or the store fails.
    pub async fn add_holder_key(
        &self,
        agent: &AgentId,
        registration: &Registration,
    ) -> Result<Done, ChangeError> {
        // Two at a time would both find room for the last one.
        let _one_at_a_time = self.node.guarding.lock().await;
        self.change_tokens(EventKind::HolderKeyAdded, |state, now| {
            self.plan_to_add(state, *agent, registration, now)
        })
        .await
    }

    fn plan_to_add(
        &self,
        state: &State,
        agent: AgentId,
        registration: &Registration,
        now: Timestamp,
    ) -> Planned {
        let (graph, tenant) = (&state.graph, self.tenant);
        let about = about_key(graph, tenant, agent, &registration.key());
        let planned = to_register((graph, &state.tokens), (tenant, agent), registration, now);
        let planned = planned.map(|mut work| {
            work.expectations.push(expected_agent(graph, tenant, agent));
            work
        });
        (planned, about)
    }

    /// Takes a holder key from an agent, for good. From the next decision on no token that was given to it is
    /// taken, nor what it passed on, whoever holds that now.
    ///
    /// # Errors
    /// If it is not a live holder key of the agent, or the store fails.
    pub async fn remove_holder_key(
        &self,
        agent: &AgentId,
        key: &PublicKey,
    ) -> Result<Done, ChangeError> {
        self.change_tokens(EventKind::HolderKeyRemoved, |state, now| {
            let about = about_key(&state.graph, self.tenant, *agent, key);
            let pages = state.tokens.of(self.tenant);
            let known = pages.and_then(|pages| pages.holder(key));
            let Some(known) = known.filter(|known| known.agent == *agent) else {
                let words = "this is not a holder key of the agent; see `agent key list`";
                return (Err(Refusal::new(Reason::NotFound, words)), about);
            };
            if known.removed_at.is_some() {
                let words = "the key was removed already, and stays so";
                return (Err(Refusal::new(Reason::AlreadyRevoked, words)), about);
            }
            let record = HolderRecord {
                agent: *agent,
                added_at: known.added_at,
                removed_at: Some(now),
            };
            let expect = Expect::Version(known.version);
            (put(self.tenant, key, &record, expect), about)
        })
        .await
    }

    /// The holder keys of an agent, those that were removed included, in the order in which they were added.
    #[must_use]
    pub fn holder_keys(&self, agent: &AgentId) -> Vec<HolderKeyInfo> {
        let state = self.node.view.read();
        let pages = state.tokens.of(self.tenant).into_iter();
        let known = pages.flat_map(|pages| pages.holders());
        let own = known.filter(|(_, known)| known.agent == *agent);
        let mut keys: Vec<HolderKeyInfo> = own
            .map(|(key, known)| HolderKeyInfo {
                key: *key,
                added_at: known.added_at,
                removed_at: known.removed_at,
            })
            .collect();
        keys.sort_by_key(|known| (known.added_at, known.key));
        keys
    }
}

/// What registers a key for an agent, as the graph and the book have it; whoever calls sees to it that the
/// agent stays as it is.
pub(crate) fn to_register(
    (graph, book): (&Graph, &Book),
    (tenant, agent): (TenantId, AgentId),
    registration: &Registration,
    now: Timestamp,
) -> Result<Work, Refusal> {
    let fault = graph.fault_of(tenant, Leaf::Root(agent), now);
    let refused = keeps_from_changing(fault);
    let known = match (refused, graph.agent(tenant, agent)) {
        (None, Some(known)) => known,
        (refused, _) => return Err(refused.unwrap_or_else(no_such_agent)),
    };
    if !registration.is_for(tenant, &known.name) {
        let words = format!(
            "the registration is not by the key's holder for `{}`; make it with `token key --for`",
            known.name
        );
        return Err(Refusal::new(Reason::WrongState, words));
    }
    let key = registration.key();
    let pages = book.of(tenant);
    if let Some(before) = pages.and_then(|pages| pages.holder(&key)) {
        return Err(taken(before.agent == agent, before.removed_at.is_some()));
    }
    let root = pages.and_then(|pages| pages.roots.as_ref());
    if root.is_some_and(|root| root.keys.published().any(|known| known.key == key)) {
        let words = "this is a root key, which signs tokens and holds none; make another";
        return Err(Refusal::new(Reason::WrongState, words));
    }
    if live_keys(book, tenant, agent).count() >= HOLDER_KEYS_MAX {
        let words =
            format!("the agent has {HOLDER_KEYS_MAX} holder keys already; remove one first");
        return Err(Refusal::new(Reason::LimitReached, words));
    }
    let record = HolderRecord {
        agent,
        added_at: now,
        removed_at: None,
    };
    put(tenant, &key, &record, Expect::Absent)
}

/// What the event about a holder key says.
pub(crate) fn about_key(graph: &Graph, tenant: TenantId, agent: AgentId, key: &PublicKey) -> About {
    About::agent(graph, tenant, agent).with("key", key)
}

/// The holder keys of an agent that live.
pub(super) fn live_keys(
    book: &Book,
    tenant: TenantId,
    agent: AgentId,
) -> impl Iterator<Item = PublicKey> + '_ {
    let pages = book.of(tenant).into_iter();
    let known = pages.flat_map(|pages| pages.holders());
    known
        .filter(move |(_, known)| known.agent == agent && known.removed_at.is_none())
        .map(|(key, _)| *key)
}

/// Whether the key is a live one of the agent.
pub(crate) fn is_registered(
    book: &Book,
    tenant: TenantId,
    agent: AgentId,
    key: &PublicKey,
) -> bool {
    book.of(tenant).is_some_and(|pages| pages.holds(agent, key))
}

fn no_such_agent() -> Refusal {
    let words = "there is no such agent in this tenant; see `agent list`";
    Refusal::new(Reason::NotFound, words)
}

fn taken(own: bool, removed: bool) -> Refusal {
    let words = match (own, removed) {
        (_, true) => {
            "the key was a holder key and was removed, and never is one again; make another"
        }
        (true, false) => "the key is a holder key of the agent already; nothing to do",
        (false, false) => "the key is a holder key of another agent; make one for this agent",
    };
    Refusal::new(Reason::WrongState, words)
}

pub(super) fn put(
    tenant: TenantId,
    key: &PublicKey,
    record: &HolderRecord,
    expect: Expect,
) -> Result<Work, Refusal> {
    let key = holder_key(tenant, key);
    let bytes =
        encode(record).map_err(|error| Refusal::new(Reason::LimitReached, error.to_string()))?;
    Ok(Work {
        expectations: vec![(key.clone(), expect)],
        puts: vec![(key, bytes)],
        ..Work::default()
    })
}

/// That an agent is as it is there.
pub(super) fn expected_agent(graph: &Graph, tenant: TenantId, agent: AgentId) -> (Key, Expect) {
    let key = RecordKey::Agent(tenant, agent);
    let expect = graph.stamp(&key).map_or(Expect::Absent, |stamp| {
        Expect::Version(Version::from_u64(stamp.0))
    });
    (key_of(&key), expect)
}
