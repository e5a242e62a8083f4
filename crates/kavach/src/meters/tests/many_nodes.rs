//! Several nodes over one store, by hand: no committer, a clock that the test moves.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use kavach_core::LogId;
use kavach_store::{Call, Fault, Faults, FaultyStore, Gate, MemoryStore, Store, When};
use tokio::task::JoinSet;

use super::*;

const TRIES: usize = 64;

/// Nodes over one store.
struct Nodes {
    memory: MemoryStore,
    store: Arc<dyn Store>,
    meters: Vec<Arc<Meters>>,
}

impl Nodes {
    fn new(count: u128) -> Self {
        let memory = MemoryStore::new();
        let meters =
            (0..count).map(|node| Arc::new(Meters::shared(LogId::from_u128(node), 10, 3_600)));
        Self {
            store: Arc::new(memory.clone()),
            meters: meters.collect(),
            memory,
        }
    }

    /// A call of this node's, as `authorize` makes it.
    async fn call(&self, node: usize, charges: &[Charge], now: Timestamp) -> Option<Debit> {
        attempt(&self.meters[node], &self.store, charges, now).await
    }

    async fn hand_in(&self, what: HandIn, now: Timestamp) {
        for meters in &self.meters {
            meters.hand_in(&*self.store, what, now).await.unwrap();
        }
    }
}

