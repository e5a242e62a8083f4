//! A person's yes to one call, as a third party's block of a Biscuit.

use kavach_core::Timestamp;

use crate::envelope::{External, external_payload};
use crate::error::{IssueError, SignError};
use crate::id::CallHash;
use crate::key::{PublicKey, Sign, Signature};
use crate::limits::{APPROVAL_TTL_S_MAX, TOKEN_BYTES_MAX};
use crate::profile::{ApprovalBlock, Profiled};
use crate::refusal::Refusal;
use crate::symbols::Symbols;
use crate::wire::{Reader, put_bytes, put_message};

/// What an approver is asked: may this token make this call, once?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ApprovalRequest {
    /// The signature at the end of the chain so far, which names the whole of it.
    token: [u8; 64],
    call: CallHash,
}

/// A yes, signed by the approver's key. Standard bytes: a Biscuit's `ThirdPartyBlockContents`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Approval {
    payload: Vec<u8>,
    block: ApprovalBlock,
    token: [u8; 64],
    key: PublicKey,
    signature: [u8; 64],
}

impl ApprovalRequest {
    /// A request as its parts: the signature at the end of the chain, and the hash of the call, which the
    /// approver makes anew from the call that the person was shown.
    #[must_use]
    pub const fn new(token: [u8; 64], call: CallHash) -> Self {
        Self { token, call }
    }

    /// The signature at the end of the chain.
    #[must_use]
    pub const fn token(&self) -> &[u8; 64] {
        &self.token
    }

    /// The call.
    #[must_use]
    pub const fn call(&self) -> CallHash {
        self.call
    }

    /// Says yes, from `at` for `ttl_s` seconds: 1 to one day. Whoever calls has shown a person the call, and
    /// made its hash from what the person saw.
    ///
    /// # Errors
    /// If the time is too long or zero, or the key did not sign.
    pub fn approve(
        &self,
        approver: &(impl Sign + ?Sized),
        at: Timestamp,
        ttl_s: u64,
    ) -> Result<Approval, IssueError> {
        if !(1..=APPROVAL_TTL_S_MAX).contains(&ttl_s) {
            return Err(IssueError::Times);
        }
        let block = ApprovalBlock {
            call: self.call,
            at,
            until: at.plus_s(ttl_s),
        };
        let payload = block.write(&Symbols::default()).payload;
        let signature = sign_external(approver, &payload, &self.token)?;
        Ok(Approval {
            payload,
            block,
            token: self.token,
            key: approver.public_key(),
            signature,
        })
    }
}

impl Approval {
    /// Reads an answer to `request`.
    ///
    /// # Errors
    /// If it is not an approval, or not of this request, or its signature does not hold.
    pub fn from_bytes(bytes: &[u8], request: &ApprovalRequest) -> Result<Self, Refusal> {
        let (payload, external) = read_contents(bytes)?;
        let read = ApprovalBlock::read(payload, &Symbols::default());
        let (block, _) = read.map_err(|_| Refusal::Malformed)?;
        let key = check_external(payload, &request.token, external)?;
        let approval = Self {
            payload: payload.to_vec(),
            block,
            token: request.token,
            key,
            signature: *external.signature,
        };
        if approval.answers(request) {
            Ok(approval)
        } else {
            Err(Refusal::Call)
        }
    }

    /// The answer's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        write_contents(&self.payload, self.external())
    }

    /// Who said yes.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The first second at which it no longer counts.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.block.until
    }

    pub(crate) fn answers(&self, request: &ApprovalRequest) -> bool {
        self.token == request.token && self.block.call == request.call
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(crate) fn external(&self) -> External<'_> {
        External {
            signature: &self.signature,
            key: self.key.as_bytes(),
        }
    }
}

/// Signs `payload` as a third party, after the block that ends in `previous`.
pub(crate) fn sign_external(
    signer: &(impl Sign + ?Sized),
    payload: &[u8],
    previous: &[u8; 64],
) -> Result<[u8; 64], SignError> {
    let message = external_payload(payload, previous);
    Ok(*signer.sign_and_look(&message)?.as_bytes())
}

/// Who signed `payload` as a third party, after the block that ends in `previous`.
pub(crate) fn check_external(
    payload: &[u8],
    previous: &[u8; 64],
    external: External<'_>,
) -> Result<PublicKey, Refusal> {
    let key = PublicKey::from_bytes(external.key).map_err(|_| Refusal::Key { block: 0 })?;
    let message = external_payload(payload, previous);
    if key.verifies(&message, &Signature(*external.signature)) {
        Ok(key)
    } else {
        Err(Refusal::Signature { block: 0 })
    }
}

/// Reads a `ThirdPartyBlockContents`.
pub(crate) fn read_contents(bytes: &[u8]) -> Result<(&[u8], External<'_>), Refusal> {
    if bytes.len() > TOKEN_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    let mut reader = Reader::new(bytes);
    let payload = reader.bytes(1)?;
    let external = External::read(reader.bytes(2)?)?;
    reader.finish()?;
    Ok((payload, external))
}

/// Writes a `ThirdPartyBlockContents`.
pub(crate) fn write_contents(payload: &[u8], external: External<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 128);
    put_bytes(&mut out, 1, payload);
    put_message(&mut out, 2, |out| external.write(out));
    out
}
