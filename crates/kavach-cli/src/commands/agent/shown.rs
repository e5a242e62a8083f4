//! An agent as it is shown.

use std::collections::BTreeMap;

use kavach::{Agent, Kavach, Leaf};
use serde::Serialize;

use crate::lookup;

/// An agent, for programs.
#[derive(Debug, Serialize)]
pub(super) struct ShownAgent {
    id: String,
    pub(super) name: String,
    tenant: String,
    pub(super) owner: String,
    kind: &'static str,
    status: &'static str,
    /// Why it cannot act; `null` while it can.
    fault: Option<&'static str>,
    created_at: String,
    expires_at: Option<String>,
    pub(super) grants: Vec<ShownGrant>,
    pub(super) credentials: Vec<ShownCredential>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// A grant of its own.
#[derive(Debug, Serialize)]
pub(super) struct ShownGrant {
    pub(super) number: u32,
    pub(super) permission: String,
}

/// What is known of a credential.
#[derive(Debug, Serialize)]
pub(super) struct ShownCredential {
    pub(super) prefix: String,
    pub(super) created_at: String,
    pub(super) expires_at: Option<String>,
}

impl ShownAgent {
    pub(super) fn of(kavach: &Kavach, agent: &Agent) -> Self {
        let grants = agent.grants.iter().map(|grant| ShownGrant {
            number: grant.id,
            permission: grant.permission.to_string(),
        });
        let credentials = agent.credentials.iter().map(|known| ShownCredential {
            prefix: known.prefix.clone(),
            created_at: known.created_at.to_string(),
            expires_at: known.expires_at.map(|at| at.to_string()),
        });
        Self {
            id: agent.id.to_string(),
            name: agent.name.to_string(),
            tenant: agent.tenant.to_string(),
            owner: lookup::owner_name(kavach, agent.owner),
            kind: agent.kind.word(),
            status: agent.status.word(),
            fault: kavach
                .fault_of(Leaf::Root(agent.id))
                .map(kavach::Reason::code),
            created_at: agent.created_at.to_string(),
            expires_at: agent.expires_at.map(|at| at.to_string()),
            grants: grants.collect(),
            credentials: credentials.collect(),
            metadata: agent.metadata.clone(),
        }
    }
}
