//! Agents and delegations as a file declares them: what to change so that the store says the same.

use std::collections::BTreeMap;

use kavach_core::{AgentKind, DelegationId, Mode, Name, Permission, Subject, Timestamp};
use kavach_token::Registration;

use crate::error::{ChangeError, FailedCommit};
use crate::guardrails::NewGuardrail;
use crate::secret::Secret;

mod agents;
mod delegations;
mod guardrails;
mod owners;
mod plan;
mod unnamed;

/// Everything that one file declares.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever reads a file fills all of it"
)]
pub struct Declaration {
    /// Agents, by name.
    pub agents: Vec<DeclaredAgent>,
    /// Delegations between them. A receiver that nobody knows is spawned.
    pub delegations: Vec<DeclaredDelegation>,
    /// What is never allowed.
    pub guardrails: Vec<NewGuardrail>,
    /// What people may do in Kavach itself.
    pub owners: Vec<DeclaredOwner>,
}

/// A person with what they may do in Kavach itself, all of it.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever reads a file fills all of it"
)]
pub struct DeclaredOwner {
    /// Who.
    pub subject: Subject,
    /// What they may do.
    pub permissions: Vec<Permission>,
}

/// An agent as it should be.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever reads a file fills all of it"
)]
pub struct DeclaredAgent {
    /// Its name.
    pub name: Name,
    /// Its owner, who never changes.
    pub owner: Subject,
    /// How it comes to act; `None` for autonomous, or as it is.
    pub kind: Option<AgentKind>,
    /// Its root grants, all of them.
    pub permissions: Vec<Permission>,
    /// When it ends.
    pub end: DeclaredEnd,
    /// Notes, all of them.
    pub metadata: BTreeMap<String, String>,
    /// Keys that it holds tokens by, each by its holder's word. Those that are registered and not named stay:
    /// taking one away cannot be undone, and is said by itself.
    pub holder_keys: Vec<Registration>,
}

/// When something declared ends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a file has no other way to say it")]
pub enum DeclaredEnd {
    /// Not by itself.
    #[default]
    Never,
    /// This many seconds after the record was created.
    In(u64),
    /// Then.
    At(Timestamp),
}

impl DeclaredEnd {
    fn after(self, created_at: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Never => None,
            Self::In(seconds) => Some(created_at.plus_s(seconds)),
            Self::At(at) => Some(at),
        }
    }
}

/// A delegation as it should be. It is known by who gives it to whom, by which line.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever reads a file fills all of it"
)]
pub struct DeclaredDelegation {
    /// Who passes on.
    pub from: Name,
    /// Who receives; spawned under `from`'s owner if nobody knows it.
    pub to: Name,
    /// By which line `from` holds it; `None` for the one that alone covers it.
    pub via: Option<DeclaredVia>,
    /// What is passed on.
    pub permissions: Vec<Permission>,
    /// When it ends.
    pub end: DeclaredEnd,
    /// How many hops further it may go.
    pub max_depth: Option<u8>,
    /// What to do with what is wider.
    pub mode: Mode,
}

/// A line of the giver's.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a file has no other way to say it")]
pub enum DeclaredVia {
    /// Its root grants.
    Root,
    /// The one delegation that it has from this agent.
    From(Name),
    /// This delegation.
    Delegation(DelegationId),
}

/// How to apply a declaration.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "the switches of one command")]
pub struct ApplyOptions {
    /// Only say what would change.
    pub dry_run: bool,
    /// Revoke what an earlier declaration named and this one no longer does.
    pub prune: bool,
    /// Revoked names that may be taken again.
    pub recreate: Vec<Name>,
}

/// What applying a declaration did, or would do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Applied {
    /// Each agent and each delegation of the declaration, in its order, then what it no longer names.
    pub steps: Vec<Step>,
    /// The revision with the changes in it.
    pub revision: u64,
}

impl Applied {
    /// Whether anything was changed, or would be.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.steps.iter().any(|step| match step.doing {
            Doing::Create | Doing::Update | Doing::Revoke => true,
            Doing::Keep | Doing::Unnamed => false,
        })
    }
}

/// What was done about one agent or delegation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Step {
    /// What was done.
    pub doing: Doing,
    /// About what: `agent orchestrator`, `delegation orchestrator -> searcher`.
    pub what: String,
    /// Each thing that changed, for people.
    pub details: Vec<String>,
    /// The credential of an agent that was created. This is the only time that it is seen; none in a dry run.
    pub credential: Option<(Name, Secret)>,
}

/// What is done about something declared.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever prints steps must know each"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Doing {
    /// It is new.
    Create,
    /// It is changed.
    Update,
    /// It is as declared already.
    Keep,
    /// It is no longer named, and left alone.
    Unnamed,
    /// It is no longer named, and revoked.
    Revoke,
}

/// A declaration was not applied. Nothing was changed, but for an outcome that is unknown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// It cannot be as declared.
    #[error("the declaration has {} problems; nothing was changed", .0.len())]
    Rejected(Vec<Problem>),
    /// The store failed, or randomness.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<FailedCommit> for ApplyError {
    fn from(error: FailedCommit) -> Self {
        Self::Change(error.into())
    }
}

/// Something in a declaration that cannot be.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Where in a declaration.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever shows problems must find each place"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// The agent of this number, counted from 0, and its field of this name.
    Agent(usize, &'static str),
    /// The delegation of this number, counted from 0, and its field of this name.
    Delegation(usize, &'static str),
    /// The guardrail of this number, counted from 0, and its field of this name.
    Guardrail(usize, &'static str),
    /// The owner of this number, counted from 0, and its field of this name.
    Owner(usize, &'static str),
}
