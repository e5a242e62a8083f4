//! A signed document: JWS in its compact form (RFC 7515 section 3.1), with Ed25519 (RFC 8037 section 3.1).

use crate::armor;
use crate::error::SignError;
use crate::key::{PublicKey, RootKey, Sign, Signature};

/// The one header that a document of this type has. A reader writes it again and compares, so that there is
/// nothing in it to choose: no other algorithm, no key by reference.
fn header(kind: &str, key_id: u32) -> String {
    let text = format!(r#"{{"alg":"EdDSA","kid":"{key_id}","typ":"{kind}"}}"#);
    armor::unpadded(text.as_bytes())
}

/// Signs `body`.
pub(crate) fn sign<S: Sign>(
    root: &RootKey<S>,
    kind: &str,
    body: &[u8],
) -> Result<String, SignError> {
    let message = [header(kind, root.id()), armor::unpadded(body)].join(".");
    let signature = root.sign_and_look(message.as_bytes())?;
    Ok([message, armor::unpadded(signature.as_bytes())].join("."))
}

/// The body of `text`, if one of `keys` signed it as a document of this type.
pub(crate) fn open<'a>(
    text: &str,
    kind: &str,
    mut keys: impl Iterator<Item = (u32, &'a PublicKey)>,
) -> Option<Vec<u8>> {
    let (message, signature) = text.rsplit_once('.')?;
    let (head, body) = message.split_once('.')?;
    let (_, key) = keys.find(|(id, _)| header(kind, *id) == head)?;
    let signature = armor::read_unpadded(signature)?.try_into().ok()?;
    if !key.verifies(message.as_bytes(), &Signature(signature)) {
        return None;
    }
    armor::read_unpadded(body)
}
