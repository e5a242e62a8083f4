//! The reasons in words.

use kavach_core::Reason;

/// The reason as it stands after "denied, " or "refused, ".
pub(super) const fn because(reason: Reason) -> &'static str {
    match reason {
        Reason::Granted => "although a grant covers it",
        Reason::Done => "although nothing stood against it",
        Reason::UnknownAgent => "because no agent here has this name, id or credential",
        Reason::AgentSuspended => "because the agent is suspended",
        Reason::AgentRevoked => "because the agent is revoked",
        Reason::AgentExpired => "because the agent's time is over",
        Reason::OwnerRevoked => "because the owner was off-boarded",
        Reason::CredentialExpired => "because the credential is no longer valid",
        Reason::TokenRefused => "because the token that was presented does not hold",
        Reason::NoGrants => "because the agent holds no grants",
        Reason::NoMatchingGrant => "because none of the agent's grants covers it",
        Reason::GrantExpired => "because the time of the grant that covers it is over",
        Reason::DelegationRevoked => "because the delegation, or one above it, is revoked",
        Reason::DelegationExpired => {
            "because the time of the delegation, or of one above it, is over"
        }
        Reason::AncestorSuspended => "because an agent further up the line is suspended",
        Reason::AncestorRevoked => "because an agent further up the line is revoked",
        Reason::AncestorExpired => "because the time of an agent further up the line is over",
        Reason::AncestorNarrowed => "because no grant further up the line covers it any more",
        Reason::TooDeep => "because a grant further up the line may not be passed on this far",
        Reason::GuardrailApplies => "because a guardrail says never",
        Reason::OutsideWindow => {
            "because it is outside the weekly times of the grant that covers it"
        }
        Reason::AddressNotAllowed => "because the grant that covers it does not name that address",
        Reason::ArgumentsNotAllowed => {
            "because the arguments do not keep the rules of the grant that covers it"
        }
        Reason::TrustTooLow => {
            "because an agent on the line is trusted less than the grant that covers it asks for"
        }
        Reason::RateUsedUp => "because a rate on the line is used up for now",
        Reason::BudgetUsedUp => "because a budget on the line has no room for it",
        Reason::ApprovalRequired => "because a person must say yes to it first",
        Reason::ApprovalDenied => "because a person said no to it",
        Reason::NotAnApprover => "because the person may not approve calls, or not now",
        Reason::Withdrawn => "because the line that authorised it no longer held",
        Reason::AuditUnavailable => "because it could not be recorded",
        Reason::StaleState => "because what this server knew was older than the caller accepts",
        Reason::StoreRestored => {
            "because the store was restored from a backup and is not reopened yet"
        }
        Reason::WiderThanParent => "because more was asked for than the giver holds",
        Reason::NothingLeft => "because nothing is left of what was asked for",
        Reason::AmbiguousVia => {
            "because no single line covers it, or several do and none was named"
        }
        Reason::NameTaken => "because the name is taken, or was once",
        Reason::NotFound => "because there is no such record",
        Reason::AlreadyRevoked => "because it is revoked, and stays so",
        Reason::AlreadyExpired => "because its time is over, and cannot be extended",
        Reason::WrongState => "because it is not in the state that this change starts from",
        Reason::TimeInPast => "because the time named lies in the past",
        Reason::LimitReached => "because a limit would be passed",
        // A reason that is newer than this list; a test finds it.
        _ => "for a reason that is named in the record",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_words() {
        for reason in Reason::ALL {
            assert!(
                !because(*reason).contains("named in the record"),
                "{reason}"
            );
        }
    }
}
