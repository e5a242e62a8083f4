//! A token in its holder's hand: minted, delegated, invoked.

use core::fmt;
use core::str::FromStr;

use kavach_core::{AgentId, Mode, Permission, SubjectId, TenantId, Timestamp, narrow};
use sha2::{Digest, Sha256};

use crate::armor;
use crate::block::Written;
use crate::call::Call;
use crate::chain::{Chain, Hop};
use crate::claim::{Audience, Party, Source, Why};
use crate::envelope::{self, Envelope, SignedBlock};
use crate::error::IssueError;
use crate::id::{Nonce, TokenId};
use crate::key::{PublicKey, RootKey, Sign, TERMINAL_KEY};
use crate::key_set::KeySet;
use crate::limits::{AUDIENCES_MAX, DEPTH_MAX, FACTS_MAX, TOKEN_BYTES_MAX};
use crate::presentation::Presentation;
use crate::profile::{Authority, DelegationBlock, Profiled};
use crate::proposal::Proposal;
use crate::refusal::Refusal;
use crate::right::{Bounds, Right};

#[cfg(test)]
mod tests;

/// What stands before the base64 of the open form.
const PREFIX: &str = "kv1.";

/// A token in the open form: of use only to whoever holds the last key.
///
/// It has no proof, and so is no Biscuit yet: other libraries refuse it, and so does a verifier. It travels
/// between agents as `kv1.` and base64url, and is no secret.
#[derive(Clone, Debug)]
pub struct Token {
    bytes: Vec<u8>,
    chain: Chain,
}

/// What an issuer states in the first block.
#[expect(
    clippy::exhaustive_structs,
    reason = "each part is a fact of the profile"
)]
#[derive(Clone, Debug)]
pub struct Mint {
    /// Who issues: the URL under which the key set is published.
    pub issuer: Audience,
    /// What the issuer calls the token: 16 random bytes.
    pub id: TokenId,
    /// For which agent.
    pub agent: AgentId,
    /// With which key.
    pub holder: PublicKey,
    /// On whose behalf it acts.
    pub owner: SubjectId,
    /// In which tenant.
    pub tenant: TenantId,
    /// From which record.
    pub source: Source,
    /// Now.
    pub issued_at: Timestamp,
    /// The first second at which it holds.
    pub not_before: Timestamp,
    /// The first second at which it no longer does.
    pub expires_at: Timestamp,
    /// How many delegations there may be below it; at most 14, and zero for none.
    pub max_depth: u8,
    /// For which services: 1 to 8.
    pub audiences: Vec<Audience>,
    /// What it allows.
    pub permissions: Vec<Permission>,
}

/// What a holder passes on.
#[expect(
    clippy::exhaustive_structs,
    reason = "each part is a fact of the profile"
)]
#[derive(Clone, Debug)]
pub struct Narrowing {
    /// What the delegator calls the delegation: 16 random bytes.
    pub id: TokenId,
    /// To whom.
    pub to: Party,
    /// Why; may be empty.
    pub why: Why,
    /// Now.
    pub at: Timestamp,
    /// The first second at which it no longer holds; `None` for as long as the token does.
    pub expires_at: Option<Timestamp>,
    /// How many delegations there may be below it; `None` for as many as the token has left.
    pub max_depth: Option<u8>,
    /// For which services; `None` for all of the token's.
    pub audiences: Option<Vec<Audience>>,
    /// What is passed on; `None` for all that the token allows.
    pub permissions: Option<Vec<Permission>>,
    /// What to do with a request that is wider than the token.
    pub mode: Mode,
}

/// When a call is made, and how it is told apart from all others.
#[expect(
    clippy::exhaustive_structs,
    reason = "each part is a fact of the profile"
)]
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Now.
    pub at: Timestamp,
    /// For how many seconds the invocation holds: 1 to 60.
    pub ttl_s: u64,
    /// 16 random bytes; those that an approval was asked with, if there is one.
    pub nonce: Nonce,
}

