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
