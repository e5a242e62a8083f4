//! Too much, too long, too late: a clear word, and nothing changed.

use kavach::store::{Fault, Gate, When};
use kavach::{
    AgentEdit, AgentId, Call, CannotDecide, ChangeError, Edit, Leaf, NewAgent, Permission, Reason,
};
use serde_json::{Value, json};

use crate::world::{
    World, check_log, name, new_agent, new_delegation, new_spawn, poll_once, short, subject, time,
};

fn refusal<T: std::fmt::Debug>(made: Result<T, ChangeError>) -> (Reason, String) {
    match made.unwrap_err() {
        ChangeError::Refused(refusal) => (refusal.reason, refusal.message),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_name_that_is_too_long_is_refused_in_few_words() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*"]).await.id;
    for long in ["n".repeat(129), "n".repeat(1024 * 1024)] {
        let created = world
            .kavach
            .create_agent(new_agent("user:alice", &long, &[]))
            .await;
        let spawned = world
            .kavach
            .spawn(&top, new_spawn(&long, &["read:app:x"]))
            .await;
        for error in [
            created.map(drop).unwrap_err(),
            spawned.map(drop).unwrap_err(),
        ] {
            let words = error.to_string();
            assert!(words.contains("it is longer than 128 bytes"), "{words}");
            assert!(words.len() < 300, "{} bytes", words.len());
        }
        let error = kavach::Caller::parse(&long).unwrap_err().to_string();
        assert!(error.len() < 300);
        assert_eq!(world.kavach.find_agent(&long), None);
        let action = world
            .kavach
            .authorize(&top, &long, "app:x")
            .await
            .unwrap_err();
        let resource = world
            .kavach
            .authorize(&top, "read", &format!("app:{long}"))
            .await;
        for error in [action, resource.unwrap_err()] {
            assert!(matches!(error, CannotDecide::Invalid(_)), "{error}");
            assert!(error.to_string().len() < 300);
        }
    }
    world.agent(&"n".repeat(128), &[]).await;
    assert_eq!(world.check_log().await, 2);
}

#[tokio::test]
async fn bad_actions_and_resources_cannot_be_decided() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["*:**"]).await.id;
    for (action, resource) in [
        ("", "app:x"),
        ("*", "app:x"),
        ("re ad", "app:x"),
        ("réad", "app:x"),
        ("read\0", "app:x"),
        ("read", ""),
        ("read", "app"),
        ("read", "app:"),
        ("read", "app::x"),
        ("read", "app:.."),
        ("read", "app:%2e"),
        ("read", "app:%2E"),
        ("read", "app:a%2f"),
        ("read", "app:*"),
        ("read", "app:x*"),
        ("read", "**"),
        ("read", "App:x"),
        ("read", "other:x"),
        ("read", "app:x\n"),
        ("read", "app:x y"),
        ("read", "app:1:2:3:4:5:6:7:8"),
    ] {
        let error = world
            .kavach
            .authorize(&top, action, resource)
            .await
            .unwrap_err();
        assert!(
            matches!(error, CannotDecide::Invalid(_)),
            "{action:?} {resource:?}: {error}"
        );
    }
    assert_eq!(
        world.check_log().await,
        1,
        "what is no request is no decision"
    );
}

#[tokio::test]
async fn too_many_permissions_are_refused() {
    let world = World::on_memory().await;
    let permission =
        |number: usize| -> Permission { format!("read:app:x{number}").parse().unwrap() };
    let many = |count: usize| (0..count).map(permission).collect::<Vec<_>>();
    let with = |permissions: Vec<Permission>| {
        permissions
            .into_iter()
            .fold(new_agent("user:alice", "many", &[]), NewAgent::permit)
    };
    for count in [257, 10_000] {
        let (reason, words) = refusal(world.kavach.create_agent(with(many(count))).await);
        assert_eq!(reason, Reason::LimitReached);
        assert!(words.contains("at most 256"), "{words}");
    }
    let agent = world.kavach.create_agent(with(many(256))).await.unwrap().id;
    let mut edit = AgentEdit::default();
    edit.permissions = Some(many(10_000));
    assert_eq!(
        refusal(world.kavach.update_agent(&agent, edit).await).0,
        Reason::LimitReached
    );
    let new = many(10_000)
        .into_iter()
        .fold(new_delegation(&[]), |new, one| new.permit(one));
    let low = new_spawn("low", &[]).delegation(new.clone());
    assert_eq!(
        refusal(world.kavach.spawn(&agent, low).await).0,
        Reason::LimitReached
    );
    assert_eq!(world.decide(agent, "read app:x255").await, "allow");
    // What was refused is on record, shortened, and the log is whole.
    assert_eq!(world.check_log().await, 2 + 1 + 2 + 1);
    world.check_graph().await;
}

