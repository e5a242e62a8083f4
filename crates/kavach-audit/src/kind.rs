//! The words for what happened, and for how it ended.

macro_rules! codes {
    ($(#[$outer:meta])* $name:ident: $($(#[$doc:meta])* $variant:ident = $code:literal,)*) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in the encoding and on the command line.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// The one with this code.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.code() == code)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}

codes! {
    /// What kind of thing happened.
    EventKind:
    /// A request was decided.
    Authorize = "authorize",
    /// An allow was taken back before it left.
    Withdrawn = "withdrawn",
    /// What a call truly cost was told.
    Settled = "settled",
    /// An agent was created.
    AgentCreated = "agent.created",
    /// An agent's grants, expiry or metadata were changed.
    AgentUpdated = "agent.updated",
    /// An agent got a new credential.
    AgentRotated = "agent.rotated",
    /// An agent was suspended.
    AgentSuspended = "agent.suspended",
    /// A suspended agent was resumed.
    AgentResumed = "agent.resumed",
    /// An agent was revoked.
    AgentRevoked = "agent.revoked",
    /// An agent passed some of its permissions on.
    Delegated = "delegated",
    /// A delegation was narrowed again, to other permissions.
    DelegationUpdated = "delegation.updated",
    /// A delegation was revoked.
    DelegationRevoked = "delegation.revoked",
    /// An owner was off-boarded, and all agents with them.
    OwnerRevoked = "owner.revoked",
    /// An off-boarded owner may have new agents again.
    OwnerReinstated = "owner.reinstated",
    /// A guardrail was set, or replaced.
    GuardrailSet = "guardrail.set",
    /// A guardrail was taken away.
    GuardrailRemoved = "guardrail.removed",
    /// A person may do other things in Kavach itself than before.
    OwnerUpdated = "owner.updated",
    /// A call was laid before people, to say yes or no to.
    ApprovalRequested = "approval.requested",
    /// A person said yes to a call.
    ApprovalGranted = "approval.granted",
    /// A person said no to a call.
    ApprovalDenied = "approval.denied",
    /// A person's names and private fields were erased.
    SubjectErased = "subject.erased",
    /// A key was registered for an agent, to hold tokens by.
    HolderKeyAdded = "holder_key.added",
    /// A key was taken from an agent, and with it all that it passed on.
    HolderKeyRemoved = "holder_key.removed",
    /// The key that signs a tenant's tokens was made, or another put in its place.
    RootKeyRotated = "root_key.rotated",
    /// A token was made for an agent.
    TokenMinted = "token.minted",
    /// Tokens were revoked: a block, a key, or what a signer calls one.
    TokenRevoked = "token.revoked",
    /// A store was made from a backup: nothing is allowed until it is reopened.
    StoreRestored = "store.restored",
    /// A restored store was opened again: with what was taken away since, or by somebody who accepts its loss.
    StoreReopened = "store.reopened",
}

codes! {
    /// How a decision or change ended.
    Outcome:
    /// The request was allowed.
    Allow = "allow",
    /// A person must say yes first.
    NeedsApproval = "needs_approval",
    /// The request was denied.
    Deny = "deny",
    /// The change was made.
    Done = "done",
    /// The change was refused.
    Refused = "refused",
}

/// What an event took away, once its change was made: what must be taken away again where a backup from
/// before it is restored.
#[expect(
    clippy::exhaustive_enums,
    reason = "a new one must be taken away again by whoever restores"
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Taken {
    /// Nothing, or nothing that a restored store still gives: approvals are void there, and so are tokens.
    Nothing,
    /// What the call took from limits, or cost more than it took.
    Allowance,
    /// An agent's grants, its end or its kind may be less than they were.
    FromAgent,
    /// An agent's earlier credentials.
    Credentials,
    /// An agent, for as long as it is suspended.
    AgentForNow,
    /// The same, given back.
    AgentForNowNoMore,
    /// An agent, for good.
    Agent,
    /// A delegation's grants or bounds may be less than they were.
    FromDelegation,
    /// A delegation, for good.
    Delegation,
    /// An owner, and all their agents.
    Owner,
    /// What a person may do in Kavach itself may be less than it was.
    FromOwner,
    /// The names of a person, and what was sealed for them.
    Person,
    /// What a guardrail forbids.
    ByGuardrail,
    /// The same, given back.
    ByGuardrailNoMore,
    /// A holder key.
    HolderKey,
    /// A token, a block or a key.
    Token,
}

impl EventKind {
    /// What events of this kind take away. It has no wildcard, so that a new kind is thought about.
    #[must_use]
    pub const fn taken(self) -> Taken {
        match self {
            Self::Authorize | Self::Settled => Taken::Allowance,
            Self::AgentUpdated => Taken::FromAgent,
            Self::AgentRotated => Taken::Credentials,
            Self::AgentSuspended => Taken::AgentForNow,
            Self::AgentResumed => Taken::AgentForNowNoMore,
            Self::AgentRevoked => Taken::Agent,
            Self::DelegationUpdated => Taken::FromDelegation,
            Self::DelegationRevoked => Taken::Delegation,
            Self::OwnerRevoked => Taken::Owner,
            Self::OwnerUpdated => Taken::FromOwner,
            Self::SubjectErased => Taken::Person,
            Self::GuardrailSet => Taken::ByGuardrail,
            Self::GuardrailRemoved => Taken::ByGuardrailNoMore,
            Self::HolderKeyRemoved => Taken::HolderKey,
            Self::TokenRevoked => Taken::Token,
            // What was given is not given again.
            Self::AgentCreated
            | Self::Delegated
            | Self::OwnerReinstated
            | Self::HolderKeyAdded
            // What it took counts, which is never too little.
            | Self::Withdrawn
            // All approvals of a restored store are void, a yes as a no.
            | Self::ApprovalRequested
            | Self::ApprovalGranted
            | Self::ApprovalDenied
            // All root keys of a restored store are replaced, and with them goes every token.
            | Self::RootKeyRotated
            | Self::TokenMinted
            | Self::StoreRestored
            | Self::StoreReopened => Taken::Nothing,
        }
    }
}
