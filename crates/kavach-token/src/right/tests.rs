//! Which fact a permission is, and which facts are none.

use super::*;
use crate::block::BlockReader;
use crate::scene::now;
use crate::symbols::Symbols;

fn bounds() -> Bounds {
    Bounds {
        until: now().plus_s(3600),
        deepest: 4,
    }
}

/// The first fact that `write` writes, read as a right of block number 2.
fn read(write: impl FnOnce(&mut BlockWriter<'_>)) -> (String, Result<Right, Unreadable>) {
    let nothing = Symbols::default();
    let mut out = BlockWriter::after(&nothing, 3);
    write(&mut out);
    let payload = out.finish().payload;
    let (strings, rest) = crate::block::read_strings(&payload, &nothing).unwrap();
    let mut reader = BlockReader::new(rest, &strings).unwrap();
    let fact = reader.fact().unwrap();
    let name = fact.name.to_owned();
    (name, Right::read(fact, Place::Below, bounds()))
}

#[track_caller]
fn check(permission: &str, want: &str) {
    let right = Right::new(&permission.parse().unwrap(), bounds(), 2);
    let (name, again) = read(|out| {
        right.write(out, Place::Below, bounds());
    });
    assert_eq!(name, want, "{permission}");
    assert_eq!(again, Ok(right), "{permission}");
}

#[test]
fn a_permission_is_a_fact_by_its_shape_and_is_read_back() {
    for (permission, name) in [
        ("read:mcp:github:repos", "gl3"),
        ("read:mcp:*:repos", "ge3"),
        ("read:mcp:*", "ge2"),
        ("*:mcp:github:re*", "gp3"),
        ("read,write:mcp:**", "gt1"),
        ("read:mcp:github:*:**", "gt3"),
        ("*:**", "gt0"),
        ("read:mcp:a:b:c:d:e:f:g", "gl8"),
        ("read:mcp:a:b:c:d:e:f:**", "gt7"),
        ("read:mcp:a:b:c:d:e:f:g*", "gp8"),
        ("read:mcp:github:repos?depth=1", "cl3"),
        ("read:mcp:github:repos?depth=2", "gl3"),
        ("read:mcp:github:repos?expires=2026-11-21T10:59:59Z", "cl3"),
        ("read:mcp:github:repos?expires=2026-11-21T11:00:00Z", "gl3"),
        ("*:mcp:github:*?ip=10.0.0.0/8&rate=20/h", "ce3"),
    ] {
        check(permission, name);
    }
}

/// Terms of a fact, from texts; the actions come last.
#[track_caller]
fn refused(name: &str, segments: &[&str], actions: &[&str], more: &[Term<'_>]) {
    let (_, read) = read(|out| {
        let mut terms: Vec<Term<'_>> = segments.iter().copied().map(Term::Text).collect();
        terms.push(Term::Texts(actions.to_vec()));
        terms.extend_from_slice(more);
        out.fact(name, &terms);
    });
    // What can be read at all is written otherwise, and so not in the profile.
    let Ok(right) = read else {
        return;
    };
    let shape = right.shape(
        Place::Below,
        bounds(),
        &right.permission.pattern.to_string(),
    );
    let same_actions = right.permission.actions.listed().is_some();
    assert!(
        shape.name() != name || !same_actions,
        "{name} {segments:?} is taken"
    );
}

#[test]
fn a_fact_of_another_shape_than_its_pattern_is_refused() {
    let end = |s| Term::Date(now().plus_s(s));
    let read = ["read"];
    refused("ge3", &["mcp", "github", "repos"], &read, &[]);
    refused("gl3", &["mcp", "*", "repos"], &read, &[]);
    refused("gl2", &["mcp", "github:repos"], &read, &[]);
    refused("gp3", &["mcp", "github", ""], &read, &[]);
    refused("gl3", &["mcp", "github", "re*"], &read, &[]);
    refused("gl3", &["mcp", "github"], &read, &[]);
    refused("gl9", &["mcp"], &read, &[]);
    refused("gx3", &["mcp", "github", "repos"], &read, &[]);
    refused("agl3", &["mcp", "github", "repos"], &read, &[]);
    refused("gl3", &["nokind", "github", "repos"], &read, &[]);
    refused("gl3", &["mcp", "github", "repos"], &["*"], &[]);
    refused("gl3", &["mcp", "github", "repos"], &[], &[]);
    refused("gl3", &["mcp", "github", "repos"], &["read", "*"], &[]);
    let plain = [end(3600), Term::Number(4), Term::Text("")];
    refused("cl3", &["mcp", "github", "repos"], &read, &plain);
    let longer = [end(3601), Term::Number(4), Term::Text("")];
    refused("cl3", &["mcp", "github", "repos"], &read, &longer);
    let deeper = [end(3600), Term::Number(5), Term::Text("")];
    refused("cl3", &["mcp", "github", "repos"], &read, &deeper);
    for words in ["colour=red", "depth=1", "ip=10.0.0.0/8&depth=1", "ip=", "&"] {
        let unknown = [end(3600), Term::Number(4), Term::Text(words)];
        refused("cl3", &["mcp", "github", "repos"], &read, &unknown);
    }
}

#[test]
fn what_is_not_known_to_hold_is_asked_or_refused_and_never_ignored() {
    use Judgement::{Ask, Fails, Holds};
    let known = Circumstances {
        now: now(),
        address: Some([10, 0, 0, 1].into()),
        args: None,
        approvals: 1,
    };
    let nowhere = Circumstances {
        address: None,
        ..known
    };
    let asked = |words: &str| Ask(words.to_owned());
    for (condition, known, want) in [
        ("ip=10.0.0.0/8", &known, Holds),
        ("ip=10.0.0.0/8", &nowhere, Fails),
        ("ip=192.168.0.0/16", &known, Fails),
        ("approve=1", &known, Holds),
        ("approve=2", &known, asked("approve=2")),
        ("rate=20/h", &known, asked("rate=20/h")),
        ("ip=10.0.0.0/8&rate=20/h", &known, asked("rate=20/h")),
        ("ip=192.168.0.0/16&rate=20/h", &known, Fails),
        ("min_trust=standard", &known, asked("min_trust=standard")),
        ("budget=5/day", &known, asked("budget=5/day")),
    ] {
        let permission = ["read:mcp:github:*?", condition].concat();
        let right = Right::new(&permission.parse().unwrap(), bounds(), 2);
        assert_eq!(right.judge(known), want, "{condition}");
    }
}
