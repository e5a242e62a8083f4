//! Who may write to a store.

use super::*;
use kavach::store::Space;

/// Seconds until a node that says nothing is taken for dead.
const DEAD_S: u64 = 120;

async fn seats(nodes: &Nodes) -> usize {
    scan(&*nodes.store, Space::quiet("node")).await.len()
}

async fn logs(nodes: &Nodes) -> usize {
    scan(&*nodes.store, Space::quiet("log_head")).await.len()
}

#[tokio::test(start_paused = true)]
async fn a_node_alone_loses_its_store_to_one_that_opens_it_alone_too() {
    let nodes = Nodes::new();
    let one = nodes.try_open(None).await.unwrap();
    let top = new_agent("user:alice", "top", &["read:app:*"]);
    let top = one.kavach.create_agent(top).await.unwrap().id;
    let two = nodes.try_open(None).await.unwrap();
    two.kavach.revoke_agent(&top).await.unwrap();
    // It cannot record, so it cannot allow, and it says why to who runs it.
    for _ in 0..2 {
        assert!(!one.ask(top).await.is_allowed());
    }
    let top = new_agent("user:alice", "other", &["read:app:*"]);
    let refused = one.kavach.create_agent(top).await.unwrap_err();
    assert!(refused.to_string().contains("another process"), "{refused}");
    let three = nodes.try_open(None).await.unwrap();
    assert_eq!(three.kavach.agents().len(), 1);
    assert_eq!((seats(&nodes).await, logs(&nodes).await), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_node_alone_loses_its_store_to_one_that_shares_it() {
    let nodes = Nodes::new();
    let alone = nodes.try_open(None).await.unwrap();
    let top = new_agent("user:alice", "top", &["read:app:*"]);
    let top = alone.kavach.create_agent(top).await.unwrap().id;
    let one = nodes.open().await;
    assert!(!alone.ask(top).await.is_allowed());
    assert_eq!(one.decide(top).await, "allow");
    // While others share it, nobody has it for itself.
    let refused = nodes.try_open(None).await.map(drop).unwrap_err();
    assert!(
        refused.to_string().contains("other nodes share"),
        "{refused}"
    );
    assert_eq!(one.decide(top).await, "allow");
    one.kavach.close().await;
    let alone = nodes.try_open(None).await.unwrap();
    assert_eq!(alone.decide(top).await, "allow");
    assert_eq!(logs(&nodes).await, 2, "each seat has a log of its own");
}

#[tokio::test(start_paused = true)]
async fn a_seat_that_was_left_is_taken_again_and_its_log_goes_on() {
    let nodes = Nodes::new();
    for round in 0..10 {
        let node = nodes.open().await;
        let name = format!("agent{round}");
        let new = new_agent("user:alice", &name, &["read:app:*"]);
        node.kavach.create_agent(new).await.unwrap();
        node.kavach.close().await;
    }
    assert_eq!((seats(&nodes).await, logs(&nodes).await), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_seat_of_a_dead_node_is_taken_once_nobody_can_think_it_alive() {
    let nodes = Nodes::new();
    let (one, two, _, low) = nodes.pair().await;
    // It says nothing any more: for the others it is dead.
    for call in [Call::Commit, Call::Changes] {
        two.faults.inject(call, When::Each, Fault::Unavailable);
    }
    nodes.clock.wall_s.fetch_add(DEAD_S - 1, Ordering::SeqCst);
    one.kavach.refresh().await.unwrap();
    let three = nodes.open().await;
    assert_eq!(seats(&nodes).await, 3);
    three.kavach.close().await;
    nodes.clock.wall_s.fetch_add(1, Ordering::SeqCst);
    // One and three have left their seats or renewed them; two's is free.
    let (three, four) = (nodes.open().await, nodes.open().await);
    assert_eq!(seats(&nodes).await, 3);
    // Two wakes up, and finds that it is nobody.
    two.faults.clear();
    for _ in 0..2 {
        assert!(!two.ask(low).await.is_allowed());
    }
    assert_eq!(three.decide(low).await, "allow");
    assert_eq!(four.decide(low).await, "allow");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_say_that_it_is_alive_says_no() {
    let nodes = Nodes::new();
    let (_one, two, _, low) = nodes.pair().await;
    // A machine that was suspended: the wall and the leases went on.
    pass_ms(61_000).await;
    assert_eq!(two.decide(low).await, "allow", "it tells the others first");
    two.faults
        .inject(Call::Commit, When::Nth(1), Fault::Unavailable);
    pass_ms(61_000).await;
    assert_eq!(two.decide(low).await, "deny: stale_state");
    assert_eq!(two.decide(low).await, "allow");
}
