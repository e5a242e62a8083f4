//! `kavach authorize`: one answer, and streams of them.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::mask::masked;
use crate::shell::{Shell, objects};

const READ: &str = r#"{"agent":"searcher","action":"read","resource":"mcp:github:issues"}"#;

#[test]
fn answers_have_exactly_these_fields() {
    let shell = Shell::new().with_team();
    let lines = [
        READ,
        r#"{"agent":"searcher","action":"write","resource":"mcp:github:issues"}"#,
        r#"{"agent":"nobody","action":"read","resource":"mcp:github:issues"}"#,
        r#"{"agent":"orchestrator","action":"comment","resource":"mcp:github:issues","context":{"args":{"a":1},"ip":"::1","cost":2,"audience":"x"}}"#,
        r#"{"agent":"two words","action":"read","resource":"mcp:github:issues"}"#,
        "",
        "not json",
        r#"{"agent":"searcher","action":"read","resource":"mcp:github:issues","at":"2030-01-01T00:00:00Z"}"#,
        "",
    ];
    shell.write("requests.jsonl", lines.join("\n"));
    let mut all = String::new();
    for arguments in [
        &["authorize", "--requests", "requests.jsonl"][..],
        &["authorize", "--requests", "requests.jsonl", "--simulate"],
        &["authorize", "searcher", "read", "mcp:github:issues"],
        &[
            "authorize",
            "searcher",
            "read",
            "mcp:github:issues",
            "--simulate",
            "--json",
        ],
        &["authorize", "searcher", "read", "mcp:github:**", "--json"],
    ] {
        let ran = shell.run(arguments);
        let line = arguments.join(" ");
        all.push_str(&format!(
            "$ kavach {line}\n{}{}[{}]\n\n",
            ran.out, ran.err, ran.code
        ));
    }
    insta::assert_snapshot!(masked(&all));
}

#[test]
fn every_answer_is_in_the_trail_and_nothing_simulated_is() {
    let shell = Shell::new().with_team();
    let before = shell.trail().len();
    let requests = format!("{READ}\n").repeat(1_000);
    let simulated = shell.feed(&["authorize", "--requests", "-", "--simulate"], &requests);
    assert_eq!((simulated.code, simulated.err.as_str()), (0, ""));
    assert_eq!(shell.trail().len(), before);
    let ran = shell.feed(&["authorize", "--requests", "-"], &requests);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let answered: Vec<Value> = objects(&ran.out)
        .iter()
        .map(|answer| answer["audit_id"].clone())
        .collect();
    let mut recorded: Vec<Value> = shell.trail()[before..]
        .iter()
        .map(|event| event["id"].clone())
        .collect();
    assert_eq!(answered.len(), 1_000);
    let mut answered = answered;
    answered.sort_by_key(Value::to_string);
    recorded.sort_by_key(Value::to_string);
    assert_eq!(answered, recorded);
}

#[test]
fn answers_come_in_the_order_of_the_requests() {
    let shell = Shell::new().with_team();
    let mut requests = String::new();
    let mut want = Vec::new();
    for number in 0..1_500_u64 {
        let (line, answer) = match number % 4 {
            0 => (READ.to_owned(), json!("granted")),
            1 => (READ.replace("read", "write"), json!("no_matching_grant")),
            2 => (READ.replace("searcher", "nobody"), json!("unknown_agent")),
            _ => ("{}".to_owned(), json!(number + 1)),
        };
        requests.push_str(&line);
        requests.push('\n');
        want.push(answer);
    }
    let ran = shell.feed(&["authorize", "--requests", "-"], &requests);
    assert_eq!(ran.code, 2);
    let found: Vec<Value> = objects(&ran.out)
        .iter()
        .map(|answer| {
            answer
                .get("reason")
                .or_else(|| answer.get("line"))
                .unwrap()
                .clone()
        })
        .collect();
    assert_eq!(found, want);
}

#[test]
fn an_answer_leaves_before_the_next_request_comes() {
    let shell = Shell::new().with_team();
    let mut command = shell.command(&["authorize", "--requests", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut requests = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    for want in ["granted", "no_matching_grant", "granted"] {
        let line = if want == "granted" {
            READ.to_owned()
        } else {
            READ.replace("read", "write")
        };
        writeln!(requests, "{line}").unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["reason"], want);
        // The store can be read meanwhile, and says the same.
        let id = answer["audit_id"].as_str().unwrap();
        assert!(shell.trail().iter().any(|event| event["id"] == id));
    }
    drop(requests);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn another_time_moves_the_clock_and_nothing_else() {
    let shell = Shell::new();
    let create = [
        "agent",
        "create",
        "a",
        "--owner",
        "user:x",
        "--allow",
        "read:app:x",
    ];
    shell.ok(&[&create[..], &["--expires-at", "2090-01-01T00:00:00Z"]].concat());
    let at = |time: &str| {
        let line = format!(r#"{{"agent":"a","action":"read","resource":"app:x","at":"{time}"}}"#);
        let ran = shell.feed(&["authorize", "--requests", "-", "--simulate"], line);
        let answer: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(
            (&answer["simulated"], &answer["audit_id"]),
            (&json!(true), &Value::Null)
        );
        answer["reason"].as_str().unwrap().to_owned()
    };
    // Before it was made, as long as it lasts, and from its end on: today's agents, another clock.
    assert_eq!(at("1980-01-01T00:00:00Z"), "granted");
    assert_eq!(at("2089-12-31T23:59:59Z"), "granted");
    assert_eq!(at("2090-01-01T00:00:00Z"), "agent_expired");
    assert_eq!(at("2090-01-01T01:00:00+01:00"), "agent_expired");
    assert_eq!(shell.trail().len(), 1);
    let single = [
        "authorize",
        "a",
        "read",
        "app:x",
        "--simulate",
        "--at",
        "2090-01-01T00:00:00Z",
    ];
    assert_eq!(shell.run(&single).code, 1);
}

#[test]
fn what_is_no_source_of_requests_is_told_so() {
    let shell = Shell::new().with_team();
    for (file, want) in [
        (
            "nowhere.jsonl",
            "error: the requests in `nowhere.jsonl` cannot be read: No such file",
        ),
        (".", "error: the requests cannot be read: Is a directory"),
    ] {
        shell.check_refused(&["authorize", "--requests", file], 2, want);
    }
    let context = [
        "authorize",
        "searcher",
        "read",
        "mcp:github:issues",
        "--context",
    ];
    for (json, want) in [
        ("{", "`--context`: it is not JSON"),
        ("[]", "`--context`: `context` is not an object"),
        ("{\"who\":1}", "`context.who` is not a known key"),
    ] {
        shell.check_refused(&[&context[..], &[json]].concat(), 2, want);
    }
}

#[test]
fn a_failure_is_an_object_where_results_are() {
    let shell = Shell::new().with_team();
    let wider = ["spawn", "searcher", "c", "--allow", "write:**", "--json"];
    let ran = shell.run(&wider);
    let object: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(object["reason"], "wider_than_parent");
    assert!(ran.err.contains(object["error"].as_str().unwrap()));
    let ran = shell.run(&["agent", "show", "nobody", "--json"]);
    let object: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(object["reason"], Value::Null);
    assert!(
        object["error"]
            .as_str()
            .unwrap()
            .starts_with("there is no agent `nobody`")
    );
}
