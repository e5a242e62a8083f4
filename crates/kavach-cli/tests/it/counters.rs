//! What is left of rates and budgets, and what calls truly cost.

use serde_json::json;

use crate::mask::masked;
use crate::shell::Shell;

/// An agent with limits, one below it with its own, and one without any.
fn shell() -> Shell {
    let shell = Shell::new();
    let create = [
        "agent",
        "create",
        "planner",
        "--owner",
        "user:alice",
        "--allow",
    ];
    shell.ok(&[
        &create[..],
        &[
            "use:tool:*?rate=100/d&budget=50/total",
            "--allow",
            "read:app:x",
        ],
    ]
    .concat());
    shell.ok(&[
        "spawn",
        "planner",
        "reader",
        "--allow",
        "use:tool:llm?rate=2/d",
    ]);
    shell.ok(&[
        "agent",
        "create",
        "free",
        "--owner",
        "user:alice",
        "--allow",
        "read:app:x",
    ]);
    shell.ok(&["agent", "create", "bare", "--owner", "user:alice"]);
    shell
}

/// A call at this cost; its audit id.
fn call(shell: &Shell, agent: &str, cost: u64) -> String {
    let request = json!({
        "agent": agent, "action": "use", "resource": "tool:llm", "context": {"cost": cost},
    });
    let ran = shell.feed(&["authorize", "--requests", "-"], request.to_string());
    let answer: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    answer["audit_id"].as_str().unwrap().to_owned()
}

#[test]
fn what_is_left_is_told_level_by_level() {
    let shell = shell();
    let mut all = String::new();
    let mut look = |shell: &Shell| {
        for line in [
            "remaining reader",
            "remaining planner",
            "remaining free",
            "remaining bare",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let ran = shell.run(&words);
            assert_eq!(ran.code, 0);
            all.push_str(&format!("$ kavach {line}\n{}{}\n", ran.out, ran.err));
        }
    };
    look(&shell);
    for cost in [20, 7] {
        call(&shell, "reader", cost);
    }
    look(&shell);
    all.push_str(&shell.ok(&["remaining", "reader", "--json"]));
    insta::assert_snapshot!(masked(&all));
}

#[test]
fn a_cost_is_settled_once() {
    let shell = shell();
    let of = call(&shell, "reader", 20);
    let left = |shell: &Shell| {
        let lines = shell.json(&["remaining", "planner"]);
        lines[0]["levels"][0]["limits"][1]["left"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(left(&shell), "30");
    let told = shell.ok(&["settle", &of, "5"]);
    assert_eq!(told, format!("settled {of}: 5 for 20 reserved\n"));
    assert_eq!(left(&shell), "45");
    let event = shell.trail().pop().unwrap();
    assert_eq!(
        (&event["kind"], &event["cost"]),
        (&json!("settled"), &json!("5"))
    );
    assert_eq!(event["detail"]["of"], json!(of));
    shell.check_refused(&["settle", &of, "5"], 1, "nothing is reserved for");
    let of = call(&shell, "reader", 20);
    let told = shell.json(&["settle", &of, "50"]);
    assert_eq!(
        (&told["cost"], &told["reserved"]),
        (&json!("50"), &json!("20"))
    );
    assert_eq!(left(&shell), "0");
    assert_eq!(
        shell.json(&["remaining", "planner"])[0]["levels"][0]["limits"][1]["used"],
        json!("55")
    );
}

#[test]
fn mistakes_are_told() {
    let shell = shell();
    shell.check_refused(&["remaining", "nobody"], 2, "there is no agent `nobody`");
    shell.check_refused(&["settle", "evt_1", "5"], 2, "is not an event id");
    let nobody = "evt_01jd3v5q4cf7v8e9qk2m5x7y3z";
    shell.check_refused(&["settle", nobody, "5"], 1, "nothing is reserved for");
    shell.check_refused(&["settle", nobody, "-5"], 2, "unexpected argument");
    shell.check_refused(&["settle", nobody, "1.5"], 2, "invalid value");
    let denied = call(&shell, "free", 1);
    shell.check_refused(&["settle", &denied, "0"], 1, "nothing is reserved for");
}
