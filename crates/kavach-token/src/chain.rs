//! The blocks from the root key down to the holder: who passed on what to whom.

use std::sync::Arc;

use kavach_core::{Action, AgentId, Permission, Resource, SubjectId, TenantId, Timestamp};

use crate::block::Unreadable;
use crate::claim::{Audience, Party, Source, Why};
use crate::envelope::SignedBlock;
use crate::id::{BlockId, TokenId};
use crate::key::{PublicKey, TERMINAL_KEY};
use crate::limits::{COMPARISONS_MAX, DEPTH_MAX, TEXT_BYTES_MAX};
use crate::profile::{Authority, DelegationBlock, InvocationBlock, Profiled};
use crate::refusal::Refusal;
use crate::right::{Bounds, Right};
use crate::symbols::Symbols;

/// A chain in which each block follows from the one above it. Whether the signatures hold is another
/// question, and so is the time.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) root_key_id: u32,
    pub(crate) issuer: Audience,
    pub(crate) tenant: TenantId,
    pub(crate) owner: SubjectId,
    pub(crate) agent: AgentId,
    pub(crate) source: Source,
    pub(crate) not_before: Timestamp,
    /// INVARIANT (first hop): the first is the agent that the issuer named.
    pub(crate) hops: Vec<Hop>,
    pub(crate) symbols: Symbols,
    pub(crate) last_signature: [u8; 64],
    comparisons: u32,
    text_bytes: usize,
}

/// One holder of a token: who, since when, by whose word, and with what.
#[derive(Clone, Debug)]
pub struct Hop {
    pub(crate) block: BlockId,
    pub(crate) id: TokenId,
    pub(crate) party: Party,
    pub(crate) key: PublicKey,
    pub(crate) at: Timestamp,
    pub(crate) why: Why,
    pub(crate) bounds: Bounds,
    pub(crate) audiences: Arc<[Audience]>,
    pub(crate) rights: Arc<[Right]>,
}

impl Hop {
    /// The block that made it a holder, for revocation and audit.
    #[must_use]
    pub fn block(&self) -> BlockId {
        self.block
    }

    /// What whoever signed that block called it.
    #[must_use]
    pub fn id(&self) -> TokenId {
        self.id
    }

    /// Who: for the first hop by the issuer's word, for each further one by its delegator's.
    #[must_use]
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// Its key, which signs what comes below.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// When the block says that it was made.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Why, in the delegator's words; empty for the first hop.
    #[must_use]
    pub fn why(&self) -> &str {
        self.why.as_str()
    }

    /// The first second at which it no longer holds.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.bounds.until
    }

    /// For which services.
    #[must_use]
    pub fn audiences(&self) -> &[Audience] {
        &self.audiences
    }
}

impl Chain {
    /// Begins with the first block.
    pub(crate) fn begin(root_key_id: u32, block: &SignedBlock<'_>) -> Result<Self, Refusal> {
        Self::begin_for(root_key_id, block, None)
    }

    /// As [`begin`](Self::begin); a next key that is `known` to be one is not worked out anew.
    pub(crate) fn begin_for(
        root_key_id: u32,
        block: &SignedBlock<'_>,
        known: Option<&PublicKey>,
    ) -> Result<Self, Refusal> {
        let mut symbols = Symbols::default();
        let (authority, new) = Authority::read(block.payload, &symbols)
            .map_err(|unreadable| unreadable.in_block(0))?;
        symbols.extend(&new.symbols);
        if new.text_bytes > TEXT_BYTES_MAX {
            return Err(Refusal::TooMuchWork);
        }
        let key = next_key(block, &authority.holder, 0, known)?;
        let until = authority.bounds.until;
        if authority.issued_at >= until || authority.not_before >= until {
            return Err(Refusal::Times { block: 0 });
        }
        if authority.bounds.deepest > DEPTH_MAX {
            return Err(Refusal::TooDeep { block: 0 });
        }
        if authority.audiences.is_empty() {
            return Err(Refusal::Profile { block: 0 });
        }
        Ok(Self {
            root_key_id,
            issuer: authority.issuer,
            tenant: authority.tenant,
            owner: authority.owner,
            agent: authority.agent,
            source: authority.source,
            not_before: authority.not_before,
            hops: vec![Hop {
                block: BlockId::of(block.signature),
                id: authority.id,
                party: Party::Agent(authority.agent),
                key,
                at: authority.issued_at,
                why: Why::default(),
                bounds: authority.bounds,
                audiences: authority.audiences.into(),
                rights: authority.rights.into(),
            }],
            symbols,
            last_signature: *block.signature,
            comparisons: 0,
            text_bytes: new.text_bytes,
        })
    }

    /// Adds a delegation, which must follow from the last hop.
    pub(crate) fn follow(&mut self, block: &SignedBlock<'_>) -> Result<(), Refusal> {
        self.follow_to(block, None)
    }

