//! Narrowing as tables: what a giver holds, what is asked for, and what is stored or said.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::change::DelegationEdit;
use crate::delegation::Mode;

mod bounds;
mod line;

use line::{Bounds, Line, NEW_YEAR, TENANT, UNBOUND, deep, permissions, until};

/// The one line that asks. `want` is all that is stored, or how the refusal begins.
#[track_caller]
fn check_bound(mut line: Line, mode: Mode, asked: &[&str], bounds: Bounds, want: &str) {
    let told = line.told(mode, asked, bounds);
    let refused = want.contains(": `") || want.ends_with(':');
    let as_wanted = if refused {
        told.starts_with(want)
    } else {
        told == want
    };
    assert!(as_wanted, "{asked:?}\n  gives {told}\n  and not {want}");
    if mode == Mode::Strict && !refused {
        let told = line.told(Mode::Attenuate, asked, bounds);
        assert_eq!(told, want, "attenuating gives something else");
    }
}

#[track_caller]
fn check(line: Line, mode: Mode, asked: &[&str], want: &str) {
    check_bound(line, mode, asked, UNBOUND, want);
}

#[track_caller]
fn strict(held: &[&str], asked: &[&str], want: &str) {
    check(Line::of(held), Mode::Strict, asked, want);
}

#[track_caller]
fn attenuate(held: &[&str], asked: &[&str], want: &str) {
    check(Line::of(held), Mode::Attenuate, asked, want);
}

#[test]
fn strict_refuses_what_is_wider_and_names_it() {
    for (held, asked, wider) in [
        (
            "read:mcp:github:repos",
            "read:mcp:github:*",
            "`read` on `mcp:github:*`",
        ),
        (
            "read:mcp:github:*",
            "read:mcp:github:**",
            "`read` on `mcp:github:**`",
        ),
        (
            "read:mcp:github:**",
            "read:mcp:github",
            "`read` on `mcp:github`",
        ),
        (
            "read:mcp:github:re*",
            "read:mcp:github:r*",
            "`read` on `mcp:github:r*`",
        ),
        ("read:mcp:**", "read:**", "`read` on `**`"),
        ("read:mcp:**", "read:app:a", "`read` on `app:a`"),
        ("read:mcp:a", "write:mcp:a", "`write` on `mcp:a`"),
        ("read:mcp:a", "read,write:mcp:a", "`write` on `mcp:a`"),
        ("read,write:mcp:a", "*:mcp:a", "`*` on `mcp:a`"),
        ("read:mcp:a", "Read:mcp:a", "`Read` on `mcp:a`"),
    ] {
        strict(
            &[held],
            &[asked],
            &format!("wider_than_parent: {wider} is wider than what its giver holds"),
        );
    }
    strict(
        &["read:mcp:a"],
        &["read:mcp:a", "read:mcp:b"],
        "wider_than_parent: `read` on `mcp:b`",
    );
    strict(&["read:mcp:a"], &[], "nothing_left:");
}

#[test]
fn strict_stores_what_is_held() {
    for (held, asked) in [
        ("read:mcp:a", "read:mcp:a"),
        ("read:mcp:*", "read:mcp:a"),
        ("*:mcp:**", "read,write:mcp:a:b*"),
        ("*:**", "*:**"),
        ("*:**", "read:x-own:a:**"),
    ] {
        strict(&[held], &[asked], asked);
    }
    strict(
        &["*:mcp:**"],
        &["read:mcp:b", "read:mcp:a"],
        "read:mcp:a + read:mcp:b",
    );
    strict(&["*:mcp:**"], &["read:mcp:*", "read:mcp:a"], "read:mcp:*");
    strict(&["*:mcp:**"], &["read:mcp:a", "read:mcp:a"], "read:mcp:a");
}

