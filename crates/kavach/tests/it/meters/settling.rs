//! Reserve, then settle the true cost.

use kavach::audit::{Detail, EventKind};
use kavach::{EventId, TenantId};

use super::{call, records_in, settle_words, spend, used};
use crate::world::{On, World};

/// A world in which `low`, under `top`, spends.
async fn scene(on: On) -> (World, kavach::AgentId) {
    let world = World::on(on).await;
    let top = world.agent("top", &["use:tool:*?budget=100/day"]).await.id;
    let low = world
        .spawn(&top, "low", &["use:tool:*?budget=90/day"])
        .await
        .id;
    (world, low)
}

/// Reserves this much, and says under which event.
async fn reserve(world: &World, who: kavach::AgentId, cost: u64) -> EventId {
    let answer = world
        .kavach
        .authorize_call(call(who, "use tool:llm", cost))
        .await
        .unwrap();
    assert!(answer.is_allowed());
    answer.audit_id.unwrap()
}

#[tokio::test]
async fn what_was_reserved_in_vain_is_given_back_at_every_level() {
    for on in [On::Memory, On::Redb] {
        let (world, low) = scene(on).await;
        let of = reserve(&world, low, 60).await;
        assert_eq!(used(&world.kavach, low), ["60/100", "60/90"]);
        assert_eq!(
            spend(&world, low, "use tool:llm", 31).await,
            "deny: budget_used_up"
        );
        assert_eq!(settle_words(world.kavach.settle(of, 10).await), "10 for 60");
        assert_eq!(used(&world.kavach, low), ["10/100", "10/90"]);
        let world = world.reopen().await;
        assert_eq!(used(&world.kavach, low), ["10/100", "10/90"]);
        assert_eq!(spend(&world, low, "use tool:llm", 80).await, "allow");
        assert_eq!(records_in(&world, "reservation").await, 1);
    }
}

#[tokio::test]
async fn what_a_call_cost_more_is_spent_past_the_limit_too() {
    let (world, low) = scene(On::Redb).await;
    let of = reserve(&world, low, 50).await;
    assert_eq!(settle_words(world.kavach.settle(of, 95).await), "95 for 50");
    assert_eq!(used(&world.kavach, low), ["95/100", "95/90"]);
    for cost in [0, 1] {
        assert_eq!(
            spend(&world, low, "use tool:llm", cost).await,
            "deny: budget_used_up"
        );
    }
    let world = world.reopen().await;
    assert_eq!(used(&world.kavach, low), ["95/100", "95/90"]);
    world.clock.advance_s(14 * 3_600);
    assert_eq!(spend(&world, low, "use tool:llm", 90).await, "allow");
}

#[tokio::test]
async fn a_cost_beyond_all_numbers_is_spent_and_no_more() {
    let (world, low) = scene(On::Memory).await;
    for _ in 0..2 {
        let of = reserve(&world, low, 10).await;
        assert_eq!(settle_words(world.kavach.settle(of, 20).await), "20 for 10");
    }
    let of = reserve(&world, low, 10).await;
    world.kavach.settle(of, u64::MAX).await.unwrap();
    let most = u64::MAX;
    assert_eq!(
        used(&world.kavach, low),
        [format!("{most}/100"), format!("{most}/90")]
    );
}

