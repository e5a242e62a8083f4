//! The trail against a filter over a list.

use kavach_store::kavach_audit::{Event, EventKind, Hop, Outcome, Query, SealedEvent};
use kavach_store::kavach_core::{AgentId, EventId, LogId, Reason, SubjectId, TenantId, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase};

use super::{Scan, append, term};
use crate::engine;
use crate::limits::BLOCK_EVENTS;
use crate::schema::State;

const STORE: u64 = 7;

fn store(batches: &[Vec<SealedEvent>]) -> Database {
    let database = Database::builder()
        .create_with_backend(InMemoryBackend::new())
        .unwrap();
    engine::prepare(&database).unwrap();
    for batch in batches {
        let transaction = database.begin_write().unwrap();
        State::update(&transaction, |state| append(&transaction, state, batch)).unwrap();
        transaction.commit().unwrap();
    }
    database
}

/// All pages, joined.
fn pages(database: &Database, query: &Query, size: usize, steps: usize) -> Vec<SealedEvent> {
    let transaction = database.begin_read().unwrap();
    let (mut found, mut cursor) = (Vec::new(), None);
    for _ in 0..100_000 {
        let scan = Scan::new(STORE, query, cursor.as_ref(), size)
            .unwrap()
            .with_steps(steps);
        let page = scan.run(&transaction, STORE).unwrap();
        assert!(page.events.len() <= size);
        found.extend(page.events);
        assert!(
            cursor.is_none() || cursor != page.next,
            "the scan does not move on"
        );
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
    panic!("the scan does not end");
}

fn filtered(batches: &[Vec<SealedEvent>], query: &Query) -> Vec<SealedEvent> {
    let mut events: Vec<SealedEvent> = batches
        .iter()
        .flatten()
        .filter(|event| query.matches(&event.event))
        .cloned()
        .collect();
    events.sort_by_key(|event| (event.event.time_ns, event.event.log, event.event.index));
    events
}

const RESOURCES: [&str; 6] = [
    "mcp:github:repos",
    "mcp:github:repos:1",
    "mcp:github:repos:1:issues",
    "mcp:payroll:salaries",
    "mcp:payroll",
    "http:example.com",
];
const PATTERNS: [&str; 10] = [
    "**",
    "mcp:**",
    "mcp:*",
    "mcp:github:**",
    "mcp:*:salaries",
    "mcp:git*",
    "mcp:github:repos",
    "mcp:github:repos:*",
    "mcp:github:repos:1:**",
    "http:example.com",
];
const ACTIONS: [&str; 3] = ["read", "write", "delete"];

fn agent(number: u8) -> AgentId {
    AgentId::from_parts(1, number.into())
}

fn owner(number: u8) -> SubjectId {
    SubjectId::from_parts(1, number.into())
}

fn tenant(number: u8) -> TenantId {
    if number == 0 {
        TenantId::DEFAULT
    } else {
        TenantId::from_parts(1, number.into())
    }
}

prop_compose! {
    fn event()(
        log in 0_u8..3,
        step_ns in prop_oneof![8 => 0_i64..4, 1 => -20_i64..20],
        names in (0_u8..2, option::weighted(0.9, 0_u8..4), vec(0_u8..4, 0..3), option::weighted(0.9, 0_u8..3)),
        what in (option::weighted(0.9, 0..ACTIONS.len()), option::weighted(0.9, 0..RESOURCES.len())),
        how in (0..Outcome::ALL.len(), 0_usize..4, 0_usize..3),
    ) -> (u8, i64, Event) {
        let (tenant_number, agent_number, line, owner_number) = names;
        let mut event = Event::new(
            EventId::from_u128(0),
            tenant(tenant_number),
            EventKind::ALL[how.2],
            Outcome::ALL[how.0],
            Reason::ALL[how.1],
        );
        event.agent = agent_number.map(agent);
        let hop = |number| Hop { agent: agent(number), delegation: None, at: Timestamp::from_s(0) };
        event.line = line.into_iter().map(hop).collect();
        event.owner = owner_number.map(owner);
        event.action = what.0.map(|number| ACTIONS[number].parse().unwrap());
        event.resource = what.1.map(|number| RESOURCES[number].parse().unwrap());
        (log, step_ns, event)
    }
}

/// Batches of events, whose times mostly grow.
fn batches() -> impl Strategy<Value = Vec<Vec<SealedEvent>>> {
    vec(vec(event(), 0..20), 0..12).prop_map(|batches| {
        let (mut time_ns, mut next) = (1_000_i64, [0_u64; 3]);
        let mut seal = |(log, step_ns, mut event): (u8, i64, Event)| {
            time_ns += step_ns;
            event.log = LogId::from_parts(1, log.into());
            event.index = next[usize::from(log)];
            next[usize::from(log)] += 1;
            event.time_ns = time_ns.unsigned_abs();
            event.seal()
        };
        batches
            .into_iter()
            .map(|batch| batch.into_iter().map(&mut seal).collect())
            .collect()
    })
}

prop_compose! {
    fn query()(
        tenant_number in 0_u8..2,
        agent_number in option::weighted(0.2, 0_u8..4),
        under in option::weighted(0.2, 0_u8..4),
        owner_number in option::weighted(0.2, 0_u8..3),
        action in option::weighted(0.2, 0..ACTIONS.len()),
        pattern in option::weighted(0.3, 0..PATTERNS.len()),
        how in (
            option::weighted(0.2, 0..Outcome::ALL.len()),
            option::weighted(0.2, 0_usize..4),
            option::weighted(0.2, 0_usize..3),
        ),
        times in (option::weighted(0.4, 990_u64..1_300), option::weighted(0.4, 990_u64..1_300)),
    ) -> Query {
        Query {
            tenant: tenant(tenant_number),
            agent: agent_number.map(agent),
            under: under.map(agent),
            owner: owner_number.map(owner),
            action: action.map(|number| ACTIONS[number].parse().unwrap()),
            resource: pattern.map(|number| PATTERNS[number].parse().unwrap()),
            outcome: how.0.map(|number| Outcome::ALL[number]),
            reason: how.1.map(|number| Reason::ALL[number]),
            kind: how.2.map(|number| EventKind::ALL[number]),
            since_ns: times.0,
            until_ns: times.1,
        }
    }
}

/// More of them with `KAVACH_CAMPAIGN=1`.
fn cases() -> u32 {
    let asked = std::env::var_os("KAVACH_CAMPAIGN").is_some_and(|value| value == "1");
    if asked { 10_000 } else { 96 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn a_scan_finds_what_a_filter_finds_in_the_same_order(
        batches in batches(),
        queries in vec((query(), 1_usize..8, 1_usize..120), 1..12),
    ) {
        let database = store(&batches);
        for (query, size, steps) in queries {
            let found = pages(&database, &query, size, steps);
            prop_assert_eq!(found, filtered(&batches, &query), "{:?}", query);
        }
    }

    #[test]
    fn an_event_has_every_term_of_a_query_that_matches_it((_, _, event) in event(), query in query()) {
        let query = Query { since_ns: None, until_ns: None, ..query };
        if query.matches(&event) {
            let terms = term::of_event(&event);
            prop_assert!(term::of_query(&query).iter().all(|term| terms.contains(term)));
        }
    }
}

fn plain(index: u64, time_ns: u64) -> SealedEvent {
    let mut event = Event::new(
        EventId::from_u128(0),
        TenantId::DEFAULT,
        EventKind::Authorize,
        Outcome::Allow,
        Reason::Granted,
    );
    event.index = index;
    event.time_ns = time_ns;
    event.seal()
}

#[test]
fn events_of_one_time_come_whatever_their_number() {
    let batches: Vec<Vec<SealedEvent>> = vec![
        (0..5 * BLOCK_EVENTS)
            .map(|index| plain(index, 100))
            .collect(),
    ];
    let query = Query::default();
    assert_eq!(
        pages(&store(&batches), &query, 3, 4),
        filtered(&batches, &query)
    );
}

#[test]
fn events_whose_times_run_backwards_come_in_order() {
    let batches: Vec<Vec<SealedEvent>> = (0..40)
        .map(|index| vec![plain(index, 1_000 - index)])
        .collect();
    let query = Query {
        since_ns: Some(970),
        ..Query::default()
    };
    assert_eq!(
        pages(&store(&batches), &query, 3, 4),
        filtered(&batches, &query)
    );
}

#[test]
fn a_page_without_matches_ends_and_goes_on() {
    let batches: Vec<Vec<SealedEvent>> = vec![
        (0..20 * BLOCK_EVENTS)
            .map(|index| plain(index, 100 + index))
            .collect(),
    ];
    let database = store(&batches);
    let transaction = database.begin_read().unwrap();
    let query = Query {
        outcome: Some(Outcome::Deny),
        ..Query::default()
    };
    let scan = Scan::new(STORE, &query, None, 10).unwrap().with_steps(6);
    let page = scan.run(&transaction, STORE).unwrap();
    assert!(page.events.is_empty() && page.next.is_some());
    assert!(pages(&database, &query, 10, 6).is_empty());
}

/// Files that are out there hold these numbers.
#[test]
fn terms_stay_what_they_are() {
    let mut event = plain(0, 0).event;
    event.agent = Some(agent(1));
    event.owner = Some(owner(2));
    event.line = vec![Hop {
        agent: agent(3),
        delegation: None,
        at: Timestamp::from_s(0),
    }];
    event.action = Some("read".parse().unwrap());
    event.resource = Some("mcp:github:repos:1".parse().unwrap());
    let terms: Vec<u32> = term::of_event(&event)
        .into_iter()
        .map(term::Term::as_u32)
        .collect();
    let want = [
        674479669, 1006105683, 1031476339, 1442555265, 1884908643, 2744095508, 3007508107,
        3252399251, 3843788075, 4012161504, 4078934616, 4112489854,
    ];
    assert_eq!(terms, want);
}
