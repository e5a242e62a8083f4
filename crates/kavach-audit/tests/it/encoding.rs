//! The encoding is RFC 8785 and nothing else decodes.

use std::collections::BTreeMap;

use kavach_audit::limits::{EVENT_BYTES_MAX, SHORTENED_HOPS, SHORTENED_TEXT_BYTES};
use kavach_audit::{DecodeError, Detail, Event, EventKind, Hop, Outcome, SealedEvent};
use kavach_core::{AgentId, DelegationId, EventId, LogId, Reason, SubjectId, TenantId, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::sample::{blank, full, hop, typical};

/// The same event by way of general libraries: the table in `encode.rs`, written down once more.
fn reference(event: &Event) -> Vec<u8> {
    let hex = |hash: &[u8; 32]| {
        hash.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let line = event.line.iter().map(|hop| {
        let mut object = json!({ "agent": hop.agent.to_string(), "at": hop.at.to_string() });
        if let Some(delegation) = hop.delegation {
            object["delegation"] = json!(delegation.to_string());
        }
        object
    });
    let detail = event.detail.iter().map(|(key, value)| match value {
        Detail::Text(text) => (key.clone(), json!(text)),
        Detail::List(list) => (key.clone(), json!(list)),
    });
    let all = json!({
        "action": event.action,
        "agent": event.agent,
        "args_hash": event.args_hash.as_ref().map(hex),
        "audience": event.audience,
        "claimed": event.claimed,
        "cost": event.cost.map(|cost| cost.to_string()),
        "detail": detail.collect::<Map<_, _>>(),
        "duration_ns": event.duration_ns.map(|duration| duration.to_string()),
        "grant": event.grant,
        "id": event.id,
        "index": event.index.to_string(),
        "kind": event.kind.code(),
        "line": line.collect::<Vec<_>>(),
        "log": event.log,
        "obligations": event.obligations,
        "outcome": event.outcome.code(),
        "owner": event.owner,
        "private": event.private.as_ref().map(hex),
        "reason": event.reason,
        "request_id": event.request_id,
        "resource": event.resource,
        "revision": event.revision.to_string(),
        "tenant": event.tenant,
        "time_ns": event.time_ns.to_string(),
        "token_ids": event.token_ids,
        "v": 1,
        "withdraws": event.withdraws,
    });
    let Value::Object(mut object) = all else {
        panic!("it is an object")
    };
    object.retain(|key, value| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(object) => key != "detail" || !object.is_empty(),
        _ => true,
    });
    serde_json_canonicalizer::to_vec(&object).unwrap()
}

/// Any Unicode, with more than its share of what JSON escapes and UTF-16 orders otherwise.
fn any_text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        any::<char>(),
        proptest::char::range('\0', '\u{7f}'),
        select(vec![
            '"',
            '\\',
            '/',
            '\u{7f}',
            '\u{d7ff}',
            '\u{e000}',
            '\u{ffff}',
            '\u{10000}'
        ]),
    ];
    proptest::collection::vec(character, 0..12).prop_map(String::from_iter)
}

fn any_texts() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(any_text(), 0..4)
}

fn any_detail() -> impl Strategy<Value = BTreeMap<String, Detail>> {
    let value = prop_oneof![
        any_text().prop_map(Detail::Text),
        any_texts().prop_map(Detail::List),
    ];
    proptest::collection::btree_map(any_text(), value, 0..6)
}

fn any_line() -> impl Strategy<Value = Vec<Hop>> {
    let hop =
        (any::<u128>(), any::<Option<u128>>(), any::<i64>()).prop_map(|(agent, by, at)| Hop {
            agent: AgentId::from_u128(agent),
            delegation: by.map(DelegationId::from_u128),
            at: Timestamp::from_s(at % 300_000_000_000),
        });
    proptest::collection::vec(hop, 0..10)
}