#[tokio::test]
async fn a_cost_is_settled_once_and_only_by_its_tenant() {
    let (world, low) = scene(On::Memory).await;
    let of = reserve(&world, low, 60).await;
    let other = world.kavach.in_tenant(TenantId::from_parts(1, 1));
    assert_eq!(settle_words(other.settle(of, 0).await), "nothing reserved");
    let nobody = EventId::from_parts(0, 0);
    assert_eq!(
        settle_words(world.kavach.settle(nobody, 0).await),
        "nothing reserved"
    );
    let denied = world
        .kavach
        .authorize_call(call(low, "use tool:llm", 91))
        .await
        .unwrap();
    let denied = world.kavach.settle(denied.audit_id.unwrap(), 0).await;
    assert_eq!(settle_words(denied), "nothing reserved");
    assert_eq!(settle_words(world.kavach.settle(of, 50).await), "50 for 60");
    for cost in [0, 50, 60, 100] {
        assert_eq!(
            settle_words(world.kavach.settle(of, cost).await),
            "nothing reserved"
        );
    }
    assert_eq!(used(&world.kavach, low), ["50/100", "50/90"]);
    // Not even by two at once.
    let of = reserve(&world, low, 30).await;
    let (one, two) = tokio::join!(world.kavach.settle(of, 10), world.kavach.settle(of, 10));
    assert!(one.is_ok() != two.is_ok());
    assert_eq!(used(&world.kavach, low), ["60/100", "60/90"]);
}

#[tokio::test]
async fn what_is_not_settled_in_time_counts_in_full_and_is_not_given_back() {
    let (world, low) = scene(On::Redb).await;
    let (early, late) = (
        reserve(&world, low, 40).await,
        reserve(&world, low, 40).await,
    );
    world.clock.advance_s(3_599);
    assert_eq!(
        settle_words(world.kavach.settle(early, 0).await),
        "0 for 40"
    );
    world.clock.advance_s(1);
    let words = settle_words(world.kavach.settle(late, 0).await);
    assert_eq!(words, "too late, 2026-11-21T11:00:00Z");
    assert_eq!(used(&world.kavach, low), ["40/100", "40/90"]);
    assert_eq!(records_in(&world, "reservation").await, 1);
    // With the next call its record goes.
    let _ = reserve(&world, low, 1).await;
    assert_eq!(records_in(&world, "reservation").await, 1);
    assert_eq!(
        settle_words(world.kavach.settle(late, 0).await),
        "nothing reserved"
    );
    assert_eq!(used(&world.kavach, low), ["41/100", "41/90"]);
}

#[tokio::test]
async fn a_settlement_belongs_to_the_period_of_its_call() {
    for cost in [0, 90] {
        let (world, low) = scene(On::Redb).await;
        // Half an hour before midnight.
        world.clock.advance_s(13 * 3_600 + 1_800);
        let of = reserve(&world, low, 60).await;
        world.clock.advance_s(1_800);
        let _ = reserve(&world, low, 70).await;
        world.kavach.settle(of, cost).await.unwrap();
        assert_eq!(used(&world.kavach, low), ["70/100", "70/90"]);
        let world = world.reopen().await;
        assert_eq!(used(&world.kavach, low), ["70/100", "70/90"]);
    }
}

#[tokio::test]
async fn a_settlement_is_on_record_with_the_call_that_it_is_of() {
    let (world, low) = scene(On::Memory).await;
    let of = reserve(&world, low, 60).await;
    let settled = world.kavach.settle(of, 7).await.unwrap();
    let event = world.events().await.pop().unwrap();
    assert_eq!(
        (event.id, event.kind),
        (settled.audit_id, EventKind::Settled)
    );
    assert_eq!((event.agent, event.cost), (Some(low), Some(7)));
    assert_eq!(event.detail["of"], Detail::Text(of.to_string()));
    assert_eq!(event.line.len(), 2);
    assert!(event.owner.is_some());
    let sentence = world.kavach.sentence(&event, &kavach::audit::Private::None);
    assert!(
        sentence.contains(&format!("spent 7 on the call in {of}, having reserved 60")),
        "{sentence}"
    );
    world.check_log().await;
}

#[tokio::test]
async fn rates_are_not_settled() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["use:tool:*?rate=5/h"]).await.id;
    let of = reserve(&world, top, 60).await;
    assert_eq!(records_in(&world, "reservation").await, 0);
    assert_eq!(
        settle_words(world.kavach.settle(of, 0).await),
        "nothing reserved"
    );
    assert_eq!(used(&world.kavach, top), ["1/5"]);
}
