//! The audit trail: the event, its encoding, the log that it stands in, and how it is shown.
//!
//! *Which agent did what, who said it could?* Every decision and every change is an [`Event`]. Sealed,
//! it is bytes in a canonical form, and a leaf of an append-only Merkle tree whose right edge is the
//! [`Head`]; who has two heads can be shown that nothing between them was altered. What says something
//! about a person stands beside the event, encrypted ([`PrivateFields`]), and can be erased while every
//! proof still holds.
//!
//! ```
//! use kavach_audit::{Event, EventKind, Head, Hop, NoNames, Outcome, Private, SealedEvent, Sentence};
//! use kavach_core::{AgentId, EventId, LogId, Reason, SubjectId, TenantId, Timestamp};
//!
//! let (agent, owner) = (AgentId::from_u128(1), SubjectId::from_u128(2));
//! let (id, tenant) = (EventId::from_u128(3), TenantId::DEFAULT);
//! let at: Timestamp = "2026-11-21T14:23:05Z".parse()?;
//!
//! let mut event = Event::new(id, tenant, EventKind::Authorize, Outcome::Allow, Reason::Granted);
//! event.agent = Some(agent);
//! event.owner = Some(owner);
//! event.line = vec![Hop { agent, delegation: None, at }];
//! event.action = Some("read".parse()?);
//! event.resource = Some("mcp:github:repos".parse()?);
//! event.grant = Some(2);
//!
//! let mut head = Head::empty(LogId::from_u128(4));
//! let (sealed, _leaf) = head.append(event, 1_795_270_985_000_000_000);
//! assert_eq!(SealedEvent::decode(&sealed.bytes)?, sealed);
//!
//! let sentence = Sentence::new(&sealed.event, &NoNames, &Private::None).to_string();
//! assert!(sentence.ends_with("at 14:23) read mcp:github:repos: allowed by grant 2"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Pure: no input or output but to writers it is handed, no clock, no randomness; those are arguments.

mod args;
mod canonical;
mod decode;
mod encode;
mod error;
mod event;
mod export;
#[doc(hidden)]
pub mod fuzz;
mod hash;
mod head;
mod key;
mod kind;
pub mod limits;
mod names;
mod private;
mod query;
mod sealed;
mod sentence;
mod shown;

pub use args::args_hash;
pub use error::{DecodeError, OpenError, SealError};
pub use event::{Detail, Event, Hop};
pub use export::{Csv, write_jsonl};
pub use hash::{Hash, leaf_hash, node_hash};
pub use head::Head;
pub use key::{PersonKey, TenantKey};
pub use kind::{EventKind, Outcome, Taken};
pub use names::{ERASED, Names, NoNames};
pub use private::{Private, PrivateFields, SealedPrivate};
pub use query::Query;
pub use sealed::SealedEvent;
pub use sentence::Sentence;
pub use shown::{Shown, shown};
