//! What a token says, whatever it is worth.

use core::str::FromStr;

use kavach_core::{AgentId, Permission, SubjectId, TenantId, Timestamp};

use crate::armor;
use crate::call::Call;
use crate::chain::{Chain, Hop};
use crate::claim::{Audience, Source};
use crate::envelope::{Envelope, Proof, SignedBlock};
use crate::id::{BlockId, Nonce};
use crate::key::{TERMINAL_KEY, TERMINAL_SECRET};
use crate::key_set::KeySet;
use crate::limits::TOKEN_BYTES_MAX;
use crate::profile::{ApprovalBlock, InvocationBlock, Profiled};
use crate::refusal::Refusal;
use crate::symbols::Symbols;

/// A token of any form, read for people to look at. **Nothing about it was checked** unless
/// [`signed_by`](Self::signed_by) says so: anybody can write a token that says anything.
///
/// It shows what can be read; where it ends early, [`fault`](Self::fault) says why.
#[derive(Clone, Debug)]
pub struct Inspection {
    bytes: Vec<u8>,
    form: Form,
    chain: Chain,
    approvals: usize,
    invocation: Option<Invocation>,
    fault: Option<Refusal>,
}

/// The forms that a token comes in.
#[expect(clippy::exhaustive_enums, reason = "a proof is one of these")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// Without a proof: for whoever holds the last key.
    Open,
    /// Made for one call.
    Presentation,
    /// With its secret inside: whoever has it can use it.
    Bearer,
    /// As a bearer token, and nobody can narrow it further.
    Sealed,
}

/// The call that a presentation was made for.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Invocation {
    /// The block that says so.
    pub block: BlockId,
    /// What it is told apart by.
    pub nonce: Nonce,
    /// When it was made, by its caller's clock.
    pub at: Timestamp,
    /// The first second at which it no longer holds.
    pub expires_at: Timestamp,
    /// What is called.
    pub call: Call,
}