#[tokio::test]
async fn a_change_that_no_event_can_tell_whole_is_refused() {
    let world = World::on_memory().await;
    let long: Vec<String> = (0..200)
        .map(|number| format!("read:app:{0}:{0}:{0}{number}", "x".repeat(120)))
        .collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let many = world
        .kavach
        .create_agent(new_agent("user:alice", "long", &long))
        .await;
    assert_eq!(refusal(many).0, Reason::LimitReached);
    let fewer = world
        .kavach
        .create_agent(new_agent("user:alice", "long", &long[..150]))
        .await;
    let agent = fewer.unwrap().id;
    let events = world.events().await;
    assert!(events[0].detail.contains_key("shortened"));
    assert!(!events[1].detail.contains_key("shortened"));
    // The delegation says what was asked and what was given, so half as much fits.
    let passed = world
        .kavach
        .spawn(&agent, new_spawn("low", &long[..150]))
        .await;
    assert_eq!(refusal(passed).0, Reason::LimitReached);
    world.spawn(&agent, "low", &long[..80]).await;
    world.check_log().await;
}

#[tokio::test]
async fn times_in_the_past_are_refused_and_the_next_second_is_not() {
    let world = World::on_memory().await;
    let now = world.kavach.now();
    let top = world.agent("top", &["read:app:*"]).await.id;
    let at = |at| new_agent("user:alice", "brief", &["read:app:x"]).expires_at(at);
    for past in [
        time("1970-01-01T00:00:00Z"),
        time("2026-11-21T09:59:59Z"),
        now,
    ] {
        let past_text = past.to_string();
        let ended = new_delegation(&["read:app:x"]).expires_at(past);
        let permission = [format!("read:app:x?expires={past}")];
        let permission: Vec<&str> = permission.iter().map(String::as_str).collect();
        let mut edit = AgentEdit::default();
        edit.expires_at = Edit::Set(past);
        for (reason, words) in [
            refusal(world.kavach.create_agent(at(past)).await),
            refusal(
                world
                    .kavach
                    .create_agent(new_agent("user:a", "b", &permission))
                    .await,
            ),
            refusal(
                world
                    .kavach
                    .spawn(&top, new_spawn("s", &[]).delegation(ended))
                    .await,
            ),
            refusal(world.kavach.spawn(&top, new_spawn("s", &permission)).await),
            refusal(world.kavach.update_agent(&top, edit).await),
        ] {
            assert_eq!(reason, Reason::TimeInPast);
            assert!(
                words.contains(&past_text) && words.contains("name a time after"),
                "{words}"
            );
        }
    }
    let none = new_agent("user:alice", "none", &[]).ttl_s(0);
    assert_eq!(
        refusal(world.kavach.create_agent(none).await).0,
        Reason::TimeInPast
    );
    let brief = world
        .kavach
        .create_agent(at(now.plus_s(1)))
        .await
        .unwrap()
        .id;
    assert_eq!(world.decide(brief, "read app:x").await, "allow");
    world.clock.advance_s(1);
    assert_eq!(
        world.decide(brief, "read app:x").await,
        "deny: agent_expired"
    );
    // The end of time is far enough.
    let far = new_agent("user:alice", "far", &[]).ttl_s(u64::MAX);
    world.kavach.create_agent(far).await.unwrap();
    world
        .kavach
        .rotate_credential(&top, u64::MAX)
        .await
        .unwrap();
}

