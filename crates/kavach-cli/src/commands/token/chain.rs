//! A token's chain, drawn and in words.

use kavach::Timestamp;
use kavach::audit::shown;
use kavach::token::{Hop, Inspection, Invocation, Party};
use serde::Serialize;

use crate::branch::Branch;

/// Somebody who held it, for programs.
#[derive(Debug, Serialize)]
pub(super) struct ShownHolder {
    called: String,
    key: String,
    id: String,
    block: String,
    at: String,
    expires_at: String,
    max_depth: u8,
    audiences: Vec<String>,
    permissions: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
}

/// The call that a presentation is for, for programs.
#[derive(Debug, Serialize)]
pub(super) struct ShownCall {
    action: String,
    resource: String,
    audience: String,
    arguments: String,
    nonce: String,
    block: String,
    at: String,
    expires_at: String,
}

impl ShownCall {
    pub(super) fn of(made: &Invocation) -> Self {
        Self {
            action: made.call.action.to_string(),
            resource: made.call.resource.to_string(),
            audience: made.call.audience.to_string(),
            arguments: made.call.arguments.to_string(),
            nonce: made.nonce.to_string(),
            block: made.block.to_string(),
            at: made.at.to_string(),
            expires_at: made.expires_at.to_string(),
        }
    }
}

/// Everybody who held it.
pub(super) fn holders(said: &Inspection) -> Vec<ShownHolder> {
    let line = said.line().iter().enumerate();
    line.map(|(number, hop)| ShownHolder {
        called: hop.party().to_string(),
        key: hop.key().to_string(),
        id: hop.id().to_string(),
        block: hop.block().to_string(),
        at: hop.at().to_string(),
        expires_at: hop.expires_at().to_string(),
        max_depth: said.max_depth(number).unwrap_or(0),
        audiences: hop.audiences().iter().map(ToString::to_string).collect(),
        permissions: texts(said, number),
        why: hop.why().to_owned(),
    })
    .collect()
}

/// The chain as a tree: each holder below the one who passed it on.
pub(super) fn tree(said: &Inspection, now: Timestamp) -> Branch {
    let mut below = said.invocation().map(|made| invocation(made, now));
    for (number, hop) in said.line().iter().enumerate().rev() {
        let mut branch = holder(said, number, hop, now);
        branch.below.extend(below);
        below = Some(branch);
    }
    let mut root = Branch::new(format!("{}, on whose behalf all of them act", said.owner()));
    root.below.extend(below);
    root
}

fn holder(said: &Inspection, number: usize, hop: &Hop, now: Timestamp) -> Branch {
    let party = hop.party();
    let label = match (number, party) {
        (0, _) => format!("{party}, for whom it was minted at {}", hop.at()),
        (_, Party::Agent(_)) => {
            format!("{party}, if the key is one of its own, since {}", hop.at())
        }
        (_, Party::Named(_)) => {
            format!(
                "somebody, called {party} by who passed it on, since {}",
                hop.at()
            )
        }
    };
    let mut branch = Branch::new(label);
    let mut leaf = |text: String| branch.below.push(Branch::new(text));
    if !hop.why().is_empty() {
        leaf(format!("because \"{}\"", shown(hop.why())));
    }
    for permission in texts(said, number) {
        leaf(format!("may {permission}"));
    }
    let audiences: Vec<String> = hop.audiences().iter().map(ToString::to_string).collect();
    leaf(format!("at {}", audiences.join(", ")));
    leaf(until(hop.expires_at(), now));
    leaf(match said.max_depth(number).unwrap_or(0) {
        0 => "may not pass it on".to_owned(),
        1 => "may have it passed on once more".to_owned(),
        most => format!("may have it passed on up to {most} times more"),
    });
    leaf(format!("key:{}", hop.key()));
    leaf(format!("token:{}", hop.id()));
    leaf(format!("block:{}", hop.block()));
    branch
}

fn invocation(made: &Invocation, now: Timestamp) -> Branch {
    let call = &made.call;
    let label = format!(
        "calls {} {} at {}",
        call.action, call.resource, call.audience
    );
    let mut branch = Branch::new(label);
    for text in [
        format!("made at {}", made.at),
        until(made.expires_at, now),
        format!("with arguments of hash {}", call.arguments),
        format!("told apart by {}", made.nonce),
        format!("block:{}", made.block),
    ] {
        branch.below.push(Branch::new(text));
    }
    branch
}

fn until(end: Timestamp, now: Timestamp) -> String {
    if now < end {
        format!("until {end}")
    } else {
        format!("OVER since {end}")
    }
}

/// What a hop allows. A bound with arguments in it is text of whoever wrote it.
fn texts(said: &Inspection, number: usize) -> Vec<String> {
    let permissions = said.permissions(number);
    permissions
        .iter()
        .map(|permission| shown(&permission.to_string()).to_string())
        .collect()
}
