//! Why a token was refused: one reason for each check, for the operator; and what its sender may know.

use core::error::Error;
use core::fmt;

use crate::wire::Malformed;

/// Why a token was refused.
///
/// This is for the operator: logs and audit events. What goes back to whoever sent the token is
/// [`to_peer`](Self::to_peer), which makes no distinction that would help somebody who guesses.
///
/// `block` counts from 0, the block that the root key signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// More than 16 KiB.
    TooLarge,
    /// Not the canonical encoding of a token.
    Malformed,
    /// More than 16 blocks.
    TooManyBlocks,
    /// More than 64 facts in a block.
    TooManyFacts {
        /// In which.
        block: usize,
    },
    /// Comparing the rights of its blocks takes more work than an honest token needs.
    TooMuchWork,
    /// A key that is not Ed25519.
    Algorithm,
    /// A next key that is not canonical, of low order, or no key at all.
    Key {
        /// In which.
        block: usize,
    },
    /// A key that stands in the chain twice.
    KeyRepeated {
        /// Where it stands again.
        block: usize,
    },
    /// The terminal key anywhere but at the end.
    TerminalKey {
        /// Where it stands.
        block: usize,
    },
    /// A payload version other than 1.
    SignatureVersion {
        /// In which.
        block: usize,
    },
    /// A signature that does not hold.
    Signature {
        /// Of which.
        block: usize,
    },
    /// The open form, which is for its holder and not for verifiers.
    Open,
    /// A sealed token: anybody can seal a presentation again, since the terminal key is known.
    Sealed,
    /// A proof that is not the terminal secret: a bearer token, or none of ours.
    Proof,
    /// No number of a root key, or one that is not published.
    UnknownRootKey,
    /// A root key that is not valid yet, or not any more.
    RootKeyTime,
    /// The tenant or the issuer is not the one whose keys these are.
    Tenant,
    /// A block that is not, byte for byte, what the profile writes.
    Profile {
        /// Which.
        block: usize,
    },
    /// A block that says another holder than the key that follows it.
    Holder {
        /// Which.
        block: usize,
    },
    /// A delegation that says it is from somebody else than who held the token.
    Delegator {
        /// Which.
        block: usize,
    },
    /// A hop that takes the name of a registered agent whose key it does not have.
    Impostor {
        /// Which.
        block: usize,
    },
    /// More delegations than a block allows below itself.
    TooDeep {
        /// Which allows fewer.
        block: usize,
    },
    /// Times that do not follow from those above: an end after its parent's, a start before it.
    Times {
        /// Whose.
        block: usize,
    },
    /// An audience that its parent does not have.
    AudienceWidened {
        /// Which.
        block: usize,
    },
    /// A right that its parent does not have.
    RightWidened {
        /// Which.
        block: usize,
    },
    /// No invocation at the end.
    NoInvocation,
    /// An invocation that is not the last block.
    SecondInvocation {
        /// Which.
        block: usize,
    },
    /// A third party's block where none may stand, or one that is no approval.
    ThirdParty {
        /// Which.
        block: usize,
    },
    /// Made in the future: somebody's clock is more than 30 seconds ahead.
    Ahead {
        /// Which.
        block: usize,
    },
    /// Not valid yet.
    NotYet,
    /// Not valid any more.
    Expired {
        /// Which.
        block: usize,
    },
    /// An invocation that lasts longer than 60 seconds, or not at all.
    InvocationTime,
    /// For another audience than this one.
    Audience,
    /// For another action or another resource than was asked for.
    Call,
    /// With other arguments than were asked for.
    Arguments,
    /// The call is not allowed.
    NotAllowed {
        /// By which.
        block: usize,
    },
    /// The call is allowed only under a condition that does not hold.
    Condition {
        /// Of which.
        block: usize,
    },
    /// The call is allowed only under a condition that this verifier cannot ask about: a rate, a budget, an
    /// approval, a level of trust.
    CannotAsk {
        /// Of which.
        block: usize,
    },
    /// An approval by a key that is not an approver's, of another call, or over.
    Approval {
        /// Which.
        block: usize,
    },
    /// Used before.
    Replayed,
    /// The cache of used invocations is full of ones that still last. Try again in a minute, or have a
    /// larger one.
    ReplaysFull,
    /// Made before this verifier began to remember what was used.
    BeforeStart,
    /// Revoked: the block, its holder's key, or what its signer called it.
    Revoked {
        /// Which.
        block: usize,
    },
    /// No revocation list, or one that is older than it may be.
    RevocationStale,
    /// A key set that nobody looked after for longer than it may be.
    KeysStale,
}

