//! The root keys of one tenant, as they are published: a JWK set (RFC 7517 section 5).

use core::fmt;

use kavach_core::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::armor;
use crate::claim::Audience;
use crate::key::PublicKey;
use crate::limits::{KEY_SET_BYTES_MAX, ROOT_KEYS_MAX};
use crate::refusal::Refusal;

/// Whose signature a verifier takes for a tenant's tokens, and when.
///
/// ```
/// use kavach_token::{HolderKey, KeySet, Sign};
/// use kavach_core::{TenantId, Timestamp};
///
/// let now = Timestamp::from_s(1_795_255_200);
/// let first = HolderKey::from_bytes(&[1; 32]).public_key();
/// let mut keys = KeySet::new("https://kavach.example".parse()?, TenantId::DEFAULT, first, now);
/// let second = HolderKey::from_bytes(&[2; 32]).public_key();
/// let id = keys.rotate(second, now.plus_s(86_400), 3_600)?;
/// assert_eq!(id, 2);
/// assert_eq!(KeySet::parse(&keys.to_json())?, keys);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeySet {
    issuer: Audience,
    tenant: TenantId,
    /// INVARIANT (key order): by rising number, at least one, at most [`ROOT_KEYS_MAX`].
    keys: Vec<PublishedKey>,
}

/// One root key, with its time.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PublishedKey {
    /// Its number, which tokens name.
    pub id: u32,
    /// The key.
    pub key: PublicKey,
    /// The first second at which it counts.
    pub not_before: Timestamp,
    /// The first second at which it no longer counts.
    pub expires_at: Option<Timestamp>,
}

/// A document that is no key set, or a rotation that has no room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeySetError {
    /// Not JSON as RFC 7517 has it, with `issuer` and `tenant`.
    NotAKeySet,
    /// A key in it cannot be used, or two have one number.
    Key,
    /// 16 keys are in it that still count.
    Full,
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAKeySet => {
                "this is not a key set with `issuer`, `tenant` and `keys`; fetch it again"
            }
            Self::Key => "a key of the set cannot be used; fetch the set again from its issuer",
            Self::Full => {
                "16 keys still count; wait until one of them is over before the next rotation"
            }
        })
    }
}

impl core::error::Error for KeySetError {}

#[derive(Deserialize, Serialize)]
struct Document {
    issuer: String,
    tenant: TenantId,
    keys: Vec<Jwk>,
}

/// RFC 8037 section 2. Members that are not known are ignored (RFC 7517 section 4).
#[derive(Deserialize, Serialize)]
struct Jwk {
    kty: String,
    crv: String,
    kid: String,
    x: String,
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
    nbf: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

impl KeySet {
    /// A set of one key, with the number 1, from `not_before` on.
    #[must_use]
    pub fn new(issuer: Audience, tenant: TenantId, key: PublicKey, not_before: Timestamp) -> Self {
        let keys = vec![PublishedKey {
            id: 1,
            key,
            not_before,
            expires_at: None,
        }];
        Self {
            issuer,
            tenant,
            keys,
        }
    }

    /// Puts `key` in the place of all others from `now` on, and returns its number. What the others signed is
    /// taken for `overlap_s` seconds more: as long as a token lasts. Keys whose time was over are left out.
    ///
    /// # Errors
    /// If 16 keys still count, or the key is in the set.
    pub fn rotate(
        &mut self,
        key: PublicKey,
        now: Timestamp,
        overlap_s: u64,
    ) -> Result<u32, KeySetError> {
        if self.keys.iter().any(|known| known.key == key) {
            return Err(KeySetError::Key);
        }
        let mut keys = self.keys.clone();
        keys.retain(|known| known.expires_at.is_none_or(|expires_at| now < expires_at));
        if keys.len() >= ROOT_KEYS_MAX {
            return Err(KeySetError::Full);
        }
        let over = now.plus_s(overlap_s);
        for known in &mut keys {
            known.expires_at = Some(
                known
                    .expires_at
                    .map_or(over, |expires_at| expires_at.min(over)),
            );
        }
        // The highest number is the youngest key's; it is given out again only if that key was taken out.
        let last = self.keys.last().map_or(0, |last| last.id);
        let id = last.checked_add(1).ok_or(KeySetError::Full)?;
        keys.push(PublishedKey {
            id,
            key,
            not_before: now,
            expires_at: None,
        });
        self.keys = keys;
        Ok(id)
    }

