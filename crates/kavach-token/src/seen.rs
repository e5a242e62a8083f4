//! Chains whose signatures were found to hold, so that they need not be looked at again.

use std::collections::BTreeMap;
use std::sync::Arc;

use kavach_core::Timestamp;
use sha2::{Digest, Sha256};

use crate::chain::Chain;
use crate::key::PublicKey;

#[cfg(test)]
mod tests;

/// Every byte of a chain and of the root key, hashed. A signature alone would name several chains.
pub(crate) type ChainHash = [u8; 32];

/// A bounded memory of verified chains: two halves, of which the older is forgotten when the younger is
/// full. What is used moves to the younger.
#[derive(Debug, Default)]
pub(crate) struct SeenChains {
    young: BTreeMap<ChainHash, Arc<Chain>>,
    old: BTreeMap<ChainHash, Arc<Chain>>,
    capacity: usize,
}

/// The hash of a chain's bytes below this root key.
pub(crate) fn hash(root: &PublicKey, chain: &[u8]) -> ChainHash {
    let mut hash = Sha256::new();
    hash.update(root.as_bytes());
    hash.update(chain);
    hash.finalize().into()
}

impl SeenChains {
    /// Holds at most `capacity` chains; zero for none.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            ..Self::default()
        }
    }

    /// The chain, if it was seen and still holds at `now`.
    pub(crate) fn find(&mut self, hash: &ChainHash, now: Timestamp) -> Option<Arc<Chain>> {
        if let Some(chain) = self.young.get(hash) {
            let chain = Arc::clone(chain);
            return (now < chain.expires_at()).then_some(chain);
        }
        let chain = self.old.remove(hash)?;
        if now >= chain.expires_at() {
            return None;
        }
        self.insert(*hash, Arc::clone(&chain));
        Some(chain)
    }

    pub(crate) fn insert(&mut self, hash: ChainHash, chain: Arc<Chain>) {
        if self.capacity < 2 {
            return;
        }
        if self.young.len() >= self.capacity / 2 {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(hash, chain);
    }

    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
