//! Why the answer is what it is.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{ParseError, Problem};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Why a request was answered, or a change made or refused, as it was: one golden list.
        ///
        /// The codes are stable: other programs branch on them.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(try_from = "String", into = "String")]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// All of them, in the order of this list.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code, in lower case with underscores.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

reasons! {
    /// A grant matches, at every hop.
    Granted = "granted",
    /// The change was made.
    Done = "done",
    /// No agent has this name, id or credential in this tenant.
    UnknownAgent = "unknown_agent",
    /// The agent is suspended.
    AgentSuspended = "agent_suspended",
    /// The agent is revoked.
    AgentRevoked = "agent_revoked",
    /// The agent's own time is over.
    AgentExpired = "agent_expired",
    /// The agent's owner was off-boarded after it was created.
    OwnerRevoked = "owner_revoked",
    /// The credential's overlap is over.
    CredentialExpired = "credential_expired",
    /// The token that was presented does not hold, was used, or is revoked; the detail says which.
    TokenRefused = "token_refused",
    /// The agent has no grants at all.
    NoGrants = "no_grants",
    /// No grant of the agent matches action and resource.
    NoMatchingGrant = "no_matching_grant",
    /// A grant matches, and its time is over.
    GrantExpired = "grant_expired",
    /// The delegation, or one above it, is revoked.
    DelegationRevoked = "delegation_revoked",
    /// The delegation's, or one above it's, time is over.
    DelegationExpired = "delegation_expired",
    /// An agent further up the line is suspended.
    AncestorSuspended = "ancestor_suspended",
    /// An agent further up the line is revoked.
    AncestorRevoked = "ancestor_revoked",
    /// An agent further up the line is past its time.
    AncestorExpired = "ancestor_expired",
    /// No grant further up the line matches any more.
    AncestorNarrowed = "ancestor_narrowed",
    /// A grant further up the line may not be passed on this far.
    TooDeep = "too_deep",
    /// A guardrail says never.
    GuardrailApplies = "guardrail_applies",
    /// The call is outside the weekly times of the grant that matches.
    OutsideWindow = "outside_window",
    /// The call does not come from an address that the grant that matches names.
    AddressNotAllowed = "address_not_allowed",
    /// The arguments do not keep the rules of the grant that matches.
    ArgumentsNotAllowed = "arguments_not_allowed",
    /// An agent on the line is trusted less than the grant that matches asks for.
    TrustTooLow = "trust_too_low",
    /// The rate of a grant on the line is used up for now.
    RateUsedUp = "rate_used_up",
    /// The budget of a grant on the line has no room for the call.
    BudgetUsedUp = "budget_used_up",
    /// A person must say yes to this call first.
    ApprovalRequired = "approval_required",
    /// A person said no to this call.
    ApprovalDenied = "approval_denied",
    /// The person may not say yes or no to calls, or not now.
    NotAnApprover = "not_an_approver",
    /// The answer was an allow, and was taken back before it left: the line no longer held.
    Withdrawn = "withdrawn",
    /// The decision could not be recorded, and so nothing is allowed.
    AuditUnavailable = "audit_unavailable",
    /// The node's view of the graph is older than was asked for.
    StaleState = "stale_state",
    /// The store was restored from a backup, and nobody said yet what became of what was revoked since.
    StoreRestored = "store_restored",
    /// What was asked for is wider than what its giver holds.
    WiderThanParent = "wider_than_parent",
    /// Nothing is left of what was asked for.
    NothingLeft = "nothing_left",
    /// Several lines would do, or none does alone: the caller must name one.
    AmbiguousVia = "ambiguous_via",
    /// The name is taken, or was.
    NameTaken = "name_taken",
    /// The record named by the change does not exist in this tenant.
    NotFound = "not_found",
    /// The record is revoked, and stays so.
    AlreadyRevoked = "already_revoked",
    /// The record is past its time, and cannot be extended.
    AlreadyExpired = "already_expired",
    /// The record is not in the state that the change starts from.
    WrongState = "wrong_state",
    /// The time named lies in the past.
    TimeInPast = "time_in_past",
    /// One of the limits would be passed.
    LimitReached = "limit_reached",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Reason {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let known = Self::ALL.iter().find(|reason| reason.code() == text);
        known.copied().ok_or_else(|| {
            ParseError::new(
                "a reason code",
                text,
                Problem::Other("see the list of reasons"),
            )
        })
    }
}

impl TryFrom<String> for Reason {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.code().into()
    }
}
