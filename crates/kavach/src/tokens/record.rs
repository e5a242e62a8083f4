//! How what is known of tokens lies in a store: canonical JSON (RFC 8785).

use kavach_core::{AgentId, TenantId, Timestamp};
use kavach_store::{Key, Space, StoreError, StoreErrorKind};
use kavach_token::{BlockId, KeySet, Nonce, PublicKey, Source, TokenId, Use};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::revoked::Revocable;

/// Holder keys, under tenant and key, so that a key is one agent's. A key that was removed stays, as such.
pub(super) const HOLDERS: Space = Space::graph("token_holder");
/// What was revoked, under tenant, kind and id.
pub(super) const REVOKED: Space = Space::graph("token_revoked");
/// The root keys of a tenant, their public halves.
pub(super) const ROOTS: Space = Space::graph("token_root");
/// The secret of the root key that signs now, sealed under the master key.
pub(super) const ROOT_SECRETS: Space = Space::quiet("token_root_secret");
/// Invocations that were used, under tenant, key and nonce, until they are over.
pub(super) const USES: Space = Space::quiet("token_use");
/// The same, under their end, so that what is over is found.
pub(super) const USE_ENDS: Space = Space::quiet("token_use_end");
/// Tokens that were minted and are not over, under tenant, end and id: for lists of what was revoked.
pub(super) const MINTED: Space = Space::quiet("token_minted");
/// The version of each tenant's list, and what was in it.
pub(super) const LISTS: Space = Space::quiet("token_list");

/// What decisions ask, and so what is in memory.
pub(crate) const TOKEN_SPACES: [Space; 3] = [HOLDERS, REVOKED, ROOTS];

/// What is not.
pub(crate) const QUIET_TOKEN_SPACES: [Space; 5] = [ROOT_SECRETS, USES, USE_ENDS, MINTED, LISTS];

/// The version of the encoding that is written.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Envelope<'a, T> {
    v: u32,
    record: &'a T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened<T> {
    v: u32,
    record: T,
}

#[derive(Deserialize)]
struct VersionOnly {
    v: u32,
}

/// A holder key of an agent.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HolderRecord {
    pub(super) agent: AgentId,
    pub(super) added_at: Timestamp,
    /// Since when it is one no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) removed_at: Option<Timestamp>,
}

/// That something was revoked.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokedRecord {
    pub(super) at: Timestamp,
}

/// A tenant's root keys.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RootsRecord {
    /// As they are published.
    pub(super) keys: String,
}

/// An invocation that was used.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UseRecord {
    pub(super) until: Timestamp,
}

/// A token that was minted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MintedRecord {
    /// The record that it was minted from.
    source: String,
    generation: u32,
}

/// The list of what is revoked that was signed last.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListRecord {
    /// A number of 64 bits, as text.
    version: String,
    /// The hash of its entries.
    pub(super) entries: String,
}

impl MintedRecord {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source: source.record.to_string(),
            generation: source.generation,
        }
    }

    pub(super) fn source(&self) -> Result<Source, StoreError> {
        let record = self.source.parse().map_err(|_| corrupt())?;
        let generation = self.generation;
        Ok(Source { record, generation })
    }
}

impl ListRecord {
    pub(super) fn new(version: u64, entries: String) -> Self {
        Self {
            version: version.to_string(),
            entries,
        }
    }

    pub(super) fn version(&self) -> Result<u64, StoreError> {
        self.version.parse().map_err(|_| corrupt())
    }
}

impl RootsRecord {
    pub(super) fn of(keys: &KeySet) -> Self {
        Self {
            keys: keys.to_json(),
        }
    }

    pub(super) fn key_set(&self) -> Result<KeySet, StoreError> {
        KeySet::parse(&self.keys).map_err(|cause| corrupt().because(cause))
    }
}

fn tenant_bytes(tenant: TenantId) -> [u8; 16] {
    tenant.as_u128().to_be_bytes()
}

pub(super) fn holder_key(tenant: TenantId, key: &PublicKey) -> Key {
    Key::new(
        HOLDERS,
        [&tenant_bytes(tenant)[..], key.as_bytes()].concat(),
    )
}

pub(super) fn roots_key(tenant: TenantId) -> Key {
    Key::new(ROOTS, tenant_bytes(tenant))
}

pub(super) fn root_secret_key(tenant: TenantId, id: u32) -> Key {
    let place = [&tenant_bytes(tenant)[..], &id.to_be_bytes()].concat();
    Key::new(ROOT_SECRETS, place)
}

/// What a sealed root key is bound to.
pub(super) fn root_context(tenant: TenantId, id: u32) -> Vec<u8> {
    [
        b"token root".as_slice(),
        &tenant_bytes(tenant),
        &id.to_be_bytes(),
    ]
    .concat()
}

