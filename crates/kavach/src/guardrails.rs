//! What is never allowed in a tenant, whatever anybody holds.

use kavach_audit::EventKind;
use kavach_core::{
    AgentKind, Change, Graph, Guardrail, GuardrailDraft, Name, ParseError, Permission, Reason,
    Refusal, Selector, Subject, TenantId, Timestamp,
};

use crate::change::{About, Done};
use crate::error::ChangeError;
use crate::node::Kavach;

/// A guardrail to set.
///
/// ```
/// use kavach::{Guarded, NewGuardrail};
///
/// let never = NewGuardrail::new("no-prod-deletes", "delete:data:prod:**")?.shadow();
/// assert_eq!(never.agents, Guarded::Everyone);
/// # Ok::<(), kavach::ParseError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct NewGuardrail {
    /// What to call it; one of this name is replaced.
    pub name: Name,
    /// What is never to be done.
    pub never: Permission,
    /// By whom.
    pub agents: Guarded,
    /// Whether it only notes what it would deny.
    pub shadow: bool,
}

/// Which agents a guardrail speaks of, by the names that people use. It applies to a call if it speaks of
/// any agent on the line.
#[expect(clippy::exhaustive_enums, reason = "whoever selects must handle each")]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Guarded {
    /// All of them.
    #[default]
    Everyone,
    /// Those of these names, 1 to 64.
    Agents(Vec<Name>),
    /// Those of this kind.
    Kind(AgentKind),
    /// Those of this owner.
    Owner(Subject),
}

impl NewGuardrail {
    /// Never this, in the shorthand of permissions, for everyone, from the next decision on.
    ///
    /// # Errors
    /// If one of the two is not well formed.
    pub fn new(name: &str, never: &str) -> Result<Self, ParseError> {
        Ok(Self::of(name.parse()?, never.parse()?))
    }

    /// The same from parts.
    #[must_use]
    pub fn of(name: Name, never: Permission) -> Self {
        Self {
            name,
            never,
            agents: Guarded::Everyone,
            shadow: false,
        }
    }

    /// Speaks only of these agents, and of all that act for them.
    #[must_use]
    pub fn agents(mut self, agents: Guarded) -> Self {
        self.agents = agents;
        self
    }

    /// Denies nothing, and notes in the trail what it would deny.
    #[must_use]
    pub fn shadow(mut self) -> Self {
        self.shadow = true;
        self
    }

    /// The change that sets it, with names looked up in `graph`.
    pub(crate) fn set(
        &self,
        graph: &Graph,
        tenant: TenantId,
        now: Timestamp,
    ) -> Result<Change, Refusal> {
        let draft = GuardrailDraft {
            name: self.name.clone(),
            tenant,
            never: self.never.clone(),
            agents: self.agents.selector(graph, tenant)?,
            shadow: self.shadow,
        };
        graph.set_guardrail(draft, now)
    }

    pub(crate) fn about(&self, graph: &Graph, tenant: TenantId) -> About {
        let about = About::default()
            .with("guardrail", &self.name)
            .with("never", &self.never)
            .with_some("shadow", self.shadow.then_some("true"));
        // By their ids: what people call somebody may be personal, and an event cannot forget.
        match self.agents.selector(graph, tenant) {
            Ok(Selector::Everyone) => about,
            Ok(Selector::Agents(agents)) => {
                let ids: Vec<String> = agents.iter().map(ToString::to_string).collect();
                about.with("agents", ids.join(", "))
            }
            Ok(Selector::Kind(kind)) => about.with("agents", format!("kind {kind}")),
            Ok(Selector::Owner(owner)) => about.with("agents", format!("owner {owner}")),
            Err(_) => about.with("agents", "not known"),
        }
    }
}

impl Guarded {
    fn selector(&self, graph: &Graph, tenant: TenantId) -> Result<Selector, Refusal> {
        Ok(match self {
            Self::Everyone => Selector::Everyone,
            Self::Kind(kind) => Selector::Kind(*kind),
            Self::Owner(subject) => {
                Selector::Owner(graph.subject_id(tenant, subject).ok_or_else(|| {
                    let words = "the guardrail names an owner whom nobody knows in this tenant";
                    Refusal::new(Reason::NotFound, words)
                })?)
            }
            Self::Agents(names) => {
                let found = names.iter().map(|name| {
                    let agent = graph.agent_named(tenant, name);
                    agent.map(|agent| agent.id).ok_or_else(|| {
                        let words =
                            format!("the guardrail names agent `{name}`, whom nobody knows");
                        Refusal::new(Reason::NotFound, words)
                    })
                });
                Selector::Agents(found.collect::<Result<_, _>>()?)
            }
        })
    }
}

impl Kavach {
    /// Sets a guardrail, in the place of the one of this name if there is one.
    ///
    /// # Errors
    /// If it names an agent or an owner whom nobody knows, has a constraint that is counted or asked of
    /// people, if there are 64 already, or the store fails.
    pub async fn set_guardrail(&self, guardrail: &NewGuardrail) -> Result<Done, ChangeError> {
        let _one_at_a_time = self.node.guarding.lock().await;
        self.change(EventKind::GuardrailSet, |graph, now| {
            let about = guardrail.about(graph, self.tenant);
            (guardrail.set(graph, self.tenant, now), about)
        })
        .await
    }

    /// Takes a guardrail away.
    ///
    /// # Errors
    /// If there is none of this name, or the store fails.
    pub async fn remove_guardrail(&self, name: &Name) -> Result<Done, ChangeError> {
        self.change(EventKind::GuardrailRemoved, |graph, _| {
            let about = About::default().with("guardrail", name);
            (graph.remove_guardrail(self.tenant, name), about)
        })
        .await
    }

    /// Makes a guardrail that only noted deny from now on.
    ///
    /// # Errors
    /// If there is none of this name, if it denies already, or the store fails.
    pub async fn enforce_guardrail(&self, name: &Name) -> Result<Done, ChangeError> {
        self.change(EventKind::GuardrailSet, |graph, now| {
            let found = graph
                .guardrails(self.tenant)
                .find(|known| known.name == *name);
            let about = About::default().with("guardrail", name);
            let planned = match found {
                None => graph.remove_guardrail(self.tenant, name),
                Some(known) if !known.shadow => {
                    let words = "the guardrail is enforced already; nothing to do";
                    Err(Refusal::new(Reason::WrongState, words))
                }
                Some(known) => graph.set_guardrail(
                    GuardrailDraft {
                        name: name.clone(),
                        tenant: self.tenant,
                        never: known.never.clone(),
                        agents: known.agents.clone(),
                        shadow: false,
                    },
                    now,
                ),
            };
            let about = about.with_some("never", found.map(|known| &known.never));
            (planned, about)
        })
        .await
    }

    /// The guardrails of the tenant, by name.
    #[must_use]
    pub fn guardrails(&self) -> Vec<Guardrail> {
        let state = self.node.view.read();
        state.graph.guardrails(self.tenant).cloned().collect()
    }
}
