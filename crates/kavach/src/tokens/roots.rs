//! The keys that sign a tenant's tokens.

use kavach_audit::EventKind;
use kavach_core::{Leaf, LogId, TenantId, Timestamp};
use kavach_store::{Expect, MasterKey};
use kavach_token::{Audience, HolderKey, KeySet, PublicKey, RootKey, Sign};
use zeroize::Zeroizing;

use super::TokenError;
use super::book::Roots;
use super::record::{RootsRecord, encode, root_context, root_secret_key, roots_key};
use crate::change::About;
use crate::committer::{Failure, Work};
use crate::error::FailedCommit;
use crate::limits::{CHANGE_TRIES_MAX, ROOT_OVERLAP_S_MAX};
use crate::node::Kavach;
use crate::random;
use crate::view::read_one;

/// A root key, as it is published.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RootKeyInfo {
    /// Its number, which tokens name.
    pub id: u32,
    /// The key.
    pub key: PublicKey,
    /// Since when it signs.
    pub not_before: Timestamp,
    /// The first second at which what it signed counts no more; `None` for the one that signs now.
    pub expires_at: Option<Timestamp>,
}

impl Kavach {
    /// The tenant's root keys, the oldest first: the last one signs. Empty before the first token.
    #[must_use]
    pub fn root_keys(&self) -> Vec<RootKeyInfo> {
        let roots = self.roots();
        let published = roots.iter().flat_map(|roots| roots.keys.published());
        published
            .map(|known| RootKeyInfo {
                id: known.id,
                key: known.key,
                not_before: known.not_before,
                expires_at: known.expires_at,
            })
            .collect()
    }

    /// The tenant's root keys as a document to publish, for verifiers elsewhere; `None` before the first token.
    #[must_use]
    pub fn key_set(&self) -> Option<KeySet> {
        self.roots().map(|roots| roots.keys)
    }

    /// Puts a new root key in the place of the present one, and returns the set. What that one signed counts
    /// for `overlap_s` seconds more, at most 30 days; zero: not at all. Makes the first one if there is none.
    ///
    /// # Errors
    /// If there is no master key, 16 keys still count, or the store fails.
    pub async fn rotate_root_key(&self, overlap_s: u64) -> Result<KeySet, TokenError> {
        for _ in 0..CHANGE_TRIES_MAX {
            self.node.take_in_others().await;
            let before = self.roots();
            if let Some(keys) = self.write_root(before, overlap_s).await? {
                return Ok(keys);
            }
        }
        Err(FailedCommit::Contended.into())
    }

    /// The key that signs now, with all that count; made if there is none.
    pub(super) async fn signing_root(&self) -> Result<(RootKey, Roots), TokenError> {
        if self.node.view.read().bars().is_some() {
            return Err(TokenError::StoreRestored);
        }
        for _ in 0..CHANGE_TRIES_MAX {
            self.node.take_in_others().await;
            match self.roots() {
                Some(roots) => {
                    // Another was put in its place, and its secret is gone.
                    if let Some(root) = self.open_root(&roots.keys).await? {
                        return Ok((root, roots));
                    }
                }
                None => drop(self.write_root(None, 0).await?),
            }
        }
        Err(FailedCommit::Contended.into())
    }

    pub(super) fn roots(&self) -> Option<Roots> {
        let state = self.node.view.read();
        state.tokens.of(self.tenant)?.roots.clone()
    }

    async fn open_root(&self, keys: &KeySet) -> Result<Option<RootKey>, TokenError> {
        let Some(last) = keys.published().last() else {
            return Err(TokenError::NoRootKey);
        };
        let master = self.master()?;
        let place = root_secret_key(self.tenant, last.id);
        let Some(found) = read_one(&*self.node.store, &place).await? else {
            return Ok(None);
        };
        let context = root_context(self.tenant, last.id);
        let opened = master.open(&context, &found.bytes);
        let secret = opened.map_err(|_| TokenError::WrongMasterKey)?;
        let secret = secret.as_slice().try_into();
        let signer = HolderKey::from_bytes(secret.map_err(|_| TokenError::WrongMasterKey)?);
        // Whoever can write to the store must not choose a key that verifiers do not know of.
        if signer.public_key() != last.key {
            return Err(TokenError::WrongMasterKey);
        }
        Ok(Some(RootKey::new(last.id, signer)))
    }

    /// `None` if somebody else was faster.
    async fn write_root(
        &self,
        before: Option<Roots>,
        overlap_s: u64,
    ) -> Result<Option<KeySet>, TokenError> {
        let master = self.master()?;
        let now = self.now();
        let secret: Zeroizing<[u8; 32]> = Zeroizing::new(random::bytes()?);
        let public = HolderKey::from_bytes(&secret).public_key();
        let mut work = Work::default();
        let (keys, id) = match &before {
            None => {
                // INVARIANT (issuer): there is one.
                let issuer = self.node.issuer.clone().ok_or(TokenError::NoRootKey)?;
                (KeySet::new(issuer, self.tenant, public, now), 1)
            }
            Some(before) => {
                let mut keys = before.keys.clone();
                let signed = keys.published().last().map(|last| last.id);
                let id = keys.rotate(public, now, overlap_s.min(ROOT_OVERLAP_S_MAX))?;
                // It signs nothing any more, so nobody needs its secret.
                let gone = signed.map(|id| root_secret_key(self.tenant, id));
                work.deletes.extend(gone);
                (keys, id)
            }
        };
        let expect = before.map_or(Expect::Absent, |before| Expect::Version(before.version));
        let place = roots_key(self.tenant);
        work.expectations.push((place.clone(), expect));
        work.puts.push((place, encode(&RootsRecord::of(&keys))?));
        let sealed = seal(master, self.tenant, id, &secret)?;
        work.puts.push((root_secret_key(self.tenant, id), sealed));
        let about = About::default()
            .with("root_key", id)
            .with("key", public)
            .with("overlap_s", overlap_s.min(ROOT_OVERLAP_S_MAX));
        let revision = self.revision();
        let event = self.event_of(EventKind::RootKeyRotated, None, about, revision)?;
        work.events.push(event);
        match self.node.commit(work).await? {
            Ok(_) => Ok(Some(keys)),
            Err(Failure::Conflict) => Ok(None),
            Err(failure) => Err(FailedCommit::from(failure).into()),
        }
    }

    fn master(&self) -> Result<&MasterKey, TokenError> {
        self.node.people.master().ok_or(TokenError::NoMasterKey)
    }
}

fn seal(
    master: &MasterKey,
    tenant: TenantId,
    id: u32,
    secret: &[u8; 32],
) -> Result<Vec<u8>, TokenError> {
    let context = root_context(tenant, id);
    let sealed = master.seal(&context, secret, random::bytes()?);
    sealed.map_err(|_| TokenError::WrongMasterKey)
}

/// Who issues, where nobody says: the store itself, by the id of its log.
pub(crate) fn own_issuer(log: LogId) -> Option<Audience> {
    format!("urn:kavach:{log}").parse().ok()
}

/// The record that a leaf is, as tokens name it.
pub(super) fn source_of(leaf: Leaf) -> kavach_token::SourceRecord {
    match leaf {
        Leaf::Root(id) => kavach_token::SourceRecord::Agent(id),
        Leaf::Delegation(id) => kavach_token::SourceRecord::Delegation(id),
    }
}
