use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;

const NOW: Timestamp = Timestamp::from_s(1_795_255_200);

fn used(pairs: &[(&str, &str)], busiest_hour: u32) -> GrantUse {
    let pairs = pairs
        .iter()
        .map(|(action, resource)| (action.parse().unwrap(), resource.parse().unwrap()));
    GrantUse {
        pairs: pairs.collect(),
        complete: true,
        calls: u64::from(busiest_hour),
        busiest_hour,
        last_at: Some(NOW),
    }
}

#[track_caller]
fn check(grant: &str, done: &GrantUse, findings: &[&str], suggested: &[&str]) {
    let grant = Grant {
        id: 1,
        permission: grant.parse().unwrap(),
    };
    let analysis = analyze(&grant, done, NOW);
    let found: Vec<String> = analysis
        .findings
        .iter()
        .map(|finding| match finding {
            Finding::Unused => "unused".into(),
            Finding::BroadActions(used) => used.to_string(),
            Finding::BroadPattern(touched) => {
                let touched: Vec<String> = touched.iter().map(ToString::to_string).collect();
                touched.join(" ")
            }
            Finding::NoLimit => "no limit".into(),
            Finding::NoExpiry => "no expiry".into(),
        })
        .collect();
    assert_eq!(found, findings);
    let given: Vec<String> = analysis.suggested.iter().map(ToString::to_string).collect();
    assert_eq!(given, suggested);
    for permission in &analysis.suggested {
        assert!(grant.permission.contains(permission), "{permission}");
    }
    for (action, resource) in &done.pairs {
        let kept = |permission: &Permission| permission.matches(action, resource);
        assert!(analysis.suggested.iter().any(kept), "{action} {resource}");
    }
}

#[test]
fn what_is_never_used_is_found_and_nothing_is_suggested_for_it() {
    let findings = ["unused", "no limit", "no expiry"];
    check("read:mcp:github:*", &GrantUse::none(), &findings, &[]);
}

#[test]
fn few_resources_are_suggested_by_themselves() {
    check(
        "*:mcp:github:**",
        &used(
            &[
                ("read", "mcp:github:repos"),
                ("read", "mcp:github:issues:1"),
            ],
            7,
        ),
        &[
            "read",
            "mcp:github:issues:1 mcp:github:repos",
            "no limit",
            "no expiry",
        ],
        &[
            "read:mcp:github:issues:1?expires=2027-02-19T10:00:00Z&rate=14/h",
            "read:mcp:github:repos?expires=2027-02-19T10:00:00Z&rate=14/h",
        ],
    );
}

#[test]
fn many_resources_are_suggested_as_the_narrowest_pattern() {
    let names: Vec<String> = (0..9)
        .map(|number| alloc::format!("data:prod:t{number}:rows"))
        .collect();
    let pairs: Vec<(&str, &str)> = names.iter().map(|name| ("read", &**name)).collect();
    check(
        "read:data:**",
        &used(&pairs, 1),
        &["data:prod:*:rows", "no limit", "no expiry"],
        &["read:data:prod:*:rows?expires=2027-02-19T10:00:00Z&rate=2/h"],
    );
}

#[test]
fn a_grant_that_is_just_right_is_left_as_it_is() {
    let grant = "read:app:x?expires=2026-12-01T00:00:00Z&rate=3/h";
    check(grant, &used(&[("read", "app:x")], 2), &[], &[grant]);
}

#[test]
fn where_not_all_uses_are_known_nothing_is_narrowed() {
    let mut done = used(&[("read", "app:x")], 2);
    done.complete = false;
    let grant = "*:app:**?expires=2026-12-01T00:00:00Z&rate=3/h";
    check(grant, &done, &[], &[grant]);
}

#[test]
fn a_hull_has_every_resource_and_no_narrower_shape_does() {
    let cases: [(&[&str], &str); 8] = [
        (&["app:a"], "app:a"),
        (&["app:a", "app:b"], "app:*"),
        (&["app:a:x", "app:b:x"], "app:*:x"),
        (&["app:a:x", "app:a:x:y"], "app:a:**"),
        (&["app:a:x:y", "app:a:x"], "app:a:**"),
        (&["app:a:x:y", "app:a:x", "app:b"], "app:**"),
        (&["app:a:x", "app:b:x:y", "app:c:z:z"], "app:*:**"),
        (&["app:a", "data:a"], "**"),
    ];
    for (resources, want) in cases {
        let resources: Vec<Resource> = resources.iter().map(|text| text.parse().unwrap()).collect();
        let hull = Pattern::hull(&resources).unwrap();
        assert_eq!(hull.to_string(), want);
        assert!(resources.iter().all(|resource| hull.matches(resource)));
    }
}
