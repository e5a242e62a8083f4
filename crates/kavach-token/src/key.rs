//! Ed25519 keys: whose a token is, and who may sign.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use std::sync::Arc;

use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

use crate::error::{KeyError, SignError};
use crate::hex;

/// The secret of the terminal key, which everybody knows: 32 bytes of `"kavach terminal key v1"` and zeros.
///
/// An invocation names its public key as the next one, and the presentation carries this secret. That is
/// what makes it an ordinary Biscuit, and it proves nothing: see [`Verifier`](crate::Verifier).
pub const TERMINAL_SECRET: [u8; 32] = *b"kavach terminal key v1\0\0\0\0\0\0\0\0\0\0";

/// 2^255 - 19, little end first: the first `y` that is not canonical (RFC 8032 section 5.1.3).
const FIELD: [u8; 32] = {
    let mut bytes = [0xff; 32];
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    bytes
};

/// What stands before the secret in PKCS#8: version 0, the algorithm's id 1.3.101.112, and two lengths
/// (RFC 8410 section 10.3).
#[rustfmt::skip]
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A public key: canonical, and not of low order.
///
/// Prints as 64 hexadecimal digits. Compared by its bytes.
#[derive(Clone, Copy)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key in these bytes, as RFC 8032 section 5.1.5 writes it.
    ///
    /// # Errors
    /// If they are no key, not its canonical spelling, or a key of low order, for which one signature
    /// fits many messages. Ask its owner for another.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let mut y = *bytes;
        y[31] &= 0x7f;
        if y.iter().rev().cmp(FIELD.iter().rev()) != Ordering::Less {
            return Err(KeyError::NotCanonical);
        }
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAKey)?;
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(Self(key))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Whether `signature` is of this key over `message`: without cofactor, so that every verifier gives
    /// one answer (RFC 8032 section 5.1.7).
    pub(crate) fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0.verify_strict(message, &signature).is_ok()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for PublicKey {}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(self.as_bytes(), f)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl core::str::FromStr for PublicKey {
    type Err = KeyError;

    /// Reads the 64 hexadecimal digits, lower case.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&hex::parse(text).ok_or(KeyError::NotAKey)?)
    }
}

/// A signature: 64 bytes (RFC 8032 section 5.1.6).
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Signature(pub(crate) [u8; 64]);

impl Signature {
    /// The signature in these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        hex::write(&self.0, f)?;
        f.write_str(")")
    }
}

/// Whoever can sign: a key in memory, a hardware module, a key service.
pub trait Sign {
    /// The public half.
    fn public_key(&self) -> PublicKey;

    /// The Ed25519 signature of `message`; pure, not prehashed (RFC 8032 section 5.1).
    ///
    /// # Errors
    /// If whoever holds the key did not sign.
    fn sign(&self, message: &[u8]) -> Result<Signature, SignError>;

    /// As [`sign`](Self::sign), and then sees that the signature holds, which costs more than making it: whoever
    /// holds the key may be another machine. A key in this process need not be looked after.
    ///
    /// # Errors
    /// As there, or if the signature is not of this key over `message`.
    fn sign_and_look(&self, message: &[u8]) -> Result<Signature, SignError> {
        let signature = self.sign(message)?;
        if self.public_key().verifies(message, &signature) {
            Ok(signature)
        } else {
            Err(SignError::Wrong)
        }
    }
}

impl<S: Sign + ?Sized> Sign for &S {
    fn public_key(&self) -> PublicKey {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        (**self).sign(message)
    }

    fn sign_and_look(&self, message: &[u8]) -> Result<Signature, SignError> {
        (**self).sign_and_look(message)
    }
}

impl<S: Sign + ?Sized> Sign for Arc<S> {
    fn public_key(&self) -> PublicKey {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        (**self).sign(message)
    }

    fn sign_and_look(&self, message: &[u8]) -> Result<Signature, SignError> {
        (**self).sign_and_look(message)
    }
}

/// The secret key of one agent, in memory: it extends and uses the tokens that name its public half.
///
/// ```
/// use kavach_token::{HolderKey, Sign};
///
/// let random = [7; 32]; // from the operating system
/// let key = HolderKey::from_bytes(&random);
/// assert_eq!(key.public_key(), HolderKey::from_bytes(key.expose()).public_key());
/// ```
pub struct HolderKey(SigningKey);

impl HolderKey {
    /// The key whose secret is these 32 bytes (RFC 8032 section 5.1.5): random ones make a new key. Whoever
    /// calls guarantees that they are random and stay secret.
    #[must_use]
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// The key in a PKCS#8 document, version 1 or 2, in DER (RFC 8410 section 7).
    ///
    /// # Errors
    /// If it is no such document, or its public key is not the secret's.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_der(der)
            .map(Self)
            .map_err(|_| KeyError::NotPkcs8)
    }

    /// The key as a PKCS#8 document, version 1, in DER (RFC 8410 section 7). The secret is in it.
    #[must_use]
    pub fn expose_pkcs8_der(&self) -> [u8; 48] {
        let mut der = [0; 48];
        let (head, secret) = der.split_at_mut(PKCS8_HEAD.len());
        head.copy_from_slice(&PKCS8_HEAD);
        secret.copy_from_slice(self.expose());
        der
    }

    /// The secret. Whoever has it is this agent.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl Sign for HolderKey {
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        Ok(Signature(self.0.sign(message).to_bytes()))
    }

    fn sign_and_look(&self, message: &[u8]) -> Result<Signature, SignError> {
        self.sign(message)
    }
}

impl fmt::Debug for HolderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HolderKey({})", self.public_key())
    }
}

/// The key that signs a tenant's tokens, with the number that names it in the [`KeySet`](crate::KeySet).
#[derive(Debug)]
pub struct RootKey<S = HolderKey> {
    id: u32,
    signer: S,
}

impl<S: Sign> RootKey<S> {
    /// The key `signer`, published under the number `id`.
    pub const fn new(id: u32, signer: S) -> Self {
        Self { id, signer }
    }

    /// Its number.
    pub const fn id(&self) -> u32 {
        self.id
    }
}

impl<S: Sign> Sign for RootKey<S> {
    fn public_key(&self) -> PublicKey {
        self.signer.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        self.signer.sign(message)
    }

    fn sign_and_look(&self, message: &[u8]) -> Result<Signature, SignError> {
        self.signer.sign_and_look(message)
    }
}

/// The terminal key's public half.
#[rustfmt::skip]
pub const TERMINAL_KEY: [u8; 32] = [
    0xab, 0xb0, 0x77, 0x37, 0x2d, 0xc3, 0x09, 0x2d,
    0x19, 0x78, 0x03, 0x75, 0xa5, 0x66, 0xb3, 0x0e,
    0x16, 0x5b, 0xb6, 0x0e, 0xf5, 0x05, 0x30, 0x9c,
    0xec, 0x08, 0x2d, 0x18, 0x84, 0x74, 0xb5, 0xc3,
];

#[cfg(test)]
mod tests;
