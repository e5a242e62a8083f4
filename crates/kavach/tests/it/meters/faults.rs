//! Commits that fail, callers that give up, calls that are taken back.

use std::time::Duration;

use kavach::store::{Call, Fault, Gate, When};

use super::{call, records_in, settle_words, spend, used};
use crate::world::{World, poll_once, short};

const PERMISSION: &str = "read:app:*?rate=9/h&budget=9/total";

async fn scene() -> (World, kavach::AgentId) {
    let world = World::on_memory().await;
    let top = world.agent("top", &[PERMISSION]).await.id;
    assert_eq!(spend(&world, top, "read app:x", 2).await, "allow");
    (world, top)
}

#[tokio::test]
async fn a_call_whose_commit_failed_is_given_back() {
    for fault in [Fault::Unavailable, Fault::OutOfSpace, Fault::UnknownNotDone] {
        let (world, top) = scene().await;
        let words = format!("{fault:?}");
        world.faults.inject(Call::Commit, When::Nth(1), fault);
        let answer = spend(&world, top, "read app:x", 3).await;
        assert_eq!(answer, "deny: audit_unavailable", "{words}");
        assert_eq!(used(&world.kavach, top), ["1/9 2/9"], "{words}");
        assert_eq!(
            spend(&world, top, "read app:x", 7).await,
            "allow",
            "{words}"
        );
        let world = world.reopen().await;
        assert_eq!(used(&world.kavach, top), ["2/9 9/9"], "{words}");
    }
}

#[tokio::test]
async fn a_call_that_landed_unseen_counts() {
    let (world, top) = scene().await;
    world
        .faults
        .inject(Call::Commit, When::Nth(1), Fault::UnknownDone);
    assert_eq!(spend(&world, top, "read app:x", 3).await, "allow");
    assert_eq!(used(&world.kavach, top), ["2/9 5/9"]);
    let world = world.reopen().await;
    assert_eq!(used(&world.kavach, top), ["2/9 5/9"]);
}

#[tokio::test]
async fn a_call_of_which_nobody_knows_counts_until_it_is_known() {
    for (fault, landed) in [(Fault::UnknownDone, true), (Fault::UnknownNotDone, false)] {
        let (world, top) = scene().await;
        world.faults.inject(Call::Commit, When::Nth(1), fault);
        world
            .faults
            .inject(Call::Read, When::Nth(1), Fault::Unavailable);
        let answer = spend(&world, top, "read app:x", 3).await;
        assert_eq!(answer, "deny: audit_unavailable");
        // In doubt, it counts.
        assert_eq!(used(&world.kavach, top), ["2/9 5/9"]);
        assert_eq!(spend(&world, top, "read app:x", 1).await, "allow");
        let after = if landed { ["3/9 6/9"] } else { ["2/9 3/9"] };
        assert_eq!(used(&world.kavach, top), after);
        let world = world.reopen().await;
        assert_eq!(used(&world.kavach, top), after);
    }
}

#[tokio::test]
async fn a_caller_that_gives_up_before_the_commit_leaves_memory_and_store_alike() {
    let (world, top) = scene().await;
    let gate = Gate::new();
    world
        .faults
        .inject(Call::Commit, When::Nth(1), Fault::HeldBefore(gate.clone()));
    let mut answer = Box::pin(world.kavach.authorize_call(call(top, "read app:x", 3)));
    assert!(poll_once(&mut answer).is_pending());
    gate.arrived(1).await;
    drop(answer);
    assert_eq!(used(&world.kavach, top), ["2/9 5/9"]);
    gate.open();
    assert_eq!(spend(&world, top, "read app:x", 1).await, "allow");
    let world = world.reopen().await;
    // It is on record as allowed, so it counts.
    assert_eq!(used(&world.kavach, top), ["3/9 6/9"]);
}

#[tokio::test]
async fn a_call_that_is_taken_back_gives_its_counters_back_for_good() {
    let world = World::on_memory().await;
    let top = world.agent("top", &[PERMISSION]).await.id;
    let low = world.spawn(&top, "low", &["read:app:*"]).await;
    let gate = Gate::new();
    world
        .faults
        .inject(Call::Commit, When::Nth(1), Fault::HeldAfter(gate.clone()));
    let mut answer = Box::pin(world.kavach.authorize_call(call(low.id, "read app:x", 3)));
    assert!(poll_once(&mut answer).is_pending());
    gate.arrived(1).await;
    let kavach = world.kavach.clone();
    let mut revoked = Box::pin(async move { kavach.revoke_delegation(&low.delegation).await });
    assert!(poll_once(&mut revoked).is_pending());
    gate.open();
    revoked.await.unwrap();
    assert_eq!(used(&world.kavach, top), ["1/9 3/9"]);
    let answer = answer.await.unwrap();
    assert_eq!(short(&answer), "deny: withdrawn");
    assert_eq!(used(&world.kavach, top), ["0/9 0/9"]);
    assert_eq!(records_in(&world, "reservation").await, 0);
    assert_eq!(records_in(&world, "counter").await, 0);
    let event = world.events().await.pop().unwrap();
    let settled = world.kavach.settle(event.withdraws.unwrap(), 0).await;
    assert_eq!(settle_words(settled), "nothing reserved");
    let world = world.reopen().await;
    assert_eq!(used(&world.kavach, top), ["0/9 0/9"]);
}

#[tokio::test]
async fn a_settlement_whose_commit_failed_changes_nothing_and_may_be_made_again() {
    for cost in [0, 9] {
        for fault in [Fault::Unavailable, Fault::UnknownNotDone] {
            let (world, top) = scene().await;
            let answer = world
                .kavach
                .authorize_call(call(top, "read app:x", 3))
                .await
                .unwrap();
            let of = answer.audit_id.unwrap();
            world.faults.inject(Call::Commit, When::Nth(1), fault);
            world.kavach.settle(of, cost).await.unwrap_err();
            assert_eq!(used(&world.kavach, top), ["2/9 5/9"]);
            world.kavach.settle(of, cost).await.unwrap();
            let after = format!("2/9 {}/9", 2 + cost);
            assert_eq!(used(&world.kavach, top), [after.as_str()]);
            let world = world.reopen().await;
            assert_eq!(used(&world.kavach, top), [after]);
        }
        let (world, top) = scene().await;
        let answer = world
            .kavach
            .authorize_call(call(top, "read app:x", 3))
            .await
            .unwrap();
        world
            .faults
            .inject(Call::Commit, When::Nth(1), Fault::UnknownDone);
        world
            .kavach
            .settle(answer.audit_id.unwrap(), cost)
            .await
            .unwrap();
        let after = format!("2/9 {}/9", 2 + cost);
        assert_eq!(used(&world.kavach, top), [after.as_str()]);
        let world = world.reopen().await;
        assert_eq!(used(&world.kavach, top), [after]);
    }
}

#[tokio::test]
async fn a_damaged_counter_keeps_the_store_shut() {
    let world = World::on_memory().await;
    let key = kavach::store::Key::new(kavach::store::Space::quiet("counter"), *b"odd");
    let batch = kavach::store::Batch {
        puts: vec![(key, b"{}".to_vec())],
        ..Default::default()
    };
    world.store.commit(batch).await.unwrap();
    let store = kavach::store::FaultyStore::new(world.store.clone(), world.faults.clone());
    let opened = tokio::time::timeout(Duration::from_secs(60), kavach::Kavach::open(store)).await;
    let error = opened.unwrap().unwrap_err().to_string();
    assert!(error.contains("restore a backup"), "{error}");
}
