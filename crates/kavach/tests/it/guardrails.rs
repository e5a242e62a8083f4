//! Guardrails: what is never allowed, whatever anybody holds.

use std::pin::Pin;
use std::sync::Arc;

use kavach::audit::{Detail, Event, EventKind};
use kavach::store::{Call as StoreCall, Fault, When};
use kavach::{
    AgentId, AgentKind, Authorization, Call, CannotDecide, ChangeError, Guarded, Kavach,
    NewGuardrail, Reason, Supposed, TenantId,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::{
    On, World, name, new_agent, new_spawn, on_each_store, poll_once, short, subject,
};

on_each_store! {
    a_guardrail_wins_over_every_grant_until_it_is_taken_away,
    a_shadow_denies_nothing_and_stands_in_the_trail_until_it_is_enforced,
    a_guardrail_means_whoever_is_on_the_line,
}

const FORBIDDEN: &str = "deny: guardrail_applies";

fn never(named: &str, what: &str) -> NewGuardrail {
    NewGuardrail::new(named, what).unwrap()
}

fn refused<T: std::fmt::Debug>(made: Result<T, ChangeError>) -> Reason {
    match made {
        Err(ChangeError::Refused(refusal)) => refusal.reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn call(who: AgentId, what: &str, ip: Option<&str>, args: Option<Value>) -> Call {
    let (action, resource) = what.split_once(' ').unwrap();
    let mut call = Call::new(who, action.parse().unwrap(), resource.parse().unwrap());
    call.context.ip = ip.map(|ip| ip.parse().unwrap());
    call.context.args = args.map(Arc::new);
    call
}

async fn last_event(world: &World) -> Event {
    world.events().await.pop().unwrap()
}

async fn a_guardrail_wins_over_every_grant_until_it_is_taken_away(world: World) {
    let top = world.agent("top", &["*:**", "delete:data:prod:x"]).await.id;
    let guardrail = never("no-prod", "delete:data:prod:**");
    world.kavach.set_guardrail(&guardrail).await.unwrap();
    let answer = world.authorize(top, "delete data:prod:x").await;
    assert_eq!(short(&answer), FORBIDDEN);
    assert_eq!(answer.guardrail, Some(name("no-prod")));
    let event = last_event(&world).await;
    let said = Detail::Text("no-prod".to_owned());
    assert_eq!(event.detail.get("guardrail"), Some(&said));
    for allowed in ["read data:prod:x", "delete data:prod", "delete data:dev:x"] {
        assert_eq!(world.decide(top, allowed).await, "allow", "{allowed}");
    }
    let simulated = world
        .kavach
        .simulate(&call(top, "delete data:prod:x", None, None), None);
    assert_eq!(short(&simulated.unwrap()), FORBIDDEN);
    let world = world.reopen().await;
    assert_eq!(world.decide(top, "delete data:prod:x").await, FORBIDDEN);
    world
        .kavach
        .remove_guardrail(&name("no-prod"))
        .await
        .unwrap();
    assert_eq!(world.decide(top, "delete data:prod:x").await, "allow");
    let world = world.reopen().await;
    assert_eq!(world.decide(top, "delete data:prod:x").await, "allow");
    let gone = world.kavach.remove_guardrail(&name("no-prod")).await;
    assert_eq!(refused(gone), Reason::NotFound);
    world.check_log().await;
}

async fn a_shadow_denies_nothing_and_stands_in_the_trail_until_it_is_enforced(world: World) {
    let top = world.agent("top", &["read:app:*"]).await.id;
    for guardrail in [
        never("b", "read:app:x").shadow(),
        never("a", "*:app:**").shadow(),
        never("c", "read:app:y").shadow(),
    ] {
        world.kavach.set_guardrail(&guardrail).await.unwrap();
    }
    let answer = world.authorize(top, "read app:x").await;
    assert_eq!(
        (short(&answer), &answer.guardrail),
        ("allow".to_owned(), &None)
    );
    let noted = |names: &[&str]| Detail::List(names.iter().map(ToString::to_string).collect());
    let event = last_event(&world).await;
    assert_eq!(
        event.detail.get("shadow_guardrails"),
        Some(&noted(&["a", "b"]))
    );
    // A denial for another reason notes it as well.
    assert_eq!(
        world.decide(top, "write app:x").await,
        "deny: no_matching_grant"
    );
    let event = last_event(&world).await;
    assert_eq!(event.detail.get("shadow_guardrails"), Some(&noted(&["a"])));
    world.kavach.enforce_guardrail(&name("b")).await.unwrap();
    assert_eq!(world.decide(top, "read app:x").await, FORBIDDEN);
    let event = last_event(&world).await;
    assert_eq!(event.detail.get("shadow_guardrails"), Some(&noted(&["a"])));
    assert_eq!(
        event.detail.get("guardrail"),
        Some(&Detail::Text("b".to_owned()))
    );
    let again = world.kavach.enforce_guardrail(&name("b")).await;
    assert_eq!(refused(again), Reason::WrongState);
    let nobody = world.kavach.enforce_guardrail(&name("z")).await;
    assert_eq!(refused(nobody), Reason::NotFound);
}

async fn a_guardrail_means_whoever_is_on_the_line(world: World) {
    let kavach = &world.kavach;
    let top = world.agent("top", &["read:app:*"]).await.id;
    let service = new_agent("user:bob", "service", &["read:app:*"]).kind(AgentKind::Service);
    let service = kavach.create_agent(service).await.unwrap().id;
    let low = world.spawn(&top, "low", &["read:app:*"]).await.id;
    let lowest = world.spawn(&low, "lowest", &["read:app:*"]).await.id;
    let served = world.spawn(&service, "served", &["read:app:*"]).await.id;
    let all = [top, low, lowest, service, served];
    for (means, forbidden) in [
        (Guarded::Everyone, vec![top, low, lowest, service, served]),
        (Guarded::Agents(vec![name("top")]), vec![top, low, lowest]),
        (Guarded::Agents(vec![name("low")]), vec![low, lowest]),
        (
            Guarded::Agents(vec![name("lowest"), name("served")]),
            vec![lowest, served],
        ),
        (Guarded::Kind(AgentKind::Service), vec![service, served]),
        (
            Guarded::Owner(subject("user:alice")),
            vec![top, low, lowest],
        ),
        (Guarded::Owner(subject("user:bob")), vec![service, served]),
    ] {
        let guardrail = never("g", "read:app:*").agents(means.clone());
        kavach.set_guardrail(&guardrail).await.unwrap();
        for who in all {
            let want = if forbidden.contains(&who) {
                FORBIDDEN
            } else {
                "allow"
            };
            assert_eq!(world.decide(who, "read app:x").await, want, "{means:?}");
        }
        // Whoever is forbidden does not get around it by a new agent, nor by passing it to another.
        let mut given = forbidden.clone();
        for (number, who) in forbidden.iter().enumerate() {
            let fresh = format!("fresh{number}-{}", kavach.revision());
            given.push(world.spawn(who, &fresh, &["read:app:x"]).await.id);
        }
        for who in given {
            assert_eq!(
                world.decide(who, "read app:x").await,
                FORBIDDEN,
                "{means:?}"
            );
        }
    }
    // One that a line does not know says nothing about it: what is held of somebody else is theirs to give.
    let low_only = never("g", "read:app:*").agents(Guarded::Agents(vec![name("low")]));
    kavach.set_guardrail(&low_only).await.unwrap();
    assert_eq!(world.decide(lowest, "read app:x").await, FORBIDDEN);
    world.delegate(&service, &lowest, &["read:app:x"]).await;
    assert_eq!(world.decide(lowest, "read app:x").await, "allow");
    for nobody in [
        Guarded::Agents(vec![name("nobody")]),
        Guarded::Owner(subject("user:zoe")),
    ] {
        let made = kavach
            .set_guardrail(&never("h", "read:app:*").agents(nobody))
            .await;
        assert_eq!(refused(made), Reason::NotFound);
    }
    let none = never("h", "read:app:*").agents(Guarded::Agents(Vec::new()));
    let made = kavach.set_guardrail(&none).await;
    assert_eq!(refused(made), Reason::LimitReached);
}

#[tokio::test]
async fn circumstances_narrow_a_guardrail_and_what_nobody_knows_counts_as_met() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["pay:app:*", "read:app:*"]).await.id;
    for guardrail in [
        never("away", "read:app:*?ip=203.0.113.0/24"),
        never("much", "pay:app:*?args/amount.min=1000"),
    ] {
        world.kavach.set_guardrail(&guardrail).await.unwrap();
    }
    let (much, one_more) = (
        json!({"amount": 1000}),
        json!({"amount": 1000, "note": "x"}),
    );
    let little = json!({"amount": 999});
    for (what, ip, args, want) in [
        ("read app:x", Some("203.0.113.9"), None, FORBIDDEN),
        ("read app:x", Some("::ffff:203.0.113.9"), None, FORBIDDEN),
        ("read app:x", None, None, FORBIDDEN),
        ("read app:x", Some("203.0.114.0"), None, "allow"),
        ("pay app:x", None, Some(much), FORBIDDEN),
        ("pay app:x", None, Some(one_more), FORBIDDEN),
        ("pay app:x", None, None, FORBIDDEN),
        ("pay app:x", None, Some(little), "allow"),
    ] {
        let asked = call(top, what, ip, args.clone());
        let answer = world.kavach.authorize_call(asked).await.unwrap();
        assert_eq!(short(&answer), want, "{what} {ip:?} {args:?}");
    }
    for counted in [
        "rate=1/h",
        "approve",
        "min_trust=trusted",
        "depth=1",
        "budget=1/day",
    ] {
        let made = never("n", &format!("read:app:x?{counted}"));
        let made = world.kavach.set_guardrail(&made).await;
        assert_eq!(refused(made), Reason::WrongState, "{counted}");
    }
}

#[tokio::test]
async fn another_spelling_of_an_argument_evades_no_guardrail() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["*:app:*"]).await.id;
    for guardrail in [
        never("much", "pay:app:*?args/amount.min=1000"),
        never("forced", "push:app:*?args/force.eq=true"),
        never("prod", "delete:app:*?args/path.subpath=/prod"),
        never("inside", "fetch:app:*?args/url.host=intra.example.com"),
        never("local", "connect:app:*?args/to.cidr=127.0.0.0/8"),
    ] {
        world.kavach.set_guardrail(&guardrail).await.unwrap();
    }
    for (action, args, want) in [
        ("pay", json!({"amount": "1000"}), FORBIDDEN),
        ("pay", json!({"amount": [1000]}), FORBIDDEN),
        ("pay", json!({"amount": 999.5}), "allow"),
        ("pay", json!({}), "allow"),
        ("push", json!({"force": "true"}), FORBIDDEN),
        ("push", json!({"force": 1}), FORBIDDEN),
        ("push", json!({"force": false}), "allow"),
        ("delete", json!({"path": "/data/../prod/x"}), FORBIDDEN),
        ("delete", json!({"path": "//prod/x"}), FORBIDDEN),
        ("delete", json!({"path": "prod/x"}), FORBIDDEN),
        ("delete", json!({"path": ["/prod/x"]}), FORBIDDEN),
        ("delete", json!({"path": "/./prod//x"}), FORBIDDEN),
        ("delete", json!({"path": "/data/prod"}), "allow"),
        (
            "fetch",
            json!({"url": "https://intra.example.com./"}),
            FORBIDDEN,
        ),
        (
            "fetch",
            json!({"url": "https://a@intra.example.com/"}),
            FORBIDDEN,
        ),
        ("fetch", json!({"url": "https://www.example.com/"}), "allow"),
        ("connect", json!({"to": "127.1"}), FORBIDDEN),
        ("connect", json!({"to": "::ffff:127.0.0.1"}), FORBIDDEN),
        ("connect", json!({"to": "10.0.0.1"}), "allow"),
    ] {
        let asked = call(top, &format!("{action} app:x"), None, Some(args.clone()));
        let answer = world.kavach.authorize_call(asked).await.unwrap();
        assert_eq!(short(&answer), want, "{action} {args}");
    }
}

