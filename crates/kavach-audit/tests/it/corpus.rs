//! The bodies of the fuzzers, over the corpus and over mutations of it that are always the same.

use std::fs;
use std::path::PathBuf;

use kavach_audit::fuzz;

use crate::sample::{full, typical};

fn corpus() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus/event");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 10, "the corpus is gone");
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// xorshift64: the same numbers on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }
}

fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    const TOKENS: [&[u8]; 12] = [
        b"\"", b"\\", b"{", b"}", b",", b"null", b"\\u0000", b"\\ud800", b"\"v\":2", b"[]",
        b"\xff", b" ",
    ];
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(bytes.len() + 1);
        let end = (at + numbers.below(8)).min(bytes.len());
        match numbers.below(4) {
            0 => drop(bytes.splice(at..end, TOKENS[numbers.below(TOKENS.len())].iter().copied())),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.extend_from_within(at..end),
            _ if at < bytes.len() => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
            _ => {}
        }
    }
}

#[test]
fn the_corpus_breaks_no_promise() {
    for bytes in corpus() {
        fuzz::decode(&bytes);
        fuzz::head(&bytes);
    }
}

#[test]
fn mutations_of_the_corpus_break_no_promise() {
    let mut seeds = corpus();
    seeds.extend([full().seal().bytes, typical().seal().bytes]);
    let mut numbers = Numbers(0x6b61_7661_6368);
    for _ in 0..20_000 {
        let mut bytes = seeds[numbers.below(seeds.len())].clone();
        mutate(&mut bytes, &mut numbers);
        fuzz::decode(&bytes);
        fuzz::head(&bytes);
    }
}
