#![doc = include_str!("../../../README.md")]
mod agents;
mod answer;
mod authorize;
mod call;
mod change;
mod clock;
mod committer;
pub mod declare;
mod delegations;
mod error;
mod limits;
mod look;
mod node;
mod owners;
mod people;
mod random;
mod secret;
mod trail;
mod view;

pub use agents::{Created, NewAgent, Rotated};
pub use answer::Authorization;
pub use call::{Call, Caller, Context};
pub use change::Done;
pub use clock::{Clock, ManualClock, SystemClock};
pub use delegations::{Delegated, NewDelegation, Spawn, Spawned};
pub use error::{CannotDecide, ChangeError, FailedCommit, OpenError};
pub use node::{Builder, Kavach};
pub use random::NoRandomness;
pub use secret::{NotASecret, Secret};
pub use trail::{ExportError, Format, Trail};

pub use kavach_audit as audit;
pub use kavach_core as core;
pub use kavach_store as store;

pub use kavach_core::{
    Action, Actions, Agent, AgentEdit, AgentId, AgentKind, AgentStatus, Base, BlastRadius,
    Constraints, Decision, Delegation, DelegationEdit, DelegationId, Edit, EventId, Explanation,
    Grant, Leaf, LineHop, LinePermissions, Mode, Name, NearMiss, ParseError, Pattern, Permission,
    Reason, Refusal, Resource, Subject, SubjectId, TenantId, Timestamp,
};
pub use kavach_store::{MasterKey, MemoryStore, Store, StoreError, StoreErrorKind};
