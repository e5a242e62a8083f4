//! What a service did: its signature on the presentation that asked for it.

use kavach_core::Timestamp;

use crate::approval::{check_external, read_contents, sign_external, write_contents};
use crate::block::Unreadable;
use crate::envelope::{Envelope, External};
use crate::error::{ClaimError, IssueError};
use crate::id::ArgumentsHash;
use crate::key::{PublicKey, Sign};
use crate::presentation::Presentation;
use crate::profile::{Profiled, ReceiptBlock};
use crate::refusal::Refusal;
use crate::symbols::Symbols;

/// What a service did for one invocation, signed by the service: for the caller and for the trail.
///
/// Standard bytes: a Biscuit's `ThirdPartyBlockContents`, bound to the invocation's signature.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Receipt {
    payload: Vec<u8>,
    block: ReceiptBlock,
    key: PublicKey,
    signature: [u8; 64],
}

/// How a call ended.
#[expect(clippy::exhaustive_enums, reason = "it was done or it was not")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Done.
    Done,
    /// Not done, or not to the end.
    Failed,
}

impl Receipt {
    /// Signs what was done at `at`; `result` is the hash of what was answered, in its canonical form.
    ///
    /// # Errors
    /// If the presentation has no invocation, or the key did not sign.
    pub fn sign(
        service: &(impl Sign + ?Sized),
        presentation: &Presentation,
        outcome: Outcome,
        result: ArgumentsHash,
        at: Timestamp,
    ) -> Result<Self, IssueError> {
        let previous = last_signature(presentation).map_err(|_| IssueError::NotAllowed)?;
        let block = ReceiptBlock {
            outcome,
            result,
            at,
        };
        let payload = block.write(&Symbols::default()).payload;
        let signature = sign_external(service, &payload, &previous)?;
        Ok(Self {
            payload,
            block,
            key: service.public_key(),
            signature,
        })
    }

    /// Reads a receipt for `presentation`. Whether [`key`](Self::key) is the service's is for the caller.
    ///
    /// # Errors
    /// If it is no receipt, or not for this presentation.
    pub fn from_bytes(bytes: &[u8], presentation: &Presentation) -> Result<Self, Refusal> {
        let previous = last_signature(presentation)?;
        let (payload, external) = read_contents(bytes)?;
        let read = ReceiptBlock::read(payload, &Symbols::default());
        let (block, _) = read.map_err(|_: Unreadable| Refusal::Malformed)?;
        let key = check_external(payload, &previous, external)?;
        Ok(Self {
            payload: payload.to_vec(),
            block,
            key,
            signature: *external.signature,
        })
    }

    /// The receipt's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let external = External {
            signature: &self.signature,
            key: self.key.as_bytes(),
        };
        write_contents(&self.payload, external)
    }

    /// Who signed.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// How the call ended.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.block.outcome
    }

    /// The hash of what was answered.
    #[must_use]
    pub fn result(&self) -> ArgumentsHash {
        self.block.result
    }

    /// When.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.block.at
    }
}

impl Outcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

impl core::str::FromStr for Outcome {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        match text {
            "done" => Ok(Self::Done),
            "failed" => Ok(Self::Failed),
            _ => Err(ClaimError {
                what: "an outcome is `done` or `failed`",
            }),
        }
    }
}

fn last_signature(presentation: &Presentation) -> Result<[u8; 64], Refusal> {
    let envelope = Envelope::read(presentation.as_bytes())?;
    let last = envelope.blocks.last().ok_or(Refusal::NoInvocation)?;
    Ok(*last.signature)
}
