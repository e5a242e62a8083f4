//! What people call things, and what they are.

use kavach::{Agent, AgentId, Kavach, Leaf, Name, Permission, Reason, SubjectId, Timestamp};

use crate::failure::{Failure, quoted};

/// The agent of this name or id.
pub(crate) fn agent(kavach: &Kavach, text: &str) -> Result<Agent, Failure> {
    if let Some(found) = kavach.find_agent(text) {
        return Ok(found);
    }
    if text.starts_with(AgentId::PREFIX) {
        text.parse::<AgentId>()?;
    } else {
        text.parse::<Name>()?;
    }
    let text = quoted(text);
    Err(Failure::error(format!(
        "there is no agent {text} in this tenant; see `kavach agent list`"
    )))
}

/// What the agent of this id is called.
pub(crate) fn name_of(kavach: &Kavach, id: AgentId) -> String {
    kavach
        .agent(&id)
        .map_or_else(|| id.to_string(), |agent| agent.name.to_string())
}

/// What the owner of this id is called outside.
pub(crate) fn owner_name(kavach: &Kavach, id: SubjectId) -> String {
    kavach
        .subject(&id)
        .map_or_else(|| id.to_string(), |subject| subject.to_string())
}

/// The names along a line: the owner, then each agent down to the one at the leaf.
pub(crate) fn line(kavach: &Kavach, agent: AgentId, leaf: Leaf) -> Vec<String> {
    let mut names = vec![name_of(kavach, agent)];
    let (mut top, mut next) = (agent, leaf);
    // INVARIANT (depth): a line has at most 9 agents.
    for _ in 0..=kavach::core::limits::DEPTH_MAX {
        let Leaf::Delegation(id) = next else { break };
        let Some(delegation) = kavach.delegation(&id) else {
            break;
        };
        names.push(name_of(kavach, delegation.from));
        top = delegation.from;
        next = delegation.parent.map_or(Leaf::Root(top), Leaf::Delegation);
    }
    names.extend(
        kavach
            .agent(&top)
            .map(|agent| owner_name(kavach, agent.owner)),
    );
    names.reverse();
    names
}

/// The line of `from` that `text` names: `root`, a delegation's id, or the agent that it has it from.
pub(crate) fn via(kavach: &Kavach, from: &Agent, text: &str) -> Result<Leaf, Failure> {
    if text == "root" {
        return Ok(Leaf::Root(from.id));
    }
    if text.starts_with(kavach::DelegationId::PREFIX) {
        return Ok(Leaf::Delegation(text.parse()?));
    }
    let giver = agent(kavach, text)?;
    let received = kavach.delegations().into_iter().filter(|known| {
        let leaf = Leaf::Delegation(known.id);
        known.to == from.id && known.from == giver.id && kavach.fault_of(leaf).is_none()
    });
    let ids: Vec<Leaf> = received.map(|known| Leaf::Delegation(known.id)).collect();
    match ids.as_slice() {
        [only] => Ok(*only),
        [] => Err(Failure::error(format!(
            "`{}` has nothing from `{}`",
            from.name, giver.name
        ))),
        [..] => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            Err(Failure::error(format!(
                "`{}` has several delegations from `{}`; name one of {}",
                from.name,
                giver.name,
                ids.join(", ")
            )))
        }
    }
}

/// Whether something can act, in a word or two.
pub(crate) fn standing(fault: Option<Reason>) -> &'static str {
    match fault {
        None => "active",
        Some(Reason::AgentSuspended) => "suspended",
        Some(Reason::AgentRevoked | Reason::DelegationRevoked) => "revoked",
        Some(Reason::AgentExpired | Reason::DelegationExpired) => "expired",
        Some(Reason::OwnerRevoked) => "owner off-boarded",
        Some(Reason::AncestorSuspended) => "suspended above",
        Some(Reason::AncestorRevoked) => "revoked above",
        Some(Reason::AncestorExpired) => "expired above",
        Some(other) => other.code(),
    }
}

/// Permissions as people read them, and when all of them end: an end that each of them has is told once,
/// with the one on all of them.
pub(crate) fn summary<'a>(
    permissions: impl Iterator<Item = &'a Permission> + Clone,
    own_end: Option<Timestamp>,
) -> (Vec<String>, Option<String>) {
    let ends = permissions
        .clone()
        .map(|permission| permission.constraints.expires_at);
    let first = ends.clone().next().flatten();
    let common = first.filter(|first| ends.clone().all(|end| end == Some(*first)));
    let texts = permissions.map(|permission| {
        let mut permission = permission.clone();
        if common.is_some() {
            permission.constraints.expires_at = None;
        }
        permission.to_string()
    });
    let until = [common, own_end].into_iter().flatten().min();
    (texts.collect(), until.map(|at| at.to_string()))
}