/// What whoever sent a token may know.
#[expect(
    clippy::exhaustive_enums,
    reason = "a finer distinction must be thought about by every caller"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PeerMessage {
    /// No; sending it again is of no use.
    Refused,
    /// Not at this time: make a fresh invocation, or get a fresh token.
    OutOfTime,
    /// This verifier could not decide; try again.
    TryAgain,
}

impl Refusal {
    /// What the sender may know.
    ///
    /// Whether a signature, a key, a revocation or a right was at fault is not told: each would answer a
    /// question that only somebody who guesses asks.
    #[must_use]
    pub const fn to_peer(self) -> PeerMessage {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "what is not told apart here is not told"
        )]
        match self {
            Self::NotYet | Self::Expired { .. } | Self::Ahead { .. } | Self::BeforeStart => {
                PeerMessage::OutOfTime
            }
            Self::ReplaysFull | Self::RevocationStale | Self::KeysStale => PeerMessage::TryAgain,
            _ => PeerMessage::Refused,
        }
    }

    /// A short name for logs and counters.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::TooManyBlocks => "too_many_blocks",
            Self::TooManyFacts { .. } => "too_many_facts",
            Self::TooMuchWork => "too_much_work",
            Self::Algorithm => "algorithm",
            Self::Key { .. } => "key",
            Self::KeyRepeated { .. } => "key_repeated",
            Self::TerminalKey { .. } => "terminal_key",
            Self::SignatureVersion { .. } => "signature_version",
            Self::Signature { .. } => "signature",
            Self::Open => "open",
            Self::Sealed => "sealed",
            Self::Proof => "proof",
            Self::UnknownRootKey => "unknown_root_key",
            Self::RootKeyTime => "root_key_time",
            Self::Tenant => "tenant",
            Self::Profile { .. } => "not_in_profile",
            Self::Holder { .. } => "holder",
            Self::Delegator { .. } => "delegator",
            Self::Impostor { .. } => "impostor",
            Self::TooDeep { .. } => "too_deep",
            Self::Times { .. } => "times",
            Self::AudienceWidened { .. } => "audience_widened",
            Self::RightWidened { .. } => "right_widened",
            Self::NoInvocation => "no_invocation",
            Self::SecondInvocation { .. } => "second_invocation",
            Self::ThirdParty { .. } => "third_party",
            Self::Ahead { .. } => "ahead",
            Self::NotYet => "not_yet",
            Self::Expired { .. } => "expired",
            Self::InvocationTime => "invocation_time",
            Self::Audience => "audience",
            Self::Call => "call",
            Self::Arguments => "arguments",
            Self::NotAllowed { .. } => "not_allowed",
            Self::Condition { .. } => "condition",
            Self::CannotAsk { .. } => "cannot_ask",
            Self::Approval { .. } => "approval",
            Self::Replayed => "replayed",
            Self::ReplaysFull => "replays_full",
            Self::BeforeStart => "before_start",
            Self::Revoked { .. } => "revoked",
            Self::RevocationStale => "revocation_stale",
            Self::KeysStale => "keys_stale",
        }
    }

    /// The block at fault, if it is one.
    #[must_use]
    pub const fn block(self) -> Option<usize> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others name no block")]
        match self {
            Self::TooManyFacts { block }
            | Self::Key { block }
            | Self::KeyRepeated { block }
            | Self::TerminalKey { block }
            | Self::SignatureVersion { block }
            | Self::Signature { block }
            | Self::Profile { block }
            | Self::Holder { block }
            | Self::Delegator { block }
            | Self::Impostor { block }
            | Self::TooDeep { block }
            | Self::Times { block }
            | Self::AudienceWidened { block }
            | Self::RightWidened { block }
            | Self::SecondInvocation { block }
            | Self::ThirdParty { block }
            | Self::Ahead { block }
            | Self::Expired { block }
            | Self::NotAllowed { block }
            | Self::Condition { block }
            | Self::CannotAsk { block }
            | Self::Approval { block }
            | Self::Revoked { block } => Some(block),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the token was refused: `{}`", self.code())?;
        match self.block() {
            Some(block) => write!(f, " at block {block}"),
            None => Ok(()),
        }
    }
}

impl Error for Refusal {}

impl fmt::Display for PeerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "the token was refused",
            Self::OutOfTime => {
                "the token does not hold at this time; make a fresh one and look at the clock"
            }
            Self::TryAgain => {
                "the token could not be looked at; try again with a fresh one in a moment"
            }
        })
    }
}

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}