impl Inspection {
    /// Reads the bytes of a Biscuit, or of the open form.
    ///
    /// # Errors
    /// If there is nothing to show: it is no token, or its first block is none of ours.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let envelope = Envelope::read(bytes)?;
        let id = envelope.root_key_id.ok_or(Refusal::UnknownRootKey)?;
        let (first, further) = envelope.blocks.split_first().ok_or(Refusal::Malformed)?;
        let mut read = Self {
            bytes: bytes.to_vec(),
            form: Form::of(envelope.proof),
            chain: Chain::begin(id, first)?,
            approvals: 0,
            invocation: None,
            fault: None,
        };
        let mut blocks = further.iter();
        read.fault = blocks.find_map(|block| read.follow(block).err());
        if read.fault.is_none() && (read.form == Form::Presentation) != read.invocation.is_some() {
            read.fault = Some(match read.form {
                Form::Presentation => Refusal::NoInvocation,
                Form::Open | Form::Bearer | Form::Sealed => Refusal::Proof,
            });
        }
        Ok(read)
    }

    fn follow(&mut self, block: &SignedBlock<'_>) -> Result<(), Refusal> {
        let invoked = usize::from(self.invocation.is_some());
        let index = self.chain.hops.len() + self.approvals + invoked;
        if self.invocation.is_some() {
            return Err(Refusal::TerminalKey { block: index });
        }
        if block.external.is_some() {
            let read = ApprovalBlock::read(block.payload, &Symbols::default());
            read.map_err(|_| Refusal::ThirdParty { block: index })?;
            self.approvals += 1;
        } else if *block.next_key == TERMINAL_KEY {
            let read = InvocationBlock::read(block.payload, &self.chain.symbols);
            let (read, _) = read.map_err(|unreadable| unreadable.in_block(index))?;
            self.invocation = Some(Invocation {
                block: BlockId::of(block.signature),
                nonce: read.nonce,
                at: read.at,
                expires_at: read.bounds.until,
                call: Call {
                    audience: read.audience,
                    action: read.action,
                    resource: read.resource,
                    arguments: read.arguments,
                },
            });
        } else if self.approvals > 0 {
            return Err(Refusal::ThirdParty { block: index });
        } else {
            self.chain.follow(block)?;
        }
        Ok(())
    }

    /// Whether every signature holds, the first by a key of `keys` that counts at `now`. Whether it may be
    /// used is another question: see [`Verifier`](crate::Verifier).
    ///
    /// # Errors
    /// The first fault.
    pub fn signed_by(&self, keys: &KeySet, now: Timestamp) -> Result<(), Refusal> {
        let root = keys.root(Some(self.chain.root_key_id), now)?;
        keys.check_issued(&self.chain.issuer, self.chain.tenant)?;
        let envelope = Envelope::read(&self.bytes)?;
        let (mut signer, mut previous) = (*root, None);
        for (index, block) in envelope.blocks.iter().enumerate() {
            block.check(index, &signer, previous)?;
            // Approvals stay in the last hand, and nothing follows an invocation.
            if let Some(hop) = self.chain.hops.get(index) {
                signer = hop.key;
            }
            previous = Some(block.signature);
        }
        self.fault.map_or(Ok(()), Err)
    }

    /// In which form it is.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// Why no more of it can be read; `None` if all of it was.
    #[must_use]
    pub fn fault(&self) -> Option<Refusal> {
        self.fault
    }

    /// The number of the root key that it says signed it.
    #[must_use]
    pub fn root_key_id(&self) -> u32 {
        self.chain.root_key_id
    }

    /// Who it says issued it.
    #[must_use]
    pub fn issuer(&self) -> &Audience {
        &self.chain.issuer
    }

    /// In which tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.chain.tenant
    }

    /// On whose behalf.
    #[must_use]
    pub fn owner(&self) -> SubjectId {
        self.chain.owner
    }

    /// For which agent.
    #[must_use]
    pub fn agent(&self) -> AgentId {
        self.chain.agent
    }

    /// From which record.
    #[must_use]
    pub fn source(&self) -> Source {
        self.chain.source
    }

    /// The first second at which it holds.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.chain.not_before
    }

    /// Everybody who held it, the agent first.
    #[must_use]
    pub fn line(&self) -> &[Hop] {
        &self.chain.hops
    }

    /// What the hop of this number allows its holder; empty if there is none.
    #[must_use]
    pub fn permissions(&self, hop: usize) -> Vec<Permission> {
        let index = u8::try_from(hop).unwrap_or(u8::MAX);
        let rights = self.chain.hops.get(hop).into_iter();
        rights
            .flat_map(|held| {
                held.rights
                    .iter()
                    .map(|right| right.passed_on(held.bounds, index))
            })
            .collect()
    }

    /// How many delegations there may be below the hop of this number; `None` if there is none.
    #[must_use]
    pub fn max_depth(&self, hop: usize) -> Option<u8> {
        let index = u8::try_from(hop).ok()?;
        let deepest = self.chain.hops.get(hop)?.bounds.deepest;
        Some(deepest.saturating_sub(index))
    }

    /// How many approvals came with it.
    #[must_use]
    pub fn approvals(&self) -> usize {
        self.approvals
    }

    /// The call that it was made for, if it is a presentation.
    #[must_use]
    pub fn invocation(&self) -> Option<&Invocation> {
        self.invocation.as_ref()
    }
}

impl FromStr for Inspection {
    type Err = Refusal;

    /// Reads a token as text, in any of its forms.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text.len() > 2 * TOKEN_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        let bytes = match text.strip_prefix("kv1.") {
            Some(open) => armor::read_unpadded(open),
            None => armor::read_padded(text),
        };
        Self::from_bytes(&bytes.ok_or(Refusal::Malformed)?)
    }
}

impl Form {
    fn of(proof: Option<Proof<'_>>) -> Self {
        match proof {
            None => Self::Open,
            Some(Proof::NextSecret(secret)) if secret == TERMINAL_SECRET => Self::Presentation,
            Some(Proof::NextSecret(_)) => Self::Bearer,
            Some(Proof::FinalSignature(_)) => Self::Sealed,
        }
    }
}

#[cfg(test)]
mod tests;
