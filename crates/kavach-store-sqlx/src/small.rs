//! What only shows where bounds are small, or where two meet at a place that is empty.

use std::sync::Arc;
use std::task::{Context, Waker};

use kavach_store::kavach_audit::{Event, EventKind, Outcome, Query, SealedEvent};
use kavach_store::kavach_core::{EventId, LogId, Reason, TenantId};
use kavach_store::{Batch, Expect, Key, Migration, Revision, Space, Store, StoreErrorKind};

use crate::limits::{FEED_COMMITS_MAX, FEED_TRIM_EVERY};

const GRAPH: Space = Space::graph("small");
const QUIET: Space = Space::quiet("small_quiet");

fn put(space: Space, key: &[u8]) -> Batch {
    Batch {
        puts: vec![(Key::new(space, key), b"v".to_vec())],
        ..Batch::default()
    }
}

/// The feed reaches back as far as it should, and no further than it may.
pub(crate) async fn the_feed_forgets(store: &dyn Store) {
    store.migrate(Migration::Apply).await.unwrap();
    let mut revisions = vec![Revision::ZERO];
    let commits = FEED_COMMITS_MAX + 3 * FEED_TRIM_EVERY;
    for number in 0..commits {
        let committed = store
            .commit(put(GRAPH, &number.to_be_bytes()))
            .await
            .unwrap();
        revisions.push(committed.revision);
    }
    let kept: Vec<bool> = {
        let mut kept = Vec::new();
        for revision in &revisions {
            match store.changes(*revision, 1).await {
                Ok(_) => kept.push(true),
                Err(error) => {
                    assert_eq!(*error.kind(), StoreErrorKind::Compacted, "{error}");
                    kept.push(false);
                }
            }
        }
        kept
    };
    let reach = kept.iter().filter(|kept| **kept).count() as u64;
    assert!(kept.is_sorted(), "the feed has a hole: {kept:?}");
    assert!(
        reach >= FEED_COMMITS_MAX,
        "the feed reaches back {reach} commits"
    );
    assert!(
        reach <= FEED_COMMITS_MAX + FEED_TRIM_EVERY + 1,
        "{reach} commits are kept"
    );
}

fn event(number: u64) -> SealedEvent {
    let reason = if number.is_multiple_of(37) {
        Reason::TooDeep
    } else {
        Reason::Granted
    };
    let tenant = TenantId::default();
    let id = EventId::from_parts(1_790_000_000_000, number.into());
    Event {
        log: LogId::from_parts(1_790_000_000_000, (number % 3).into()),
        index: number,
        time_ns: 1_000 + number / 4,
        ..Event::new(id, tenant, EventKind::Authorize, Outcome::Deny, reason)
    }
    .seal()
}

/// Pages on which few events match, or none, lead to all that do.
pub(crate) async fn sparse_pages_join_up(store: &dyn Store) {
    store.migrate(Migration::Apply).await.unwrap();
    let mut all: Vec<SealedEvent> = (0..200).map(event).collect();
    let batch = Batch {
        events: all.clone(),
        ..Batch::default()
    };
    store.commit(batch).await.unwrap();
    all.sort_by_key(|sealed| (sealed.event.time_ns, sealed.event.log, sealed.event.index));
    let queries = [
        Query {
            reason: Some(Reason::TooDeep),
            ..Query::default()
        },
        Query {
            reason: Some(Reason::Granted),
            ..Query::default()
        },
        Query {
            outcome: Some(Outcome::Deny),
            reason: Some(Reason::TooDeep),
            ..Query::default()
        },
        Query {
            reason: Some(Reason::NoGrants),
            ..Query::default()
        },
        Query {
            reason: Some(Reason::TooDeep),
            since_ns: Some(1_010),
            until_ns: Some(1_040),
            ..Query::default()
        },
    ];
    for query in queries {
        let want: Vec<SealedEvent> = all
            .iter()
            .filter(|sealed| query.matches(&sealed.event))
            .cloned()
            .collect();
        for limit in [1, 2, 7, 500] {
            let (mut found, mut cursor, mut pages) = (Vec::new(), None, 0);
            loop {
                let page = store
                    .audit_scan(&query, cursor.as_ref(), limit)
                    .await
                    .unwrap();
                found.extend(page.events);
                pages += 1;
                assert!(pages < 1_000, "the pages do not end");
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(found, want, "{query:?}, limit {limit}");
        }
    }
}

/// A commit goes on to its end once it was begun, though nobody waits for it any more.
pub(crate) async fn a_commit_outlives_its_caller(store: &dyn Store) {
    store.migrate(Migration::Apply).await.unwrap();
    for number in 0..20_u8 {
        let key = [Key::new(GRAPH, [number])];
        let mut commit = store.commit(put(GRAPH, &[number]));
        for _ in 0..=number % 4 {
            let _ = commit
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
        }
        drop(commit);
        let mut looks = 0;
        while store.read(&key).await.unwrap().records[0].is_none() {
            looks += 1;
            assert!(looks < 3_000, "commit {number} was ended with its caller");
        }
    }
}

/// Write skew where nothing is: each of two sees that the other has not sat down, and sits. One must not.
/// And each of two deletes what the other writes: one of the writes must be gone.
pub(crate) async fn nothing_is_held_too(stores: [Arc<dyn Store>; 2]) {
    for round in 0..60_u32 {
        let seats =
            [0_u8, 1].map(|seat| Key::new(QUIET, [&round.to_be_bytes()[..], &[seat]].concat()));
        let sat = race(&stores, &seats, true).await;
        assert!(sat.iter().any(|sat| *sat), "nobody could sit");
        assert!(!sat.iter().all(|sat| *sat), "both sat");

        let seats =
            [2_u8, 3].map(|seat| Key::new(QUIET, [&round.to_be_bytes()[..], &[seat]].concat()));
        race(&stores, &seats, false).await;
        let left = stores[0].read(&seats).await.unwrap().records;
        let left = left.iter().flatten().count();
        assert_eq!(
            left, 1,
            "each deleted what the other wrote, and {left} are there"
        );
    }
}

/// Two at once: each writes its own key, and expects the other's to be absent, or deletes it.
async fn race(stores: &[Arc<dyn Store>; 2], keys: &[Key; 2], expects: bool) -> Vec<bool> {
    let start = Arc::new(tokio::sync::Barrier::new(2));
    let racers: Vec<_> = (0..2)
        .map(|racer| {
            let (store, start) = (Arc::clone(&stores[racer]), Arc::clone(&start));
            let (own, other) = (keys[racer].clone(), keys[1 - racer].clone());
            tokio::spawn(async move {
                let mut batch = Batch {
                    puts: vec![(own, b"v".to_vec())],
                    ..Batch::default()
                };
                if expects {
                    batch.expectations.push((other, Expect::Absent));
                } else {
                    batch.deletes.push(other);
                }
                start.wait().await;
                match store.commit(batch).await {
                    Ok(_) => true,
                    Err(error) => {
                        assert_eq!(*error.kind(), StoreErrorKind::Conflict(vec![0]), "{error}");
                        false
                    }
                }
            })
        })
        .collect();
    let mut answers = Vec::new();
    for racer in racers {
        answers.push(racer.await.unwrap());
    }
    answers
}
