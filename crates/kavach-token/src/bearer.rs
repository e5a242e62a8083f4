//! The other way to use Biscuit: a token that works for whoever has it.

use core::fmt;

use kavach_core::Timestamp;

use crate::armor;
use crate::envelope::{self, Envelope};
use crate::error::IssueError;
use crate::key::{HolderKey, RootKey, Sign};
use crate::token::{Mint, Token};

/// A **bearer token**, for systems that know only plain Biscuits: whoever sees it can use it and pass it on, and
/// nobody can tell who did. A [`Verifier`](crate::Verifier) refuses it; any Biscuit library takes it, with the
/// facts that the page of the profile lists. Keep it as secret as a password, and let it live for minutes.
pub struct BearerToken {
    bytes: Vec<u8>,
    expires_at: Timestamp,
}

impl BearerToken {
    /// Makes one that whoever has it can narrow further with any Biscuit library. `secret` is 32 random bytes,
    /// which travel inside; the holder that `mint` names is replaced by their public key.
    ///
    /// # Errors
    /// As [`Token::mint`].
    pub fn mint<S: Sign>(
        root: &RootKey<S>,
        mint: Mint,
        secret: &[u8; 32],
    ) -> Result<Self, IssueError> {
        let token = Self::open(root, mint, &HolderKey::from_bytes(secret))?;
        let expires_at = token.expires_at();
        let mut bytes = token.as_bytes().to_vec();
        envelope::prove(&mut bytes, secret);
        Ok(Self { bytes, expires_at })
    }

    /// Makes one that nobody can narrow further; it is a bearer token all the same.
    ///
    /// # Errors
    /// As [`Token::mint`].
    pub fn mint_sealed<S: Sign>(
        root: &RootKey<S>,
        mint: Mint,
        secret: &[u8; 32],
    ) -> Result<Self, IssueError> {
        let key = HolderKey::from_bytes(secret);
        let token = Self::open(root, mint, &key)?;
        let expires_at = token.expires_at();
        let envelope = Envelope::read(token.as_bytes()).map_err(|_| IssueError::TooLarge)?;
        let last = envelope.blocks.last().ok_or(IssueError::TooLarge)?;
        let mut bytes = token.as_bytes().to_vec();
        envelope::seal(&mut bytes, &key, last)?;
        Ok(Self { bytes, expires_at })
    }

    fn open<S: Sign>(root: &RootKey<S>, mint: Mint, key: &HolderKey) -> Result<Token, IssueError> {
        let holder = key.public_key();
        Token::mint(root, Mint { holder, ..mint })
    }

    /// The Biscuit's bytes: the secret is among them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// The Biscuit as text, base64url with padding: the secret is in it.
    #[must_use]
    pub fn expose_text(&self) -> String {
        armor::padded(&self.bytes)
    }

    /// The first second at which it no longer holds.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

#[cfg(all(test, feature = "datalog"))]
mod tests {
    use super::*;
    use crate::datalog::{DatalogRefusal, Known, evaluate};
    use crate::refusal::Refusal;
    use crate::request::Request;
    use crate::scene::{SERVICE, audience, call, mint, now, root, verify_at};

    #[test]
    fn a_bearer_token_is_a_plain_biscuit_and_our_verifier_takes_none() {
        let mint = mint(&["read:mcp:github:*"]);
        let secret = [44; 32];
        let plain = BearerToken::mint(&root(), mint.clone(), &secret).unwrap();
        let sealed = BearerToken::mint_sealed(&root(), mint, &secret).unwrap();
        for (bearer, refused) in [(&plain, Refusal::Proof), (&sealed, Refusal::Sealed)] {
            for (action, want) in [("write", Err(DatalogRefusal::Denied)), ("read", Ok(()))] {
                let call = call(action, "mcp:github:repos");
                let request = Request::new(&call.action, &call.resource, call.arguments);
                let known = Known {
                    request: &request,
                    audience: &audience(SERVICE),
                    now: now(),
                    holds: &[],
                };
                assert_eq!(
                    evaluate(bearer.expose(), &root().public_key(), &known),
                    want
                );
                assert_eq!(
                    verify_at(bearer.expose(), &call, now()).err(),
                    Some(refused)
                );
            }
        }
        assert_eq!(format!("{plain:?}"), "BearerToken(..)");
    }
}