#[tokio::test]
async fn notes_have_bounds() {
    let world = World::on_memory().await;
    let new = || new_agent("user:alice", "noted", &[]);
    let many = (0..33).fold(new(), |new, number| new.note(format!("n{number}"), "v"));
    for (what, bad) in [
        ("many", many),
        ("long value", new().note("n", "v".repeat(1025))),
        ("long key", new().note("n".repeat(65), "v")),
        ("no key", new().note("", "v")),
        ("odd key", new().note("a b", "v")),
    ] {
        let (reason, _) = refusal(world.kavach.create_agent(bad).await);
        assert_eq!(reason, Reason::LimitReached, "{what}");
    }
    let odd = new().note("n", "\0\u{202e}=HYPERLINK(\"x\")\n🙂");
    let id = world.kavach.create_agent(odd).await.unwrap().id;
    let world = world.reopen().await;
    let kept = &world.kavach.agent(&id).unwrap().metadata["n"];
    assert_eq!(kept, "\0\u{202e}=HYPERLINK(\"x\")\n🙂");
}

#[tokio::test]
async fn the_context_has_bounds() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*"]).await.id;
    let call = || Call::new(top, "read".parse().unwrap(), "app:x".parse().unwrap());
    let set = |audience: Option<usize>, request: Option<usize>| {
        let mut call = call();
        call.context.audience = audience.map(|bytes| "\u{1}".repeat(bytes));
        call.context.request_id = request.map(|bytes| "é".repeat(bytes / 2));
        call
    };
    for bad in [
        set(Some(513), None),
        set(None, Some(514)),
        set(Some(1 << 20), Some(1 << 20)),
    ] {
        let error = world.kavach.authorize_call(bad.clone()).await.unwrap_err();
        assert!(matches!(error, CannotDecide::Context(_)), "{error}");
        assert!(error.to_string().ends_with("shorten it"), "{error}");
        world.kavach.simulate(&bad, None).unwrap_err();
    }
    let answer = world
        .kavach
        .authorize_call(set(Some(512), Some(512)))
        .await
        .unwrap();
    assert!(answer.is_allowed());
    let event = world.events().await.pop().unwrap();
    assert_eq!(event.audience.unwrap().len(), 512);
    assert_eq!(event.request_id.unwrap().len(), 512);
    assert!(!event.detail.contains_key("shortened"));
    assert_eq!(world.check_log().await, 2);
}

/// A list in a list in a list, so deep.
fn nested(depth: usize) -> Value {
    (1..depth).fold(json!([]), |inner, _| Value::Array(vec![inner]))
}

fn with_args(who: AgentId, args: Value) -> Call {
    let mut call = Call::new(who, "read".parse().unwrap(), "app:x".parse().unwrap());
    call.context.args = Some(args.into());
    call
}

#[tokio::test]
async fn arguments_have_bounds() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*"]).await.id;
    let mebibyte = 1024 * 1024;
    for (what, args, words) in [
        ("long text", json!("x".repeat(mebibyte - 1)), "longer than"),
        ("long key", json!({"x".repeat(mebibyte): 1}), "longer than"),
        (
            "many",
            Value::Array(vec![Value::Null; mebibyte]),
            "longer than",
        ),
        (
            "escapes",
            json!("\u{1}".repeat(mebibyte / 5)),
            "longer than",
        ),
        ("deep", nested(129), "nested more than 128 deep"),
        ("deeper", nested(2_000), "nested more than 128 deep"),
        (
            "beyond 2^53",
            json!([9_007_199_254_740_992_u64]),
            "pass it as a string",
        ),
        (
            "below -2^53",
            json!({"a": -9_007_199_254_740_993_i64}),
            "pass it as a string",
        ),
        ("u64", json!(u64::MAX), "pass it as a string"),
    ] {
        let error = world
            .kavach
            .authorize_call(with_args(top, args))
            .await
            .unwrap_err();
        assert!(
            matches!(error, CannotDecide::Arguments(_)),
            "{what}: {error}"
        );
        assert!(error.to_string().contains(words), "{what}: {error}");
    }
    assert_eq!(world.check_log().await, 1);
}

#[tokio::test]
async fn arguments_within_bounds_are_hashed() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*"]).await.id;
    for args in [
        json!("x".repeat(1024 * 1024 - 2)),
        nested(128),
        json!([
            9_007_199_254_740_991_u64,
            -9_007_199_254_740_991_i64,
            1e300,
            0.1
        ]),
        json!({"\u{0}": "\u{202e}", "é": [null, true]}),
        Value::Null,
    ] {
        assert!(
            world
                .kavach
                .authorize_call(with_args(top, args))
                .await
                .unwrap()
                .is_allowed()
        );
    }
    // Whatever a parser of JSON reads by default is not too deep.
    let deepest = "[".repeat(127) + "0" + &"]".repeat(127);
    let deepest = serde_json::from_str(&deepest).unwrap();
    assert!(
        world
            .kavach
            .authorize_call(with_args(top, deepest))
            .await
            .unwrap()
            .is_allowed()
    );
}