impl Token {
    /// Makes a token, signed by the tenant's root key.
    ///
    /// # Errors
    /// If the parts do not fit each other or a block, or the key did not sign. Change what the error names.
    pub fn mint<S: Sign>(root: &RootKey<S>, mint: Mint) -> Result<Self, IssueError> {
        if mint.holder == root.public_key() || *mint.holder.as_bytes() == TERMINAL_KEY {
            return Err(IssueError::Key);
        }
        if mint.issued_at >= mint.expires_at || mint.not_before >= mint.expires_at {
            return Err(IssueError::Times);
        }
        if mint.max_depth > DEPTH_MAX {
            return Err(IssueError::Depth);
        }
        check_audiences(&mint.audiences)?;
        let bounds = Bounds {
            until: mint.expires_at,
            deepest: mint.max_depth,
        };
        let authority = Authority {
            issuer: mint.issuer,
            id: mint.id,
            agent: mint.agent,
            holder: *mint.holder.as_bytes(),
            owner: mint.owner,
            tenant: mint.tenant,
            source: mint.source,
            issued_at: mint.issued_at,
            not_before: mint.not_before,
            bounds,
            audiences: mint.audiences,
            rights: rights(&mint.permissions, bounds, 0)?,
        };
        let payload = checked(authority.write(&Default::default()))?;
        let holder = mint.holder;
        let signed = envelope::sign_block(root, &payload, holder.as_bytes(), None, None)?;
        // What was just made is read again: nobody is given a token that a verifier would refuse.
        let block = SignedBlock::read(&signed.block, 0).map_err(issue_error)?;
        let chain = Chain::begin_for(root.id(), &block, Some(&holder)).map_err(issue_error)?;
        Self::within_limits(envelope::first(root.id(), &signed.block), chain)
    }

    /// Passes the token on to the holder of `to_key`, or a part of what it allows. Needs no network: only the
    /// key that the token was given to.
    ///
    /// # Errors
    /// If `holder` does not hold the token, if more is passed on than it allows (in strict mode), or if the
    /// token would be too deep or too large.
    pub fn delegate(
        &self,
        holder: &(impl Sign + ?Sized),
        to_key: &PublicKey,
        narrowing: Narrowing,
    ) -> Result<Self, IssueError> {
        let last = self.held_by(holder)?;
        let taken = self.chain.hops.iter().any(|hop| hop.key == *to_key);
        if taken || *to_key.as_bytes() == TERMINAL_KEY {
            return Err(IssueError::Key);
        }
        let index = self.chain.depth().saturating_add(1);
        let bounds = narrowed_bounds(last, index, &narrowing)?;
        let delegation = DelegationBlock {
            id: narrowing.id,
            from: last.party.clone(),
            to: narrowing.to,
            at: narrowing.at,
            holder: *to_key.as_bytes(),
            why: narrowing.why,
            bounds,
            audiences: narrowed_audiences(last, narrowing.audiences, narrowing.mode)?,
            rights: narrowed_rights(last, bounds, index, narrowing.permissions, narrowing.mode)?,
        };
        let payload = checked(delegation.write(&self.chain.symbols))?;
        let previous = Some(&self.chain.last_signature);
        let signed = envelope::sign_block(holder, &payload, to_key.as_bytes(), previous, None)?;
        // The blocks above were read when this token was made or came in: only the new one is looked at.
        let mut chain = self.chain.clone();
        let block = SignedBlock::read(&signed.block, 0).map_err(issue_error)?;
        let followed = chain.follow_to(&block, Some(to_key));
        followed.map_err(issue_error)?;
        let mut bytes = Vec::with_capacity(self.bytes.len() + signed.block.len() + 4);
        bytes.extend_from_slice(&self.bytes);
        envelope::append(&mut bytes, &signed.block);
        Self::within_limits(bytes, chain)
    }

