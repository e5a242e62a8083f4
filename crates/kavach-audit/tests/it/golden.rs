//! Encodings that must never change: what is hashed once is hashed for ever.
//!
//! A new kind gets a new file. None of those there may ever be edited.

use std::fs;
use std::path::PathBuf;

use kavach_audit::{Event, EventKind, Head, SealedEvent};

use crate::sample::{LOG, NOW_NS, full, sparse, typical};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

#[track_caller]
fn check(name: &str, event: Event) {
    let sealed = event.seal();
    let encoded = String::from_utf8_lossy(&sealed.bytes);
    let golden =
        fs::read(file(name)).unwrap_or_else(|_| panic!("no {name}; for a new kind: {encoded}"));
    assert_eq!(String::from_utf8_lossy(&golden), encoded, "{name}");
    assert_eq!(SealedEvent::decode(&golden), Ok(sealed), "{name}");
}

#[test]
fn events_of_version_1_are_as_ever() {
    let mut files = 2;
    check("event_v1_full.json", full());
    check("event_v1_typical.json", typical());
    for kind in EventKind::ALL {
        check(
            &format!("event_v1_{}.json", kind.code().replace('.', "_")),
            sparse(*kind),
        );
        files += 1;
    }
    let events = fs::read_dir(file("")).unwrap().filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with("event_v1_")
    });
    assert_eq!(events.count(), files, "a file that no test reads");
}

#[test]
fn leaves_of_version_1_are_as_ever() {
    let hex = |event: Event| {
        event
            .seal()
            .leaf_hash()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    assert_eq!(
        hex(full()),
        "7d2e1dc5cb67f3502d1b44ccd3c8cd02389bd157e0d9eb05e40abdadc6aee9f8"
    );
    assert_eq!(
        hex(typical()),
        "54bbdf22e00afd4681ba1d463276de15446fc4280444bcaad24f8f0bf858d6fa"
    );
}

#[test]
fn heads_of_version_1_are_as_ever() {
    for (name, size) in [("head_v1_empty.json", 0), ("head_v1_5.json", 5)] {
        let mut head = Head::empty(LOG);
        for _ in 0..size {
            head.append(typical(), NOW_NS);
        }
        let encoded = String::from_utf8(head.encode()).unwrap();
        let golden =
            fs::read_to_string(file(name)).unwrap_or_else(|_| panic!("no {name}: {encoded}"));
        assert_eq!(golden, encoded, "{name}");
        assert_eq!(Head::decode(golden.as_bytes()), Ok(head), "{name}");
    }
}
