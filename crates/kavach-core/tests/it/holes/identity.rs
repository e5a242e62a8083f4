//! Nobody is taken for somebody else.

use kavach_core::{
    AgentId, DelegationEdit, DelegationId, Leaf, NothingRecorded, OwnerDraft, Reason, Subject,
    SubjectId, TenantId, decide, decide_via,
};

use super::edit;
use crate::world::{TENANT, World, credential, denied, request, told};

#[test]
fn capital_letters_are_other_letters() {
    let mut world = World::new();
    let upper = world.agent("Foo", &["Read:mcp:A"]);
    let lower = world.agent("foo", &["read:mcp:a"]);
    assert_ne!(upper, lower);
    for (agent, name) in [(upper, "Foo"), (lower, "foo")] {
        let known = world
            .graph
            .agent_named(TENANT, &name.parse().unwrap())
            .unwrap();
        assert_eq!(known.id, agent);
    }
    assert!(
        world
            .graph
            .agent_named(TENANT, &"FOO".parse().unwrap())
            .is_none()
    );
    assert_eq!(
        world.ask(lower, "Read", "mcp:a"),
        denied(Reason::NoMatchingGrant)
    );
    assert_eq!(
        world.ask(lower, "read", "mcp:A"),
        denied(Reason::NoMatchingGrant)
    );
    assert_eq!(world.ask(upper, "Read", "mcp:A"), "allow");
}

/// Two tenants, in each an agent called `agent`; `other` stands beside the first, with a line from it.
struct Neighbours {
    world: World,
    elsewhere: TenantId,
    here: AgentId,
    there: AgentId,
    other: AgentId,
    line: DelegationId,
}

fn neighbours() -> Neighbours {
    let mut world = World::new();
    let elsewhere = TenantId::from_parts(1, 2);
    let here = world.agent("agent", &["read:mcp:*"]);
    let other = world.agent("other", &[]);
    let line = world.delegate(here, other, &["read:mcp:a"]);
    let mut draft = world.agent_draft("agent", &["write:mcp:*"]);
    draft.tenant = elsewhere;
    let there = world.create(draft);
    Neighbours {
        world,
        elsewhere,
        here,
        there,
        other,
        line,
    }
}

#[test]
fn nothing_is_found_across_a_tenant() {
    let Neighbours {
        world,
        elsewhere,
        here,
        there,
        other,
        line,
    } = neighbours();
    let (graph, now) = (&world.graph, world.now);
    assert!(graph.agent(elsewhere, here).is_none());
    assert!(graph.agent(TENANT, there).is_none());
    assert!(graph.delegation(elsewhere, line).is_none());
    assert!(graph.line(elsewhere, Leaf::Root(here)).is_none());
    assert!(graph.permissions_of(elsewhere, here, now).is_none());
    assert!(graph.blast_radius_of_agent(elsewhere, here, now).is_none());
    assert!(
        graph
            .blast_radius_of_delegation(elsewhere, line, now)
            .is_none()
    );
    assert_eq!(
        graph.delegations_below(elsewhere, Leaf::Root(here)).count(),
        0
    );
    assert_eq!(graph.delegations_to(elsewhere, other).count(), 0);
    assert_eq!(graph.agents(elsewhere).count(), 1);
    assert_eq!(graph.delegations(elsewhere).count(), 0);
    let name = "agent".parse().unwrap();
    let named = |tenant| graph.agent_named(tenant, &name).unwrap().id;
    assert_eq!((named(TENANT), named(elsewhere)), (here, there));
    let alice = Subject::user("alice").unwrap();
    let ids = [TENANT, elsewhere].map(|tenant| graph.subject_id(tenant, &alice).unwrap());
    assert_ne!(ids[0], ids[1]);
    assert!(graph.owner(TENANT, ids[1]).is_none());
    assert_eq!(graph.agents_of(elsewhere, ids[0]).count(), 0);
}

#[test]
fn nothing_is_allowed_across_a_tenant() {
    let Neighbours {
        world,
        elsewhere,
        here,
        there,
        line,
        ..
    } = neighbours();
    let (graph, now) = (&world.graph, world.now);
    let foreign = request(elsewhere, here, "read", "mcp:a");
    let unknown = denied(Reason::UnknownAgent);
    assert_eq!(
        told(decide(graph, &foreign, &NothingRecorded, now).decision),
        unknown
    );
    for leaf in [Leaf::Root(here), Leaf::Delegation(line), Leaf::Root(there)] {
        let verdict = decide_via(graph, &foreign, leaf, &NothingRecorded, now);
        assert_eq!(told(verdict.decision), unknown);
    }
    let own = request(elsewhere, there, "write", "mcp:a");
    assert_eq!(
        told(decide(graph, &own, &NothingRecorded, now).decision),
        "allow"
    );
}

#[test]
fn nothing_is_changed_across_a_tenant() {
    let Neighbours {
        mut world,
        elsewhere,
        here,
        there,
        line,
        ..
    } = neighbours();
    let (graph, now) = (&world.graph, world.now);
    for refused in [
        graph.update_agent(elsewhere, here, edit(&["*:**"]), now),
        graph.suspend_agent(elsewhere, here, now),
        graph.resume_agent(elsewhere, here, now),
        graph.rotate_credential(elsewhere, here, credential(1, now), 0),
        graph.revoke_agent(elsewhere, here),
        graph.revoke_delegation(elsewhere, line),
        graph.update_delegation(elsewhere, line, DelegationEdit::default(), now),
    ] {
        assert_eq!(refused.unwrap_err().reason, Reason::NotFound);
    }
    for (tenant, from, to) in [
        (TENANT, here, there),
        (TENANT, there, here),
        (elsewhere, here, there),
        (elsewhere, there, here),
    ] {
        let mut draft = world.delegation_draft(from, to, &["read:mcp:a"]);
        draft.tenant = tenant;
        assert_eq!(
            world.try_delegate(draft).unwrap_err().reason,
            Reason::NotFound
        );
    }
    let mut draft = world.agent_draft("new", &[]);
    draft.owner = OwnerDraft::Known(world.graph.agent(elsewhere, there).unwrap().owner);
    let refusal = world.graph.create_agent(draft, now).unwrap_err();
    assert_eq!(refusal.reason, Reason::NotFound);

    // Off-boarding somebody here leaves them alone there.
    let alice = Subject::user("alice").unwrap();
    let change = world
        .graph
        .revoke_owner(TENANT, &alice, SubjectId::from_u128(8));
    world.commit(change).unwrap();
    let own = request(elsewhere, there, "write", "mcp:a");
    assert_eq!(
        told(decide(&world.graph, &own, &NothingRecorded, world.now).decision),
        "allow"
    );
    assert_eq!(
        world.ask(here, "read", "mcp:a"),
        denied(Reason::OwnerRevoked)
    );
}
