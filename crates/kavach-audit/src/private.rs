//! What stands beside an event, encrypted, so that it can be erased and the log still verifies.

use std::fmt;

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use kavach_core::EventId;
use sha2::{Digest, Sha256};

use crate::canonical::Canonical;
use crate::error::{OpenError, SealError};
use crate::hash::Hash;
use crate::key::PersonKey;
use crate::limits::PRIVATE_BYTES_MAX;

/// Keeps our commitments and ciphertexts apart from everything else that is hashed or encrypted.
const DOMAIN: &[u8] = b"kavach:audit:private:v1\0";
const VERSION: u8 = 1;
const SALT_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// What an event says about a person in clear. Not printed by `Debug`.
#[expect(
    clippy::exhaustive_structs,
    reason = "a new field is a new version of the encoding"
)]
#[derive(Clone, Default, Eq, PartialEq)]
pub struct PrivateFields {
    /// Where the call came from.
    pub address: Option<String>,
    /// What a person wrote about the change.
    pub note: Option<String>,
}

/// Private fields, encrypted, and the commitment that goes into the event.
#[expect(
    clippy::exhaustive_structs,
    reason = "both parts must be stored, or neither"
)]
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SealedPrivate {
    /// For [`Event::private`](crate::Event::private). Says nothing without the salt, which lies inside
    /// the ciphertext.
    pub commitment: Hash,
    /// To be stored beside the event: a version byte, the nonce, and what ChaCha20-Poly1305 made.
    pub ciphertext: Vec<u8>,
}

/// What can be shown of an event's private fields.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Private {
    /// The event has none, or they are none of the reader's business.
    #[default]
    None,
    /// These.
    Shown(PrivateFields),
    /// It had some. The person's key, or the ciphertext, is gone.
    Erased,
}

impl PrivateFields {
    /// Encrypts the fields for `event` under the person's key (ChaCha20-Poly1305, RFC 8439, with the
    /// event's id as associated data), and commits to them.
    ///
    /// Whoever calls draws `salt` and `nonce` at random, anew each time.
    ///
    /// # Errors
    /// If the texts are too long. Bound them where they come in.
    pub fn seal(
        &self,
        key: &PersonKey,
        event: EventId,
        salt: [u8; SALT_BYTES],
        nonce: [u8; NONCE_BYTES],
    ) -> Result<SealedPrivate, SealError> {
        let encoded = self.encode();
        if encoded.len() > PRIVATE_BYTES_MAX {
            return Err(SealError::TooLong(encoded.len()));
        }
        let message = [&salt, encoded.as_slice()].concat();
        let payload = Payload {
            msg: &message,
            aad: &associated(event),
        };
        let sealed = cipher(key)
            .encrypt(&nonce.into(), payload)
            .map_err(|_| SealError::TooLong(encoded.len()))?;
        Ok(SealedPrivate {
            commitment: commitment(&message),
            ciphertext: [&[VERSION], nonce.as_slice(), &sealed].concat(),
        })
    }

    /// Decrypts the fields of `event`, and checks them against the commitment in it.
    ///
    /// # Errors
    /// If they do not decrypt, are not what the event commits to, or were written by a newer version.
    /// Show none of them; all but the last mean that something was altered or mixed up.
    pub fn open(
        ciphertext: &[u8],
        key: &PersonKey,
        event: EventId,
        committed: &Hash,
    ) -> Result<Self, OpenError> {
        let (&version, rest) = ciphertext.split_first().ok_or(OpenError::Undecryptable)?;
        match version {
            VERSION => {}
            0 => return Err(OpenError::Undecryptable),
            newer => return Err(OpenError::NewerVersion(newer)),
        }
        let (nonce, sealed) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(OpenError::Undecryptable)?;
        let payload = Payload {
            msg: sealed,
            aad: &associated(event),
        };
        let message = cipher(key)
            .decrypt(nonce.into(), payload)
            .map_err(|_| OpenError::Undecryptable)?;
        if commitment(&message) != *committed {
            return Err(OpenError::CommitmentMismatch);
        }
        let (_, encoded) = message
            .split_first_chunk::<SALT_BYTES>()
            .ok_or(OpenError::Malformed)?;
        let Wire { address, note } =
            serde_json::from_slice(encoded).map_err(|_| OpenError::Malformed)?;
        Ok(Self { address, note })
    }

    fn encode(&self) -> Vec<u8> {
        let mut json = Canonical::with_capacity(128);
        json.open(b'{');
        for (key, value) in [("address", &self.address), ("note", &self.note)] {
            if let Some(value) = value {
                json.key(key).text(value);
            }
        }
        json.close(b'}');
        json.into_bytes()
    }
}

impl fmt::Debug for PrivateFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateFields(..)")
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    address: Option<String>,
    note: Option<String>,
}

fn cipher(key: &PersonKey) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(key.expose().into())
}

/// Binds a ciphertext to its event.
fn associated(event: EventId) -> Vec<u8> {
    [DOMAIN, &event.as_u128().to_be_bytes()].concat()
}

/// Of the salt, of fixed length, and the canonical JSON after it.
fn commitment(message: &[u8]) -> Hash {
    Sha256::new()
        .chain_update(DOMAIN)
        .chain_update(message)
        .finalize()
        .into()
}
