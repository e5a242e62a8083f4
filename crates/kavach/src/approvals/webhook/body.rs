//! What a message says.

use kavach_core::Timestamp;
use serde_json::{Value, json};

use super::super::request::{ApprovalArgs, ApprovalRequest};

/// The message of this kind, about a request as it stands, as JSON. Notes stay here: they are private.
pub(super) fn of(kind: &str, request: &ApprovalRequest, now: Timestamp) -> String {
    let (owner, agents) = match request.line.split_first() {
        Some((owner, agents)) => (Some(owner), agents),
        None => (None, request.line.as_slice()),
    };
    let hops = request.hops.iter().zip(agents).map(|(hop, name)| {
        json!({
            "agent": hop.agent,
            "name": name,
            "delegation": hop.delegation,
            "since": hop.at,
        })
    });
    let votes = request.votes.iter().map(|vote| {
        json!({
            "by": vote.by,
            "name": vote.name,
            "answer": if vote.yes { "yes" } else { "no" },
            "counts": vote.counts,
            "at": vote.at,
        })
    });
    let args = match &request.args {
        ApprovalArgs::None => Value::Null,
        ApprovalArgs::Shown(args) => args.clone(),
        ApprovalArgs::NotShown => json!("not shown"),
    };
    json!({
        "type": format!("approval.{kind}"),
        "timestamp": now,
        "data": {
            "id": request.id,
            "tenant": request.tenant,
            "state": request.state.word(),
            "agent": request.agent,
            "owner": request.owner,
            "owner_name": owner,
            "line": hops.collect::<Vec<_>>(),
            "action": request.action,
            "resource": request.resource,
            "has_args": request.args != ApprovalArgs::None,
            "args": args,
            "request_id": request.request_id,
            "audience": request.audience,
            // A number of 64 bits, as text: not every reader of JSON holds it.
            "cost": request.cost.map(|cost| cost.to_string()),
            "needed": request.needed,
            "said_yes": request.said_yes,
            "votes": votes.collect::<Vec<_>>(),
            "asked_at": request.asked_at,
            "expires_at": request.expires_at,
        },
    })
    .to_string()
}
