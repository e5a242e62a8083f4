//! What the fuzzers run, over the corpus in the tree and over everything near it.

use std::fs;
use std::path::PathBuf;

/// Runs `target` over each file of its corpus: whole, cut off, and with a bit changed here and there.
#[track_caller]
fn check(folder: &str, target: fn(&[u8])) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "corpus", folder]
        .iter()
        .collect();
    let mut files = 0;
    for entry in fs::read_dir(path).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        target(&bytes);
        files += 1;
        let step = 1 + bytes.len() / 64;
        for at in (0..bytes.len()).step_by(step) {
            target(&bytes[..at]);
            for bit in [0, 3, 7] {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                target(&changed);
            }
        }
    }
    assert!(files > 0, "no corpus");
}

#[test]
fn tokens_key_sets_and_presentations_have_one_spelling() {
    check("token", kavach_token::fuzz::token);
}

#[test]
fn blocks_are_written_as_they_are_read() {
    check("token_chain", kavach_token::fuzz::chain);
}

#[test]
fn revocation_lists_are_signed_as_they_are_read() {
    check("revocation_list", kavach_token::fuzz::revocation_list);
}
