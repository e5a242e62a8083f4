//! What is over stays over.

use kavach_core::{
    DelegationEdit, Edit, Leaf, NothingRecorded, Reason, Request, SpawnDraft, Subject, SubjectId,
    decide_via,
};

use super::{edit, ending, three};
use crate::world::{TENANT, World, denied, told};

#[test]
fn an_expired_agent_is_refused_by_id_too() {
    let mut world = World::new();
    let mut draft = world.agent_draft("short", &["read:mcp:a"]);
    draft.expires_at = Some(world.now.plus_s(10));
    let agent = world.create(draft);
    let request = Request::new(
        TENANT,
        agent,
        "read".parse().unwrap(),
        "mcp:a".parse().unwrap(),
    );
    let via = |world: &World| {
        decide_via(
            &world.graph,
            &request,
            Leaf::Root(agent),
            &NothingRecorded,
            world.now,
        )
    };
    world.wait_s(9);
    assert_eq!(world.ask(agent, "read", "mcp:a"), "allow");
    assert_eq!(told(via(&world).decision), "allow");
    world.wait_s(1);
    assert_eq!(
        world.ask(agent, "read", "mcp:a"),
        denied(Reason::AgentExpired)
    );
    assert_eq!(told(via(&world).decision), denied(Reason::AgentExpired));
    assert_eq!(world.holds(agent), ["nothing: agent_expired"]);
}

#[test]
fn an_expired_record_is_not_extended() {
    let mut world = World::new();
    let mut draft = world.agent_draft("short", &["read:mcp:*"]);
    draft.expires_at = Some(world.now.plus_s(10));
    let short = world.create(draft);
    let giver = world.agent("giver", &["read:mcp:*"]);
    let other = world.agent("other", &[]);
    let mut draft = world.delegation_draft(giver, other, &["read:mcp:a"]);
    draft.expires_at = Some(world.now.plus_s(10));
    let line = world.try_delegate(draft).unwrap();

    let extend = |world: &World| {
        let later = world.now.plus_s(100);
        let mut wider = DelegationEdit::default();
        wider.expires_at = Edit::Set(later);
        let mut forever = DelegationEdit::default();
        forever.expires_at = Edit::Clear;
        let graph = &world.graph;
        [
            graph.update_agent(TENANT, short, ending(Edit::Set(later)), world.now),
            graph.update_agent(TENANT, short, ending(Edit::Clear), world.now),
            graph.update_delegation(TENANT, line, wider, world.now),
            graph.update_delegation(TENANT, line, forever, world.now),
        ]
    };
    world.wait_s(9);
    assert!(extend(&world).iter().all(Result::is_ok));
    world.wait_s(1);
    for refused in extend(&world) {
        assert_eq!(refused.unwrap_err().reason, Reason::AlreadyExpired);
    }
    assert_eq!(
        world.refused(short, other, &["read:mcp:a"]).reason,
        Reason::AlreadyExpired
    );
    assert_eq!(
        world.refused(giver, short, &["read:mcp:a"]).reason,
        Reason::AlreadyExpired
    );
    // Ending it for good is still possible.
    assert!(world.graph.revoke_agent(TENANT, short).is_ok());
    assert!(world.graph.revoke_delegation(TENANT, line).is_ok());
}

#[test]
fn resuming_restores_what_hangs_below_and_revoking_is_final() {
    let mut world = World::new();
    let ([first, second, third], [one, _]) = three(&mut world);
    let change = world.graph.suspend_agent(TENANT, second, world.now);
    world.commit(change).unwrap();
    assert_eq!(
        world.ask(third, "read", "mcp:a"),
        denied(Reason::AncestorSuspended)
    );
    assert_eq!(
        world.ask(second, "read", "mcp:a"),
        denied(Reason::AgentSuspended)
    );
    assert_eq!(world.ask(first, "read", "mcp:a"), "allow");
    let change = world.graph.resume_agent(TENANT, second, world.now);
    world.commit(change).unwrap();
    assert_eq!(world.ask(third, "read", "mcp:a"), "allow");

    let change = world.graph.revoke_agent(TENANT, second);
    world.commit(change).unwrap();
    assert_eq!(
        world.ask(third, "read", "mcp:a"),
        denied(Reason::AncestorRevoked)
    );
    let (graph, now) = (&world.graph, world.now);
    let tries = [
        graph.resume_agent(TENANT, second, now),
        graph.suspend_agent(TENANT, second, now),
        graph.update_agent(TENANT, second, edit(&["*:**"]), now),
        graph.revoke_agent(TENANT, second),
    ];
    for refused in tries {
        assert_eq!(refused.unwrap_err().reason, Reason::AlreadyRevoked);
    }
    let Leaf::Delegation(one) = one else {
        panic!("it is a delegation")
    };
    let change = world.graph.revoke_delegation(TENANT, one);
    world.commit(change).unwrap();
    let (graph, now) = (&world.graph, world.now);
    let again = graph.update_delegation(TENANT, one, DelegationEdit::default(), now);
    assert_eq!(again.unwrap_err().reason, Reason::AlreadyRevoked);
    assert_eq!(
        graph.revoke_delegation(TENANT, one).unwrap_err().reason,
        Reason::AlreadyRevoked
    );
}