#[test]
fn attenuate_stores_the_part_that_is_held() {
    for (held, asked, want) in [
        (
            "read:mcp:github:repos",
            "read:mcp:github:*",
            "read:mcp:github:repos",
        ),
        ("read:mcp:github:*", "*:**", "read:mcp:github:*"),
        (
            "read:mcp:*:repos",
            "read:mcp:github:*",
            "read:mcp:github:repos",
        ),
        (
            "read:mcp:github:re*",
            "read:mcp:*:r*",
            "read:mcp:github:re*",
        ),
        ("read,list:mcp:a", "read,write:mcp:*", "read:mcp:a"),
    ] {
        attenuate(&[held], &[asked], want);
    }
    attenuate(&["read:mcp:a"], &["read:mcp:a", "read:mcp:b"], "read:mcp:a");
    attenuate(
        &["read:mcp:a"],
        &["write:mcp:a", "read:mcp:b"],
        "nothing_left:",
    );
    attenuate(&["read:mcp:a"], &[], "nothing_left:");
}

#[test]
fn a_request_that_only_several_grants_cover_is_split() {
    let by_action = ["read:mcp:a:*", "write:mcp:a:*"];
    strict(
        &by_action,
        &["read,write:mcp:a:*"],
        "read:mcp:a:* + write:mcp:a:*",
    );
    strict(
        &by_action,
        &["read,write:mcp:a:b"],
        "read:mcp:a:b + write:mcp:a:b",
    );
    let by_length = ["read:mcp:*", "read:mcp:*:**"];
    strict(&by_length, &["read:mcp:**"], "read:mcp:* + read:mcp:*:**");
    strict(&by_length, &["read:mcp:a:**"], "read:mcp:a:**");
    let by_three = ["read:mcp:a:*", "read:mcp:*:*:*", "read:mcp:a:*:*:**"];
    strict(
        &by_three,
        &["read:mcp:a:**"],
        "read:mcp:a:* + read:mcp:a:*:* + read:mcp:a:*:*:**",
    );
    let by_both = ["read:mcp:*", "*:mcp:*:**", "write:mcp:*"];
    strict(
        &by_both,
        &["read,write:mcp:**"],
        "read,write:mcp:*:** + read:mcp:* + write:mcp:*",
    );
}

#[test]
fn a_request_that_several_grants_leave_a_gap_in_is_refused() {
    let wider = "wider_than_parent: `write` on `mcp:a:*` is wider";
    strict(
        &["read:mcp:a:*", "write:mcp:b:*"],
        &["read,write:mcp:a:*"],
        wider,
    );
    let wider = "wider_than_parent: `read` on `mcp:**` is wider";
    strict(&["read:mcp:*", "read:mcp:*:*:**"], &["read:mcp:**"], wider);
    strict(&["read:mcp:*", "read:mcp:a:**"], &["read:mcp:**"], wider);
    let wider = "wider_than_parent: `*` on `mcp:**` is wider";
    strict(&["*:mcp:*", "read,write:mcp:*:**"], &["*:mcp:**"], wider);
    // Segments are never split: there are always names that no list has.
    let wider = "wider_than_parent: `read` on `mcp:*` is wider";
    strict(&["read:mcp:a*", "read:mcp:b*"], &["read:mcp:*"], wider);
}

#[test]
fn an_expiry_that_is_named_lies_within_the_givers_and_an_absent_one_is_inherited() {
    let held = ["read:mcp:*?expires=2026-02-01T00:00:00Z"];
    let bound =
        "wider_than_parent: `read:mcp:a?expires=2026-02-01T00:00:01Z` names a bound that is wider";
    strict(&held, &["read:mcp:a?expires=2026-02-01T00:00:01Z"], bound);
    for inside in [
        "read:mcp:a?expires=2026-02-01T00:00:00Z",
        "read:mcp:a?expires=2026-01-01T00:00:01Z",
    ] {
        strict(&held, &[inside], inside);
    }
    let met = "read:mcp:a?expires=2026-02-01T00:00:00Z";
    attenuate(&held, &["read:mcp:a?expires=2026-02-01T00:00:01Z"], met);
    strict(&held, &["read:mcp:a"], met);
    strict(
        &["read:mcp:*"],
        &["read:mcp:a?expires=2026-02-01T00:00:00Z"],
        met,
    );
    strict(
        &["read:mcp:*"],
        &["read:mcp:a?expires=2026-01-01T00:00:00Z"],
        "time_in_past: `",
    );
}

