//! Holes that other systems had: semantics, section 9. Each is shut here.

use kavach_core::{
    AgentEdit, AgentId, DelegationEdit, Edit, Leaf, Mode, OwnerDraft, Reason, Request, SpawnDraft,
    Subject, SubjectId, TenantId, decide, decide_via,
};

use crate::world::{TENANT, World, denied, permissions, told};

/// Three agents in a row, `mcp:**` each; the delegations that lead to the second and the third.
fn three(world: &mut World) -> ([AgentId; 3], [Leaf; 2]) {
    let first = world.agent("first", &["*:mcp:**"]);
    let [second, third] = ["second", "third"].map(|name| world.agent(name, &[]));
    let one = world.delegate(first, second, &["*:mcp:**"]);
    let two = world.delegate(second, third, &["*:mcp:**"]);
    (
        [first, second, third],
        [Leaf::Delegation(one), Leaf::Delegation(two)],
    )
}

fn edit(permissions_held: &[&str]) -> AgentEdit {
    let mut edit = AgentEdit::default();
    edit.permissions = Some(permissions(permissions_held));
    edit
}

fn ending(end: Edit<kavach_core::Timestamp>) -> AgentEdit {
    let mut edit = AgentEdit::default();
    edit.expires_at = end;
    edit
}

#[test]
fn a_holder_of_one_resource_cannot_delegate_what_lies_beside_or_below_it() {
    let mut world = World::new();
    let holder = world.agent("holder", &["read:mcp:github:repos"]);
    let other = world.agent("other", &[]);
    for wider in [
        "read:mcp:github:*",
        "read:mcp:github:**",
        "read:mcp:github:repos:*",
        "read:mcp:github:repos:**",
        "read:mcp:github:repos*",
        "read:mcp:github:repo*",
        "read:mcp:*:repos",
        "read:mcp:**",
        "read:**",
        "*:mcp:github:repos",
        "write:mcp:github:repos",
    ] {
        let refusal = world.refused(holder, other, &[wider]);
        assert_eq!(refusal.reason, Reason::WiderThanParent, "{wider}");
    }
    // Attenuating gives the one resource, and not a pattern around it.
    for wider in ["read:mcp:github:*", "*:**", "read:mcp:*:repo*"] {
        let mut draft = world.delegation_draft(holder, other, &[wider]);
        draft.mode = Mode::Attenuate;
        let id = world.try_delegate(draft).unwrap();
        let held = world.graph.delegation(TENANT, id).unwrap();
        let held: Vec<String> = held.grants.permissions().map(ToString::to_string).collect();
        assert_eq!(held, ["read:mcp:github:repos"]);
    }
    assert_eq!(
        world.ask(other, "read", "mcp:github:issues"),
        denied(Reason::NoMatchingGrant)
    );
    assert_eq!(
        world.ask(other, "read", "mcp:github:repos:1"),
        denied(Reason::NoMatchingGrant)
    );
    assert_eq!(world.ask(other, "read", "mcp:github:repos"), "allow");
}

#[test]
fn constraints_survive_every_delegation() {
    let mut world = World::new();
    let first = world.agent(
        "first",
        &["read:mcp:*?depth=2&expires=2026-01-01T01:00:00Z"],
    );
    let mut from = first;
    for (name, left) in [("second", 1), ("third", 0)] {
        let to = world.agent(name, &[]);
        world.delegate(from, to, &["read:mcp:*"]);
        let held = format!("read:mcp:*?depth={left}&expires=2026-01-01T01:00:00Z");
        assert_eq!(world.holds(to), [held]);
        from = to;
    }
    let fourth = world.agent("fourth", &[]);
    assert_eq!(
        world.refused(from, fourth, &["read:mcp:*"]).reason,
        Reason::TooDeep
    );
    world.wait_s(3599);
    assert_eq!(world.ask(from, "read", "mcp:a"), "allow");
    world.wait_s(1);
    assert_eq!(
        world.ask(from, "read", "mcp:a"),
        denied(Reason::GrantExpired)
    );
}

