//! `kavach guardrail`, and `[[guardrail]]` in a file.

use crate::mask::masked;
use crate::shell::Shell;

const TEAM: &str = r#"
[[agent]]
name = "planner"
owner = "user:alice"
permissions = ["*:data:**"]

[[agent]]
name = "backup"
owner = "user:alice"
kind = "service"
permissions = ["*:data:**"]

[[delegation]]
from = "planner"
to = "helper"
permissions = ["*:data:prod:**"]
"#;

fn team() -> Shell {
    let shell = Shell::new();
    shell.write("team.toml", TEAM);
    shell.ok(&["apply", "team.toml"]);
    shell
}

/// The reason and the guardrail of a call's answer.
#[track_caller]
fn check(shell: &Shell, agent: &str, call: &str, want: &str) {
    let (action, resource) = call.split_once(' ').unwrap();
    let ran = shell.run(&["authorize", agent, action, resource]);
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let guardrail = answer["guardrail"].as_str();
    let found = match guardrail {
        Some(name) => format!("{} by {name}", answer["reason"].as_str().unwrap()),
        None => answer["reason"].as_str().unwrap().to_owned(),
    };
    assert_eq!(found, want, "{agent} {call}: {}{}", ran.out, ran.err);
}

#[test]
fn a_guardrail_wins_over_every_grant_until_it_is_taken_away() {
    let shell = team();
    let delete = "delete data:prod:users";
    check(&shell, "planner", delete, "granted");
    shell.ok(&["guardrail", "set", "no-deletes", "delete:data:prod:**"]);
    for agent in ["planner", "backup", "helper"] {
        check(&shell, agent, delete, "guardrail_applies by no-deletes");
        check(&shell, agent, "read data:prod:users", "granted");
    }
    shell.ok(&["guardrail", "remove", "no-deletes"]);
    check(&shell, "planner", delete, "granted");
    let ran = shell.run(&["guardrail", "remove", "no-deletes"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
}

#[test]
fn a_selector_names_any_agent_on_the_line() {
    let shell = team();
    let delete = "delete data:prod:users";
    shell.ok(&[
        "guardrail",
        "set",
        "x",
        "delete:data:**",
        "--agent",
        "planner",
    ]);
    check(&shell, "planner", delete, "guardrail_applies by x");
    check(&shell, "helper", delete, "guardrail_applies by x");
    check(&shell, "backup", delete, "granted");
    shell.ok(&[
        "guardrail",
        "set",
        "x",
        "delete:data:**",
        "--kind",
        "service",
    ]);
    check(&shell, "helper", delete, "granted");
    check(&shell, "backup", delete, "guardrail_applies by x");
    shell.ok(&[
        "guardrail",
        "set",
        "x",
        "delete:data:**",
        "--owner",
        "user:alice",
    ]);
    check(&shell, "helper", delete, "guardrail_applies by x");
    for (arguments, want) in [
        (&["--agent", "nobody"][..], "whom nobody knows"),
        (&["--owner", "user:nobody"], "whom nobody knows"),
        (&["--kind", "friendly"], "an agent's kind"),
        (
            &["--agent", "planner", "--kind", "service"],
            "cannot be used with",
        ),
    ] {
        let ran = shell.run(&[&["guardrail", "set", "y", "a:app:x"][..], arguments].concat());
        assert!(
            ran.code != 0 && ran.err.contains(want),
            "{arguments:?}: {}",
            ran.err
        );
    }
}

#[test]
fn a_shadow_denies_nothing_and_leaves_its_mark_in_the_trail() {
    let shell = team();
    let delete = "delete data:prod:users";
    shell.ok(&[
        "guardrail",
        "set",
        "later",
        "delete:data:prod:**",
        "--shadow",
    ]);
    check(&shell, "planner", delete, "granted");
    let trail = shell.ok(&["audit", "tail", "-n", "1"]);
    assert!(trail.contains("shadow_guardrails: later"), "{trail}");
    shell.ok(&["guardrail", "enforce", "later"]);
    check(&shell, "planner", delete, "guardrail_applies by later");
    let ran = shell.run(&["guardrail", "enforce", "later"]);
    assert_eq!(
        (ran.code, ran.err.contains("enforced already")),
        (1, true),
        "{}",
        ran.err
    );
}

#[test]
fn circumstances_narrow_a_guardrail_and_unknown_ones_count_as_met() {
    let shell = team();
    shell.ok(&["guardrail", "set", "away", "*:data:**?ip=203.0.113.0/24"]);
    let from = |context: &str| {
        let ran = shell.run(&[
            "authorize",
            "planner",
            "read",
            "data:a:b",
            "--context",
            context,
        ]);
        let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        answer["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(from(r#"{"ip":"203.0.113.9"}"#), "guardrail_applies");
    assert_eq!(from(r#"{"ip":"203.0.114.0"}"#), "granted");
    assert_eq!(from("{}"), "guardrail_applies");
    for never in [
        "a:app:x?rate=1/h",
        "a:app:x?approve",
        "a:app:x?min_trust=trusted",
        "a:app:x?depth=1",
    ] {
        let ran = shell.run(&["guardrail", "set", "y", never]);
        assert_eq!(
            (ran.code, ran.err.contains("belong to permissions")),
            (1, true),
            "{}",
            ran.err
        );
    }
}

#[test]
fn a_file_declares_guardrails_and_pruning_takes_them_away() {
    let shell = team();
    let rails = "
[[guardrail]]
name = \"no-deletes\"
never = { resource = \"data:prod:**\", actions = [\"delete\"] }

[[guardrail]]
name = \"watched\"
never = \"write:data:prod:**\"
agents = [\"planner\"]
mode = \"shadow\"
";
    shell.write("team.toml", format!("{TEAM}{rails}"));
    let mut told = String::new();
    for arguments in [
        &["apply", "team.toml", "--dry-run"][..],
        &["apply", "team.toml"],
        &["apply", "team.toml"],
        &["guardrail", "list"],
        &["guardrail", "list", "--json"],
    ] {
        let ran = shell.run(arguments);
        told.push_str(&format!(
            "$ kavach {}\n{}{}\n",
            arguments.join(" "),
            ran.out,
            ran.err
        ));
    }
    shell.write("team.toml", TEAM);
    for arguments in [
        &["apply", "team.toml"][..],
        &["apply", "team.toml", "--prune"],
        &["apply", "team.toml", "--prune"],
        &["guardrail", "list"],
    ] {
        let ran = shell.run(arguments);
        told.push_str(&format!(
            "$ kavach {}\n{}{}\n",
            arguments.join(" "),
            ran.out,
            ran.err
        ));
    }
    insta::assert_snapshot!(masked(&told));
}

#[test]
fn mistakes_in_a_declared_guardrail_are_told_with_their_places() {
    let shell = team();
    let mut told = String::new();
    for table in [
        "name = \"a\"",
        "never = \"a:app:x\"",
        "name = \"a\"\nnever = 3",
        "name = \"a\"\nnever = \"a:app:x\"\nmode = \"off\"",
        "name = \"a\"\nnever = \"a:app:x\"\nagents = \"planner\"",
        "name = \"a\"\nnever = \"a:app:x\"\nagents = [\"nobody\"]",
        "name = \"a\"\nnever = \"a:app:x\"\nagents = []",
        "name = \"a\"\nnever = \"a:app:x\"\nkind = \"service\"\nowner = \"user:alice\"",
        "name = \"a\"\nnever = \"a:app:x?approve\"",
        "name = \"a\"\nnever = \"a:app:x\"\n[[guardrail]]\nname = \"a\"\nnever = \"a:app:y\"",
    ] {
        shell.write("rails.toml", format!("[[guardrail]]\n{table}\n"));
        let ran = shell.run(&["apply", "rails.toml"]);
        assert!(ran.code != 0 && ran.out.is_empty(), "{table}");
        told.push_str(&format!("{table}\n{}\n", ran.err));
    }
    insta::assert_snapshot!(told);
}
