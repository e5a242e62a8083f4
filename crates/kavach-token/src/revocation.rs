//! What does not hold any more: a signed, numbered list, and how old it may be.

use std::collections::BTreeSet;

use core::fmt;

use kavach_core::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::chain::Hop;
use crate::error::SignError;
use crate::id::{BlockId, TokenId};
use crate::jws;
use crate::key::{PublicKey, RootKey, Sign};
use crate::key_set::KeySet;
use crate::limits::{CLOCK_AHEAD_S_MAX, REVOCATION_LIST_BYTES_MAX, REVOKED_MAX};
use crate::refusal::Refusal;

/// The type in a list's header.
const KIND: &str = "kavach-revocations+jws";

/// Everything that an issuer revoked, as of one moment.
///
/// It travels as a JWS, signed by a root key. A token contains the blocks of all its ancestors, so whatever
/// hangs below a revoked block is revoked with it; a revoked key takes with it all that its holder passed on
/// offline, even what nobody has seen.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RevocationList {
    version: u64,
    issued_at: Timestamp,
    blocks: BTreeSet<BlockId>,
    keys: BTreeSet<PublicKey>,
    tokens: BTreeSet<TokenId>,
}

/// A list that was not taken; the one before stays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RevocationListError {
    /// Not signed by a root key that counts, or no list at all.
    NotSigned,
    /// Of another tenant or issuer.
    Tenant,
    /// Its version is below the one that is held, or below the floor.
    Older {
        /// The lowest version that would be taken.
        floor: u64,
    },
    /// The version that is held, with other contents.
    Changed,
    /// Made in the future: somebody's clock is more than 30 seconds ahead.
    Ahead,
    /// More entries than 100,000.
    Full,
}

impl fmt::Display for RevocationListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSigned => {
                "this is not a revocation list signed by a published root key; fetch both again"
            }
            Self::Tenant => {
                "this revocation list is of another tenant or issuer; look at its address"
            }
            Self::Older { floor } => {
                return write!(
                    f,
                    "this revocation list is older than version {floor}; fetch the current one"
                );
            }
            Self::Changed => {
                "this revocation list has a version that was used before; its issuer must raise it"
            }
            Self::Ahead => "this revocation list is from the future; look at both clocks",
            Self::Full => {
                "a revocation list has at most 100,000 entries; leave out those that have expired"
            }
        })
    }
}

impl core::error::Error for RevocationListError {}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    iss: String,
    tenant: TenantId,
    version: u64,
    iat: i64,
    blocks: Vec<String>,
    keys: Vec<String>,
    tokens: Vec<String>,
}

impl RevocationList {
    /// The first list of all: nothing is revoked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Revokes a block, and all that hangs below it.
    pub fn revoke_block(&mut self, block: BlockId) {
        self.blocks.insert(block);
    }

    /// Revokes a holder's key, and all that it passed on.
    pub fn revoke_key(&mut self, key: PublicKey) {
        self.keys.insert(key);
    }

    /// Revokes what some signer called so, and all that hangs below it.
    pub fn revoke_token(&mut self, token: TokenId) {
        self.tokens.insert(token);
    }

    /// The list's number; each new one is higher.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When it was signed.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// How many entries it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.len() + self.keys.len() + self.tokens.len()
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Signs it as version `version` at `now`, and remembers both. A list without changes may be signed again
    /// under the version that it has, to show that it is fresh; after a change the version must rise.
    ///
    /// # Errors
    /// If the key did not sign.
    pub fn sign<S: Sign>(
        &mut self,
        root: &RootKey<S>,
        keys: &KeySet,
        version: u64,
        now: Timestamp,
    ) -> Result<String, SignError> {
        (self.version, self.issued_at) = (version, now);
        let document = Document {
            iss: keys.issuer().to_string(),
            tenant: keys.tenant(),
            version,
            iat: now.as_s(),
            blocks: self.blocks.iter().map(ToString::to_string).collect(),
            keys: self.keys.iter().map(ToString::to_string).collect(),
            tokens: self.tokens.iter().map(ToString::to_string).collect(),
        };
        // Strings and numbers always have a JSON form.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        jws::sign(root, KIND, &body)
    }

    /// Signs any bytes as a list, as a root key never would.
    #[cfg(feature = "fuzz")]
    pub(crate) fn sign_body<S: Sign>(root: &RootKey<S>, body: &[u8]) -> Result<String, SignError> {
        jws::sign(root, KIND, body)
    }

