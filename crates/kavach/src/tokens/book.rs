//! What decisions ask about tokens, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kavach_core::{AgentId, TenantId, Timestamp};
use kavach_store::{Record, StoreError, Version};
use kavach_token::{BlockId, Hop, KeySet, PublicKey, TokenId};

use super::record::{
    HOLDERS, HolderRecord, REVOKED, ROOTS, RevokedRecord, RootsRecord, decode, public_key,
    revocable_at, tenant_of,
};
use super::revoked::Revocable;

/// Holder keys, root keys and what was revoked, of every tenant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    tenants: BTreeMap<TenantId, Arc<Pages>>,
}

/// What is known of one tenant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pages {
    holders: BTreeMap<PublicKey, Known>,
    pub(super) roots: Option<Roots>,
    blocks: BTreeSet<BlockId>,
    keys: BTreeSet<PublicKey>,
    tokens: BTreeSet<TokenId>,
}

/// A holder key that is registered, or was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) agent: AgentId,
    pub(super) added_at: Timestamp,
    pub(super) removed_at: Option<Timestamp>,
    pub(super) version: Version,
}

/// A tenant's root keys, as the store has them.
#[derive(Clone, Debug)]
pub(super) struct Roots {
    pub(super) keys: KeySet,
    pub(super) version: Version,
}

impl Book {
    /// What is known of a tenant; `None` if nothing is.
    pub(super) fn of(&self, tenant: TenantId) -> Option<&Arc<Pages>> {
        self.tenants.get(&tenant)
    }

    /// The tenants that have root keys, in order.
    pub(super) fn with_roots(&self) -> impl Iterator<Item = TenantId> + '_ {
        let tenants = self.tenants.iter();
        tenants
            .filter(|(_, pages)| pages.roots.is_some())
            .map(|(tenant, _)| *tenant)
    }

    /// Follows one record of [`TOKEN_SPACES`](super::TOKEN_SPACES); `None`: it is gone. Others are passed over.
    pub(crate) fn apply(
        &mut self,
        space: &str,
        key: &[u8],
        record: Option<&Record>,
    ) -> Result<(), StoreError> {
        if !super::TOKEN_SPACES
            .iter()
            .any(|known| known.name() == space)
        {
            return Ok(());
        }
        let (tenant, rest) = tenant_of(key)?;
        let pages = Arc::make_mut(self.tenants.entry(tenant).or_default());
        if space == HOLDERS.name() {
            let key = public_key(rest)?;
            match record {
                Some(record) => {
                    let known: HolderRecord = decode(&record.bytes)?;
                    let known = Known {
                        agent: known.agent,
                        added_at: known.added_at,
                        removed_at: known.removed_at,
                        version: record.version,
                    };
                    pages.holders.insert(key, known);
                }
                None => drop(pages.holders.remove(&key)),
            }
        } else if space == REVOKED.name() {
            let known = record.map(|record| decode::<RevokedRecord>(&record.bytes));
            let known = known.transpose()?.is_some();
            match (revocable_at(rest)?, known) {
                (Revocable::Block(id), true) => pages.blocks.insert(id),
                (Revocable::Block(id), false) => pages.blocks.remove(&id),
                (Revocable::Key(key), true) => pages.keys.insert(key),
                (Revocable::Key(key), false) => pages.keys.remove(&key),
                (Revocable::Token(id), true) => pages.tokens.insert(id),
                (Revocable::Token(id), false) => pages.tokens.remove(&id),
            };
        } else if space == ROOTS.name() {
            let roots = record.map(|record| {
                let keys = decode::<RootsRecord>(&record.bytes)?.key_set()?;
                let version = record.version;
                Ok::<_, StoreError>(Roots { keys, version })
            });
            pages.roots = roots.transpose()?;
        }
        Ok(())
    }
}

impl Pages {
    /// The agent that this key is, or was, a holder key of.
    pub(super) fn holder(&self, key: &PublicKey) -> Option<&Known> {
        self.holders.get(key)
    }

    /// All holder keys, removed ones included.
    pub(super) fn holders(&self) -> impl Iterator<Item = (&PublicKey, &Known)> {
        self.holders.iter()
    }

    /// Whether the key is a live holder key of the agent. Whether the agent itself still lives is another
    /// question.
    pub(super) fn holds(&self, agent: AgentId, key: &PublicKey) -> bool {
        let known = self.holders.get(key);
        known.is_some_and(|known| known.agent == agent && known.removed_at.is_none())
    }

    /// Whether something was revoked as such.
    pub(super) fn is_revoked(&self, what: &Revocable) -> bool {
        match what {
            Revocable::Block(id) => self.blocks.contains(id),
            Revocable::Key(key) => self.keys.contains(key),
            Revocable::Token(id) => self.tokens.contains(id),
        }
    }

    /// Whether a hop was revoked: its block, its key, what it was called; or its key was removed.
    pub(super) fn revokes(&self, hop: &Hop) -> bool {
        let removed = self.holder(hop.key()).and_then(|known| known.removed_at);
        removed.is_some()
            || self.blocks.contains(&hop.block())
            || self.keys.contains(hop.key())
            || self.tokens.contains(&hop.id())
    }

    /// All that was revoked as such.
    pub(super) fn revoked(&self) -> impl Iterator<Item = Revocable> + '_ {
        let blocks = self.blocks.iter().copied().map(Revocable::Block);
        let keys = self.keys.iter().copied().map(Revocable::Key);
        let tokens = self.tokens.iter().copied().map(Revocable::Token);
        blocks.chain(keys).chain(tokens)
    }
}
