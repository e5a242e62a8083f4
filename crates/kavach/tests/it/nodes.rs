//! Several nodes on one store: what one changes holds at all, in time, whatever is cut off or paused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kavach::store::{Call, Fault, Faults, FaultyStore, Gate, When};
use kavach::{
    AgentId, ApprovalState, Authorization, Caller, Clock, Kavach, MemoryStore, OpenError, Sharing,
    Store, StoreErrorKind, Timestamp,
};
use tokio::time::{Instant, advance};

use crate::world::{NOW, authorize, new_agent, new_spawn, scan, short, subject, time};

mod pushed;
mod seats;
mod store;

/// For how long a node is fresh.
const LEASE_MS: u64 = 500;

/// The virtual time of the test's runtime.
#[derive(Debug)]
struct Virtual {
    start: Instant,
    /// How much the wall shows more than that: somebody may set it.
    wall_s: AtomicU64,
}

impl Virtual {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            wall_s: AtomicU64::new(time(NOW).as_s() as u64),
        })
    }
}

impl Clock for Virtual {
    fn now_ns(&self) -> u64 {
        self.elapsed_ns() + self.wall_s.load(Ordering::SeqCst) * 1_000_000_000
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_s((self.now_ns() / 1_000_000_000) as i64)
    }

    fn elapsed_ns(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }
}

/// One store, and nodes that are cut off from it when told to.
struct Nodes {
    store: Arc<dyn Store>,
    clock: Arc<Virtual>,
}

struct Node {
    kavach: Kavach,
    faults: Faults,
}

impl Nodes {
    fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new()))
    }

    fn on(store: Arc<dyn Store>) -> Self {
        let clock = Virtual::new();
        Self { store, clock }
    }

    async fn open(&self) -> Node {
        self.try_open(Some(Sharing::default().lease_ms(LEASE_MS)))
            .await
            .unwrap()
    }

    async fn try_open(&self, sharing: Option<Sharing>) -> Result<Node, OpenError> {
        let faults = Faults::new();
        let store = FaultyStore::new(Arc::clone(&self.store), faults.clone());
        let mut builder = Kavach::builder(store).clock(Arc::clone(&self.clock) as _);
        if let Some(sharing) = sharing {
            builder = builder.shared(sharing);
        }
        let kavach = builder.open().await?;
        Ok(Node { kavach, faults })
    }

    /// Two nodes, and an agent of Alice's with one below it that both know.
    async fn pair(&self) -> (Node, Node, AgentId, AgentId) {
        let (one, two) = (self.open().await, self.open().await);
        let top = new_agent("user:alice", "top", &["read:app:*"]);
        let top = one.kavach.create_agent(top).await.unwrap().id;
        let low = new_spawn("low", &["read:app:x"]);
        let low = one.kavach.spawn(&top, low).await.unwrap().id;
        two.kavach.refresh().await.unwrap();
        (one, two, top, low)
    }
}

impl Node {
    async fn decide(&self, who: AgentId) -> String {
        short(&self.ask(who).await)
    }

    async fn ask(&self, who: AgentId) -> Authorization {
        authorize(&self.kavach, who, "read app:x").await
    }

    /// Nobody tells it any more what others changed.
    fn cut_off(&self) {
        self.faults
            .inject(Call::Changes, When::Each, Fault::Unavailable);
    }
}

