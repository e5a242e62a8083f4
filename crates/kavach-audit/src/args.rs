//! The stand-in for a call's arguments.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::hash::Hash;
use crate::key::TenantKey;

/// The hash that stands in the event for the arguments of the call: HMAC-SHA-256 (RFC 2104) of their
/// canonical JSON (RFC 8785), under the tenant's key.
///
/// Keyed, so that nobody without the key can find short arguments by trying, or see that two tenants
/// passed the same.
///
/// ```
/// use kavach_audit::{TenantKey, args_hash};
///
/// let key = TenantKey::new([7; 32]);
/// let hash = args_hash(&key, br#"{"repo":"kavach"}"#);
/// assert_ne!(hash, args_hash(&TenantKey::new([8; 32]), br#"{"repo":"kavach"}"#));
/// ```
#[must_use]
pub fn args_hash(key: &TenantKey, canonical_args: &[u8]) -> Hash {
    // HMAC fills a key that is shorter than a block with zeros; done here, it cannot fail.
    let mut block = zeroize::Zeroizing::new([0; 64]);
    for (place, byte) in block.iter_mut().zip(key.expose()) {
        *place = *byte;
    }
    let mac = Hmac::<Sha256>::new((&*block).into());
    mac.chain_update(canonical_args)
        .finalize()
        .into_bytes()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::hex;

    #[test]
    fn it_is_hmac_sha_256() {
        // Computed with Python's `hmac.new(bytes(range(32)), b'{"a":1}', 'sha256')`.
        let key = TenantKey::new(std::array::from_fn(|place| place.try_into().unwrap()));
        let hash = hex(&args_hash(&key, br#"{"a":1}"#));
        assert_eq!(
            str::from_utf8(&hash).unwrap(),
            "b4cebde30982443ec36c18fa99ad10a70e705bba779f57c37e84decb64ae50fb"
        );
    }

    #[test]
    fn keys_do_not_print() {
        assert_eq!(format!("{:?}", TenantKey::new([7; 32])), "TenantKey(..)");
    }
}
