//! Input of every bad kind: a clear message, and nothing changed.

use serde_json::Value;

use crate::shell::{Shell, objects};

#[test]
fn what_cannot_be_a_name_a_pattern_or_a_subject_is_refused() {
    let shell = Shell::new().with_team();
    let long = "x".repeat(100_000);
    let create = |name: &'static str| vec!["agent", "create", name, "--owner", "user:x"];
    let allow =
        |permission: &'static str| vec!["agent", "update", "searcher", "--allow", permission];
    let table: Vec<(Vec<&str>, &str)> = vec![
        (create(""), "it is empty; write something"),
        (create("two words"), "write only letters, digits"),
        (create("tab\tbed"), "`tab\\tbed` is not an agent's name"),
        (create("\u{1b}[2J"), "`\\u{1b}[2J` is not an agent's name"),
        (create("naïve"), "write only letters, digits"),
        (create("-dash"), "unexpected argument"),
        (create("agt_mine"), "names may not start with `agt_`"),
        (
            create("kv_mine"),
            "names may not start with `agt_` or `kv_`",
        ),
        (allow("read"), "write actions, `:` and a target"),
        (allow("read:app:x:..:y"), "segment 3 is `.` or `..`"),
        (allow("read:app:%2e"), "is not canonical"),
        (allow("read:app:a%2fb"), "is not canonical"),
        (allow("read:app::x"), "segment 2 is empty"),
        (allow("read:app:"), "segment 2 is empty"),
        (allow("read:app:a*b"), "may not stand there"),
        (
            allow("read:app:x?colour=3"),
            "a constraint that is not known",
        ),
        (allow("read:app:x?rate=3"), "as in `20/h`"),
        (allow("read:app:x?approve=0"), "`approve`"),
        (
            allow("read:app:x?expires=2001-01-01T00:00:00Z"),
            "lies in the past",
        ),
        (allow("Read it:app:x"), "is not an action"),
        (allow("read:x:1:2:3:4:5:6:7:8"), "must have 2 to 8 segments"),
        (
            vec!["agent", "update", "searcher", "--remove", "read:app:x"],
            "does not hold `read:app:x`",
        ),
        (
            vec!["agent", "update", "searcher", "--drop-note", "x"],
            "has no note `x`",
        ),
        (
            vec!["agent", "update", "searcher", "--note", "x"],
            "is not a note; write `key=value`",
        ),
        (
            vec!["agent", "update", "searcher", "--note", "a b=x"],
            "a metadata key must be",
        ),
        (
            vec!["agent", "update", "searcher", "--kind", "robot"],
            "`robot` is not an agent's kind",
        ),
        (
            vec!["agent", "rotate", "searcher", "--overlap", "long"],
            "a duration is a number",
        ),
        (
            vec!["agent", "create", "x", "--owner", "alice"],
            "write `user:NAME` or `service:NAME`",
        ),
        (
            vec!["agent", "create", "x", "--owner", "user:"],
            "it is empty",
        ),
        (
            vec!["owner", "revoke", "everybody"],
            "`everybody` is not a subject",
        ),
        (
            vec!["spawn", "searcher", "x"],
            "nothing is passed on; say what with `--allow`",
        ),
        (
            vec![
                "spawn",
                "searcher",
                "x",
                "--allow",
                "read:app:x",
                "--max-depth",
                "9",
            ],
            "9 is not in 0..=8",
        ),
        (
            vec![
                "spawn",
                "searcher",
                "x",
                "--allow",
                "read:app:x",
                "--base",
                "github",
            ],
            "`github` is not a base",
        ),
        (
            vec!["delegation", "revoke", "searcher"],
            "`searcher` is not a delegation id",
        ),
        (
            vec!["--tenant", "theirs", "agent", "list"],
            "`theirs` is not a tenant id",
        ),
        (vec!["agent", "show", &long], "it is longer than 128 bytes"),
        (
            vec!["agent", "create", &long, "--owner", "user:x"],
            "it is longer than 128 bytes",
        ),
        (
            vec!["agent", "update", "searcher", "--allow", &long],
            "it is longer than 8192 bytes",
        ),
        (
            vec!["authorize", "searcher", &long, "app:x"],
            "it is longer than 64 bytes",
        ),
        (
            vec!["authorize", "searcher", "read", &long],
            "it is longer than 512 bytes",
        ),
        (vec!["audit", "list", "--since", &long], "is not a time"),
    ];
    for (arguments, want) in &table {
        let before = shell.trail().len();
        let ran = shell.run(arguments);
        let shown: Vec<String> = arguments
            .iter()
            .map(|word| word.chars().take(50).collect())
            .collect();
        let refused = want.contains("in the past") || want.contains("metadata key");
        assert_eq!(
            ran.code,
            if refused { 1 } else { 2 },
            "{shown:?}: {}",
            ran.err
        );
        assert!(
            ran.err.contains(want),
            "{shown:?}: {}\ninstead of: {want}",
            ran.err
        );
        assert!(
            ran.err.len() < 1_000,
            "{shown:?}: a message of {} bytes",
            ran.err.len()
        );
        assert!(!ran.err.contains('\u{1b}'), "{shown:?}: {:?}", ran.err);
        // What the rules refuse is recorded as refused.
        assert_eq!(
            shell.trail().len(),
            before + usize::from(refused),
            "{shown:?}"
        );
    }
}

