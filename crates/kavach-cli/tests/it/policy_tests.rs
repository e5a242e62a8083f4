//! `kavach test`

use crate::shell::Shell;

const POLICY: &str = r#"
base = "mcp:github"

[[agent]]
name = "planner"
owner = "user:alice"
permissions = [
    "read:*?rate=2/h&ip=10.0.0.0/8",
    "pay:mcp:bank:transfer?budget=10/day&args/amount.max=5",
    "comment:issues?approve",
    "admin:repos?min_trust=trusted",
]
expires_in = "1h"

[[delegation]]
from = "planner"
to = "reader"
permissions = ["read:issues"]
"#;

fn shell(cases: &str) -> Shell {
    let shell = Shell::new();
    std::fs::create_dir_all(shell.path("tests/deep")).unwrap();
    shell.write("tests/policy.toml", POLICY);
    shell.write("tests/deep/all.test.toml", cases);
    shell
}

/// Every kind of answer, right.
const RIGHT: &str = r#"
policy = "../policy.toml"
at = 2026-11-23T10:00:00Z

[[case]]
name = "from the office"
agent = ["planner", "reader"]
action = "read"
resource = "mcp:github:issues"
context = [{ ip = "10.0.0.1" }, { ip = "10.255.255.255" }]
expect = "allow"

[[case]]
agent = "reader"
action = "read"
resource = "mcp:github:issues"
context = [{}, { ip = "11.0.0.0" }]
expect = "deny:address_not_allowed"

[[case]]
agent = "reader"
action = ["read", "write"]
resource = "mcp:github:repos"
expect = "deny"

[[case]]
name = "the second in an hour"
agent = "reader"
action = "read"
resource = "mcp:github:issues"
context = { ip = "10.0.0.1" }
calls = 2
expect = "allow"

[[case]]
name = "the third in an hour"
agent = "reader"
action = "read"
resource = "mcp:github:issues"
context = { ip = "10.0.0.1" }
calls = 3
expect = "deny:rate_used_up"

[[case]]
agent = "planner"
action = "pay"
resource = "mcp:bank:transfer"
context = [{ cost = 10, args = { amount = 5 } }, { cost = 0, args = { amount = -1.5 } }]
expect = "allow"

[[case]]
agent = "planner"
action = "pay"
resource = "mcp:bank:transfer"
context = { cost = 11, args = { amount = 5 } }
expect = "deny:budget_used_up"

[[case]]
agent = "planner"
action = "pay"
resource = "mcp:bank:transfer"
context = [{ args = { amount = 6 } }, { args = { amount = 5, to = "me" } }, {}]
expect = "deny:arguments_not_allowed"

[[case]]
agent = "planner"
action = "comment"
resource = "mcp:github:issues"
expect = "needs_approval"

[[case]]
agent = "planner"
action = "comment"
resource = "mcp:github:issues"
approvals = 1
expect = "allow"

[[case]]
agent = "planner"
action = "admin"
resource = "mcp:github:repos"
trust = "trusted"
expect = "allow"

[[case]]
agent = "planner"
action = "admin"
resource = "mcp:github:repos"
trust = "standard"
expect = "deny:trust_too_low"

[[case]]
agent = "nobody"
action = "read"
resource = "mcp:github:repos"
expect = "deny:unknown_agent"
"#;

#[test]
fn what_is_right_passes() {
    let shell = shell(RIGHT);
    let ran = shell.run(&["test", "tests"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{}", ran.out);
    assert_eq!(ran.out, "21 passed, 0 failed, in 1 file\n");
    assert!(!shell.path("kavach-data").exists());
}

#[test]
fn what_is_wrong_is_told_with_what_was_expected_and_what_came() {
    let cases = RIGHT
        .replace("expect = \"allow\"", "expect = \"deny\"")
        .replace("\"deny:budget_used_up\"", "\"deny:rate_used_up\"");
    let shell = shell(&cases);
    let ran = shell.run(&["test", "tests", "--junit", "out.xml"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""), "{}", ran.out);
    let masked = |text: &str| crate::mask::masked(text);
    insta::assert_snapshot!("told", masked(&ran.out));
    let written = std::fs::read_to_string(shell.path("out.xml")).unwrap();
    insta::assert_snapshot!("junit", masked(&written));
    let lines = shell.run(&["test", "tests", "--json"]).out;
    let shown: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let failed = shown.iter().filter(|case| case["passed"] == false).count();
    assert_eq!((shown.len(), failed), (21, 10), "{lines}");
}

#[test]
fn a_file_that_cannot_be_used_is_told_with_its_places() {
    let mut told = String::new();
    let top = "policy = \"../policy.toml\"\nat = 2026-11-23T10:00:00Z\n";
    let case = "[[case]]\nagent = \"reader\"\naction = \"read\"\nresource = \"app:x\"\n";
    for cases in [
        "",
        "at = 3\npolicy = \"../policy.toml\"",
        "policy = \"nowhere.toml\"",
        "policy = \"../policy.toml\"\nwhen = 3",
        &format!("policy = \"../policy.toml\"\n{case}expect = \"allow\""),
        &format!("{top}{case}"),
        &format!("{top}{case}expect = \"yes\""),
        &format!("{top}{case}expect = \"deny:bad_luck\""),
        &format!("{top}{case}expect = \"deny\"\ncalls = 0"),
        &format!("{top}{case}expect = \"deny\"\napprovals = 17"),
        &format!("{top}{case}expect = \"deny\"\ntrust = \"blind\""),
        &format!("{top}{case}expect = \"deny\"\ncontext = {{ ip = \"home\" }}"),
        &format!("{top}{case}expect = \"deny\"\ncontext = {{ colour = 1 }}"),
        &format!("{top}{case}expect = \"deny\"\ncontext = {{ args = {{ at = 2026-01-01 }} }}"),
        &format!(
            "{top}[[case]]\nagent = []\naction = \"read it\"\nresource = \"app:x\"\nexpect = \"deny\""
        ),
        &format!(
            "{top}[[case]]\nagent = \"a\"\naction = \"read it\"\nresource = \"app:x\"\nexpect = \"deny\""
        ),
    ] {
        let shell = shell(cases);
        let ran = shell.run(&["test", "tests"]);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (2, ""),
            "{cases}: {}",
            ran.err
        );
        told.push_str(&format!("{cases}\n{}\n", ran.err));
    }
    insta::assert_snapshot!(told);
}

#[test]
fn nothing_to_test_is_an_error() {
    let shell = Shell::new();
    let ran = shell.run(&["test", "."]);
    assert!(
        ran.code == 2 && ran.err.contains("no `*.test.toml`"),
        "{}",
        ran.err
    );
    let ran = shell.run(&["test", "nowhere"]);
    assert!(
        ran.code == 2 && ran.err.contains("cannot be read"),
        "{}",
        ran.err
    );
}

#[test]
fn a_policy_that_cannot_be_is_told_in_its_own_file() {
    let shell = shell(RIGHT);
    shell.write(
        "tests/policy.toml",
        POLICY.replace("read:issues", "write:issues"),
    );
    let ran = shell.run(&["test", "tests"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("policy.toml:18:"), "{}", ran.err);
    assert!(
        ran.err.contains("is wider than what its giver holds"),
        "{}",
        ran.err
    );
}
