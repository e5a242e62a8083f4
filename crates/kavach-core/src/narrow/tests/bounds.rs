//! Each constraint through a delegation: inherited, tightened, or refused and named.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::line::{Line, UNBOUND, permissions};
use super::{attenuate, check, strict};
use crate::delegation::Mode;
use crate::permission::Permission;

const HELD: &str = "read:mcp:*?approve=2&args/amount.max=500&args/currency.in=EUR,USD&budget=5/day&\
                    ip=10.0.0.0/8&min_trust=standard&rate=20/h&window=mon-fri+09:00-17:00+UTC";

/// With one constraint held, one is asked for outright: what is stored.
#[track_caller]
fn stores(held: &str, asked: &str, want: &str) {
    let [held, asked, want] = [held, asked, want].map(|text| format!("read:mcp:a?{text}"));
    strict(&[&held], &[&asked], &want);
}

/// With one constraint held, one is asked for outright: it is refused, and both are named.
#[track_caller]
fn refuses(held: &str, asked: &str, attenuated: &str, told: (&str, &str)) {
    let [held, asked, want] = [held, asked, attenuated].map(|text| format!("read:mcp:a?{text}"));
    let (wider, than) = told;
    let words = format!(
        "wider_than_parent: `{asked}` names a bound that is wider than its giver's: `{wider}`, where that is \
         `{than}`; leave the bound out to inherit it, or name a tighter one"
    );
    strict(&[&held], &[&asked], &words);
    attenuate(&[&held], &[&asked], &want);
}

#[test]
fn every_constraint_is_inherited_at_every_hop() {
    let met = HELD.replace("mcp:*", "mcp:a");
    strict(&[HELD], &["read:mcp:a"], &met);
    let line = Line::of(&[HELD])
        .then(&["read:mcp:*"], UNBOUND)
        .then(&["read:mcp:*"], UNBOUND);
    check(line, Mode::Strict, &["read:mcp:a"], &met);
    // What the first loses since, the last loses too.
    let line = Line::of(&["read:mcp:*"]).then(&["read:mcp:*"], UNBOUND);
    let line = line.since_then_the_first_holds(&[HELD]);
    check(line, Mode::Strict, &["read:mcp:a"], &met);
}

#[test]
fn a_constraint_that_is_tighter_or_new_is_stored() {
    for (held, asked, want) in [
        ("rate=20/h", "rate=20/h", "rate=20/h"),
        ("rate=20/h", "rate=19/h", "rate=19/h"),
        ("rate=20/h", "rate=0/h", "rate=0/h"),
        // 20 an hour may be 480 a day: fewer is a bound of its own.
        ("rate=20/h", "rate=479/d", "rate=20/h,479/d"),
        ("rate=20/h", "rate=19/m", "rate=19/m,20/h"),
        ("rate=20/h,500/d", "rate=500/d", "rate=20/h,500/d"),
        ("budget=5/day", "budget=154/month", "budget=5/day,154/month"),
        (
            "budget=5/day",
            "budget=1000/total",
            "budget=5/day,1000/total",
        ),
        (
            "budget=100/month",
            "budget=99/day",
            "budget=99/day,100/month",
        ),
        ("approve=2", "approve=2", "approve=2"),
        ("approve=2", "approve=3", "approve=3"),
        (
            "min_trust=standard",
            "min_trust=trusted",
            "min_trust=trusted",
        ),
        ("ip=10.0.0.0/8", "ip=10.1.0.0/16", "ip=10.1.0.0/16"),
        ("ip=10.0.0.0/8,::/0", "ip=::1", "ip=::1"),
        (
            "window=daily+09:00-17:00+UTC",
            "window=fri+10:00-12:00+UTC",
            "window=fri+10:00-12:00+UTC",
        ),
        (
            "window=fri+09:00-17:00+UTC",
            "window=fri+16:59-17:01+UTC",
            "window=fri+09:00-17:00+UTC;fri+16:59-17:01+UTC",
        ),
        (
            "window=fri+09:00-17:00+UTC",
            "window=daily+00:00-24:00+Asia/Tokyo",
            "window=daily+00:00-24:00+Asia/Tokyo;fri+09:00-17:00+UTC",
        ),
        ("args/a.max=5", "args/a.max=5", "args/a.max=5"),
        ("args/a.max=5", "args/a.max=4", "args/a.max=4"),
        ("args/a.in=x,y", "args/a.eq=x", "args/a.eq=x"),
        (
            "args/a.max=5&args/b.optional",
            "args/a.max=5",
            "args/a.max=5",
        ),
        ("args/a.any", "args/a/b.any", "args/a/b.any"),
    ] {
        stores(held, asked, want);
        stores("depth=8", asked, &sorted(&["depth=7", asked]));
    }
}

