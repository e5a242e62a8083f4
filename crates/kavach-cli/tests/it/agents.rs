//! Agents, owners and delegations: making, showing, changing, ending.

use serde_json::{Value, json};

use crate::mask::masked;
use crate::shell::Shell;

/// A credential as the program printed it.
fn credential(of: &Value) -> String {
    of["credential"].as_str().unwrap().to_owned()
}

fn decides(shell: &Shell, caller: &str, action: &str) -> String {
    let ran = shell.run(&["authorize", caller, action, "mcp:github:issues"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    answer["reason"].as_str().unwrap().to_owned()
}

#[test]
fn what_people_see() {
    let shell = Shell::new();
    let mut all = String::new();
    let create = "agent create planner --owner user:alice --allow read:mcp:github:* --allow comment:issues --base \
                  mcp:github --note team=search";
    for line in [
        create,
        "agent create idle --owner service:cron --kind service",
        "spawn planner searcher --allow read:mcp:github:issues --max-depth 2",
        "delegate searcher idle --allow read:mcp:github:* --mode attenuate",
        "agent list",
        "agent list --owner user:alice",
        "agent list --owner user:nobody",
        "agent show planner",
        "agent show searcher",
        "delegation list",
        "delegation list --from searcher",
        "permissions idle",
        "blast-radius planner",
        "agent update planner --remove comment:mcp:github:issues --note team=core --drop-note team",
        "agent update planner --kind delegated",
        "agent rotate planner --overlap 1h",
        "agent suspend planner",
        "permissions searcher",
        "agent resume planner",
        "agent revoke searcher",
        "agent list --active",
        "delegation list --active",
        "owner revoke user:alice",
        "agent list",
        "owner reinstate user:alice",
        "owner erase user:alice --yes",
    ] {
        let ran = shell.run(
            &line
                .split(' ')
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>(),
        );
        all.push_str(&format!("$ kavach {line}\n{}{}", ran.out, ran.err));
        all.push_str(&format!("[{}]\n\n", ran.code));
    }
    insta::assert_snapshot!(masked(&all));
}

#[test]
fn what_programs_see() {
    let shell = Shell::new();
    let mut all = String::new();
    for line in [
        "agent create planner --owner user:alice --allow read:mcp:github:* --note team=search",
        "spawn planner searcher --allow read:mcp:github:issues",
        "agent create helper --owner user:bob",
        "delegate searcher helper --allow read:mcp:github:issues",
        "agent list",
        "agent list --owner user:nobody",
        "agent show searcher",
        "agent tree",
        "agent tree helper",
        "delegation list --to helper",
        "permissions helper",
        "permissions planner",
        "blast-radius searcher",
        "explain helper write mcp:github:issues",
        "explain nobody write mcp:github:issues",
        "agent update planner --allow read:mcp:gitlab:*",
        "agent rotate planner",
        "agent suspend planner",
        "agent resume planner",
        "agent revoke helper",
        "agent revoke helper",
        "agent show nobody",
        "owner revoke user:bob",
        "owner reinstate user:bob",
        "owner erase user:bob --yes",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let ran = shell.run(&[&words[..], &["--json"]].concat());
        let _: Value = serde_json::from_str(&ran.out).unwrap();
        all.push_str(&format!(
            "$ kavach {line} --json\n{}[{}]\n\n",
            ran.out, ran.code
        ));
    }
    insta::assert_snapshot!(masked(&all));
}

#[test]
fn a_credential_is_the_agent_until_it_is_rotated() {
    let shell = Shell::new();
    let create = [
        "agent",
        "create",
        "a",
        "--owner",
        "user:x",
        "--allow",
        "read:mcp:github:issues",
    ];
    let first = credential(&shell.json(&create));
    assert_eq!(decides(&shell, &first, "read"), "granted");
    let second = credential(&shell.json(&["agent", "rotate", "a", "--overlap", "1h"]));
    assert_eq!(decides(&shell, &first, "read"), "granted");
    assert_eq!(decides(&shell, &second, "read"), "granted");
    let third = credential(&shell.json(&["agent", "rotate", "a"]));
    assert_eq!(decides(&shell, &first, "read"), "unknown_agent");
    assert_eq!(decides(&shell, &second, "read"), "unknown_agent");
    assert_eq!(decides(&shell, &third, "read"), "granted");
}

#[test]
fn a_credential_is_nowhere_but_on_the_screen() {
    let shell = Shell::new();
    let secret = credential(&shell.json(&["agent", "create", "a", "--owner", "user:x"]));
    shell.run(&["authorize", &secret, "read", "app:x"]);
    shell.run(&["authorize", &format!("{secret}0"), "read", "app:x"]);
    let bytes = std::fs::read(shell.path("kavach-data/kavach.redb")).unwrap();
    assert!(
        !bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes())
    );
    let said = shell.run(&["authorize", &format!("{secret}0"), "read", "app:x"]);
    assert!(!said.err.contains(&secret[8..]), "{}", said.err);
}

#[test]
fn everything_below_stops_and_goes_on_with_its_root() {
    for (changes, want) in [
        (&["agent suspend orchestrator"][..], "ancestor_suspended"),
        (
            &["agent suspend orchestrator", "agent resume orchestrator"],
            "granted",
        ),
        (&["agent revoke orchestrator"], "ancestor_revoked"),
        (&["owner revoke user:alice"], "owner_revoked"),
        (
            &["owner revoke user:alice", "owner reinstate user:alice"],
            "owner_revoked",
        ),
    ] {
        let shell = Shell::new().with_team();
        for change in changes {
            shell.ok(&change.split(' ').collect::<Vec<_>>());
        }
        assert_eq!(decides(&shell, "searcher", "read"), want, "{changes:?}");
    }
}

#[test]
fn a_delegation_is_revoked_by_its_id_and_others_stay() {
    let shell = Shell::new().with_team();
    let more = [
        "delegate",
        "orchestrator",
        "searcher",
        "--allow",
        "comment:mcp:github:issues",
        "--via",
        "root",
    ];
    let made = shell.json(&more);
    assert_eq!(decides(&shell, "searcher", "comment"), "granted");
    shell.ok(&["delegation", "revoke", made["id"].as_str().unwrap()]);
    assert_eq!(decides(&shell, "searcher", "comment"), "delegation_revoked");
    assert_eq!(decides(&shell, "searcher", "read"), "granted");
    shell.check_refused(
        &["delegation", "revoke", made["id"].as_str().unwrap()],
        1,
        "revoked, and stays so",
    );
}

#[test]
fn via_names_the_line_and_the_refusal_lists_them() {
    let shell = Shell::new().with_team();
    let give = [
        "delegate",
        "orchestrator",
        "searcher",
        "--allow",
        "read:mcp:github:issues",
    ];
    let second = shell.json(&give);
    let spawn = [
        "spawn",
        "searcher",
        "c",
        "--allow",
        "read:mcp:github:issues",
    ];
    let ran = shell.run(&spawn);
    assert_eq!(ran.code, 1);
    let second = second["id"].as_str().unwrap();
    assert!(
        ran.err.contains("name one as `via`: dlg_") && ran.err.contains(second),
        "{}",
        ran.err
    );
    shell.check_refused(
        &[&spawn[..], &["--via", "orchestrator"]].concat(),
        2,
        "has several delegations from",
    );
    shell.check_refused(
        &[&spawn[..], &["--via", "nobody"]].concat(),
        2,
        "there is no agent `nobody`",
    );
    shell.check_refused(
        &[&spawn[..], &["--via", "root"]].concat(),
        1,
        "`root` is not a line of the giver's",
    );
    shell.ok(&[&spawn[..], &["--via", second]].concat());
}

#[test]
fn an_end_comes_after_a_time_or_at_one() {
    let shell = Shell::new();
    let create = |name: &'static str, end: &[&'static str]| {
        [&["agent", "create", name, "--owner", "user:x"][..], end].concat()
    };
    shell.ok(&create("a", &["--expires-at", "2099-01-01T01:00:00+01:00"]));
    assert_eq!(
        shell.json(&["agent", "show", "a"])["expires_at"],
        "2099-01-01T00:00:00Z"
    );
    shell.ok(&create("b", &["--expires-in", "1h"]));
    assert_ne!(
        shell.json(&["agent", "show", "b"])["expires_at"],
        Value::Null
    );
    shell.ok(&["agent", "update", "b", "--never-expires"]);
    assert_eq!(
        shell.json(&["agent", "show", "b"])["expires_at"],
        Value::Null
    );
    for (end, code, want) in [
        (&["--expires-in", "0s"][..], 1, "lies in the past"),
        (
            &["--expires-at", "2001-01-01T00:00:00Z"],
            1,
            "lies in the past",
        ),
        (
            &["--expires-in", "soon"],
            2,
            "a duration is a number and one of",
        ),
        (&["--expires-at", "soon"], 2, "is not a time"),
        (
            &["--expires-in", "1h", "--expires-at", "2099-01-01T00:00:00Z"],
            2,
            "cannot be used with",
        ),
    ] {
        shell.check_refused(&create("c", end), code, want);
    }
}

