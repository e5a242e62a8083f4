//! What the worst tokens of 16 KiB cost, counted. Whoever holds any token can sign all of these: every signature
//! holds, so that nothing is cut short before the part that is meant to be expensive.
//!
//! The tokens lie in `tests/hostile`, for the benches to measure; with `KAVACH_WRITE=1` they are written anew.

use super::*;
use crate::limits::{APPROVALS_MAX, BLOCKS_MAX, COMPARISONS_MAX, TEXT_BYTES_MAX, TOKEN_BYTES_MAX};
use crate::profile::Profiled;
use crate::revocation::RevocationList;
use crate::right::{Bounds, Right};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hostile");

/// A token made to be expensive, and what a verifier says of it.
struct Hostile {
    name: &'static str,
    presentation: Vec<u8>,
    call: Call,
    want: Option<Refusal>,
}

/// A first block that allows everything, as deep as may be; then hops with these rights, by their number.
fn chain_of(hops: u8, rights: impl Fn(u8, Bounds) -> Vec<Right>) -> Forge {
    let mut first = authority(&["*:**"]);
    first.bounds.deepest = 14;
    first.rights[0].deepest = 14;
    (1..=hops).fold(Forge::authority(&first), |forge, number| {
        let mut block = delegation(number, &["*:**"]);
        block.bounds.deepest = 14;
        block.why = Default::default();
        block.rights = rights(number, block.bounds);
        forge.delegation(number, &block)
    })
}

fn called(forge: Forge, hops: u8, call: &Call) -> Vec<u8> {
    forge.invocation(hops, &invocation(call, hops)).present()
}

/// As many hops of `rights` as fit, at most 14.
fn filled(call: &Call, rights: impl Fn(u8, Bounds) -> Vec<Right>) -> Vec<u8> {
    let presentations = (1..=14).map(|hops| called(chain_of(hops, &rights), hops, call));
    let fitting = presentations.filter(|bytes| bytes.len() <= TOKEN_BYTES_MAX);
    fitting.last().unwrap()
}

fn rights(texts: &[String], bounds: Bounds, index: u8) -> Vec<Right> {
    texts
        .iter()
        .map(|text| right(text, bounds, index))
        .collect()
}

/// Rights that are compared each with each: what a hop states stands in the opposite order to its delegator's.
fn turned(texts: &[String], number: u8, bounds: Bounds) -> Vec<Right> {
    let mut rights = rights(texts, bounds, number);
    if number.is_multiple_of(2) {
        rights.reverse();
    }
    rights
}

fn numbered(count: usize, text: impl Fn(usize) -> String) -> Vec<String> {
    (0..count).map(text).collect()
}

fn of_blocks_and_rights() -> Vec<Hostile> {
    let read = call("read", "tool:x0");
    let one = numbered(1, |_| "*:tool:*".to_owned());
    let many = numbered(56, |number| format!("*:tool:x{number}"));
    // One pattern, and actions of which the last alone tells.
    let actions = |number: usize| {
        let names: Vec<String> = (0..20).map(|name| format!("a{name:02}")).collect();
        format!("{},read,z{number}:tool:x0", names.join(","))
    };
    let actions = numbered(50, actions);
    let long = [&"a".repeat(60)[..]; 7].join(":");
    let patterns = numbered(56, |_| format!("*:tool:{long}"));
    vec![
        Hostile {
            name: "blocks",
            presentation: filled(&read, |number, bounds| rights(&one, bounds, number)),
            call: read.clone(),
            want: None,
        },
        Hostile {
            name: "rights",
            presentation: filled(&read, |number, bounds| turned(&many, number, bounds)),
            call: read.clone(),
            want: Some(Refusal::TooMuchWork),
        },
        Hostile {
            name: "actions",
            presentation: filled(&read, |number, bounds| turned(&actions, number, bounds)),
            call: read,
            want: Some(Refusal::TooMuchWork),
        },
        Hostile {
            name: "patterns",
            presentation: filled(&call("read", &format!("tool:{long}")), |number, bounds| {
                rights(&patterns, bounds, number)
            }),
            call: call("read", &format!("tool:{long}")),
            want: Some(Refusal::TooMuchWork),
        },
    ]
}

/// Conditions that are written once, and that many rights have.
fn of_conditions() -> Vec<Hostile> {
    let read = call("read", "tool:x0");
    let blocks: Vec<String> = (0..60)
        .map(|number| format!("10.{number}.0.0/17"))
        .collect();
    let addresses = format!("ip={}", blocks.join(","));
    let args: Vec<String> = (0..32)
        .map(|number| format!("args/a{number}.in=1,2,3,4,5,6,7,8"))
        .collect();
    let window = |number| format!("daily 00:0{number}-24:00 America/Argentina/Buenos_Aires");
    let windows: Vec<String> = (0..8).map(window).collect();
    let windows = format!("window={}", windows.join(";").replace(' ', "+"));
    let case = |name, words: String, count: usize, want| {
        let texts = numbered(count, |number| format!("*:tool:x{number}?{words}"));
        // The text of a right as the shorthand prints it.
        let texts: Vec<String> = texts
            .iter()
            .map(|text| text.parse::<kavach_core::Permission>().unwrap().to_string())
            .collect();
        Hostile {
            name,
            presentation: filled(&read, |number, bounds| turned(&texts, number, bounds)),
            call: read.clone(),
            want,
        }
    };
    vec![
        case("addresses", addresses, 30, Some(Refusal::TooMuchWork)),
        case("arguments", args.join("&"), 20, Some(Refusal::TooMuchWork)),
        case("windows", windows.clone(), 50, Some(Refusal::TooMuchWork)),
        case("few_windows", windows, 2, None),
    ]
}