    /// As [`follow`](Self::follow); a next key that is `known` to be one is not worked out anew.
    pub(crate) fn follow_to(
        &mut self,
        block: &SignedBlock<'_>,
        known: Option<&PublicKey>,
    ) -> Result<(), Refusal> {
        let index = self.hops.len();
        let read = DelegationBlock::read(block.payload, &self.symbols);
        let (delegation, new) =
            read.map_err(|unreadable| self.not_a_delegation(block, unreadable))?;
        self.text_bytes = self.text_bytes.saturating_add(new.text_bytes);
        if self.text_bytes > TEXT_BYTES_MAX {
            return Err(Refusal::TooMuchWork);
        }
        let key = next_key(block, &delegation.holder, index, known)?;
        let hop = Hop {
            block: BlockId::of(block.signature),
            id: delegation.id,
            party: delegation.to,
            key,
            at: delegation.at,
            why: delegation.why,
            bounds: delegation.bounds,
            audiences: delegation.audiences.into(),
            rights: delegation.rights.into(),
        };
        let last = self.last()?;
        if delegation.from != last.party {
            return Err(Refusal::Delegator { block: index });
        }
        self.check_bounds(last, &hop)?;
        if self.hops.iter().any(|above| above.key == key) {
            return Err(Refusal::KeyRepeated { block: index });
        }
        let (contained, comparisons) = self.check_rights(last, &hop);
        self.comparisons = comparisons;
        contained?;
        self.symbols.extend(&new.symbols);
        self.last_signature = *block.signature;
        self.hops.push(hop);
        Ok(())
    }

    /// Says why block number `self.hops.len()` is no delegation.
    fn not_a_delegation(&self, block: &SignedBlock<'_>, unreadable: Unreadable) -> Refusal {
        let index = self.hops.len();
        match InvocationBlock::read(block.payload, &self.symbols) {
            Ok(_) => Refusal::SecondInvocation { block: index },
            Err(_) => unreadable.in_block(index),
        }
    }

    fn check_bounds(&self, last: &Hop, hop: &Hop) -> Result<(), Refusal> {
        let index = self.hops.len();
        let depth = self.depth().saturating_add(1);
        if depth > last.bounds.deepest || hop.bounds.deepest > last.bounds.deepest {
            return Err(Refusal::TooDeep { block: index - 1 });
        }
        if hop.bounds.deepest < depth {
            return Err(Refusal::TooDeep { block: index });
        }
        let (until, at) = (hop.bounds.until, hop.at);
        if at < last.at || until > last.bounds.until || at >= until {
            return Err(Refusal::Times { block: index });
        }
        let mut audiences = hop.audiences.iter();
        if hop.audiences.is_empty() || !audiences.all(|audience| last.audiences.contains(audience))
        {
            return Err(Refusal::AudienceWidened { block: index });
        }
        Ok(())
    }

    /// Whether each right of `hop` lies in one of `last`; and how many steps there were so far.
    fn check_rights(&self, last: &Hop, hop: &Hop) -> (Result<(), Refusal>, u32) {
        let mut comparisons = self.comparisons;
        // What is passed on mostly stands in the order in which it is held: the search goes on where it ended.
        let mut next = 0;
        for right in hop.rights.iter() {
            let mut contained = false;
            let (before, from) = last.rights.split_at(next);
            for (place, held) in from.iter().chain(before).enumerate() {
                let (held, steps) = held.contains(right);
                comparisons = comparisons.saturating_add(steps);
                if comparisons > COMPARISONS_MAX {
                    return (Err(Refusal::TooMuchWork), comparisons);
                }
                contained = held;
                if contained {
                    next = (next + place + 1) % last.rights.len().max(1);
                    break;
                }
            }
            if !contained {
                let block = self.hops.len();
                return (Err(Refusal::RightWidened { block }), comparisons);
            }
        }
        (Ok(()), comparisons)
    }

    /// The last hop, who holds the token.
    pub(crate) fn last(&self) -> Result<&Hop, Refusal> {
        // INVARIANT (first hop): never empty.
        self.hops.last().ok_or(Refusal::Malformed)
    }

    /// How many delegations there are.
    pub(crate) fn depth(&self) -> u8 {
        // At most 15 blocks, of which one is the first.
        u8::try_from(self.hops.len())
            .unwrap_or(u8::MAX)
            .saturating_sub(1)
    }

    /// Steps of comparing rights with rights.
    pub(crate) fn comparisons(&self) -> u32 {
        self.comparisons
    }

    /// Bytes of text in its facts, each string counted as often as it is used.
    pub(crate) fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// The first second at which it no longer holds. Ends never move back along the chain.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.hops
            .last()
            .map_or(self.not_before, |last| last.bounds.until)
    }

    /// The latest time at which any of its blocks says that it was made.
    pub(crate) fn made_at(&self) -> Timestamp {
        self.hops.last().map_or(self.not_before, |last| last.at)
    }

    /// What the holder may do at `now`.
    pub(crate) fn permissions(&self, now: Timestamp) -> Vec<Permission> {
        let depth = self.depth();
        let rights = self
            .hops
            .last()
            .into_iter()
            .flat_map(|last| last.rights.iter());
        let held = rights.filter(|right| now < right.until);
        held.filter_map(|right| right.permission_at(depth))
            .collect()
    }

    /// The rights of one hop that speak of a call, those without a condition first.
    pub(crate) fn covering<'a>(
        &'a self,
        hop: &'a Hop,
        action: &'a Action,
        resource: &'a Resource,
        now: Timestamp,
    ) -> impl Iterator<Item = &'a Right> {
        let depth = self.depth();
        hop.rights
            .iter()
            .filter(move |right| right.covers(action, resource, depth, now))
    }
}

/// The key that follows `block`, which must be the one that it says.
fn next_key(
    block: &SignedBlock<'_>,
    said: &[u8; 32],
    index: usize,
    known: Option<&PublicKey>,
) -> Result<PublicKey, Refusal> {
    if *block.next_key == TERMINAL_KEY {
        return Err(Refusal::TerminalKey { block: index });
    }
    if block.next_key != said {
        return Err(Refusal::Holder { block: index });
    }
    match known.filter(|known| known.as_bytes() == said) {
        Some(known) => Ok(*known),
        None => PublicKey::from_bytes(block.next_key).map_err(|_| Refusal::Key { block: index }),
    }
}
