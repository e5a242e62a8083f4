//! Whoever registers a key for an agent holds it: a signature that says so.

use core::fmt;
use core::str::FromStr;

use kavach_core::{Name, TenantId};

use crate::error::SignError;
use crate::hex;
use crate::key::{PublicKey, Sign, Signature, TERMINAL_KEY};

/// Keeps these signatures apart from all others, blocks included.
const DOMAIN: &[u8] = b"kavach holder key v1\0";

/// A holder's key with the proof that whoever asks for its registration has its secret: else somebody could
/// pass for the holder of another's key, and have what that one does written down as an agent's.
///
/// The signature is over `"kavach holder key v1\0"`, the tenant's id as text, a zero byte, and the agent's
/// name: the agent's id may not be known yet where both are declared together. It holds for ever, and says
/// nothing that is secret. Prints and parses as the key, a colon, and the signature, in hexadecimal digits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Registration {
    key: PublicKey,
    signature: Signature,
}

/// Text that is not a registration, or whose key cannot be used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct NotARegistration;

impl fmt::Display for NotARegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "this is not the registration of a key; pass the line that `kavach token key --for` prints",
        )
    }
}

impl core::error::Error for NotARegistration {}

impl Registration {
    /// Proves that `holder` is there, to be registered for the agent of this name.
    ///
    /// # Errors
    /// If the key did not sign.
    pub fn sign(
        holder: &(impl Sign + ?Sized),
        tenant: TenantId,
        agent: &Name,
    ) -> Result<Self, SignError> {
        let signature = holder.sign(&message(tenant, agent))?;
        let registration = Self {
            key: holder.public_key(),
            signature,
        };
        if registration.is_for(tenant, agent) {
            Ok(registration)
        } else {
            Err(SignError::Wrong)
        }
    }

    /// Whether the key's holder meant the agent of this name in this tenant.
    #[must_use]
    pub fn is_for(&self, tenant: TenantId, agent: &Name) -> bool {
        // The terminal key's secret is public: nobody holds it.
        *self.key.as_bytes() != TERMINAL_KEY
            && self.key.verifies(&message(tenant, agent), &self.signature)
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.key
    }
}

fn message(tenant: TenantId, agent: &Name) -> Vec<u8> {
    let tenant = tenant.to_string();
    [DOMAIN, tenant.as_bytes(), b"\0", agent.as_str().as_bytes()].concat()
}

impl fmt::Display for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.key)?;
        hex::write(self.signature.as_bytes(), f)
    }
}

impl FromStr for Registration {
    type Err = NotARegistration;

    fn from_str(text: &str) -> Result<Self, NotARegistration> {
        let (key, signature) = text.split_once(':').ok_or(NotARegistration)?;
        let key: PublicKey = key.parse().map_err(|_| NotARegistration)?;
        let signature = hex::parse(signature).ok_or(NotARegistration)?;
        Ok(Self {
            key,
            signature: Signature::from_bytes(signature),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{HolderKey, TERMINAL_SECRET};
    use crate::scene::holder;

    #[test]
    fn a_registration_is_for_one_agent_in_one_tenant_by_who_holds_the_key() {
        let (tenant, name): (TenantId, Name) = (TenantId::DEFAULT, "reader".parse().unwrap());
        let made = Registration::sign(&holder(1), tenant, &name).unwrap();
        let other: Name = "writer".parse().unwrap();
        assert!(!made.is_for(tenant, &other));
        assert!(!made.is_for(TenantId::from_u128(7), &name));
        let stolen = Registration {
            key: holder(2).public_key(),
            ..made
        };
        assert!(!stolen.is_for(tenant, &name));
        let terminal = HolderKey::from_bytes(&TERMINAL_SECRET);
        assert!(Registration::sign(&terminal, tenant, &name).is_err());
        assert!(made.is_for(tenant, &name));
        let text = made.to_string();
        assert_eq!(text.len(), 64 + 1 + 128);
        assert_eq!(text.parse(), Ok(made));
        for wrong in [&text[1..], &text[..192], &text.to_uppercase(), "", ":"] {
            assert_eq!(wrong.parse::<Registration>(), Err(NotARegistration));
        }
        let low_order = format!("{}{}", "01".to_owned() + &"00".repeat(31), &text[64..]);
        assert_eq!(low_order.parse::<Registration>(), Err(NotARegistration));
    }
}
