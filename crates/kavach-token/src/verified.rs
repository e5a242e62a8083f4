//! What a verifier found out about a call it accepts.

use core::fmt;
use std::sync::Arc;

use kavach_core::{AgentId, Permission, SubjectId, TenantId, Timestamp};

use crate::call::Call;
use crate::chain::{Chain, Hop};
use crate::claim::{Audience, Source};
use crate::id::{BlockId, Nonce};
use crate::key::PublicKey;

/// An accepted call: who makes it, by whose word, and what the whole chain leaves them.
#[derive(Clone, Debug)]
pub struct Verified {
    pub(crate) chain: Arc<Chain>,
    pub(crate) call: Call,
    pub(crate) block: BlockId,
    pub(crate) nonce: Nonce,
    pub(crate) at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) approvals: Vec<Approved>,
    pub(crate) work: Work,
    pub(crate) now: Timestamp,
}

/// An approver's yes that came with the call.
#[expect(clippy::exhaustive_structs, reason = "an approval says these three")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Approved {
    /// Whose.
    pub key: PublicKey,
    /// Since when.
    pub at: Timestamp,
    /// Until when, exclusive.
    pub expires_at: Timestamp,
}

/// What verifying cost, counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Work {
    /// Signatures looked at.
    pub signatures: u32,
    /// Steps of comparing rights with rights, and rights compared with the call.
    pub comparisons: u32,
    /// Bytes of text in the chain, each string counted as often as a block uses it.
    pub text_bytes: u32,
}

impl Work {
    /// Counts what `chain` took so far, now or when it was first looked at.
    pub(crate) fn take(&mut self, chain: &Chain) {
        self.comparisons = chain.comparisons();
        self.text_bytes = u32::try_from(chain.text_bytes()).unwrap_or(u32::MAX);
    }
}

impl Verified {
    /// Who issued the token.
    #[must_use]
    pub fn issuer(&self) -> &Audience {
        &self.chain.issuer
    }

    /// The number of the root key that signed the token.
    #[must_use]
    pub fn root_key_id(&self) -> u32 {
        self.chain.root_key_id
    }

    /// In which tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.chain.tenant
    }

    /// On whose behalf all of the line acts.
    #[must_use]
    pub fn owner(&self) -> SubjectId {
        self.chain.owner
    }

    /// The agent that the token was minted for.
    #[must_use]
    pub fn agent(&self) -> AgentId {
        self.chain.agent
    }

    /// The record that it was minted from. Online, a call is allowed only what this still allows.
    #[must_use]
    pub fn source(&self) -> Source {
        self.chain.source
    }

    /// Everybody who held the token, the agent first and the caller last.
    #[must_use]
    pub fn line(&self) -> &[Hop] {
        &self.chain.hops
    }

    /// The key that the token was last given to, and which signed the call.
    #[must_use]
    pub fn caller(&self) -> Option<&Hop> {
        self.chain.hops.last()
    }

    /// What was called.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// All that the chain allows its holder now, of which the call is one part.
    #[must_use]
    pub fn permissions(&self) -> Vec<Permission> {
        self.chain.permissions(self.now)
    }

    /// The invocation's block, for the audit trail.
    #[must_use]
    pub fn invocation(&self) -> BlockId {
        self.block
    }

    /// What the invocation is told apart by.
    #[must_use]
    pub fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// When the caller says that it was made.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The first second at which the invocation no longer holds.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Who said yes to it.
    #[must_use]
    pub fn approvals(&self) -> &[Approved] {
        &self.approvals
    }

    /// What it cost to find out.
    #[must_use]
    pub fn work(&self) -> Work {
        self.work
    }
}

/// The line in words: who, by whose word, since when.
impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.chain.agent)?;
        write!(f, " (of {} in {})", self.chain.owner, self.chain.tenant)?;
        for hop in self.chain.hops.iter().skip(1) {
            let (key, party, at) = (hop.key(), hop.party(), hop.at());
            write!(
                f,
                ", then key {key}, called {party} by its delegator at {at}"
            )?;
        }
        let Call {
            audience,
            action,
            resource,
            ..
        } = &self.call;
        write!(f, ": {action} {resource} at {audience}")
    }
}
