#![doc = include_str!("../../../README.md")]
mod agents;
mod analysis;
mod answer;
mod approvals;
mod authorize;
pub mod backup;
mod call;
mod candidate;
pub mod census;
mod change;
mod clock;
mod committer;
pub mod copy;
pub mod declare;
mod delegations;
mod error;
mod guardrails;
mod limits;
mod look;
mod meters;
mod node;
mod nodes;
mod owners;
mod people;
mod random;
mod recorded;
mod replay;
mod secret;
mod settle;
mod suppose;
mod tokens;
mod trail;
mod trust;
mod view;
mod who;

pub use agents::{Created, NewAgent, Rotated};
pub use analysis::Analysis;
pub use answer::Authorization;
pub use approvals::{
    ApprovalArgs, ApprovalListener, ApprovalRequest, ApprovalState, ApprovalVote, NotDelivered,
    Voted,
};
#[cfg(feature = "webhook")]
pub use approvals::{NotAWebhook, NotAWebhookSecret, Webhook, WebhookSecret};
pub use call::{Call, Caller, Context};
pub use candidate::{Candidate, Compared, Effect};
pub use change::Done;
pub use clock::{Clock, ManualClock, SystemClock};
pub use delegations::{Delegated, NewDelegation, Spawn, Spawned};
pub use error::{CannotDecide, ChangeError, FailedCommit, OpenError};
pub use guardrails::{Guarded, NewGuardrail};
pub use meters::{GrantRemaining, HopRemaining, LimitRemaining, LineRemaining};
pub use node::{Builder, Kavach};
pub use nodes::Sharing;
pub use random::NoRandomness;
pub use replay::{Replayed, Told};
pub use secret::{NotASecret, Secret};
pub use settle::{SettleError, Settled};
pub use suppose::Supposed;
pub use tokens::{
    Holder, HolderKeyInfo, Minted, NewToken, NotRevocable, Revocable, RootKeyInfo,
    SignedRevocations, TokenError,
};
pub use trail::{ExportError, Format, Trail};
pub use trust::{LineTrust, TrustExplained};

pub use kavach_audit as audit;
pub use kavach_core as core;
pub use kavach_store as store;
pub use kavach_token as token;

pub use kavach_core::{
    Action, Actions, Agent, AgentEdit, AgentId, AgentKind, AgentStatus, ApprovalId, Base,
    BlastRadius, Constraints, Decision, Delegation, DelegationEdit, DelegationId, Edit, EventId,
    Explanation, Finding, Grant, GrantAnalysis, Guardrail, Leaf, LineHop, LinePermissions, Mode,
    Name, NearMiss, ParseError, Pattern, Permission, Reason, Refusal, Resource, Selector, Subject,
    SubjectId, TenantId, Timestamp, WhoCan,
};
pub use kavach_core::{Contribution, Evidence, TrustLevel, TrustScore};
pub use kavach_store::{MasterKey, MemoryStore, Store, StoreError, StoreErrorKind};
