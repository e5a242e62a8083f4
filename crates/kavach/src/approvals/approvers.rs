//! Who may say yes or no: people who hold `approve` on `app:kavach:approvals`.

use kavach_core::{Action, Graph, Owner, Resource, SubjectId, TenantId, Timestamp};

use super::record::{Answer, Stored};

#[cfg(test)]
mod tests;

/// What approvers must be allowed to do, and to what.
const ACTION: &str = "approve";
const RESOURCE: &str = "app:kavach:approvals";

/// The person, if they may say yes or no to calls at `now`. Somebody who was erased no longer may: if they
/// came back, they would be two.
pub(super) fn approver(
    graph: &Graph,
    tenant: TenantId,
    person: SubjectId,
    now: Timestamp,
) -> Option<&Owner> {
    let action: Action = ACTION.parse().ok()?;
    let resource: Resource = RESOURCE.parse().ok()?;
    let named = graph.subject(tenant, person)?;
    let owner = graph.owner(tenant, person)?;
    (named.is_person() && owner.may(&action, &resource, now)).then_some(owner)
}

/// The people who said yes, and may still say so: not stripped of it, nor off-boarded since.
pub(super) fn people_who_say_yes<'a>(
    graph: &'a Graph,
    tenant: TenantId,
    stored: &'a Stored,
    now: Timestamp,
) -> impl Iterator<Item = &'a Owner> {
    let yes = stored
        .votes
        .iter()
        .filter(|vote| vote.answer == Answer::Yes);
    yes.filter_map(move |vote| {
        let owner = approver(graph, tenant, vote.by, now)?;
        (owner.generation == vote.generation).then_some(owner)
    })
}
