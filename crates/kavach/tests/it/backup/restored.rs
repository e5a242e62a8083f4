//! A store that was made from a backup: closed, empty of nodes, and of what may have been used since.

use kavach::backup::{BackupError, RestoreError};
use kavach::store::{Call as StoreCall, Fault, Faults, FaultyStore, When};
use kavach::{ApprovalState, Call, Sharing, StoreErrorKind};

use super::*;
use crate::world::{callers, scan};
use kavach::store::Space;

const READ: &str = "read mcp:github:repos";

#[tokio::test]
async fn whoever_calls_is_denied_on_every_node_and_engine() {
    let world = World::with_master_key(On::Redb, Some(KEY)).await;
    let planner = world.agent("planner", &["read:mcp:github:*"]).await;
    let file = taken(&*world.store, &world.clock).await;
    let folder = tempfile::tempdir().unwrap();
    let redb: Arc<dyn Store> =
        Arc::new(kavach_store_redb::RedbStore::open(folder.path().join("new.redb")).unwrap());
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::new());
    for store in [redb, memory] {
        let mut cursor = Cursor::new(&file);
        restore(
            &mut cursor,
            &store,
            Some(&key()),
            &*world.clock,
            &mut |_| (),
        )
        .await
        .unwrap();
        let node = async || {
            let builder = Kavach::builder(Arc::clone(&store));
            let builder = builder.clock(Arc::clone(&world.clock) as _);
            let builder = builder.master_key(key()).shared(Sharing::default());
            builder.open().await.unwrap()
        };
        let nodes = [node().await, node().await];
        for node in &nodes {
            for (how, caller) in callers(planner.id, "planner", &planner.credential) {
                let answer = node
                    .authorize(caller, "read", "mcp:github:repos")
                    .await
                    .unwrap();
                assert_eq!(answer.decision.reason(), Reason::StoreRestored, "{how}");
            }
            let nobody = name("nobody");
            let answer = node.authorize(&nobody, "read", "mcp:x:y").await.unwrap();
            assert_eq!(answer.decision.reason(), Reason::StoreRestored);
            assert!(node.restoration().unwrap().is_closed());
        }
        // What takes away is possible, and so is looking.
        let other = new_agent("user:alice", "other", &["read:mcp:github:*"]);
        let other = nodes[0].create_agent(other).await.unwrap().id;
        nodes[1].refresh().await.unwrap();
        nodes[1].revoke_agent(&other).await.unwrap();
        let words = nodes[0].restoration().unwrap().acceptance();
        nodes[0]
            .reopen(by_alice().accept_loss(words))
            .await
            .unwrap();
        // The other one hears it from the feed.
        nodes[1].refresh().await.unwrap();
        for node in nodes {
            let answer = node
                .authorize(&planner.id, "read", "mcp:github:repos")
                .await;
            assert!(answer.unwrap().is_allowed());
            node.close().await;
        }
    }
}

#[tokio::test]
async fn who_said_yes_before_has_to_say_it_again() {
    let pay = "pay app:bank:acme";
    let call = |world: &World| {
        let payer = world.kavach.find_agent("payer").unwrap().id;
        Call::new(
            payer,
            "pay".parse().unwrap(),
            "app:bank:acme".parse().unwrap(),
        )
    };
    let bob = subject("user:bob");
    let lost = Lost::after(
        async |world| {
            world.agent("payer", &["pay:app:bank:*?approve"]).await;
            let approve = ["approve:app:kavach:approvals".parse().unwrap()];
            world.kavach.grant_owner(&bob, &approve).await.unwrap();
            let asked = world.kavach.authorize_call(call(world)).await.unwrap();
            let id = asked.approval.unwrap();
            world.kavach.grant_approval(&id, &bob, None).await.unwrap();
        },
        async |world| {
            // Used after the backup, which has it unused.
            assert_eq!(world.decide(&name("payer"), pay).await, "allow");
        },
    )
    .await;
    assert_eq!(lost.now.kavach.approvals().len(), 0);
    lost.reopen().await.unwrap();
    let again = lost
        .now
        .kavach
        .authorize_call(call(&lost.now))
        .await
        .unwrap();
    assert_eq!(again.decision.reason(), Reason::ApprovalRequired);
    let id = again.approval.unwrap();
    let request = lost.now.kavach.approval(&id).await.unwrap().unwrap();
    assert_eq!(request.state, ApprovalState::Pending);
}

#[tokio::test]
async fn what_was_reserved_counts_and_is_not_given_back_twice() {
    let world = world().await;
    let writer = world
        .agent("writer", &["use:tool:llm?budget=100/day"])
        .await;
    let mut call = Call::new(
        writer.id,
        "use".parse().unwrap(),
        "tool:llm".parse().unwrap(),
    );
    call.context.cost = Some(80);
    let answer = world.kavach.authorize_call(call.clone()).await.unwrap();
    let file = taken(&*world.store, &world.clock).await;
    let (store, restored) = made(&file, &world.clock).await;
    let now = World::over(store, Arc::clone(&world.clock), Some(KEY)).await;
    let words = restored.restoration.acceptance();
    now.kavach
        .reopen(by_alice().accept_loss(words))
        .await
        .unwrap();
    assert!(
        now.kavach
            .settle(answer.audit_id.unwrap(), 1)
            .await
            .is_err()
    );
    let again = now.kavach.authorize_call(call.clone()).await.unwrap();
    assert_eq!(again.decision.reason(), Reason::BudgetUsedUp);
    call.context.cost = Some(20);
    assert!(now.kavach.authorize_call(call).await.unwrap().is_allowed());
}

