use std::sync::Arc;

use crate::{
    Batch, Call, Fault, Faults, FaultyStore, Gate, Key, MemoryStore, Migration, Revision, Space,
    Store, StoreErrorKind, When,
};

const QUIET: Space = Space::quiet("quiet");

fn key() -> Key {
    Key::new(QUIET, *b"k")
}

fn put() -> Batch {
    Batch {
        puts: vec![(key(), b"v".to_vec())],
        ..Batch::default()
    }
}

fn faulty() -> (Arc<FaultyStore<MemoryStore>>, Faults) {
    let faults = Faults::new();
    (
        Arc::new(FaultyStore::new(
            Arc::new(MemoryStore::new()),
            faults.clone(),
        )),
        faults,
    )
}

async fn is_there(store: &FaultyStore<MemoryStore>) -> bool {
    store.read(&[key()]).await.unwrap().records[0].is_some()
}

#[tokio::test]
async fn a_fault_says_what_it_does() {
    let cases = [
        (Fault::Unavailable, StoreErrorKind::Unavailable, false),
        (Fault::OutOfSpace, StoreErrorKind::Unavailable, false),
        (Fault::UnknownNotDone, StoreErrorKind::OutcomeUnknown, false),
        (Fault::UnknownDone, StoreErrorKind::OutcomeUnknown, true),
    ];
    for (fault, want, done) in cases {
        let (store, faults) = faulty();
        faults.inject(Call::Commit, When::Nth(1), fault.clone());
        assert_eq!(
            *store.commit(put()).await.unwrap_err().kind(),
            want,
            "{fault:?}"
        );
        assert_eq!(is_there(&store).await, done, "{fault:?}");
        store.commit(put()).await.unwrap();
        assert_eq!(faults.seen(Call::Commit), 2);
    }
}

#[tokio::test]
async fn the_nth_call_is_counted_from_the_injection() {
    let (store, faults) = faulty();
    store.commit(put()).await.unwrap();
    faults.inject(Call::Commit, When::Nth(2), Fault::Unavailable);
    let mut failed = Vec::new();
    for _ in 0..4 {
        failed.push(store.commit(put()).await.is_err());
    }
    assert_eq!(failed, [false, true, false, false]);
}

#[tokio::test]
async fn each_call_fails_until_cleared_and_others_do_not() {
    let (store, faults) = faulty();
    faults.inject(Call::Commit, When::Each, Fault::OutOfSpace);
    for _ in 0..3 {
        store.commit(put()).await.unwrap_err();
        assert!(!is_there(&store).await);
    }
    faults.clear();
    store.commit(put()).await.unwrap();
}

#[tokio::test]
async fn every_verb_can_fail() {
    let (store, faults) = faulty();
    for call in [
        Call::Read,
        Call::Scan,
        Call::Commit,
        Call::Changes,
        Call::AuditScan,
        Call::Migrate,
        Call::Health,
    ] {
        faults.inject(call, When::Each, Fault::UnknownNotDone);
    }
    let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
    let query = kavach_audit::Query::default();
    let unavailable = [
        store.read(&[]).await.unwrap_err(),
        store.scan(QUIET, all, 1).await.unwrap_err(),
        store.changes(Revision::ZERO, 1).await.unwrap_err(),
        store.audit_scan(&query, None, 1).await.unwrap_err(),
        store.health().await.unwrap_err(),
    ];
    for error in unavailable {
        assert_eq!(*error.kind(), StoreErrorKind::Unavailable);
    }
    for error in [
        store.commit(put()).await.unwrap_err(),
        store.migrate(Migration::Apply).await.unwrap_err(),
    ] {
        assert_eq!(*error.kind(), StoreErrorKind::OutcomeUnknown);
    }
}

#[tokio::test]
async fn what_fails_of_itself_keeps_its_error() {
    let (store, faults) = faulty();
    faults.inject(Call::Commit, When::Each, Fault::UnknownDone);
    let twice = Batch {
        deletes: vec![key(), key()],
        ..Batch::default()
    };
    assert_eq!(
        *store.commit(twice).await.unwrap_err().kind(),
        StoreErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn a_held_call_waits_for_the_gate() {
    for (before, done) in [(true, false), (false, true)] {
        let (store, faults) = faulty();
        let gate = Gate::new();
        let fault = if before {
            Fault::HeldBefore(gate.clone())
        } else {
            Fault::HeldAfter(gate.clone())
        };
        faults.inject(Call::Commit, When::Each, fault);
        let commit = || {
            tokio::spawn({
                let store = store.clone();
                async move { store.commit(put()).await }
            })
        };
        let (first, second) = (commit(), commit());
        gate.arrived(2).await;
        assert_eq!(is_there(&store).await, done);
        assert!(!first.is_finished() && !second.is_finished());

        gate.release_one();
        gate.open();
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        store.commit(put()).await.unwrap();
        gate.arrived(3).await;
    }
}

#[tokio::test]
async fn a_held_call_that_is_dropped_is_not_done() {
    let (store, faults) = faulty();
    let gate = Gate::new();
    faults.inject(Call::Commit, When::Nth(1), Fault::HeldBefore(gate.clone()));
    let held = tokio::spawn({
        let store = store.clone();
        async move { store.commit(put()).await }
    });
    gate.arrived(1).await;
    held.abort();
    assert!(held.await.unwrap_err().is_cancelled());
    gate.open();
    assert!(!is_there(&store).await);
}
