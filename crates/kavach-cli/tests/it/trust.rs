//! `kavach trust`.

use crate::mask::masked;
use crate::shell::Shell;

/// A planner with a sub-agent, which tried what it may not.
fn team() -> Shell {
    let shell = Shell::new();
    shell.write(
        "team.toml",
        r#"
[[agent]]
name = "planner"
owner = "user:alice"
permissions = ["read:app:x"]

[[delegation]]
from = "planner"
to = "reader"
permissions = ["read:app:x"]

[[agent]]
name = "idle"
owner = "user:bob"
"#,
    );
    shell.ok(&["apply", "team.toml"]);
    for _ in 0..10 {
        assert_eq!(
            shell.run(&["authorize", "reader", "write", "app:x"]).code,
            1
        );
    }
    shell
}

#[test]
fn an_agents_trust_is_told_part_by_part_and_line_by_line() {
    let shell = team();
    let mut all = String::new();
    for line in [
        "trust planner",
        "trust reader",
        "trust idle",
        "trust reader --json",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        all.push_str(&format!("$ kavach {line}\n{}\n", shell.ok(&words)));
    }
    insta::assert_snapshot!(masked(&all));
}

#[test]
fn what_is_gone_is_shown_on_its_line() {
    let shell = team();
    shell.ok(&["agent", "revoke", "planner"]);
    let lines = shell.json(&["trust", "reader"]);
    assert_eq!(lines["lines"][0]["fault"], "ancestor_revoked");
    assert_eq!(lines["lines"][0]["lowest"], "reader");
    assert!(
        shell
            .ok(&["trust", "reader"])
            .contains("(ancestor_revoked)")
    );
}

#[test]
fn nobody_known_has_none() {
    let shell = team();
    shell.check_refused(
        &["trust", "nobody"],
        2,
        "there is no agent `nobody` in this tenant; see `kavach agent list`",
    );
}
