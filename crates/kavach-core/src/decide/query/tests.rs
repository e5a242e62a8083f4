use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Query;
use crate::decide::Request;
use crate::graph::Words;
use crate::id::{AgentId, TenantId};
use crate::permission::Permission;

fn ask(action: &str, resource: &str) -> Request {
    let nobody = AgentId::from_u128(1);
    let (action, resource) = (action.parse().unwrap(), resource.parse().unwrap());
    Request::new(TenantId::DEFAULT, nobody, action, resource)
}

fn keep(words: &mut Words, numbered: &[(u32, &str)]) -> u32 {
    let texts = numbered.iter();
    let held: Vec<(u32, Permission)> = texts
        .map(|(number, text)| (*number, text.parse().unwrap()))
        .collect();
    let grants = held
        .iter()
        .map(|(number, permission)| (*number, permission));
    words.keep(held.len(), grants)
}

/// The numbers of the grants of this list that speak of a request.
fn matching(words: &Words, list: u32, request: &Request) -> Vec<u32> {
    let query = Query::of(words, request);
    let mut alike = query.alike(words.grants(list));
    core::iter::from_fn(|| query.next_match(&mut alike))
        .map(|grant| grant.number())
        .collect()
}

#[test]
fn requests_with_the_tag_of_a_grant_and_other_texts_are_not_matched() {
    let mut words = Words::default();
    // Texts are numbered in the order in which they come. A tag is the number of one text and that of another
    // times an odd constant, so that among so many some have the same.
    for number in 0..120_000 {
        let text = format!("t{number}");
        let (given, _) = words.texts.take(text.as_str(), || Arc::from(text.as_str()));
        assert_eq!(given, number);
    }
    let step = 0x9e37_79b1_u32;
    let near = |apart: &u32| (step.wrapping_mul(*apart) as i32).unsigned_abs() < 60_000;
    let mut checked = 0;
    for apart in (1..60_000).filter(near) {
        let sum = step.wrapping_mul(apart) as i32;
        let one = 60_000_u32;
        let other = one.wrapping_add_signed(sum);
        let grant = format!("read:mcp:t{one}:t{apart}");
        let list = keep(&mut words, &[(1, &grant)]);
        let own = ask("read", &format!("mcp:t{one}:t{apart}"));
        let its = ask("read", &format!("mcp:t{other}:t0"));
        let tags = [&own, &its].map(|request| Query::of(&words, request).tags.both);
        assert_eq!(tags[0], tags[1], "they were to have one tag");
        assert_eq!(matching(&words, list, &own), [1]);
        assert!(matching(&words, list, &its).is_empty(), "{grant}");
        words.let_go(list);
        checked += 1;
    }
    assert!(checked > 0, "no two had one tag");
}

#[test]
fn each_grant_of_a_full_list_is_found_where_it_stands() {
    let text = |place: u32| {
        format!(
            "list,read:x-{place}:a{place}:b:c:d:e:f:g{place}?rate={}/h",
            place + 1
        )
    };
    let texts: Vec<String> = (0..256).map(text).collect();
    // None has the number of its place, so that each has every word there is.
    let numbered: Vec<(u32, &str)> = (0..)
        .map(|place| 900 - place)
        .zip(texts.iter().map(|text| &**text))
        .collect();
    let mut words = Words::default();
    let list = keep(&mut words, &numbered);
    for place in 0..256 {
        let own = ask("read", &format!("x-{place}:a{place}:b:c:d:e:f:g{place}"));
        assert_eq!(matching(&words, list, &own), [900 - place]);
        let query = Query::of(&words, &own);
        let found = query.next_match(&mut query.alike(words.grants(list)));
        let bounds = words.constraints(found.unwrap().constraints().unwrap());
        assert_eq!(bounds.unwrap().rates.first().unwrap().calls, place + 1);
        let others = ask(
            "read",
            &format!("x-{place}:a{}:b:c:d:e:f:g{place}", place + 1),
        );
        assert!(matching(&words, list, &others).is_empty());
    }
}

/// Every shape that a pattern has, and texts that nearly fit it.
const PATTERNS: [&str; 29] = [
    "**",
    "mcp:**",
    "mcp:a",
    "mcp:a*",
    "mcp:*",
    "mcp:a:**",
    "mcp:*:**",
    "mcp:a:b",
    "mcp:a:b*",
    "mcp:a:*",
    "mcp:*:b",
    "mcp:*:b*",
    "mcp:*:*",
    "mcp:a:b:c",
    "mcp:a:b:c*",
    "mcp:a:*:c",
    "mcp:*:b:c",
    "mcp:a:b:*",
    "mcp:a:b:**",
    "mcp:a:*:**",
    "mcp:*:*:c*",
    "app:a",
    "x-own:**",
    "x-own:a",
    "x-own:a:b",
    "x-own:*:b*",
    "x-else:a:b",
    "mcp:a:b:c:d:e:f:g",
    "mcp:*:b:*:d:*:f:*",
];
const RESOURCES: [&str; 22] = [
    "mcp:a",
    "mcp:b",
    "mcp:ab",
    "mcp:a:b",
    "mcp:a:bc",
    "mcp:b:b",
    "mcp:a:a",
    "mcp:a:b:c",
    "mcp:a:b:cd",
    "mcp:b:b:c",
    "mcp:a:z:c",
    "mcp:a:b:c:d:e:f:g",
    "mcp:z:b:z:d:z:f:z",
    "mcp:z:b:z:d:z:z:z",
    "app:a",
    "app:a:b",
    "x-own:a",
    "x-own:a:b",
    "x-own:z:bz",
    "x-else:a:b",
    "x-unheard:a:b",
    "http:a:b",
];

#[test]
fn every_shape_of_a_grant_matches_what_its_pattern_does() {
    let actions = ["*", "read", "list,read", "list,write", "write"];
    let all: Vec<String> = actions
        .iter()
        .flat_map(|acts| PATTERNS.map(|pattern| format!("{acts}:{pattern}")))
        .collect();
    let numbered: Vec<(u32, &str)> = (1..).zip(all.iter().map(|text| &**text)).collect();
    let mut words = Words::default();
    let list = keep(&mut words, &numbered);
    for resource in RESOURCES {
        for action in ["read", "write", "unheard"] {
            let request = ask(action, resource);
            let wanted = numbered.iter().filter(|(_, text)| {
                let permission: Permission = text.parse().unwrap();
                permission.matches(&request.action, &request.resource)
            });
            let wanted: Vec<u32> = wanted.map(|(number, _)| *number).collect();
            assert_eq!(
                matching(&words, list, &request),
                wanted,
                "{action} {resource}"
            );
        }
    }
    // What was kept for a list is let go with it, whatever its shape.
    words.let_go(list);
    assert_eq!(words.texts.iter().next(), None);
}