#[test]
fn a_named_bound_may_rest_on_a_wider_grant_though_a_tighter_one_matches_too() {
    let held = [
        "read:mcp:*?depth=1",
        "read:mcp:a?depth=5&expires=2026-02-01T00:00:00Z",
    ];
    check(
        Line::of(&held),
        Mode::Strict,
        &["read:mcp:*?expires=2026-03-01T00:00:00Z"],
        "read:mcp:*?depth=0&expires=2026-03-01T00:00:00Z + \
         read:mcp:a?depth=4&expires=2026-02-01T00:00:00Z",
    );
}

#[test]
fn the_end_of_a_delegation_lies_within_its_givers() {
    let line = || Line::of(&["read:mcp:*"]).then(&["read:mcp:*"], until("2026-02-01T00:00:00Z"));
    check_bound(
        line(),
        Mode::Strict,
        &["read:mcp:a"],
        until("2026-02-01T00:00:01Z"),
        "wider_than_parent: `expires_at` 2026-02-01T00:00:01Z is after its giver's end, \
         2026-02-01T00:00:00Z",
    );
    let met = "read:mcp:a?expires=2026-02-01T00:00:00Z";
    let same = format!("{met} until 2026-02-01T00:00:00Z");
    check_bound(
        line(),
        Mode::Strict,
        &["read:mcp:a"],
        until("2026-02-01T00:00:00Z"),
        &same,
    );
    check_bound(
        line(),
        Mode::Attenuate,
        &["read:mcp:a"],
        until("2027-01-01T00:00:00Z"),
        &same,
    );
    check(line(), Mode::Strict, &["read:mcp:a"], met);
    check_bound(
        line(),
        Mode::Strict,
        &["read:mcp:a"],
        until(NEW_YEAR),
        "time_in_past: `",
    );
}

#[test]
fn each_hop_takes_one_off_the_depth() {
    let held = ["read:mcp:*?depth=2"];
    strict(&held, &["read:mcp:a"], "read:mcp:a?depth=1");
    strict(&held, &["read:mcp:a?depth=1"], "read:mcp:a?depth=1");
    strict(&held, &["read:mcp:a?depth=0"], "read:mcp:a?depth=0");
    strict(
        &held,
        &["read:mcp:a?depth=2"],
        "wider_than_parent: `read:mcp:a?depth=2` names a bound",
    );
    attenuate(&held, &["read:mcp:a?depth=8"], "read:mcp:a?depth=1");
    strict(
        &["read:mcp:*"],
        &["read:mcp:a?depth=8"],
        "read:mcp:a?depth=8",
    );
    let line = || Line::of(&held).then(&["read:mcp:*"], UNBOUND);
    check(line(), Mode::Strict, &["read:mcp:a"], "read:mcp:a?depth=0");
    let line = || line().then(&["read:mcp:*"], UNBOUND);
    let too_deep = "too_deep: `read:mcp:a` rests on a grant that may not be passed on this far";
    check(line(), Mode::Strict, &["read:mcp:a"], too_deep);
    check(line(), Mode::Attenuate, &["read:mcp:a"], "nothing_left:");
}

