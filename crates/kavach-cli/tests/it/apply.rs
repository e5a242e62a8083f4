//! `kavach apply`

use serde_json::{Value, json};

use crate::mask::masked;
use crate::shell::Shell;

const TEAM: &str = r#"base = "mcp:github"

[[agent]]
name = "orchestrator"
owner = "user:alice"
permissions = ["read:*", { resource = "pull_requests", actions = ["comment", "merge"] }]
expires_in = "30d"
metadata = { team = "search" }

# Its giver is spawned further down.
[[delegation]]
from = "reviewer"
to = "linter"
permissions = ["read:pull_requests"]

[[delegation]]
from = "orchestrator"
to = "reviewer"
permissions = ["read,comment:pull_requests"]
max_depth = 1
"#;

/// Runs a script of lines and returns what was said, masked.
fn transcript(shell: &Shell, steps: &[(&str, &str)]) -> String {
    let mut all = String::new();
    for (file, line) in steps {
        if !file.is_empty() {
            shell.write("team.toml", file);
        }
        let words: Vec<&str> = line.split(' ').collect();
        let ran = shell.run(&words);
        all.push_str(&format!(
            "$ kavach {line}\n{}{}[{}]\n\n",
            ran.out, ran.err, ran.code
        ));
    }
    masked(&all)
}

#[test]
fn a_file_is_applied_changed_pruned_and_taken_back() {
    let shell = Shell::new();
    let without_linter: String = {
        let (head, tail) = TEAM.split_once("# Its giver").unwrap();
        let (_, tail) = tail.split_once("\n\n").unwrap();
        format!("{head}{tail}")
    };
    let narrower = TEAM.replace("\"read:*\"", "\"read:issues\", \"read:pull_requests\"");
    let steps = [
        (TEAM, "apply team.toml --dry-run"),
        ("", "apply team.toml"),
        ("", "apply team.toml"),
        (narrower.as_str(), "apply team.toml"),
        (without_linter.as_str(), "apply team.toml"),
        ("", "apply team.toml --prune --dry-run"),
        ("", "apply team.toml --prune"),
        (TEAM, "apply team.toml"),
        ("", "apply team.toml --recreate linter --recreate reviewer"),
        ("", "apply team.toml --json"),
        ("\n", "apply team.toml --prune"),
    ];
    insta::assert_snapshot!(transcript(&shell, &steps));
}

#[test]
fn every_mistake_is_told_with_its_line_and_column() {
    let shell = Shell::new();
    let file = r#"bsae = "x"
[[agent]]
name = "bad name"
owner = "alice"
kind = "robot"
permissions = ["read:mcp:github:..", "read", { resource = "mcp:github:%2e", actions = [] }]
expires_in = "1y"
colour = "red"

[[agent]]
owner = "user:alice"
expires_at = 2026-01-01
[[delegation]]
from = "a"
to = "b"
max_depth = 12
mode = "lax"
via = "dlg_x"
"#;
    insta::assert_snapshot!(transcript(
        &shell,
        &[(file, "apply team.toml"), ("", "apply team.toml --json")]
    ));
    assert!(!shell.path("kavach-data").exists(), "nothing was made");
}

#[test]
fn what_cannot_be_is_told_with_its_line_and_column() {
    let shell = Shell::new();
    shell.ok(&["agent", "create", "taken", "--owner", "user:bob"]);
    shell.ok(&["agent", "create", "gone", "--owner", "user:bob"]);
    shell.ok(&["agent", "revoke", "gone"]);
    shell.ok(&["agent", "create", "left", "--owner", "user:carol"]);
    shell.ok(&["owner", "revoke", "user:carol"]);
    let before = shell.trail();
    let file = r#"
[[agent]]
name = "late"
owner = "user:alice"
expires_at = "2020-01-01T00:00:00Z"

[[agent]]
name = "q"
owner = "user:alice"
permissions = ["read:mcp:github:*", "read:app:x?expires=2020-01-01T00:00:00Z"]

[[agent]]
name = "p"
owner = "user:alice"
permissions = ["read:mcp:github:*"]
expires_at = 2090-01-01T00:00:00Z

[[agent]]
name = "p"
owner = "user:alice"

[[agent]]
name = "taken"
owner = "user:alice"

[[agent]]
name = "gone"
owner = "user:bob"

[[agent]]
name = "new"
owner = "user:carol"

[[agent]]
name = "noted"
owner = "user:alice"
metadata = { "a b" = "x" }

[[delegation]]
from = "p"
to = "sub"
permissions = ["read:mcp:github:issues", "write:mcp:github:issues"]

[[delegation]]
from = "p"
to = "longer"
permissions = ["read:mcp:github:issues"]
expires_at = 2091-01-01T00:00:00Z

[[delegation]]
from = "nobody"
to = "sub"
permissions = ["read:mcp:github:issues"]

[[delegation]]
from = "p"
to = "gone"
permissions = ["read:mcp:github:issues"]

[[delegation]]
from = "p"
to = "taken"
via = "taken"
permissions = ["read:mcp:github:issues"]

[[delegation]]
from = "taken"
to = "sub2"
permissions = ["read:mcp:github:issues"]
"#;
    insta::assert_snapshot!(transcript(&shell, &[(file, "apply team.toml")]));
    assert_eq!(shell.trail(), before, "nothing was changed");
}

