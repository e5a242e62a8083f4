//! Secrets at rest: sealed under a key that never lies in the store.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

#[cfg(test)]
mod tests;

/// The first byte: XChaCha20-Poly1305, a nonce of 24 bytes, then ciphertext and tag.
const VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// The key that private keys in the store are sealed under.
///
/// It comes from outside (a file, the environment, a key service), is wiped from memory when dropped,
/// and does not print.
///
/// ```
/// use kavach_store::MasterKey;
///
/// let key = MasterKey::from_hex(&"07".repeat(32))?;
/// let nonce = [9; 24]; // 24 fresh random bytes in earnest
/// let sealed = key.seal(b"signing_keys/k1", b"a private key", nonce)?;
/// assert_eq!(*key.open(b"signing_keys/k1", &sealed)?, b"a private key");
/// assert!(key.open(b"signing_keys/k2", &sealed).is_err());
/// # Ok::<(), kavach_store::VaultError>(())
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; KEY_BYTES]);

/// A master key or a sealed secret could not be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The text is not a key in hex.
    #[error("this is not a master key: write 64 hexadecimal digits, for 32 random bytes")]
    NotHex,
    /// The text is hex of another length: this many digits.
    #[error("this is not a master key: it has {0} hexadecimal digits, write 64")]
    Digits(usize),
    /// The sealed bytes begin with this version, which this program does not know.
    #[error(
        "the sealed secret is of version {0}, which is not known here; use the program that wrote it"
    )]
    UnknownVersion(u8),
    /// Another key, another context, or altered bytes. Which of them does not show: the cipher cannot
    /// tell, and a guesser must not learn it.
    #[error("the sealed secret does not open: wrong master key, wrong place, or altered bytes")]
    DoesNotOpen,
    /// The secret is longer than the cipher allows: 256 GiB.
    #[error("the secret is too long to be sealed")]
    TooLong,
}

impl MasterKey {
    /// The key of these bytes. Whoever calls guarantees that they are random.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The key written as 64 hexadecimal digits of either case; white space around them is ignored, so
    /// that the last line break of a file does no harm.
    ///
    /// # Errors
    /// `NotHex` and `Digits`. Neither repeats the text, which may be a key with one digit missing.
    pub fn from_hex(text: &str) -> Result<Self, VaultError> {
        let text = text.trim_ascii();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(VaultError::NotHex);
        }
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return Err(VaultError::Digits(text.len()));
        };
        if pairs.len() != KEY_BYTES {
            return Err(VaultError::Digits(text.len()));
        }
        let mut key = Self([0; KEY_BYTES]);
        for (byte, [high, low]) in key.0.iter_mut().zip(pairs) {
            *byte = hex_digit(*high) << 4 | hex_digit(*low);
        }
        Ok(key)
    }

    /// The key itself, for writing it where it is kept.
    #[must_use]
    pub const fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// `secret` encrypted, and bound to `context`: the address of the record that it goes into, so that
    /// nobody with the database can swap two secrets.
    ///
    /// `nonce` is 24 fresh random bytes; the same twice, under one key, gives both secrets away.
    ///
    /// # Errors
    /// `TooLong`.
    pub fn seal(
        &self,
        context: &[u8],
        secret: &[u8],
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Vec<u8>, VaultError> {
        let payload = Payload {
            msg: secret,
            aad: &bound_to(context),
        };
        let ciphertext = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| VaultError::TooLong)?;
        let mut sealed = Vec::with_capacity(1 + NONCE_BYTES + ciphertext.len());
        sealed.push(VERSION);
        sealed.extend(nonce);
        sealed.extend(ciphertext);
        Ok(sealed)
    }

    /// What was sealed under this key and this context.
    ///
    /// # Errors
    /// `UnknownVersion`, and `DoesNotOpen` for everything else.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (&version, rest) = sealed.split_first().ok_or(VaultError::DoesNotOpen)?;
        if version != VERSION {
            return Err(VaultError::UnknownVersion(version));
        }
        let (nonce, ciphertext) = rest
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(VaultError::DoesNotOpen)?;
        let payload = Payload {
            msg: ciphertext,
            aad: &bound_to(context),
        };
        let secret = self.cipher().decrypt(&XNonce::from(*nonce), payload);
        secret
            .map(Zeroizing::new)
            .map_err(|_| VaultError::DoesNotOpen)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&self.0).into())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}

/// What the tag covers besides the ciphertext: the version too, so that it cannot be changed.
fn bound_to(context: &[u8]) -> Vec<u8> {
    let mut bound = Vec::with_capacity(1 + context.len());
    bound.push(VERSION);
    bound.extend(context);
    bound
}

/// The value of a digit that is known to be hexadecimal.
fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}