#[test]
fn a_revoked_name_is_taken_again_only_by_saying_so() {
    let shell = Shell::new();
    let create = ["agent", "create", "a", "--owner", "user:x"];
    let first = shell.json(&create)["id"].clone();
    shell.ok(&["agent", "revoke", "a"]);
    shell.check_refused(&create, 1, "say `recreate` to take it again");
    let second = shell.json(&[&create[..], &["--recreate"]].concat())["id"].clone();
    assert_ne!(first, second);
    let shown = shell.json(&["agent", "show", first.as_str().unwrap()]);
    assert_eq!(shown["status"], "revoked");
}

#[test]
fn a_person_who_is_erased_is_an_id_from_then_on() {
    let shell = Shell::new().with_team();
    let context = r#"{"ip":"203.0.113.7"}"#;
    shell.ok(&[
        "authorize",
        "searcher",
        "read",
        "mcp:github:issues",
        "--context",
        context,
    ]);
    assert!(shell.ok(&["audit", "list"]).contains("; from 203.0.113.7"));
    let before = shell.trail();
    shell.check_refused(&["owner", "erase", "user:alice"], 2, "say `--yes`");
    shell.ok(&["owner", "erase", "user:alice", "--yes"]);
    let list = shell.ok(&["audit", "list"]);
    assert!(
        !list.contains("203.0.113.7") && !list.contains("user:alice"),
        "{list}"
    );
    assert!(list.contains("; address and note: erased"), "{list}");
    let after = shell.trail();
    assert_eq!(&after[..before.len()], before, "the trail is as it was");
    let owner = before[0]["owner"].as_str().unwrap();
    assert!(!shell.ok(&["audit", "list", "--owner", owner]).is_empty());
    shell.check_refused(
        &["audit", "list", "--owner", "user:alice"],
        2,
        "nobody called `user:alice`",
    );
}