#[test]
fn arguments_that_are_not_text_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let shell = Shell::new();
    let mut command = shell.command(&["agent", "show"]);
    let output = command
        .arg(OsStr::from_bytes(b"\xff\xfe"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("invalid UTF-8")
    );
    // Names of files are not text.
    let mut command = shell.command(&["apply"]);
    let output = command
        .arg(OsStr::from_bytes(b"\xff\x1b.toml"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), said.contains('\u{1b}')),
        (Some(2), false),
        "{said:?}"
    );
}

#[test]
fn too_many_permissions_are_refused_and_named() {
    let shell = Shell::new();
    let permissions: Vec<String> = (0..10_000)
        .map(|number| format!("\"read:app:a{number}\""))
        .collect();
    let file = format!(
        "[[agent]]\nname = \"a\"\nowner = \"user:x\"\npermissions = [\n{}\n]\n",
        permissions.join(",\n")
    );
    shell.write("many.toml", file);
    let ran = shell.run(&["apply", "many.toml"]);
    let want = "many.toml:4:15: 10000 permissions are too many; one holder has at most 256, so use wider patterns";
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with(want), "{}", ran.err);
    assert!(shell.trail().is_empty());
}

#[test]
fn long_texts_in_a_file_are_refused_and_not_repeated() {
    let shell = Shell::new();
    let long = "x".repeat(1_000_000);
    let agent = |name: &str, owner: &str, rest: &str| {
        format!("[[agent]]\nname = \"{name}\"\nowner = \"{owner}\"\n{rest}\n")
    };
    for (file, code, want) in [
        (agent(&long, "user:x", ""), 2, "f.toml:2:8: `xxx"),
        (agent("a", &long, ""), 2, "f.toml:3:9: `xxx"),
        (
            agent("a", "user:x", &format!("kind = \"{long}\"")),
            2,
            "f.toml:4:8: `xxx",
        ),
        (
            agent("a", "user:x", &format!("{long} = 1")),
            2,
            "f.toml:4:1: `xxx",
        ),
        (
            agent("a", "user:x", &format!("permissions = [\"{long}\"]")),
            2,
            "f.toml:4:16: `xxx",
        ),
        (
            agent("a", "user:x", &format!("expires_in = \"{long}\"")),
            2,
            "f.toml:4:14: a duration",
        ),
        (
            agent("a", "user:x", &format!("metadata = {{ k = \"{long}\" }}")),
            1,
            "f.toml:4:12: the metadata under `k`",
        ),
        (
            agent("a", "user:x", &format!("metadata = {{ {long} = \"v\" }}")),
            1,
            "f.toml:4:12: a metadata key must be",
        ),
        (format!("base = \"{long}\""), 2, "f.toml:1:8: `xxx"),
    ] {
        shell.write("f.toml", file);
        let ran = shell.run(&["apply", "f.toml"]);
        assert_eq!(ran.code, code, "{want}: {}", ran.err);
        assert!(
            ran.err.starts_with(want) && ran.err.len() < 1_000,
            "{want}: {}",
            ran.err
        );
    }
    assert!(shell.trail().is_empty());
}

#[test]
fn bad_lines_are_told_and_good_ones_answered() {
    let shell = Shell::new().with_team();
    let good: &[u8] = br#"{"agent":"searcher","action":"read","resource":"mcp:github:issues"}"#;
    let deep = format!("{{\"agent\":{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let long_name = format!(
        "{{\"agent\":\"{}\",\"action\":\"read\",\"resource\":\"app:x\"}}",
        "x".repeat(1_000_000)
    );
    let too_long = vec![b' '; 1024 * 1024 + 1];
    let bad: [(&[u8], &str); 12] = [
        (b"\xff\xfe", "it is not UTF-8, at byte 1"),
        (b"{\"agent\":\"a\0\"}", "control character"),
        (b"\0", "it is not JSON"),
        (b"{}", "`agent` is missing"),
        (b"   ", "it is blank"),
        (b"", "it is blank"),
        (deep.as_bytes(), "recursion limit exceeded"),
        (long_name.as_bytes(), "it is longer than 128 bytes"),
        (&too_long, "it is longer than 1048576 bytes; shorten it"),
        (br#"{"agent":"searcher","action":"read","resource":"mcp:github:a%2fb"}"#, "is not canonical"),
        (br#"{"agent":"searcher","action":"read","resource":"mcp::issues"}"#, "segment 2 is empty"),
        (br#"{"agent":"searcher","action":"read","resource":"mcp:github:issues","context":{"args":1e999}}"#, "number out of range"),
    ];
    let mut input = good.to_vec();
    for (line, _) in bad {
        input.extend_from_slice(b"\n");
        input.extend_from_slice(line);
        input.extend_from_slice(b"\n");
        input.extend_from_slice(good);
    }
    let ran = shell.feed(&["authorize", "--requests", "-"], input);
    assert_eq!((ran.code, ran.err.as_str()), (2, ""));
    let answers = objects(&ran.out);
    assert_eq!(answers.len(), 1 + 2 * bad.len());
    for (place, answer) in answers.iter().enumerate() {
        if place % 2 == 0 {
            assert_eq!(answer["decision"], "allow", "line {}", place + 1);
            continue;
        }
        let (_, want) = bad[place / 2];
        let error = answer["error"].as_str().unwrap();
        assert!(
            error.contains(want) && error.len() < 1_000,
            "line {}: {error}",
            place + 1
        );
        assert_eq!(answer["line"], Value::from(place + 1));
        assert_eq!(answer.as_object().unwrap().len(), 2);
    }
    assert_eq!(shell.trail().len(), 2 + 1 + bad.len());
}
