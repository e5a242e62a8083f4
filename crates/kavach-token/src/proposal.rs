//! A call on its way: proposed, said yes to, made.

use kavach_core::Timestamp;

use crate::approval::{Approval, ApprovalRequest};
use crate::call::Call;
use crate::envelope;
use crate::error::IssueError;
use crate::id::Nonce;
use crate::key::{Sign, TERMINAL_KEY, TERMINAL_SECRET};
use crate::limits::{APPROVALS_MAX, BLOCKS_MAX, INVOCATION_TTL_S_MAX, TOKEN_BYTES_MAX};
use crate::presentation::Presentation;
use crate::profile::{InvocationBlock, Profiled};
use crate::right::Bounds;
use crate::token::{Token, checked};

/// One call that a holder wants to make, and who said yes to it so far.
///
/// Approvers are asked one after the other: each signs over what stands before.
#[derive(Clone, Debug)]
pub struct Proposal<'t> {
    token: &'t Token,
    call: Call,
    nonce: Nonce,
    bytes: Vec<u8>,
    previous: [u8; 64],
    approvals: usize,
}

impl<'t> Proposal<'t> {
    pub(crate) fn new(token: &'t Token, call: Call, nonce: Nonce) -> Self {
        Self {
            token,
            call,
            nonce,
            bytes: token.as_bytes().to_vec(),
            previous: token.chain().last_signature,
            approvals: 0,
        }
    }

    /// What the next approver is asked.
    #[must_use]
    pub fn request(&self) -> ApprovalRequest {
        ApprovalRequest::new(self.previous, self.call.hash(&self.nonce))
    }

    /// Adds an approver's yes.
    ///
    /// # Errors
    /// If it answers another request, or `holder` does not hold the token.
    pub fn approved(
        mut self,
        holder: &(impl Sign + ?Sized),
        approval: &Approval,
    ) -> Result<Self, IssueError> {
        let last = self.token.held_by(holder)?;
        if !approval.answers(&self.request()) {
            return Err(IssueError::Approval);
        }
        self.approvals += 1;
        if self.approvals > APPROVALS_MAX {
            return Err(IssueError::TooLarge);
        }
        // The token stays in the same hand: the next key is again the holder's own.
        let key = last.key().as_bytes();
        let external = Some(approval.external());
        let payload = approval.payload();
        let signed = envelope::sign_block(holder, payload, key, Some(&self.previous), external)?;
        envelope::append(&mut self.bytes, &signed.block);
        self.previous = signed.signature;
        Ok(self)
    }

    /// Makes the call, valid from `at` for `ttl_s` seconds: 1 to 60.
    ///
    /// # Errors
    /// If `holder` does not hold the token, it does not allow the call, or it would be too large.
    pub fn invoke(
        mut self,
        holder: &(impl Sign + ?Sized),
        at: Timestamp,
        ttl_s: u64,
    ) -> Result<Presentation, IssueError> {
        let last = self.token.held_by(holder)?;
        let chain = self.token.chain();
        if !(1..=INVOCATION_TTL_S_MAX).contains(&ttl_s) || at < last.at() {
            return Err(IssueError::Times);
        }
        let mut covering = chain.covering(last, &self.call.action, &self.call.resource, at);
        if covering.next().is_none() || !last.audiences().contains(&self.call.audience) {
            return Err(IssueError::NotAllowed);
        }
        let invocation = InvocationBlock {
            nonce: self.nonce,
            at,
            bounds: Bounds {
                until: at.plus_s(ttl_s),
                deepest: chain.depth(),
            },
            audience: self.call.audience.clone(),
            action: self.call.action.clone(),
            resource: self.call.resource.clone(),
            arguments: self.call.arguments,
        };
        let payload = checked(invocation.write(&chain.symbols))?;
        let previous = Some(&self.previous);
        let signed = envelope::sign_block(holder, &payload, &TERMINAL_KEY, previous, None)?;
        envelope::append(&mut self.bytes, &signed.block);
        envelope::prove(&mut self.bytes, &TERMINAL_SECRET);
        let blocks = chain.hops.len() + self.approvals + 1;
        if self.bytes.len() > TOKEN_BYTES_MAX || blocks > BLOCKS_MAX {
            return Err(IssueError::TooLarge);
        }
        Ok(Presentation::of(self.bytes))
    }
}