#[test]
fn reinstating_an_owner_revives_none_of_their_agents() {
    let mut world = World::new();
    let ([first, _, third], _) = three(&mut world);
    let alice = Subject::user("alice").unwrap();
    let fresh = SubjectId::from_u128(99);
    let change = world.graph.revoke_owner(TENANT, &alice, fresh);
    world.commit(change).unwrap();
    for agent in [first, third] {
        assert_eq!(
            world.ask(agent, "read", "mcp:a"),
            denied(Reason::OwnerRevoked)
        );
    }
    let draft = world.agent_draft("new", &["read:mcp:a"]);
    let refusal = world.graph.create_agent(draft, world.now).unwrap_err();
    assert_eq!(refusal.reason, Reason::OwnerRevoked);

    let change = world.graph.reinstate_owner(TENANT, &alice);
    world.commit(change).unwrap();
    for agent in [first, third] {
        assert_eq!(
            world.ask(agent, "read", "mcp:a"),
            denied(Reason::OwnerRevoked)
        );
    }
    let new = world.agent("new", &["read:mcp:a"]);
    assert_eq!(world.ask(new, "read", "mcp:a"), "allow");
    // Nor does anybody bring one back by a change.
    let (graph, now) = (&world.graph, world.now);
    for refused in [
        graph.update_agent(TENANT, first, edit(&["*:**"]), now),
        graph.suspend_agent(TENANT, first, now),
    ] {
        assert_eq!(refused.unwrap_err().reason, Reason::OwnerRevoked);
    }
    assert_eq!(
        world.refused(first, new, &["read:mcp:a"]).reason,
        Reason::OwnerRevoked
    );
    assert_eq!(
        world.refused(new, first, &["read:mcp:a"]).reason,
        Reason::OwnerRevoked
    );
}

#[test]
fn an_owner_whom_nobody_met_is_off_boarded_all_the_same() {
    let mut world = World::new();
    let mallory = Subject::user("mallory").unwrap();
    let change = world
        .graph
        .revoke_owner(TENANT, &mallory, SubjectId::from_u128(5));
    world.commit(change).unwrap();
    let mut draft = world.agent_draft("hers", &["read:mcp:a"]);
    draft.owner = world.owner("mallory");
    let refusal = world.graph.create_agent(draft, world.now).unwrap_err();
    assert_eq!(refusal.reason, Reason::OwnerRevoked);
    let again = world
        .graph
        .revoke_owner(TENANT, &mallory, SubjectId::from_u128(6));
    assert_eq!(again.unwrap_err().reason, Reason::AlreadyRevoked);
}

#[test]
fn a_revoked_agent_comes_back_neither_by_its_name_nor_by_its_id() {
    let mut world = World::new();
    let ([_, second, third], _) = three(&mut world);
    let change = world.graph.revoke_agent(TENANT, second);
    world.commit(change).unwrap();

    let mut draft = world.agent_draft("second", &["*:**"]);
    let refusal = world
        .graph
        .create_agent(draft.clone(), world.now)
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::NameTaken);
    draft.recreate = true;
    let mut taken = draft.clone();
    taken.id = second;
    let refusal = world.graph.create_agent(taken, world.now).unwrap_err();
    assert_eq!(refusal.reason, Reason::NameTaken);

    let new = world.create(draft);
    let named = world
        .graph
        .agent_named(TENANT, &"second".parse().unwrap())
        .unwrap();
    assert_eq!(named.id, new);
    assert_eq!(
        world.ask(second, "read", "mcp:a"),
        denied(Reason::AgentRevoked)
    );
    assert_eq!(
        world.ask(third, "read", "mcp:a"),
        denied(Reason::AncestorRevoked)
    );
    // While it lives, nobody takes its name.
    let mut draft = world.agent_draft("second", &[]);
    draft.recreate = true;
    let refusal = world.graph.create_agent(draft, world.now).unwrap_err();
    assert_eq!(refusal.reason, Reason::NameTaken);
}

#[test]
fn a_revoked_delegation_does_not_come_back_under_its_id() {
    let mut world = World::new();
    let ([first, second, third], [Leaf::Delegation(one), _]) = three(&mut world) else {
        panic!("the lines are delegations");
    };
    let change = world.graph.revoke_delegation(TENANT, one);
    world.commit(change).unwrap();
    let mut draft = world.delegation_draft(first, second, &["*:mcp:**"]);
    draft.id = one;
    assert_eq!(
        world.try_delegate(draft.clone()).unwrap_err().reason,
        Reason::NameTaken
    );
    let agent = world.agent_draft("child", &[]);
    let draft = SpawnDraft {
        agent,
        delegation: draft,
    };
    let refusal = world.graph.spawn(draft, world.now).unwrap_err();
    assert_eq!(refusal.reason, Reason::NameTaken);
    world.delegate(first, second, &["*:mcp:**"]);
    assert_eq!(world.ask(second, "read", "mcp:a"), "allow");
    assert_eq!(
        world.ask(third, "read", "mcp:a"),
        denied(Reason::DelegationRevoked)
    );
}