#[test]
fn zero_is_nothing_and_never_unlimited() {
    let too_deep = "too_deep: `read:mcp:a` rests on a grant that may not be passed on this far";
    strict(&["read:mcp:*?depth=0"], &["read:mcp:a"], too_deep);
    strict(
        &["read:mcp:*?depth=0"],
        &["read:mcp:a?depth=0"],
        "too_deep: `read:mcp:a?depth=0` rests",
    );
    attenuate(&["read:mcp:*?depth=0"], &["read:mcp:a"], "nothing_left:");
    let line = || Line::of(&["read:mcp:*"]).then(&["read:mcp:*"], deep(0));
    for mode in [Mode::Strict, Mode::Attenuate] {
        check(line(), mode, &["read:mcp:a"], "too_deep:");
        check_bound(line(), mode, &["read:mcp:a"], deep(0), "too_deep:");
    }
}

#[test]
fn the_depth_of_a_delegation_lies_within_its_givers() {
    let line = || Line::of(&["read:mcp:*"]).then(&["read:mcp:*"], deep(2));
    let wider = "wider_than_parent: `max_depth` is more than the 1 hops that are left";
    check_bound(line(), Mode::Strict, &["read:mcp:a"], deep(2), wider);
    check_bound(
        line(),
        Mode::Strict,
        &["read:mcp:a"],
        deep(1),
        "read:mcp:a?depth=1 deep 1",
    );
    check_bound(
        line(),
        Mode::Attenuate,
        &["read:mcp:a"],
        deep(200),
        "read:mcp:a?depth=1 deep 1",
    );
    // Without any bound above, the longest line is the bound.
    let wider = "wider_than_parent: `max_depth` is more than the 7 hops that are left";
    check_bound(
        Line::of(&["read:mcp:*"]),
        Mode::Strict,
        &["read:mcp:a"],
        deep(8),
        wider,
    );
    check_bound(
        Line::of(&["read:mcp:*"]),
        Mode::Strict,
        &["read:mcp:a"],
        deep(7),
        "read:mcp:a deep 7",
    );
}

#[test]
fn a_grant_whose_time_is_over_is_not_passed_on() {
    let held = ["read:mcp:*?expires=2026-02-01T00:00:00Z", "write:mcp:*"];
    let line = |now| Line::of(&held).at(now);
    check(
        line("2026-01-31T23:59:59Z"),
        Mode::Strict,
        &["read:mcp:a"],
        "read:mcp:a?expires=2026-02-01T00:00:00Z",
    );
    let over = "grant_expired: `read:mcp:a` rests on a grant whose time is over";
    check(
        line("2026-02-01T00:00:00Z"),
        Mode::Strict,
        &["read:mcp:a"],
        over,
    );
    check(
        line("2026-02-01T00:00:00Z"),
        Mode::Attenuate,
        &["read:mcp:a"],
        "nothing_left:",
    );
    check(
        line("2026-02-01T00:00:00Z"),
        Mode::Attenuate,
        &["read,write:mcp:a"],
        "write:mcp:a",
    );
}

#[test]
fn what_an_ancestor_lost_since_is_not_passed_on() {
    let line = || {
        let line = Line::of(&["read:mcp:*"]).then(&["read:mcp:*"], UNBOUND);
        line.since_then_the_first_holds(&["read:mcp:a", "read:mcp:b"])
    };
    check(
        line(),
        Mode::Strict,
        &["read:mcp:*"],
        "wider_than_parent: `read` on `mcp:*` is wider",
    );
    check(
        line(),
        Mode::Attenuate,
        &["read:mcp:*"],
        "read:mcp:a + read:mcp:b",
    );
    check(line(), Mode::Strict, &["read:mcp:a"], "read:mcp:a");
}

#[test]
fn what_an_ancestor_gained_since_is_not_passed_on_either() {
    let line = Line::of(&["read:mcp:a"]).then(&["read:mcp:a"], UNBOUND);
    let line = line.since_then_the_first_holds(&["*:**"]);
    check(
        line,
        Mode::Strict,
        &["read:mcp:*"],
        "wider_than_parent: `read` on `mcp:*` is wider",
    );
}

