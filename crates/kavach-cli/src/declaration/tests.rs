use kavach::declare::{DeclaredEnd, DeclaredVia, Place};

use super::{Declared, Source, read};
use crate::limits::APPLY_SYNTAX_BYTES_MAX;
use crate::paint::Paint;

fn declared(text: &str) -> Declared {
    read(text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
}

/// What is said about a text that is refused, one fault to a line, without the lines that it shows.
fn said(text: &str) -> Vec<String> {
    let source = Source {
        name: "f".to_owned(),
        text: text.to_owned(),
    };
    let faults = read(text).unwrap_err();
    let described = source.describe(&faults, Paint::Plain);
    described
        .lines()
        .filter(|line| line.starts_with("f:"))
        .map(ToOwned::to_owned)
        .collect()
}

#[track_caller]
fn check_refused(text: &str, want: &[&str]) {
    let said = said(text);
    assert_eq!(said.len(), want.len(), "{said:#?}");
    for (said, want) in said.iter().zip(want) {
        assert!(said.starts_with(want), "{said}\ninstead of\n{want}");
    }
}

/// An agent with this line in its table, which is line 4 of the text.
fn agent(line: &str) -> String {
    format!("[[agent]]\nname = \"a\"\nowner = \"user:x\"\n{line}\n")
}

/// A delegation with this line in its table, which is line 4 of the text.
fn delegation(line: &str) -> String {
    format!("[[delegation]]\nfrom = \"a\"\nto = \"b\"\n{line}\n")
}

#[test]
fn a_permission_is_shorthand_or_a_table() {
    for (written, want) in [
        (r#""read:mcp:github:*""#, "read:mcp:github:*"),
        (r#""read:repos""#, "read:mcp:gitlab:repos"),
        (
            r#"{ resource = "mcp:github:*", actions = ["read"] }"#,
            "read:mcp:github:*",
        ),
        (
            r#"{ resource = "repos", actions = ["write", "read"] }"#,
            "read,write:mcp:gitlab:repos",
        ),
        (r#"{ resource = "**", actions = ["*"] }"#, "*:**"),
        (
            r#"{ resource = "app:x", actions = ["read"], constraints = { depth = 2 } }"#,
            "read:app:x?depth=2",
        ),
        (
            r#"{ resource = "app:x", actions = ["read"], constraints = { expires = 2099-01-01T01:00:00+01:00 } }"#,
            "read:app:x?expires=2099-01-01T00:00:00Z",
        ),
        (
            r#"{ resource = "app:x", actions = ["read"], constraints = { expires = "2099-01-01T00:00:00Z", depth = 0 } }"#,
            "read:app:x?depth=0&expires=2099-01-01T00:00:00Z",
        ),
    ] {
        let text = format!(
            "base = \"mcp:gitlab\"\n{}",
            agent(&format!("permissions = [{written}]"))
        );
        let read = declared(&text);
        assert_eq!(
            read.declaration.agents[0].permissions[0].to_string(),
            want,
            "{written}"
        );
    }
}

#[test]
fn an_end_is_a_duration_or_a_time() {
    for (written, want) in [
        ("", "Never"),
        ("expires_in = \"1h\"", "In(3600)"),
        ("expires_in = \"30m\"", "In(1800)"),
        ("expires_in = \"7d\"", "In(604800)"),
        ("expires_in = 90", "In(90)"),
        ("expires_in = 0x10", "In(16)"),
        ("expires_in = 0", "In(0)"),
        (
            "expires_at = \"2099-01-01T00:00:00Z\"",
            "At(Timestamp(4070908800))",
        ),
        (
            "expires_at = 2099-01-01T00:00:00Z",
            "At(Timestamp(4070908800))",
        ),
        (
            "expires_at = 2099-01-01 01:00:00+01:00",
            "At(Timestamp(4070908800))",
        ),
    ] {
        let agent: DeclaredEnd = declared(&agent(written)).declaration.agents[0].end;
        let delegation = declared(&delegation(written)).declaration.delegations[0].end;
        assert_eq!(format!("{agent:?}"), want, "{written}");
        assert_eq!(agent, delegation);
    }
}

#[test]
fn an_end_that_is_none_is_told_where() {
    for (written, want) in [
        (
            "expires_in = \"1y\"",
            "f:4:14: a duration is a number and one of",
        ),
        (
            "expires_in = \"\"",
            "f:4:14: a duration is a number and one of",
        ),
        (
            "expires_in = -1",
            "f:4:14: `expires_in` is a number of seconds, or text",
        ),
        (
            "expires_in = 1.5",
            "f:4:14: `expires_in` is a number of seconds, or text",
        ),
        (
            "expires_in = 99999999999999999999",
            "f:4:14: `expires_in` is a number of seconds",
        ),
        (
            "expires_at = 2099-01-01",
            "f:4:14: `expires_at` has no offset",
        ),
        (
            "expires_at = 2099-01-01T00:00:00",
            "f:4:14: `expires_at` has no offset",
        ),
        (
            "expires_at = 00:00:00",
            "f:4:14: `expires_at` has no offset",
        ),
        ("expires_at = true", "f:4:14: `expires_at` is not a time"),
        (
            "expires_at = \"tomorrow\"",
            "f:4:14: `tomorrow` is not a time",
        ),
        (
            "expires_at = 2099-01-01T00:00:00.5Z",
            "f:4:14: `2099-01-01T00:00:00.5Z` is not a time: leave out",
        ),
        (
            "expires_in = 5\nexpires_at = 2099-01-01T00:00:00Z",
            "f:5:14: `expires_at` and `expires_in` say",
        ),
    ] {
        check_refused(&agent(written), &[want]);
        check_refused(&delegation(written), &[want]);
    }
    check_refused(
        &agent("expires_in = \"99999999999999999w\""),
        &["f:4:14: the duration is longer"],
    );
}

#[test]
fn via_names_a_line() {
    for (written, want) in [
        ("", None),
        ("via = \"root\"", Some(DeclaredVia::Root)),
        (
            "via = \"planner\"",
            Some(DeclaredVia::From("planner".parse().unwrap())),
        ),
        (
            "via = \"dlg_01jd3v5q4cf7v8e9qk2m5x7y3z\"",
            Some(DeclaredVia::Delegation(
                "dlg_01jd3v5q4cf7v8e9qk2m5x7y3z".parse().unwrap(),
            )),
        ),
    ] {
        assert_eq!(
            declared(&delegation(written)).declaration.delegations[0].via,
            want,
            "{written}"
        );
    }
    check_refused(
        &delegation("via = \"dlg_x\""),
        &["f:4:7: `dlg_x` is not a delegation id"],
    );
    check_refused(&delegation("via = 7"), &["f:4:7: `via` is not a string"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table is as long as it is")]
fn every_mistake_is_told_where_it_stands() {
    for (written, want) in [
        ("colour = 1", "f:4:1: `colour` is not a known key"),
        ("kind = \"robot\"", "f:4:8: `robot` is not an agent's kind"),
        (
            "permissions = \"read:app:x\"",
            "f:4:15: `permissions` is not a list",
        ),
        ("permissions = [3]", "f:4:16: a permission is text"),
        (
            "permissions = [\"read\"]",
            "f:4:16: `read` is not a permission",
        ),
        (
            "permissions = [\"read:app:..\"]",
            "f:4:16: `app:..` is not a pattern: segment 2 is `.` or `..`",
        ),
        (
            "permissions = [\"read:app:a%2e\"]",
            "f:4:16: `app:a%2e` is not a pattern",
        ),
        (
            "permissions = [\"read:app:a%2F\", \"read:app:a%2f\"]",
            "f:4:33: `app:a%2f` is not a pattern",
        ),
        (
            "permissions = [\"read:app::x\"]",
            "f:4:16: `app::x` is not a pattern: segment 2 is empty",
        ),
        (
            "permissions = [\"read:app:x?size=3\"]",
            "f:4:16: `read:app:x?size=3` is not a permission",
        ),
        (
            "permissions = [{ actions = [\"read\"] }]",
            "f:4:16: `resource` is missing",
        ),
        (
            "permissions = [{ resource = \"app:x\" }]",
            "f:4:16: `actions` is missing",
        ),
        (
            "permissions = [{ resource = \"app:x\", actions = [] }]",
            "f:4:48: `actions` is a list of 1 to 64",
        ),
        (
            "permissions = [{ resource = \"app:x\", actions = \"read\" }]",
            "f:4:48: `actions` is a list of 1 to 64",
        ),
        (
            "permissions = [{ resource = \"app:x\", actions = [\"read\", \"*\"] }]",
            "f:4:57: `*` is not an action",
        ),
        (
            "permissions = [{ resource = \"app:x\", actions = [7] }]",
            "f:4:49: `actions` is not a string",
        ),
        (
            "permissions = [{ resource = \"app:x?depth=1\", actions = [\"read\"] }]",
            "f:4:29: `app:x?depth=1` is not a pattern",
        ),
        (
            "permissions = [{ resource = \"app:x\", actions = [\"a\"], size = 1 }]",
            "f:4:55: `size` is not a known key",
        ),
        (
            "permissions = [{ resource = \"app:x\", actions = [\"a\"], constraints = { depth = 9 } }]",
            "f:4:79: `depth` is a number of hops",
        ),
        (
            "permissions = [{ resource = \"app:x\", actions = [\"a\"], constraints = { size = 9 } }]",
            "f:4:71: `size` is not a known key; known here are: approval, args, budget, depth, expires",
        ),
        (
            "permissions = [{ resource = \"app:x\", actions = [\"a\"], constraints = { expires = 2099-01-01 } }]",
            "f:4:81: `expires` has no offset",
        ),
        ("metadata = 7", "f:4:12: `metadata` is not a table"),
        ("metadata = { team = 7 }", "f:4:21: `team` is not a string"),
        ("\"\\u001b\" = 7", "f:4:1: `\\u{1b}` is not a known key"),
    ] {
        check_refused(&agent(written), &[want]);
    }
    for (written, want) in [
        ("metadata = {}", "f:4:1: `metadata` is not a known key"),
        ("max_depth = 9", "f:4:13: `max_depth` is a number of hops"),
        (
            "max_depth = \"1\"",
            "f:4:13: `max_depth` is a number of hops",
        ),
        ("mode = \"lax\"", "f:4:8: `mode` is \"strict\""),
        ("mode = true", "f:4:8: `mode` is not a string"),
    ] {
        check_refused(&delegation(written), &[want]);
    }
}

#[test]
fn many_mistakes_are_told_at_once_and_in_order() {
    check_refused(
        "base = \"github\"\nagents = []\n[[agent]]\nname = \"a b\"\n[[delegation]]\nto = 7\n",
        &[
            "f:1:8: `github` is not a base",
            "f:2:1: `agents` is not a known key; known here are: base, agent, delegation",
            "f:3:1: `owner` is missing",
            "f:4:8: `a b` is not an agent's name",
            "f:5:1: `from` is missing",
            "f:6:6: `to` is not a string",
        ],
    );
}

#[test]
fn tables_of_another_form_are_told_so() {
    check_refused(
        "agent = 1",
        &["f:1:9: `agent` is not a list of tables; head each with `[[agent]]`"],
    );
    check_refused(
        "[agent]\nname = \"a\"",
        &["f:1:1: `agent` is not a list of tables"],
    );
    check_refused(
        "delegation = [1]",
        &["f:1:15: `delegation` is not a list of tables"],
    );
}

#[test]
fn mistakes_of_syntax_are_told_first_and_once_a_line() {
    check_refused(
        "a = \nb = = 2\n[[agent]\nname = \"x\"\n",
        &["f:1:5: ", "f:2:5: ", "f:3:9: "],
    );
    check_refused("a = 1\na = 2\n", &["f:2:1: duplicate key"]);
    let long = format!("{}\na = \nb = \n", "#".repeat(APPLY_SYNTAX_BYTES_MAX));
    assert_eq!(said(&long).len(), 1, "of a large file, the first mistake");
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(!said(&deep).is_empty());
}

#[test]
fn columns_are_characters() {
    let source = Source {
        name: "f".to_owned(),
        text: "é = 1\r\n\tñ = 2".to_owned(),
    };
    for (byte, want) in [
        (0, (1, 1)),
        (2, (1, 2)),
        (1, (1, 1)),
        (8, (2, 1)),
        (9, (2, 2)),
        (11, (2, 3)),
        (99, (2, 7)),
    ] {
        let position = source.position(byte);
        assert_eq!((position.line, position.column), want, "{byte}");
    }
}

#[test]
fn a_problem_points_to_what_it_speaks_of() {
    let text = "\
[[agent]]
name = \"a\"
owner = \"user:x\"
permissions = [\"read:app:x\", \"write:app:x\", \"*:app:y?expires=2020-01-01T00:00:00Z\"]
expires_at = 2020-01-01T00:00:01Z
metadata = { k = \"v\" }
";
    let read = declared(text);
    for (field, message, want) in [
        ("name", "taken", "\"a\""),
        ("owner", "gone", "\"user:x\""),
        (
            "permissions",
            "`write` on `app:x` is wider",
            "\"write:app:x\"",
        ),
        ("permissions", "`read:app:x` rests on", "\"read:app:x\""),
        (
            "permissions",
            "`2020-01-01T00:00:00Z` lies in the past",
            "\"*:app:y?expires=2020-01-01T00:00:00Z\"",
        ),
        (
            "permissions",
            "`2020-01-01T00:00:01Z` lies in the past",
            "2020-01-01T00:00:01Z",
        ),
        ("permissions", "metadata has 33 entries", "{ k = \"v\" }"),
        ("kind", "odd", "[[agent]]"),
    ] {
        let at = read.places.find(Place::Agent(0, field), message);
        assert_eq!(&text[at], want, "{field}: {message}");
    }
    let nowhere = read.places.find(Place::Delegation(7, "from"), "");
    assert_eq!(nowhere, 0..0);
}
