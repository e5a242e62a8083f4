//! The kit's own list.

use std::collections::BTreeSet;
use std::process::Command;

use kavach_store::conformance::CHECKS;

/// Every check must be among the tests that libtest knows, under each backend of this binary.
#[test]
fn the_macro_makes_one_test_of_each_check() {
    let listed = Command::new(std::env::current_exe().unwrap())
        .args(["--list"])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for backend in ["memory", "faulty", "file_backend::harness"] {
        let prefix = format!("{backend}::conformance::");
        let made: BTreeSet<&str> = listed
            .lines()
            .filter_map(|line| line.strip_prefix(&prefix)?.strip_suffix(": test"))
            .collect();
        let checks: BTreeSet<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
        assert_eq!(made, checks, "{backend}");
    }
}

#[test]
fn names_of_checks_are_unique_and_aba_comes_first() {
    let names: BTreeSet<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), CHECKS.len());
    assert_eq!(
        CHECKS[0].0,
        "a_stale_version_does_not_match_a_record_created_again"
    );
}

#[test]
fn the_page_on_backends_names_every_check() {
    let page = include_str!("../../../../docs/write-a-backend.md");
    for (name, _) in CHECKS {
        assert!(
            page.contains(&format!("`{name}`")),
            "docs/write-a-backend.md leaves out `{name}`"
        );
    }
}
