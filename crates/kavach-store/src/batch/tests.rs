use super::{Batch, Expect, Version};
use crate::limits::{BATCH_BYTES_MAX, BATCH_PARTS_MAX, KEY_BYTES_MAX, RECORD_BYTES_MAX};
use crate::{Key, Space, StoreErrorKind};

const QUIET: Space = Space::quiet("quiet");

fn key(bytes: &[u8]) -> Key {
    Key::new(QUIET, bytes)
}

fn put(key: Key, bytes: usize) -> Batch {
    Batch {
        puts: vec![(key, vec![0; bytes])],
        ..Batch::default()
    }
}

#[track_caller]
fn check(batch: &Batch, want: &str) {
    let found = match batch.check() {
        Ok(()) => "fine".to_owned(),
        Err(error) => {
            assert_eq!(*error.kind(), StoreErrorKind::InvalidInput);
            error.to_string()
        }
    };
    assert!(found.contains(want), "`{found}` does not say `{want}`");
}

#[test]
fn a_key_has_1_to_512_bytes() {
    check(&put(key(b""), 0), "a key of 0 bytes in `quiet`");
    check(&put(key(&[7; KEY_BYTES_MAX + 1]), 0), "a key of 513 bytes");
    check(&put(key(&[7; KEY_BYTES_MAX]), 0), "fine");
    check(&put(key(b"\0"), 0), "fine");
    let deletes = Batch {
        deletes: vec![key(b"")],
        ..Batch::default()
    };
    check(&deletes, "a key of 0 bytes");
    let expectations = Batch {
        expectations: vec![(key(b""), Expect::Absent)],
        ..Batch::default()
    };
    check(&expectations, "a key of 0 bytes");
}

#[test]
fn the_name_of_a_space_is_1_to_32_letters() {
    for name in [
        "",
        "Codes",
        "codes2",
        "c-d",
        "é",
        "abcdefghijklmnopqrstuvwxyz_abcdef",
    ] {
        check(
            &put(Key::new(Space::quiet(name), *b"k"), 0),
            "is not the name of a space",
        );
    }
    check(
        &put(
            Key::new(Space::quiet("abcdefghijklmnopqrstuvwxyz_abcde"), *b"k"),
            0,
        ),
        "fine",
    );
}

#[test]
fn a_key_is_written_once() {
    let twice = "`quiet/k` is written twice";
    let put = (key(b"k"), Vec::new());
    let delete = key(b"k");
    check(
        &Batch {
            puts: vec![put.clone(), put.clone()],
            ..Batch::default()
        },
        twice,
    );
    check(
        &Batch {
            deletes: vec![delete.clone(), delete.clone()],
            ..Batch::default()
        },
        twice,
    );
    check(
        &Batch {
            puts: vec![put.clone()],
            deletes: vec![delete],
            ..Batch::default()
        },
        twice,
    );
    let other = (Key::new(Space::quiet("other"), *b"k"), Vec::new());
    check(
        &Batch {
            puts: vec![put, other],
            ..Batch::default()
        },
        "fine",
    );
}

#[test]
fn sizes_are_bounded() {
    check(&put(key(b"k"), RECORD_BYTES_MAX), "fine");
    check(
        &put(key(b"k"), RECORD_BYTES_MAX + 1),
        "is longer than 4194304 bytes",
    );

    let many = |count: usize| {
        let deletes = (0..count)
            .map(|number| key(&number.to_be_bytes()))
            .collect();
        Batch {
            deletes,
            ..Batch::default()
        }
    };
    check(&many(BATCH_PARTS_MAX), "fine");
    check(&many(BATCH_PARTS_MAX + 1), "the batch has 131073 parts");

    let records = BATCH_BYTES_MAX / RECORD_BYTES_MAX;
    let large = |keys: usize| {
        let record = |number: usize| (key(&number.to_be_bytes()), vec![0; RECORD_BYTES_MAX - 8]);
        let mut puts: Vec<_> = (0..records).map(record).collect();
        puts.extend((records..records + keys).map(|number| (key(&number.to_be_bytes()), vec![])));
        Batch {
            puts,
            ..Batch::default()
        }
    };
    check(&large(0), "fine");
    check(&large(1), "the batch is longer than 67108864 bytes");
}

#[test]
fn an_empty_batch_is_fine() {
    check(&Batch::default(), "fine");
}

#[test]
fn an_expectation_holds_of_what_it_names() {
    let version = Version::from_u64(7);
    assert!(Expect::Absent.holds(None));
    assert!(!Expect::Absent.holds(Some(version)));
    assert!(Expect::Version(version).holds(Some(version)));
    assert!(!Expect::Version(version).holds(Some(Version::from_u64(8))));
    assert!(!Expect::Version(version).holds(None));
}

#[test]
fn only_graph_keys_change_the_graph_and_they_are_in_order() {
    let (a, b) = (Space::graph("a"), Space::graph("b"));
    let batch = Batch {
        expectations: vec![(Key::new(a, *b"9"), Expect::Absent)],
        puts: vec![
            (Key::new(b, *b"1"), vec![]),
            (key(b"q"), vec![]),
            (Key::new(a, *b"2"), vec![]),
        ],
        deletes: vec![Key::new(a, *b"1")],
        events: vec![],
    };
    let keys: Vec<String> = batch
        .graph_changes()
        .iter()
        .map(|key| format!("{key:?}"))
        .collect();
    assert_eq!(keys, ["a/1", "a/2", "b/1"]);
}
