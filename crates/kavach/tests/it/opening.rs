//! Opening a store: damaged, newer, failing, closed in any way, or opened twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kavach::store::{Batch, Call as Verb, Fault, Faults, FaultyStore, Key, Space, When};
use kavach::{
    Call, Clock, Decision, Kavach, ManualClock, MemoryStore, OpenError, Reason, Store,
    StoreErrorKind, Timestamp,
};

use crate::world::{
    NOW, On, World, authorize, check_log, name, new_agent, new_spawn, scan, short, time,
};

async fn put(store: &dyn Store, key: Key, bytes: &[u8]) {
    let batch = Batch {
        puts: vec![(key, bytes.to_vec())],
        ..Batch::default()
    };
    store.commit(batch).await.unwrap();
}

async fn opened(store: MemoryStore) -> Result<Kavach, OpenError> {
    Kavach::builder(store)
        .clock(Arc::new(ManualClock::new(time(NOW))))
        .open()
        .await
}

#[tokio::test]
async fn a_damaged_store_is_not_opened() {
    for (space, graph, bytes, want) in [
        ("agent", true, "{}", "not what was written there"),
        ("agent", true, "not json", "not what was written there"),
        (
            "agent",
            true,
            r#"{"record":{},"v":2}"#,
            "use a newer version",
        ),
        ("delegation", true, "{}", "not what was written there"),
        ("owner", true, "", "not what was written there"),
        ("log_head", false, "{}", "head of the audit log is damaged"),
        ("node", false, "nonsense", "not what was written there"),
        (
            "node",
            false,
            r#"{"log":"log_00000000000000000000000001","revision":"0","run":"log_00000000000000000000000001","taken":true,"v":2}"#,
            "newer version",
        ),
    ] {
        let store = MemoryStore::new();
        let node = opened(store.clone()).await.unwrap();
        let top = node
            .create_agent(new_agent("user:alice", "top", &[]))
            .await
            .unwrap();
        node.close().await;
        let kind = if graph {
            Space::graph(space)
        } else {
            Space::quiet(space)
        };
        let lies = scan(&store, kind).await.into_keys().next();
        let key = lies.unwrap_or_else(|| top.id.as_u128().to_be_bytes().to_vec());
        put(&store, Key::new(kind, key), bytes.as_bytes()).await;
        let error = opened(store).await.map(drop).unwrap_err().to_string();
        assert!(error.contains(want), "{space} {bytes}: {error}");
    }
}

#[tokio::test]
async fn records_that_contradict_each_other_are_not_opened() {
    // The owner, the agent behind a name, or the giver of a delegation is gone.
    for space in ["owner", "agent"] {
        let store = MemoryStore::new();
        let node = opened(store.clone()).await.unwrap();
        let top = new_agent("user:alice", "top", &["read:app:*"]);
        let top = node.create_agent(top).await.unwrap().id;
        node.spawn(&top, new_spawn("low", &["read:app:x"]))
            .await
            .unwrap();
        node.close().await;
        let space = Space::graph(space);
        let key = scan(&store, space).await.into_keys().next().unwrap();
        let batch = Batch {
            deletes: vec![Key::new(space, key)],
            ..Batch::default()
        };
        store.commit(batch).await.unwrap();
        let error = opened(store).await.map(drop).unwrap_err();
        assert!(matches!(error, OpenError::Graph(_)), "{error}");
        assert!(error.to_string().contains("restore a backup"), "{error}");
    }
}

