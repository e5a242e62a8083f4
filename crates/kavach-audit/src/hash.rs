//! SHA-256, and the two ways in which the log uses it.

use sha2::{Digest, Sha256};

/// A SHA-256 hash (FIPS 180-4).
pub type Hash = [u8; 32];

/// The hash of a leaf of the log: of a zero byte and the entry (RFC 9162 section 2.1.1).
///
/// ```
/// let leaf = kavach_audit::leaf_hash(b"");
/// assert_eq!(leaf[..4], [0x6e, 0x34, 0x0b, 0x9c]);
/// ```
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(entry)
        .finalize()
        .into()
}

/// The hash of an inner node of the log: of a one byte and its two children (RFC 9162 section 2.1.1).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The root of a log without entries: the hash of nothing (RFC 9162 section 2.1.1).
pub(crate) fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The 64 lower-case digits of a hash.
pub(crate) fn hex(hash: &Hash) -> [u8; 64] {
    let digit = |nibble: u8| {
        if nibble < 10 {
            b'0' + nibble
        } else {
            b'a' - 10 + nibble
        }
    };
    let mut digits = [0; 64];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(hash) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
    }
    digits
}

/// The hash of 64 lower-case digits.
pub(crate) fn from_hex(text: &str) -> Option<Hash> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let (pairs, _) = digits.as_chunks::<2>();
    let mut hash = [0; 32];
    for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(hash)
}
