//! What holds of all constraints: of many at random.

use std::net::IpAddr;

use kavach_core::oracle::constraints::{Circumstances, failed};
use kavach_core::{Constraints, Permission, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy};
use proptest::prop_oneof;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

use super::{constraints, misses, permission};
use crate::runs::check;

fn joined(
    choices: &'static [&'static str],
    most: usize,
    separator: &'static str,
) -> impl Strategy<Value = String> {
    subsequence(choices.to_vec(), 1..=most).prop_map(move |chosen| chosen.join(separator))
}

/// The parts of rules for one place.
fn rule(place: &'static str) -> impl Strategy<Value = Vec<String>> {
    let checks = [
        "max=5",
        "max=2.5",
        "min=1",
        "min=-1.5",
        "eq=1",
        "in=1,2.5,x",
        "in=EUR,USD,%225%22",
        "prefix=x",
        "prefix=xy",
        "prefix=/srv",
        "subpath=/srv",
        "subpath=/srv/data",
        "len_max=3",
        "len_max=1",
        "len_min=1",
        "type=string",
        "type=integer,string",
        "type=object,array",
        "cidr=10.0.0.0/8",
        "cidr=10.0.0.0/9,::/0",
        "host=*.x.org,y.org",
        "host=a.x.org",
        "bool=true",
        "closed",
        "optional",
    ];
    let named = move |chosen: Vec<&'static str>| -> Vec<String> {
        let mut words: Vec<&str> = Vec::new();
        for part in chosen {
            // Each name once.
            let word = part.split('=').next().unwrap();
            if !words
                .iter()
                .any(|known| known.split('=').next().unwrap() == word)
            {
                words.push(part);
            }
        }
        words
            .into_iter()
            .map(|part| format!("args{place}.{part}"))
            .collect()
    };
    let some = subsequence(checks.to_vec(), 1..=3).prop_map(named);
    prop_oneof![
        3 => Just(Vec::new()),
        1 => Just(vec![format!("args{place}.any")]),
        1 => Just(vec![format!("args{place}.none")]),
        6 => some,
    ]
}

fn args() -> impl Strategy<Value = String> {
    let places = ["", "/a", "/a/b", "/a/0", "/c", "/c~1d%3De", "/f/g/h"];
    let rules = places.map(rule);
    let rules = rules.prop_map(|rules| rules.concat().join("&"));
    prop_oneof![1 => Just("args=none".to_owned()), 8 => rules]
}

/// Constraints as they may be written.
#[expect(clippy::too_many_lines, reason = "a table is as long as it is")]
fn written() -> impl Strategy<Value = String> {
    let limits = (
        option::of(joined(&["0/h", "20/h"], 1, ",")),
        option::of(joined(&["5/s", "30/2h", "100/d", "7/90s"], 3, ",")),
    );
    let rates = limits.prop_map(|(hour, others)| {
        let all: Vec<String> = [hour, others].into_iter().flatten().collect();
        (!all.is_empty()).then(|| format!("rate={}", all.join(",")))
    });
    let of = |name: &'static str, values: &'static [&'static str]| {
        option::of(select(values).prop_map(move |value| format!("{name}={value}")))
    };
    let windows = joined(
        &[
            "mon-fri+09:00-17:00+Europe/Berlin",
            "tue,thu+10:00-12:30+Europe/Berlin",
            "daily+22:00-06:00+UTC",
            "fri+23:00-01:00+UTC",
            "sat-mon+00:00-24:00+Asia/Tokyo",
        ],
        3,
        ";",
    );
    let ip = joined(
        &[
            "10.0.0.0/8",
            "10.128.0.0/9",
            "10.0.0.0/9",
            "192.0.2.1",
            "2001:db8::/32",
            "::ffff:10.0.0.0/112",
        ],
        3,
        ",",
    );
    let parts = (
        option::of((0..=8).prop_map(|depth| format!("depth={depth}"))),
        of(
            "expires",
            &[
                "2026-11-21T10:00:00Z",
                "2026-11-22T10:00:00Z",
                "2099-01-01T00:00:00Z",
            ],
        ),
        rates,
        of(
            "budget",
            &["5/day", "7/day,0/total", "100/month,5/day", "0/month"],
        ),
        option::of(windows.prop_map(|windows| format!("window={windows}"))),
        option::of(
            prop_oneof![8 => ip, 1 => Just("none".to_owned())].prop_map(|ip| format!("ip={ip}")),
        ),
        option::of(args()),
        of("approve", &["1", "2", "16"]),
        of("min_trust", &["untrusted", "standard", "elevated"]),
    );
    parts.prop_map(
        |(depth, expires, rate, budget, window, ip, args, approve, trust)| {
            let all = [
                depth, expires, rate, budget, window, ip, args, approve, trust,
            ];
            let all: Vec<String> = all
                .into_iter()
                .flatten()
                .filter(|part| !part.is_empty())
                .collect();
            if all.is_empty() {
                "depth=8".to_owned()
            } else {
                all.join("&")
            }
        },
    )
}

fn value() -> impl Strategy<Value = Value> {
    let leaves = select(vec![
        json!(1),
        json!(5),
        json!(6),
        json!(2.5),
        json!(-1.5),
        json!(2),
        json!("x"),
        json!("xyz"),
        json!("EUR"),
        json!("5"),
        json!("/srv/data/x"),
        json!("/srv"),
        json!("10.1.2.3"),
        json!("10.200.0.1"),
        json!("a.x.org"),
        json!("https://b.x.org/"),
        json!("y.org:80"),
        json!(true),
        json!(null),
        json!([]),
        json!({}),
        json!(""),
    ]);
    let below = vec(leaves.clone(), 1..3).prop_map(|items| json!(items));
    let member = leaves.clone().prop_map(|value| json!({"b": value}));
    prop_oneof![6 => leaves, 1 => below, 2 => member]
}