#[test]
fn a_caller_does_not_choose_its_own_depth() {
    let mut world = World::new();
    let first = world.agent("first", &["read:mcp:*"]);
    let [second, third] = ["second", "third"].map(|name| world.agent(name, &[]));
    let mut draft = world.delegation_draft(first, second, &["read:mcp:*"]);
    draft.max_depth = Some(1);
    world.try_delegate(draft).unwrap();

    let mut draft = world.delegation_draft(second, third, &["read:mcp:*"]);
    draft.max_depth = Some(1);
    let refusal = world.try_delegate(draft.clone()).unwrap_err();
    assert_eq!(refusal.reason, Reason::WiderThanParent);
    assert!(
        refusal.message.contains("the 0 hops that are left"),
        "{refusal}"
    );

    draft.mode = Mode::Attenuate;
    draft.max_depth = Some(8);
    let id = world.try_delegate(draft).unwrap();
    assert_eq!(
        world.graph.delegation(TENANT, id).unwrap().max_depth,
        Some(0)
    );
    let fourth = world.agent("fourth", &[]);
    assert_eq!(
        world.refused(third, fourth, &["read:mcp:*"]).reason,
        Reason::TooDeep
    );

    let mut edit = DelegationEdit::default();
    edit.max_depth = Edit::Set(1);
    let refusal = world
        .graph
        .update_delegation(TENANT, id, edit, world.now)
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::WiderThanParent);
}

#[test]
fn a_parents_end_reaches_the_child() {
    let mut world = World::new();
    let ([first, _, third], [Leaf::Delegation(one), _]) = three(&mut world) else {
        panic!("the lines are delegations");
    };
    let end = world.now.plus_s(10);
    let change = world
        .graph
        .update_agent(TENANT, first, ending(Edit::Set(end)), world.now);
    world.commit(change).unwrap();
    world.wait_s(9);
    assert_eq!(world.ask(third, "read", "mcp:a"), "allow");
    world.wait_s(1);
    assert_eq!(
        world.ask(third, "read", "mcp:a"),
        denied(Reason::AncestorExpired)
    );

    let mut world = World::new();
    let ([_, _, third], [Leaf::Delegation(same), _]) = three(&mut world) else {
        panic!("the lines are delegations");
    };
    assert_eq!(one, same);
    let mut edit = DelegationEdit::default();
    edit.expires_at = Edit::Set(world.now.plus_s(10));
    let change = world.graph.update_delegation(TENANT, one, edit, world.now);
    world.commit(change).unwrap();
    world.wait_s(9);
    assert_eq!(world.ask(third, "read", "mcp:a"), "allow");
    world.wait_s(1);
    assert_eq!(
        world.ask(third, "read", "mcp:a"),
        denied(Reason::DelegationExpired)
    );
}

#[test]
fn a_parents_edit_reaches_the_child() {
    let mut world = World::new();
    let ([first, second, third], _) = three(&mut world);
    let change = world
        .graph
        .update_agent(TENANT, first, edit(&["read:mcp:a"]), world.now);
    world.commit(change).unwrap();
    assert_eq!(
        world.ask(third, "read", "mcp:b"),
        denied(Reason::AncestorNarrowed)
    );
    assert_eq!(
        world.ask(third, "write", "mcp:a"),
        denied(Reason::AncestorNarrowed)
    );
    assert_eq!(world.ask(third, "read", "mcp:a"), "allow");
    for agent in [second, third] {
        assert_eq!(world.holds(agent), ["read:mcp:a"]);
    }
    let change = world
        .graph
        .update_agent(TENANT, first, edit(&[]), world.now);
    world.commit(change).unwrap();
    assert_eq!(
        world.ask(third, "read", "mcp:a"),
        denied(Reason::AncestorNarrowed)
    );
}

#[test]
fn what_comes_after_a_star_counts() {
    let mut world = World::new();
    let agent = world.agent("agent", &["*:mcp:*:read", "*:app:*"]);
    assert_eq!(
        world.ask(agent, "call", "mcp:github:delete"),
        denied(Reason::NoMatchingGrant)
    );
    assert_eq!(
        world.ask(agent, "call", "mcp:github:read:1"),
        denied(Reason::NoMatchingGrant)
    );
    assert_eq!(
        world.ask(agent, "call", "app:a:b"),
        denied(Reason::NoMatchingGrant)
    );
    assert_eq!(world.ask(agent, "call", "mcp:github:read"), "allow");
}

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
    let via = |world: &World| decide_via(&world.graph, &request, Leaf::Root(agent), world.now);
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
fn a_worse_grant_does_not_hide_a_better_one() {
    let mut world = World::new();
    // In canonical order the one that runs out, and the one that may not be passed on, come first.
    let giver = world.agent(
        "giver",
        &[
            "read:mcp:a?depth=0&expires=2026-01-01T00:00:10Z",
            "read:mcp:a?depth=1&expires=2026-01-01T00:00:20Z",
            "read:mcp:a?expires=2026-01-01T00:00:30Z",
        ],
    );
    let other = world.agent("other", &[]);
    world.delegate(giver, other, &["read:mcp:a"]);
    for (seconds, want) in [(0, "allow"), (19, "allow"), (1, "allow"), (9, "allow")] {
        world.wait_s(seconds);
        assert_eq!(world.ask(giver, "read", "mcp:a"), want);
        assert_eq!(world.ask(other, "read", "mcp:a"), want);
    }
    world.wait_s(1);
    assert_eq!(
        world.ask(giver, "read", "mcp:a"),
        denied(Reason::GrantExpired)
    );
}

