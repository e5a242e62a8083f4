//! Offline delegation: [Biscuit](https://www.biscuitsec.org) tokens as a chain of holder keys.
//!
//! An issuer [mints](Token::mint) a [`Token`] for one agent's key. The agent [delegates](Token::delegate) it,
//! or a part of what it allows, to another key, and so on; no network, no store, and no secret ever
//! travels. To make a [`Call`], the last holder [invokes](Token::invoke) it: the [`Presentation`] is an
//! ordinary Biscuit, good for one call at one service for at most a minute. The service's [`Verifier`] needs
//! the issuer's [`KeySet`] and asks nobody.
//!
//! In a Biscuit each block names the key that signs the next. Here that key is the delegatee's own, so that
//! the chain says who delegated to whom, and a stolen token is of no use.
//!
//! Everything is pure: time and randomness are arguments. The example is at [`Verifier`].

mod approval;
mod armor;
mod bearer;
mod block;
mod call;
mod chain;
mod claim;
#[cfg(feature = "datalog")]
pub mod datalog;
#[cfg(test)]
mod dice;
mod envelope;
mod error;
mod follow;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod hex;
mod id;
mod inspection;
mod jws;
mod key;
mod key_set;
pub mod limits;
mod online;
mod presentation;
mod profile;
mod proposal;
mod receipt;
mod refusal;
mod registration;
mod replay;
mod request;
mod revocation;
mod right;
#[cfg(test)]
mod scene;
mod seen;
mod symbols;
mod token;
#[cfg(test)]
mod vectors;
mod verified;
mod verifier;
mod wire;

pub use approval::{Approval, ApprovalRequest};
pub use bearer::BearerToken;
pub use call::Call;
pub use chain::Hop;
pub use claim::{Audience, Party, Source, SourceRecord, Why};
pub use error::{ClaimError, IdError, IssueError, KeyError, SignError};
pub use follow::{
    DocumentSource, FetchError, Fetched, FileSource, FollowError, KeySetFollower, Refreshed,
    RevocationFollower,
};
#[cfg(feature = "http")]
pub use follow::{NotASource, UrlSource};
pub use id::{ArgumentsHash, BlockId, CallHash, Nonce, TokenId};
pub use inspection::{Form, Inspection, Invocation};
pub use key::{HolderKey, PublicKey, RootKey, Sign, Signature, TERMINAL_KEY, TERMINAL_SECRET};
pub use key_set::{KeySet, KeySetError, PublishedKey};
pub use online::{Answer, Online, Question};
pub use presentation::Presentation;
pub use proposal::Proposal;
pub use receipt::{Outcome, Receipt};
pub use refusal::{PeerMessage, Refusal};
pub use registration::{NotARegistration, Registration};
pub use replay::{ReplayCache, Use};
pub use request::Request;
pub use revocation::{RevocationList, RevocationListError, Revocations};
pub use token::{Mint, Moment, Narrowing, Token};
pub use verified::{Approved, Verified, Work};
pub use verifier::{Unspent, Verifier};
