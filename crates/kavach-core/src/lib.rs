//! What a permission, a delegation and a decision mean.
//!
//! An [`Agent`] acts for an owner. It holds [`Grants`] of its own, and passes parts of them on to other
//! agents by a [`Delegation`], which cites the one line it rests on. Delegating is a meet: nobody passes
//! on more than they have. [`decide`] answers a [`Request`] from the [`Graph`] of all this: by the best
//! of the agent's lines, and along a line only what every hop of it still holds.
//!
//! The crate is pure. It has no clock, no randomness and no I/O; time and fresh ids are arguments. A
//! change is worked out as a [`Change`] or a [`Refusal`], and the caller stores its records and then
//! [applies](Graph::apply) them.
//!
//! ```
//! use kavach_core::{
//!     AgentDraft, AgentId, AgentKind, Change, Credential, CredentialHash, Decision, DelegationDraft,
//!     DelegationId, Graph, Mode, NothingRecorded, OwnerDraft, Reason, Request, Stamp, Subject, SubjectId, TenantId,
//!     Timestamp, decide,
//! };
//!
//! let now: Timestamp = "2026-11-21T10:00:00Z".parse()?;
//! let [planner, reader] = [1, 2].map(|random| AgentId::from_parts(1_795_255_200_000, random));
//! let mut graph = Graph::new();
//! fn apply(graph: &mut Graph, change: Change) {
//!     for record in change.writes {
//!         graph.apply(record, Stamp(1)).expect("a change fits the graph it was made for");
//!     }
//! }
//!
//! // Alice has two agents; only the planner holds anything.
//! for (id, name, permissions) in [(planner, "planner", &["*:mcp:github:*"][..]), (reader, "reader", &[])] {
//!     let draft = AgentDraft {
//!         id,
//!         tenant: TenantId::DEFAULT,
//!         owner: OwnerDraft::Named {
//!             subject: Subject::user("alice")?,
//!             fresh: SubjectId::from_parts(1_795_255_200_000, 3),
//!         },
//!         name: name.parse()?,
//!         kind: AgentKind::Autonomous,
//!         expires_at: None,
//!         permissions: permissions.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
//!         credential: Credential {
//!             hash: CredentialHash::from_bytes([id.as_u128() as u8; 32]),
//!             prefix: "kv_".into(),
//!             created_at: now,
//!             expires_at: None,
//!         },
//!         metadata: Default::default(),
//!         recreate: false,
//!     };
//!     let change = graph.create_agent(draft, now)?;
//!     apply(&mut graph, change);
//! }
//!
//! // The planner passes on reading, for an hour.
//! let draft = DelegationDraft {
//!     id: DelegationId::from_parts(1_795_255_200_000, 4),
//!     tenant: TenantId::DEFAULT,
//!     from: planner,
//!     to: reader,
//!     via: None,
//!     permissions: vec!["read:mcp:github:repos".parse()?],
//!     expires_at: Some(now.plus_s(3600)),
//!     max_depth: None,
//!     mode: Mode::Strict,
//! };
//! let change = graph.delegate(draft, now)?;
//! apply(&mut graph, change);
//!
//! let repos = "mcp:github:repos";
//! let read = Request::new(TenantId::DEFAULT, reader, "read".parse()?, repos.parse()?);
//! let write = Request::new(TenantId::DEFAULT, reader, "write".parse()?, repos.parse()?);
//! assert_eq!(decide(&graph, &read, &NothingRecorded, now).decision, Decision::Allow);
//! assert_eq!(decide(&graph, &write, &NothingRecorded, now).decision, Decision::Deny(Reason::NoMatchingGrant));
//! let later = now.plus_s(3600);
//! assert_eq!(decide(&graph, &read, &NothingRecorded, later).decision, Decision::Deny(Reason::DelegationExpired));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

#![no_std]

extern crate alloc;

mod action;
mod agent;
mod analysis;
mod change;
mod constraint;
mod counter;
mod decide;
mod delegation;
mod error;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod grant;
mod graph;
mod guardrail;
mod holders;
mod id;
pub mod limits;
mod look;
mod name;
mod narrow;
#[cfg(any(test, feature = "oracle"))]
pub mod oracle;
mod pattern;
mod permission;
mod reason;
mod refusal;
mod resource;
mod segment;
mod shorthand;
mod tally;
mod time;
mod trust;

pub use action::{Action, Actions};
pub use agent::{
    Agent, AgentKind, AgentName, AgentStatus, Credential, CredentialHash, Owner, OwnerStatus,
    SubjectName,
};
pub use analysis::{Finding, GrantAnalysis, GrantUse, analyze};
pub use change::{
    AgentDraft, AgentEdit, Change, DelegationDraft, DelegationEdit, Edit, GuardrailDraft,
    OwnerDraft, SpawnDraft,
};
pub use constraint::{
    AddressBlock, AddressSet, ArgRules, Budget, Constraints, Period, Rate, Window,
};
pub use counter::{Charge, Counter, NothingRecorded, Recorded, Room, Span};
pub use decide::{Decision, Matched, Obligation, Request, Verdict, decide, decide_via};
pub use delegation::{Delegation, Mode};
pub use error::{ParseError, Problem};
pub use grant::{Grant, Grants};
pub use graph::{Graph, GraphError, Leaf, Line, LineHop, Loading, Record, RecordKey, Stamp};
pub use guardrail::{Guardrail, Selector};
pub use holders::{Holders, WhoCan};
pub use id::{AgentId, ApprovalId, DelegationId, EventId, LogId, SubjectId, TenantId};
pub use look::{BlastRadius, Explanation, HopExplained, LineExplained, LinePermissions, NearMiss};
pub use name::{Name, Subject};
pub use narrow::narrow;
pub use pattern::Pattern;
pub use permission::Permission;
pub use reason::Reason;
pub use refusal::Refusal;
pub use resource::Resource;
pub use shorthand::Base;
pub use tally::{Ask, Pool, PoolPart, Slice, Tally, TallyPart};
pub use time::Timestamp;
pub use trust::{
    Contribution, CredentialKind, Day, Evidence, Fact, Facts, Fingerprint, Hour, Offence, Past,
    Standing, TrustLevel, TrustScore, trust_points, trust_score,
};
