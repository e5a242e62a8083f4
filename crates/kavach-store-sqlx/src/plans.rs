//! Whether any statement reads a whole table: what the plans of the engines are asked about.

use std::ops::Bound;

use kavach_store::kavach_audit::{Event, EventKind, Hop, Outcome, Query};
use kavach_store::kavach_core::{
    AgentId, DelegationId, EventId, LogId, Reason, RecordKey, SubjectId, TenantId, Timestamp,
};
use kavach_store::records::key_of;
use kavach_store::{Batch, Expect, Key, Migration, Space, Store};

use crate::trail::{Dialect, Scan, Statement};

/// What a plan may go through: it has found it before.
#[cfg(feature = "sqlite")]
pub(crate) const VIEWS: [&str; 4] = ["agents", "delegations", "permissions", "audit"];

/// The documentation whose queries are run.
const DOCUMENTED: &str = include_str!("../../../docs/sql.md");

pub(crate) const AGENTS: u128 = 4_000;
const EVENTS: u64 = 16_000;
/// Tables whose rows are few, for ever.
pub(crate) const SMALL: [&str; 5] = ["state", "log", "migration", "migration_lock", "version"];

const TIME_MS: u64 = 1_790_000_000_000;
/// Between one event and the next.
const SPACING_NS: u64 = 5_000_000_000;

fn agent(number: u128) -> AgentId {
    format!("agt_0000000000e00800{number:010}").parse().unwrap()
}

fn delegation(number: u128) -> DelegationId {
    format!("dlg_0000000000e00800{number:010}").parse().unwrap()
}

fn owner(number: u128) -> SubjectId {
    format!("sub_0000000000e00800{number:010}").parse().unwrap()
}

/// An agent and the delegation to it, as they are stored.
fn records(number: u128) -> Vec<(Key, Vec<u8>)> {
    let tenant = TenantId::default();
    let own = format!(
        r#"{{"record":{{"created_at":"2026-09-21T14:13:20Z","generation":1,"grants":{{"last":1,"list":[{{"id":1,"permission":"read:mcp:github:*"}}]}},"id":"{}","kind":"autonomous","metadata":{{"team":"a\u0000b"}},"name":"agent-{number}","owner":"{}","owner_generation":0,"status":"active","tenant":"ten_default"}},"v":1}}"#,
        agent(number),
        owner(number % 100)
    );
    let passed = format!(
        r#"{{"record":{{"created_at":"2026-09-21T14:13:20Z","depth":1,"from":"{}","generation":1,"grants":{{"last":1,"list":[{{"id":1,"permission":"read:mcp:github:issues"}}]}},"id":"{}","parent_generation":1,"tenant":"ten_default","to":"{}"}},"v":1}}"#,
        agent(number),
        delegation(number),
        agent(number + 1)
    );
    vec![
        (
            key_of(&RecordKey::Agent(tenant, agent(number))),
            own.into_bytes(),
        ),
        (
            key_of(&RecordKey::Delegation(tenant, delegation(number))),
            passed.into_bytes(),
        ),
    ]
}

fn event(number: u64) -> Event {
    let (kind, outcome, reason) = match number % 10 {
        0 => (EventKind::Authorize, Outcome::Deny, Reason::NoMatchingGrant),
        1 => (EventKind::Delegated, Outcome::Done, Reason::Granted),
        _ => (EventKind::Authorize, Outcome::Allow, Reason::Granted),
    };
    let id = EventId::from_parts(TIME_MS, number.into());
    let acting = u128::from(number) % AGENTS;
    let hop = |number| Hop {
        agent: agent(number),
        delegation: None,
        at: Timestamp::from_s(1_790_000_000),
    };
    Event {
        log: LogId::from_parts(TIME_MS, 1),
        index: number,
        time_ns: TIME_MS * 1_000_000 + number * SPACING_NS,
        agent: Some(agent(acting)),
        owner: Some(owner(acting % 100)),
        line: vec![hop(acting + 1), hop(acting)],
        action: Some("read".parse().unwrap()),
        resource: Some(format!("mcp:server{}:thing", number % 50).parse().unwrap()),
        ..Event::new(id, TenantId::default(), kind, outcome, reason)
    }
}

