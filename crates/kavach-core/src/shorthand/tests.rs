//! The grammar at its edges, as tables of what is refused and of what is read as what.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Base;
use crate::action::Actions;
use crate::limits::SHORTHAND_BYTES_MAX;
use crate::permission::Permission;

/// Parses `text` below `base`: what it prints as, or why not.
fn read(base: &str, text: &str) -> String {
    let base: Base = base.parse().unwrap();
    match Permission::parse(text, &base) {
        Ok(permission) => permission.to_string(),
        Err(error) => format!("refused: {error}"),
    }
}

#[track_caller]
fn check(text: &str, want: &str) {
    assert_eq!(read("app", text), want, "{text:?}");
}

#[track_caller]
fn refuse(text: &str, words: &str) {
    let answer = read("app", text);
    let refused = answer.starts_with("refused: ") && answer.ends_with(words);
    assert!(refused, "{text:?}: {answer}");
}

const SHAPE: &str = "write actions, `:` and a target, as in `read:mcp:github:repos`";
const ACTION: &str = "write a letter, then letters, digits and `_-.`";
const PAIR: &str = "write each constraint as `name=value`; only `approve` and some rules for arguments \
                    stand alone";
const UNKNOWN: &str = "it has a constraint that is not known; known are `approve`, `args`, `budget`, \
                       `depth`, `expires`, `ip`, `min_trust`, `rate` and `window`";
const TWICE: &str = "it names a constraint twice; write each once";
const DEPTH: &str = "`depth` is a number of hops, one digit from 0 to 8";
const EXPIRES: &str = "`expires` is a time as in `2026-11-21T10:00:00Z`, in whole seconds";
const ESCAPE: &str = "a constraint has a character that must be percent-encoded, as in `%26`";

#[test]
fn what_is_not_actions_a_colon_and_a_target_is_refused() {
    refuse("", "it is empty; write something");
    refuse("read", SHAPE);
    refuse("?depth=1", SHAPE);
    refuse("read?depth=1", SHAPE);
    refuse(
        ":mcp:a",
        "`` is not an action: it is empty; write something",
    );
    refuse("read:", "`` is not a pattern: it is empty; write something");
    refuse(
        "read:?depth=1",
        "`` is not a pattern: it is empty; write something",
    );
    refuse("read :mcp:a", ACTION);
    refuse(" read:mcp:a", ACTION);
    refuse("read,:mcp:a", "it is empty; write something");
    refuse("read,*:mcp:a", ACTION);
    refuse("re*:mcp:a", ACTION);
    refuse("**:mcp:a", ACTION);
    refuse("1read:mcp:a", ACTION);
    refuse("r\u{e9}ad:mcp:a", ACTION);
    refuse(
        &format!("{}:mcp:a", "a".repeat(65)),
        "it is longer than 64 bytes; shorten it",
    );
    refuse(
        "read:mcp",
        "it must have 2 to 8 segments, separated by `:`, and not 1",
    );
    refuse("read:mcp:a:**:b", "and a resource takes none");
    let long = format!("read:mcp:a?{}", "a".repeat(SHORTHAND_BYTES_MAX));
    refuse(&long, "it is longer than 8192 bytes; shorten it");
}

#[test]
fn more_than_64_actions_are_refused() {
    let actions: Vec<String> = (0..65).map(|number| format!("a{number}")).collect();
    let words = "list at most 64 actions, or write `*`";
    refuse(&format!("{}:mcp:a", actions.join(",")), words);
    let most: Actions = actions[..64].join(",").parse().unwrap();
    assert_eq!(most.listed().unwrap().len(), 64);
}

#[test]
fn a_constraint_that_is_empty_unknown_or_there_twice_is_refused() {
    refuse("read:mcp:a?", PAIR);
    refuse("read:mcp:a?depth", PAIR);
    refuse("read:mcp:a?&depth=1", PAIR);
    refuse("read:mcp:a?depth=1&", PAIR);
    refuse("read:mcp:a?size=20", UNKNOWN);
    refuse("read:mcp:a?size", UNKNOWN);
    refuse("read:mcp:a?Depth=1", UNKNOWN);
    refuse("read:mcp:a?=1", UNKNOWN);
    refuse("read:mcp:a?depth=1&depth=1", TWICE);
    refuse(
        "read:mcp:a?expires=2026-12-01T00:00:00Z&depth=1&expires=2026-12-01T00:00:00Z",
        TWICE,
    );
    refuse("read:mcp:a?depth=1?depth=1", ESCAPE);
}

#[test]
fn a_depth_is_one_digit_up_to_8() {
    for value in ["", "9", "-1", "+1", "01", "1.0", "256", "a", "%2B1", "1+"] {
        refuse(&format!("read:mcp:a?depth={value}"), DEPTH);
    }
    for value in ["0", "1", "8"] {
        let text = format!("read:mcp:a?depth={value}");
        check(&text, &text);
    }
    check("read:mcp:a?depth=%33", "read:mcp:a?depth=3");
}

