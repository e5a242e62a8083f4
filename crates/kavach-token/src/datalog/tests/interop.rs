//! Beside the Biscuit libraries of other languages: ours there, and theirs here.
//!
//! `cargo xtask test` installs them and names their folder in `KAVACH_INTEROP`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use kavach_core::Permission;
use serde_json::{Value, json};

use super::*;
use crate::approval::write_contents;
use crate::call::Call;
use crate::id::ArgumentsHash;
use crate::key::{HolderKey, Sign};
use crate::presentation::Presentation;
use crate::receipt::{Outcome, Receipt};
use crate::refusal::Refusal;
use crate::scene::{
    SERVICE, audience, call, chain, holder, mint, moment, narrowing, now, root, verify_at,
};
use crate::token::Token;

const VECTORS: &str = include_str!("../../../vectors.json");

/// A token, what a service states about a request, and what a library must say.
struct Case {
    name: String,
    token: String,
    facts: Vec<(&'static str, Vec<Term>)>,
    want: &'static str,
}

/// What a service states beside what follows from the request.
struct Stated<'a> {
    audience: &'a str,
    at: Timestamp,
    holds: &'a [&'a str],
}

const HERE: Stated<'_> = Stated {
    audience: SERVICE,
    at: Timestamp::from_s(1_795_255_200),
    holds: &[],
};

fn stated(token: &[u8], call: &Call, stated: &Stated<'_>) -> Vec<(&'static str, Vec<Term>)> {
    let request = Request::new(&call.action, &call.resource, call.arguments);
    let known = Known {
        request: &request,
        audience: &audience(stated.audience),
        now: stated.at,
        holds: stated.holds,
    };
    facts(&Envelope::read(token).unwrap(), &known)
}

/// The vectors that are published, with the answers that stand there.
fn published() -> Vec<Case> {
    let document: Value = serde_json::from_str(VECTORS).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let cases = document["cases"].as_array().unwrap().iter();
    let mut cases: Vec<Case> = cases
        .map(|case| {
            let token: Presentation = text(&case["presentation"]).parse().unwrap();
            let mut call = call(&text(&case["action"]), &text(&case["resource"]));
            call.arguments = text(&case["arguments"]).parse().unwrap();
            let at = Timestamp::from_s(case["now"].as_i64().unwrap());
            Case {
                name: text(&case["name"]),
                token: text(&case["presentation"]),
                facts: stated(token.as_bytes(), &call, &Stated { at, ..HERE }),
                want: match case["datalog"].as_str().unwrap() {
                    "allows" => "allows",
                    _ => "denies",
                },
            }
        })
        .collect();
    cases.push(Case {
        name: "the open form".to_owned(),
        token: text(&document["open"]),
        facts: Vec::new(),
        want: "not signed",
    });
    let open: Token = text(&document["open"]).parse().unwrap();
    cases.push(Case {
        name: "the open form, its bytes alone".to_owned(),
        token: crate::armor::padded(open.as_bytes()),
        facts: Vec::new(),
        want: "not signed",
    });
    cases
}

/// One pattern of each shape, with a call that it allows and one that it does not.
const SHAPES: [(&str, &str, &str); 9] = [
    ("read:tool:a", "tool:a", "tool:ab"),
    (
        "read:mcp:github:repos",
        "mcp:github:repos",
        "mcp:github:repo",
    ),
    ("read:mcp:*:repos", "mcp:gitlab:repos", "mcp:gitlab:issues"),
    (
        "read:mcp:github:re*",
        "mcp:github:repos",
        "mcp:github:repos:1",
    ),
    ("read:mcp:github:**", "mcp:github:a:b:c:d:e:f", "mcp:github"),
    ("read:**", "tool:b:c:d:e:f:g:h", ""),
    ("*:mcp:*:a*", "mcp:x:ab", "mcp:x:b"),
    ("*:**", "tool:at", ""),
    (
        "read:tool:b:c:d:e:f:g:h",
        "tool:b:c:d:e:f:g:h",
        "tool:b:c:d:e:f:g:i",
    ),
];

/// Every shape of right, at several depths, asked for and asked beside.
fn of_every_shape() -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, (permission, inside, outside)) in SHAPES.into_iter().enumerate() {
        let hops = u8::try_from(number).unwrap() % 5;
        let call = call("read", inside);
        let token = chain(&[permission, "write:other:*"], hops)
            .invoke(&holder(hops), &call, moment(1))
            .unwrap();
        let mut add = |call: &Call, want| {
            cases.push(Case {
                name: format!("`{permission}`, {hops} hops, {}", call.resource),
                token: token.to_string(),
                facts: stated(token.as_bytes(), call, &HERE),
                want,
            });
        };
        add(&call, "allows");
        if !outside.is_empty() {
            add(&crate::scene::call("read", outside), "denies");
        }
    }
    cases
}

