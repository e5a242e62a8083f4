use std::io::Cursor;

use super::{Asked, Content, Lines, Manner};
use crate::limits::REQUEST_LINE_BYTES_MAX;

#[track_caller]
fn check_refused(line: &str, manner: Manner, want: &str) {
    let error = Asked::parse(line.as_bytes(), manner).unwrap_err();
    assert!(error.contains(want), "{line}: {error}");
}

/// The lines of `input`, `B` for a blank one and `L` for one that is too long.
#[track_caller]
fn check_lines(input: &[u8], want: &[(u64, &str)]) {
    // A small buffer, so that lines span several.
    let reader = std::io::BufReader::with_capacity(3, Cursor::new(input.to_vec()));
    let lines: Vec<(u64, String)> = Lines::new(reader)
        .map(|line| line.unwrap())
        .map(|line| match line.content {
            Content::Whole(text) => (line.number, String::from_utf8_lossy(&text).into_owned()),
            Content::TooLong => (line.number, "L".to_owned()),
            Content::Blank => (line.number, "B".to_owned()),
        })
        .collect();
    let want: Vec<(u64, String)> = want
        .iter()
        .map(|(number, text)| (*number, (*text).to_owned()))
        .collect();
    assert_eq!(lines, want);
}

#[test]
fn a_line_is_what_stands_before_its_end() {
    check_lines(b"", &[]);
    check_lines(b"one", &[(1, "one")]);
    check_lines(b"one\n", &[(1, "one")]);
    check_lines(
        b"one\ntwo\r\nthree",
        &[(1, "one"), (2, "two\r"), (3, "three")],
    );
}

#[test]
fn blank_lines_count_unless_nothing_follows() {
    check_lines(b"\n\n \n\t\r\n", &[]);
    check_lines(
        b"\na\n\n \nb\n\n\n",
        &[(1, "B"), (2, "a"), (3, "B"), (4, "B"), (5, "b")],
    );
}

