//! Several nodes on one store.

use std::sync::Arc;

use kavach::store::{Call, Fault, Faults, FaultyStore, Space, When};
use kavach::{AgentId, Kavach, ManualClock, MemoryStore, Store};

use super::{call, storm, used};
use crate::world::{NOW, new_agent, scan, short, time};

/// Nodes that share the limits of one store; in memory, as its only log head is not.
struct Nodes {
    store: MemoryStore,
    clock: Arc<ManualClock>,
    faults: Faults,
}

impl Nodes {
    fn new() -> Self {
        Self {
            store: MemoryStore::new(),
            clock: Arc::new(ManualClock::new(time(NOW))),
            faults: Faults::new(),
        }
    }

    async fn open(&self) -> Kavach {
        let store = FaultyStore::new(Arc::new(self.store.clone()), self.faults.clone());
        let builder = Kavach::builder(store).clock(Arc::clone(&self.clock) as _);
        builder
            .shared(kavach::Sharing::default())
            .open()
            .await
            .unwrap()
    }

    async fn alone(&self) -> Kavach {
        let builder = Kavach::builder(self.store.clone()).clock(Arc::clone(&self.clock) as _);
        builder.open().await.unwrap()
    }

    async fn records(&self, space: &'static str) -> usize {
        let store: &dyn Store = &self.store;
        scan(store, Space::quiet(space)).await.len()
    }
}

async fn top(kavach: &Kavach, permission: &str) -> AgentId {
    let new = new_agent("user:alice", "top", &[permission]);
    kavach.create_agent(new).await.unwrap().id
}

async fn calls(kavach: &Kavach, who: AgentId, count: usize) -> usize {
    let mut allowed = 0;
    for _ in 0..count {
        let answer = kavach
            .authorize_call(call(who, "read app:x", 1))
            .await
            .unwrap();
        allowed += usize::from(answer.is_allowed());
    }
    allowed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_node_that_shares_allows_as_much_as_one_that_does_not() {
    for permission in ["read:app:*?rate=137/h", "read:app:*?budget=137/day"] {
        let nodes = Nodes::new();
        let kavach = nodes.open().await;
        let top = top(&kavach, permission).await;
        let found = storm(&kavach, &[top], "read app:x", 1_000).await;
        assert_eq!(found["allow"], 137, "{found:?}");
        assert_eq!(used(&kavach, top), ["137/137"]);
        assert_eq!(nodes.records("counter").await, 0);
        assert_eq!(nodes.records("counter_pool").await, 1);
        nodes.clock.advance_s(1);
        assert_eq!(calls(&kavach, top, 3).await, 0);
    }
}

#[tokio::test]
async fn what_a_node_leaves_the_next_one_has() {
    let nodes = Nodes::new();
    let one = nodes.open().await;
    let top = top(&one, "read:app:*?rate=100/h").await;
    assert_eq!(calls(&one, top, 30).await, 30);
    one.close().await;
    let two = nodes.open().await;
    assert_eq!(calls(&two, top, 100).await, 70);
    two.close().await;
    // To the hour after the calls themselves: both nodes said when they made the last of them.
    nodes.clock.advance_s(3_599);
    let three = nodes.open().await;
    assert_eq!(calls(&three, top, 1).await, 0);
    nodes.clock.advance_s(1);
    assert_eq!(calls(&three, top, 101).await, 100);
}

#[tokio::test]
async fn what_a_node_held_when_it_died_counts_as_spent_until_it_has_passed() {
    let nodes = Nodes::new();
    let one = nodes.open().await;
    let top = top(&one, "read:app:*?rate=80/60s").await;
    assert_eq!(calls(&one, top, 1).await, 1);
    // An eighth is in its slice. It never hands it in.
    let two = nodes.open().await;
    assert_eq!(calls(&two, top, 100).await, 70);
    nodes.clock.advance_s(69);
    // What the second had spent has passed; the slice of the first may have been spent nine seconds later.
    assert_eq!(calls(&two, top, 100).await, 80);
    drop(one);
}

#[tokio::test]
async fn alone_again_a_node_counts_what_was_shared_and_back() {
    let nodes = Nodes::new();
    let alone = nodes.alone().await;
    let top = top(&alone, "read:app:*?budget=100/total").await;
    assert_eq!(calls(&alone, top, 10).await, 10);
    alone.close().await;
    let shared = nodes.open().await;
    assert_eq!(calls(&shared, top, 20).await, 20);
    assert_eq!(used(&shared, top), ["30/100"]);
    assert_eq!(nodes.records("counter").await, 0);
    shared.close().await;
    let alone = nodes.alone().await;
    assert_eq!(used(&alone, top), ["30/100"]);
    assert_eq!(
        (
            nodes.records("counter").await,
            nodes.records("counter_pool").await
        ),
        (1, 0)
    );
    assert_eq!(calls(&alone, top, 100).await, 70);
    alone.close().await;
    let shared = nodes.open().await;
    assert_eq!(calls(&shared, top, 1).await, 0);
}

#[tokio::test]
async fn costs_are_settled_where_limits_are_shared() {
    for (cost, after, next) in [
        (10, "11/100", "allow"),
        (60, "61/100", "allow"),
        (100, "100/100", "deny: budget_used_up"),
        (130, "130/100", "deny: budget_used_up"),
    ] {
        let nodes = Nodes::new();
        let (one, two) = (nodes.open().await, nodes.open().await);
        let top = top(&one, "read:app:*?budget=100/day").await;
        let answer = one
            .authorize_call(call(top, "read app:x", 60))
            .await
            .unwrap();
        let of = answer.audit_id.unwrap();
        // Any node can settle it, and only one does.
        two.settle(of, cost).await.unwrap();
        one.settle(of, cost).await.unwrap_err();
        assert_eq!(nodes.records("reservation").await, 0);
        one.close().await;
        two.close().await;
        let three = nodes.open().await;
        let answer = three
            .authorize_call(call(top, "read app:x", 1))
            .await
            .unwrap();
        assert_eq!(short(&answer), next, "{cost}");
        three.close().await;
        let alone = nodes.alone().await;
        assert_eq!(used(&alone, top), [after]);
    }
}

#[tokio::test]
async fn a_store_that_cannot_say_is_no_leave() {
    let nodes = Nodes::new();
    let kavach = nodes.open().await;
    let top = top(&kavach, "read:app:*?rate=8/h").await;
    for (call_of, fault) in [
        (Call::Read, Fault::Unavailable),
        (Call::Commit, Fault::Unavailable),
        (Call::Commit, Fault::UnknownNotDone),
    ] {
        nodes.faults.inject(call_of, When::Nth(1), fault);
        kavach
            .authorize_call(call(top, "read app:x", 1))
            .await
            .unwrap_err();
    }
    assert_eq!(calls(&kavach, top, 20).await, 8);
    // Of what nobody knows it counts that it landed.
    nodes.clock.advance_s(3_601);
    let denied = kavach.authorize(&top, "write", "app:x").await.unwrap();
    assert!(!denied.is_allowed());
    nodes
        .faults
        .inject(Call::Commit, When::Nth(1), Fault::UnknownDone);
    kavach
        .authorize_call(call(top, "read app:x", 1))
        .await
        .unwrap_err();
    assert_eq!(calls(&kavach, top, 20).await, 7);
}
