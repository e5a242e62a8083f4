//! Many at once, and many levels.

use std::collections::BTreeMap;

use super::{call, spend, storm, used};
use crate::world::{On, World, new_delegation, new_spawn};

fn answers(allowed: usize, denied: usize, reason: &str) -> BTreeMap<String, usize> {
    let both = [
        ("allow".to_owned(), allowed),
        (format!("deny: {reason}"), denied),
    ];
    both.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_calls_at_once_exactly_as_many_are_allowed_as_the_limit_says() {
    for on in [On::Memory, On::Redb] {
        for (limit, reason) in [
            ("rate=137/h", "rate_used_up"),
            ("budget=137/day", "budget_used_up"),
            ("budget=137/total", "budget_used_up"),
        ] {
            let world = World::on(on).await;
            let permission = format!("read:app:*?{limit}");
            let top = world.agent("top", &[&permission]).await.id;
            let found = storm(&world.kavach, &[top], "read app:x", 1_000).await;
            assert_eq!(found, answers(137, 863, reason), "{on:?} {limit}");
            assert_eq!(used(&world.kavach, top), ["137/137"]);
            let world = world.reopen().await;
            assert_eq!(used(&world.kavach, top), ["137/137"]);
            let denied = format!("deny: {reason}");
            assert_eq!(world.decide(top, "read app:x").await, denied);
            assert_eq!(world.check_log().await, 1_002);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sub_agents_share_what_their_parent_has_and_bring_nothing_of_their_own() {
    let world = World::on(On::Redb).await;
    let top = world.agent("top", &["read:app:*?rate=100/h"]).await.id;
    let mut calling = vec![top];
    for number in 0..20 {
        let name = format!("low{number}");
        calling.push(world.spawn(&top, &name, &["read:app:*"]).await.id);
    }
    let found = storm(&world.kavach, &calling, "read app:x", 1_000).await;
    assert_eq!(found, answers(100, 900, "rate_used_up"));
    let fresh = world.spawn(&top, "fresh", &["read:app:*"]).await.id;
    let under = world.spawn(&fresh, "under", &["read:app:x"]).await.id;
    for who in [fresh, under, top] {
        assert_eq!(world.decide(who, "read app:x").await, "deny: rate_used_up");
    }
    world.clock.advance_s(3_599);
    assert_eq!(
        world.decide(under, "read app:x").await,
        "deny: rate_used_up"
    );
    world.clock.advance_s(1);
    let found = storm(&world.kavach, &[under, fresh], "read app:x", 300).await;
    assert_eq!(found, answers(100, 200, "rate_used_up"));
}

#[tokio::test]
async fn a_call_is_charged_at_every_level_or_at_none() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*?rate=5/h"]).await.id;
    let one = world.spawn(&top, "one", &["read:app:*?rate=3/h"]).await.id;
    let two = world.spawn(&top, "two", &["read:app:*?rate=4/h"]).await.id;
    for _ in 0..3 {
        assert_eq!(world.decide(one, "read app:x").await, "allow");
    }
    assert_eq!(world.decide(one, "read app:x").await, "deny: rate_used_up");
    assert_eq!(used(&world.kavach, one), ["3/5", "3/3"]);
    for _ in 0..2 {
        assert_eq!(world.decide(two, "read app:x").await, "allow");
    }
    // There is room at the leaf, and none above: neither is charged.
    assert_eq!(world.decide(two, "read app:x").await, "deny: rate_used_up");
    assert_eq!(used(&world.kavach, two), ["5/5", "2/4"]);
    assert_eq!(used(&world.kavach, one), ["5/5", "3/3"]);
}

#[tokio::test]
async fn denied_calls_and_looking_burn_nothing() {
    let world = World::on_memory().await;
    let permissions = [
        "read:app:*?rate=2/h&budget=3/day",
        "write:app:y?budget=9/total",
    ];
    let top = world.agent("top", &permissions).await.id;
    for _ in 0..5 {
        assert_eq!(
            world.decide(top, "write app:x").await,
            "deny: no_matching_grant"
        );
        assert_eq!(
            spend(&world, top, "read app:x", 4).await,
            "deny: budget_used_up"
        );
        let simulated = world.kavach.simulate(&call(top, "read app:x", 1), None);
        assert!(simulated.unwrap().is_allowed());
        let (call, supposed) = (call(top, "read app:x", 1), kavach::Supposed::default());
        world.kavach.explain(&call, &supposed).unwrap();
    }
    assert_eq!(used(&world.kavach, top), ["0/2 0/3 0/9"]);
    assert_eq!(super::records_in(&world, "counter").await, 0);
    assert_eq!(spend(&world, top, "read app:x", 3).await, "allow");
    assert_eq!(used(&world.kavach, top), ["1/2 3/3 0/9"]);
    // The rate has room, the budget has none.
    assert_eq!(
        spend(&world, top, "read app:x", 1).await,
        "deny: budget_used_up"
    );
    assert_eq!(used(&world.kavach, top), ["1/2 3/3 0/9"]);
}

#[tokio::test]
async fn every_line_has_its_own_levels() {
    let world = World::on_memory().await;
    let one = world.agent("one", &["read:app:*?rate=1/h"]).await.id;
    let two = world.agent("two", &["read:app:*?rate=1/h"]).await.id;
    let low = world.agent("low", &[]).await.id;
    for from in [&one, &two] {
        let given = new_delegation(&["read:app:*"]);
        world.kavach.delegate(from, &low, given).await.unwrap();
    }
    for want in ["allow", "allow", "deny: rate_used_up"] {
        assert_eq!(world.decide(low, "read app:x").await, want);
    }
    let lines = world.kavach.remaining(&low).unwrap();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert_eq!(line.hops.len(), 2);
        assert_eq!(line.hops[1].agent, low);
        assert!(
            line.hops
                .iter()
                .all(|hop| hop.grants[0].limits[0].used == 1)
        );
    }
    world.kavach.revoke_agent(&one).await.unwrap();
    assert_eq!(world.kavach.remaining(&low).unwrap().len(), 1);
    assert_eq!(world.kavach.remaining(&one), Some(Vec::new()));
    assert_eq!(
        world.kavach.remaining(&kavach::AgentId::from_parts(0, 0)),
        None
    );
    let free =
        world
            .kavach
            .create_agent(crate::world::new_agent("user:bob", "free", &["read:app:z"]));
    let free = free.await.unwrap().id;
    assert_eq!(used(&world.kavach, free), [""]);
}

#[tokio::test]
async fn one_tenants_counters_are_not_anothers() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*?rate=1/h"]).await.id;
    assert_eq!(world.decide(top, "read app:x").await, "allow");
    let other = world.kavach.in_tenant(kavach::TenantId::from_parts(1, 1));
    assert_eq!(other.remaining(&top), None);
    let new = crate::world::new_agent("user:alice", "top", &["read:app:*?rate=1/h"]);
    let theirs = other.create_agent(new).await.unwrap().id;
    assert_eq!(used(&other, theirs), ["0/1"]);
    assert!(
        other
            .authorize(&theirs, "read", "app:x")
            .await
            .unwrap()
            .is_allowed()
    );
    assert_eq!(used(&world.kavach, top), ["1/1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_limit_at_the_top_holds_for_a_line_of_eight() {
    let world = World::on_memory().await;
    let mut low = world
        .agent("a0", &["read:app:*?rate=50/h&budget=70/day"])
        .await
        .id;
    let mut line = vec![low];
    for depth in 1..=8 {
        let new = new_spawn(&format!("a{depth}"), &["read:app:*?rate=30/m"]);
        low = world.kavach.spawn(&low, new).await.unwrap().id;
        line.push(low);
    }
    let found = storm(&world.kavach, &line, "read app:x", 500).await;
    assert_eq!(found["allow"], 50);
    assert_eq!(used(&world.kavach, line[0]), ["50/50 50/70"]);
}