/// Constraints in the order of their names.
fn sorted(parts: &[&str]) -> String {
    let permission: Permission = format!("read:mcp:a?{}", parts.join("&")).parse().unwrap();
    permission.to_string().replace("read:mcp:a?", "")
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table is as long as it is")]
fn a_constraint_that_is_wider_is_refused_and_named_or_cut() {
    for (held, asked, told) in [
        ("rate=20/h", "rate=21/h", ("rate=21/h", "rate=20/h")),
        ("rate=20/h", "rate=100/h", ("rate=100/h", "rate=20/h")),
        ("rate=20/h", "rate=480/d", ("rate=480/d", "rate=20/h")),
        ("rate=20/h", "rate=500/d", ("rate=500/d", "rate=20/h")),
        ("rate=20/h", "rate=20/m", ("rate=20/m", "rate=20/h")),
        ("rate=0/h", "rate=1/s", ("rate=1/s", "rate=0/h")),
        (
            "budget=5/day",
            "budget=6/day",
            ("budget=6/day", "budget=5/day"),
        ),
        (
            "budget=5/day",
            "budget=155/month",
            ("budget=155/month", "budget=5/day"),
        ),
        (
            "budget=100/month",
            "budget=100/day",
            ("budget=100/day", "budget=100/month"),
        ),
        (
            "budget=100/total",
            "budget=100/month",
            ("budget=100/month", "budget=100/total"),
        ),
        (
            "budget=0/day",
            "budget=0/total",
            ("budget=0/total", "budget=0/day"),
        ),
        ("approve=2", "approve", ("approve=1", "approve=2")),
        (
            "min_trust=trusted",
            "min_trust=standard",
            ("min_trust=standard", "min_trust=trusted"),
        ),
        (
            "ip=10.0.0.0/8",
            "ip=10.0.0.0/7",
            ("ip=10.0.0.0/7", "ip=10.0.0.0/8"),
        ),
        (
            "ip=10.0.0.0/8",
            "ip=10.1.1.1,11.0.0.0",
            ("ip=10.1.1.1,11.0.0.0", "ip=10.0.0.0/8"),
        ),
        (
            "window=fri+09:00-17:00+UTC",
            "window=mon-fri+08:00-18:00+UTC",
            (
                "window=mon-fri 08:00-18:00 UTC",
                "window=fri 09:00-17:00 UTC",
            ),
        ),
        (
            "args/a.max=5",
            "args/a.max=6",
            ("args/a.max=6", "args/a.max=5"),
        ),
        (
            "args/a.max=5",
            "args/a.max=5&args/a.optional",
            ("args/a.max=5&args/a.optional", "args/a.max=5"),
        ),
        (
            "args/a.max=5",
            "args/a.max=5&args/b.optional",
            ("args/a.max=5&args/b.optional", "args/a.max=5"),
        ),
        ("args/a.max=5", "args.any", ("args.any", "args/a.max=5")),
        (
            "args/a.max=5&args/b.eq=x",
            "args/a.max=5&args/b.any",
            ("args/a.max=5&args/b.any", "args/a.max=5&args/b.eq=x"),
        ),
    ] {
        let one = format!("read:mcp:a?{held}");
        let other = format!("read:mcp:a?{asked}");
        let [one, other] = permissions(&[&one, &other]).try_into().unwrap();
        let met = Permission {
            constraints: one.constraints.meet(&other.constraints),
            ..one
        };
        let met = met.to_string();
        refuses(held, asked, met.strip_prefix("read:mcp:a?").unwrap(), told);
    }
}

#[test]
fn what_has_nothing_in_common_leaves_nothing() {
    for (held, asked) in [
        ("ip=10.0.0.0/8", "ip=11.0.0.0/8"),
        ("ip=0.0.0.0/0", "ip=::/0"),
        ("args/a.max=5", "args/a.min=6"),
        ("args/a.max=5", "args/b.any"),
        ("args/a.any", "args=none"),
        ("args/a.eq=x", "args/a.type=number"),
    ] {
        let [held, asked] = [held, asked].map(|text| format!("read:mcp:a?{text}"));
        attenuate(&[&held], &[&asked], "nothing_left:");
        strict(&[&held], &[&asked], "wider_than_parent: `");
    }
}

#[test]
fn a_bound_may_rest_on_the_one_grant_that_admits_it() {
    let held = [
        "read:mcp:*?rate=20/h",
        "read:mcp:a?rate=100/h&ip=10.0.0.0/8",
    ];
    check(
        Line::of(&held),
        Mode::Strict,
        &["read:mcp:a?rate=50/h"],
        "read:mcp:a?ip=10.0.0.0/8&rate=50/h + read:mcp:a?rate=20/h",
    );
    let told = "wider_than_parent: `read:mcp:b?rate=50/h` names a bound that is wider than its giver's: `rate=50/h`, where that is `rate=20/h`;";
    strict(&held, &["read:mcp:b?rate=50/h"], told);
    let told = "wider_than_parent: `read:mcp:a?rate=200/h` names a bound that is wider than its giver's: `rate=200/h`, where that is `rate=20/h`, \
                `rate=100/h`;";
    strict(&held, &["read:mcp:a?rate=200/h"], told);
}

#[test]
fn what_grows_beyond_one_record_is_refused() {
    let windows = |from: u8| -> String {
        let all: Vec<String> = (0..5)
            .map(|hour| format!("mon+{:02}:00-{:02}:00+UTC", from + hour, from + hour + 2))
            .collect();
        format!("read:mcp:a?window={}", all.join(";"))
    };
    let (one, other) = (windows(0), windows(8));
    attenuate(
        &[&one],
        &[&other],
        "limit_reached: what is left of the request is too much: a permission with 10 windows, of which there are at most 8; ask for less",
    );
    let values = |letter: char| -> String {
        let all: Vec<String> = (0..64)
            .map(|number| format!("{letter}{number:060}"))
            .collect();
        format!("args/{letter}.in={}", all.join(","))
    };
    let [one, other] = [["a", "b"], ["c", "a"]].map(|letters| {
        let all: Vec<String> = letters
            .iter()
            .map(|letter| values(letter.chars().next().unwrap()))
            .collect();
        format!("read:mcp:a?args.any&{}", all.join("&"))
    });
    let told = Line::of(&[&one]).told(Mode::Attenuate, &[&other], UNBOUND);
    let want = "limit_reached: what is left of the request is too much: a permission of 11953 bytes as text";
    assert!(told.starts_with(want), "{told}");
}
