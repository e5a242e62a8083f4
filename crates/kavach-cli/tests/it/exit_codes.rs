//! The exit code of every kind of end, as a table.

use crate::shell::Shell;

const READ: [&str; 3] = ["searcher", "read", "mcp:github:issues"];
const NO_APPROVAL: &str = "apr_01jd3v5q4cf7v8e9qk2m5x7y3z";
const WRITE: [&str; 3] = ["searcher", "write", "mcp:github:issues"];

#[test]
fn exit_codes_say_how_it_went() {
    let shell = Shell::new().with_team();
    shell.write("allowed.jsonl", request("read"));
    shell.write(
        "denied.jsonl",
        format!("{}{}", request("read"), request("write")),
    );
    shell.write(
        "wrong.jsonl",
        format!("{}{}{}", request("read"), "{}\n", request("write")),
    );
    shell.write("empty.jsonl", "");
    shell.write(
        "good.toml",
        "[[agent]]\nname = \"a\"\nowner = \"user:bob\"\n",
    );
    shell.write("bad.toml", "[[agent]]\n");
    shell.write(
        "wide.toml",
        "[[delegation]]\nfrom = \"searcher\"\nto = \"b\"\npermissions = [\"read:**\"]\n",
    );
    let table: &[(i32, &[&str])] = &[
        // 0: all allowed, or done.
        (0, &[&["authorize"][..], &READ].concat()),
        (0, &[&["authorize", "--simulate"][..], &READ].concat()),
        (0, &[&["explain"][..], &READ].concat()),
        (0, &["authorize", "--requests", "allowed.jsonl"]),
        (0, &["authorize", "--requests", "empty.jsonl"]),
        (0, &["agent", "list"]),
        (0, &["audit", "list", "--on", "yesterday"]),
        (0, &["apply", "good.toml", "--dry-run"]),
        (0, &["apply", "good.toml"]),
        (0, &["agent", "suspend", "a"]),
        (0, &["agent", "resume", "a"]),
        (0, &["agent", "update", "a", "--allow", "read:app:x"]),
        (0, &["agent", "rotate", "a"]),
        (0, &["agent", "revoke", "a"]),
        (
            0,
            &["owner", "grant", "user:bob", "approve:app:kavach:approvals"],
        ),
        (0, &["owner", "show", "user:bob"]),
        (0, &["approval", "list"]),
        (
            0,
            &[
                "owner",
                "ungrant",
                "user:bob",
                "approve:app:kavach:approvals",
            ],
        ),
        (0, &["owner", "revoke", "user:bob"]),
        (0, &["owner", "reinstate", "user:bob"]),
        (0, &["owner", "erase", "user:bob", "--yes"]),
        (0, &["--help"]),
        // 1: denied, or refused.
        (1, &["approval", "approve", NO_APPROVAL, "--by", "user:bob"]),
        (
            1,
            &[
                "owner",
                "grant",
                "service:bot",
                "approve:app:kavach:approvals",
            ],
        ),
        (1, &[&["authorize"][..], &WRITE].concat()),
        (1, &["authorize", "nobody", "read", "mcp:github:issues"]),
        (1, &[&["authorize", "--simulate"][..], &WRITE].concat()),
        (1, &[&["explain"][..], &WRITE].concat()),
        (1, &["authorize", "--requests", "denied.jsonl"]),
        (1, &["agent", "revoke", "a"]),
        (1, &["agent", "resume", "searcher"]),
        (1, &["agent", "create", "searcher", "--owner", "user:alice"]),
        (
            1,
            &["delegate", "searcher", "orchestrator", "--allow", "read:**"],
        ),
        (
            1,
            &[
                "spawn",
                "searcher",
                "c",
                "--allow",
                "write:mcp:github:issues",
            ],
        ),
        (1, &["owner", "reinstate", "user:alice"]),
        (1, &["apply", "wide.toml"]),
        // 2: any error.
        (2, &["authorize", "--requests", "wrong.jsonl"]),
        (2, &["authorize", "--requests", "nowhere.jsonl"]),
        (2, &["authorize", "searcher", "read", "mcp:github:*"]),
        (2, &["authorize", "two words", "read", "app:x"]),
        (2, &["authorize", "searcher"]),
        (
            2,
            &[&["authorize", "--at", "2030-01-01T00:00:00Z"][..], &READ].concat(),
        ),
        (2, &["agent", "show", "nobody"]),
        (2, &["agent", "update", "searcher"]),
        (2, &["apply", "bad.toml"]),
        (2, &["apply", "nowhere.toml"]),
        (2, &["owner", "erase", "user:alice"]),
        (2, &["audit", "list", "--on", "someday"]),
        (2, &["--tenant", "mine", "agent", "list"]),
        (2, &["frobnicate"]),
        (2, &[]),
    ];
    for (want, arguments) in table {
        let ran = shell.run(arguments);
        assert_eq!(
            ran.code,
            *want,
            "kavach {}\n{}{}",
            arguments.join(" "),
            ran.out,
            ran.err
        );
    }
}

fn request(action: &str) -> String {
    format!(
        "{{\"agent\":\"searcher\",\"action\":\"{action}\",\"resource\":\"mcp:github:issues\"}}\n"
    )
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let shell = Shell::new().with_team();
    let many = request("read").repeat(2_000);
    shell.write("many.jsonl", many);
    for rest in [
        "--no-color audit list --format jsonl | head -n 1",
        "audit list | head -n 1",
        "audit export | head -n 1",
        "agent list --json | head -n 1",
        "authorize --requests many.jsonl | head -n 1",
        "demo | head -n 1",
    ] {
        let program = env!("CARGO_BIN_EXE_kavach");
        let script = format!("set -o pipefail; {program} {rest}");
        let mut command = std::process::Command::new("bash");
        command.args(["-c", &script]);
        let output = shell.at_home(command).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), message.as_str()),
            (Some(0), ""),
            "{rest}"
        );
    }
}

#[test]
fn an_output_that_is_full_is_an_error() {
    let shell = Shell::new().with_team();
    for arguments in [
        &["agent", "list"][..],
        &["agent", "create", "x", "--owner", "user:x"],
        &["demo"],
    ] {
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = shell.command(arguments).stdout(full).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(
            message.contains("the output cannot be written: No space left"),
            "{message}"
        );
    }
}