#[test]
fn tenants_do_not_see_each_other() {
    let shell = Shell::new().with_team();
    let other = ["--tenant", "ten_01jd3v5q4cf7v8e9qk2m5x7y3z"];
    let searcher = shell.json(&["agent", "show", "searcher"]);
    let (id, delegation) = (
        searcher["id"].as_str().unwrap(),
        searcher["received"][0]["id"].as_str().unwrap(),
    );
    let ask = [&other[..], &["authorize", id, "read", "mcp:github:issues"]].concat();
    let answer: Value = serde_json::from_str(&shell.run(&ask).out).unwrap();
    assert_eq!(answer["reason"], "unknown_agent");
    for (arguments, want) in [
        (&["agent", "show", id][..], "there is no agent"),
        (&["agent", "revoke", id], "there is no agent"),
        (
            &["agent", "update", id, "--allow", "read:**"],
            "there is no agent",
        ),
        (
            &["delegation", "revoke", delegation],
            "there is no delegation",
        ),
        (&["blast-radius", delegation], "there is no delegation"),
        (&["blast-radius", id], "there is no agent"),
        (&["permissions", id], "there is no agent"),
    ] {
        shell.check_refused(&[&other[..], arguments].concat(), 2, want);
    }
    assert_eq!(
        shell.json(&[&other[..], &["agent", "list"]].concat()),
        json!([])
    );
    assert_eq!(
        shell
            .ok(&[
                &other[..],
                &["audit", "list", "--format", "jsonl", "--agent", id]
            ]
            .concat())
            .lines()
            .count(),
        0
    );
    shell.ok(&[
        &other[..],
        &["agent", "create", "searcher", "--owner", "user:alice"],
    ]
    .concat());
    let file = "[[delegation]]\nfrom = \"searcher\"\nto = \"x\"\nvia = \"DLG\"\npermissions = [\"read:app:x\"]\n";
    shell.write("theirs.toml", file.replace("DLG", delegation));
    let ran = shell.run(&[&other[..], &["apply", "theirs.toml"]].concat());
    assert_eq!(ran.code, 1, "{}", ran.err);
}