/// One presentation, and everything about a request that its checks can see.
fn of_every_reason() -> Vec<Case> {
    let call = call("read", "mcp:github:repos");
    let token = chain(&["read:mcp:github:*?ip=10.0.0.0/8"], 2)
        .invoke(&holder(2), &call, moment(1))
        .unwrap();
    let holding = Stated {
        holds: &["ip=10.0.0.0/8"],
        ..HERE
    };
    let facts = |call: &Call, known: &Stated<'_>| stated(token.as_bytes(), call, known);
    let case = |name: &str, facts, want| Case {
        name: name.to_owned(),
        token: token.to_string(),
        facts,
        want,
    };
    let at = |at| Stated { at, ..holding };
    let mut arguments = call.clone();
    arguments.arguments = ArgumentsHash::of(b"[]");
    let other = Stated {
        audience: "https://other.example",
        ..holding
    };
    let elsewhere = crate::scene::call("read", "mcp:github:issues");
    let write = crate::scene::call("write", "mcp:github:repos");
    let early = Timestamp::from_s(now().as_s() - 1);
    let mut cases = vec![
        case("all is known", facts(&call, &holding), "allows"),
        case(
            "the last second",
            facts(&call, &at(now().plus_s(59))),
            "allows",
        ),
        case("expired", facts(&call, &at(now().plus_s(60))), "denies"),
        case("not yet", facts(&call, &at(early)), "denies"),
        case("another audience", facts(&call, &other), "denies"),
        case("another resource", facts(&elsewhere, &holding), "denies"),
        case("another action", facts(&write, &holding), "denies"),
        case("other arguments", facts(&arguments, &holding), "denies"),
        case("a condition unknown", facts(&call, &HERE), "denies"),
    ];
    for missing in [
        "time",
        "audience",
        "operation",
        "request_hash",
        "chain_depth",
        "r3",
    ] {
        let mut facts = facts(&call, &holding);
        facts.retain(|(name, _)| *name != missing);
        cases.push(case(&format!("without `{missing}`"), facts, "denies"));
    }
    cases
}

/// A chain as deep as may be, and one with an approval by a third party.
fn deep_and_approved() -> Vec<Case> {
    let call = call("read", "mcp:github:repos");
    let mut deep = mint(&["read:mcp:github:*"]);
    deep.max_depth = 14;
    let mut token = Token::mint(&root(), deep).unwrap();
    for number in 1..=14 {
        let key = holder(number).public_key();
        token = token
            .delegate(&holder(number - 1), &key, narrowing(number))
            .unwrap();
    }
    let deep = token.invoke(&holder(14), &call, moment(1)).unwrap();
    let permission: Permission = "read:mcp:github:*?approve=1".parse().unwrap();
    let permission = permission.to_string();
    let words = permission.split_once('?').unwrap().1;
    let approved = chain(&[&permission], 1);
    let proposal = approved.propose(call.clone(), moment(1).nonce);
    let approval = proposal.request().approve(&holder(7), now(), 60).unwrap();
    let proposal = proposal.approved(&holder(1), &approval).unwrap();
    let approved = proposal.invoke(&holder(1), now(), 60).unwrap();
    let case = |name: &str, token: &Presentation, holds: &[&str], want| Case {
        name: name.to_owned(),
        token: token.to_string(),
        facts: stated(token.as_bytes(), &call, &Stated { holds, ..HERE }),
        want,
    };
    vec![
        case("sixteen blocks", &deep, &[], "allows"),
        case("approved", &approved, &[words], "allows"),
        case("approved, and nobody says so", &approved, &[], "denies"),
    ]
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a verifier states values of four kinds"
)]
fn term(term: &Term) -> Value {
    match term {
        Term::Integer(value) => json!({ "integer": value }),
        Term::Str(value) => json!({ "text": value }),
        Term::Date(value) => json!({ "date": value }),
        Term::Bytes(value) => {
            let digits = value.iter().map(|byte| format!("{byte:02x}"));
            json!({ "bytes": digits.collect::<String>() })
        }
        other => panic!("no verifier states {other}"),
    }
}

fn written(case: &Case) -> Value {
    let facts = case.facts.iter().map(|(name, terms)| {
        let terms: Vec<Value> = terms.iter().map(term).collect();
        json!({ "name": name, "terms": terms })
    });
    json!({ "token": case.token, "facts": facts.collect::<Vec<_>>() })
}

/// The service that signs a receipt with a foreign library.
fn service() -> HolderKey {
    HolderKey::from_bytes(&[66; 32])
}

/// What a foreign library is given to go on from, and what it allows.
fn given() -> (Presentation, Call) {
    let call = call("read", "mcp:github:repos");
    let token = chain(&["read:mcp:*:*"], 1);
    (token.invoke(&holder(1), &call, moment(1)).unwrap(), call)
}

/// The first block in words, as an issuer in another language writes it.
fn source() -> String {
    let root = biscuit_auth::PublicKey::from_bytes(root().public_key().as_bytes(), ED25519);
    let biscuit = Biscuit::from(given().0.as_bytes(), root.unwrap()).unwrap();
    // The library prints the `||` of Datalog 3.0 so, and reads what it printed as something else.
    biscuit
        .print_block_source(0)
        .unwrap()
        .replace("||! ", "|| ")
}