#[test]
fn a_circle_of_givers_is_refused() {
    let shell = Shell::new();
    let edge = |from: &str, to: &str| {
        format!(
            "[[delegation]]\nfrom = \"{from}\"\nto = \"{to}\"\npermissions = [\"read:app:x\"]\n"
        )
    };
    shell.write("team.toml", format!("{}{}", edge("a", "b"), edge("b", "a")));
    let ran = shell.run(&["apply", "team.toml"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("team.toml:2:8: ") && ran.err.contains("team.toml:6:8: "),
        "{}",
        ran.err
    );
}

#[test]
fn an_end_counts_from_the_making_and_is_no_change_later() {
    let shell = Shell::new();
    shell.write("team.toml", TEAM);
    let first = shell.json(&["apply", "team.toml"]);
    assert_eq!(
        (&first["changed"], first["steps"].as_array().unwrap().len()),
        (&json!(true), 3)
    );
    let agent = shell.json(&["agent", "show", "orchestrator"]);
    for _ in 0..2 {
        let again = shell.json(&["apply", "team.toml"]);
        assert_eq!(again["changed"], false, "{again}");
        assert_eq!(again["revision"], first["revision"]);
    }
    assert_eq!(shell.json(&["agent", "show", "orchestrator"]), agent);
    let kinds: Vec<Value> = shell
        .trail()
        .iter()
        .map(|event| event["kind"].clone())
        .collect();
    assert_eq!(
        kinds,
        ["agent.created", "delegated", "delegated"],
        "applying again leaves no trace"
    );
}

#[test]
fn a_file_comes_from_standard_input_too() {
    let shell = Shell::new();
    let ran = shell.feed(&["apply", "-", "--json"], TEAM);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let ran = shell.feed(&["apply", "-"], "agent = 1");
    assert!(
        ran.err
            .starts_with("-:1:9: `agent` is not a list of tables"),
        "{}",
        ran.err
    );
}

#[test]
fn what_is_no_file_is_told_so() {
    let shell = Shell::new();
    shell.write("latin.toml", b"# h\xe9llo\n");
    shell.write("later.toml", b"# one\n# t\xc3\xa9 \xff\n");
    shell.write("nul.toml", b"a = \"\0\"\n");
    shell.write("long.toml", vec![b'#'; 8 * 1024 * 1024 + 1]);
    for (file, want) in [
        (
            "nowhere.toml",
            "error: `nowhere.toml` cannot be read: No such file",
        ),
        (".", "error: `.` cannot be read: Is a directory"),
        (
            "latin.toml",
            "error: latin.toml:1:4: it is not UTF-8; save it as that",
        ),
        ("later.toml", "error: later.toml:2:6: it is not UTF-8"),
        ("nul.toml", "nul.toml:1:6: "),
        (
            "long.toml",
            "error: `long.toml` is longer than 8388608 bytes; split it",
        ),
    ] {
        let ran = shell.run(&["apply", file]);
        assert_eq!(ran.code, 2, "{file}");
        assert!(ran.err.starts_with(want), "{file}: {}", ran.err);
        assert!(!shell.path("kavach-data").exists(), "{file}");
    }
}

#[test]
fn a_large_file_is_applied_at_once() {
    let shell = Shell::new();
    let agent = |number: usize| {
        format!(
            "[[agent]]\nname = \"a{number}\"\nowner = \"user:x\"\npermissions = [\"read:app:a{number}\"]\n"
        )
    };
    shell.write("team.toml", (0..1_000).map(agent).collect::<String>());
    let applied = shell.json(&["apply", "team.toml"]);
    assert_eq!(applied["steps"].as_array().unwrap().len(), 1_000);
    assert_eq!(shell.json(&["apply", "team.toml"])["changed"], false);
    assert_eq!(
        shell.json(&["agent", "list"]).as_array().unwrap().len(),
        1_000
    );
}
