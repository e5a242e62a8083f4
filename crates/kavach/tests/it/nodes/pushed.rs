//! Hints: what they make quicker, and that nothing else changes by them.

use super::*;

/// A lease so long that a node that only polls asks every five seconds.
const LONG_MS: u64 = 10_000;
/// The least time between two questions of a node.
const GAP_MS: u64 = 10;

impl Nodes {
    /// A node that hears of changes by hints, or not for long.
    async fn open_slow(&self) -> Node {
        let sharing = Sharing::default().lease_ms(LONG_MS).poll_ms(LONG_MS);
        self.try_open(Some(sharing)).await.unwrap()
    }
}

impl Node {
    /// No hint reaches it any more, but for the one that it waits for already.
    fn deafen(&self) {
        self.faults
            .inject(Call::Stirred, When::Each, Fault::Unavailable);
    }

    fn polls(&self) -> u64 {
        self.faults.seen(Call::Changes)
    }

    async fn create(&self, name: &str) -> AgentId {
        let new = new_agent("user:alice", name, &["read:app:*"]);
        self.kavach.create_agent(new).await.unwrap().id
    }
}

/// Lets what is due in that time happen.
async fn sleep_ms(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_hint_has_a_node_ask_at_once_and_without_one_it_asks_when_it_would_have() {
    for hears in [true, false] {
        let nodes = Nodes::new();
        let (one, two) = (nodes.open_slow().await, nodes.open_slow().await);
        if !hears {
            two.deafen();
        }
        // In the middle between two polls.
        sleep_ms(LONG_MS + LONG_MS / 8).await;
        let top = one.create("top").await;
        two.kavach.refresh().await.unwrap();
        sleep_ms(2 * GAP_MS).await;
        assert_eq!(two.decide(top).await, "allow");
        let revision = one.kavach.revoke_agent(&top).await.unwrap().revision;
        sleep_ms(GAP_MS + 1).await;
        assert_eq!(two.kavach.revision() == revision, hears);
        sleep_ms(LONG_MS / 2).await;
        assert_eq!(two.kavach.revision(), revision);
        assert_eq!(two.decide(top).await, "deny: agent_revoked");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hint_without_an_answer_makes_nothing_fresh() {
    let nodes = Nodes::new();
    let (one, two, top, _) = nodes.pair().await;
    let other = one.create("other").await;
    two.kavach.refresh().await.unwrap();
    two.cut_off();
    one.kavach.revoke_agent(&top).await.unwrap();
    // It is told all the time that something changed.
    for number in 0..LEASE_MS - 1 {
        assert_eq!(two.decide(other).await, "allow", "{number}");
        if number % 50 == 0 {
            one.create(&format!("agent{number}")).await;
        }
        pass_ms(1).await;
    }
    pass_ms(1).await;
    assert_eq!(two.decide(other).await, "deny: stale_state");
}

#[tokio::test(start_paused = true)]
async fn however_much_changes_a_node_asks_once_in_a_while_and_tells_less_often() {
    let nodes = Nodes::new();
    let (one, two) = (nodes.open().await, nodes.open().await);
    let commits = |node: &Node| node.faults.seen(Call::Commit);
    let before = (two.polls(), commits(&two));
    for number in 0..1_000 {
        one.create(&format!("agent{number}")).await;
        sleep_ms(1).await;
    }
    let polls = two.polls() - before.0;
    assert!((50..=1_000 / GAP_MS + 2).contains(&polls), "{polls}");
    let told = commits(&two) - before.1;
    assert!((10..=42).contains(&told), "{told}");
    // And then it falls silent.
    sleep_ms(1_000).await;
    let polls = two.polls();
    sleep_ms(1_000).await;
    assert!(two.polls() - polls <= 11);
    assert_eq!(two.kavach.agents().len(), 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hints_without_end_is_asked_no_more_than_ten_times_as_often() {
    for answers in [true, false] {
        let named = store::Named::new();
        let nodes = Nodes::on(Arc::clone(&named) as _);
        let (one, two, top, low) = nodes.pair().await;
        named.hints_without_end();
        if !answers {
            two.cut_off();
        }
        let before = two.polls();
        sleep_ms(10_000).await;
        let polls = two.polls() - before;
        // A store that gives no answers is asked as often as one without hints.
        let most = if answers { 10_000 / GAP_MS } else { 101 };
        assert!((most / 2..=most + 1).contains(&polls), "{answers}: {polls}");
        two.faults.clear();
        one.kavach.revoke_agent(&top).await.unwrap();
        sleep_ms(LEASE_MS).await;
        assert_eq!(two.decide(low).await, "deny: ancestor_revoked");
    }
}

#[tokio::test(start_paused = true)]
async fn decisions_stir_nobody() {
    let nodes = Nodes::new();
    let (one, two) = (nodes.open_slow().await, nodes.open_slow().await);
    let top = one.create("top").await;
    sleep_ms(1_000).await;
    let polls = two.polls();
    for _ in 0..200 {
        assert_eq!(one.decide(top).await, "allow");
        sleep_ms(5).await;
    }
    assert_eq!(two.polls(), polls);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_all_nodes_waits_for_some_milliseconds() {
    let nodes = Nodes::new();
    let (one, two) = (nodes.open_slow().await, nodes.open_slow().await);
    let _three = nodes.open_slow().await;
    for round in 0..20 {
        let agent = one.create(&format!("agent{round}")).await;
        sleep_ms(100).await;
        let revision = one.kavach.revoke_agent(&agent).await.unwrap().revision;
        let asked = Instant::now();
        one.kavach.wait_for_all(revision).await;
        assert!(asked.elapsed() <= Duration::from_millis(30), "{asked:?}");
        assert_eq!(two.decide(agent).await, "deny: agent_revoked");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_all_nodes_waits_for_its_own_too() {
    let nodes = Nodes::new();
    let (one, two, top, low) = nodes.pair().await;
    two.cut_off();
    let revision = one.kavach.revoke_agent(&top).await.unwrap().revision;
    // The one that revoked has told how far it has come.
    pass_ms(0).await;
    sleep_ms(LEASE_MS / 4).await;
    assert_eq!(two.decide(low).await, "allow");
    two.kavach.wait_for_all(revision).await;
    assert_eq!(two.decide(low).await, "deny: stale_state");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_over_approvals_and_trust_holds_no_poll_up() {
    let nodes = Nodes::new();
    let (one, two, top, low) = nodes.pair().await;
    two.deafen();
    let gate = Gate::new();
    two.faults
        .inject(Call::Scan, When::Each, Fault::HeldBefore(gate.clone()));
    gate.arrived(1).await;
    sleep_ms(2_000).await;
    one.kavach.revoke_agent(&top).await.unwrap();
    sleep_ms(101).await;
    assert_eq!(two.decide(low).await, "deny: ancestor_revoked");
    // It is given up, and asked again.
    gate.arrived(3).await;
    let refused = two.kavach.refresh().await.unwrap_err();
    assert_eq!(*refused.kind(), StoreErrorKind::Unavailable, "{refused}");
    // It keeps nobody from closing either.
    let asked = Instant::now();
    two.kavach.close().await;
    assert!(asked.elapsed() < Duration::from_secs(1), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_gone_asks_no_more() {
    for closes in [true, false] {
        let nodes = Nodes::new();
        let (one, two, _, _) = nodes.pair().await;
        let Node { kavach, faults } = two;
        let asked = Instant::now();
        if closes {
            kavach.close().await;
            assert_eq!(asked.elapsed(), Duration::ZERO);
        } else {
            drop(kavach);
        }
        let polls = faults.seen(Call::Changes);
        one.create("agent").await;
        sleep_ms(5_000).await;
        assert_eq!(faults.seen(Call::Changes), polls, "{closes}");
    }
}
