//! What leaves: lines that verify, and rows that a spreadsheet can open.

use std::io::{self, Write};

use kavach_audit::{
    Csv, Event, EventKind, NoNames, Outcome, Private, PrivateFields, SealedEvent, write_jsonl,
};
use kavach_core::Reason;

use crate::sample::{Directory, blank, full, sparse, typical};

fn rows(events: &[(Event, Private)], names: &dyn kavach_audit::Names) -> String {
    let mut csv = Csv::new(Vec::new(), names).unwrap();
    for (event, private) in events {
        csv.write(&event.clone().seal(), private).unwrap();
    }
    String::from_utf8(csv.finish().unwrap()).unwrap()
}

/// The cells of the one row, by column.
fn cells(event: Event, private: Private) -> impl Fn(&str) -> String {
    let text = rows(&[(event, private)], &Directory);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    move |column| {
        let place = header.iter().position(|known| known == column);
        row.get(place.unwrap_or_else(|| panic!("no column {column}")))
            .unwrap()
            .to_owned()
    }
}

#[test]
fn lines_are_the_bytes_that_were_hashed() {
    let events = [
        full().seal(),
        typical().seal(),
        sparse(EventKind::OwnerRevoked).seal(),
    ];
    let mut out = Vec::new();
    for event in &events {
        write_jsonl(&mut out, event).unwrap();
    }
    assert_eq!(out.last(), Some(&b'\n'));
    let lines = out
        .strip_suffix(b"\n")
        .unwrap()
        .split(|byte| *byte == b'\n');
    let back: Vec<_> = lines
        .map(|line| SealedEvent::decode(line).unwrap())
        .collect();
    assert_eq!(back, events);
}

#[test]
fn rows_are_as_agreed() {
    let fields = PrivateFields {
        address: Some("203.0.113.7".to_owned()),
        note: Some("a, \"b\"".to_owned()),
    };
    let audience = Some("https://mcp.example/".to_owned());
    let full = Event { audience, ..full() };
    insta::assert_snapshot!(rows(
        &[
            (full, Private::Shown(fields)),
            (typical(), Private::Erased),
            (sparse(EventKind::OwnerRevoked), Private::None),
        ],
        &Directory,
    ));
}

#[test]
fn every_row_says_that_it_cannot_be_verified_and_where_to_find_what_can() {
    let sealed = typical().seal();
    let cell = cells(typical(), Private::None);
    assert_eq!(cell("hash_verifiable"), "no");
    let leaf: String = sealed
        .leaf_hash()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(cell("leaf_hash"), leaf);
}

#[test]
fn formulas_do_not_run() {
    for (text, want) in [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t1", "'\t1"),
        ("\r1", "'\r1"),
        ("\n1", "'\n1"),
        ("\0=1", "'\0=1"),
        ("  =1", "'  =1"),
        ("\u{a0}\u{3000}=1", "'\u{a0}\u{3000}=1"),
        ("\u{feff}=1", "'\u{feff}=1"),
        ("＝1", "'＝1"),
        ("＠1", "'＠1"),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("a=1", "a=1"),
        ("  plain", "  plain"),
        ("'quoted", "'quoted"),
        ("", ""),
    ] {
        let text = || Some(text.to_owned());
        let event = Event {
            claimed: text(),
            request_id: text(),
            audience: text(),
            ..blank(EventKind::Authorize, Outcome::Deny, Reason::UnknownAgent)
        };
        let cell = cells(
            event,
            Private::Shown(PrivateFields {
                address: text(),
                note: text(),
            }),
        );
        for column in ["claimed", "request_id", "audience", "address", "note"] {
            assert_eq!(cell(column), want, "{column}");
        }
    }
}

#[test]
fn names_cannot_carry_a_formula_either() {
    struct Hostile;
    impl kavach_audit::Names for Hostile {
        fn agent(&self, _: kavach_core::AgentId) -> Option<String> {
            Some("=agent".to_owned())
        }
        fn subject(&self, _: kavach_core::SubjectId) -> Option<String> {
            Some("=subject".to_owned())
        }
    }
    let text = rows(&[(typical(), Private::None)], &Hostile);
    assert!(
        text.contains(",'=agent,") && text.contains(",'=subject,"),
        "{text}"
    );
    assert!(
        text.contains(",'=agent>=agent>=agent,") && !text.contains(",="),
        "{text}"
    );
}

#[test]
fn cells_hold_any_text_and_rows_stay_rows() {
    let nasty = "a,\"b\"\r\nc\u{0}é🙂";
    let event = Event {
        request_id: Some(nasty.to_owned()),
        ..typical()
    };
    assert_eq!(cells(event, Private::None)("request_id"), nasty);
    let text = rows(
        &[(full(), Private::None), (typical(), Private::None)],
        &NoNames,
    );
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let widths: Vec<_> = reader.records().map(|row| row.unwrap().len()).collect();
    assert_eq!(widths, [36, 36, 36]);
}

#[test]
fn a_full_disk_is_an_error() {
    #[derive(Debug)]
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut csv = Csv::new(Full, &NoNames).unwrap();
    csv.write(&typical().seal(), &Private::None).unwrap();
    let error = csv.finish().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let error = write_jsonl(&mut Full, &typical().seal()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}
