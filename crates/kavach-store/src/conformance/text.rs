//! Text that only bites databases.

use std::collections::{BTreeMap, HashSet};

use kavach_audit::{Detail, Query, SealedEvent};

use crate::conformance::fixture::{
    ALL, Compose, GRAPH, QUIET, batch, bytes, committed, event, events, key, log, record, refused,
    scan,
};
use crate::conformance::harness::Harness;
use crate::{StoreErrorKind, Version};

/// Each is another identity, though some database somewhere takes two of them for one, cuts one short,
/// reads one as a number, a command or a formula, or cannot hold it.
const STRINGS: &[&str] = &[
    // Case and collation: Turkish, German, ligatures, the Kelvin sign, full width.
    "alice",
    "Alice",
    "ALICE",
    "al\u{131}ce",
    "AL\u{130}CE",
    "strasse",
    "straße",
    "STRASSE",
    "fi",
    "\u{fb01}",
    "k",
    "K",
    "\u{212a}",
    "\u{ff41}lice",
    // Accents, composed and not; invisible characters.
    "\u{e1}lice",
    "a\u{301}lice",
    "\u{feff}alice",
    "ali\u{200b}ce",
    "ali\u{ad}ce",
    "\u{202e}ecila",
    // Trailing and leading blanks.
    "alice ",
    " alice",
    "alice\t",
    "alice\n",
    "alice\r\n",
    "alice\u{a0}",
    "\t",
    "\r\n",
    " ",
    "  ",
    // NUL, and what follows it.
    "alice\0",
    "alice\0bob",
    "alice\0eve",
    "\0",
    "\0\0",
    // Four bytes of UTF-8, which some collations take for one and the same, and the last character.
    "😀",
    "😁",
    "𝒶lice",
    "\u{10ffff}",
    "\u{ffff}",
    "\u{e000}",
    // Numbers.
    "0",
    "00",
    "-0",
    "+0",
    "0.0",
    "0e0",
    "1e1",
    "10",
    "010",
    "0x10",
    "1_0",
    "\u{661}",
    "NaN",
    "Infinity",
    "9007199254740993",
    "18446744073709551616",
    // Words.
    "NULL",
    "null",
    "\\N",
    "true",
    "t",
    "undefined",
    "DEFAULT",
    // Quotes, comments, placeholders, escapes.
    "'",
    "''",
    "\"",
    "\"\"",
    "`",
    "'; DROP TABLE records; --",
    "/*",
    "*/",
    "--",
    ";",
    "$1",
    "?",
    "?1",
    ":name",
    "@name",
    "%s",
    "{}",
    "[]",
    "\\",
    "\\\\",
    "\\0",
    "\\x00",
    "E'\\x'",
    "$$",
    // Patterns.
    "%",
    "_",
    "a%b",
    "a_b",
    "axb",
    "a*b",
    "a?b",
    "[ab]",
    "100%",
    "100_",
    "1000",
    // Formulas.
    "=HYPERLINK(\"http://example.com\")",
    "+1",
    "-1",
    "@SUM(A1)",
    "=1+1",
];

pub(super) async fn strings_that_bite_databases_stay_different_keys(harness: &mut dyn Harness) {
    assert_eq!(
        STRINGS.iter().collect::<HashSet<_>>().len(),
        STRINGS.len(),
        "a string is listed twice"
    );
    let mut store = harness.fresh().await;
    let mut versions: Vec<Version> = Vec::new();
    for (number, text) in STRINGS.iter().enumerate() {
        let (graph, quiet) = (key(GRAPH, text), key(QUIET, text));
        // If another had taken this place, `Absent` would not hold.
        let put = batch()
            .absent(&graph)
            .absent(&quiet)
            .put(&graph, text)
            .put(&quiet, number.to_string());
        versions.push(committed(&*store, put).await.version);
    }
    drop(store);
    store = harness.reopen().await;
    for (number, text) in STRINGS.iter().enumerate() {
        assert_eq!(
            bytes(&*store, &key(GRAPH, text)).await.as_deref(),
            Some(text.as_bytes()),
            "{text:?}"
        );
        let found = record(&*store, &key(QUIET, text)).await.unwrap();
        assert_eq!(found.bytes, number.to_string().into_bytes(), "{text:?}");
        assert_eq!(found.version, versions[number], "{text:?}");
    }
    let mut want: Vec<&[u8]> = STRINGS.iter().map(|text| text.as_bytes()).collect();
    want.sort_unstable();
    let found = scan(&*store, GRAPH, ALL, 10).await;
    let found: Vec<&[u8]> = found.iter().map(|(key, _)| &key[..]).collect();
    assert_eq!(found, want);

    // Deleting one leaves the others alone.
    for (number, text) in STRINGS.iter().enumerate() {
        let key = key(QUIET, text);
        committed(
            &*store,
            batch().version(&key, versions[number]).delete(&key),
        )
        .await;
        let gone = refused(&*store, batch().version(&key, versions[number])).await;
        assert_eq!(gone, StoreErrorKind::Conflict(vec![0]));
        assert_eq!(
            scan(&*store, QUIET, ALL, 1000).await.len(),
            STRINGS.len() - number - 1,
            "{text:?}"
        );
    }
}

fn telling(index: usize, text: &str) -> SealedEvent {
    let mut event = event(log(1), index as u64, 100);
    event.claimed = Some(text.to_owned());
    event.request_id = Some(text.to_owned());
    event.audience = Some(text.to_owned());
    event.obligations = vec![text.to_owned(), text.to_owned()];
    event.token_ids = vec![text.to_owned()];
    event.detail = BTreeMap::from([
        (text.to_owned(), Detail::Text(text.to_owned())),
        ("list".to_owned(), Detail::List(vec![text.to_owned()])),
    ]);
    event.seal()
}

pub(super) async fn strings_that_bite_databases_come_back_in_events(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    let want: Vec<SealedEvent> = STRINGS
        .iter()
        .enumerate()
        .map(|(index, text)| telling(index, text))
        .collect();
    for (event, text) in want.iter().zip(STRINGS) {
        // As a record too, for databases that look into bytes.
        committed(
            &*store,
            batch().event(event).put(&key(QUIET, "bytes"), text),
        )
        .await;
        assert_eq!(
            bytes(&*store, &key(QUIET, "bytes")).await.as_deref(),
            Some(text.as_bytes())
        );
    }
    for reopened in [false, true] {
        if reopened {
            drop(store);
            store = harness.reopen().await;
        }
        let found = events(&*store, &Query::default(), 50).await;
        assert_eq!(found.len(), want.len());
        for (found, want) in found.iter().zip(&want) {
            assert_eq!(found, want, "{:?}", want.event.claimed);
        }
    }
}