#[tokio::test]
async fn one_tenants_guardrails_are_not_anothers() {
    let world = World::on_memory().await;
    let here = &world.kavach;
    let there = here.in_tenant(TenantId::from_parts(1, 1));
    let ours = world.agent("top", &["read:app:*"]).await.id;
    let theirs = new_agent("user:zoe", "theirs", &["read:app:*"]);
    let theirs = there.create_agent(theirs).await.unwrap().id;
    let answer = |kavach: Kavach, who: AgentId| async move {
        short(&kavach.authorize(&who, "read", "app:x").await.unwrap())
    };
    here.set_guardrail(&never("g", "*:**")).await.unwrap();
    assert_eq!(answer(here.clone(), ours).await, FORBIDDEN);
    assert_eq!(answer(there.clone(), theirs).await, "allow");
    assert!(there.guardrails().is_empty());
    for made in [
        there.remove_guardrail(&name("g")).await,
        there.enforce_guardrail(&name("g")).await,
        there
            .set_guardrail(&never("h", "*:**").agents(Guarded::Agents(vec![name("top")])))
            .await,
        there
            .set_guardrail(&never("h", "*:**").agents(Guarded::Owner(subject("user:alice"))))
            .await,
    ] {
        assert_eq!(refused(made), Reason::NotFound);
    }
    // The same name is each tenant's own.
    there
        .set_guardrail(&never("g", "read:app:x"))
        .await
        .unwrap();
    here.remove_guardrail(&name("g")).await.unwrap();
    assert_eq!(answer(here.clone(), ours).await, "allow");
    assert_eq!(answer(there.clone(), theirs).await, FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_that_are_set_at_once_64_are() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*"]).await.id;
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let kavach = world.kavach.clone();
        tasks.spawn(async move {
            let guardrail = never(&format!("g{number}"), &format!("read:app:r{number}"));
            (number, kavach.set_guardrail(&guardrail).await)
        });
    }
    let (mut set, mut left_out) = (Vec::new(), 0);
    for (number, made) in tasks.join_all().await {
        match made {
            Ok(_) => set.push(number),
            made => {
                assert_eq!(refused(made), Reason::LimitReached);
                left_out += 1;
            }
        }
    }
    assert_eq!(
        (set.len(), left_out, world.kavach.guardrails().len()),
        (64, 36, 64)
    );
    for number in 0..100 {
        let want = if set.contains(&number) {
            FORBIDDEN
        } else {
            "allow"
        };
        assert_eq!(
            world.decide(top, &format!("read app:r{number}")).await,
            want
        );
    }
}

