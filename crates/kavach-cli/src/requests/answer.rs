//! Answers as other programs read them.

use kavach::{Authorization, Decision};
use serde::Serialize;

/// The answer to one request.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    decision: &'static str,
    reason: &'static str,
    line: Vec<String>,
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