fn arguments() -> impl Strategy<Value = Option<Value>> {
    let members = (
        option::of(value()),
        option::of(value()),
        option::weighted(0.2, value()),
        option::weighted(0.1, value()),
    );
    let object = members.prop_map(|(a, c, slash, other)| {
        let all = [("a", a), ("c", c), ("c/d=e", slash), ("other", other)];
        Some(
            all.into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?)))
                .collect(),
        )
    });
    prop_oneof![1 => Just(None), 12 => object, 1 => value().prop_map(Some)]
}

#[derive(Clone, Debug)]
struct Call {
    address: Option<IpAddr>,
    args: Option<Value>,
    now: Timestamp,
}

impl Call {
    fn circumstances(&self) -> Circumstances<'_> {
        Circumstances {
            address: self.address,
            args: self.args.as_ref(),
            now: self.now,
        }
    }
}

fn call() -> impl Strategy<Value = Call> {
    let addresses = [
        "10.0.0.0",
        "10.127.255.255",
        "10.128.0.0",
        "::ffff:10.0.255.255",
        "10.1.0.0",
        "192.0.2.1",
        "192.0.2.2",
        "2001:db8::1",
        "2001:db9::",
    ];
    let addresses = addresses.map(|address| address.parse::<IpAddr>().unwrap());
    let week = 1_795_255_200_i64..1_795_255_200 + 8 * 86_400;
    let edges = select(vec![
        "2026-11-21T09:59:59Z",
        "2026-11-21T10:00:00Z",
        "2026-11-23T08:00:00Z",
        "2026-11-23T16:00:00Z",
        "2026-11-24T09:00:00Z",
        "2026-11-20T23:00:00Z",
    ]);
    let now = prop_oneof![3 => week.prop_map(Timestamp::from_s), 1 => edges.prop_map(|time| time.parse().unwrap())];
    (
        option::weighted(0.9, select(addresses.to_vec())),
        arguments(),
        now,
    )
        .prop_map(|(address, args, now)| Call { address, args, now })
}

/// Whether there is a call that any of a list of calls keeps within.
fn within(constraints: &Constraints, calls: &[Call]) -> Vec<bool> {
    calls
        .iter()
        .map(|call| misses(constraints, call.circumstances()).is_empty())
        .collect()
}

#[test]
fn random_constraints_print_as_what_is_read_back() {
    check(700, &written(), |text| {
        let permission = permission(&text);
        let printed = permission.to_string();
        assert_eq!(printed.parse().as_ref(), Ok(&permission), "{printed}");
        let json = serde_json::to_string(&permission).unwrap();
        assert_eq!(
            serde_json::from_str::<Permission>(&json).unwrap(),
            permission
        );
        // RFC 6749 section 3.3: scope-token.
        let token = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(printed.bytes().all(token), "{printed}");
        let parts = permission.constraints.parts();
        let parts = parts
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()));
        assert_eq!(Constraints::of(parts).as_ref(), Ok(&permission.constraints));
    });
}

#[test]
fn random_calls_are_allowed_as_the_second_evaluation_says() {
    let mut answers = [0, 0];
    let answers = std::cell::RefCell::new(&mut answers);
    check(700, &(written(), vec(call(), 1..8)), |(text, calls)| {
        let permission = permission(&text);
        let printed = permission.to_string();
        for call in &calls {
            let misses = misses(&permission.constraints, call.circumstances());
            assert_eq!(
                misses,
                failed(&printed, call.circumstances()),
                "{printed}\n{call:?}"
            );
            answers.borrow_mut()[usize::from(misses.is_empty())] += 1;
        }
    });
    let [denied, allowed] = **answers.borrow();
    assert!(
        denied > 300 && allowed > 300,
        "{denied} denied, {allowed} allowed"
    );
}

#[test]
fn a_meet_allows_what_both_allow_and_nothing_else() {
    check(
        700,
        &(written(), written(), vec(call(), 1..8)),
        |(one, other, calls)| {
            let [one, other] = [one, other].map(|text| constraints(&text));
            let met = one.meet(&other);
            let both = within(&one, &calls).into_iter().zip(within(&other, &calls));
            let both: Vec<bool> = both.map(|(one, other)| one && other).collect();
            assert_eq!(within(&met, &calls), both, "{one:?}\n{other:?}\n{met:?}");
            if met.is_nothing() {
                assert!(!both.contains(&true), "{one:?}\n{other:?}");
            }
        },
    );
}

#[test]
fn meets_are_a_lattice() {
    check(
        700,
        &(written(), written(), written()),
        |(one, two, three)| {
            let [one, two, three] = [one, two, three].map(|text| constraints(&text));
            assert_eq!(one.meet(&one), one);
            assert_eq!(one.meet(&Constraints::default()), one);
            let met = one.meet(&two);
            assert_eq!(met, two.meet(&one));
            assert_eq!(met.meet(&three), one.meet(&two.meet(&three)));
            assert!(one.contains(&one) && one.contains(&met) && two.contains(&met));
            assert_eq!(one.contains(&two), met == two, "{one:?}\n{two:?}");
            assert!(Constraints::default().contains(&one));
        },
    );
}

#[test]
fn a_met_permission_prints_as_what_is_read_back() {
    check(400, &(written(), written()), |(one, other)| {
        let [one, other] = [one, other].map(|text| permission(&text));
        let Some(met) = one.meet(&other) else {
            assert!(one.constraints.meet(&other.constraints).is_nothing());
            return;
        };
        let printed = met.to_string();
        assert_eq!(printed.parse(), Ok(met), "{printed}");
    });
}
