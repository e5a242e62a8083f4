//! The bodies of the fuzz targets, over the corpus and over small changes to it.

use std::cell::Cell;
use std::panic::catch_unwind;
use std::path::Path;

use kavach_core::{Pattern, Permission, fuzz};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::prop_oneof;
use proptest::sample::{Index, select};

use crate::runs::check;

/// The files of one corpus, by name.
fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    });
    let mut files: Vec<_> = files.collect();
    files.sort_unstable();
    assert!(files.len() >= 20, "{} files in {folder:?}", files.len());
    files
}

/// One small change.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    Append(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let words: [&[u8]; 22] = [
        b":",
        b"*",
        b"**",
        b":**",
        b"%2F",
        b"%",
        b"?",
        b"&",
        b"depth=1",
        b"expires=",
        b"rate=20/h",
        b"ip=10.0.0.0/8",
        b"window=daily+09:00-17:00+UTC",
        b"args/a.",
        b"max=5",
        b"&args/a/b.in=x,5",
        b".optional",
        b"~1",
        b"\n",
        b"..",
        b"mcp",
        b",",
    ];
    let words = select(words.map(<[u8]>::to_vec).to_vec());
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (any::<Index>(), words).prop_map(|(at, word)| Mutation::Insert(at, word)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Mutation::Remove(from, to)),
        any::<Index>().prop_map(Mutation::Append),
    ]
}

impl Mutation {
    fn make(&self, bytes: &mut Vec<u8>, all: &[(String, Vec<u8>)]) {
        match self {
            Self::Replace(at, byte) => {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
            }
            Self::Insert(at, word) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, word.iter().copied());
            }
            Self::Remove(from, to) => {
                let ends = [from, to].map(|end| end.index(bytes.len() + 1));
                let (from, to) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
                bytes.drain(from..to);
            }
            Self::Append(which) => bytes.extend_from_slice(&which.get(all).1),
        }
    }
}

/// Runs `body` over the corpus and over `cases` changed files. At least a twentieth of the changed ones
/// must still be something, or else the changes only try out one refusal.
#[track_caller]
fn run(name: &str, cases: u32, body: fn(&[u8]), is_something: fn(&str) -> bool) {
    let files = corpus(name);
    for (file, bytes) in &files {
        let held = catch_unwind(|| body(bytes));
        assert!(
            held.is_ok(),
            "corpus/{name}/{file} breaks a promise, see above"
        );
    }
    let read = Cell::new(0);
    check(
        cases,
        &(any::<Index>(), vec(mutation(), 1..4)),
        |(file, mutations)| {
            let mut bytes = file.get(&files).1.clone();
            for mutation in &mutations {
                mutation.make(&mut bytes, &files);
            }
            let held = catch_unwind(|| body(&bytes));
            assert!(
                held.is_ok(),
                "put `{}` into corpus/{name}",
                bytes.escape_ascii()
            );
            let text = std::str::from_utf8(&bytes);
            read.set(read.get() + u32::from(text.is_ok_and(is_something)));
        },
    );
    assert!(
        read.get() > cases / 20,
        "only {} of {cases} were read",
        read.get()
    );
}

#[test]
fn any_bytes_are_a_sound_pattern_or_none() {
    run("pattern", 20_000, fuzz::pattern, |text| {
        text.split('\n').any(|line| line.parse::<Pattern>().is_ok())
    });
}

#[test]
fn any_bytes_are_a_sound_permission_or_none() {
    run("shorthand", 20_000, fuzz::shorthand, |text| {
        text.parse::<Permission>().is_ok()
    });
}

#[test]
fn decisions_made_of_bytes_agree_with_the_naive_evaluator() {
    let files = corpus("decisions");
    for (file, bytes) in &files {
        let held = catch_unwind(|| fuzz::decisions(bytes));
        assert!(held.is_ok(), "corpus/decisions/{file}, see above");
    }
    let granted = Cell::new(0);
    check(500, &vec(any::<u8>(), 0..400), |bytes| {
        granted.set(granted.get() + fuzz::decisions(&bytes));
    });
    assert!(granted.get() > 60, "only {} were granted", granted.get());
}