pub(super) fn revoked_key(tenant: TenantId, what: &Revocable) -> Key {
    let (kind, id): (u8, &[u8]) = match what {
        Revocable::Block(id) => (0, id.as_bytes()),
        Revocable::Key(key) => (1, key.as_bytes()),
        Revocable::Token(id) => (2, id.as_bytes()),
    };
    Key::new(REVOKED, [&tenant_bytes(tenant)[..], &[kind], id].concat())
}

/// Where it stands that an invocation was used, and where that is found once it is over.
pub(super) fn use_keys(tenant: TenantId, used: &Use) -> [Key; 2] {
    let name = [
        &tenant_bytes(tenant)[..],
        used.key.as_bytes(),
        Nonce::as_bytes(&used.nonce),
    ];
    let name = name.concat();
    let end = [&seconds(used.until)[..], &name].concat();
    [Key::new(USES, name), Key::new(USE_ENDS, end)]
}

/// Both keys of a use that stands under this end.
pub(super) fn use_keys_at(end: &[u8]) -> Option<[Key; 2]> {
    let (_, name) = end.split_first_chunk::<8>()?;
    Some([Key::new(USES, name), Key::new(USE_ENDS, end)])
}

pub(super) fn minted_key(tenant: TenantId, until: Timestamp, id: TokenId) -> Key {
    let place = [&tenant_bytes(tenant)[..], &seconds(until), id.as_bytes()];
    Key::new(MINTED, place.concat())
}

/// Where the tokens of a tenant begin that last until this, or longer.
pub(super) fn minted_from(tenant: TenantId, until: Timestamp) -> Vec<u8> {
    [&tenant_bytes(tenant)[..], &seconds(until)].concat()
}

/// The token that is noted under this key.
pub(super) fn minted_id(key: &[u8]) -> Option<TokenId> {
    let id = key.get(24..)?;
    Some(TokenId::from_bytes(id.try_into().ok()?))
}

pub(super) fn list_key(tenant: TenantId) -> Key {
    Key::new(LISTS, tenant_bytes(tenant))
}

/// Seconds as bytes that sort by time.
pub(super) fn seconds(at: Timestamp) -> [u8; 8] {
    at.as_s().unsigned_abs().to_be_bytes()
}

/// The tenant that a key begins with, and the rest.
pub(super) fn tenant_of(key: &[u8]) -> Result<(TenantId, &[u8]), StoreError> {
    let (tenant, rest) = key.split_first_chunk().ok_or_else(corrupt)?;
    Ok((TenantId::from_u128(u128::from_be_bytes(*tenant)), rest))
}

/// What stands under the rest of a key of [`REVOKED`].
pub(super) fn revocable_at(rest: &[u8]) -> Result<Revocable, StoreError> {
    let (kind, id) = rest.split_first().ok_or_else(corrupt)?;
    match kind {
        0 => id.try_into().map(BlockId::from_bytes).map(Revocable::Block),
        1 => return public_key(id).map(Revocable::Key),
        2 => id.try_into().map(TokenId::from_bytes).map(Revocable::Token),
        _ => return Err(corrupt()),
    }
    .map_err(|_| corrupt())
}

/// A key from its bytes, which were looked at when they were written.
pub(super) fn public_key(bytes: &[u8]) -> Result<PublicKey, StoreError> {
    let bytes = bytes.try_into().map_err(|_| corrupt())?;
    PublicKey::from_bytes(&bytes).map_err(|_| corrupt())
}

pub(super) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    serde_json_canonicalizer::to_vec(&Envelope { v: VERSION, record }).map_err(|cause| {
        let words = "a record of tokens has no encoding";
        StoreError::new(StoreErrorKind::InvalidInput, words).because(cause)
    })
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    match serde_json::from_slice::<Opened<T>>(bytes) {
        Ok(opened) if opened.v == VERSION => Ok(opened.record),
        other => {
            let found = serde_json::from_slice::<VersionOnly>(bytes);
            if found.is_ok_and(|found| found.v > VERSION) {
                let words =
                    "a record of tokens was written by a newer version of Kavach; use that one";
                return Err(StoreError::new(StoreErrorKind::SchemaTooNew, words));
            }
            Err(match other {
                Ok(_) => corrupt(),
                Err(cause) => corrupt().because(cause),
            })
        }
    }
}

pub(super) fn corrupt() -> StoreError {
    let words = "a record of tokens in the store is not what was written there; restore a backup";
    StoreError::new(StoreErrorKind::Corrupt, words)
}

#[cfg(test)]
mod tests;
