//! Races: many callers, and the answer of one of them counts.

use kavach_audit::Query;

use crate::conformance::fixture::{
    ALL, Compose, GRAPH, OTHER, QUIET, batch, bytes, committed, events, handle, key, log, numbered,
    race, record, scale, scan, sealed,
};
use crate::conformance::harness::Harness;
use crate::store::Store;
use crate::{Batch, Committed, StoreErrorKind};

/// Commits; `None` if that was a conflict over exactly these expectations. Nothing else may happen.
async fn win(store: &dyn Store, batch: Batch, contended: &[usize]) -> Option<Committed> {
    match store.commit(batch).await {
        Ok(committed) => Some(committed),
        Err(error) => {
            let want = StoreErrorKind::Conflict(contended.to_vec());
            assert_eq!(
                *error.kind(),
                want,
                "a race may end in this conflict only: {error}"
            );
            None
        }
    }
}

/// An authorization code is spent by a delete on condition that it is the record that was read.
pub(super) async fn one_of_64_racers_spends_a_code(harness: &mut dyn Harness) {
    for _ in 0..scale(3, 100) {
        let handles = [harness.fresh().await, harness.second_handle().await];
        let code = key(QUIET, "code");
        let version = committed(&*handles[0], batch().put(&code, "for agent 1"))
            .await
            .version;
        let spent = race(64, |racer| {
            let store = handle(&handles, racer);
            // All have read the code before the first of them spends it.
            let spend = batch()
                .version(&code, version)
                .delete(&code)
                .put(&numbered(QUIET, "session", racer), "open")
                .event(&sealed(log(racer as u64), 0, 100));
            async move { win(&*store, spend, &[0]).await.is_some() }
        })
        .await;
        let winners: Vec<usize> = (0..64).filter(|&racer| spent[racer]).collect();
        assert_eq!(winners.len(), 1, "the code was spent by {winners:?}");
        assert_eq!(record(&*handles[1], &code).await, None);
        let sessions = scan(&*handles[0], QUIET, ALL, 100).await;
        let sessions: Vec<Vec<u8>> = sessions.into_iter().map(|(key, _)| key).collect();
        assert_eq!(sessions, [format!("session/{}", winners[0]).into_bytes()]);
        let events = events(&*handles[0], &Query::default(), 100).await;
        assert_eq!(
            events,
            [sealed(log(winners[0] as u64), 0, 100)],
            "a loser left an event"
        );
    }
}

/// Seven delegate under a parent while an eighth revokes it. Who reads that the parent is alive and
/// writes a child must not do so after the revocation.
pub(super) async fn no_child_is_delegated_after_its_parent_changed(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    for round in 0..scale(30, 1000) {
        let parent = numbered(GRAPH, "parent", round);
        let version = committed(&*handles[0], batch().put(&parent, "active"))
            .await
            .version;
        let revoker = round % 8;
        let child = |racer: usize| numbered(OTHER, "child", round * 8 + racer);
        let answers = race(8, |racer| {
            let (store, parent) = (handle(&handles, racer), parent.clone());
            let change = match racer {
                _ if racer == revoker => batch().put(&parent, "revoked"),
                _ => batch().put(&child(racer), "delegated"),
            };
            async move { win(&*store, change.version(&parent, version), &[0]).await }
        })
        .await;
        let revoked = answers[revoker]
            .expect("nothing stands in the way of the revocation")
            .revision;
        for racer in (0..8).filter(|&racer| racer != revoker) {
            let there = record(&*handles[1], &child(racer)).await.is_some();
            match answers[racer] {
                Some(delegated) => {
                    assert!(there, "an acknowledged child is gone");
                    let (delegated, revoked) = (delegated.revision.number(), revoked.number());
                    assert!(
                        delegated < revoked,
                        "a child came after its parent was revoked"
                    );
                }
                None => assert!(!there, "a refused child is there"),
            }
        }
    }
}

pub(super) async fn a_limit_is_never_exceeded(harness: &mut dyn Harness) {
    let limit = 40;
    let handles = [harness.fresh().await, harness.second_handle().await];
    let counter = key(QUIET, "counter");
    committed(&*handles[0], batch().put(&counter, "0")).await;
    let debits = race(64, |racer| {
        let (store, counter) = (handle(&handles, racer), counter.clone());
        async move {
            for attempt in 0_u64.. {
                let found = record(&*store, &counter)
                    .await
                    .expect("the counter is there");
                let used: u64 = str::from_utf8(&found.bytes).unwrap().parse().unwrap();
                if used == limit {
                    return false;
                }
                let debit = batch()
                    .version(&counter, found.version)
                    .put(&counter, (used + 1).to_string())
                    .put(&numbered(QUIET, "debit", racer), attempt.to_string())
                    .event(&sealed(log(racer as u64), 0, 100));
                if win(&*store, debit, &[0]).await.is_some() {
                    return true;
                }
            }
            false
        }
    })
    .await;
    let allowed = debits.iter().filter(|&&allowed| allowed).count() as u64;
    assert_eq!(allowed, limit, "{allowed} debits under a limit of {limit}");
    assert_eq!(
        bytes(&*handles[1], &counter).await.unwrap(),
        limit.to_string().into_bytes()
    );
    let records = scan(&*handles[0], QUIET, ALL, 100).await;
    assert_eq!(
        records.len() as u64,
        limit + 1,
        "as many debits are recorded as were allowed"
    );
    assert_eq!(
        events(&*handles[0], &Query::default(), 100).await.len() as u64,
        limit
    );
}

