//! The traps that others fell into, each through the library, with blocks as any holder can write them.

use biscuit_auth::builder::BlockBuilder;
use biscuit_auth::{KeyPair, PrivateKey};
use std::fmt::Write;

use super::*;
use crate::key::{HolderKey, Sign, TERMINAL_SECRET};
use crate::scene::{SERVICE, audience, call, chain, holder, moment, now, root, verify_at};

fn library_root() -> biscuit_auth::PublicKey {
    let root = root().public_key();
    biscuit_auth::PublicKey::from_bytes(root.as_bytes(), Algorithm::Ed25519).unwrap()
}

fn pair(key: &HolderKey) -> KeyPair {
    let private = PrivateKey::from_bytes(key.expose(), Algorithm::Ed25519).unwrap();
    KeyPair::from(&private)
}

/// A chain of one, to which its holder appended `code` on the way to the terminal key.
fn with_block(permissions: &[&str], code: &str) -> Vec<u8> {
    let mut bytes = chain(permissions, 1).as_bytes().to_vec();
    crate::envelope::prove(&mut bytes, holder(1).expose());
    appended(&bytes, code)
}

/// `biscuit` with a block more, signed by the key whose secret it carries, for the terminal key to go on.
pub(super) fn appended(biscuit: &[u8], code: &str) -> Vec<u8> {
    let biscuit = Biscuit::from(biscuit, library_root()).unwrap();
    let terminal = pair(&HolderKey::from_bytes(&TERMINAL_SECRET));
    let block = BlockBuilder::new().code(code).unwrap();
    biscuit
        .append_with_keypair(&terminal, block)
        .unwrap()
        .to_vec()
        .unwrap()
}

fn evaluated(presentation: &[u8], action: &str, resource: &str) -> Result<(), DatalogRefusal> {
    let call = call(action, resource);
    let request = Request::new(&call.action, &call.resource, call.arguments);
    let known = Known {
        request: &request,
        audience: &audience(SERVICE),
        now: now(),
        holds: &[],
    };
    evaluate(presentation, &root().public_key(), &known)
}

#[test]
fn a_presentation_of_ours_passes_an_unmodified_library() {
    let call = call("read", "mcp:github:repos");
    let presentation = chain(&["read:mcp:github:*"], 3)
        .invoke(&holder(3), &call, moment(1))
        .unwrap();
    assert_eq!(
        evaluated(presentation.as_bytes(), "read", "mcp:github:repos"),
        Ok(())
    );
    let denied = Err(DatalogRefusal::Denied);
    assert_eq!(
        evaluated(presentation.as_bytes(), "write", "mcp:github:repos"),
        denied
    );
    assert_eq!(
        evaluated(presentation.as_bytes(), "read", "mcp:github:issues"),
        denied
    );
}

#[test]
fn the_library_refuses_the_open_form() {
    let token = chain(&["read:mcp:github:*"], 1);
    let root = library_root();
    assert!(Biscuit::from(token.as_bytes(), root).is_err());
    assert!(Biscuit::from_base64(token.to_string(), root).is_err());
}

#[test]
fn the_text_of_a_presentation_is_what_the_library_reads() {
    let call = call("read", "mcp:github:repos");
    let presentation = chain(&["read:mcp:github:*"], 1)
        .invoke(&holder(1), &call, moment(1))
        .unwrap();
    let root = library_root();
    let biscuit = Biscuit::from_base64(presentation.to_string(), root).unwrap();
    assert_eq!(biscuit.to_vec().unwrap(), presentation.as_bytes());
    assert_eq!(biscuit.to_base64().unwrap(), presentation.to_string());
    assert_eq!(
        biscuit.to_string().parse::<crate::Presentation>().err(),
        Some(crate::Refusal::Malformed)
    );
}

