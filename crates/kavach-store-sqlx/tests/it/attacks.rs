//! What attackers write, through every field that reaches SQL: identities never merge, and nothing is run.

use kavach_store::kavach_audit::{Detail, Event, EventKind, Outcome, Query, SealedEvent};
use kavach_store::kavach_core::{AgentId, EventId, LogId, Reason, RecordKey, TenantId};
use kavach_store::records::{AGENTS, key_of};
use kavach_store::{Batch, Key, Space, Store};

/// Each is another text, though some database somewhere takes two for one, or one for a command.
const TEXTS: [&str; 30] = [
    "alice",
    "Alice",
    "ALICE",
    "alice ",
    " alice",
    "alıce",
    "ALİCE",
    "ａlice",
    "álice",
    "a\u{301}lice",
    "alice\0",
    "alice\0bob",
    "\0",
    "😀",
    "😁",
    "\u{10ffff}",
    "straße",
    "strasse",
    "%",
    "_",
    "a_b",
    "axb",
    "'; DROP TABLE kavach_record; --",
    "\" OR \"\"=\"",
    "$1",
    "{record}",
    "[rows]",
    "\\",
    "\\u0000",
    "=HYPERLINK(\"x\")",
];

const QUIET: Space = Space::quiet("attacks");
const GRAPH: Space = Space::graph("attacks_graph");

/// An agent with a text wherever one may stand.
fn agent(number: usize, text: &str) -> (Key, Vec<u8>) {
    let id = id(number);
    let text = serde_string(text);
    // Names are of few characters; those that differ by case alone are two.
    let name = ["Foo", "foo", "FOO"][number % 3];
    let json = format!(
        r#"{{"record":{{"created_at":"2026-09-21T14:13:20Z","generation":1,"grants":{{"last":1,"list":[{{"id":1,"permission":"read:mcp:github:*"}}]}},"id":"{id}","kind":"autonomous","metadata":{{{text}:{text}}},"name":"{name}","owner":"sub_0000000000e008000000000003","owner_generation":0,"status":"active","tenant":"ten_default"}},"v":1}}"#
    );
    (
        key_of(&RecordKey::Agent(TenantId::default(), id)),
        json.into_bytes(),
    )
}

fn id(number: usize) -> AgentId {
    AgentId::from_parts(1_790_000_000_000, number as u128)
}

/// A JSON string, with escapes only where there must be some.
fn serde_string(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            c if u32::from(c) < 0x20 => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

fn event(number: usize, text: &str) -> SealedEvent {
    let id = EventId::from_parts(1_790_000_000_000, number as u128);
    let action = ["read", "Read", "READ"][number % 3];
    Event {
        log: LogId::from_parts(1_790_000_000_000, 1),
        index: number as u64,
        time_ns: 1_000,
        agent: Some(self::id(number)),
        action: Some(action.parse().unwrap()),
        claimed: Some(text.to_owned()),
        request_id: Some(text.to_owned()),
        audience: Some(text.to_owned()),
        obligations: vec![text.to_owned()],
        token_ids: vec![text.to_owned()],
        detail: [(text.to_owned(), Detail::Text(text.to_owned()))].into(),
        ..Event::new(
            id,
            TenantId::default(),
            EventKind::Authorize,
            Outcome::Deny,
            Reason::UnknownAgent,
        )
    }
    .seal()
}

/// Writes every text everywhere, and reads it back. Afterwards the views hold [`TEXTS`] agents and events.
pub(crate) async fn attack(store: &dyn Store) {
    for (number, text) in TEXTS.iter().enumerate() {
        let batch = Batch {
            puts: vec![
                (Key::new(QUIET, text.as_bytes()), text.as_bytes().to_vec()),
                (
                    Key::new(GRAPH, text.as_bytes()),
                    number.to_be_bytes().to_vec(),
                ),
                // Where agents lie, and yet none: not even text.
                (
                    Key::new(AGENTS, text.as_bytes()),
                    [&[0xff, 0xfe], text.as_bytes()].concat(),
                ),
                agent(number, text),
            ],
            events: vec![event(number, text)],
            ..Batch::default()
        };
        store.commit(batch).await.unwrap();
    }
    for (number, text) in TEXTS.iter().enumerate() {
        let keys = [QUIET, GRAPH].map(|space| Key::new(space, text.as_bytes()));
        let found = store.read(&keys).await.unwrap().records;
        assert_eq!(
            found[0].as_ref().unwrap().bytes,
            text.as_bytes(),
            "{text:?}"
        );
        assert_eq!(
            found[1].as_ref().unwrap().bytes,
            number.to_be_bytes(),
            "{text:?}"
        );
        let query = Query {
            agent: Some(id(number)),
            ..Query::default()
        };
        let page = store.audit_scan(&query, None, 10).await.unwrap();
        assert_eq!(page.events, [event(number, text)], "{text:?}");
    }
    for (action, want) in [("read", 10), ("Read", 10), ("READ", 10), ("rEad", 0)] {
        let query = Query {
            action: Some(action.parse().unwrap()),
            ..Query::default()
        };
        let page = store.audit_scan(&query, None, 100).await.unwrap();
        assert_eq!(page.events.len(), want, "{action}");
    }
    let health = store.health().await.unwrap();
    assert_eq!(health.events, TEXTS.len() as u64);
}

/// Queries on the views after [`attack`], each with the number that it answers.
pub(crate) const VIEWS: [(&str, i64); 7] = [
    ("SELECT count(*) FROM kavach_agents", 30),
    ("SELECT count(*) FROM kavach_agents WHERE name = 'foo'", 10),
    (
        "SELECT count(*) FROM kavach_agents WHERE name = 'Foo' AND status = 'active'",
        10,
    ),
    (
        "SELECT count(*) FROM kavach_permissions WHERE permission = 'read:mcp:github:*'",
        30,
    ),
    (
        "SELECT count(*) FROM kavach_audit WHERE action = 'read'",
        10,
    ),
    (
        "SELECT count(*) FROM kavach_audit WHERE outcome = 'deny' AND length(event) > 100",
        30,
    ),
    ("SELECT count(*) FROM kavach_delegations", 0),
];
