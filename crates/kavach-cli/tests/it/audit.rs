//! `kavach audit list|show|tail`

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::mask::masked;
use crate::shell::{Shell, objects};

/// A trail of a few events of each kind.
fn story() -> Shell {
    let shell = Shell::new().with_team();
    shell.ok(&[
        "agent",
        "create",
        "helper",
        "--owner",
        "user:bob",
        "--allow",
        "read:mcp:gitlab:x",
    ]);
    for (agent, action, resource) in [
        ("searcher", "read", "mcp:github:issues"),
        ("searcher", "write", "mcp:github:issues"),
        ("orchestrator", "comment", "mcp:github:issues"),
        ("helper", "read", "mcp:gitlab:x"),
        ("nobody", "read", "mcp:gitlab:x"),
    ] {
        shell.run(&["authorize", agent, action, resource]);
    }
    shell.run(&[
        "spawn",
        "searcher",
        "wider",
        "--allow",
        "write:mcp:github:issues",
    ]);
    shell.ok(&["agent", "suspend", "searcher"]);
    shell
}

#[test]
fn events_are_told_as_sentences() {
    let shell = story();
    insta::assert_snapshot!(masked(&shell.ok(&["audit", "list"])));
}

#[test]
fn every_filter_chooses() {
    let shell = story();
    let id = shell.json(&["agent", "show", "searcher"])["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let all = shell.trail().len();
    assert_eq!(all, 10);
    for (filter, want) in [
        (&["--agent", "searcher"][..], 5),
        (&["--agent", &id], 5),
        (&["--under", "orchestrator"], 7),
        (&["--under", "searcher"], 5),
        (&["--owner", "user:alice"], 7),
        (&["--owner", "user:bob"], 2),
        (&["--action", "read"], 3),
        (&["--resource", "mcp:github:*"], 3),
        (&["--resource", "mcp:*:x"], 2),
        (&["--outcome", "allow"], 3),
        (&["--outcome", "deny"], 2),
        (&["--outcome", "refused"], 1),
        (&["--reason", "unknown_agent"], 1),
        (&["--kind", "agent.created"], 2),
        (&["--kind", "delegated"], 2),
        (&["--on", "today"], all),
        (&["--on", "yesterday"], 0),
        (&["--since", "1h ago"], all),
        (&["--since", "2h", "--until", "1h"], 0),
        (&["--until", "2020-01-01"], 0),
        (
            &["--since", "2020-01-01", "--until", "2090-01-01T00:00:00Z"],
            all,
        ),
        (&["--agent", "agt_01jd3v5q4cf7v8e9qk2m5x7y3z"], 0),
        (
            &[
                "--under",
                "orchestrator",
                "--outcome",
                "deny",
                "--action",
                "write",
            ],
            1,
        ),
    ] {
        let list = shell.run(&[&["audit", "list", "--json"][..], filter].concat());
        assert_eq!(list.code, 0, "{filter:?}: {}", list.err);
        assert_eq!(list.out.lines().count(), want, "{filter:?}: {}", list.out);
        assert_eq!(list.err.contains("no events"), want == 0, "{filter:?}");
    }
}

#[test]
fn a_filter_that_means_nothing_is_told_so() {
    let shell = story();
    for (filter, want) in [
        (&["--agent", "nobody"][..], "there is no agent `nobody`"),
        (&["--agent", "agt_x"], "`agt_x` is not an agent id"),
        (
            &["--agent", "two words"],
            "`two words` is not an agent's name",
        ),
        (&["--owner", "alice"], "`alice` is not a subject"),
        (
            &["--owner", "user:nobody"],
            "nobody called `user:nobody` is known",
        ),
        (&["--action", "*"], "`*` is not an action"),
        (&["--resource", "github"], "`github` is not a pattern"),
        (
            &["--outcome", "allowed"],
            "known are: allow, needs_approval, deny, done, refused",
        ),
        (
            &["--reason", "because"],
            "`because` is not a reason; known are: granted",
        ),
        (
            &["--kind", "login"],
            "`login` is not a kind of event; known are: authorize",
        ),
        (&["--since", "someday"], "`someday` is not a time; write"),
        (&["--on", "2h ago"], "`2h ago` is not a day; write"),
        (
            &["--since", "1h", "--until", "2h"],
            "`--until` is not after `--since`",
        ),
        (&["--on", "today", "--since", "1h"], "cannot be used with"),
        (
            &["--zone", "Mars/Olympus"],
            "`Mars/Olympus` is not a time zone",
        ),
        (&["--format", "xml"], "invalid value 'xml'"),
    ] {
        shell.check_refused(&[&["audit", "list"][..], filter].concat(), 2, want);
    }
}

#[test]
fn the_range_and_its_zone_are_said() {
    let shell = Shell::new().with_team();
    for (filter, want) in [
        (
            &["--on", "2026-11-17", "--zone", "Europe/Berlin"][..],
            "from 2026-11-17 00:00 to 2026-11-18 00:00 Europe/Berlin\n",
        ),
        (
            &["--on", "2026-11-17"],
            "from 2026-11-17 00:00 to 2026-11-18 00:00 UTC\n",
        ),
        (
            &["--since", "2020-03-29T12:30", "--zone", "America/New_York"],
            "from 2020-03-29 12:30 America/New_York\n",
        ),
        (
            &["--until", "2090-01-01T00:00:00Z", "--zone", "Asia/Tokyo"],
            "to 2090-01-01 09:00 Asia/Tokyo\n",
        ),
    ] {
        let ran = shell.run(&[&["audit", "list"][..], filter].concat());
        assert!(ran.err.starts_with(want), "{filter:?}: {}", ran.err);
    }
    // Without a word, the zone is the system's.
    let output = shell
        .command(&["audit", "list", "--on", "2026-11-17"])
        .env("TZ", "Asia/Tokyo")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("from 2026-11-17 00:00 to 2026-11-18 00:00 Asia/Tokyo\n"),
        "{said}"
    );
    assert_eq!(shell.run(&["audit", "list"]).err, "", "no range, no words");
}