#[tokio::test]
async fn a_line_has_eight_hops_below_its_root() {
    let world = World::on_memory().await;
    let mut last = world.agent("a0", &["read:app:*"]).await.id;
    for depth in 1..=8 {
        last = world
            .spawn(&last, &format!("a{depth}"), &["read:app:x"])
            .await
            .id;
        assert_eq!(world.decide(last, "read app:x").await, "allow");
    }
    let deeper = world
        .kavach
        .spawn(&last, new_spawn("a9", &["read:app:x"]))
        .await;
    assert_eq!(refusal(deeper).0, Reason::TooDeep);
    let answer = world.authorize(last, "read app:x").await;
    assert_eq!((answer.hops.len(), answer.line.len()), (9, 10));
}

#[tokio::test]
async fn an_agent_has_sixty_four_incoming_delegations() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:**"]).await.id;
    let low = world.agent("low", &[]).await.id;
    let mut given = Vec::new();
    for _ in 0..64 {
        given.push(world.delegate(&top, &low, &["read:app:x"]).await.id);
    }
    let more = || {
        world
            .kavach
            .delegate(&top, &low, new_delegation(&["read:app:x"]))
    };
    assert_eq!(refusal(more().await).0, Reason::LimitReached);
    world.kavach.revoke_delegation(&given[10]).await.unwrap();
    more().await.unwrap();
    assert_eq!(refusal(more().await).0, Reason::LimitReached);
    assert_eq!(world.decide(low, "read app:x").await, "allow");
    for id in given {
        let fault = world.kavach.fault_of(Leaf::Delegation(id));
        assert!([None, Some(Reason::DelegationRevoked)].contains(&fault));
    }
    let world = world.reopen().await;
    assert_eq!(world.decide(low, "read app:x").await, "allow");
}

#[tokio::test]
async fn arguments_do_not_wait_in_memory_with_their_event() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*"]).await.id;
    let gate = Gate::new();
    let with_args = || {
        let mut call = Call::new(top, "read".parse().unwrap(), "app:x".parse().unwrap());
        call.context.args = Some(json!("x".repeat(1 << 19)).into());
        call
    };
    let first = world.kavach.authorize_call(with_args()).await.unwrap();
    assert!(first.is_allowed());
    world.faults.inject(
        kavach::store::Call::Commit,
        When::Nth(1),
        Fault::HeldBefore(gate.clone()),
    );
    let mut waiting = Box::pin(world.kavach.authorize_call(with_args()));
    assert!(poll_once(&mut waiting).is_pending());
    gate.arrived(1).await;
    gate.open();
    assert_eq!(short(&waiting.await.unwrap()), "allow");
    let event = world.events().await.pop().unwrap();
    assert!(event.args_hash.is_some());
    let bytes = crate::world::sealed_events(&*world.store, &[world.kavach.tenant()]).await;
    assert!(bytes.iter().all(|sealed| sealed.bytes.len() < 2_000));
    check_log(&*world.store, &[world.kavach.tenant()]).await;
}

#[tokio::test]
async fn unknown_callers_are_denied_whatever_they_are_called() {
    let world = World::on_memory().await;
    for text in ["a", "a@b.example", "A-1_2.3~4+5", "0"] {
        let caller = kavach::Caller::parse(text).unwrap();
        assert_eq!(
            world.decide(caller, "read app:x").await,
            "deny: unknown_agent"
        );
        let event = world.events().await.pop().unwrap();
        assert_eq!(event.claimed.as_deref(), Some(text));
    }
    for text in [
        "", "a b", "agt_", "agt_x", "kv_x", "a:b", "*", "é", "a\u{0}",
    ] {
        assert!(kavach::Caller::parse(text).is_err(), "{text:?}");
    }
    let unknown = AgentId::from_parts(0, 0);
    assert_eq!(
        world.decide(unknown, "read app:x").await,
        "deny: unknown_agent"
    );
    assert_eq!(
        world.decide(&name("user"), "read app:x").await,
        "deny: unknown_agent"
    );
    assert_eq!(world.kavach.subject_id(&subject("user:x")), None);
}
