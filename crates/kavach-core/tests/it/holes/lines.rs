//! Lines do not help, hide or end one another.

use kavach_core::{
    AgentEdit, DelegationEdit, DelegationId, Edit, Leaf, Reason, SpawnDraft, TenantId,
};

use super::three;
use crate::world::{TENANT, World, denied, permissions, told};

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
fn of_two_lines_that_allow_the_same_one_is_named_whatever_came_first() {
    for ids in [[1, 2], [2, 1]] {
        let mut world = World::new();
        let giver = world.agent("giver", &["read:mcp:*"]);
        let other = world.agent("other", &["*:**"]);
        let texts = ["read:mcp:a", "read:mcp:*"];
        for (text, id) in texts.into_iter().zip(ids) {
            let mut draft = world.delegation_draft(giver, other, &[text]);
            draft.id = DelegationId::from_u128(id);
            world.try_delegate(draft).unwrap();
        }
        // `*:**` is before `read:mcp:*`, and that is before `read:mcp:a`.
        assert_eq!(
            world.answer(other, "read", "mcp:a").leaf,
            Some(Leaf::Root(other))
        );
        let mut edit = AgentEdit::default();
        edit.permissions = Some(permissions(&["write:mcp:a"]));
        let change = world.graph.update_agent(TENANT, other, edit, world.now);
        world.commit(change).unwrap();
        let star = Leaf::Delegation(DelegationId::from_u128(ids[1]));
        assert_eq!(world.answer(other, "read", "mcp:a").leaf, Some(star));
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