const ED25519: Algorithm = Algorithm::Ed25519;

fn hex(bytes: &[u8; 32]) -> String {
    HolderKeyText(bytes).to_string()
}

struct HolderKeyText<'a>(&'a [u8; 32]);

impl fmt::Display for HolderKeyText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::hex::write(self.0, f)
    }
}

/// Asks the library whose script `program` runs; returns what it made.
fn ask(language: &str, program: fn(&PathBuf) -> Command) -> BTreeMap<String, Vec<u8>> {
    let folder = std::env::var_os("KAVACH_INTEROP");
    let folder = folder.expect("run `cargo xtask test`: it installs the libraries that this needs");
    let folder = PathBuf::from(folder).join(language);
    let cases: Vec<Case> = [
        published(),
        of_every_shape(),
        of_every_reason(),
        deep_and_approved(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (asked, answered) = (folder.join("asked.json"), folder.join("answered.json"));
    let document = json!({
        "root": root().public_key().to_string(),
        "secret": hex(&[99; 32]),
        "service": { "secret": hex(service().expose()), "key": service().public_key().to_string() },
        "presentation": given().0.to_string(),
        "source": source(),
        "cases": cases.iter().map(written).collect::<Vec<_>>(),
    });
    std::fs::write(&asked, document.to_string()).unwrap();
    let _ = std::fs::remove_file(&answered);
    let ran = program(&folder)
        .arg(&asked)
        .arg(&answered)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{language}: {said}");
    let answer: Value = serde_json::from_slice(&std::fs::read(&answered).unwrap()).unwrap();
    let verdicts = answer["verdicts"].as_array().unwrap();
    assert_eq!(verdicts.len(), cases.len());
    for (case, verdict) in cases.iter().zip(verdicts) {
        let verdict = verdict.as_str().unwrap();
        // A vector that is not even signed is denied too.
        let same = verdict == case.want || (case.want, verdict) == ("denies", "not signed");
        assert!(same, "{language}, {}: {verdict}", case.name);
    }
    let made = answer["made"].as_object().unwrap().iter();
    made.map(|(name, token)| {
        let token: Presentation = token.as_str().unwrap().parse().unwrap();
        (name.clone(), token.as_bytes().to_vec())
    })
    .collect()
}

/// What this crate says of a token that a foreign library made.
#[track_caller]
fn check(made: &[u8], action: &str, datalog: Result<(), DatalogRefusal>, native: Refusal) {
    let envelope = Envelope::read(made).unwrap();
    assert_eq!(envelope.check(&root().public_key()), Ok(()));
    let mut call = given().1;
    call.action = action.parse().unwrap();
    let request = Request::new(&call.action, &call.resource, call.arguments);
    let known = Known {
        request: &request,
        audience: &audience(SERVICE),
        now: now(),
        holds: &[],
    };
    assert_eq!(evaluate(made, &root().public_key(), &known), datalog);
    assert_eq!(verify_at(made, &call, now()).err(), Some(native));
}

fn check_all(made: &BTreeMap<String, Vec<u8>>) {
    let denied = Err(DatalogRefusal::Denied);
    // An ordinary Biscuit is a bearer token: good as Datalog, and nothing for a verifier of presentations.
    check(&made["plain"], "read", Ok(()), Refusal::Proof);
    check(&made["plain"], "write", denied, Refusal::Proof);
    check(&made["narrowed"], "read", denied, Refusal::Proof);
    // The terminal secret is public: anybody can append to a presentation, and nobody gains by it. Even a
    // library alone sees that the chain is deeper than the invocation says; not so with a third party's block.
    check(&made["extended"], "read", denied, Refusal::Proof);
    check(&made["receipt"], "read", Ok(()), Refusal::Proof);
    let envelope = Envelope::read(&made["receipt"]).unwrap();
    let block = envelope.blocks.last().unwrap();
    let contents = write_contents(block.payload, block.external.unwrap());
    let receipt = Receipt::from_bytes(&contents, &given().0).unwrap();
    assert_eq!(*receipt.key(), service().public_key());
    assert_eq!(receipt.outcome(), Outcome::Done);
    assert_eq!(receipt.result(), ArgumentsHash::from_bytes([0xab; 32]));
}

#[test]
fn the_library_for_javascript_and_this_crate_read_each_others_tokens() {
    let made = ask("js", |folder| {
        let mut node = Command::new("node");
        node.args(["--experimental-wasm-modules", "--no-warnings"]);
        node.arg(folder.join("interop.mjs"));
        node
    });
    check_all(&made);
    check(&made["sealed"], "read", Ok(()), Refusal::Sealed);
    check(&made["resealed"], "read", Ok(()), Refusal::Sealed);
}

#[test]
fn the_library_for_python_and_this_crate_read_each_others_tokens() {
    let made = ask("py", |folder| {
        let mut python = Command::new(folder.join("venv/bin/python"));
        python.arg(folder.join("interop.py"));
        python
    });
    check_all(&made);
}
