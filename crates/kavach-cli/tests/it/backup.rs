//! Losing a store at 3 a.m.: backups while nodes write, restoring, and what has to be said before anything is
//! allowed again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use serde_json::Value;

use crate::server::{self, Server};
use crate::shell::Shell;

const AGENTS: &str = r#"
[[agent]]
name = "orchestrator"
owner = "user:alice"
permissions = ["read:mcp:github:*"]

[[agent]]
name = "bystander"
owner = "user:bob"
permissions = ["read:mcp:github:*"]

[[delegation]]
from = "orchestrator"
to = "searcher"
permissions = ["read:mcp:github:issues"]
"#;

fn postgres() -> String {
    format!(
        "{}&schema={}",
        server::url(Server::shared()),
        server::schema()
    )
}

/// The URL of a store, and of one to restore to, of each kind.
fn pairs() -> [(String, String); 3] {
    [
        ("redb:old.redb".to_owned(), "redb:new.redb".to_owned()),
        (
            "sqlite:old.sqlite".to_owned(),
            "sqlite:new.sqlite".to_owned(),
        ),
        (postgres(), postgres()),
    ]
}

/// The answer to one call: its exit code, its reason, and what people are told.
fn ask(shell: &Shell, url: &str, who: &str) -> (i32, String, String) {
    // A database on a busy machine may not answer in time; that is said, and nothing is allowed.
    let mut told = ask_once(shell, url, who);
    for _ in 0..4 {
        if told.0 != 2 && told.1 != "stale_state" {
            break;
        }
        told = ask_once(shell, url, who);
    }
    told
}

fn ask_once(shell: &Shell, url: &str, who: &str) -> (i32, String, String) {
    let asked = ["authorize", who, "read", "mcp:github:issues", "--json"];
    let ran = shell.run(&[&asked[..], &["--store", url]].concat());
    let answer: Value = serde_json::from_str(&ran.out).unwrap_or(Value::Null);
    let reason = answer["reason"].as_str().unwrap_or_default();
    (ran.code, reason.to_owned(), ran.err)
}

#[track_caller]
fn reasons(shell: &Shell, url: &str, want: [&str; 3]) {
    let found = ["orchestrator", "searcher", "bystander"].map(|who| ask(shell, url, who).1);
    assert_eq!(found, want, "{url}");
}

/// The sentence that somebody has to say, as the refusal asks for it.
fn words(shell: &Shell, url: &str) -> String {
    let ran = shell.run(&["store", "reopen", "--by", "user:alice", "--store", url]);
    assert_eq!(ran.code, 2, "{}{}", ran.out, ran.err);
    let from = ran.err.rfind("I accept that").unwrap();
    let words = ran.err[from..].lines().next().unwrap();
    words.to_owned()
}

#[test]
fn what_was_revoked_after_the_backup_stays_revoked_on_every_engine() {
    for (old, new) in pairs() {
        let shell = Shell::new();
        shell.write("agents.toml", AGENTS);
        let on = |url: &str, arguments: &[&str]| shell.ok(&[arguments, &["--store", url]].concat());
        on(&old, &["apply", "agents.toml"]);
        reasons(&shell, &old, ["granted"; 3]);
        let told = on(&old, &["store", "backup", "night.backup"]);
        assert!(told.starts_with("backed up "), "{told}");
        let mode = fs::metadata(shell.path("night.backup"))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        on(&old, &["agent", "revoke", "orchestrator"]);
        on(
            &old,
            &["audit", "export", "--all-tenants", "-o", "trail.jsonl"],
        );

        // The disk is gone. The master key was kept elsewhere.
        let told = on(&new, &["store", "restore", "night.backup"]);
        assert!(told.starts_with("restored "), "{told}");
        reasons(&shell, &new, ["store_restored"; 3]);
        let (code, _, err) = ask(&shell, &new, "bystander");
        assert_eq!(code, 1);
        assert!(err.contains("kavach store reopen"), "{err}");
        let told = shell.run(&["store", "check", "--json", "--store", &new]);
        assert!(told.out.contains("\"closed\":true"), "{}", told.out);
        assert!(told.err.contains("kavach store reopen"), "{}", told.err);

        let reopen = ["store", "reopen", "--by", "user:alice"];
        let told = on(&new, &[&reopen[..], &["--export", "trail.jsonl"]].concat());
        assert!(told.contains("1 thing taken away again"), "{told}");
        reasons(
            &shell,
            &new,
            ["agent_revoked", "ancestor_revoked", "granted"],
        );
        let trail = on(&new, &["audit", "list", "--kind", "store.reopened"]);
        assert!(
            trail.contains("user:alice reopened the restored store"),
            "{trail}"
        );
        on(&new, &["store", "check"]);
        let again =
            shell.run(&[&reopen[..], &["--export", "trail.jsonl", "--store", &new]].concat());
        assert!(again.err.contains("reopened before"), "{}", again.err);
    }
}

