//! Trees and explanations, as they are drawn.

use crate::mask::masked;
use crate::shell::Shell;

/// Alice's and Bob's agents; one agent holds by two lines, one is revoked, one is suspended.
fn forest() -> Shell {
    let shell = Shell::new();
    shell.write(
        "forest.toml",
        r#"
base = "mcp:github"

[[agent]]
name = "planner"
owner = "user:alice"
permissions = ["read:**", "comment:issues", "a:x", "b:x", "c:x", "d:x"]
expires_at = 2099-01-01T00:00:00Z

[[agent]]
name = "auditor"
owner = "user:bob"
permissions = ["read:issues"]

[[agent]]
name = "idle"
owner = "user:bob"

[[delegation]]
from = "planner"
to = "searcher"
permissions = ["read:issues"]

[[delegation]]
from = "searcher"
to = "reader"
permissions = ["read:issues"]
expires_at = 2098-01-01T00:00:00Z

[[delegation]]
from = "auditor"
to = "reader"
permissions = ["read:issues"]

[[delegation]]
from = "planner"
to = "gone"
permissions = ["read:x"]

[[delegation]]
from = "planner"
to = "late"
permissions = ["read:x"]
"#,
    );
    shell.ok(&["apply", "forest.toml"]);
    shell.ok(&["agent", "revoke", "gone"]);
    shell.ok(&["agent", "suspend", "late"]);
    shell
}

#[test]
fn trees_are_drawn() {
    let shell = forest();
    let mut all = String::new();
    for line in [
        "agent tree",
        "agent tree --active",
        "agent tree reader",
        "agent tree idle",
        "agent tree --format mermaid",
        "agent tree --format dot",
        "agent tree reader --format dot",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        all.push_str(&format!("$ kavach {line}\n{}\n", shell.ok(&words)));
    }
    insta::assert_snapshot!(masked(&all));
}

#[test]
fn answers_are_explained() {
    let shell = forest();
    let mut all = String::new();
    for line in [
        "explain reader read mcp:github:issues",
        "explain reader comment mcp:github:issues",
        "explain reader read mcp:github:issues --at 2098-06-01T00:00:00Z",
        "explain gone read mcp:github:x",
        "explain idle read mcp:github:x",
        "explain nobody read mcp:github:x",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let ran = shell.run(&words);
        assert_eq!(ran.err, "");
        all.push_str(&format!("$ kavach {line}\n{}[{}]\n\n", ran.out, ran.code));
    }
    insta::assert_snapshot!(masked(&all));
}

#[test]
fn looking_changes_nothing_and_makes_nothing() {
    let shell = Shell::new();
    shell.write("team.toml", "[[agent]]\nname = \"a\"\nowner = \"user:x\"\n");
    let looks: &[&[&str]] = &[
        &["agent", "list"],
        &["agent", "tree"],
        &["delegation", "list"],
        &["audit", "list"],
        &["audit", "tail"],
        &["audit", "export"],
        &["apply", "team.toml", "--dry-run"],
        &["authorize", "a", "read", "app:x", "--simulate"],
        &["explain", "a", "read", "app:x"],
    ];
    for look in looks {
        let ran = shell.run(look);
        assert!(
            ran.err
                .starts_with("note: there is nothing in `./kavach-data` yet\n"),
            "{look:?}: {}",
            ran.err
        );
        assert!(!shell.path("kavach-data").exists(), "{look:?}");
    }
    shell.ok(&["apply", "team.toml"]);
    let before = std::fs::read(shell.path("kavach-data/kavach.redb")).unwrap();
    for look in looks {
        let ran = shell.run(look);
        assert!(
            !ran.err.contains("there is nothing"),
            "{look:?}: {}",
            ran.err
        );
        let after = std::fs::read(shell.path("kavach-data/kavach.redb")).unwrap();
        assert!(before == after, "{look:?} changed the file");
    }
}