#[tokio::test]
async fn no_seat_and_no_approval_is_in_a_backup_and_all_else_is() {
    let world = world().await;
    world
        .agent("planner", &["read:mcp:github:*?rate=5/h"])
        .await;
    world.decide(&name("planner"), READ).await;
    let file = taken(&*world.store, &world.clock).await;
    let (store, restored) = made(&file, &world.clock).await;
    assert_eq!(scan(&store, Space::quiet("node")).await.len(), 0);
    let counters = Space::quiet("counter");
    assert_eq!(
        scan(&store, counters).await,
        scan(&*world.store, counters).await
    );
    let here = kavach::census::check(&*world.store).await.unwrap().records;
    let mut there = restored.census.records;
    for (space, count) in [("node", 1), ("store_restored", 0), ("log_head", 1)] {
        assert_eq!(here[space], count, "{space}");
    }
    // The record that closes it, and the log of the restoring.
    there.insert("node", 1);
    there.insert("store_restored", 0);
    there.insert("log_head", 1);
    assert_eq!(there, here);
}

#[tokio::test]
async fn half_a_restored_store_opens_nowhere() {
    let world = world().await;
    for number in 0..5 {
        world.agent(&format!("agent-{number}"), &[]).await;
    }
    let file = taken(&*world.store, &world.clock).await;
    for fault in [Fault::Unavailable, Fault::UnknownDone] {
        let mut whole = 0;
        for nth in 1.. {
            let store = MemoryStore::new();
            let faults = Faults::new();
            faults.inject(StoreCall::Commit, When::Nth(nth), fault.clone());
            let faulty = FaultyStore::new(Arc::new(store.clone()), faults);
            let mut cursor = Cursor::new(&file);
            let made = restore(
                &mut cursor,
                &faulty,
                Some(&key()),
                &*world.clock,
                &mut |_| (),
            )
            .await;
            if made.is_ok() {
                whole = nth;
                break;
            }
            let opened = Kavach::builder(store.clone())
                .master_key(key())
                .open()
                .await;
            let Err(error) = opened else {
                // Nothing had been written, or everything: then it is closed.
                let kavach = opened.unwrap();
                let closed = kavach.restoration().map(|known| known.is_closed());
                assert!(nth == 1 || closed == Some(true), "{nth}: {closed:?}");
                kavach.close().await;
                continue;
            };
            assert!(
                error.to_string().contains("did not come to its end"),
                "{error}"
            );
            let mut out = Vec::new();
            let refused = backup(&store, &mut out, None, &*world.clock, &mut |_| ()).await;
            assert!(matches!(refused, Err(BackupError::Store(_))), "{refused:?}");
            let mut cursor = Cursor::new(&file);
            let again = restore(
                &mut cursor,
                &store,
                Some(&key()),
                &*world.clock,
                &mut |_| (),
            )
            .await;
            assert!(matches!(again, Err(RestoreError::NotEmpty)), "{again:?}");
        }
        assert!(whole > 4, "a restoring has {whole} commits only");
    }
}

#[tokio::test]
async fn an_interrupted_reopening_leaves_it_closed_and_goes_on() {
    for nth in 1..20 {
        let lost = Lost::after(
            async |world| {
                world
                    .agent("planner", &["read:mcp:github:*?rate=3/h"])
                    .await;
                world.agent("helper", &["read:mcp:github:*"]).await;
            },
            async |world| {
                world.decide(&name("planner"), READ).await;
                let helper = world.kavach.find_agent("helper").unwrap().id;
                world.kavach.revoke_agent(&helper).await.unwrap();
            },
        )
        .await;
        lost.now
            .faults
            .inject(StoreCall::Commit, When::Nth(nth), Fault::Unavailable);
        let first = lost.reopen().await;
        lost.now.faults.clear();
        if first.is_ok() {
            assert!(nth > 4, "a reopening has {nth} commits only");
            return;
        }
        let closed = lost.now.decide(&name("planner"), READ).await;
        assert_eq!(closed, "deny: store_restored", "{nth}");
        lost.reopen().await.unwrap();
        assert_eq!(
            lost.now.decide(&name("helper"), READ).await,
            "deny: agent_revoked"
        );
        assert_eq!(lost.now.decide(&name("planner"), READ).await, "allow");
        kavach::census::check(&*lost.now.store).await.unwrap();
    }
    panic!("it never came to its end");
}

#[tokio::test]
async fn a_record_of_a_later_version_is_not_read_as_none() {
    let world = world().await;
    let file = taken(&*world.store, &world.clock).await;
    let (store, _) = made(&file, &world.clock).await;
    for (bytes, kind) in [
        (&b"{\"v\":2}"[..], StoreErrorKind::SchemaTooNew),
        (b"{}", StoreErrorKind::Corrupt),
        (b"", StoreErrorKind::Corrupt),
    ] {
        let place = kavach::store::Key::new(Space::graph("store_restored"), *b"store");
        let batch = kavach::store::Batch {
            puts: vec![(place, bytes.to_vec())],
            ..Default::default()
        };
        store.commit(batch).await.unwrap();
        let opened = Kavach::builder(store.clone())
            .master_key(key())
            .open()
            .await;
        let Err(kavach::OpenError::Store(error)) = opened else {
            panic!("{opened:?}");
        };
        assert_eq!(*error.kind(), kind);
    }
}
