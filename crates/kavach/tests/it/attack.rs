//! Ways around limits and looks that somebody might try, each shut.

use std::pin::Pin;
use std::sync::Arc;

use kavach::audit::Detail;
use kavach::{
    AgentEdit, AgentId, Authorization, Call, CannotDecide, Kavach, ManualClock, MemoryStore,
    Supposed,
};
use serde_json::{Value, json};

use crate::meters::{call, storm, used};
use crate::world::{NOW, World, new_agent, poll_once, short, time};

type Answer = Pin<Box<dyn Future<Output = Result<Authorization, CannotDecide>>>>;

/// A call that is charged and waits for its event.
fn ask(world: &World, who: AgentId) -> Answer {
    let kavach = world.kavach.clone();
    let mut waiting: Answer =
        Box::pin(async move { kavach.authorize_call(call(who, "read app:x", 1)).await });
    assert!(poll_once(&mut waiting).is_pending());
    waiting
}

async fn because(world: &World) -> Option<Detail> {
    world.events().await.pop()?.detail.remove("because")
}

fn holding(permissions: &[&str]) -> AgentEdit {
    let mut edit = AgentEdit::default();
    let permissions = permissions.iter().map(|text| text.parse().unwrap());
    edit.permissions = Some(permissions.collect());
    edit
}

#[tokio::test]
async fn no_allow_leaves_by_a_limit_that_it_was_not_charged() {
    let world = World::on_memory().await;
    // Until a minute past ten the first, which counts nothing, and then only the second.
    let held = [
        "read:app:x?window=daily+09:00-10:01+UTC",
        "read:app:x?rate=1/h",
    ];
    let top = world.agent("top", &held).await.id;
    let late = ask(&world, top);
    world.clock.advance_s(60);
    assert_eq!(short(&late.await.unwrap()), "deny: withdrawn");
    let limit = Detail::Text("rate_used_up".to_owned());
    assert_eq!(because(&world).await, Some(limit));
    assert_eq!(world.decide(top, "read app:x").await, "allow");
    assert_eq!(world.decide(top, "read app:x").await, "deny: rate_used_up");
}

#[tokio::test]
async fn a_second_before_its_grant_ends_an_allow_leaves_by_it() {
    let world = World::on_memory().await;
    let held = [
        "read:app:x?window=daily+09:00-10:01+UTC",
        "read:app:x?rate=1/h",
    ];
    let top = world.agent("top", &held).await.id;
    let in_time = ask(&world, top);
    world.clock.advance_s(59);
    assert_eq!(short(&in_time.await.unwrap()), "allow");
}

#[tokio::test]
async fn an_allow_that_no_longer_fits_a_limit_that_was_lowered_does_not_leave() {
    for (lowered, want) in [
        ("rate=3/h", "allow"),
        ("rate=2/h", "deny: withdrawn"),
        ("rate=0/h", "deny: withdrawn"),
        // Raised, it fits all the more; and a limit that is new does not count the call.
        ("rate=9/h", "allow"),
        ("rate=9/h,9/d", "deny: withdrawn"),
    ] {
        let world = World::on_memory().await;
        let top = world.agent("top", &["read:app:*?rate=5/h"]).await.id;
        for _ in 0..2 {
            assert_eq!(world.decide(top, "read app:x").await, "allow");
        }
        let third = ask(&world, top);
        let edit = holding(&[&format!("read:app:*?{lowered}")]);
        world.kavach.update_agent(&top, edit).await.unwrap();
        assert_eq!(short(&third.await.unwrap()), want, "{lowered}");
        let taken = if want == "allow" { "3/" } else { "2/" };
        let used = used(&world.kavach, top);
        assert!(used[0].contains(taken), "{lowered}: {used:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_told_that_the_trail_fails_because_many_share_a_limit() {
    for (limit, nodes) in [(1_000, 1), (1_000, 2), (40, 2), (1, 2)] {
        let (store, clock) = (MemoryStore::new(), Arc::new(ManualClock::new(time(NOW))));
        let open = || {
            let builder = Kavach::builder(store.clone()).clock(Arc::clone(&clock) as _);
            builder.shared(kavach::Sharing::default()).open()
        };
        let first = open().await.unwrap();
        let permission = format!("read:app:*?rate={limit}/h");
        let new = new_agent("user:alice", "top", &[&permission]);
        let top = first.create_agent(new).await.unwrap().id;
        let answers = if nodes == 1 {
            storm(&first, &[top], "read app:x", 1_000).await
        } else {
            let second = open().await.unwrap();
            let who = [top];
            let both = tokio::join!(
                storm(&first, &who, "read app:x", 500),
                storm(&second, &who, "read app:x", 500)
            );
            let (mut all, more) = both;
            for (answer, count) in more {
                *all.entry(answer).or_default() += count;
            }
            all
        };
        let allowed = answers.get("allow").copied().unwrap_or_default();
        let denied = answers
            .get("deny: rate_used_up")
            .copied()
            .unwrap_or_default();
        assert_eq!(allowed + denied, 1_000, "{limit} {nodes}: {answers:?}");
        assert!(
            allowed <= limit && allowed > 0,
            "{limit} {nodes}: {answers:?}"
        );
        if nodes == 1 {
            assert_eq!(allowed, limit.min(1_000), "{answers:?}");
        }
    }
}

#[tokio::test]
async fn what_may_not_be_asked_in_earnest_may_not_be_supposed() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*"]).await.id;
    let deep = (0..200).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    for args in [json!({"n": 9_007_199_254_740_993_u64}), deep] {
        let mut asked = Call::new(top, "read".parse().unwrap(), "app:x".parse().unwrap());
        asked.context.args = Some(Arc::new(args));
        let supposed = Supposed::default();
        for error in [
            world.kavach.simulate(&asked, None).unwrap_err(),
            world.kavach.suppose(&asked, &supposed).unwrap_err(),
            world.kavach.explain(&asked, &supposed).unwrap_err(),
            world
                .kavach
                .authorize_call(asked.clone())
                .await
                .unwrap_err(),
        ] {
            assert!(matches!(error, CannotDecide::Arguments(_)), "{error}");
        }
    }
}

#[tokio::test]
async fn supposing_takes_nothing_asks_nobody_and_moves_no_trust() {
    let world = World::on_memory().await;
    let held = ["read:app:*?rate=1/h&budget=2/total", "pay:app:*?approve"];
    let top = world.agent("top", &held).await.id;
    let (events, trust) = (world.events().await.len(), world.kavach.trust(&top));
    for _ in 0..20 {
        for (what, at) in [
            ("read app:x", None),
            ("read app:x", Some(time("2031-01-01T00:00:00Z"))),
            ("pay app:x", None),
            ("write app:x", Some(time("2020-01-01T00:00:00Z"))),
        ] {
            let asked = call(top, what, 2);
            let mut supposed = Supposed::default();
            supposed.at = at;
            supposed.approvals = 16;
            let _ = world.kavach.suppose(&asked, &supposed).unwrap();
            world.kavach.explain(&asked, &supposed).unwrap();
        }
    }
    assert_eq!(world.events().await.len(), events);
    assert_eq!(world.kavach.trust(&top), trust);
    assert_eq!(used(&world.kavach, top), ["0/1 0/2"]);
    assert!(world.kavach.approvals().is_empty());
}