    /// Takes key number `id` out at once: what it signed is refused from now on. Returns whether it was there
    /// and another is left.
    pub fn remove(&mut self, id: u32) -> bool {
        let keys = self.keys.len();
        // The last key stays: a set without keys refuses everything, and is an accident.
        if keys > 1 {
            self.keys.retain(|known| known.id != id);
        }
        self.keys.len() < keys
    }

    /// Who issues.
    #[must_use]
    pub fn issuer(&self) -> &Audience {
        &self.issuer
    }

    /// For which tenant.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Each key with its number and its time, the oldest first.
    pub fn published(&self) -> impl Iterator<Item = &PublishedKey> {
        self.keys.iter()
    }

    /// Whether what key number `id` signed counts at `now`.
    #[must_use]
    pub fn counts(&self, id: u32, now: Timestamp) -> bool {
        self.root(Some(id), now).is_ok()
    }

    /// Reads the published document.
    ///
    /// # Errors
    /// If it is none, or has a key that cannot be used.
    pub fn parse(json: &str) -> Result<Self, KeySetError> {
        if json.len() > KEY_SET_BYTES_MAX {
            return Err(KeySetError::NotAKeySet);
        }
        let document: Document = serde_json::from_str(json).map_err(|_| KeySetError::NotAKeySet)?;
        let keys: Result<Vec<PublishedKey>, KeySetError> =
            document.keys.iter().map(Jwk::read).collect();
        let keys = keys?;
        if !keys.is_sorted_by(|one, next| one.id < next.id) {
            return Err(KeySetError::Key);
        }
        if !(1..=ROOT_KEYS_MAX).contains(&keys.len()) {
            return Err(KeySetError::NotAKeySet);
        }
        Ok(Self {
            issuer: document
                .issuer
                .parse()
                .map_err(|_| KeySetError::NotAKeySet)?,
            tenant: document.tenant,
            keys,
        })
    }

    /// Writes the document to publish.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = Document {
            issuer: self.issuer.to_string(),
            tenant: self.tenant,
            keys: self.keys.iter().map(PublishedKey::write).collect(),
        };
        // Strings and numbers always have a JSON form.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// The key that a token names, if it counts at `now`.
    pub(crate) fn root(&self, id: Option<u32>, now: Timestamp) -> Result<&PublicKey, Refusal> {
        let published = self.keys.iter().find(|known| Some(known.id) == id);
        let published = published.ok_or(Refusal::UnknownRootKey)?;
        if !published.counts_at(now) {
            return Err(Refusal::RootKeyTime);
        }
        Ok(&published.key)
    }

    /// All keys that count at `now`, with their numbers.
    pub(crate) fn roots(&self, now: Timestamp) -> impl Iterator<Item = (u32, &PublicKey)> {
        let counting = self.keys.iter().filter(move |known| known.counts_at(now));
        counting.map(|known| (known.id, &known.key))
    }

    /// Whether these are the keys for what this issuer says of this tenant.
    pub(crate) fn check_issued(&self, issuer: &Audience, tenant: TenantId) -> Result<(), Refusal> {
        if *issuer == self.issuer && tenant == self.tenant {
            Ok(())
        } else {
            Err(Refusal::Tenant)
        }
    }
}

impl PublishedKey {
    /// Whether what it signed counts at `now`.
    #[must_use]
    pub fn counts_at(&self, now: Timestamp) -> bool {
        self.not_before <= now && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    fn write(&self) -> Jwk {
        Jwk {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            kid: self.id.to_string(),
            x: armor::unpadded(self.key.as_bytes()),
            usage: Some("sig".to_owned()),
            nbf: self.not_before.as_s(),
            exp: self.expires_at.map(Timestamp::as_s),
        }
    }
}

impl Jwk {
    fn read(&self) -> Result<PublishedKey, KeySetError> {
        let usage = self.usage.as_deref().is_none_or(|usage| usage == "sig");
        let id: u32 = self.kid.parse().map_err(|_| KeySetError::Key)?;
        if self.kty != "OKP" || self.crv != "Ed25519" || !usage || id.to_string() != self.kid {
            return Err(KeySetError::Key);
        }
        let bytes = armor::read_unpadded(&self.x).and_then(|bytes| bytes.try_into().ok());
        let key = PublicKey::from_bytes(&bytes.ok_or(KeySetError::Key)?);
        let time = |seconds| {
            let time = Timestamp::from_s(seconds);
            (time.as_s() == seconds)
                .then_some(time)
                .ok_or(KeySetError::Key)
        };
        Ok(PublishedKey {
            id,
            key: key.map_err(|_| KeySetError::Key)?,
            not_before: time(self.nbf)?,
            expires_at: self.exp.map(time).transpose()?,
        })
    }
}