pub(super) async fn an_idempotency_key_lets_one_batch_through(harness: &mut dyn Harness) {
    let mut handles = vec![harness.fresh().await, harness.second_handle().await];
    let key = key(QUIET, "idempotency/7f3a");
    // All send one request; each attempt would give another order.
    let order = |attempt: usize| numbered(GRAPH, "order", attempt);
    let request = |attempt: usize| {
        batch()
            .absent(&key)
            .put(&key, attempt.to_string())
            .put(&order(attempt), "made")
    };
    let won = race(32, |racer| {
        let (store, request) = (handle(&handles, racer), request(racer));
        async move { win(&*store, request, &[0]).await.is_some() }
    })
    .await;
    let winners: Vec<usize> = (0..32).filter(|&racer| won[racer]).collect();
    assert_eq!(
        winners.len(),
        1,
        "one request had the effects of {winners:?}"
    );
    let made = winners[0].to_string().into_bytes();
    for _ in 0..2 {
        let store = handles[0].clone();
        assert!(
            win(&*store, request(99), &[0]).await.is_none(),
            "the request was repeated"
        );
        assert_eq!(
            bytes(&*store, &key).await.unwrap(),
            made,
            "the key names the order made"
        );
        assert_eq!(scan(&*store, GRAPH, ALL, 10).await.len(), 1);
        drop(store);
        handles.clear();
        handles.push(harness.reopen().await);
    }
}

pub(super) async fn racers_on_different_keys_all_succeed(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    for round in 0..scale(2, 50) {
        let committed = race(64, |racer| {
            let store = handle(&handles, racer);
            let number = round * 64 + racer;
            let (graph, quiet) = (numbered(GRAPH, "g", number), numbered(QUIET, "q", number));
            let write = batch()
                .absent(&graph)
                .absent(&quiet)
                .put(&graph, number.to_string())
                .put(&quiet, number.to_string())
                .event(&sealed(log(racer as u64), round as u64, 100));
            async move {
                let committed = win(&*store, write, &[]).await;
                let committed = committed.expect("a conflict where nobody disagrees");
                let snapshot = store.read(&[graph, quiet]).await.unwrap();
                for found in snapshot.records {
                    assert_eq!(found.unwrap().version, committed.version);
                }
                assert!(snapshot.revision.number() >= committed.revision.number());
                committed
            }
        })
        .await;
        let mut numbers: Vec<u64> = committed
            .iter()
            .map(|committed| committed.revision.number())
            .collect();
        numbers.sort_unstable();
        let first = round as u64 * 64 + 1;
        assert_eq!(
            numbers,
            (first..first + 64).collect::<Vec<u64>>(),
            "each revision once"
        );
    }
    let all = 64 * scale(2, 50);
    assert_eq!(scan(&*handles[0], GRAPH, ALL, 1000).await.len(), all);
    assert_eq!(
        events(&*handles[1], &Query::default(), 1000).await.len(),
        all
    );
}

/// Write skew: each of two sees the other still seated, and leaves. Serializable means that one of
/// them must not.
pub(super) async fn two_racers_do_not_both_leave_the_last_seat(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    for round in 0..scale(30, 1000) {
        let seats = [0, 1].map(|racer| numbered(QUIET, "seat", round * 2 + racer));
        let seated = batch().put(&seats[0], "taken").put(&seats[1], "taken");
        committed(&*handles[0], seated).await;
        let left = race(2, |racer| {
            let (store, seats) = (handle(&handles, racer), seats.clone());
            async move {
                let found = store.read(&seats).await.unwrap().records;
                let [Some(own), Some(other)] = &found[..] else {
                    return false;
                };
                let (own_seat, other_seat) = (&seats[racer], &seats[1 - racer]);
                let (own, other) = if racer == 0 {
                    (own, other)
                } else {
                    (other, own)
                };
                let leave = batch().version(other_seat, other.version).delete(own_seat);
                win(&*store, leave.version(own_seat, own.version), &[0])
                    .await
                    .is_some()
            }
        })
        .await;
        assert_ne!(left, [true, true], "both left");
        assert_ne!(left, [false, false], "nobody could leave");
    }
}