async fn pass_ms(milliseconds: u64) {
    advance(Duration::from_millis(milliseconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_cut_off_says_no_once_its_lease_is_over() {
    let nodes = Nodes::new();
    let (one, two, top, low) = nodes.pair().await;
    two.cut_off();
    one.kavach.revoke_agent(&top).await.unwrap();
    assert_eq!(one.decide(low).await, "deny: ancestor_revoked");
    // It cannot know. This is the time that `wait_for_all` waits for.
    pass_ms(LEASE_MS - 1).await;
    assert_eq!(two.decide(low).await, "allow");
    pass_ms(1).await;
    for _ in 0..3 {
        assert_eq!(two.decide(low).await, "deny: stale_state");
    }
    // What it denies it may deny all the same.
    let denied = authorize(&two.kavach, low, "write app:x").await;
    assert!(!denied.is_allowed());
    two.faults.clear();
    assert_eq!(two.decide(low).await, "deny: ancestor_revoked");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_hears_nothing_new_goes_on() {
    let nodes = Nodes::new();
    let (_one, two, _, low) = nodes.pair().await;
    for _ in 0..200 {
        pass_ms(LEASE_MS * 3).await;
        assert_eq!(two.decide(low).await, "allow");
    }
    // It asked in the background too.
    assert!(two.faults.seen(Call::Changes) > 200);
}

#[tokio::test(start_paused = true)]
async fn with_all_well_a_revocation_holds_everywhere_after_a_poll() {
    let nodes = Nodes::new();
    let (one, two, top, low) = nodes.pair().await;
    one.kavach.revoke_agent(&top).await.unwrap();
    // What is due in that time runs when the time comes.
    tokio::time::sleep(Duration::from_millis(101)).await;
    assert_eq!(two.decide(low).await, "deny: ancestor_revoked");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_held_up_past_the_lease_is_taken_back() {
    for is_cut_off in [false, true] {
        let nodes = Nodes::new();
        let (one, two, top, low) = nodes.pair().await;
        let gate = Gate::new();
        two.faults
            .inject(Call::Commit, When::Nth(1), Fault::HeldAfter(gate.clone()));
        if is_cut_off {
            two.cut_off();
        }
        let (kavach, caller) = (two.kavach.clone(), Caller::from(low));
        let asked = tokio::spawn(async move {
            let answer = kavach.authorize(caller, "read", "app:x").await;
            answer.unwrap()
        });
        gate.arrived(1).await;
        one.kavach.revoke_agent(&top).await.unwrap();
        pass_ms(LEASE_MS).await;
        gate.open();
        let answer = asked.await.unwrap();
        assert_eq!(short(&answer), "deny: withdrawn", "{is_cut_off}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_all_nodes_waits_for_the_slowest_and_never_past_a_lease() {
    let nodes = Nodes::new();
    let (one, two, top, low) = nodes.pair().await;
    let mut revision = one.kavach.revoke_agent(&top).await.unwrap().revision;
    let asked = Instant::now();
    one.kavach.wait_for_all(revision).await;
    let quick = asked.elapsed();
    assert!(quick < Duration::from_millis(LEASE_MS / 2), "{quick:?}");
    assert_eq!(two.decide(low).await, "deny: ancestor_revoked");

    let other = new_agent("user:alice", "other", &["read:app:*"]);
    let other = one.kavach.create_agent(other).await.unwrap().id;
    two.kavach.refresh().await.unwrap();
    two.cut_off();
    revision = one.kavach.revoke_agent(&other).await.unwrap().revision;
    let asked = Instant::now();
    assert_eq!(two.decide(other).await, "allow");
    one.kavach.wait_for_all(revision).await;
    assert_eq!(two.decide(other).await, "deny: stale_state");
    let slow = asked.elapsed();
    assert!(
        (LEASE_MS..LEASE_MS + 20).contains(&(slow.as_millis() as u64)),
        "{slow:?}"
    );

    // A store that is gone keeps nobody waiting for ever.
    for call in [Call::Scan, Call::Changes, Call::Commit] {
        one.faults.inject(call, When::Each, Fault::Unavailable);
    }
    let asked = Instant::now();
    one.kavach.wait_for_all(revision + 1).await;
    assert!(asked.elapsed() < Duration::from_millis(LEASE_MS + 20));
    // A node that was closed is not waited for.
    one.faults.clear();
    two.faults.clear();
    two.kavach.close().await;
    let asked = Instant::now();
    one.kavach.wait_for_all(revision).await;
    assert_eq!(asked.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_asks_for_a_revision_is_answered_from_it_by_any_node() {
    let nodes = Nodes::new();
    let (one, two, top, low) = nodes.pair().await;
    let mut call = kavach::Call::new(low, "read".parse().unwrap(), "app:x".parse().unwrap());
    call.at_least = Some(one.kavach.revoke_agent(&top).await.unwrap().revision);
    // It has not asked since, and asks now.
    let answer = two.kavach.authorize_call(call.clone()).await.unwrap();
    assert_eq!(short(&answer), "deny: ancestor_revoked");
    call.at_least = call.at_least.map(|revision| revision + 1);
    let answer = two.kavach.authorize_call(call).await.unwrap();
    assert_eq!(short(&answer), "deny: stale_state");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_cannot_be_read_back_lets_nothing_through_until_it_can() {
    let nodes = Nodes::new();
    let (one, _two, top, low) = nodes.pair().await;
    one.cut_off();
    one.kavach.revoke_agent(&top).await.unwrap();
    // Its lease is not over, but this is the node that was told.
    assert_eq!(one.decide(low).await, "deny: stale_state");
    one.faults.clear();
    assert_eq!(one.decide(low).await, "deny: ancestor_revoked");
}

#[tokio::test(start_paused = true)]
async fn of_two_nodes_that_change_the_same_one_is_told_what_the_other_did() {
    let nodes = Nodes::new();
    let (one, two, top, low) = nodes.pair().await;
    let new = || new_agent("user:alice", "same-name", &["read:app:*"]);
    one.kavach.create_agent(new()).await.unwrap();
    let refused = two.kavach.create_agent(new()).await.unwrap_err();
    assert!(refused.to_string().contains("same-name"), "{refused}");
    // Below what another node revoked nothing is made, whoever has not heard of it.
    one.kavach.revoke_agent(&top).await.unwrap();
    two.kavach
        .spawn(&low, new_spawn("lower", &["read:app:x"]))
        .await
        .unwrap_err();
    assert_eq!(two.kavach.agents().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_people_say_to_one_node_lets_the_call_through_at_another_once() {
    let nodes = Nodes::new();
    let (one, two) = (nodes.open().await, nodes.open().await);
    let payer = new_agent("user:alice", "payer", &["read:app:*?approve"]);
    let payer = one.kavach.create_agent(payer).await.unwrap().id;
    let approve = ["approve:app:kavach:approvals".parse().unwrap()];
    let bob = subject("user:bob");
    one.kavach.grant_owner(&bob, &approve).await.unwrap();
    let asked = one.ask(payer).await;
    assert_eq!(short(&asked), "needs approval");
    two.kavach.refresh().await.unwrap();
    let again = two.ask(payer).await;
    assert_eq!(
        (short(&again), again.approval),
        (short(&asked), asked.approval)
    );

    let id = asked.approval.unwrap();
    let voted = two.kavach.grant_approval(&id, &bob, None).await.unwrap();
    assert_eq!(voted.request.state, ApprovalState::Approved);
    let twice = one
        .kavach
        .grant_approval(&id, &bob, None)
        .await
        .unwrap_err();
    assert!(twice.to_string().contains("already"), "{twice}");
    let (first, second) = tokio::join!(one.ask(payer), two.ask(payer));
    let mut answers = [short(&first), short(&second)];
    answers.sort_unstable();
    assert_eq!(answers, ["allow", "needs approval"]);
}

#[tokio::test(start_paused = true)]
async fn what_one_node_records_counts_for_trust_at_the_others() {
    let nodes = Nodes::new();
    let (one, two, top, _) = nodes.pair().await;
    let score = |node: &Node| node.kavach.trust(&top).unwrap().score;
    let before = score(&two);
    for _ in 0..200 {
        assert!(
            !authorize(&one.kavach, top, "delete app:x")
                .await
                .is_allowed()
        );
    }
    assert_eq!(score(&two), before);
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(
            !authorize(&one.kavach, top, "delete app:x")
                .await
                .is_allowed()
        );
        score(&two);
    }
    let after = (score(&one), score(&two));
    assert!(after.1 < before, "{before} {after:?}");
    assert_eq!(after.0, after.1);
    // A node that opens then reads the same, and adds its own.
    let three = nodes.open().await;
    assert_eq!(score(&three), after.0);
    for node in [one, two, three] {
        node.kavach.close().await;
    }
    let alone = nodes.try_open(None).await.unwrap();
    assert_eq!(score(&alone), after.0);
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_one_limit_however_many_nodes_count() {
    let nodes = Nodes::new();
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(nodes.open().await);
    }
    let busy = new_agent("user:alice", "busy", &["read:app:*?rate=50/h"]);
    let busy = all[0].kavach.create_agent(busy).await.unwrap().id;
    let mut allowed = 0;
    for round in 0..60 {
        let node = &all[round % all.len()];
        node.kavach.refresh().await.unwrap();
        allowed += usize::from(node.ask(busy).await.is_allowed());
    }
    assert!((1..=50).contains(&allowed), "{allowed}");
}