/// Fills a fresh store, and calls everything that there is to call.
pub(crate) async fn exercise(store: &dyn Store) {
    const QUIET: Space = Space::quiet("plans");
    const GRAPH: Space = Space::graph("plans_graph");

    store.migrate(Migration::Apply).await.unwrap();
    let all: Vec<u128> = (0..AGENTS).collect();
    for some in all.chunks(8) {
        let puts = some.iter().flat_map(|number| records(*number)).collect();
        let batch = Batch {
            puts,
            ..Batch::default()
        };
        store.commit(batch).await.unwrap();
    }
    let all: Vec<u64> = (0..EVENTS).collect();
    for some in all.chunks(1_000) {
        let batch = Batch {
            events: some.iter().map(|number| event(*number).seal()).collect(),
            puts: some
                .iter()
                .map(|n| (Key::new(QUIET, n.to_be_bytes()), vec![1; 100]))
                .collect(),
            ..Batch::default()
        };
        store.commit(batch).await.unwrap();
    }
    let key = |name: &str| Key::new(QUIET, name.as_bytes());
    let batch = Batch {
        expectations: vec![(key("a"), Expect::Absent), (key("b"), Expect::Absent)],
        puts: vec![(key("a"), vec![])],
        deletes: vec![key("c")],
        events: vec![event(EVENTS).seal()],
    };
    store.commit(batch).await.unwrap();
    store.read(&[key("a"), key("b")]).await.unwrap();
    let from = || Bound::Excluded(b"a".to_vec());
    for range in [
        (from(), Bound::Unbounded),
        (from(), Bound::Included(b"b".to_vec())),
    ] {
        store.scan(QUIET, range, 10).await.unwrap();
    }
    let newest = store.health().await.unwrap().revision;
    for number in 0..3_u64 {
        let put = vec![(Key::new(GRAPH, number.to_be_bytes()), vec![])];
        let batch = Batch {
            puts: put,
            ..Batch::default()
        };
        store.commit(batch).await.unwrap();
    }
    store.changes(newest, 10).await.unwrap();
    let log = LogId::from_parts(TIME_MS, 1);
    store.log_scan(log, EVENTS - 10, 100).await.unwrap();
    store.health().await.unwrap();
    store.migrate(Migration::Check).await.unwrap();
}

/// The statements for every kind of question to the trail.
pub(crate) fn questions(dialect: Dialect) -> Vec<Statement> {
    let blank = || Query {
        since_ns: Some(TIME_MS * 1_000_000),
        until_ns: Some(TIME_MS * 1_000_000 + 1_000 * SPACING_NS),
        ..Query::default()
    };
    let queries = vec![
        Query::default(),
        blank(),
        Query {
            agent: Some(agent(7)),
            ..blank()
        },
        Query {
            agent: Some(agent(7)),
            outcome: Some(Outcome::Deny),
            ..blank()
        },
        Query {
            under: Some(agent(7)),
            ..blank()
        },
        Query {
            under: Some(agent(7)),
            action: Some("read".parse().unwrap()),
            ..blank()
        },
        Query {
            owner: Some(owner(3)),
            ..blank()
        },
        Query {
            owner: Some(owner(3)),
            resource: Some("mcp:server3:*".parse().unwrap()),
            ..blank()
        },
        Query {
            resource: Some("mcp:server3:*".parse().unwrap()),
            ..blank()
        },
        Query {
            resource: Some("mcp:*:thing".parse().unwrap()),
            ..blank()
        },
        Query {
            outcome: Some(Outcome::Deny),
            ..blank()
        },
        Query {
            reason: Some(Reason::NoMatchingGrant),
            ..blank()
        },
        Query {
            kind: Some(EventKind::Delegated),
            ..blank()
        },
        Query {
            action: Some("read".parse().unwrap()),
            ..blank()
        },
    ];
    let mut statements = Vec::new();
    for query in queries {
        let scan = Scan::new(dialect, &query, None, 10).unwrap();
        let from = scan.start(0).unwrap();
        let windowed = scan.window(from);
        let end = scan.start(0).unwrap();
        statements.push(scan.page(from, windowed.is_some().then_some(end)));
        statements.extend(windowed);
    }
    statements
}

/// The queries of the documentation, without those for another engine.
pub(crate) fn documented(other: &str) -> Vec<&'static str> {
    let blocks = DOCUMENTED.split("```sql\n").skip(1);
    let queries: Vec<&str> = blocks
        .map(|block| block.split("```").next().unwrap().trim())
        .filter(|query| !query.starts_with(&format!("-- {other}")))
        .collect();
    assert!(queries.len() > 10, "the documentation has lost its queries");
    queries
}
