//! Parsing as a table; `contains`, `meet` and covering exhaustively at small scope.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use super::Pattern;
use crate::error::{ParseError, Problem};
use crate::oracle::speaks_of;
use crate::resource::Resource;

#[track_caller]
fn pattern(text: &str) -> Pattern {
    text.parse().unwrap()
}

/// `text` is no `T`, for this reason, and the message says so.
#[track_caller]
fn refuse<T>(text: &str, problem: Problem)
where
    T: core::str::FromStr<Err = ParseError> + fmt::Debug,
{
    let error = text.parse::<T>().unwrap_err();
    assert_eq!(error.problem(), problem, "{text:?}");
    let message = error.to_string();
    assert!(message.ends_with(&words(problem)), "{text:?}: {message}");
}

/// What neither a resource nor a pattern may be, with the byte that is wrong.
const WRONG_BYTES: &[(&str, Problem)] = &[
    // A percent-encoding that is not canonical: lower case, of an unreserved character, incomplete.
    ("mcp:a%2fb", Problem::Encoding(5)),
    ("mcp:%2e", Problem::Encoding(4)),
    ("mcp:%2E%2E", Problem::Encoding(4)),
    ("mcp:a%41", Problem::Encoding(5)),
    ("mcp:a%2", Problem::Encoding(5)),
    ("mcp:a%", Problem::Encoding(5)),
    ("mcp:a%G0", Problem::Encoding(5)),
    ("mcp:a%+1", Problem::Encoding(5)),
    ("mcp:%2F:%7E", Problem::Encoding(8)),
    ("mcp:\0", Problem::Character(4)),
    ("mcp:a\n", Problem::Character(5)),
    ("mcp:a b", Problem::Character(5)),
    ("mcp:h\u{e9}", Problem::Character(5)),
    ("mcp:\u{ff1a}", Problem::Character(4)), // a colon, full width
    ("mcp:a\u{202e}", Problem::Character(5)),
    ("mcp:a/b", Problem::Character(5)),
    ("mcp:a?b", Problem::Character(5)),
    (" mcp:a", Problem::Character(0)),
    // A star in the middle of a segment, at its start, in a prefix that is not last, a `**` that is not,
    // and a kind left open.
    ("mcp:a*b", Problem::Wildcard(5)),
    ("mcp:*a", Problem::Wildcard(4)),
    ("mcp:a*:b", Problem::Wildcard(5)),
    ("mcp:a*:**", Problem::Wildcard(5)),
    ("mcp:**:a", Problem::Wildcard(4)),
    ("mcp:**:**", Problem::Wildcard(4)),
    ("mcp:a**", Problem::Wildcard(5)),
    ("mcp:***", Problem::Wildcard(4)),
    ("*:a", Problem::Wildcard(0)),
    ("**:a", Problem::Wildcard(0)),
    ("m*:a", Problem::Wildcard(1)),
    ("*", Problem::Wildcard(0)),
    ("***", Problem::Wildcard(0)),
];

/// What neither a resource nor a pattern may be, with the segment that is wrong.
const WRONG_SEGMENTS: &[(&str, Problem)] = &[
    ("", Problem::Empty),
    ("mcp", Problem::SegmentCount(1)),
    ("mcp:1:2:3:4:5:6:7:8", Problem::SegmentCount(9)),
    ("github:repos", Problem::Kind),
    ("MCP:github", Problem::Kind),
    ("mcpx:a", Problem::Kind),
    ("user:a", Problem::Kind),
    ("x-:a", Problem::Kind),
    ("x-A:b", Problem::Kind),
    ("x:a", Problem::Kind),
    (":", Problem::EmptySegment(1)),
    (":mcp", Problem::EmptySegment(1)),
    ("mcp:", Problem::EmptySegment(2)),
    ("mcp::a", Problem::EmptySegment(2)),
    ("mcp:a:", Problem::EmptySegment(3)),
    ("..:a", Problem::DotSegment(1)),
    ("mcp:.", Problem::DotSegment(2)),
    ("mcp:..:a", Problem::DotSegment(2)),
    ("mcp:a:..", Problem::DotSegment(3)),
];

