//! The signed list of what does not hold any more, for verifiers that cannot ask.

use std::ops::Bound;

use kavach_core::{Leaf, Timestamp};
use kavach_store::{Expect, Key, StoreError};
use kavach_token::{RevocationList, RevocationListError, Source, TokenId};
use sha2::{Digest, Sha256};

use super::TokenError;
use super::conditions::leaf_of;
use super::mint::generation_of;
use super::record::{
    ListRecord, MINTED, MintedRecord, decode, encode, list_key, minted_from, minted_id,
};
use super::revoked::Revocable;
use crate::committer::{Failure, Work};
use crate::error::FailedCommit;
use crate::limits::{CHANGE_TRIES_MAX, CLOCK_BACK_S, MINTED_SWEPT, PAGE_RECORDS};
use crate::node::Kavach;
use crate::view::read_one;

/// A list of what is revoked, signed by the tenant's root key: see
/// [`RevocationList`](kavach_token::RevocationList).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SignedRevocations {
    /// The list to publish: a JWS.
    pub text: String,
    /// Its version, which never goes back, and rises with each change.
    pub version: u64,
    /// When it was signed. Verifiers take it for as long as they say themselves.
    pub issued_at: Timestamp,
    /// How many entries it has.
    pub entries: usize,
}

impl Kavach {
    /// Signs what does not hold at this moment: what was [revoked](Self::revoke_tokens), holder keys that were
    /// removed, all keys of agents that may not act now, and tokens whose line does not hold any more.
    ///
    /// Who was only suspended is in it for as long as that lasts.
    ///
    /// # Errors
    /// If there are more than 100,000 entries, no master key, no root key yet, or the store fails.
    pub async fn sign_revocations(&self) -> Result<SignedRevocations, TokenError> {
        if self.roots().is_none() {
            return Err(TokenError::NoRootKey);
        }
        let (root, roots) = self.signing_root().await?;
        for _ in 0..CHANGE_TRIES_MAX {
            let now = self.now();
            let entries = self.entries(now).await?;
            if entries.len() > kavach_token::limits::REVOKED_MAX {
                return Err(RevocationListError::Full.into());
            }
            let Some(version) = self.list_version(&entries).await? else {
                continue;
            };
            let mut list = RevocationList::new();
            for entry in &entries {
                match entry {
                    Revocable::Block(id) => list.revoke_block(*id),
                    Revocable::Key(key) => list.revoke_key(*key),
                    Revocable::Token(id) => list.revoke_token(*id),
                }
            }
            let text = list.sign(&root, &roots.keys, version, now)?;
            return Ok(SignedRevocations {
                text,
                version,
                issued_at: now,
                entries: entries.len(),
            });
        }
        Err(FailedCommit::Contended.into())
    }

    /// All that does not hold, sorted.
    async fn entries(&self, now: Timestamp) -> Result<Vec<Revocable>, TokenError> {
        let minted = self.minted(now).await?;
        let state = self.node.view.read();
        let (graph, tenant) = (&state.graph, self.tenant);
        let mut entries = Vec::new();
        if let Some(pages) = state.tokens.of(tenant) {
            entries.extend(pages.revoked());
            let dead = pages.holders().filter(|(_, known)| {
                let leaf = Leaf::Root(known.agent);
                known.removed_at.is_some() || graph.fault_of(tenant, leaf, now).is_some()
            });
            entries.extend(dead.map(|(key, _)| Revocable::Key(*key)));
        }
        for (id, source) in minted {
            let leaf = leaf_of(&source);
            let fault = graph.fault_of(tenant, leaf, now);
            if fault.is_some() || generation_of(graph, tenant, leaf) != Some(source.generation) {
                entries.push(Revocable::Token(id));
            }
        }
        entries.sort_unstable();
        entries.dedup();
        Ok(entries)
    }

    /// The tokens that were minted and last still, each with the record that it rests on.
    async fn minted(&self, now: Timestamp) -> Result<Vec<(TokenId, Source)>, StoreError> {
        let mut found = Vec::new();
        let mut from = Bound::Included(minted_from(self.tenant, now.plus_s(1)));
        let mut end = self.tenant.as_u128().to_be_bytes().to_vec();
        end.extend([0xff; 25]);
        loop {
            let range = (from, Bound::Included(end.clone()));
            let page = self.node.store.scan(MINTED, range, PAGE_RECORDS).await?;
            for (key, record) in &page.records {
                let known: MintedRecord = decode(&record.bytes)?;
                if let Some(id) = minted_id(key) {
                    found.push((id, known.source()?));
                }
            }
            match page.next {
                Some(next) => from = Bound::Excluded(next),
                None => return Ok(found),
            }
        }
    }

    /// Where some tokens are noted that are over.
    pub(super) async fn minted_over(&self) -> Result<Vec<Key>, StoreError> {
        let before = self.now().as_s().saturating_sub(CLOCK_BACK_S.cast_signed());
        let from = minted_from(self.tenant, Timestamp::from_s(0));
        let to = minted_from(self.tenant, Timestamp::from_s(before));
        let range = (Bound::Included(from), Bound::Excluded(to));
        let page = self.node.store.scan(MINTED, range, MINTED_SWEPT).await?;
        let keys = page.records.into_iter();
        Ok(keys.map(|(key, _)| Key::new(MINTED, key)).collect())
    }

    /// The version for a list of these entries: the last one's, if they are the same. `None` if somebody else
    /// was faster.
    ///
    /// INVARIANT (one list a version): a version is written down before anything is signed under it.
    async fn list_version(&self, entries: &[Revocable]) -> Result<Option<u64>, TokenError> {
        let mut hash = Sha256::new();
        for entry in entries {
            hash.update(entry.to_string());
            hash.update(b"\n");
        }
        let hash: [u8; 32] = hash.finalize().into();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let place = list_key(self.tenant);
        let found = read_one(&*self.node.store, &place).await?;
        let known = found
            .as_ref()
            .map(|found| decode::<ListRecord>(&found.bytes));
        let known = known.transpose()?;
        // What was published before the store was restored is known to nobody here.
        let floor = self.restoration().map_or(0, |restored| restored.list_floor);
        let last = known.as_ref().map(ListRecord::version).transpose()?;
        if let (Some(known), Some(last)) = (&known, last)
            && known.entries == hash
            && last > floor
        {
            return Ok(Some(last));
        }
        let version = last.unwrap_or(0).max(floor).saturating_add(1);
        let expect = found.map_or(Expect::Absent, |found| Expect::Version(found.version));
        let work = Work {
            expectations: vec![(place.clone(), expect)],
            puts: vec![(place, encode(&ListRecord::new(version, hash))?)],
            ..Work::default()
        };
        match self.node.commit(work).await? {
            Ok(_) => Ok(Some(version)),
            Err(Failure::Conflict) => Ok(None),
            Err(failure) => Err(FailedCommit::from(failure).into()),
        }
    }
}