/// Approvals, each of which has two signatures.
fn of_approvals() -> Hostile {
    let read = call("read", "tool:x0");
    let hops = 10;
    let forge = chain_of(hops, |number, bounds| {
        vec![right("*:tool:*", bounds, number)]
    });
    let last = invocation(&read, hops);
    let yes = ApprovalBlock {
        call: read.hash(&last.nonce),
        at: now(),
        until: now().plus_s(60),
    };
    let payload = yes.write(&Symbols::default()).payload;
    let caller = holder(hops);
    let key = *caller.public_key().as_bytes();
    let approved = (0..APPROVALS_MAX).fold(forge, |forge, number| {
        let approver = holder(50 + u8::try_from(number).unwrap());
        forge.then_third(&payload, &approver, &caller, &key)
    });
    Hostile {
        name: "approvals",
        presentation: approved.invocation(hops, &last).present(),
        call: read,
        want: None,
    }
}

/// Strings that nothing uses, and fields without end.
fn of_bytes() -> Vec<Hostile> {
    let read = call("read", "tool:x0");
    let forge = chain_of(1, |number, bounds| vec![right("*:tool:*", bounds, number)]);
    let mut payload = Vec::new();
    for number in 0..2_700_u16 {
        let [high, low] = [0x21 + number / 90, 0x21 + number % 90].map(|code| code as u8);
        payload.extend_from_slice(&[0x0a, 0x02, high, low]);
    }
    payload.extend_from_slice(&delegation(2, &["*:tool:*"]).write(&forge.symbols).payload);
    let forge = forge.then_bytes(&payload, &holder(1), holder(2).public_key().as_bytes());
    let symbols = called(forge, 2, &read);
    vec![
        Hostile {
            name: "symbols",
            presentation: symbols,
            call: read.clone(),
            want: Some(Refusal::Profile { block: 2 }),
        },
        Hostile {
            name: "fields",
            presentation: [0x1a, 0x00].repeat(TOKEN_BYTES_MAX / 2),
            call: read,
            want: Some(Refusal::Malformed),
        },
    ]
}

fn all() -> Vec<Hostile> {
    let mut all = of_blocks_and_rights();
    all.extend(of_conditions());
    all.push(of_approvals());
    all.extend(of_bytes());
    all
}

/// A verifier that has seen nothing yet, and a full revocation list.
fn verifier_of_all(list: &str) -> Verifier {
    let approvers =
        (0..APPROVALS_MAX).map(|number| holder(50 + u8::try_from(number).unwrap()).public_key());
    let verifier = Verifier::new(
        audience(SERVICE),
        keys(),
        Revocations::following(300, 0),
        ReplayCache::danger_first_start(10),
    )
    .with_approvers(approvers);
    verifier.update_revocations(list, now()).unwrap();
    verifier
}

fn full_list() -> String {
    let mut list = RevocationList::new();
    for number in 0..u32::try_from(crate::limits::REVOKED_MAX).unwrap() {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        list.revoke_token(crate::id::TokenId::from_bytes(id));
    }
    list.sign(&root(), &keys(), 1, now()).unwrap()
}

#[test]
fn no_token_of_16_kib_costs_more_than_the_limits_say() {
    let list = full_list();
    for hostile in all() {
        let Hostile {
            name,
            presentation,
            call,
            want,
        } = hostile;
        assert!(presentation.len() <= TOKEN_BYTES_MAX, "{name}");
        let request = Request::new(&call.action, &call.resource, call.arguments);
        let mut work = Work::default();
        let verifier = verifier_of_all(&list);
        let ended = verifier.examine(&presentation, &request, now(), &mut Offline, &mut work);
        println!(
            "{name}: {} bytes, {work:?}, {:?}",
            presentation.len(),
            ended.as_ref().err()
        );
        assert_eq!(ended.err(), want, "{name}");
        // Each block has a signature, and each approval another; what is left is 16 x 30 us.
        let signatures = u32::try_from(BLOCKS_MAX + APPROVALS_MAX).unwrap();
        assert!(work.signatures <= signatures, "{name}: {work:?}");
        // One pair of rights more than the limit, and each right once with the call.
        assert!(
            work.comparisons <= COMPARISONS_MAX + 5_000,
            "{name}: {work:?}"
        );
        // The limit is looked at after each block, and within one after each fact.
        let text_bytes = u32::try_from(2 * TEXT_BYTES_MAX).unwrap();
        assert!(work.text_bytes <= text_bytes, "{name}: {work:?}");
        kept(name, &presentation);
    }
}

#[track_caller]
fn kept(name: &str, presentation: &[u8]) {
    let path = format!("{FOLDER}/{name}");
    if std::env::var_os("KAVACH_WRITE").is_some() {
        std::fs::create_dir_all(FOLDER).unwrap();
        std::fs::write(&path, presentation).unwrap();
    }
    assert!(
        std::fs::read(&path).is_ok_and(|there| there == presentation),
        "{name} is another"
    );
}
