//! What is in a backup, and what the fuzzer runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use kavach_store::MemoryStore;

use super::spaces::{LEFT_OUT, kept, named};
use super::{backup, fuzz};
use crate::ManualClock;
use crate::census::{spaces, tests::some_history};

/// What is in a backup. A new space fails this test until somebody says what becomes of its records where a
/// backup is restored: is any of them dangerous, if what happened since did not happen?
const KEPT: [&str; 22] = [
    "agent",
    "agent_name",
    "counter",
    "counter_pool",
    "declared",
    "delegation",
    "guardrail",
    "master_key_check",
    "owner",
    "person_key",
    "private_field",
    "subject",
    "tenant_key",
    "token_holder",
    "token_list",
    "token_minted",
    "token_revoked",
    "token_root",
    "token_root_secret",
    "token_use",
    "token_use_end",
    "trust",
];

#[test]
fn every_space_is_kept_or_left_out_for_a_reason() {
    let found: BTreeSet<&str> = kept().iter().map(kavach_store::Space::name).collect();
    let wanted: BTreeSet<&str> = KEPT.into_iter().collect();
    assert_eq!(found, wanted);
    for space in spaces() {
        let left_out = LEFT_OUT.iter().any(|(name, _)| *name == space.name());
        assert_ne!(left_out, found.contains(space.name()), "{}", space.name());
        assert_eq!(named(space.name().as_bytes()).is_some(), !left_out);
    }
    assert_eq!(spaces().len(), found.len() + LEFT_OUT.len());
    // A counter that moves to a pool meanwhile is seen in one of them.
    let place = |name: &str| kept().iter().position(|space| space.name() == name);
    assert!(place("counter") < place("counter_pool"));
}

#[tokio::test]
async fn no_file_breaks_a_promise() {
    let store = MemoryStore::new();
    some_history(store.clone(), "planner").await.close().await;
    let mut fresh = Vec::new();
    let clock = ManualClock::default();
    backup(&store, &mut fresh, None, &clock, &mut |_| ())
        .await
        .unwrap();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus/backup");
    let files = fs::read_dir(folder).unwrap();
    let files = files.map(|file| fs::read(file.unwrap().path()).unwrap());
    let seeds: Vec<Vec<u8>> = files.chain([fresh]).collect();
    assert!(seeds.len() > 4, "the corpus is gone");
    for bytes in seeds {
        fuzz::backup(&bytes);
        let step = 1 + bytes.len() / 256;
        for at in (0..bytes.len()).step_by(step) {
            fuzz::backup(&bytes[..at]);
            for bit in [0, 3, 7] {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                fuzz::backup(&changed);
            }
        }
    }
}
