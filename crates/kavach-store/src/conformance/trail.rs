//! Audit events: order, pages, and nothing lost.

use std::collections::BTreeMap;

use kavach_audit::{Detail, Event, Hop, Query, SealedEvent};
use kavach_core::{DelegationId, Reason, Timestamp};

use crate::conformance::fixture::{
    Compose, GRAPH, QUIET, batch, bytes, committed, event, events, handle, key, log, numbered,
    race, record, refused, scale, sealed,
};
use crate::conformance::harness::Harness;
use crate::conformance::questions::{agent, append_shuffled, in_order, owner, tenant};
use crate::limits::NUMBER_MAX;
use crate::store::AuditCursor;
use crate::{Batch, StoreErrorKind};

/// Three logs whose times overlap, with ties, and indexes whose text does not sort as they do.
fn interleaved() -> Vec<SealedEvent> {
    let mut events = Vec::new();
    for index in 0..25 {
        events.push(sealed(log(1), index, 1_000 + index / 3));
        events.push(sealed(log(2), index + 95, 1_000 + index / 7));
        events.push(sealed(log(300), index * 1_000_000_007, 999 + index));
    }
    events.push(sealed(log(4), 0, 0));
    events.push(sealed(log(4), NUMBER_MAX, NUMBER_MAX));
    events
}

pub(super) async fn events_come_in_order_of_time_log_and_index(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    append_shuffled(&*store, &interleaved()).await;
    let found = events(&*store, &Query::default(), 1000).await;
    assert_eq!(found, in_order(interleaved()));
}

pub(super) async fn pages_of_events_join_up(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    append_shuffled(&*store, &interleaved()).await;
    let want = in_order(interleaved());
    for limit in [
        1,
        2,
        3,
        7,
        want.len() - 1,
        want.len(),
        want.len() + 1,
        usize::MAX,
    ] {
        let found = events(&*store, &Query::default(), limit).await;
        assert_eq!(found, want, "limit {limit}");
        let query = Query {
            since_ns: Some(1_002),
            until_ns: Some(1_006),
            ..Query::default()
        };
        let want: Vec<_> = want
            .iter()
            .filter(|found| query.matches(&found.event))
            .cloned()
            .collect();
        assert_eq!(
            events(&*store, &query, limit).await,
            want,
            "limit {limit}, some of the time"
        );
    }

    // What comes ahead of the cursor meanwhile is found, what comes behind it is not, and nothing twice.
    let page = store.audit_scan(&Query::default(), None, 20).await.unwrap();
    let last = page.events.last().unwrap().event.time_ns;
    let (behind, ahead) = (sealed(log(9), 0, last - 1), sealed(log(9), 1, last + 1));
    committed(&*store, batch().event(&behind).event(&ahead)).await;
    let mut found = page.events;
    let mut cursor = page.next;
    while let Some(after) = cursor {
        let page = store
            .audit_scan(&Query::default(), Some(&after), 6)
            .await
            .unwrap();
        found.extend(page.events);
        cursor = page.next;
    }
    let mut want = want;
    want.push(ahead);
    assert_eq!(found, in_order(want));
}

pub(super) async fn a_log_comes_in_order_of_its_indexes(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    let mut other = event(log(2), 40, 2_000);
    // Of whom a log tells does not matter, nor do its times.
    other.tenant = tenant();
    let mut written = interleaved();
    written.extend([other.seal(), sealed(log(2), 41, 1)]);
    append_shuffled(&*handles[0], &written).await;
    for (number, from) in [
        (1, 0),
        (2, 0),
        (2, 41),
        (2, 42),
        (2, 95),
        (2, 119),
        (2, 120),
        (3, 0),
        (4, 0),
        (4, 1),
        (4, NUMBER_MAX),
        (4, NUMBER_MAX + 1),
        (4, u64::MAX),
        (300, 999_999_999),
    ] {
        let of_log = written.iter().map(|sealed| &sealed.event);
        let wanted = of_log.filter(|event| event.log == log(number) && event.index >= from);
        let mut want: Vec<u64> = wanted.map(|event| event.index).collect();
        want.sort_unstable();
        for (limit, store) in [1, 3, 25, usize::MAX]
            .into_iter()
            .zip(handles.iter().cycle())
        {
            let (mut found, mut next) = (Vec::new(), from);
            loop {
                let page = store.log_scan(log(number), next, limit).await.unwrap();
                assert!(page.len() <= limit, "{} on a page of {limit}", page.len());
                let Some(last) = page.last() else { break };
                next = last.event.index + 1;
                found.extend(page);
            }
            let indexes: Vec<u64> = found.iter().map(|sealed| sealed.event.index).collect();
            assert_eq!(indexes, want, "log {number} from {from}, {limit} at a time");
            assert!(found.iter().all(|sealed| written.contains(sealed)));
        }
    }
    let error = handles[0].log_scan(log(1), 0, 0).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::InvalidInput, "{error}");
    // What one handle wrote, the other finds.
    let last = sealed(log(1), 25, 0);
    committed(&*handles[0], batch().event(&last)).await;
    let found = handles[1].log_scan(log(1), 25, 10).await.unwrap();
    assert_eq!(found, [last]);
}

