//! What is passed on is never more than what its giver has.

use kavach_core::{DelegationEdit, Edit, Leaf, Mode, Reason, Timestamp};

use super::{edit, ending, three};
use crate::world::{TENANT, World, denied};

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
    draft.expires_at = Some(Timestamp::from_s(0));
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