#[test]
fn the_day_depends_on_the_zone() {
    let shell = Shell::new().with_team();
    let lines = |zone: &str| {
        let ran = shell.run(&["audit", "list", "--json", "--on", "today", "--zone", zone]);
        ran.out.lines().count()
    };
    // Whatever the time is, it is the same day nowhere else but it is always today.
    assert_eq!(
        (
            lines("Pacific/Kiritimati"),
            lines("Pacific/Pago_Pago"),
            lines("UTC")
        ),
        (2, 2, 2)
    );
}

#[test]
fn one_event_is_shown_whole() {
    let shell = story();
    let event = shell
        .trail()
        .into_iter()
        .find(|event| event["reason"] == "no_matching_grant")
        .unwrap();
    let id = event["id"].as_str().unwrap();
    let shown = shell.ok(&["audit", "show", id]);
    let took = shown
        .lines()
        .find(|line| line.starts_with("took"))
        .unwrap()
        .to_owned();
    insta::assert_snapshot!(masked(&shown.replace(&took, "took        <number> µs")));
    assert_eq!(shell.json(&["audit", "show", id]), event);
    for (id, want) in [
        (
            "evt_01jd3v5q4cf7v8e9qk2m5x7y3z",
            "there is no event `evt_01jd3v5q4cf7v8e9qk2m5x7y3z`",
        ),
        ("evt_x", "`evt_x` is not an event id"),
    ] {
        shell.check_refused(&["audit", "show", id], 2, want);
    }
}

#[test]
fn the_last_events_are_those_of_the_list() {
    let shell = story();
    let all = shell.trail();
    for count in [0, 1, 3, 10, 11, 100_000] {
        let last = objects(&shell.ok(&["audit", "tail", "--json", "-n", &count.to_string()]));
        assert_eq!(last, all[all.len().saturating_sub(count)..], "{count}");
    }
    let denied = objects(&shell.ok(&["audit", "tail", "--json", "-n", "1", "--outcome", "deny"]));
    assert_eq!(denied[0]["reason"], "unknown_agent");
    shell.check_refused(
        &["audit", "tail", "-n", "100001"],
        2,
        "use `kavach audit list --since`",
    );
    assert_eq!(
        shell.ok(&["audit", "tail"]).lines().count(),
        11,
        "twenty and a header, if there are as many"
    );
}

#[test]
fn following_shows_what_another_process_does() {
    let shell = story();
    let mut command = shell.command(&[
        "audit", "tail", "--follow", "--json", "-n", "1", "--action", "read",
    ]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        events.read_line(&mut line).unwrap();
        serde_json::from_str::<Value>(&line).unwrap()
    };
    assert_eq!(next()["reason"], "unknown_agent", "the last there was");
    for (agent, want) in [
        ("helper", "granted"),
        ("searcher", "agent_suspended"),
        ("helper", "granted"),
    ] {
        // Another action in between, which is not asked for.
        shell.run(&["authorize", agent, "list", "mcp:gitlab:x"]);
        let answer = shell.run(&["authorize", agent, "read", "mcp:gitlab:x"]);
        let answer: Value = serde_json::from_str(&answer.out).unwrap();
        let event = next();
        assert_eq!(
            (&event["id"], &event["reason"]),
            (&answer["audit_id"], &json!(want))
        );
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
