//! All small rules for arguments against all small arguments.

use kavach_core::ArgRules;
use serde_json::{Value, json};

use super::permission;

/// Every set of rules with up to one rule for each of a few places.
fn rules() -> Vec<ArgRules> {
    let ways = |place: &str, ways: &[&str]| -> Vec<Vec<String>> {
        let written = ways.iter().map(|way| {
            let parts = way.split('&').filter(|part| !part.is_empty());
            parts.map(|part| format!("args{place}.{part}")).collect()
        });
        written.collect()
    };
    let mut all: Vec<Vec<String>> = vec![vec![]];
    for place in [
        ways("", &["", "any", "type=object&closed", "len_max=1"]),
        ways(
            "/a",
            &[
                "",
                "any",
                "optional",
                "max=1",
                "eq=1&optional",
                "none",
                "type=integer,object&closed",
            ],
        ),
        ways("/a/b", &["", "any", "none", "optional&in=1,x"]),
        ways("/c", &["", "optional", "prefix=x"]),
    ] {
        all = all
            .iter()
            .flat_map(|before| {
                place
                    .iter()
                    .map(move |more| [before.clone(), more.clone()].concat())
            })
            .collect();
    }
    let mut rules: Vec<ArgRules> = Vec::new();
    for parts in all {
        let text = if parts.is_empty() {
            "args=none".to_owned()
        } else {
            parts.join("&")
        };
        let read = permission(&text).constraints.args.unwrap();
        if !rules.contains(&read) {
            rules.push(read);
        }
    }
    rules.push(permission("args=never").constraints.args.unwrap());
    rules
}

/// No arguments, and all small ones.
fn arguments() -> Vec<Option<Value>> {
    let leaves = [json!(1), json!(2), json!("x"), json!({}), json!([])];
    let mut members: Vec<Option<Value>> = vec![None];
    members.extend(leaves.iter().cloned().map(Some));
    for leaf in &leaves[..3] {
        members.push(Some(json!({"b": leaf})));
        members.push(Some(json!({"b": leaf, "d": 1})));
    }
    members.push(Some(json!({"d": 1})));
    let others = [
        None,
        Some(json!("x")),
        Some(json!(1)),
        Some(json!({"b": 1})),
    ];
    let mut all = vec![
        None,
        Some(json!([])),
        Some(json!(1)),
        Some(json!([1])),
        Some(json!({"d": 1})),
    ];
    for a in &members {
        for c in &others {
            let mut object = json!({});
            let there = [("a", a), ("c", c)];
            for (key, value) in there
                .into_iter()
                .filter_map(|(key, value)| Some((key, value.clone()?)))
            {
                object[key] = value;
            }
            all.push(Some(object));
        }
    }
    all
}

/// Which of the arguments are allowed, one bit for each.
fn allowed(rules: &ArgRules, arguments: &[Option<Value>]) -> u64 {
    assert!(arguments.len() <= 64);
    arguments.iter().rev().fold(0, |bits, args| {
        bits << 1 | u64::from(rules.allow(args.as_ref()))
    })
}

#[test]
fn all_small_rules_meet_in_exactly_what_both_allow() {
    let (rules, arguments) = (rules(), arguments());
    let sets: Vec<u64> = rules
        .iter()
        .map(|rules| allowed(rules, &arguments))
        .collect();
    assert!(rules.len() > 100, "{} rules", rules.len());
    for (one, its) in rules.iter().zip(&sets) {
        for (other, others) in rules.iter().zip(&sets) {
            let met = one.meet(other);
            assert_eq!(
                allowed(&met, &arguments),
                its & others,
                "{one:?}\nand {other:?}\ngive {met:?}"
            );
            assert_eq!(met, other.meet(one), "{one:?}\nand {other:?}");
            if one.contains(other) {
                assert_eq!(
                    its & others,
                    *others,
                    "{one:?}\nis said to contain {other:?}"
                );
            }
        }
        assert_eq!(one.meet(one), *one);
    }
}

#[test]
fn small_rules_meet_the_same_in_whatever_order() {
    let rules = rules();
    // Every seventh, so that each kind is among them and there are not too many threes.
    let some: Vec<&ArgRules> = rules.iter().step_by(7).collect();
    for one in &some {
        for two in &some {
            let first = one.meet(two);
            assert!(
                one.contains(&first) && two.contains(&first),
                "{one:?}\nand {two:?}"
            );
            for three in &some {
                assert_eq!(
                    first.meet(three),
                    one.meet(&two.meet(three)),
                    "{one:?}\n{two:?}\n{three:?}"
                );
            }
        }
    }
}

#[test]
fn what_small_rules_print_is_read_back_as_the_same() {
    let rules = rules();
    for (one, other) in rules.iter().zip(rules.iter().rev()) {
        let mut permission = permission("depth=1");
        for rules in [one.clone(), one.meet(other)] {
            permission.constraints.args = Some(rules);
            let printed = permission.to_string();
            assert_eq!(printed.parse().as_ref(), Ok(&permission), "{printed}");
        }
    }
}
