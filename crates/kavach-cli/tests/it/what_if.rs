//! `kavach what-if`, `shadow`, `replay` and `analyze`.

use crate::mask::masked;
use crate::shell::Shell;

const NOW: &str = r#"
[[agent]]
name = "planner"
owner = "user:alice"
permissions = ["read:mcp:github:*", "comment:mcp:github:issues"]

[[agent]]
name = "idle"
owner = "user:bob"
permissions = ["read:app:x"]

[[delegation]]
from = "planner"
to = "reader"
permissions = ["read:mcp:github:*"]
"#;

const THEN: &str = r#"
[[agent]]
name = "planner"
owner = "user:alice"
permissions = ["read:mcp:github:*", "merge:mcp:github:pulls"]

[[agent]]
name = "idle"
owner = "user:bob"
permissions = ["read:app:x"]

[[agent]]
name = "fresh"
owner = "user:bob"
permissions = ["read:app:x"]

[[delegation]]
from = "planner"
to = "reader"
permissions = ["read:mcp:github:issues"]

[[guardrail]]
name = "frozen"
never = "*:app:x"
"#;

const REQUESTS: &str = r#"{"agent":"planner","action":"read","resource":"mcp:github:repos"}
{"agent":"planner","action":"comment","resource":"mcp:github:issues"}
{"agent":"planner","action":"merge","resource":"mcp:github:pulls"}
{"agent":"reader","action":"read","resource":"mcp:github:repos"}
{"agent":"idle","action":"read","resource":"app:x"}
{"agent":"fresh","action":"read","resource":"app:y"}
"#;

fn shell() -> Shell {
    let shell = Shell::new();
    shell.write("now.toml", NOW);
    shell.write("then.toml", THEN);
    shell.write("requests.jsonl", REQUESTS);
    shell.ok(&["apply", "now.toml"]);
    shell
}

fn told(shell: &Shell, lines: &[&str]) -> String {
    let mut told = String::new();
    for line in lines {
        let ran = shell.run(&line.split(' ').collect::<Vec<_>>());
        told.push_str(&format!(
            "$ kavach {line}\n{}{}[{}]\n\n",
            ran.out, ran.err, ran.code
        ));
    }
    masked(&told)
}

#[test]
fn what_would_change_is_told_and_for_whom_and_nothing_changes() {
    let shell = shell();
    let before = std::fs::read(shell.path("kavach-data/kavach.redb")).unwrap();
    insta::assert_snapshot!(told(
        &shell,
        &[
            "what-if now.toml",
            "what-if then.toml",
            "what-if then.toml --requests requests.jsonl",
            "what-if then.toml --requests requests.jsonl --json",
            "what-if - --requests -",
            "what-if nowhere.toml",
            "what-if then.toml --requests nowhere.jsonl",
        ],
    ));
    let after = std::fs::read(shell.path("kavach-data/kavach.redb")).unwrap();
    assert!(before == after, "it changed the file");
}

#[test]
fn a_shadow_answers_beside_the_answer_that_holds() {
    let shell = shell();
    insta::assert_snapshot!(told(
        &shell,
        &["shadow then.toml --requests requests.jsonl"],
    ));
    let trail = shell.ok(&["audit", "list", "--kind", "authorize", "--json"]);
    assert_eq!(trail.lines().count(), 6, "{trail}");
}

#[test]
fn what_happened_is_decided_again() {
    let shell = shell();
    for _ in 0..3 {
        shell.run(&["authorize", "reader", "read", "mcp:github:repos"]);
    }
    shell.run(&["authorize", "--requests", "requests.jsonl"]);
    insta::assert_snapshot!(told(
        &shell,
        &[
            "replay now.toml --on today",
            "replay then.toml --on today",
            "replay then.toml --since 2020-01-01 --until 2020-01-02",
            "replay then.toml --on someday",
        ],
    ));
    let json = shell.ok(&["replay", "then.toml", "--on", "today", "--json"]);
    let last: serde_json::Value = serde_json::from_str(json.lines().last().unwrap()).unwrap();
    assert_eq!(
        last,
        serde_json::json!({"calls": 8, "changed": 7, "changed_by_file": 7, "cannot_tell": 0})
    );
}

#[test]
fn replayed_limits_count_from_nothing_and_unrecorded_arguments_are_no_answer() {
    let shell = shell();
    for _ in 0..3 {
        shell.ok(&["authorize", "idle", "read", "app:x"]);
    }
    let with = |constraint: &str| {
        let file = NOW.replace("read:app:x", &format!("read:app:x?{constraint}"));
        shell.write("limited.toml", &file);
        let json = shell.ok(&["replay", "limited.toml", "--on", "today", "--json"]);
        json.lines().last().unwrap().to_owned()
    };
    let want = |changed: u32, unknown: u32| {
        format!(
            r#"{{"calls":3,"changed":{changed},"changed_by_file":{changed},"cannot_tell":{unknown}}}"#
        )
    };
    assert_eq!(with("rate=3/h"), want(0, 0));
    assert_eq!(with("rate=2/h"), want(1, 0));
    assert_eq!(with("budget=1/day"), want(2, 0));
    assert_eq!(with("ip=10.0.0.0/8"), want(0, 3));
    assert_eq!(with("args/a.max=3"), want(3, 0));
    let context = r#"{"args":{"a":1},"ip":"10.1.2.3"}"#;
    shell.ok(&["authorize", "idle", "read", "app:x", "--context", context]);
    let last: serde_json::Value = serde_json::from_str(&with("args/a.max=3")).unwrap();
    assert_eq!(
        last["cannot_tell"], 1,
        "the trail has only a hash of the arguments"
    );
    let last: serde_json::Value = serde_json::from_str(&with("ip=10.0.0.0/8")).unwrap();
    assert_eq!(
        (&last["changed"], &last["cannot_tell"]),
        (&0.into(), &3.into()),
        "the address is sealed, and read"
    );
}

#[test]
fn an_analysis_counts_what_others_did_with_it() {
    let shell = shell();
    for resource in ["mcp:github:repos", "mcp:github:issues"] {
        shell.ok(&["authorize", "reader", "read", resource]);
    }
    insta::assert_snapshot!(told(
        &shell,
        &[
            "analyze planner",
            "analyze reader",
            "analyze idle --json",
            "analyze nobody"
        ],
    ));
}