/// What the message says of a problem.
fn words(problem: Problem) -> String {
    match problem {
        Problem::Empty => "it is empty; write something".into(),
        Problem::TooLong(most) => format!("it is longer than {most} bytes; shorten it"),
        Problem::Character(at) => format!(
            "the character at byte {at} is not allowed; write letters, digits, `_-.~@+`, or \
             percent-encode it"
        ),
        Problem::Encoding(at) => format!(
            "the `%` at byte {at} is not canonical; encode with two upper-case hex digits, and only \
             characters that need it"
        ),
        Problem::EmptySegment(number) => {
            format!("segment {number} is empty; write `kind:segment:...`")
        }
        Problem::DotSegment(number) => {
            format!("segment {number} is `.` or `..`; name it in full")
        }
        Problem::SegmentCount(count) => {
            format!("it must have 2 to 8 segments, separated by `:`, and not {count}")
        }
        Problem::Kind => {
            "its first segment is not a known kind; use mcp, a2a, http, tool, data, app, \
                          or one of your own that starts with `x-`"
                .into()
        }
        Problem::Wildcard(at) => format!(
            "the `*` at byte {at} may not stand there; a pattern takes `*` as a whole segment, \
             `prefix*` and `**` only at the end, and a resource takes none"
        ),
        Problem::Other(words) => words.into(),
    }
}

/// A resource of exactly this many bytes, of 510 and a few more.
fn long(bytes: usize) -> String {
    let start = format!("mcp{}:", format!(":{}", "a".repeat(126)).repeat(3));
    format!("{start}{}", "a".repeat(bytes - start.len()))
}

#[test]
fn text_that_is_neither_a_resource_nor_a_pattern_is_refused_with_its_problem() {
    for (text, problem) in WRONG_SEGMENTS.iter().chain(WRONG_BYTES) {
        refuse::<Pattern>(text, *problem);
        refuse::<Resource>(text, *problem);
    }
    for (text, problem) in [
        (long(513), Problem::TooLong(512)),
        (format!("mcp:{}", "a".repeat(129)), Problem::TooLong(128)),
        (format!("x-{}:a", "a".repeat(63)), Problem::Kind),
    ] {
        refuse::<Pattern>(&text, problem);
        refuse::<Resource>(&text, problem);
    }
}

#[test]
fn what_only_a_pattern_may_be_is_no_resource() {
    for (text, at) in [
        ("**", 0),
        ("mcp:*", 4),
        ("mcp:**", 4),
        ("mcp:a*", 5),
        ("mcp:*:a", 4),
    ] {
        refuse::<Resource>(text, Problem::Wildcard(at));
        pattern(text);
    }
}

#[test]
fn a_pattern_has_at_most_8_segments_and_512_bytes_with_its_star() {
    refuse::<Pattern>("mcp:1:2:3:4:5:6:7:**", Problem::SegmentCount(9));
    refuse::<Pattern>("mcp:1:2:3:4:5:6:7:*", Problem::SegmentCount(9));
    pattern("mcp:1:2:3:4:5:6:**");
    pattern("mcp:1:2:3:4:5:6:*");
    pattern(&format!("{}*", long(511)));
    refuse::<Pattern>(&format!("{}*", long(512)), Problem::TooLong(512));
    pattern(&format!("{}:**", long(509)));
    refuse::<Pattern>(&format!("{}:**", long(510)), Problem::TooLong(512));
    let segment = "a".repeat(128);
    pattern(&format!("mcp:{segment}*"));
    refuse::<Pattern>(&format!("mcp:{segment}a*"), Problem::TooLong(128));
}

#[test]
fn what_the_grammar_allows_is_read_and_printed_as_it_was() {
    let longest = long(512);
    let kind = format!("x-{}:a", "z".repeat(62));
    for text in [
        "mcp:a",
        "a2a:a",
        "http:a",
        "tool:a",
        "data:a",
        "app:a",
        "x-own:a",
        "x-9-:a",
        kind.as_str(),
        "mcp:A-Z_a.z~0@9+",
        "mcp:...",
        "mcp:.a",
        "mcp:%2F%25%00%FF%C3%A9",
        "mcp:1:2:3:4:5:6:7",
        longest.as_str(),
    ] {
        assert_eq!(text.parse::<Resource>().unwrap().to_string(), text);
        assert_eq!(pattern(text).to_string(), text);
    }
    for text in [
        "**",
        "mcp:**",
        "mcp:*",
        "mcp:*:**",
        "mcp:a*",
        "mcp:*:a:*",
        "mcp:%2F*",
    ] {
        assert_eq!(pattern(text).to_string(), text);
    }
}

#[test]
fn an_error_shows_the_text_shortened_and_without_control_characters() {
    let text = format!("mcp:\u{1b}[31m{}", "a".repeat(500));
    let message = text.parse::<Pattern>().unwrap_err().to_string();
    assert!(message.starts_with("`mcp:\\u{1b}[31maaa"), "{message}");
    assert!(message.len() < 250, "{message}");
}

