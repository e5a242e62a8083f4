//! Answers as other programs read them.

use kavach::{Authorization, Decision};
use serde::Serialize;

/// The answer to one request.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    decision: &'static str,
    reason: &'static str,
    line: Vec<String>,
    /// What is wrong with the token that was presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_refusal: Option<&'static str>,
    /// The keys of everybody who held it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    holders: Vec<String>,
    /// The guardrail that denies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    guardrail: Option<String>,
    /// The approval that it waits for, was refused, or used up.
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<String>,
    /// When a limit that denies it has room again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<String>,
    /// What must be done along with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    obligations: Vec<String>,
    audit_id: Option<String>,
    revision: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<bool>,
}

impl Answer {
    /// The answer that was recorded.
    pub(crate) fn recorded(given: &Authorization) -> Self {
        Self {
            decision: word(given.decision),
            reason: given.reason().code(),
            line: given.line.clone(),
            token_refusal: given.token_refusal.map(|refusal| refusal.code()),
            holders: given
                .holders
                .iter()
                .map(|held| held.key.to_string())
                .collect(),
            guardrail: given.guardrail.as_ref().map(ToString::to_string),
            approval: given.approval.map(|id| id.to_string()),
            retry_at: given.retry_at.map(|at| at.to_string()),
            obligations: given.obligations.clone(),
            audit_id: given.audit_id.map(|id| id.to_string()),
            revision: given.revision,
            simulated: None,
        }
    }

    /// The answer that would be given.
    pub(crate) fn simulated(given: &Authorization) -> Self {
        Self {
            simulated: Some(true),
            ..Self::recorded(given)
        }
    }
}

/// The word for a decision.
pub(crate) fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::NeedsApproval => "needs_approval",
        Decision::Deny(_) => "deny",
    }
}

/// What stands in place of an answer where there is none.
#[derive(Debug, Serialize)]
pub(crate) struct Wrong {
    pub(crate) error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u64>,
}
