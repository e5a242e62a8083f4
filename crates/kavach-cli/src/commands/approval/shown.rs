//! A request for approval as it is shown.

use kavach::{ApprovalArgs, ApprovalRequest};
use serde::Serialize;
use serde_json::Value;

/// A request for approval, for programs.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    id: String,
    state: &'static str,
    agent: String,
    line: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    holders: Vec<String>,
    action: String,
    resource: String,
    has_args: bool,
    /// `null` too where they are not shown: see `has_args`.
    args: Option<Value>,
    request_id: Option<String>,
    audience: Option<String>,
    cost: Option<u64>,
    needed: u8,
    said_yes: u8,
    votes: Vec<ShownVote>,
    asked_at: String,
    expires_at: String,
    used_by: Option<String>,
}

/// What one person said.
#[derive(Debug, Serialize)]
struct ShownVote {
    by: String,
    answer: &'static str,
    counts: bool,
    at: String,
    note: Option<String>,
    audit_id: String,
}

impl Shown {
    pub(super) fn of(request: &ApprovalRequest) -> Self {
        let votes = request.votes.iter().map(|vote| ShownVote {
            by: vote.name.clone().unwrap_or_else(|| vote.by.to_string()),
            answer: if vote.yes { "yes" } else { "no" },
            counts: vote.counts,
            at: vote.at.to_string(),
            note: vote.note.clone(),
            audit_id: vote.audit_id.to_string(),
        });
        Self {
            id: request.id.to_string(),
            state: request.state.word(),
            agent: request.agent.to_string(),
            line: request.line.clone(),
            holders: request.holders.clone(),
            action: request.action.to_string(),
            resource: request.resource.to_string(),
            has_args: request.args != ApprovalArgs::None,
            args: match &request.args {
                ApprovalArgs::Shown(args) => Some(args.clone()),
                ApprovalArgs::None | ApprovalArgs::NotShown => None,
            },
            request_id: request.request_id.clone(),
            audience: request.audience.clone(),
            cost: request.cost,
            needed: request.needed,
            said_yes: request.said_yes,
            votes: votes.collect(),
            asked_at: request.asked_at.to_string(),
            expires_at: request.expires_at.to_string(),
            used_by: request.used_by.map(|id| id.to_string()),
        }
    }
}
