//! Windows, periods, restarts, edits.

use kavach::AgentEdit;

use super::{records_in, spend, used};
use crate::world::{On, World};

#[tokio::test]
async fn a_window_goes_on_over_a_restart_to_the_second() {
    for on in [On::Memory, On::Redb] {
        let mut world = World::on(on).await;
        let top = world.agent("top", &["read:app:*?rate=2/10m"]).await.id;
        assert_eq!(world.decide(top, "read app:x").await, "allow");
        world.clock.advance_s(100);
        assert_eq!(world.decide(top, "read app:x").await, "allow");
        world = world.reopen().await;
        assert_eq!(world.decide(top, "read app:x").await, "deny: rate_used_up");
        world.clock.advance_s(499);
        assert_eq!(world.decide(top, "read app:x").await, "deny: rate_used_up");
        world = world.reopen().await;
        world.clock.advance_s(1);
        assert_eq!(world.decide(top, "read app:x").await, "allow");
        assert_eq!(world.decide(top, "read app:x").await, "deny: rate_used_up");
        world = world.reopen().await;
        world.clock.advance_s(99);
        assert_eq!(world.decide(top, "read app:x").await, "deny: rate_used_up");
        world.clock.advance_s(1);
        assert_eq!(world.decide(top, "read app:x").await, "allow");
    }
}

#[tokio::test]
async fn a_budget_begins_anew_at_midnight_utc() {
    let world = World::on_memory().await;
    // It is ten o'clock on the 21st.
    let permissions = ["read:app:day?budget=5/day", "read:app:month?budget=5/month"];
    let top = world.agent("top", &permissions).await.id;
    for what in ["read app:day", "read app:month"] {
        assert_eq!(spend(&world, top, what, 5).await, "allow");
    }
    world.clock.advance_s(14 * 3_600 - 1);
    for what in ["read app:day", "read app:month"] {
        assert_eq!(spend(&world, top, what, 1).await, "deny: budget_used_up");
    }
    world.clock.advance_s(1);
    assert_eq!(spend(&world, top, "read app:day", 5).await, "allow");
    assert_eq!(
        spend(&world, top, "read app:month", 1).await,
        "deny: budget_used_up"
    );
    world.clock.advance_s(9 * 86_400);
    assert_eq!(spend(&world, top, "read app:month", 5).await, "allow");
}

#[tokio::test]
async fn who_has_no_room_is_told_when_and_then_there_is() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*?rate=1/90s"]).await.id;
    assert_eq!(world.decide(top, "read app:x").await, "allow");
    world.clock.advance_s(30);
    let lines = world.kavach.remaining(&top).unwrap();
    let limit = lines[0].hops[0].grants[0].limits[0];
    assert_eq!(limit.frees_at, Some(world.kavach.now().plus_s(60)));
    let call = kavach::Call::new(top, "read".parse().unwrap(), "app:x".parse().unwrap());
    let explained = world.kavach.explain(&call, &kavach::Supposed::default());
    let retry_at = explained.unwrap().unwrap().verdict.retry_at;
    assert_eq!(retry_at, limit.frees_at);
    world.clock.advance_s(59);
    assert_eq!(world.decide(top, "read app:x").await, "deny: rate_used_up");
    world.clock.advance_s(1);
    assert_eq!(world.decide(top, "read app:x").await, "allow");
}

#[tokio::test]
async fn zero_is_nothing_and_never_without_bound() {
    let world = World::on_memory().await;
    for (number, limit) in ["rate=0/h", "budget=0/day", "budget=0/total"]
        .iter()
        .enumerate()
    {
        let permission = format!("read:app:*?{limit}");
        let top = world
            .agent(&format!("top{number}"), &[&permission])
            .await
            .id;
        for cost in [0, 1, u64::MAX] {
            let answer = spend(&world, top, "read app:x", cost).await;
            assert!(answer.starts_with("deny: "), "{limit} {cost}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_limit_that_is_edited_goes_on_counting() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*?rate=5/h"]).await.id;
    for _ in 0..5 {
        assert_eq!(world.decide(top, "read app:x").await, "allow");
    }
    for (limit, allowed, after) in [(7, 2, "7/7"), (3, 0, "7/3"), (8, 1, "8/8")] {
        let mut edit = AgentEdit::default();
        let permission = format!("read:app:*?rate={limit}/h");
        edit.permissions = Some(vec![permission.parse().unwrap()]);
        world.kavach.update_agent(&top, edit).await.unwrap();
        for _ in 0..allowed {
            assert_eq!(world.decide(top, "read app:x").await, "allow", "{limit}");
        }
        assert_eq!(world.decide(top, "read app:x").await, "deny: rate_used_up");
        assert_eq!(used(&world.kavach, top), [after]);
    }
}

#[tokio::test]
async fn counters_that_have_passed_go_from_the_store() {
    let world = World::on(On::Redb).await;
    let permissions = [
        "read:app:minute?rate=9/60s",
        "read:app:day?budget=9/day",
        "read:app:total?budget=9/total",
    ];
    let top = world.agent("top", &permissions).await.id;
    for what in ["read app:minute", "read app:day", "read app:total"] {
        assert_eq!(spend(&world, top, what, 1).await, "allow");
    }
    assert_eq!(records_in(&world, "counter").await, 3);
    assert_eq!(records_in(&world, "reservation").await, 2);
    world.clock.advance_s(119);
    assert_eq!(spend(&world, top, "read app:total", 1).await, "allow");
    assert_eq!(records_in(&world, "counter").await, 3);
    world.clock.advance_s(1);
    assert_eq!(spend(&world, top, "read app:total", 1).await, "allow");
    // The minute's.
    assert_eq!(records_in(&world, "counter").await, 2);
    world.clock.advance_s(2 * 86_400);
    let world = world.reopen().await;
    assert_eq!(spend(&world, top, "read app:total", 1).await, "allow");
    assert_eq!(records_in(&world, "counter").await, 1);
    assert_eq!(records_in(&world, "reservation").await, 1);
    // Grants stand in canonical order: the day's, the minute's, the total.
    assert_eq!(used(&world.kavach, top), ["0/9 0/9 4/9"]);
}

#[tokio::test]
async fn a_long_log_is_read_back_whole() {
    let world = World::on(On::Redb).await;
    let top = world.agent("top", &["read:app:*?rate=400/d"]).await.id;
    for _ in 0..300 {
        assert_eq!(world.decide(top, "read app:x").await, "allow");
        world.clock.advance_s(7);
    }
    // A record for each 64 seconds with calls.
    assert_eq!(records_in(&world, "counter").await, 5);
    let world = world.reopen().await;
    assert_eq!(used(&world.kavach, top), ["300/400"]);
    world.clock.advance_s(86_400 - 7 * 100);
    assert_eq!(used(&world.kavach, top), ["99/400"]);
    assert_eq!(world.decide(top, "read app:x").await, "allow");
    // Three of them have passed.
    assert_eq!(records_in(&world, "counter").await, 2);
    let world = world.reopen().await;
    assert_eq!(used(&world.kavach, top), ["100/400"]);
}