#[test]
fn a_loss_is_accepted_in_so_many_words_or_not_at_all() {
    let shell = Shell::new();
    shell.write("agents.toml", AGENTS);
    let (old, new) = ("redb:old.redb", "sqlite:new.sqlite");
    shell.ok(&["apply", "agents.toml", "--store", old]);
    shell.ok(&["store", "backup", "night.backup", "--store", old]);
    shell.ok(&["agent", "revoke", "orchestrator", "--store", old]);
    let nobody = shell.run(&[
        "store",
        "restore",
        "night.backup",
        "--store",
        new,
        "--accept-loss",
        "x",
    ]);
    assert!(nobody.err.contains("--by"), "{}", nobody.err);
    shell.ok(&["store", "restore", "night.backup", "--store", new]);
    let words = words(&shell, new);
    let reopen = ["store", "reopen", "--by", "user:alice", "--store", new];
    let wrong = shell.run(&[&reopen[..], &["--accept-loss", "yes"]].concat());
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("say exactly"), "{}", wrong.err);
    reasons(&shell, new, ["store_restored"; 3]);
    shell.ok(&[&reopen[..], &["--accept-loss", &words]].concat());
    reasons(&shell, new, ["granted"; 3]);
    let trail = shell.ok(&["audit", "list", "--kind", "store.reopened", "--store", new]);
    assert!(trail.contains("I accept that"), "{trail}");
}

#[test]
fn a_file_that_is_there_stays_unless_somebody_says_otherwise() {
    let shell = Shell::new();
    shell.write("agents.toml", AGENTS);
    shell.ok(&["apply", "agents.toml"]);
    shell.write("night.backup", "something else");
    let ran = shell.run(&["store", "backup", "night.backup"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--force"), "{}", ran.err);
    assert_eq!(
        fs::read(shell.path("night.backup")).unwrap(),
        b"something else"
    );
    shell.ok(&["store", "backup", "night.backup", "--force"]);
    let file = fs::read(shell.path("night.backup")).unwrap();
    assert!(file.starts_with(b"kavach backup 1\n"));
    let ran = shell.command(&["store", "backup", "-"]).output().unwrap();
    assert!(ran.status.success());
    assert!(ran.stdout.starts_with(b"kavach backup 1\n"));
    // Nothing else is left behind.
    let names = fs::read_dir(shell.folder()).unwrap();
    assert_eq!(names.count(), 3, "a draft was left");
}

#[test]
fn what_is_no_backup_of_this_key_makes_no_store() {
    let shell = Shell::new();
    shell.write("agents.toml", AGENTS);
    shell.ok(&["apply", "agents.toml"]);
    shell.ok(&["store", "backup", "night.backup"]);
    let mut file = fs::read(shell.path("night.backup")).unwrap();
    let refuse = |shell: &Shell, words: &str| {
        let ran = shell.run(&[
            "store",
            "restore",
            "night.backup",
            "--store",
            "redb:new.redb",
        ]);
        assert_eq!(ran.code, 2, "{}", ran.out);
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
        assert!(!shell.path("new.redb").exists());
    };
    let middle = file.len() / 2;
    file[middle] ^= 1;
    shell.write("night.backup", &file);
    refuse(&shell, "damaged at byte");
    file[middle] ^= 1;
    shell.write("night.backup", &file[..file.len() - 1]);
    refuse(&shell, "ends in the middle");
    shell.write("night.backup", "hello");
    refuse(&shell, "is not a backup");
    // On another machine, where somebody made another key, or forgot it.
    let elsewhere = Shell::new();
    elsewhere.write("night.backup", &file);
    refuse(&elsewhere, "master key");
    elsewhere.write("agents.toml", AGENTS);
    elsewhere.ok(&["apply", "agents.toml"]);
    refuse(&elsewhere, "not sealed under this master key");
    // And onto a store that is used.
    shell.write("night.backup", &file);
    let ran = shell.run(&["store", "restore", "night.backup"]);
    assert!(ran.err.contains("holds records already"), "{}", ran.err);
    // And to where nothing stays.
    let ran = shell.run(&["store", "restore", "night.backup", "--store", "memory:"]);
    assert!(ran.err.contains("name a store that stays"), "{}", ran.err);
}

/// Creates and revokes agents in processes of their own.
fn write(shell: &Shell, url: &str, writer: usize) {
    for number in 0..6 {
        let name = format!("agent-{writer}-{number}");
        let create = [
            "agent",
            "create",
            &name,
            "--owner",
            "user:alice",
            "--store",
            url,
        ];
        shell.ok(&[&create[..], &["--allow", "read:mcp:github:*"]].concat());
        if number % 2 == 0 {
            shell.ok(&["agent", "revoke", &name, "--store", url]);
        }
    }
}

#[test]
fn processes_write_while_a_backup_is_made() {
    for (old, new) in [
        ("sqlite:old.sqlite".to_owned(), "redb:new.redb".to_owned()),
        (postgres(), "sqlite:new.sqlite".to_owned()),
    ] {
        let shell = Shell::new();
        shell.write("agents.toml", AGENTS);
        shell.ok(&["apply", "agents.toml", "--store", &old]);
        thread::scope(|scope| {
            for writer in 0..2 {
                let (shell, old) = (&shell, &old);
                scope.spawn(move || write(shell, old, writer));
            }
            for number in 0..4 {
                let file = format!("{number}.backup");
                shell.ok(&["store", "backup", &file, "--store", &old]);
            }
        });
        let file = "3.backup";
        assert!(Path::new(&shell.path(file)).exists());
        shell.ok(&["store", "restore", file, "--store", &new]);
        let words = words(&shell, &new);
        let reopen = ["store", "reopen", "--by", "user:alice", "--store", &new];
        shell.ok(&[&reopen[..], &["--accept-loss", &words]].concat());
        shell.ok(&["store", "check", "--store", &new]);
        reasons(&shell, &new, ["granted"; 3]);
    }
}
