//! The blocks of a presentation, by what they are for.

use crate::envelope::{Envelope, Proof, SignedBlock};
use crate::key::{TERMINAL_KEY, TERMINAL_SECRET};
use crate::limits::APPROVALS_MAX;
use crate::refusal::Refusal;

/// A presentation of the right form, which says nothing about who signed it.
pub(super) struct Parts<'a> {
    pub(super) chain: &'a [SignedBlock<'a>],
    pub(super) approvals: &'a [SignedBlock<'a>],
    pub(super) invocation: &'a SignedBlock<'a>,
}

impl<'a> Parts<'a> {
    pub(super) fn of(envelope: &'a Envelope<'a>) -> Result<Self, Refusal> {
        match envelope.proof {
            None => return Err(Refusal::Open),
            Some(Proof::FinalSignature(_)) => return Err(Refusal::Sealed),
            Some(Proof::NextSecret(secret)) if secret != TERMINAL_SECRET => {
                return Err(Refusal::Proof);
            }
            Some(Proof::NextSecret(_)) => {}
        }
        let (invocation, before) = envelope.blocks.split_last().ok_or(Refusal::NoInvocation)?;
        let terminal = |block: &SignedBlock<'_>| *block.next_key == TERMINAL_KEY;
        // INVARIANT (once): the terminal key's secret is public, so nothing that it signs may count.
        if let Some(block) = before.iter().position(terminal) {
            return Err(Refusal::TerminalKey { block });
        }
        if !terminal(invocation) || before.is_empty() {
            return Err(Refusal::NoInvocation);
        }
        if let Some(block) = envelope.blocks.iter().position(|block| block.version != 1) {
            return Err(Refusal::SignatureVersion { block });
        }
        let third = |block: &SignedBlock<'_>| block.external.is_some();
        let first_third = before.iter().position(third).unwrap_or(before.len());
        let (chain, approvals) = before.split_at(first_third);
        if let Some(wrong) = approvals.iter().position(|block| !third(block)) {
            let block = first_third + wrong;
            return Err(Refusal::ThirdParty { block });
        }
        if third(invocation) || approvals.len() > APPROVALS_MAX {
            let block = before.len();
            return Err(Refusal::ThirdParty { block });
        }
        Ok(Self {
            chain,
            approvals,
            invocation,
        })
    }

    /// The invocation's number.
    pub(super) fn index(&self) -> usize {
        self.chain.len() + self.approvals.len()
    }
}
