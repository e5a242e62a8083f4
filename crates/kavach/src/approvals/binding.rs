//! What an approval is bound to.

use kavach_audit::Hash;
use kavach_core::{
    Action, AgentId, DelegationId, Grants, Graph, Leaf, Resource, SubjectId, TenantId,
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::call::Context;

/// Keeps these hashes apart from all others.
const DOMAIN: &[u8] = b"kavach:approval:v1\0";

#[derive(Serialize)]
struct Bound<'a> {
    tenant: TenantId,
    owner: SubjectId,
    owner_generation: u32,
    hops: Vec<Hop<'a>>,
    action: &'a Action,
    resource: &'a Resource,
    args: Option<&'a Hash>,
    cost: Option<String>,
    audience: Option<&'a str>,
    request_id: Option<&'a str>,
    /// The blocks of the token that the call is made with: a yes is for whoever holds it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a [String]>,
}

#[derive(Serialize)]
struct Hop<'a> {
    agent: AgentId,
    delegation: Option<DelegationId>,
    generation: u32,
    /// Every grant that is held there, with its number.
    grants: &'a Grants,
}

/// The hash of one call by one line: SHA-256 of who asks, of each hop with its generation and its grants, of
/// the action, the resource, the hash of the arguments, and of what else the caller says that is shown to
/// those who approve.
///
/// Where the call comes from is no part of it: an address may change between two tries.
///
/// `None` if there is no such line in this tenant.
pub(crate) fn binding(
    graph: &Graph,
    tenant: TenantId,
    (leaf, token): (Leaf, Option<&[String]>),
    (action, resource): (&Action, &Resource),
    context: &Context,
    args: Option<&Hash>,
) -> Option<Hash> {
    let line = graph.line(tenant, leaf)?;
    let hops = line.hops.iter().map(|hop| {
        let (generation, grants) = match hop.delegation {
            Some(id) => {
                let delegation = graph.delegation(tenant, id)?;
                (delegation.generation, &delegation.grants)
            }
            None => {
                let agent = graph.agent(tenant, hop.agent)?;
                (agent.generation, &agent.grants)
            }
        };
        Some(Hop {
            agent: hop.agent,
            delegation: hop.delegation,
            generation,
            grants,
        })
    });
    let bound = Bound {
        tenant,
        owner: line.owner,
        owner_generation: graph.owner(tenant, line.owner)?.generation,
        hops: hops.collect::<Option<_>>()?,
        action,
        resource,
        args,
        cost: context.cost.map(|cost| cost.to_string()),
        audience: context.audience.as_deref(),
        request_id: context.request_id.as_deref(),
        token,
    };
    let canonical = serde_json_canonicalizer::to_vec(&bound).ok()?;
    let hash = Sha256::new()
        .chain_update(DOMAIN)
        .chain_update(canonical)
        .finalize();
    Some(hash.into())
}