#[test]
fn an_end_is_a_time_in_whole_seconds() {
    for value in [
        "",
        "0",
        "2026-12-01",
        "2026-12-01T00:00Z",
        "2026-12-01T00:00:00",
        "2026-12-01T00:00:00.5Z",
        "2026-12-01T00:00:00.0Z",
        "2026-12-01+00:00:00Z", // `+` is a space
        "2026-12-01t00:00:00z",
        "20261201T000000Z",
        "2026-02-30T00:00:00Z",
        "2026-12-01T24:00:00Z",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "never",
        "2026-12-01T01:00:00+01:00", // `+` is a space: the offset's needs escaping
        "2026-12-01T01:00:00%2B01:00[Europe/Berlin]",
    ] {
        refuse(&format!("read:mcp:a?expires={value}"), EXPIRES);
    }
    let printed = "read:mcp:a?expires=2026-12-01T00:00:00Z";
    check(printed, printed);
    check("read:mcp:a?expires=2026-12-01T01:00:00%2B01:00", printed);
    check("read:mcp:a?expires=2026-11-30T23:00:00-01:00", printed);
    check("read:mcp:a?expires=%32026-12-01T00%3A00%3A00Z", printed);
}

#[test]
fn what_may_not_stand_in_a_value_is_refused() {
    for value in [
        "a b", "a\"b", "a\\b", "a?b", "%", "%1", "%1g", "%2b", "%+1", "\u{e9}", "\0", "\u{7f}",
    ] {
        refuse(&format!("read:mcp:a?depth={value}"), ESCAPE);
    }
    refuse("read:mcp:a?depth=%FF", "a constraint is not UTF-8");
}

#[test]
fn the_printer_sorts_and_drops_repetitions() {
    check("read:mcp:github:repos", "read:mcp:github:repos");
    check("write,read,write:mcp:a", "read,write:mcp:a");
    check("B,a,A:mcp:a", "A,B,a:mcp:a");
    check(
        "read:mcp:a?expires=2026-12-01T00:00:00Z&depth=2",
        "read:mcp:a?depth=2&expires=2026-12-01T00:00:00Z",
    );
    check("*:**", "*:**");
    check("*:mcp:**?depth=0", "*:mcp:**?depth=0");
}

#[test]
fn a_target_is_relative_unless_it_starts_with_a_kind() {
    for (base, text, want) in [
        ("app", "read:repos", "read:app:repos"),
        ("app", "read:*", "read:app:*"),
        ("app", "read:repos:**", "read:app:repos:**"),
        ("app", "read:re*", "read:app:re*"),
        ("app", "read:*:repos", "read:app:*:repos"),
        ("mcp:github", "read:repos", "read:mcp:github:repos"),
        ("mcp:github", "read:*", "read:mcp:github:*"),
        ("mcp:github", "read:issues:**", "read:mcp:github:issues:**"),
        ("mcp:github", "read:MCP:a", "read:mcp:github:MCP:a"),
        ("mcp:github", "read:mcp:gitlab:a", "read:mcp:gitlab:a"),
        ("mcp:github", "read:app:a", "read:app:a"),
        ("mcp:github", "read:x-own:a", "read:x-own:a"),
        ("mcp:github", "read:**", "read:**"),
        ("x-own:1:2:3:4:5:6", "read:a", "read:x-own:1:2:3:4:5:6:a"),
    ] {
        assert_eq!(read(base, text), want, "{text} below {base}");
    }
}

#[test]
fn a_target_below_a_base_is_checked_whole() {
    for (base, text, words) in [
        ("mcp:github", "read:mcp", "and not 1"),
        ("mcp:github", "read:x-own", "and not 1"),
        ("mcp:github", "read:", "it is empty; write something"),
        (
            "mcp:github",
            "read::a",
            "segment 3 is empty; write `kind:segment:...`",
        ),
        (
            "mcp:github",
            "read:a::b",
            "segment 4 is empty; write `kind:segment:...`",
        ),
        (
            "mcp:github",
            "read:..",
            "segment 3 is `.` or `..`; name it in full",
        ),
        ("mcp:github", "read:**:a", "and a resource takes none"),
        ("x-own:1:2:3:4:5:6", "read:a:b", "and not 9"),
        ("x-own:1:2:3:4:5:6", "read:a:**", "and not 9"),
    ] {
        let answer = read(base, text);
        assert!(
            answer.starts_with("refused: ") && answer.ends_with(words),
            "{text}: {answer}"
        );
    }
    let target = [
        "a".repeat(127),
        "b".repeat(127),
        "c".repeat(127),
        "d".repeat(125),
    ]
    .join(":");
    assert!(
        read("app", &format!("read:{target}")).ends_with("it is longer than 512 bytes; shorten it")
    );
}

#[test]
fn a_base_is_a_kind_and_up_to_6_segments() {
    for (text, words) in [
        ("", "it is empty; write something"),
        ("github", "that starts with `x-`"),
        ("mcp:", "segment 2 is empty; write `kind:segment:...`"),
        ("mcp:*", "and a resource takes none"),
        ("mcp:a*", "and a resource takes none"),
        ("mcp:**", "and a resource takes none"),
        ("mcp:..", "segment 2 is `.` or `..`; name it in full"),
        ("mcp:1:2:3:4:5:6:7", "leave room for one segment: at most 7"),
    ] {
        let error = text.parse::<Base>().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`{text}` is not a base: ")),
            "{error}"
        );
        assert!(error.ends_with(words), "{error}");
    }
    for text in ["app", "mcp", "mcp:github", "mcp:1:2:3:4:5:6"] {
        assert_eq!(text.parse::<Base>().unwrap().0, text);
    }
}