#[test]
fn a_line_that_is_too_long_is_left_out_and_the_next_is_read() {
    let most = vec![b'x'; REQUEST_LINE_BYTES_MAX];
    let most_text = String::from_utf8(most.clone()).unwrap();
    let input = [most.as_slice(), b"\n", &most, b"y\nz\n", &most, &most].concat();
    check_lines(&input, &[(1, &most_text), (2, "L"), (3, "z"), (4, "L")]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table is as long as it is")]
fn a_request_is_an_object_with_known_keys() {
    for (line, want) in [
        ("", "not JSON"),
        ("x", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not an object"),
        ("\"agent\"", "not an object"),
        ("null", "not an object"),
        (r#"["a","read","app:x"]"#, "not an object"),
        ("{}", "`agent` is missing"),
        (r#"{"agent":"a"}"#, "`action` is missing"),
        (r#"{"agent":"a","action":"read"}"#, "`resource` is missing"),
        (
            r#"{"agent":null,"action":"read","resource":"app:x"}"#,
            "`agent` is missing",
        ),
        (
            r#"{"agent":7,"action":"read","resource":"app:x"}"#,
            "`agent` is not a string",
        ),
        (
            r#"{"agent":"a","action":"read","resource":"app:x"} x"#,
            "trailing characters, at byte",
        ),
        (
            r#"{"agent":"a","action":"read","resource":"app:x"}{}"#,
            "trailing characters",
        ),
        (
            r#"{"agent":"a","action":"read","resource":"app:x","who":1}"#,
            "`who` is not a known key",
        ),
        (r#"{"agent":"a","agent":"b"}"#, "`agent` stands twice"),
        (
            r#"{"agent":"a","action":"read","resource":"app:x","context":[]}"#,
            "`context` is not an object",
        ),
        (
            r#"{"agent":"a","action":"read","resource":"app:x","context":{"cots":1}}"#,
            "`context.cots`",
        ),
        (
            r#"{"agent":"a","action":"read","resource":"app:x","context":{"args":{"k":1,"k":2}}}"#,
            "`k` stands twice",
        ),
        (
            r#"{"agent":"a","action":"read","resource":"app:x","context":{"ip":"1.2.3"}}"#,
            "`ip` is not an address",
        ),
        (
            r#"{"agent":"a","action":"read","resource":"app:x","context":{"cost":-1}}"#,
            "`cost` is not a number of units",
        ),
        (
            r#"{"agent":"a","action":"read","resource":"app:x","context":{"cost":1.5}}"#,
            "`cost` is not a number of units",
        ),
        (
            r#"{"agent":"a","action":"read","resource":"app:x","context":{"audience":7}}"#,
            "`audience` is not a string",
        ),
        (
            r#"{"agent":"a","action":"*","resource":"app:x"}"#,
            "`action`: `*` is not an action",
        ),
        (
            r#"{"agent":"a","action":"read","resource":"app:*"}"#,
            "`resource`: `app:*` is not a resource",
        ),
        (
            r#"{"agent":"a","action":"read","resource":"app:.."}"#,
            "segment 2 is `.` or `..`",
        ),
        (
            r#"{"agent":"a","action":"read","resource":"app::x"}"#,
            "segment 2 is empty",
        ),
        (
            r#"{"agent":"a b","action":"read","resource":"app:x"}"#,
            "`agent`: `a b` is not an agent's name",
        ),
        (
            r#"{"agent":"agt_x","action":"read","resource":"app:x"}"#,
            "is not an agent id",
        ),
        ("{\"agent\":\"a\u{0}\"}", "control character"),
        (
            r#"{"agent":"a\u0000","action":"read","resource":"app:x"}"#,
            "is not an agent's name",
        ),
        ("\u{feff}{}", "not JSON"),
    ] {
        check_refused(line, Manner::Record, want);
        check_refused(line, Manner::Simulate, want);
    }
}

#[test]
fn a_credential_with_a_mistake_is_not_repeated() {
    let line = r#"{"agent":"kv_0123456789","action":"read","resource":"app:x"}"#;
    let error = Asked::parse(line.as_bytes(), Manner::Record).unwrap_err();
    assert!(
        error.contains("not a credential") && !error.contains("0123456789"),
        "{error}"
    );
}

#[test]
fn bytes_that_are_not_text_are_told_where() {
    let error = Asked::parse(b"{\"agent\":\"\xff\"}", Manner::Record).unwrap_err();
    assert_eq!(error, "it is not UTF-8, at byte 11");
}

#[test]
fn nesting_has_an_end() {
    let deep = format!(
        r#"{{"agent":"a","action":"read","resource":"app:x","context":{{"args":{}{}}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    check_refused(&deep, Manner::Record, "recursion limit exceeded");
}

#[test]
fn another_time_is_only_simulated() {
    let line = r#"{"agent":"a","action":"read","resource":"app:x","at":"2026-11-21T10:00:00Z"}"#;
    check_refused(
        line,
        Manner::Record,
        "`at` stands only in simulated requests",
    );
    let asked = Asked::parse(line.as_bytes(), Manner::Simulate).unwrap();
    assert_eq!(asked.at.unwrap().to_string(), "2026-11-21T10:00:00Z");
    for at in [
        "yesterday",
        "2026-11-21",
        "2026-11-21T10:00:00",
        "2026-11-21T10:00:00.5Z",
    ] {
        let line = line.replace("2026-11-21T10:00:00Z", at);
        check_refused(&line, Manner::Simulate, "`at`: ");
    }
}

#[test]
fn everything_that_may_stand_in_a_request_is_read() {
    let line = r#" {"resource":"mcp:github:a%2Fb","context":{"args":{"b":[1,null,"x"],"a":-1.5e3},"ip":"::ffff:203.0.113.7",
        "cost":18446744073709551615,"audience":"é"},"action":"read","agent":"a","at":null} "#;
    let line = line.replace('\n', " ");
    let asked = Asked::parse(line.as_bytes(), Manner::Record).unwrap();
    assert_eq!(asked.call.resource.as_str(), "mcp:github:a%2Fb");
    let context = asked.call.context;
    assert_eq!(
        context.args.unwrap().to_string(),
        r#"{"a":-1500.0,"b":[1,null,"x"]}"#
    );
    assert_eq!(context.ip.unwrap().to_string(), "::ffff:203.0.113.7");
    assert_eq!(context.cost, Some(u64::MAX));
    assert_eq!(context.audience.unwrap(), "é");
}