#[test]
fn a_worse_line_does_not_hide_a_better_one() {
    let mut world = World::new();
    let [one, two] = ["one", "two"].map(|name| world.agent(name, &["read:mcp:*"]));
    let other = world.agent("other", &["write:mcp:a"]);
    let by_one = world.delegate(one, other, &["read:mcp:a"]);
    let by_two = world.delegate(two, other, &["read:mcp:a"]);
    for (revoked, left) in [(by_one, by_two), (by_two, by_one)] {
        let mut world = world.clone();
        let change = world.graph.revoke_delegation(TENANT, revoked);
        world.commit(change).unwrap();
        let verdict = world.answer(other, "read", "mcp:a");
        assert_eq!(told(verdict.decision), "allow");
        assert_eq!(verdict.leaf, Some(Leaf::Delegation(left)));
    }
}

#[test]
fn revoking_one_line_leaves_the_others_alone() {
    let mut world = World::new();
    let [one, two] = ["one", "two"].map(|name| world.agent(name, &["read:mcp:*"]));
    let [middle, last] = ["middle", "last"].map(|name| world.agent(name, &[]));
    let lines = [one, two].map(|giver| world.delegate(giver, middle, &["read:mcp:a"]));
    let below = lines.map(|line| {
        let mut draft = world.delegation_draft(middle, last, &["read:mcp:a"]);
        draft.via = Some(Leaf::Delegation(line));
        Leaf::Delegation(world.try_delegate(draft).unwrap())
    });
    let change = world.graph.revoke_delegation(TENANT, lines[0]);
    world.commit(change).unwrap();
    assert_eq!(
        world.ask_via(last, below[0], "read", "mcp:a"),
        denied(Reason::DelegationRevoked)
    );
    assert_eq!(world.ask_via(last, below[1], "read", "mcp:a"), "allow");
    assert_eq!(world.ask(middle, "read", "mcp:a"), "allow");
    assert_eq!(world.ask(last, "read", "mcp:a"), "allow");
    let change = world.graph.revoke_agent(TENANT, two);
    world.commit(change).unwrap();
    assert_eq!(
        world.ask(last, "read", "mcp:a"),
        denied(Reason::AncestorRevoked)
    );
    assert_eq!(world.ask(one, "read", "mcp:a"), "allow");
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

#[test]
fn a_spawn_gives_to_the_new_agent_and_to_nobody_else() {
    let mut world = World::new();
    let parent = world.agent("parent", &["read:mcp:*"]);
    let bystander = world.agent("bystander", &[]);
    let agent = world.agent_draft("child", &[]);
    let child = agent.id;
    let mut delegation = world.delegation_draft(parent, bystander, &["read:mcp:a"]);
    delegation.tenant = TenantId::from_u128(7);
    let change = world
        .graph
        .spawn(SpawnDraft { agent, delegation }, world.now);
    world.commit(change).unwrap();
    assert_eq!(
        world.ask(bystander, "read", "mcp:a"),
        denied(Reason::NoGrants)
    );
    assert_eq!(world.ask(child, "read", "mcp:a"), "allow");
}

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

#[test]
fn zero_means_nothing_and_never_unlimited() {
    let mut world = World::new();
    let holder = world.agent("holder", &["read:mcp:a?depth=0"]);
    let other = world.agent("other", &[]);
    assert_eq!(world.ask(holder, "read", "mcp:a"), "allow");
    assert_eq!(
        world.refused(holder, other, &["read:mcp:a"]).reason,
        Reason::TooDeep
    );
    let free = world.agent("free", &["read:mcp:a"]);
    let mut draft = world.delegation_draft(free, other, &["read:mcp:a"]);
    draft.max_depth = Some(0);
    world.try_delegate(draft).unwrap();
    let third = world.agent("third", &[]);
    assert_eq!(
        world.refused(other, third, &["read:mcp:a"]).reason,
        Reason::TooDeep
    );
    // An end at the epoch, or now, is no end that was forgotten.
    let mut draft = world.agent_draft("dead", &["read:mcp:a"]);
    draft.expires_at = Some(kavach_core::Timestamp::from_s(0));
    let refusal = world.graph.create_agent(draft, world.now).unwrap_err();
    assert_eq!(refusal.reason, Reason::TimeInPast);
    // No grants are no grants.
    let bare = world.agent("bare", &[]);
    assert_eq!(world.ask(bare, "read", "mcp:a"), denied(Reason::NoGrants));
    assert_eq!(
        world.refused(bare, third, &["read:mcp:a"]).reason,
        Reason::NoGrants
    );
}

#[test]
fn nothing_crosses_a_tenant() {
    let mut world = World::new();
    let elsewhere = TenantId::from_parts(1, 2);
    let here = world.agent("agent", &["read:mcp:*"]);
    let other = world.agent("other", &[]);
    let line = world.delegate(here, other, &["read:mcp:a"]);
    let mut draft = world.agent_draft("agent", &["write:mcp:*"]);
    draft.tenant = elsewhere;
    let there = world.create(draft);

    // Lookups.
    let graph = &world.graph;
    assert!(graph.agent(elsewhere, here).is_none());
    assert!(graph.agent(TENANT, there).is_none());
    assert!(graph.delegation(elsewhere, line).is_none());
    assert!(graph.line(elsewhere, Leaf::Root(here)).is_none());
    assert!(graph.permissions_of(elsewhere, here, world.now).is_none());
    assert!(
        graph
            .blast_radius_of_agent(elsewhere, here, world.now)
            .is_none()
    );
    assert!(
        graph
            .blast_radius_of_delegation(elsewhere, line, world.now)
            .is_none()
    );
    assert_eq!(
        graph.delegations_below(elsewhere, Leaf::Root(here)).count(),
        0
    );
    assert_eq!(graph.delegations_to(elsewhere, other).count(), 0);
    let named = |tenant| {
        graph
            .agent_named(tenant, &"agent".parse().unwrap())
            .unwrap()
            .id
    };
    assert_eq!((named(TENANT), named(elsewhere)), (here, there));
    let alice = Subject::user("alice").unwrap();
    assert_ne!(
        graph.subject_id(TENANT, &alice),
        graph.subject_id(elsewhere, &alice)
    );

    // Decisions.
    let (action, resource) = ("read".parse().unwrap(), "mcp:a".parse().unwrap());
    let request = Request::new(elsewhere, here, action, resource);
    assert_eq!(
        told(decide(graph, &request, world.now).decision),
        denied(Reason::UnknownAgent)
    );
    for leaf in [Leaf::Root(here), Leaf::Delegation(line), Leaf::Root(there)] {
        let verdict = decide_via(graph, &request, leaf, world.now);
        assert_eq!(told(verdict.decision), denied(Reason::UnknownAgent));
    }

    // Changes.
    let now = world.now;
    for refused in [
        graph.update_agent(elsewhere, here, edit(&["*:**"]), now),
        graph.suspend_agent(elsewhere, here, now),
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
    let refusal = world.graph.create_agent(draft, world.now).unwrap_err();
    assert_eq!(refusal.reason, Reason::NotFound);

    // Off-boarding somebody here leaves them alone there.
    let change = world
        .graph
        .revoke_owner(TENANT, &alice, SubjectId::from_u128(8));
    world.commit(change).unwrap();
    let request = Request::new(
        elsewhere,
        there,
        "write".parse().unwrap(),
        "mcp:a".parse().unwrap(),
    );
    assert_eq!(
        told(decide(&world.graph, &request, world.now).decision),
        "allow"
    );
}

#[test]
fn somebody_elses_line_is_not_ones_own() {
    let mut world = World::new();
    let ([first, second, third], [one, two]) = three(&mut world);
    for (agent, leaf) in [
        (third, one),
        (third, Leaf::Root(first)),
        (first, two),
        (second, two),
    ] {
        assert_eq!(
            world.ask_via(agent, leaf, "read", "mcp:a"),
            denied(Reason::UnknownAgent)
        );
        let mut draft = world.delegation_draft(agent, third, &["read:mcp:a"]);
        draft.via = Some(leaf);
        let refusal = world.try_delegate(draft).unwrap_err();
        assert_eq!(refusal.reason, Reason::NotFound);
        assert!(!refusal.candidates.is_empty());
    }
    assert_eq!(world.ask_via(third, two, "read", "mcp:a"), "allow");
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
fn nobody_delegates_by_a_line_that_is_over() {
    let mut world = World::new();
    let ([first, second, third], [Leaf::Delegation(one), _]) = three(&mut world) else {
        panic!("the lines are delegations");
    };
    let dead = |world: &mut World| world.refused(second, third, &["read:mcp:a"]).reason;
    let mut suspended = world.clone();
    let change = suspended.graph.suspend_agent(TENANT, first, suspended.now);
    suspended.commit(change).unwrap();
    assert_eq!(dead(&mut suspended), Reason::AncestorSuspended);
    let mut revoked = world.clone();
    let change = revoked.graph.revoke_agent(TENANT, first);
    revoked.commit(change).unwrap();
    assert_eq!(dead(&mut revoked), Reason::AncestorRevoked);
    assert_eq!(
        revoked.refused(first, third, &["read:mcp:a"]).reason,
        Reason::AlreadyRevoked
    );
    let change = world.graph.revoke_delegation(TENANT, one);
    world.commit(change).unwrap();
    assert_eq!(dead(&mut world), Reason::DelegationRevoked);
}

#[test]
fn a_dead_line_does_not_make_the_choice_ambiguous_and_a_live_one_does() {
    let mut world = World::new();
    let [one, two] = ["one", "two"].map(|name| world.agent(name, &["read:mcp:*"]));
    let [middle, last] = ["middle", "last"].map(|name| world.agent(name, &[]));
    let lines =
        [one, two].map(|giver| world.delegate(giver, middle, &["read:mcp:a", "read:mcp:b"]));
    let refusal = world.refused(middle, last, &["read:mcp:a"]);
    assert_eq!(refusal.reason, Reason::AmbiguousVia);
    let mut candidates = lines.map(Leaf::Delegation);
    candidates.sort_unstable();
    assert_eq!(refusal.candidates, candidates);

    // A line that may not be passed on so far, or so long, is none to choose.
    let mut bounded = world.clone();
    let mut edit = DelegationEdit::default();
    edit.max_depth = Edit::Set(0);
    let change = bounded
        .graph
        .update_delegation(TENANT, lines[0], edit, bounded.now);
    bounded.commit(change).unwrap();
    let id = bounded.delegate(middle, last, &["read:mcp:a"]);
    let made = bounded.graph.delegation(TENANT, id).unwrap();
    assert_eq!(made.parent, Some(lines[1]));

    let change = world.graph.revoke_delegation(TENANT, lines[0]);
    world.commit(change).unwrap();
    let id = world.delegate(middle, last, &["read:mcp:a"]);
    assert_eq!(
        world.graph.delegation(TENANT, id).unwrap().parent,
        Some(lines[1])
    );
}

#[test]
fn two_lines_are_not_added_up_for_a_delegation() {
    let mut world = World::new();
    let one = world.agent("one", &["read:mcp:*"]);
    let middle = world.agent("middle", &["write:mcp:*"]);
    let last = world.agent("last", &[]);
    world.delegate(one, middle, &["read:mcp:*"]);
    let refusal = world.refused(middle, last, &["read,write:mcp:a"]);
    assert_eq!(refusal.reason, Reason::AmbiguousVia);
    assert_eq!(refusal.candidates.len(), 2);
    assert_eq!(world.ask(middle, "read", "mcp:a"), "allow");
    assert_eq!(world.ask(middle, "write", "mcp:a"), "allow");
}

#[test]
fn a_list_that_was_cut_says_so() {
    let mut world = World::new();
    let rows: Vec<String> = (0..40).map(|row| format!("read:mcp:a{row}:*")).collect();
    let columns: Vec<String> = (0..40)
        .map(|column| format!("read:mcp:*:b{column}"))
        .collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let first = world.agent("first", &["read:mcp:**"]);
    let second = world.agent("second", &[]);
    world.delegate(first, second, &columns);
    let list = |world: &World| {
        let lines = world
            .graph
            .permissions_of(TENANT, second, world.now)
            .unwrap();
        (lines[0].permissions.len(), lines[0].complete)
    };
    assert_eq!(list(&world), (40, true));
    // 40 rows met with 40 columns are 1600 places.
    let change = world
        .graph
        .update_agent(TENANT, first, edit(&rows), world.now);
    world.commit(change).unwrap();
    assert_eq!(list(&world), (1024, false));
}