#[test]
fn everything_after_a_star_counts() {
    for (text, resource, want) in [
        ("mcp:github:*", "mcp:github:repos", true),
        ("mcp:github:*", "mcp:github:repos:1", false),
        ("mcp:github:*", "mcp:gitlab:repos", false),
        ("mcp:*:read", "mcp:github:delete", false),
        ("mcp:*:read", "mcp:github:read", true),
        ("mcp:*", "mcp:github:repos", false),
        ("mcp:**", "mcp:github:repos", true),
        ("mcp:github:**", "mcp:github", false),
        ("mcp:git*", "mcp:git", true),
        ("mcp:git*", "mcp:github", true),
        ("mcp:git*", "mcp:gi", false),
        ("mcp:git*", "mcp:github:repos", false),
        ("mcp:Git", "mcp:git", false),
        ("**", "x-own:a:b", true),
    ] {
        let resource = resource.parse().unwrap();
        assert_eq!(pattern(text).matches(&resource), want, "{text} {resource}");
    }
}

/// All patterns of a scope, each with the set of resources that it matches by the naive evaluator.
struct Scope {
    patterns: Vec<Pattern>,
    sets: Vec<Vec<u64>>,
    resources: Vec<Resource>,
}

impl Scope {
    /// Patterns of up to `segments_max` segments below `mcp`, and a few of other kinds, over all resources
    /// that are up to one segment longer. `z` stands for all texts that no pattern names, so that a set
    /// that is not contained shows it here.
    fn new(segments_max: usize) -> Self {
        let mut texts: Vec<String> = vec!["**".into(), "app:**".into(), "app:a".into()];
        let mut open: Vec<String> = vec!["mcp".into()];
        for _ in 0..segments_max {
            texts.extend(open.iter().map(|start| format!("{start}:**")));
            texts.extend(extended(&open, &["a*", "ab*"]));
            let longer = extended(&open, &["a", "ab", "*"]);
            texts.extend(longer.iter().cloned());
            open = longer;
        }
        texts.extend(open.iter().map(|start| format!("{start}:**")));

        let mut resources: Vec<String> = Vec::new();
        resources.extend(["app:a", "app:z", "app:a:z", "x-z:a", "x-z:z:z"].map(String::from));
        let mut open: Vec<String> = vec!["mcp".into()];
        for _ in 0..=segments_max {
            open = extended(&open, &["a", "ab", "az", "abz", "z"]);
            resources.extend(open.iter().cloned());
        }
        let set = |text: &String| {
            let mut set = vec![0; resources.len().div_ceil(64)];
            for (place, resource) in resources.iter().enumerate() {
                set[place / 64] |= u64::from(speaks_of(text, resource)) << (place % 64);
            }
            set
        };
        Self {
            sets: texts.iter().map(set).collect(),
            patterns: texts.iter().map(|text| pattern(text)).collect(),
            resources: resources.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&Pattern, &Vec<u64>)> + Clone {
        self.patterns.iter().zip(&self.sets)
    }

    /// The set of any pattern, by the fast code, which is as good as the naive: see the first test.
    fn set_of(&self, pattern: &Pattern) -> Vec<u64> {
        let mut set = vec![0; self.resources.len().div_ceil(64)];
        for (place, resource) in self.resources.iter().enumerate() {
            set[place / 64] |= u64::from(pattern.matches(resource)) << (place % 64);
        }
        set
    }
}

/// Each start with each of these segments after it.
fn extended(starts: &[String], segments: &[&str]) -> Vec<String> {
    let all = segments.iter();
    all.flat_map(|last| starts.iter().map(move |start| format!("{start}:{last}")))
        .collect()
}

fn is_subset(small: &[u64], large: &[u64]) -> bool {
    small
        .iter()
        .zip(large)
        .all(|(small, large)| small & !large == 0)
}

fn both(one: &[u64], other: &[u64]) -> Vec<u64> {
    one.iter()
        .zip(other)
        .map(|(one, other)| one & other)
        .collect()
}

fn either(one: &[u64], other: &[u64]) -> Vec<u64> {
    one.iter()
        .zip(other)
        .map(|(one, other)| one | other)
        .collect()
}

#[test]
fn matches_agrees_with_the_naive_evaluator_on_every_small_pattern() {
    let scope = Scope::new(3);
    assert!(scope.patterns.len() > 100 && scope.resources.len() > 750);
    for (pattern, set) in scope.iter() {
        assert_eq!(scope.set_of(pattern), *set, "{pattern}");
        assert!(set.iter().any(|word| *word != 0), "{pattern} is empty");
    }
}

#[test]
fn one_pattern_contains_another_exactly_if_its_set_does() {
    let scope = Scope::new(3);
    for (large, large_set) in scope.iter() {
        for (small, small_set) in scope.iter() {
            let want = is_subset(small_set, large_set);
            assert_eq!(large.contains(small), want, "{large} contains {small}");
        }
    }
}

#[test]
fn a_meet_is_the_intersection_and_a_pattern_again() {
    let scope = Scope::new(3);
    for (one, one_set) in scope.iter() {
        for (other, other_set) in scope.iter() {
            let met = one.meet(other);
            assert_eq!(one.overlaps(other), met.is_some(), "{one} and {other}");
            assert_eq!(
                met,
                other.meet(one),
                "{one} and {other} the other way round"
            );
            let want = both(one_set, other_set);
            match met {
                None => assert!(want.iter().all(|word| *word == 0), "{one} and {other}"),
                Some(met) => {
                    assert_eq!(scope.set_of(&met), want, "{one} and {other} is {met}");
                    assert_eq!(pattern(&met.to_string()), met);
                }
            }
        }
        assert_eq!(one.meet(one).as_ref(), Some(one));
    }
}

#[test]
fn the_order_in_which_three_patterns_meet_is_irrelevant() {
    let scope = Scope::new(2);
    for one in &scope.patterns {
        for two in &scope.patterns {
            let first = one.meet(two);
            for three in &scope.patterns {
                let left = first.as_ref().and_then(|met| met.meet(three));
                let right = two.meet(three).and_then(|met| one.meet(&met));
                assert_eq!(left, right, "{one}, {two} and {three}");
            }
        }
    }
}

fn is_covered(wanted: &Pattern, others: &[&Pattern]) -> bool {
    let others: Vec<(&Pattern, u64)> = others.iter().map(|other| (*other, 1)).collect();
    wanted.left_open(&others, 1) == 0
}

#[test]
fn a_union_of_two_covers_a_pattern_exactly_if_its_set_does() {
    let scope = Scope::new(3);
    let mut split = 0;
    for (place, (one, one_set)) in scope.iter().enumerate() {
        for (two, two_set) in scope.iter().skip(place) {
            let union = either(one_set, two_set);
            for (wanted, wanted_set) in scope.iter() {
                let covered = is_covered(wanted, &[one, two]);
                let want = is_subset(wanted_set, &union);
                assert_eq!(covered, want, "{wanted} by {one} and {two}");
                let alone = one.contains(wanted) || two.contains(wanted);
                split += usize::from(covered && !alone);
            }
        }
    }
    assert!(
        split > 50,
        "only {split} unions covered what none did alone"
    );
}

#[test]
fn a_union_of_three_covers_a_pattern_exactly_if_its_set_does() {
    let scope = Scope::new(2);
    let all: Vec<_> = scope.iter().collect();
    let mut split = 0;
    for (place, (one, one_set)) in all.iter().enumerate() {
        for (further, (two, two_set)) in all.iter().enumerate().skip(place + 1) {
            let union_of_two = either(one_set, two_set);
            for (three, three_set) in all.iter().skip(further + 1) {
                let union = either(&union_of_two, three_set);
                for (wanted, wanted_set) in &all {
                    let covered = is_covered(wanted, &[*one, *two, *three]);
                    let want = is_subset(wanted_set, &union);
                    assert_eq!(covered, want, "{wanted} by {one}, {two} and {three}");
                    let alone = [one, two, three].iter().any(|held| held.contains(wanted));
                    split += usize::from(covered && !alone);
                }
            }
        }
    }
    assert!(
        split > 50,
        "only {split} unions covered what none did alone"
    );
}

#[test]
fn a_tail_is_split_down_to_eight_segments_and_no_further() {
    let mut held: Vec<Pattern> = vec![pattern("mcp:*")];
    for count in 2..=6 {
        held.push(pattern(&format!("mcp{}", ":*".repeat(count))));
    }
    let all = pattern("mcp:**");
    assert!(!is_covered(&all, &held.iter().collect::<Vec<_>>()));
    held.push(pattern("mcp:*:*:*:*:*:*:**"));
    assert!(is_covered(&all, &held.iter().collect::<Vec<_>>()));
    held.remove(3);
    assert!(!is_covered(&all, &held.iter().collect::<Vec<_>>()));
    assert!(!is_covered(&Pattern::everything(), &[&all]));
}

#[test]
fn a_meet_that_no_request_could_match_is_nothing() {
    let (low, high) = ("a".repeat(120), "b".repeat(120));
    let one = pattern(&format!("mcp:{low}:{low}:{low}:*:*:*:*"));
    let other = pattern(&format!("mcp:*:*:*:{high}:{high}:{high}:*"));
    assert_eq!(one.meet(&other), None);
    let other = pattern(&format!("mcp:*:*:*:{high}:*:*:*"));
    assert!(one.meet(&other).is_some());
}

#[test]
fn a_prefix_of_128_bytes_is_still_wider_than_its_text() {
    let text = "a".repeat(128);
    let (prefix, exact) = (
        pattern(&format!("mcp:{text}*")),
        pattern(&format!("mcp:{text}")),
    );
    assert!(prefix.contains(&exact));
    assert!(
        !exact.contains(&prefix),
        "limits decide nothing between patterns"
    );
}
