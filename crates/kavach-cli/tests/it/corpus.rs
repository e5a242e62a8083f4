//! The bodies of the fuzzers, over the corpus and over mutations of it that are always the same.

use std::fs;
use std::path::PathBuf;

use kavach_cli::fuzz;

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
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

fn mutate(bytes: &mut Vec<u8>, tokens: &[&[u8]], numbers: &mut Numbers) {
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        let end = (at + numbers.below(12)).min(bytes.len());
        match numbers.below(4) {
            0 => drop(bytes.splice(at..end, tokens[numbers.below(tokens.len())].iter().copied())),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.extend_from_within(at..end),
            _ if at < bytes.len() => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
            _ => {}
        }
    }
}

fn run(name: &str, tokens: &[&[u8]], body: fn(&[u8])) {
    let seeds = corpus(name);
    seeds.iter().for_each(|seed| body(seed));
    let rounds = if std::env::var_os("KAVACH_CAMPAIGN").is_some() {
        1_000_000
    } else {
        10_000
    };
    let mut numbers = Numbers(0x6b61_7661_6368);
    for _ in 0..rounds {
        let mut bytes = seeds[numbers.below(seeds.len())].clone();
        mutate(&mut bytes, tokens, &mut numbers);
        body(&bytes);
    }
}

#[test]
fn no_file_breaks_a_promise() {
    let tokens: [&[u8]; 22] = [
        b"[[agent]]\n",
        b"[[delegation]]\n",
        b"[agent]\n",
        b"name",
        b"owner",
        b"permissions",
        b"expires_in",
        b"expires_at",
        b" = ",
        b"\"",
        b"'''",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"\n",
        b"2026-01-01T00:00:00Z",
        b"1e9",
        b"\xff",
        b"\0",
        "é\u{202e}".as_bytes(),
    ];
    run("apply_file", &tokens, fuzz::apply_file);
}

#[test]
fn no_request_breaks_a_promise() {
    let tokens: [&[u8]; 18] = [
        b"\"agent\"",
        b"\"action\":",
        b"\"resource\":",
        b"\"context\":",
        b"\"at\":",
        b"null",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"\n",
        b"\r\n",
        b" ",
        b"\\u0000",
        b"\xff",
        b"\0",
        b"1e400",
    ];
    run("request_lines", &tokens, fuzz::request_lines);
}