    /// Uses the token for one call.
    ///
    /// # Errors
    /// If `holder` does not hold the token, or it does not allow the call.
    pub fn invoke(
        &self,
        holder: &(impl Sign + ?Sized),
        call: &Call,
        moment: Moment,
    ) -> Result<Presentation, IssueError> {
        let proposal = self.propose(call.clone(), moment.nonce);
        proposal.invoke(holder, moment.at, moment.ttl_s)
    }

    /// Begins a call that approvers say yes to before it is made.
    #[must_use]
    pub fn propose(&self, call: Call, nonce: Nonce) -> Proposal<'_> {
        Proposal::new(self, call, nonce)
    }

    /// Whether the token holds: all its signatures, the first one by a key of `keys`.
    ///
    /// # Errors
    /// What is wrong with it. A delegatee looks before it relies on what it was given.
    pub fn check(&self, keys: &KeySet, now: Timestamp) -> Result<(), Refusal> {
        let root = keys.root(Some(self.chain.root_key_id), now)?;
        keys.check_issued(&self.chain.issuer, self.chain.tenant)?;
        let envelope = Envelope::read(&self.bytes)?;
        let mut signer = *root;
        let mut previous = None;
        for (index, (block, hop)) in envelope.blocks.iter().zip(&self.chain.hops).enumerate() {
            block.check(index, &signer, previous)?;
            (signer, previous) = (hop.key, Some(block.signature));
        }
        if now >= self.expires_at() {
            let block = self.chain.hops.len() - 1;
            return Err(Refusal::Expired { block });
        }
        Ok(())
    }

    /// The agent that it was minted for.
    #[must_use]
    pub fn agent(&self) -> AgentId {
        self.chain.agent
    }

    /// Everybody who held it, the agent first and whoever holds it now last.
    #[must_use]
    pub fn line(&self) -> &[Hop] {
        &self.chain.hops
    }

    /// The first second at which it no longer holds.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.chain.expires_at()
    }

    /// What it allows its holder at `now`.
    #[must_use]
    pub fn permissions(&self, now: Timestamp) -> Vec<Permission> {
        self.chain.permissions(now)
    }

    /// The open form's bytes: a Biscuit without its proof.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads the open form's bytes. The signatures are not looked at: see [`check`](Self::check).
    ///
    /// # Errors
    /// If it is not a chain of ours, in the open form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let envelope = Envelope::read(bytes)?;
        if envelope.proof.is_some() {
            return Err(Refusal::Proof);
        }
        let id = envelope.root_key_id.ok_or(Refusal::UnknownRootKey)?;
        let (first, further) = envelope.blocks.split_first().ok_or(Refusal::Malformed)?;
        let mut chain = Chain::begin(id, first)?;
        for block in further {
            if block.external.is_some() {
                let block = chain.hops.len();
                return Err(Refusal::ThirdParty { block });
            }
            chain.follow(block)?;
        }
        let bytes = bytes.to_vec();
        Ok(Self { bytes, chain })
    }

    fn within_limits(bytes: Vec<u8>, chain: Chain) -> Result<Self, IssueError> {
        if bytes.len() > TOKEN_BYTES_MAX {
            return Err(IssueError::TooLarge);
        }
        Ok(Self { bytes, chain })
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    pub(crate) fn held_by(&self, holder: &(impl Sign + ?Sized)) -> Result<&Hop, IssueError> {
        let last = self.chain.hops.last();
        last.filter(|last| last.key == holder.public_key())
            .ok_or(IssueError::NotTheHolder)
    }

    /// Names the chain, for logs: the SHA-256 of its bytes.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", armor::unpadded(&self.bytes))
    }
}

impl FromStr for Token {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text.len() > 2 * TOKEN_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        let body = text.strip_prefix(PREFIX).ok_or(Refusal::Malformed)?;
        Self::from_bytes(&armor::read_unpadded(body).ok_or(Refusal::Malformed)?)
    }
}