pub(super) async fn an_event_is_found_at_once(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    for index in 0..scale(40, 1000) {
        let mut event = event(
            log(index as u64 % 3),
            index as u64,
            1_000 - index as u64 % 10,
        );
        event.agent = Some(agent(index as u128));
        let event = event.seal();
        let (writer, reader) = (handle(&handles, index), handle(&handles, index + 1));
        committed(&*writer, batch().event(&event)).await;
        let query = Query {
            agent: event.event.agent,
            ..Query::default()
        };
        assert_eq!(
            events(&*reader, &query, 10).await,
            [event],
            "the event is not there yet"
        );
        assert_eq!(reader.health().await.unwrap().events, index as u64 + 1);
    }
}

/// An event with every field filled.
fn full() -> Event {
    let mut full = event(log(7), 12, 1_790_000_000_000_000_001);
    full.tenant = tenant();
    full.agent = Some(agent(1));
    full.claimed = Some("claimed".to_owned());
    full.owner = Some(owner(1));
    let hop = |number| Hop {
        agent: agent(number),
        delegation: (number > 0).then(|| DelegationId::from_parts(1, number)),
        at: Timestamp::from_s(1_790_000_000),
    };
    full.line = (0..8).map(hop).collect();
    full.action = Some("read".parse().unwrap());
    full.resource = Some("mcp:github:repos".parse().unwrap());
    full.grant = Some(u32::MAX);
    full.obligations = vec!["log".to_owned(), String::new()];
    full.revision = u64::MAX;
    full.request_id = Some("request".to_owned());
    full.cost = Some(u64::MAX);
    full.duration_ns = Some(0);
    full.audience = Some("https://example.com".to_owned());
    full.args_hash = Some([0xff; 32]);
    full.token_ids = vec!["a".to_owned(), "b".to_owned()];
    full.withdraws = Some(full.id);
    full.private = Some([0; 32]);
    full.detail = BTreeMap::from([
        ("name".to_owned(), Detail::Text("new".to_owned())),
        (
            "grants".to_owned(),
            Detail::List(vec!["read:x".to_owned(); 3]),
        ),
    ]);
    full
}

pub(super) async fn an_event_comes_back_byte_for_byte(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let mut long = event(log(7), 13, 1_790_000_000_000_000_001);
    long.tenant = tenant();
    long.request_id = Some("r".repeat(60_000));
    let want = [full().seal(), long.seal()];
    committed(&*store, batch().event(&want[1]).event(&want[0])).await;
    let query = Query {
        tenant: tenant(),
        ..Query::default()
    };
    let found = events(&*store, &query, 10).await;
    for (found, want) in found.iter().zip(&want) {
        assert_eq!(
            found.bytes, want.bytes,
            "the bytes were changed: nobody can verify them now"
        );
        assert_eq!(found, want);
    }
    assert_eq!(found.len(), 2);
}

