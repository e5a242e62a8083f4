//! Audit events: order, pages, questions, and nothing lost.

use std::collections::BTreeMap;

use kavach_audit::{Detail, Event, EventKind, Hop, Outcome, Query, SealedEvent};
use kavach_core::{AgentId, DelegationId, Reason, SubjectId, TenantId, Timestamp};

use crate::conformance::dice::Dice;
use crate::conformance::fixture::{
    Compose, GRAPH, QUIET, batch, bytes, committed, event, events, handle, key, log, numbered, race,
    record, refused, scale, sealed,
};
use crate::conformance::harness::Harness;
use crate::limits::NUMBER_MAX;
use crate::store::{AuditCursor, Store};
use crate::{Batch, StoreErrorKind};

fn in_order(mut events: Vec<SealedEvent>) -> Vec<SealedEvent> {
    events.sort_by_key(|SealedEvent { event, .. }| (event.time_ns, event.log, event.index));
    events
}

/// Commits events in a shuffled order, a few at a time, beside records.
async fn append_shuffled(store: &dyn Store, events: &[SealedEvent]) {
    let mut events = events.to_vec();
    Dice::new(23).shuffle(&mut events);
    for (number, chunk) in events.chunks(5).enumerate() {
        let head = batch().put(&numbered(QUIET, "head", number), "v");
        committed(store, chunk.iter().fold(head, Compose::event)).await;
    }
}

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
    for limit in [1, 2, 3, 7, want.len() - 1, want.len(), want.len() + 1, usize::MAX] {
        let found = events(&*store, &Query::default(), limit).await;
        assert_eq!(found, want, "limit {limit}");
        let query = Query { since_ns: Some(1_002), until_ns: Some(1_006), ..Query::default() };
        let want: Vec<_> = want.iter().filter(|found| query.matches(&found.event)).cloned().collect();
        assert_eq!(events(&*store, &query, limit).await, want, "limit {limit}, some of the time");
    }

    // What comes ahead of the cursor meanwhile is found, what comes behind it is not, and nothing twice.
    let page = store.audit_scan(&Query::default(), None, 20).await.unwrap();
    let last = page.events.last().unwrap().event.time_ns;
    let (behind, ahead) = (sealed(log(9), 0, last - 1), sealed(log(9), 1, last + 1));
    committed(&*store, batch().event(&behind).event(&ahead)).await;
    let mut found = page.events;
    let mut cursor = page.next;
    while let Some(after) = cursor {
        let page = store.audit_scan(&Query::default(), Some(&after), 6).await.unwrap();
        found.extend(page.events);
        cursor = page.next;
    }
    let mut want = want;
    want.push(ahead);
    assert_eq!(found, in_order(want));
}

fn agent(number: u128) -> AgentId {
    AgentId::from_parts(1_790_000_000_000, number)
}

fn owner(number: u128) -> SubjectId {
    SubjectId::from_parts(1_790_000_000_000, number)
}

fn tenant() -> TenantId {
    format!("ten_{}", "0123456789abcdefghjkmnpq12").parse().unwrap()
}

const ACTIONS: [&str; 4] = ["read", "Read", "READ", "read_all"];
const RESOURCES: [&str; 8] = [
    "mcp:github:repos",
    "mcp:GitHub:repos",
    "mcp:github:repos:1",
    "mcp:github:repos_x",
    "data:a_b:c",
    "data:axb:c",
    "data:a%25b:c",
    "mcp:github",
];
const PATTERNS: [&str; 9] = [
    "mcp:github:repos",
    "mcp:github:*",
    "mcp:github:**",
    "mcp:github:repos*",
    "data:a_b:*",
    "data:a%25b:c",
    "data:*:c",
    "x-none:at-all",
    "**",
];
const OUTCOMES: [Outcome; 3] = [Outcome::Allow, Outcome::Deny, Outcome::Done];
const REASONS: [Reason; 3] = [Reason::Granted, Reason::NoMatchingGrant, Reason::TooDeep];
const KINDS: [EventKind; 3] = [EventKind::Authorize, EventKind::Withdrawn, EventKind::Delegated];

