//! The order of texts, without the texts.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

/// Every combination of these, so that texts end, or go on, wherever others do.
const ACTIONS: [&str; 7] = ["*", "a", "a,b", "aa", "a-b", "b", "A"];
const PATTERNS: [&str; 24] = [
    "**", "app:**", "app:*", "app:*:**", "app:a", "app:a*", "app:a%20", "app:a+", "app:a-b",
    "app:A", "app:0", "app:aa", "app:aa*", "app:a:b", "app:a:*", "app:a:**", "app:*:a", "app:*:a*",
    "app:*:*", "x-a:a", "x-ab:a", "x-a-b:a", "data:a", "app:~",
];
const CONSTRAINTS: [&str; 7] = [
    "",
    "?approve",
    "?approve=2",
    "?args=none",
    "?args/a.max=1&rate=1/h",
    "?depth=0",
    "?rate=1/h,2/d",
];

fn all() -> Vec<Permission> {
    let mut all: Vec<Permission> = Vec::new();
    for actions in ACTIONS {
        for pattern in PATTERNS {
            for constraints in CONSTRAINTS {
                let text = format!("{actions}:{pattern}{constraints}");
                all.push(text.parse().unwrap());
            }
        }
    }
    all
}

#[test]
fn permissions_are_ordered_as_their_texts_are() {
    let all: Vec<(String, Permission)> = all()
        .into_iter()
        .map(|permission| (permission.to_string(), permission))
        .collect();
    for (text, permission) in &all {
        for (other_text, other) in &all {
            let order = permission.canonical_cmp(other);
            assert_eq!(order, text.cmp(other_text), "{text} and {other_text}");
        }
    }
}

#[test]
fn sorting_sorts_by_text() {
    let mut by_text = all();
    by_text.sort_by_cached_key(ToString::to_string);
    let mut sorted = all();
    // Not as they come already.
    sorted.reverse();
    let turned = sorted.len() / 3;
    sorted.rotate_left(turned);
    sort(&mut sorted);
    assert_eq!(sorted, by_text);
}

#[test]
fn the_head_is_the_text_up_to_the_first_constraint() {
    for permission in all() {
        let text = permission.to_string();
        let head: String = permission.head().collect();
        match text.split_once('?') {
            Some((before, _)) => assert_eq!(head, format!("{before}?")),
            None => assert_eq!(head, text),
        }
        let pattern: String = permission.pattern.pieces().collect();
        assert_eq!(pattern, permission.pattern.to_string());
    }
}

#[test]
fn what_may_be_stored_is_told_without_reading_it_again() {
    let long = "a".repeat(128);
    let longest = format!("app:{long}:{long}:{long}:{}", &long[..121]);
    assert_eq!(longest.len(), 512);
    let names = (0..64).map(|number| format!("a{number:02}{}", "x".repeat(61)));
    let names: Vec<String> = names.collect();
    let parsed = |text: &str| text.parse::<Pattern>().unwrap();
    let built = [
        parsed(&longest),
        Pattern::everything(),
        parsed("mcp:**"),
        parsed("mcp:*:a*"),
        parsed(&format!("{}:**", &longest[..509])),
        parsed(&format!("{}*", &longest[..511])),
    ];
    for pattern in built {
        for count in [1, 2, 64] {
            let actions = names.iter().take(count).map(|name| name.parse().unwrap());
            let actions = Actions::of(actions).unwrap();
            let permission = Permission::new(pattern.clone(), actions);
            assert_eq!(permission.unstorable(), permission.unreadable());
            assert_eq!(permission.unstorable(), None);
        }
    }
}

proptest! {
    #[test]
    fn any_two_texts_are_ordered_alike(
        one in "[ab]{1,3}(,[ab]{1,3}){0,3}:(app|x-a|x-ab)(:([ab]{1,3}|[*])){1,4}(:[*][*]|[*])?([?]depth=[0-3])?",
        other in "[ab]{1,3}(,[ab]{1,3}){0,3}:(app|x-a|x-ab)(:([ab]{1,3}|[*])){1,4}(:[*][*]|[*])?([?]depth=[0-3])?",
    ) {
        if let (Ok(one), Ok(other)) = (one.parse::<Permission>(), other.parse::<Permission>()) {
            prop_assert_eq!(one.canonical_cmp(&other), one.to_string().cmp(&other.to_string()));
            prop_assert_eq!(one.unstorable(), one.unreadable());
        }
    }
}