#[tokio::test]
async fn a_store_that_fails_while_it_is_opened_can_be_opened_later() {
    for verb in [
        Verb::Migrate,
        Verb::Health,
        Verb::Scan,
        Verb::Changes,
        Verb::Read,
        Verb::Commit,
    ] {
        let store = MemoryStore::new();
        let faults = Faults::new();
        faults.inject(verb, When::Nth(1), Fault::Unavailable);
        let faulty = FaultyStore::new(Arc::new(store.clone()), faults);
        let error = Kavach::open(faulty).await.map(drop).unwrap_err();
        let OpenError::Store(error) = error else {
            panic!("{error}")
        };
        assert_eq!(*error.kind(), StoreErrorKind::Unavailable);
        opened(store).await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_is_open_is_locked_until_it_is_closed() {
    let world = World::on(On::Redb).await;
    let top = world.agent("top", &["read:app:*"]).await.id;
    let error = kavach_store_redb::RedbStore::open(world.file())
        .map(drop)
        .unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Locked);
    // Whoever closes while others still hold the node closes nothing.
    let other = world.kavach.clone();
    other.close().await;
    assert_eq!(world.decide(top, "read app:x").await, "allow");
    let world = world.reopen().await;
    assert_eq!(world.decide(top, "read app:x").await, "allow");
}

#[tokio::test]
async fn what_waits_when_a_node_is_closed_is_still_done() {
    let store = MemoryStore::new();
    let node = opened(store.clone()).await.unwrap();
    let top = node
        .create_agent(new_agent("user:alice", "top", &["read:app:*"]))
        .await
        .unwrap()
        .id;
    let asked = node.clone();
    let answer = tokio::spawn(async move { authorize(&asked, top, "read app:x").await });
    tokio::task::yield_now().await;
    node.close().await;
    assert!(answer.await.unwrap().is_allowed());
    assert_eq!(check_log(&store, &[kavach::TenantId::DEFAULT]).await, 2);
}

#[tokio::test]
async fn a_call_can_ask_for_a_graph_that_is_new_enough() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:*"]).await;
    for (caller, usual) in [
        (kavach::Caller::from(top.id), "allow"),
        (kavach::Caller::from(&top.credential), "allow"),
        (kavach::Caller::from(&name("nobody")), "deny: unknown_agent"),
    ] {
        for (at_least, stale) in [
            (None, false),
            (Some(0), false),
            (Some(top.revision), false),
            (Some(top.revision + 1), true),
        ] {
            let mut call = Call::new(
                caller.clone(),
                "read".parse().unwrap(),
                "app:x".parse().unwrap(),
            );
            call.at_least = at_least;
            let want = if stale { "deny: stale_state" } else { usual };
            assert_eq!(short(&world.kavach.simulate(&call, None).unwrap()), want);
            let answer = world.kavach.authorize_call(call).await.unwrap();
            assert_eq!(short(&answer), want);
            let event = world.events().await.pop().unwrap();
            assert_eq!(
                (Some(event.id), event.reason),
                (answer.audit_id, answer.reason())
            );
        }
    }
}

/// A clock that anybody may set.
#[derive(Debug)]
struct Wild(AtomicU64);

impl Clock for Wild {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_s((self.now_ns() / 1_000_000_000) as i64)
    }

    fn elapsed_ns(&self) -> u64 {
        self.now_ns()
    }
}

#[tokio::test]
async fn a_clock_that_goes_back_does_not_turn_the_log_around() {
    let store = MemoryStore::new();
    let clock = Arc::new(Wild(AtomicU64::new(2_000_000_000_000_000_000)));
    let node = Kavach::builder(store.clone())
        .clock(Arc::clone(&clock) as _)
        .open()
        .await
        .unwrap();
    let top = node
        .create_agent(new_agent("user:alice", "top", &["read:app:*"]))
        .await
        .unwrap()
        .id;
    for ns in [1_000_000_000_000_000_000, 0, 2_500_000_000_000_000_000, 1] {
        clock.0.store(ns, Ordering::SeqCst);
        assert!(authorize(&node, top, "read app:x").await.is_allowed());
    }
    assert_eq!(check_log(&store, &[kavach::TenantId::DEFAULT]).await, 5);
}

#[tokio::test]
async fn a_simulation_at_another_time_moves_the_clock_and_nothing_else() {
    let world = World::on_memory().await;
    let brief = new_agent("user:alice", "brief", &["read:app:*"]).ttl_s(10);
    let brief = world.kavach.create_agent(brief).await.unwrap();
    let rotated = world.kavach.rotate_credential(&brief.id, 5).await.unwrap();
    let now = world.kavach.now();
    for (caller, after, want) in [
        (kavach::Caller::from(brief.id), 9, Decision::Allow),
        (
            kavach::Caller::from(brief.id),
            10,
            Decision::Deny(Reason::AgentExpired),
        ),
        (kavach::Caller::from(&brief.credential), 4, Decision::Allow),
        (
            kavach::Caller::from(&brief.credential),
            5,
            Decision::Deny(Reason::CredentialExpired),
        ),
        (
            kavach::Caller::from(&rotated.credential),
            9,
            Decision::Allow,
        ),
        (
            kavach::Caller::from(&rotated.credential),
            10,
            Decision::Deny(Reason::AgentExpired),
        ),
    ] {
        let call = Call::new(caller, "read".parse().unwrap(), "app:x".parse().unwrap());
        let at = Some(now.plus_s(after));
        assert_eq!(
            world.kavach.simulate(&call, at).unwrap().decision,
            want,
            "{after}"
        );
    }
    assert_eq!(world.kavach.now(), now);
    assert_eq!(world.check_log().await, 2);
}