async fn attempt(
    meters: &Meters,
    store: &Arc<dyn Store>,
    charges: &[Charge],
    now: Timestamp,
) -> Option<Debit> {
    for _ in 0..TRIES {
        let room = |charge| meters.room(TenantId::DEFAULT, charge, now);
        if charges.iter().any(|charge| room(charge) != Room::Enough) {
            return None;
        }
        match meters.debit(TenantId::DEFAULT, call(1), charges, now) {
            Ok(debit) => {
                debit.has_landed();
                return Some(debit);
            }
            Err(_) => meters
                .refill(store, TenantId::DEFAULT, charges, now)
                .await
                .unwrap(),
        }
    }
    panic!("neither room nor none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_calls_over_four_nodes_never_more_are_allowed_than_the_limit_says() {
    for span in [Span::Sliding(60), Span::Day] {
        let nodes = Nodes::new(4);
        let levels = [
            charge(counter(1, span), 137, 1),
            charge(counter(2, span), 1_000, 1),
        ];
        let mut tasks = JoinSet::new();
        for number in 0..1_000 {
            let meters = Arc::clone(&nodes.meters[number % 4]);
            let store = Arc::clone(&nodes.store);
            tasks.spawn(async move { attempt(&meters, &store, &levels, at(0)).await.is_some() });
        }
        let allowed = tasks
            .join_all()
            .await
            .into_iter()
            .filter(|allowed| *allowed)
            .count();
        assert!(allowed <= 137, "{allowed}");
        // What is left lies in slices. Handed in, all of it can be used, by anybody.
        nodes.hand_in(HandIn::All, at(0)).await;
        let mut more = 0;
        while nodes.call(3, &levels, at(1)).await.is_some() {
            more += 1;
        }
        assert_eq!(allowed + more, 137, "{span:?}");
        nodes.hand_in(HandIn::All, at(1)).await;
        for node in 0..4 {
            assert!(nodes.call(node, &levels, at(2)).await.is_none());
        }
        let (used, _) = nodes.meters[3].used(TenantId::DEFAULT, levels[0].counter, at(2));
        assert_eq!(used, 137);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_no_window_is_more_allowed_while_time_goes_on_and_nodes_die() {
    const WINDOW_S: i64 = 30;
    const LIMIT: u64 = 50;
    let nodes = Nodes::new(3);
    let rate = charge(counter(1, Span::Sliding(30)), LIMIT, 1);
    let clock = Arc::new(AtomicI64::new(0));
    let made: Arc<std::sync::Mutex<Vec<i64>>> = Arc::default();
    let mut tasks = JoinSet::new();
    for task in 0..6_usize {
        let store = Arc::clone(&nodes.store);
        let (clock, made) = (Arc::clone(&clock), Arc::clone(&made));
        let mut meters = Arc::clone(&nodes.meters[task % 3]);
        tasks.spawn(async move {
            for step in 0..400_usize {
                if task == 0 {
                    clock.fetch_add(1, Ordering::SeqCst);
                }
                // A node that dies, and one that comes in its place.
                if step % 100 == 99 && task == 1 {
                    let run = LogId::from_u128(100 + step as u128);
                    meters = Arc::new(Meters::shared(run, 10, 3_600));
                }
                let now = clock.load(Ordering::SeqCst);
                if let Some(debit) = attempt(&meters, &store, &[rate], at(now)).await {
                    // Another of this node's tasks may have seen a later second already.
                    made.lock()
                        .unwrap()
                        .push(debit.shares()[0].at.as_s() - NOON_S);
                }
                if step % 7 == 0 {
                    meters
                        .hand_in(&*store, HandIn::Ended, at(now))
                        .await
                        .unwrap();
                }
                tokio::task::yield_now().await;
            }
        });
    }
    tasks.join_all().await;
    let made = made.lock().unwrap();
    assert!(made.len() as u64 > 2 * LIMIT, "{}", made.len());
    for start in 0..400 {
        let within = |call: &&i64| **call >= start && **call < start + WINDOW_S;
        let count = made.iter().filter(within).count();
        assert!(count as u64 <= LIMIT, "{count} from second {start}");
    }
}

#[tokio::test]
async fn what_is_given_back_can_be_used_again_be_its_slice_held_or_handed_in() {
    for handed_in in [false, true] {
        let nodes = Nodes::new(2);
        let budget = charge(counter(1, Span::Total), 10, 10);
        let debit = nodes.call(0, &[budget], at(0)).await.unwrap();
        if handed_in {
            nodes.hand_in(HandIn::All, at(0)).await;
        }
        assert!(nodes.call(1, &[budget], at(0)).await.is_none());
        nodes.meters[0].landed(debit.shares());
        nodes.hand_in(HandIn::All, at(1)).await;
        assert!(
            nodes.call(1, &[budget], at(1)).await.is_some(),
            "{handed_in}"
        );
    }
}

#[tokio::test]
async fn a_slice_is_not_spent_after_its_lease_nor_under_a_lower_limit() {
    let nodes = Nodes::new(1);
    let rate = charge(counter(1, Span::Sliding(60)), 80, 1);
    nodes.call(0, &[rate], at(0)).await.unwrap();
    let debit = |limit, now| {
        let rate = Charge { limit, ..rate };
        nodes.meters[0].debit(TenantId::DEFAULT, call(1), &[rate], at(now))
    };
    assert_eq!(debit(79, 9).unwrap_err(), 0);
    assert_eq!(debit(0, 9).unwrap_err(), 0);
    assert_eq!(debit(80, 10).unwrap_err(), 0);
    drop(debit(80, 9).unwrap());
    drop(debit(81, 9).unwrap());
    // Under a lower limit, what was spent under the higher one counts.
    let lower = Charge { limit: 2, ..rate };
    assert!(nodes.call(0, &[lower], at(9)).await.is_some());
    assert!(nodes.call(0, &[lower], at(9)).await.is_none());
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_take_the_nodes_slice_with_it() {
    let nodes = Nodes::new(1);
    let budget = charge(counter(1, Span::Total), 3, 1);
    let charges = [budget];
    let gave_up = AtomicU64::new(0);
    for _ in 0..20 {
        let (meters, store) = (&nodes.meters[0], &nodes.store);
        let mut refill = Box::pin(meters.refill(store, TenantId::DEFAULT, &charges, at(0)));
        let waker = std::task::Waker::noop();
        let polled = refill
            .as_mut()
            .poll(&mut std::task::Context::from_waker(waker));
        gave_up.fetch_add(u64::from(polled.is_pending()), Ordering::SeqCst);
    }
    assert!(gave_up.into_inner() > 0);
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        assert!(nodes.call(0, &[budget], at(0)).await.is_some());
    }
    assert!(nodes.call(0, &[budget], at(0)).await.is_none());
}

#[tokio::test]
async fn a_pool_that_has_passed_goes_from_the_store() {
    let nodes = Nodes::new(2);
    let rate = charge(counter(1, Span::Sliding(60)), 9, 1);
    let total = charge(counter(1, Span::Total), 9, 1);
    nodes.call(0, &[rate, total], at(0)).await.unwrap();
    nodes.hand_in(HandIn::Ended, at(10)).await;
    nodes.hand_in(HandIn::Ended, at(119)).await;
    assert_eq!(records(&nodes.memory, POOLS).await.len(), 2);
    nodes.hand_in(HandIn::Ended, at(120)).await;
    assert_eq!(records(&nodes.memory, POOLS).await.len(), 1);
    assert!(
        nodes
            .call(1, &[charge(rate.counter, 9, 9)], at(121))
            .await
            .is_some()
    );
}

#[tokio::test]
async fn a_slice_that_is_being_handed_in_is_not_spent_meanwhile() {
    let (faults, memory) = (Faults::new(), Arc::new(MemoryStore::new()));
    let store: Arc<dyn Store> = Arc::new(FaultyStore::new(memory, faults.clone()));
    let meters = Arc::new(Meters::shared(LogId::from_u128(1), 10, 3_600));
    let small = charge(counter(1, Span::Total), 80, 1);
    attempt(&meters, &store, &[small], at(0)).await.unwrap();
    let gate = Gate::new();
    faults.inject(Call::Commit, When::Nth(1), Fault::HeldBefore(gate.clone()));
    let large = Charge {
        amount: 40,
        ..small
    };
    let waiting = tokio::spawn({
        let (meters, store) = (Arc::clone(&meters), Arc::clone(&store));
        async move { attempt(&meters, &store, &[large], at(0)).await.is_some() }
    });
    gate.arrived(1).await;
    let debit = || meters.debit(TenantId::DEFAULT, call(1), &[small], at(0));
    assert_eq!(debit().unwrap_err(), 0);
    gate.open();
    assert!(waiting.await.unwrap());
    let mut more = 0;
    while attempt(&meters, &store, &[small], at(0)).await.is_some() {
        more += 1;
    }
    assert_eq!(more, 80 - 40 - 1);
}