prop_compose! {
    fn any_words()(
        kind in select(EventKind::ALL),
        outcome in select(Outcome::ALL),
        reason in select(Reason::ALL),
        action in select(vec![None, Some("read"), Some("tools.call-2_x")]),
        resource in select(vec![None, Some("mcp:github:repos"), Some("http:a%20b:~@+:%22")]),
        tenant in any::<Option<(u64, u128)>>(),
    ) -> Event {
        let tenant = tenant.map_or(TenantId::DEFAULT, |(ms, random)| TenantId::from_parts(ms, random));
        let mut event = Event::new(EventId::from_u128(0), tenant, kind, outcome, reason);
        event.action = action.map(|text| text.parse().unwrap());
        event.resource = resource.map(|text| text.parse().unwrap());
        event
    }
}

prop_compose! {
    fn any_event()(
        words in any_words(),
        (id, log, index) in any::<(u128, u128, u64)>(),
        (time_ns, revision, grant) in any::<(u64, u64, Option<u32>)>(),
        (agent, owner, withdraws) in any::<(Option<u128>, Option<u128>, Option<u128>)>(),
        (cost, duration_ns) in any::<(Option<u64>, Option<u64>)>(),
        (args_hash, private) in any::<(Option<[u8; 32]>, Option<[u8; 32]>)>(),
        line in any_line(),
        (claimed, request_id, audience) in (
            proptest::option::of(any_text()),
            proptest::option::of(any_text()),
            proptest::option::of(any_text()),
        ),
        (obligations, token_ids) in (any_texts(), any_texts()),
        detail in any_detail(),
    ) -> Event {
        Event {
            id: EventId::from_u128(id),
            log: LogId::from_u128(log),
            index,
            time_ns,
            agent: agent.map(AgentId::from_u128),
            claimed,
            owner: owner.map(SubjectId::from_u128),
            line,
            grant,
            obligations,
            revision,
            request_id,
            cost,
            duration_ns,
            audience,
            args_hash,
            token_ids,
            withdraws: withdraws.map(EventId::from_u128),
            private,
            detail,
            ..words
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn it_is_what_a_general_library_writes(event in any_event()) {
        let sealed = event.clone().seal();
        prop_assert_eq!(&sealed.event, &event);
        let (ours, theirs) = (String::from_utf8(sealed.bytes), String::from_utf8(reference(&event)));
        prop_assert_eq!(ours.unwrap(), theirs.unwrap());
    }

    #[test]
    fn it_reads_back(event in any_event()) {
        let sealed = event.seal();
        prop_assert_eq!(SealedEvent::decode(&sealed.bytes), Ok(sealed));
    }

    #[test]
    fn one_other_byte_is_another_event_or_none(event in any_event(), at: usize, byte: u8) {
        let sealed = event.seal();
        let mut bytes = sealed.bytes.clone();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(other) = SealedEvent::decode(&bytes) {
            prop_assert_eq!(&other.bytes, &bytes);
            prop_assert_eq!(other.event == sealed.event, bytes == sealed.bytes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_longest_events_are_shortened_and_decode(
        event in any_event(),
        text in any_text(),
        (repeat, into, hops) in (0_usize..60_000, 0..5, 0_usize..600),
    ) {
        let mut event = event;
        let long = text.repeat(repeat);
        match into {
            0 => event.claimed = Some(long),
            1 => event.request_id = Some(long),
            2 => event.obligations.push(long),
            3 => drop(event.detail.insert(long, Detail::List(vec![text]))),
            _ => event.line = vec![hop(AgentId::from_u128(1), Some(1), 0); hops],
        }
        let fits = event.fits();
        let sealed = event.clone().seal();
        prop_assert!(sealed.bytes.len() <= EVENT_BYTES_MAX);
        prop_assert!(!fits || sealed.event == event);
        prop_assert_eq!(SealedEvent::decode(&sealed.bytes), Ok(sealed));
    }
}

#[test]
fn keys_sort_by_utf_16() {
    let bytes = full().seal().bytes;
    assert_eq!(bytes, reference(&full()));
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.find("\"\u{10000}\":").unwrap() < text.find("\"\u{e000}\":").unwrap());
}

#[test]
fn what_was_lost_is_said() {
    let mut event = full();
    event.claimed = Some("é".repeat(40_000));
    event.line = vec![event.line[0]; SHORTENED_HOPS + 1];
    assert!(!event.fits());
    let event = event.seal().event;
    assert_eq!(event.claimed.unwrap().len(), SHORTENED_TEXT_BYTES);
    assert_eq!(event.line.len(), SHORTENED_HOPS);
    assert_eq!(
        (event.request_id, event.audience),
        (full().request_id, full().audience)
    );
    assert!(event.obligations.is_empty() && event.token_ids.is_empty());
    let lost = ["claimed", "obligations", "token_ids", "line", "detail"].map(str::to_owned);
    assert_eq!(
        event.detail,
        [("shortened".to_owned(), Detail::List(lost.into()))].into()
    );
}

#[test]
fn an_event_fits_up_to_the_last_byte_wherever_it_will_stand() {
    let mut event = blank(EventKind::AgentCreated, Outcome::Done, Reason::Done);
    (event.index, event.time_ns, event.revision) = (0, 0, 0);
    let placed = |event: &Event| {
        let mut event = event.clone();
        (event.index, event.time_ns, event.revision) = (u64::MAX, u64::MAX, u64::MAX);
        event
    };
    let base = event.clone().seal().bytes.len() + r#""claimed":"","#.len();
    event.claimed = Some("x".repeat(EVENT_BYTES_MAX - 60 - base));
    assert!(event.fits());
    assert_eq!(placed(&event).seal().event, placed(&event));
    event.claimed.as_mut().unwrap().push('x');
    assert!(!event.fits());
}

#[track_caller]
fn refused(text: &str, want: &str) {
    let error = SealedEvent::decode(text.as_bytes()).unwrap_err();
    assert!(error.to_string().contains(want), "{error}");
}

#[test]
fn a_newer_version_is_named_whatever_else_it_holds() {
    let text = String::from_utf8(typical().seal().bytes).unwrap();
    for newer in [r#""unknown":{},"v":2"#, r#""v":2"#] {
        let text = text.replace(r#""v":1"#, newer);
        assert_eq!(
            SealedEvent::decode(text.as_bytes()),
            Err(DecodeError::NewerVersion(2))
        );
    }
    assert_eq!(
        SealedEvent::decode(br#"{"v":3}"#),
        Err(DecodeError::NewerVersion(3))
    );
    refused(
        &text.replace(r#""v":1"#, r#""v":0"#),
        "versions count from 1",
    );
    refused(&text.replace(r#","v":1"#, ""), "missing field `v`");
}

#[test]
fn other_content_is_malformed() {
    let text = String::from_utf8(typical().seal().bytes).unwrap();
    for (from, to, want) in [
        (r#""action""#, r#""Action""#, "unknown field `Action`"),
        (r#""v":1"#, r#""v":1,"x":1"#, "unknown field `x`"),
        (
            r#""action":"read""#,
            r#""action":"r*ad""#,
            "is not an action",
        ),
        (r#""grant":2"#, r#""grant":4294967296"#, "u32"),
        (r#""grant":2"#, r#""grant":2.5"#, "u32"),
        (r#""index":"123456""#, r#""index":123456"#, "invalid type"),
        (
            r#""index":"123456""#,
            r#""index":"18446744073709551616""#,
            "below 2^64",
        ),
        (
            r#""kind":"authorize""#,
            r#""kind":"agent.cloned""#,
            "is not an event kind that this version",
        ),
        (
            r#""outcome":"allow""#,
            r#""outcome":"Allow""#,
            "is not an outcome that this version",
        ),
        (
            r#""reason":"granted""#,
            r#""reason":"\u001b[2J""#,
            r"is not a reason code",
        ),
        (
            r#""kind":"authorize","#,
            r#""kind":"authorize","kind":"authorize","#,
            "duplicate field",
        ),
        (
            r#""grant":2"#,
            r#""args_hash":"AA","grant":2"#,
            "hex digits",
        ),
        ("}]", "}", "expected"),
    ] {
        assert!(text.contains(from), "{from}");
        refused(&text.replacen(from, to, 1), want);
    }
    refused("", "malformed");
    refused("null", "malformed");
    refused("[]", "malformed");
    refused(&format!("{text}{text}"), "malformed");
    refused(&"[".repeat(60_000), "malformed");
}

#[test]
fn errors_are_safe_to_print() {
    let error = SealedEvent::decode("{\"\\u001b]0;\u{202e}\":1}".as_bytes())
        .unwrap_err()
        .to_string();
    assert!(error.contains(r"\u{1b}]0;\u{202e}"), "{error}");
    let error = SealedEvent::decode(format!("{{\"{}\":1}}", "é".repeat(30_000)).as_bytes());
    assert!(error.unwrap_err().to_string().len() < 300);
}

#[test]
fn other_bytes_for_the_same_content_are_not_canonical() {
    let text = String::from_utf8(full().seal().bytes).unwrap();
    for (from, to) in [
        ("{\"action\"", "{ \"action\""),
        (r#""action":"read","#, r#""action":"re\u0061d","#),
        (r#"","claimed":"#, r#"", "claimed":"#),
        (r"\u001f", r"\u001F"),
        (r"\n", r"\u000a"),
        ("/\u{2028}", "\\/\u{2028}"),
        ("\u{2028}", r"\u2028"),
        (r#""cost":"1"#, r#""cost":"01"#),
        (r#""cost":"1"#, r#""cost":"+1"#),
        (r#""v":1,"#, r#""v":1,"withdraws":null,"#),
        (
            r#""at":"2026-11-21T14:22:35Z""#,
            r#""at":"2026-11-21T14:22:35+00:00""#,
        ),
        (r#""none":[]"#, r#""none":[],"none":[]"#),
        ("}", "}\n"),
        ("ten_", "TEN_"),
        ("a5a5", "A5a5"),
    ] {
        assert!(text.contains(from), "{from}");
        let at = if from == "}" {
            text.len() - 1
        } else {
            text.find(from).unwrap()
        };
        let other = [&text[..at], to, &text[at + from.len()..]].concat();
        let error = SealedEvent::decode(other.as_bytes()).unwrap_err();
        let caught = matches!(
            error,
            DecodeError::NotCanonical { .. } | DecodeError::Malformed { .. }
        );
        assert!(caught, "{to}: {error}");
    }
    let swapped =
        text.replacen(r#""kind":"authorize","#, "", 1)
            .replacen('{', r#"{"kind":"authorize","#, 1);
    assert_eq!(
        SealedEvent::decode(swapped.as_bytes()),
        Err(DecodeError::NotCanonical { at: 2 })
    );
}

#[test]
fn too_many_bytes_are_not_even_parsed() {
    let error = SealedEvent::decode(&vec![b' '; EVENT_BYTES_MAX + 1]).unwrap_err();
    let (bytes, max) = (EVENT_BYTES_MAX + 1, EVENT_BYTES_MAX);
    assert_eq!(error, DecodeError::TooLong { bytes, max });
    let error = SealedEvent::decode(&vec![b' '; EVENT_BYTES_MAX]).unwrap_err();
    assert!(matches!(error, DecodeError::Malformed { .. }));
}

#[test]
fn codes_read_back_and_are_unique() {
    for kind in EventKind::ALL {
        assert_eq!(EventKind::from_code(kind.code()), Some(*kind));
    }
    for outcome in Outcome::ALL {
        assert_eq!(Outcome::from_code(outcome.code()), Some(*outcome));
    }
    assert_eq!(EventKind::from_code("Authorize"), None);
}
