//! Every store that a URL can name: the same commands, the same answers; and moving between them.

use std::sync::LazyLock;

use serde_json::Value;

use crate::server::{self, Server};
use crate::shell::Shell;

const AGENTS: &str = r#"
[[agent]]
name = "orchestrator"
owner = "user:alice"
permissions = ["read:mcp:github:*", "read:data:crm:*?rate=2/h"]

[[delegation]]
from = "orchestrator"
to = "searcher"
permissions = ["read:mcp:github:issues"]

[[guardrail]]
name = "no-secrets"
never = "*:mcp:github:secrets"
"#;

/// An address in a schema of its own.
fn postgres() -> String {
    format!(
        "{}&schema={}",
        server::url(Server::shared()),
        server::schema()
    )
}

/// The URL of each kind of store that outlives a process.
fn urls() -> [String; 3] {
    [
        "redb:my.redb".to_owned(),
        "sqlite:my.sqlite".to_owned(),
        postgres(),
    ]
}

/// What a short history prints, on the store at `url`.
fn history(shell: &Shell, url: &str) -> Vec<(i32, String)> {
    let commands: &[&[&str]] = &[
        &["authorize", "searcher", "read", "mcp:github:issues"],
        &["authorize", "searcher", "read", "mcp:github:secrets"],
        &["authorize", "orchestrator", "read", "data:crm:x"],
        &["authorize", "orchestrator", "read", "data:crm:x"],
        &["authorize", "orchestrator", "read", "data:crm:x"],
        &["agent", "revoke", "orchestrator"],
        &["authorize", "searcher", "read", "mcp:github:issues"],
        &["authorize", "nobody", "read", "mcp:github:issues"],
    ];
    let run = |arguments: &[&str]| {
        let ran = shell.run(&[arguments, &["--store", url, "--json"]].concat());
        let answer: Value = serde_json::from_str(&ran.out).unwrap_or(Value::Null);
        let told = ["decision", "reason"].map(|field| answer[field].to_string());
        (ran.code, told.join(" "))
    };
    commands.iter().map(|arguments| run(arguments)).collect()
}

#[test]
fn every_store_gives_the_same_answers() {
    let mut answers = Vec::new();
    for url in urls() {
        let shell = Shell::new();
        shell.write("agents.toml", AGENTS);
        let ran = shell.run(&["apply", "agents.toml", "--store", &url]);
        assert_eq!(ran.code, 0, "{url}: {}", ran.err);
        answers.push((url.clone(), history(&shell, &url)));
        assert!(!shell.path("kavach-data/kavach.redb").exists(), "{url}");
        let ran = shell.run(&["store", "check", "--store", &url]);
        assert!(
            ran.out.contains("is whole"),
            "{url}: {}{}",
            ran.out,
            ran.err
        );
    }
    assert!(answers[0].1.iter().any(|(code, _)| *code == 0));
    assert!(answers[0].1.iter().any(|(code, _)| *code == 1));
    for (url, found) in &answers {
        assert_eq!(found, &answers[0].1, "{url}");
    }
}

#[test]
fn a_url_may_come_from_the_environment() {
    let shell = Shell::new();
    shell.write("agents.toml", AGENTS);
    let mut command = shell.command(&["apply", "agents.toml"]);
    let output = command
        .env("KAVACH_STORE", "sqlite:mine.sqlite")
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(shell.path("mine.sqlite").exists());
}

#[test]
fn a_store_in_memory_is_gone_with_the_process() {
    let shell = Shell::new();
    shell.write("agents.toml", AGENTS);
    assert_eq!(
        shell
            .run(&["apply", "agents.toml", "--store", "memory:"])
            .code,
        0
    );
    assert!(!shell.path("kavach-data").exists());
    let ran = shell.run(&["agent", "list", "--store", "memory:"]);
    assert!(ran.err.contains("nothing in `memory:`"), "{}", ran.err);
}

#[test]
fn what_names_no_store_is_told_without_repeating_a_password() {
    let shell = Shell::new();
    for url in [
        "mysql://me:secret@host/db",
        "postgres://me:secret@127.0.0.1:1/db",
        "sqlite:no/such/folder/x",
    ] {
        let ran = shell.run(&["agent", "create", "x", "--owner", "user:a", "--store", url]);
        assert_eq!(ran.code, 2, "{url}");
        assert!(!ran.err.contains("secret"), "{}", ran.err);
    }
}

#[test]
fn copies_of_copies_are_the_same_and_go_on() {
    static URLS: LazyLock<[String; 3]> = LazyLock::new(urls);
    let shell = Shell::new();
    shell.write("agents.toml", AGENTS);
    shell.run(&["apply", "agents.toml", "--store", &URLS[0]]);
    history(&shell, &URLS[0]);
    let trail = |url: &str| {
        let ran = shell.run(&["audit", "export", "--format", "jsonl", "--store", url]);
        assert_eq!(ran.code, 0, "{url}: {}", ran.err);
        ran.out
    };
    let want = trail(&URLS[0]);
    assert!(want.lines().count() > 8);
    let order = [0, 1, 2];
    for pair in order.windows(2) {
        let (from, to) = (&URLS[pair[0]], &URLS[pair[1]]);
        let ran = shell.run(&["store", "copy", from, to]);
        assert_eq!(ran.code, 0, "{to}: {}", ran.err);
        assert!(ran.out.starts_with("copied "), "{}", ran.out);
        assert_eq!(trail(to), want, "{to}");
        let again = shell.run(&["store", "copy", from, to]);
        assert!(again.err.contains("holds records already"), "{}", again.err);
    }
    // And back to where it came from, under another name.
    let ran = shell.run(&["store", "copy", &URLS[2], "redb:back.redb"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(trail("redb:back.redb"), want);
    let after = shell.run(&[
        "authorize",
        "searcher",
        "read",
        "mcp:github:issues",
        "--store",
        "redb:back.redb",
    ]);
    assert_eq!(
        after.code, 1,
        "a revoked agent was let in after a copy: {}",
        after.out
    );
    assert_eq!(
        trail("redb:back.redb").lines().count(),
        want.lines().count() + 1
    );
}

#[test]
fn figures_and_schemas_are_told() {
    let shell = Shell::new();
    for url in urls() {
        let ran = shell.run(&["store", "stats", "--store", &url]);
        assert_eq!(ran.code, 2, "{}", ran.out);
        assert!(ran.err.contains("there is no store"), "{}", ran.err);
        let ran = shell.run(&["store", "migrate", "--check", "--store", &url]);
        assert_eq!(ran.code, 1, "{url}: {}{}", ran.out, ran.err);
        assert_eq!(
            shell.run(&["store", "migrate", "--store", &url]).code,
            0,
            "{url}"
        );
        assert_eq!(
            shell
                .run(&["store", "migrate", "--check", "--store", &url])
                .code,
            0,
            "{url}"
        );
        let ran = shell.run(&["store", "stats", "--json", "--store", &url]);
        let told: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(told["events"], 0, "{told}");
        assert_eq!(told["revision"], 0, "{told}");
    }
}