/// An event in which each field is there or not, and differs from its neighbours'.
fn varied(number: u64, dice: &mut Dice) -> Event {
    let mut event = event(log(1 + number % 2), number, 1_000 + number / 2);
    event.tenant = if dice.once_in(4) { tenant() } else { TenantId::default() };
    event.kind = *dice.pick(&KINDS);
    event.outcome = *dice.pick(&OUTCOMES);
    event.reason = *dice.pick(&REASONS);
    if !dice.once_in(4) {
        event.owner = Some(owner(dice.below(3) as u128));
        event.action = Some(dice.pick(&ACTIONS).parse().unwrap());
        event.resource = Some(dice.pick(&RESOURCES).parse().unwrap());
    }
    if !dice.once_in(5) {
        // A line of one to four, which may leave out the agent that acts.
        let hop = |depth: usize, agent| Hop {
            agent,
            delegation: (depth > 0).then(|| DelegationId::from_parts(1, depth as u128)),
            at: Timestamp::from_s(1_790_000_000 + depth as i64),
        };
        let depth = 1 + dice.below(4);
        event.line = (0..depth).map(|depth| hop(depth, agent(dice.below(6) as u128))).collect();
        event.agent = if dice.once_in(3) {
            Some(agent(dice.below(6) as u128))
        } else {
            event.line.last().map(|hop| hop.agent)
        };
    } else if dice.once_in(2) {
        event.claimed = Some("somebody".to_owned());
    }
    event
}

/// One query for each value of each part, and then some of several parts.
fn queries(dice: &mut Dice) -> Vec<Query> {
    let all = Query::default;
    let mut queries = vec![all(), Query { tenant: tenant(), ..all() }];
    for number in 0..7 {
        queries.push(Query { agent: Some(agent(number)), ..all() });
        queries.push(Query { under: Some(agent(number)), ..all() });
        queries.push(Query { under: Some(agent(number)), tenant: tenant(), ..all() });
        queries.push(Query { owner: Some(owner(number)), ..all() });
    }
    for action in ACTIONS.into_iter().chain(["rea", "read_"]) {
        queries.push(Query { action: Some(action.parse().unwrap()), ..all() });
    }
    for pattern in PATTERNS {
        queries.push(Query { resource: Some(pattern.parse().unwrap()), ..all() });
    }
    queries.extend(OUTCOMES.map(|outcome| Query { outcome: Some(outcome), ..all() }));
    queries.extend(REASONS.map(|reason| Query { reason: Some(reason), ..all() }));
    queries.extend(KINDS.map(|kind| Query { kind: Some(kind), ..all() }));
    queries.push(Query { reason: Some(Reason::StaleState), ..all() });
    for _ in 0..scale(40, 1000) {
        let mut query = all();
        for _ in 0..1 + dice.below(3) {
            let part = dice.pick(&queries[..]).clone();
            query.tenant = part.tenant;
            query.agent = part.agent.or(query.agent);
            query.under = part.under.or(query.under);
            query.owner = part.owner.or(query.owner);
            query.action = part.action.or(query.action);
            query.resource = part.resource.or(query.resource);
            query.outcome = part.outcome.or(query.outcome);
            query.reason = part.reason.or(query.reason);
            query.kind = part.kind.or(query.kind);
        }
        if dice.once_in(2) {
            query.since_ns = Some(1_000 + dice.below(60) as u64);
            query.until_ns = Some(1_000 + dice.below(60) as u64);
        }
        queries.push(query);
    }
    queries
}

pub(super) async fn each_part_of_a_query_filters(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let mut dice = Dice::new(29);
    let all: Vec<SealedEvent> = (0..120).map(|number| varied(number, &mut dice).seal()).collect();
    append_shuffled(&*store, &all).await;
    let all = in_order(all);
    for query in queries(&mut dice) {
        let want: Vec<_> = all.iter().filter(|found| query.matches(&found.event)).cloned().collect();
        let limit = *dice.pick(&[1, 3, 1000]);
        let found = events(&*store, &query, limit).await;
        let ids = |events: &[SealedEvent]| -> Vec<u64> {
            events.iter().map(|found| found.event.index).collect()
        };
        assert_eq!(ids(&found), ids(&want), "{query:?}");
        assert_eq!(found, want, "{query:?}");
    }
}