#[test]
fn a_bound_that_nobody_named_is_inherited_at_every_hop() {
    // The giver's own grant still says February; its giver's has said January since.
    let line = || {
        let line =
            Line::of(&["read:mcp:*?expires=2026-02-01T00:00:00Z"]).then(&["read:mcp:*"], UNBOUND);
        line.since_then_the_first_holds(&["read:mcp:*?expires=2026-01-15T00:00:00Z"])
    };
    check(
        line(),
        Mode::Strict,
        &["read:mcp:a"],
        "read:mcp:a?expires=2026-01-15T00:00:00Z",
    );
    let wider = "wider_than_parent: `read:mcp:a?expires=2026-01-20T00:00:00Z` names a bound";
    check(
        line(),
        Mode::Strict,
        &["read:mcp:a?expires=2026-01-20T00:00:00Z"],
        wider,
    );

    let line = Line::of(&["read:mcp:*"]).then(&["read:mcp:*"], deep(5));
    let line = line
        .then(&["read:mcp:*"], UNBOUND)
        .since_then_the_first_hop_is(deep(3));
    check(line, Mode::Strict, &["read:mcp:a"], "read:mcp:a?depth=1");
}

#[test]
fn an_edit_that_names_no_permissions_keeps_those_that_still_hold() {
    let held = ["read:mcp:a", "write:mcp:a?expires=2026-02-01T00:00:00Z"];
    let mut line = Line::of(&["*:mcp:*"])
        .then(&held, UNBOUND)
        .at("2026-03-01T00:00:00Z");
    line = line.since_then_the_first_hop_is(until("2026-04-01T00:00:00Z"));
    let told = line
        .graph
        .delegation(TENANT, line.hops[1].1.unwrap())
        .unwrap();
    let kept: Vec<String> = told.grants.permissions().map(ToString::to_string).collect();
    assert_eq!(kept, ["read:mcp:a"]);
}

#[test]
fn a_request_that_splits_into_more_than_256_grants_is_refused() {
    let held: Vec<String> = (0..256)
        .map(|number| format!("read:mcp:a{number}:*"))
        .collect();
    let asked: Vec<String> = (0..256)
        .map(|number| format!("read:mcp:*:b{number}"))
        .collect();
    let held: Vec<&str> = held.iter().map(String::as_str).collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    attenuate(&held, &asked, "limit_reached:");
    attenuate(&held[..16], &asked[..17], "limit_reached:");
    let told = Line::of(&held[..16]).ask(Mode::Attenuate, &asked[..16], UNBOUND);
    assert_eq!(told.unwrap().grants.len(), 256);
}

#[test]
fn a_listing_that_was_cut_lists_only_what_is_given() {
    let rows: Vec<String> = (0..40)
        .map(|number| format!("read:mcp:a{number}:*"))
        .collect();
    let columns: Vec<String> = (0..40)
        .map(|number| format!("read:mcp:*:b{number}"))
        .collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut line = Line::of(&["read:mcp:**"])
        .then(&columns, UNBOUND)
        .then(&columns, UNBOUND);
    let edit = DelegationEdit {
        permissions: Some(permissions(&rows)),
        ..DelegationEdit::default()
    };
    let middle = line.hops[1].1.unwrap();
    let change = line.graph.update_delegation(TENANT, middle, edit, line.now);
    line.apply(change.unwrap());
    // The last two hops meet in 1600 places; the first keeps 40 of them.
    let line = line.since_then_the_first_holds(&["read:mcp:a0:**"]);

    let (last, _) = line.hops[2];
    let lines = line.graph.permissions_of(TENANT, last, line.now).unwrap();
    let [only] = lines.as_slice() else {
        panic!("one line, not {lines:?}")
    };
    assert!(!only.complete, "{} permissions", only.permissions.len());
    assert!(!only.permissions.is_empty());
    let kept = permissions(&["read:mcp:a0:*"]);
    for listed in &only.permissions {
        assert!(kept[0].contains(listed), "{listed} is listed and not given");
    }
}