pub(super) async fn a_second_event_at_the_same_place_is_refused(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    let first = sealed(log(1), 7, 100);
    committed(&*store, batch().event(&first)).await;
    let conflict = StoreErrorKind::Conflict(Vec::new());
    for reopened in [false, true] {
        if reopened {
            drop(store);
            store = harness.reopen().await;
        }
        // The very same, another of the same time, an earlier and a later one.
        let mut other = event(log(1), 7, 100);
        other.reason = Reason::TooDeep;
        for second in [
            first.clone(),
            other.seal(),
            sealed(log(1), 7, 99),
            sealed(log(1), 7, 101),
        ] {
            let fine = sealed(log(1), 8, 102);
            let again = batch()
                .event(&fine)
                .event(&second)
                .put(&key(GRAPH, "k"), "v");
            assert_eq!(refused(&*store, again).await, conflict);
            let found = events(&*store, &Query::default(), 10).await;
            assert_eq!(found, std::slice::from_ref(&first));
            assert_eq!(record(&*store, &key(GRAPH, "k")).await, None);
            assert_eq!(store.health().await.unwrap().events, 1);
        }
    }
    let handles = [store, harness.second_handle().await];
    // Sixteen committers that believe the log to be theirs: one of them is right.
    let won = race(16, |racer| {
        let store = handle(&handles, racer);
        let append = batch().event(&sealed(log(1), 8, 100 + racer as u64));
        let append = append.put(&key(QUIET, "head"), racer.to_string());
        async move {
            match store.commit(append).await {
                Ok(_) => true,
                Err(error) => {
                    assert_eq!(
                        *error.kind(),
                        StoreErrorKind::Conflict(Vec::new()),
                        "{error}"
                    );
                    false
                }
            }
        }
    })
    .await;
    let winners: Vec<usize> = (0..16).filter(|&racer| won[racer]).collect();
    assert_eq!(
        winners.len(),
        1,
        "{winners:?} wrote the same place of one log"
    );
    let head = bytes(&*handles[1], &key(QUIET, "head")).await.unwrap();
    assert_eq!(head, winners[0].to_string().into_bytes());
    // The same number in another log is another place.
    committed(&*handles[0], batch().event(&sealed(log(2), 7, 100))).await;
    assert_eq!(events(&*handles[0], &Query::default(), 10).await.len(), 3);
}

pub(super) async fn events_of_racing_logs_are_all_there(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    let (logs, rounds) = (8, scale(15, 300) as u64);
    let place = |log_number: usize, index: u64| {
        sealed(
            log(log_number as u64),
            index,
            1_000 + index * 3 + log_number as u64,
        )
    };
    race(logs, |log_number| {
        let store = handle(&handles, log_number);
        async move {
            for index in 0..rounds {
                let pair = [
                    place(log_number, index * 2),
                    place(log_number, index * 2 + 1),
                ];
                let append: Batch = pair.iter().fold(batch(), Compose::event);
                let head = numbered(QUIET, "head", log_number);
                committed(&*store, append.put(&head, index.to_string())).await;
                // A page that is read meanwhile is in order, and holds what was committed before.
                let page = store
                    .audit_scan(&Query::default(), None, 1000)
                    .await
                    .unwrap();
                assert_eq!(page.events, in_order(page.events.clone()));
                let own = pair
                    .iter()
                    .filter(|event| page.events.contains(event))
                    .count();
                assert!(
                    own == 2 || page.next.is_some(),
                    "an event is missing right after its commit"
                );
            }
        }
    })
    .await;
    let all = (0..logs).flat_map(|log| (0..rounds * 2).map(move |index| place(log, index)));
    let want = in_order(all.collect());
    assert_eq!(events(&*handles[1], &Query::default(), 100).await, want);
}

pub(super) async fn events_survive_reopening(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    append_shuffled(&*store, &interleaved()).await;
    let page = store.audit_scan(&Query::default(), None, 10).await.unwrap();
    drop(store);
    store = harness.reopen().await;
    let want = in_order(interleaved());
    assert_eq!(events(&*store, &Query::default(), 7).await, want);
    assert_eq!(store.health().await.unwrap().events, want.len() as u64);
    // A cursor is good for longer than the handle that gave it.
    let rest = store
        .audit_scan(&Query::default(), page.next.as_ref(), 1000)
        .await
        .unwrap();
    let found: Vec<_> = page.events.into_iter().chain(rest.events).collect();
    assert_eq!(found, want);
}

pub(super) async fn a_cursor_from_elsewhere_is_refused(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    committed(&*store, batch().event(&sealed(log(1), 0, 100))).await;
    for bytes in [vec![], vec![0], b"no more".to_vec(), vec![0xff; 1000]] {
        let cursor = AuditCursor::new(bytes);
        let answer = store.audit_scan(&Query::default(), Some(&cursor), 10).await;
        let error = answer.expect_err("a cursor that is none was accepted");
        assert_eq!(
            *error.kind(),
            StoreErrorKind::InvalidInput,
            "{cursor:?}: {error}"
        );
    }
}
