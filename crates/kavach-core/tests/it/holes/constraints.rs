//! Bounds that got lost, or never bound anything, elsewhere.

use kavach_core::{Constraints, Mode, Permission, Reason};
use serde_json::json;

use super::edit;
use crate::world::{TENANT, World};

const BOUNDS: &str = "approve=2&args/amount.max=500&budget=5/day&ip=10.0.0.0/8&min_trust=standard&rate=20/h&\
                      window=mon-fri+09:00-17:00+Europe/Berlin";

fn constraints(text: &str) -> Constraints {
    let permission: Permission = format!("read:mcp:a?{text}").parse().unwrap();
    permission.constraints
}

#[test]
fn no_constraint_is_dropped_on_delegation() {
    for mode in [Mode::Strict, Mode::Attenuate] {
        let mut world = World::new();
        let mut from = world.agent("first", &[&format!("read:mcp:*?{BOUNDS}")]);
        for name in ["second", "third", "fourth"] {
            let to = world.agent(name, &[]);
            let mut draft = world.delegation_draft(from, to, &["read:mcp:a"]);
            draft.mode = mode;
            world.try_delegate(draft).unwrap();
            assert_eq!(world.holds(to), [format!("read:mcp:a?{BOUNDS}")]);
            from = to;
        }
    }
}

#[test]
fn a_constraint_that_a_parent_gains_reaches_the_child() {
    for bound in BOUNDS.split('&') {
        let mut world = World::new();
        let first = world.agent("first", &["read:mcp:*"]);
        let second = world.agent("second", &[]);
        world.delegate(first, second, &["read:mcp:a"]);
        let held = format!("read:mcp:*?{bound}");
        let change = world
            .graph
            .update_agent(TENANT, first, edit(&[&held]), world.now);
        world.commit(change).unwrap();
        assert_eq!(world.holds(second), [format!("read:mcp:a?{bound}")]);
    }
}

#[test]
fn a_child_does_not_choose_wider_bounds_for_itself() {
    for (held, asked) in [
        ("rate=20/h", "rate=21/h"),
        ("budget=5/day", "budget=6/day"),
        ("window=fri+09:00-17:00+UTC", "window=daily+00:00-24:00+UTC"),
        ("ip=10.0.0.0/8", "ip=0.0.0.0/0"),
        ("args/amount.max=500", "args.any"),
        ("approve=2", "approve"),
        ("min_trust=trusted", "min_trust=untrusted"),
    ] {
        let mut world = World::new();
        let first = world.agent("first", &[&format!("read:mcp:a?{held}")]);
        let second = world.agent("second", &[]);
        let asked = format!("read:mcp:a?{asked}");
        assert_eq!(
            world.refused(first, second, &[&asked]).reason,
            Reason::WiderThanParent,
            "{asked}"
        );
        let mut draft = world.delegation_draft(first, second, &[&asked]);
        draft.mode = Mode::Attenuate;
        world.try_delegate(draft).unwrap();
        assert_eq!(world.holds(second), [format!("read:mcp:a?{held}")]);
    }
}

#[test]
fn zero_and_empty_are_nothing_and_never_unlimited() {
    assert!("read:mcp:a?approve=0".parse::<Permission>().is_err());
    for text in [
        "rate=",
        "budget=",
        "window=",
        "ip=",
        "args=",
        "min_trust=",
        "approve=",
    ] {
        assert!(
            format!("read:mcp:a?{text}").parse::<Permission>().is_err(),
            "{text}"
        );
    }
    assert_eq!(
        constraints("rate=0/h&budget=0/total")
            .limits()
            .map(|(_, most)| most)
            .sum::<u64>(),
        0
    );
    let nowhere = constraints("ip=none").addresses.unwrap();
    assert!(!nowhere.has("10.0.0.1".parse().unwrap()) && !nowhere.has("::".parse().unwrap()));
    let none = constraints("args=none").args.unwrap();
    assert!(none.allow(None) && !none.allow(Some(&json!({"a": 1}))));
    let nothing = constraints("args/a.len_max=0").args.unwrap();
    assert!(!nothing.allow(Some(&json!({"a": "x"}))) && !nothing.allow(Some(&json!({}))));
}

#[test]
fn argument_rules_are_anchored_and_never_skipped() {
    for (rules, evil) in [
        // Unanchored.
        ("args/path.prefix=/srv/", json!({"path": "x/srv/"})),
        (
            "args/host.host=example.com",
            json!({"host": "example.com.evil.org"}),
        ),
        (
            "args/host.host=example.com",
            json!({"host": "evil.org/example.com"}),
        ),
        ("args/id.eq=a", json!({"id": "a\nb"})),
        ("args/id.in=a,b", json!({"id": "a,b"})),
        // Skipped because the argument is missing, or has another name.
        ("args/amount.max=500", json!({})),
        ("args/amount.max=500", json!({"Amount": 1_000_000})),
        (
            "args/amount.max=500",
            json!({"amount": 1, "amounts": [1_000_000]}),
        ),
        ("args/a/amount.max=500", json!({"a": {}})),
        // Looked at only when it is text, or only when it is a number.
        ("args/path.prefix=/srv/", json!({"path": ["/etc/"]})),
        ("args/path.prefix=/srv/", json!({"path": {"to": "/etc/"}})),
        ("args/path.prefix=/srv/", json!({"path": null})),
        ("args/amount.max=500", json!({"amount": "1000000"})),
        ("args/amount.max=500", json!({"amount": "1"})),
        ("args/amount.max=500", json!({"amount": [1]})),
        ("args/amount.max=500", json!({"amount": true})),
    ] {
        let rules = constraints(rules).args.unwrap();
        assert!(!rules.allow(Some(&evil)), "{rules:?} {evil}");
        assert!(!rules.allow(None));
    }
}

#[test]
fn windows_are_in_their_own_zone_and_cross_midnight() {
    // Whatever zone this runs in, the answers are the same: the zone stands in the window.
    for (window, time, want) in [
        ("fri+22:00-06:00+Asia/Tokyo", "2026-11-20T13:00:00Z", true),
        ("fri+22:00-06:00+Asia/Tokyo", "2026-11-20T20:59:59Z", true),
        ("fri+22:00-06:00+Asia/Tokyo", "2026-11-20T21:00:00Z", false),
        (
            "fri+22:00-06:00+America/New_York",
            "2026-11-21T03:00:00Z",
            true,
        ),
        (
            "fri+22:00-06:00+America/New_York",
            "2026-11-20T13:00:00Z",
            false,
        ),
    ] {
        let windows = constraints(&format!("window={window}")).windows;
        assert_eq!(
            windows[0].holds_at(time.parse().unwrap()),
            want,
            "{window} {time}"
        );
    }
    assert!(
        "read:mcp:a?window=fri+22:00-06:00"
            .parse::<Permission>()
            .is_err()
    );
    assert!(
        "read:mcp:a?window=fri+22:00-06:00+local"
            .parse::<Permission>()
            .is_err()
    );
}