pub(super) async fn a_time_range_is_half_open(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let times = [0, 9, 10, 11, 19, 20, 21, NUMBER_MAX];
    for (index, time_ns) in times.into_iter().enumerate() {
        committed(&*store, batch().event(&sealed(log(1), index as u64, time_ns))).await;
    }
    let ends = [0, 1, 9, 10, 11, 20, 22, NUMBER_MAX, NUMBER_MAX + 1, u64::MAX];
    let ends: Vec<Option<u64>> = std::iter::once(None).chain(ends.map(Some)).collect();
    for &since_ns in &ends {
        for &until_ns in &ends {
            let query = Query { since_ns, until_ns, ..Query::default() };
            let found: Vec<u64> =
                events(&*store, &query, 3).await.iter().map(|found| found.event.time_ns).collect();
            let want: Vec<u64> = times
                .into_iter()
                .filter(|time| since_ns.is_none_or(|since| *time >= since))
                .filter(|time| until_ns.is_none_or(|until| *time < until))
                .collect();
            assert_eq!(found, want, "from {since_ns:?} to {until_ns:?}");
        }
    }
}

pub(super) async fn an_event_is_found_at_once(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    for index in 0..scale(40, 1000) {
        let mut event = event(log(index as u64 % 3), index as u64, 1_000 - index as u64 % 10);
        event.agent = Some(agent(index as u128));
        let event = event.seal();
        let (writer, reader) = (handle(&handles, index), handle(&handles, index + 1));
        committed(&*writer, batch().event(&event)).await;
        let query = Query { agent: event.event.agent, ..Query::default() };
        assert_eq!(events(&*reader, &query, 10).await, [event], "the event is not there yet");
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
        ("grants".to_owned(), Detail::List(vec!["read:x".to_owned(); 3])),
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
    let query = Query { tenant: tenant(), ..Query::default() };
    let found = events(&*store, &query, 10).await;
    for (found, want) in found.iter().zip(&want) {
        assert_eq!(found.bytes, want.bytes, "the bytes were changed: nobody can verify them now");
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
        for second in [first.clone(), other.seal(), sealed(log(1), 7, 99), sealed(log(1), 7, 101)] {
            let fine = sealed(log(1), 8, 102);
            let again = batch().event(&fine).event(&second).put(&key(GRAPH, "k"), "v");
            assert_eq!(refused(&*store, again).await, conflict);
            assert_eq!(events(&*store, &Query::default(), 10).await, [first.clone()]);
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
                    assert_eq!(*error.kind(), StoreErrorKind::Conflict(Vec::new()), "{error}");
                    false
                }
            }
        }
    })
    .await;
    let winners: Vec<usize> = (0..16).filter(|&racer| won[racer]).collect();
    assert_eq!(winners.len(), 1, "{winners:?} wrote the same place of one log");
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
        sealed(log(log_number as u64), index, 1_000 + index * 3 + log_number as u64)
    };
    race(logs, |log_number| {
        let store = handle(&handles, log_number);
        async move {
            for index in 0..rounds {
                let pair = [place(log_number, index * 2), place(log_number, index * 2 + 1)];
                let append: Batch = pair.iter().fold(batch(), Compose::event);
                let head = numbered(QUIET, "head", log_number);
                committed(&*store, append.put(&head, index.to_string())).await;
                // A page that is read meanwhile is in order, and holds what was committed before.
                let page = store.audit_scan(&Query::default(), None, 1000).await.unwrap();
                assert_eq!(page.events, in_order(page.events.clone()));
                let own = pair.iter().filter(|event| page.events.contains(event)).count();
                assert!(own == 2 || page.next.is_some(), "an event is missing right after its commit");
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
    let rest = store.audit_scan(&Query::default(), page.next.as_ref(), 1000).await.unwrap();
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
        assert_eq!(*error.kind(), StoreErrorKind::InvalidInput, "{cursor:?}: {error}");
    }
}
