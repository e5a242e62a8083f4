//! Telling the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kavach::store::Space;
use kavach::{ApprovalListener, ApprovalRequest, Kavach, ManualClock, MemoryStore, NotDelivered};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{APPROVE, call};
use crate::world::{NOW, new_agent, scan, subject, time};

/// Hears news, and may not want to.
#[derive(Debug)]
struct Ear {
    heard: UnboundedSender<(&'static str, ApprovalRequest)>,
    deaf: Arc<AtomicBool>,
}

impl Ear {
    fn hear(&self, what: &'static str, request: &ApprovalRequest) -> Result<(), NotDelivered> {
        self.heard.send((what, request.clone())).unwrap();
        if self.deaf.load(Ordering::SeqCst) {
            return Err(NotDelivered("nobody is at home".into()));
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl ApprovalListener for Ear {
    async fn requested(&self, request: &ApprovalRequest) -> Result<(), NotDelivered> {
        self.hear("requested", request)
    }

    async fn decided(&self, request: &ApprovalRequest) -> Result<(), NotDelivered> {
        self.hear("decided", request)
    }
}

struct House {
    store: MemoryStore,
    clock: Arc<ManualClock>,
    deaf: Arc<AtomicBool>,
    heard: UnboundedReceiver<(&'static str, ApprovalRequest)>,
    heard_by: UnboundedSender<(&'static str, ApprovalRequest)>,
}

impl House {
    fn new() -> Self {
        let (heard_by, heard) = unbounded_channel();
        Self {
            store: MemoryStore::new(),
            clock: Arc::new(ManualClock::new(time(NOW))),
            deaf: Arc::default(),
            heard,
            heard_by,
        }
    }

    async fn open(&self) -> Kavach {
        let ear = Ear {
            heard: self.heard_by.clone(),
            deaf: Arc::clone(&self.deaf),
        };
        Kavach::builder(self.store.clone())
            .clock(Arc::clone(&self.clock) as _)
            .approval_ttl_s(60)
            .approval_listener(Arc::new(ear))
            .open()
            .await
            .unwrap()
    }

    /// What was heard next: `requested pending`.
    async fn next(&mut self) -> String {
        let (what, request) = self.heard.recv().await.unwrap();
        format!("{what} {}", request.state)
    }

    async fn untold(&self) -> usize {
        scan(&self.store, Space::quiet("approval_notice"))
            .await
            .len()
    }
}

/// An agent that needs approval, Bob who gives it, and a first call.
async fn ask(kavach: &Kavach) -> kavach::ApprovalId {
    let new = new_agent("user:alice", "payer", &["pay:app:bank:*?approve"]);
    let payer = kavach.create_agent(new).await.unwrap();
    let granted = kavach
        .grant_owner(&subject("user:bob"), &[APPROVE.parse().unwrap()])
        .await;
    granted.unwrap();
    let call = call(payer.id, "pay app:bank:acme", json!({"amount": 100}));
    kavach.authorize_call(call).await.unwrap().approval.unwrap()
}

#[tokio::test]
async fn a_listener_hears_of_the_request_and_of_the_answer() {
    let mut house = House::new();
    let kavach = house.open().await;
    let id = ask(&kavach).await;
    let (what, request) = house.heard.recv().await.unwrap();
    assert_eq!((what, request.id), ("requested", id));
    assert_eq!(
        request.args,
        kavach::ApprovalArgs::Shown(json!({"amount": 100}))
    );
    kavach
        .grant_approval(&id, &subject("user:bob"), None)
        .await
        .unwrap();
    assert_eq!(house.next().await, "decided approved");
    kavach
        .deny_approval(&id, &subject("user:bob"), None)
        .await
        .unwrap();
    assert_eq!(house.next().await, "decided denied");
    kavach.close().await;
    assert_eq!(house.untold().await, 0);
}

#[tokio::test]
async fn a_yes_that_does_not_decide_is_no_news() {
    let mut house = House::new();
    let kavach = house.open().await;
    let new = new_agent("user:alice", "payer", &["pay:app:bank:*?approve=2"]);
    let payer = kavach.create_agent(new).await.unwrap();
    for person in ["user:bob", "user:carol"] {
        let granted = kavach
            .grant_owner(&subject(person), &[APPROVE.parse().unwrap()])
            .await;
        granted.unwrap();
    }
    let call = call(payer.id, "pay app:bank:acme", json!(1));
    let id = kavach.authorize_call(call).await.unwrap().approval.unwrap();
    for person in ["user:bob", "user:carol"] {
        kavach
            .grant_approval(&id, &subject(person), None)
            .await
            .unwrap();
    }
    kavach.close().await;
    assert!(house.next().await.starts_with("requested "));
    assert_eq!(house.next().await, "decided approved");
    assert!(house.heard.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_reached_nobody_is_told_again_and_decisions_do_not_wait() {
    let mut house = House::new();
    house.deaf.store(true, Ordering::SeqCst);
    let kavach = house.open().await;
    ask(&kavach).await;
    for _ in 0..3 {
        assert_eq!(house.next().await, "requested pending");
    }
    house.deaf.store(false, Ordering::SeqCst);
    assert_eq!(house.next().await, "requested pending");
    kavach.close().await;
    assert_eq!(house.untold().await, 0);
    assert!(house.heard.try_recv().is_err(), "told once it was heard");
}

#[tokio::test(start_paused = true)]
async fn what_reached_nobody_at_all_is_told_at_the_next_opening() {
    let mut house = House::new();
    house.deaf.store(true, Ordering::SeqCst);
    let kavach = house.open().await;
    let id = ask(&kavach).await;
    for _ in 0..5 {
        assert_eq!(house.next().await, "requested pending");
    }
    kavach.close().await;
    assert!(
        house.heard.try_recv().is_err(),
        "tried five times, and no more"
    );
    assert_eq!(house.untold().await, 1);

    house.deaf.store(false, Ordering::SeqCst);
    let kavach = house.open().await;
    let (what, request) = house.heard.recv().await.unwrap();
    assert_eq!((what, request.id), ("requested", id));
    kavach.close().await;
    assert_eq!(house.untold().await, 0);
}

#[tokio::test(start_paused = true)]
async fn closing_tries_once_and_does_not_wait_for_better_times() {
    let mut house = House::new();
    house.deaf.store(true, Ordering::SeqCst);
    let kavach = house.open().await;
    ask(&kavach).await;
    let before = tokio::time::Instant::now();
    kavach.close().await;
    assert!(
        before.elapsed().as_secs() < 10,
        "at most what closing waits"
    );
    assert_eq!(house.next().await, "requested pending");
    assert_eq!(house.untold().await, 1);
}

#[tokio::test(start_paused = true)]
async fn news_of_a_call_that_is_over_and_cleared_away_is_told_to_nobody() {
    let mut house = House::new();
    house.deaf.store(true, Ordering::SeqCst);
    let kavach = house.open().await;
    ask(&kavach).await;
    kavach.close().await;
    while house.heard.try_recv().is_ok() {}
    house.deaf.store(false, Ordering::SeqCst);

    house.clock.advance_s(60);
    let quiet = Kavach::builder(house.store.clone())
        .clock(Arc::clone(&house.clock) as _)
        .open()
        .await
        .unwrap();
    let payer = quiet.find_agent("payer").unwrap();
    // The next request clears the first away.
    let other = call(payer.id, "pay app:bank:acme", json!({"amount": 2}));
    let _ = quiet.authorize_call(other).await.unwrap();
    quiet.close().await;

    house.open().await.close().await;
    assert_eq!(house.untold().await, 0);
    assert!(house.heard.try_recv().is_err());
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_kept_to_tell() {
    let store = MemoryStore::new();
    let kavach = Kavach::open(store.clone()).await.unwrap();
    ask(&kavach).await;
    kavach.close().await;
    assert!(
        scan(&store, Space::quiet("approval_notice"))
            .await
            .is_empty()
    );
}