#[test]
fn the_librarys_millisecond_on_the_wall_decides_nothing() {
    // Sixteen blocks with ten rights each take several, and are decided all the same.
    let names: Vec<String> = (0..10)
        .map(|name| format!("read:mcp:github:r{name}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut deep = crate::scene::mint(&names);
    deep.max_depth = 14;
    let mut token = crate::Token::mint(&root(), deep).unwrap();
    for number in 1..=14 {
        let (by, to) = (holder(number - 1), holder(number).public_key());
        let narrowing = crate::scene::narrowing(number);
        token = token.delegate(&by, &to, narrowing).unwrap();
    }
    let call = call("read", "mcp:github:r9");
    let presentation = token.invoke(&holder(14), &call, moment(1)).unwrap();
    let biscuit = Biscuit::from(presentation.as_bytes(), library_root()).unwrap();
    assert_eq!(biscuit.block_count(), 16);
    let denied = Err(DatalogRefusal::Denied);
    assert_eq!(
        evaluated(presentation.as_bytes(), "read", "mcp:github:r9"),
        Ok(())
    );
    assert_eq!(
        evaluated(presentation.as_bytes(), "read", "mcp:github:r8"),
        denied
    );
}

#[test]
fn one_hostile_join_costs_nothing() {
    // Six predicates over 40 facts: 40^6 combinations, in a block that any holder can write.
    let mut code = String::new();
    for number in 0..40 {
        write!(code, "n({number}); ").unwrap();
    }
    code.push_str(
        "check if n($a), n($b), n($c), n($d), n($e), n($f), $a + $b + $c + $d + $e + $f > 1000;",
    );
    let presentation = with_block(&["read:mcp:github:*"], &code);
    let refused = Err(DatalogRefusal::TooCostly);
    assert_eq!(
        evaluated(&presentation, "read", "mcp:github:repos"),
        refused
    );
    let call = call("read", "mcp:github:repos");
    let native = verify_at(&presentation, &call, now());
    assert_eq!(native.err(), Some(crate::Refusal::Profile { block: 2 }));
}

#[test]
fn rules_scopes_and_loops_are_not_run() {
    for code in [
        "holds(\"x\") <- kv(1);",
        "check if kv(1) trusting previous;",
        "check if [1, 2].any($x -> $x > 1);",
        "check if true || [1, 2].all($x -> $x > 1);",
    ] {
        let presentation = with_block(&["read:mcp:github:*"], code);
        let refused = Err(DatalogRefusal::TooCostly);
        assert_eq!(
            evaluated(&presentation, "read", "mcp:github:repos"),
            refused,
            "{code}"
        );
    }
}

#[test]
fn what_current_libraries_write_for_and_and_or_is_run() {
    let denied = Err(DatalogRefusal::Denied);
    for (code, want) in [
        (
            "check if operation($o), $o == \"read\" || $o == \"write\";",
            Ok(()),
        ),
        (
            "check if operation($o), $o == \"read\" && $o == \"write\";",
            denied,
        ),
        (
            "check if operation($o), $o == \"a\" || ($o == \"read\" && true);",
            Ok(()),
        ),
    ] {
        let presentation = with_block(&["read:mcp:github:*"], code);
        let ended = evaluated(&presentation, "read", "mcp:github:repos");
        assert_eq!(ended, want, "{code}");
    }
}

#[test]
fn expressions_that_are_long_or_expensive_are_counted() {
    let refused = Err(DatalogRefusal::TooCostly);
    // 3,600 pairs, each compared with a sum of 40.
    let mut many: String = (0..60).map(|number| format!("n({number}); ")).collect();
    many.push_str("check if n($a), n($b), $a + $b < 0");
    many.extend([" + 1"; 40]);
    let regex = |times| "check if operation($o), $o.matches(\"(a{9}){9}\");".repeat(times);
    let nested = |depth| {
        let (open, close) = ("(true || ".repeat(depth), ")".repeat(depth));
        ["check if ", &open, "true", &close, ";"].concat()
    };
    for (code, want) in [
        (many + ";", refused),
        (regex(11), refused),
        (regex(1), Err(DatalogRefusal::Denied)),
        (nested(17), refused),
        (nested(16), Ok(())),
    ] {
        let presentation = with_block(&["read:mcp:github:*"], &code);
        let ended = evaluated(&presentation, "read", "mcp:github:repos");
        assert_eq!(ended, want, "{}", &code[code.len() - 60..]);
    }
}

#[test]
fn a_block_that_lists_the_authoritys_facts_again_adds_no_right() {
    let code = r#"age3("mcp", "gitlab", "repos", {"read"}); ge3("mcp", "gitlab", "repos", {"read"});
        agl3("mcp", "gitlab", "repos", {"read"}); gl3("mcp", "gitlab", "repos", {"read"});
        operation("read"); r3("mcp", "github", "repos"); holds("approve=1"); time(1970-01-01T00:00:00Z);"#;
    let presentation = with_block(&["read:mcp:github:*"], code);
    let denied = Err(DatalogRefusal::Denied);
    assert_eq!(evaluated(&presentation, "read", "mcp:gitlab:repos"), denied);
    assert_eq!(
        evaluated(&presentation, "write", "mcp:github:repos"),
        denied
    );
    assert_eq!(evaluated(&presentation, "read", "mcp:github:repos"), Ok(()));
    let presentation = with_block(&["read:mcp:github:*?approve=1"], code);
    assert_eq!(evaluated(&presentation, "read", "mcp:github:repos"), denied);
}

#[test]
fn a_narrowed_hop_narrows_although_the_first_block_has_more() {
    let token = crate::scene::minted(&["*:mcp:github:*"]);
    let mut narrowing = crate::scene::narrowing(1);
    narrowing.permissions = Some(vec!["read:mcp:github:issues".parse().unwrap()]);
    let token = token
        .delegate(&holder(0), &holder(1).public_key(), narrowing)
        .unwrap();
    for (action, resource, want) in [
        ("read", "mcp:github:issues", true),
        ("write", "mcp:github:issues", false),
        ("read", "mcp:github:repos", false),
    ] {
        let call = call(action, resource);
        let made = token.invoke(&holder(1), &call, moment(1));
        assert_eq!(made.is_ok(), want, "{action} {resource}");
        // The holder signs it all the same.
        let forge = crate::scene::Forge::after(&token);
        let presentation = forge
            .invocation(1, &crate::scene::invocation(&call, 1))
            .present();
        assert_eq!(evaluated(&presentation, action, resource).is_ok(), want);
        assert_eq!(verify_at(&presentation, &call, now()).is_ok(), want);
    }
}

#[test]
fn a_prefix_stays_within_its_segment() {
    let permissions = ["read:mcp:github:re*", "read:mcp:gitlab:**"];
    for (resource, want) in [
        ("mcp:github:repos", true),
        ("mcp:github:repos:1", false),
        ("mcp:github", false),
        ("mcp:gitlab", false),
        ("mcp:gitlab:a:b:c", true),
        ("mcp:gitlabs:a", false),
    ] {
        let call = call("read", resource);
        let forge = crate::scene::Forge::authority(&crate::scene::authority(&permissions));
        let presentation = forge
            .invocation(0, &crate::scene::invocation(&call, 0))
            .present();
        assert_eq!(
            evaluated(&presentation, "read", resource).is_ok(),
            want,
            "{resource}"
        );
        assert_eq!(
            verify_at(&presentation, &call, now()).is_ok(),
            want,
            "{resource}"
        );
    }
}

#[test]
fn what_somebody_puts_into_a_name_stays_a_name() {
    // Facts are built from values; nothing that anybody writes becomes Datalog.
    let mut narrowing = crate::scene::narrowing(1);
    let why = r#""); ge3("mcp", "gitlab", "repos", {"*"}); d_why(""#;
    narrowing.why = why.parse().unwrap();
    let token = crate::scene::minted(&["read:mcp:github:*"]);
    let token = token
        .delegate(&holder(0), &holder(1).public_key(), narrowing)
        .unwrap();
    assert_eq!(token.line()[1].why(), why);
    let read = call("read", "mcp:github:repos");
    let presentation = token.invoke(&holder(1), &read, moment(1)).unwrap();
    assert_eq!(
        evaluated(presentation.as_bytes(), "read", "mcp:github:repos"),
        Ok(())
    );
    let denied = Err(DatalogRefusal::Denied);
    assert_eq!(
        evaluated(presentation.as_bytes(), "read", "mcp:gitlab:repos"),
        denied
    );
}

#[test]
fn a_condition_that_a_foreign_verifier_does_not_state_is_refused_by_it() {
    for (condition, holds) in [
        ("approve=1", true),
        ("rate=20/h", true),
        ("ip=10.0.0.0/8", false),
    ] {
        let permission = ["read:mcp:github:*?", condition].concat();
        let permission: kavach_core::Permission = permission.parse().unwrap();
        let text = permission.to_string();
        let words = text.split_once('?').unwrap().1;
        let call = call("read", "mcp:github:repos");
        let presentation = chain(&[&text], 1)
            .invoke(&holder(1), &call, moment(1))
            .unwrap();
        let denied = Err(DatalogRefusal::Denied);
        assert_eq!(
            evaluated(presentation.as_bytes(), "read", "mcp:github:repos"),
            denied,
            "{words}"
        );
        let request = Request::new(&call.action, &call.resource, call.arguments);
        let known = Known {
            request: &request,
            audience: &audience(SERVICE),
            now: now(),
            holds: &[words],
        };
        let stated = evaluate(presentation.as_bytes(), &root().public_key(), &known);
        assert_eq!(stated, Ok(()), "{words}");
        let native = verify_at(presentation.as_bytes(), &call, now()).err();
        let refusal = if holds {
            crate::Refusal::CannotAsk { block: 0 }
        } else {
            crate::Refusal::Condition { block: 0 }
        };
        assert_eq!(native, Some(refusal), "{words}");
    }
}