/// Why what was just made would be refused, in terms of what was asked for.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is not about size is about what is passed on"
)]
fn issue_error(refusal: Refusal) -> IssueError {
    match refusal {
        Refusal::TooLarge | Refusal::TooManyBlocks | Refusal::TooMuchWork => IssueError::TooLarge,
        Refusal::Times { .. } => IssueError::Times,
        Refusal::TooDeep { .. } => IssueError::Depth,
        _ => IssueError::Permissions,
    }
}

pub(crate) fn checked(written: Written) -> Result<Vec<u8>, IssueError> {
    if written.facts > FACTS_MAX {
        return Err(IssueError::Permissions);
    }
    Ok(written.payload)
}

fn check_audiences(audiences: &[Audience]) -> Result<(), IssueError> {
    if (1..=AUDIENCES_MAX).contains(&audiences.len()) {
        Ok(())
    } else {
        Err(IssueError::Audience)
    }
}

fn rights(permissions: &[Permission], bounds: Bounds, index: u8) -> Result<Vec<Right>, IssueError> {
    if permissions.is_empty() {
        return Err(IssueError::Permissions);
    }
    let rights = permissions.iter();
    Ok(rights
        .map(|permission| Right::new(permission, bounds, index))
        .collect())
}

fn narrowed_bounds(last: &Hop, index: u8, narrowing: &Narrowing) -> Result<Bounds, IssueError> {
    let mut bounds = last.bounds;
    if index > bounds.deepest {
        return Err(IssueError::Depth);
    }
    if let Some(until) = narrowing.expires_at {
        if until > bounds.until && narrowing.mode == Mode::Strict {
            return Err(IssueError::Times);
        }
        bounds.until = bounds.until.min(until);
    }
    if let Some(depth) = narrowing.max_depth {
        let deepest = index.saturating_add(depth);
        if deepest > bounds.deepest && narrowing.mode == Mode::Strict {
            return Err(IssueError::Depth);
        }
        bounds.deepest = bounds.deepest.min(deepest);
    }
    if narrowing.at < last.at || narrowing.at >= bounds.until {
        return Err(IssueError::Times);
    }
    Ok(bounds)
}

fn narrowed_audiences(
    last: &Hop,
    asked: Option<Vec<Audience>>,
    mode: Mode,
) -> Result<Vec<Audience>, IssueError> {
    let Some(mut audiences) = asked else {
        return Ok(last.audiences.to_vec());
    };
    let before = audiences.len();
    audiences.retain(|audience| last.audiences.contains(audience));
    if mode == Mode::Strict && audiences.len() < before {
        return Err(IssueError::Audience);
    }
    check_audiences(&audiences)?;
    Ok(audiences)
}

fn narrowed_rights(
    last: &Hop,
    bounds: Bounds,
    index: u8,
    asked: Option<Vec<Permission>>,
    mode: Mode,
) -> Result<Vec<Right>, IssueError> {
    let reaching = last.rights.iter().filter(|right| right.deepest >= index);
    let held = reaching.map(|right| right.passed_on(last.bounds, index));
    let held: Vec<Permission> = held.collect();
    if mode == Mode::Strict {
        let asked = asked.iter().flatten();
        asked
            .map(|asked| &asked.constraints)
            .try_for_each(|named| {
                if named
                    .expires_at
                    .is_some_and(|until| until > last.bounds.until)
                {
                    return Err(IssueError::Times);
                }
                let deepest = named.max_depth.map(|depth| index.saturating_add(depth));
                if deepest.is_some_and(|deepest| deepest > last.bounds.deepest) {
                    return Err(IssueError::Depth);
                }
                Ok(())
            })?;
    }
    let permissions = match asked {
        None => held,
        Some(asked) => narrow(&held, &asked, mode).map_err(IssueError::Narrowing)?,
    };
    rights(&permissions, bounds, index)
}