#[tokio::test]
async fn an_allow_does_not_leave_after_a_guardrail_was_set() {
    for on in [On::Memory, On::Redb] {
        let world = World::on(on).await;
        let top = world.agent("top", &["read:app:*?rate=1/h"]).await.id;
        let kavach = world.kavach.clone();
        type Answer = Pin<Box<dyn Future<Output = Result<Authorization, CannotDecide>>>>;
        let mut waiting: Answer =
            Box::pin(async move { kavach.authorize(&top, "read", "app:x").await });
        assert!(poll_once(&mut waiting).is_pending());
        world
            .kavach
            .set_guardrail(&never("g", "read:app:x"))
            .await
            .unwrap();
        assert_eq!(short(&waiting.await.unwrap()), "deny: withdrawn");
        let because = last_event(&world).await.detail.remove("because");
        assert_eq!(because, Some(Detail::Text("guardrail_applies".to_owned())));
        // What it took is given back.
        world.kavach.remove_guardrail(&name("g")).await.unwrap();
        assert_eq!(world.decide(top, "read app:x").await, "allow");
    }
}

#[tokio::test]
async fn one_whose_removal_was_in_doubt_is_gone_or_there_as_the_store_says() {
    for (fault, want) in [
        (Fault::UnknownDone, "allow"),
        (Fault::UnknownNotDone, FORBIDDEN),
    ] {
        let world = World::on_memory().await;
        let top = world.agent("top", &["read:app:*"]).await.id;
        let guardrail = never("g", "read:app:x");
        world.kavach.set_guardrail(&guardrail).await.unwrap();
        world
            .faults
            .inject(StoreCall::Commit, When::Nth(1), fault.clone());
        let removed = world.kavach.remove_guardrail(&name("g")).await;
        assert_eq!(removed.is_ok(), want == "allow", "{fault:?}");
        assert_eq!(world.decide(top, "read app:x").await, want, "{fault:?}");
        // And nobody is kept from setting it again.
        world.kavach.set_guardrail(&guardrail).await.unwrap();
        assert_eq!(
            world.decide(top, "read app:x").await,
            FORBIDDEN,
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn nobodys_name_stands_in_the_event_of_a_guardrail() {
    let world = World::on_memory().await;
    let top = world.agent("alices-helper", &["read:app:*"]).await.id;
    let alice = world.kavach.subject_id(&subject("user:alice")).unwrap();
    for (means, want) in [
        (
            Guarded::Agents(vec![name("alices-helper")]),
            top.to_string(),
        ),
        (
            Guarded::Owner(subject("user:alice")),
            format!("owner {alice}"),
        ),
        (
            Guarded::Kind(AgentKind::Delegated),
            "kind delegated".to_owned(),
        ),
    ] {
        let guardrail = never("g", "read:app:*").agents(means);
        world.kavach.set_guardrail(&guardrail).await.unwrap();
        let event = last_event(&world).await;
        assert_eq!(event.kind, EventKind::GuardrailSet);
        assert_eq!(event.detail.get("agents"), Some(&Detail::Text(want)));
        let all = format!("{event:?}");
        assert!(!all.contains("helper") && !all.contains("user:"), "{all}");
    }
}

#[tokio::test]
async fn looking_ahead_sees_guardrails_and_changes_nothing() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*?rate=5/h"]).await.id;
    let low = world
        .kavach
        .spawn(&top, new_spawn("low", &["read:app:x"]))
        .await
        .unwrap()
        .id;
    let guardrail = never("g", "read:app:x").agents(Guarded::Agents(vec![name("top")]));
    world.kavach.set_guardrail(&guardrail).await.unwrap();
    let (events, revision) = (world.events().await.len(), world.kavach.revision());
    let asked = call(low, "read app:x", None, None);
    let supposed = world.kavach.suppose(&asked, &Supposed::default()).unwrap();
    assert_eq!(
        (short(&supposed), supposed.audit_id),
        (FORBIDDEN.to_owned(), None)
    );
    let explained = world.kavach.explain(&asked, &Supposed::default()).unwrap();
    assert!(explained.is_some());
    assert_eq!(world.events().await.len(), events);
    assert_eq!(world.kavach.revision(), revision);
}