    /// Reads a signed list.
    ///
    /// # Errors
    /// If it is not signed by one of `keys`, is of another tenant, from the future, or too long.
    pub fn open(text: &str, keys: &KeySet, now: Timestamp) -> Result<Self, RevocationListError> {
        if text.len() > REVOCATION_LIST_BYTES_MAX {
            return Err(RevocationListError::Full);
        }
        let body = jws::open(text, KIND, keys.roots(now)).ok_or(RevocationListError::NotSigned)?;
        let document: Document =
            serde_json::from_slice(&body).map_err(|_| RevocationListError::NotSigned)?;
        if document.iss != keys.issuer().as_str() || document.tenant != keys.tenant() {
            return Err(RevocationListError::Tenant);
        }
        let issued_at = Timestamp::from_s(document.iat);
        if issued_at > now.plus_s(CLOCK_AHEAD_S_MAX) {
            return Err(RevocationListError::Ahead);
        }
        let list = Self {
            version: document.version,
            issued_at,
            blocks: parse_all(&document.blocks)?,
            keys: parse_all(&document.keys)?,
            tokens: parse_all(&document.tokens)?,
        };
        if list.len() > REVOKED_MAX {
            return Err(RevocationListError::Full);
        }
        Ok(list)
    }

    fn revokes(&self, hop: &Hop) -> bool {
        self.blocks.contains(&hop.block())
            || self.keys.contains(hop.key())
            || self.tokens.contains(&hop.id())
    }

    fn same_entries(&self, other: &Self) -> bool {
        self.blocks == other.blocks && self.keys == other.keys && self.tokens == other.tokens
    }
}

fn parse_all<T: Ord + core::str::FromStr>(
    texts: &[String],
) -> Result<BTreeSet<T>, RevocationListError> {
    let parsed = texts.iter().map(|text| text.parse());
    parsed
        .collect::<Result<_, _>>()
        .map_err(|_| RevocationListError::NotSigned)
}

/// What a verifier knows of revocation: the newest list, and how old it may become.
#[derive(Clone, Debug)]
pub struct Revocations {
    list: Option<RevocationList>,
    /// The lowest version that is taken. Never goes back.
    floor: u64,
    /// `None` where nobody looks.
    fresh_s: Option<u64>,
}

impl Revocations {
    /// Nothing yet: until a list of version `floor` or higher comes, every token is refused. A list counts for
    /// `fresh_s` seconds after it was signed; at that second it no longer does.
    ///
    /// Whoever restarts passes on the [`floor`](Self::floor) that it had before, so that nobody can have an
    /// old list taken.
    #[must_use]
    pub fn following(fresh_s: u64, floor: u64) -> Self {
        Self {
            list: None,
            floor,
            fresh_s: Some(fresh_s),
        }
    }

    /// Looks at no list: a token holds until it expires. For tokens that live for minutes, or where something
    /// else is asked about revocation at every call.
    #[must_use]
    pub fn danger_ignored() -> Self {
        Self {
            list: None,
            floor: 0,
            fresh_s: None,
        }
    }

    /// Takes a newer list; returns its version.
    ///
    /// # Errors
    /// If it is not taken; the list before stays, until it is too old.
    pub fn update(
        &mut self,
        text: &str,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<u64, RevocationListError> {
        let list = RevocationList::open(text, keys, now)?;
        if list.version < self.floor {
            return Err(RevocationListError::Older { floor: self.floor });
        }
        if let Some(held) = &self.list
            && held.version == list.version
        {
            if !held.same_entries(&list) {
                return Err(RevocationListError::Changed);
            }
            if list.issued_at < held.issued_at {
                return Ok(held.version);
            }
        }
        self.floor = list.version;
        self.list = Some(list);
        Ok(self.floor)
    }

    /// The lowest version that is still taken, to be kept over a restart.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// Whether all of a line still holds at `now`.
    pub(crate) fn check(&self, hops: &[Hop], now: Timestamp) -> Result<(), Refusal> {
        let Some(fresh_s) = self.fresh_s else {
            return Ok(());
        };
        let list = self.list.as_ref().ok_or(Refusal::RevocationStale)?;
        if now >= list.issued_at.plus_s(fresh_s) {
            return Err(Refusal::RevocationStale);
        }
        match hops.iter().position(|hop| list.revokes(hop)) {
            Some(block) => Err(Refusal::Revoked { block }),
            None => Ok(()),
        }
    }
}
