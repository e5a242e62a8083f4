//! The vectors that are published for other languages, in `vectors.json`: what is in the tree is what this
//! code makes of them. With `KAVACH_WRITE=1` in the environment they are written anew.

use serde_json::json;

use super::*;
use crate::datalog::{Known, evaluate};
use crate::revocation::RevocationList;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors.json");

/// One presentation, and what is asked with it.
struct Vector {
    name: &'static str,
    presentation: Vec<u8>,
    call: Call,
    at: Timestamp,
    revoked: Option<PublicKey>,
}

fn vector(name: &'static str, presentation: Vec<u8>) -> Vector {
    Vector {
        name,
        presentation,
        call: read(),
        at: now(),
        revoked: None,
    }
}

/// A presentation of `read` by a chain of two, with its blocks changed.
fn forged(
    change: impl FnOnce(&mut Authority, &mut [DelegationBlock; 2], &mut InvocationBlock),
) -> Vec<u8> {
    let mut first = authority(ALL);
    let mut further = [delegation(1, ALL), delegation(2, ALL)];
    let mut last = invocation(&read(), 2);
    change(&mut first, &mut further, &mut last);
    let [one, two] = &further;
    let forge = Forge::authority(&first)
        .delegation(1, one)
        .delegation(2, two);
    forge.invocation(2, &last).present()
}

fn honest(hops: u8) -> Vec<u8> {
    let presentation = chain(ALL, hops)
        .invoke(&holder(hops), &read(), moment(9))
        .unwrap();
    presentation.as_bytes().to_vec()
}

fn refused_for_their_rights() -> Vec<Vector> {
    let widened = forged(|_, further, _| {
        let bounds = further[1].bounds;
        further[1].rights.push(right("*:mcp:gitlab:*", bounds, 2));
    });
    let union = forged(|first, further, _| {
        let bounds = first.bounds;
        first.rights = vec![
            right("read:mcp:github:*", bounds, 0),
            right("write:mcp:gitlab:*", bounds, 0),
        ];
        further[0].rights = vec![right("read,write:mcp:github:*", bounds, 1)];
        further[1].rights = further[0].rights.clone();
    });
    let deep = forged(|first, further, _| {
        for bounds in [&mut first.bounds, &mut further[0].bounds] {
            bounds.deepest = 1;
        }
        first.rights[0].deepest = 1;
        further[0].rights[0].deepest = 1;
    });
    let limited = chain(&["read:mcp:github:*?rate=20/h"], 1);
    let limited = limited.invoke(&holder(1), &read(), moment(9)).unwrap();
    let mut write = vector("another_call", honest(1));
    write.call.action = "write".parse().unwrap();
    vec![
        vector("widened_block", widened),
        vector("union_of_two_grants", union),
        vector("over_depth", deep),
        vector(
            "a_rate_that_nobody_can_ask_about",
            limited.as_bytes().to_vec(),
        ),
        write,
    ]
}

fn refused_for_their_keys() -> Vec<Vector> {
    let mut block = delegation(1, ALL);
    let next = block.holder;
    block.holder = *holder(3).public_key().as_bytes();
    let forge = Forge::authority(&authority(ALL)).then(&block, &holder(0), &next);
    let wrong_next = forge.invocation(1, &invocation(&read(), 1)).present();
    let mut first = authority(ALL);
    first.holder = [0; 32];
    first.holder[0] = 1;
    let low_order = Forge::authority(&first)
        .invocation(0, &invocation(&read(), 0))
        .present();
    let mut again = invocation(&read(), 1);
    again.nonce = Nonce::from_bytes([77; 16]);
    let terminal = HolderKey::from_bytes(&TERMINAL_SECRET);
    let forge = Forge::after(&chain(ALL, 1)).invocation(1, &invocation(&read(), 1));
    let second = forge.then(&again, &terminal, &TERMINAL_KEY).present();
    let mut tampered = honest(2);
    let middle = tampered.len() / 2;
    tampered[middle] ^= 1;
    vec![
        vector("tampered", tampered),
        vector("wrong_next_key", wrong_next),
        vector("low_order_key", low_order),
        vector("second_invocation", second),
    ]
}

fn vectors() -> Vec<Vector> {
    let mut vectors = vec![
        vector("first_block_and_invocation", honest(0)),
        vector("chain", honest(2)),
    ];
    vectors.extend(refused_for_their_rights());
    vectors.extend(refused_for_their_keys());
    let mut expired = vector("expired_ancestor", honest(2));
    expired.at = now().plus_s(3600);
    let mut late = vector("invocation_over", honest(2));
    late.at = now().plus_s(60);
    let mut revoked = vector("revoked_ancestor", honest(2));
    revoked.revoked = Some(holder(1).public_key());
    vectors.extend([expired, late, revoked]);
    vectors
}

fn described(vector: &Vector) -> Value {
    let mut list = RevocationList::new();
    vector
        .revoked
        .into_iter()
        .for_each(|key| list.revoke_key(key));
    let text = list.sign(&root(), &keys(), 1, vector.at).unwrap();
    let replays = ReplayCache::danger_first_start(10);
    let verifier = Verifier::new(
        audience(SERVICE),
        keys(),
        Revocations::following(300, 0),
        replays,
    );
    verifier.update_revocations(&text, vector.at).unwrap();
    let request = Request::new(
        &vector.call.action,
        &vector.call.resource,
        vector.call.arguments,
    );
    let verified = verifier.verify(&vector.presentation, &request, vector.at);
    let known = Known {
        request: &request,
        audience: &audience(SERVICE),
        now: vector.at,
        holds: &[],
    };
    let datalog = evaluate(&vector.presentation, &root().public_key(), &known);
    assert!(verified.is_err() || datalog.is_ok(), "{}", vector.name);
    json!({
        "name": vector.name,
        "presentation": crate::armor::padded(&vector.presentation),
        "action": vector.call.action,
        "resource": vector.call.resource,
        "arguments": vector.call.arguments.to_string(),
        "now": vector.at.as_s(),
        "revocations": text,
        "want": verified.map_or_else(|refusal| refusal.code(), |_| "accepted"),
        "datalog": if datalog.is_ok() { "allows" } else { "denies" },
    })
}

#[test]
fn the_published_vectors_are_what_this_code_makes_of_them() {
    let keys: Value = serde_json::from_str(&keys().to_json()).unwrap();
    let document = json!({
        "keys": keys,
        "audience": SERVICE,
        "open": chain(ALL, 2).to_string(),
        "cases": vectors().iter().map(described).collect::<Vec<_>>(),
    });
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if std::env::var_os("KAVACH_WRITE").is_some() {
        std::fs::write(FILE, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(FILE).unwrap(), text);
    let wants = document["cases"].as_array().unwrap().iter();
    let wants: Vec<_> = wants
        .map(|case| {
            (
                case["want"].as_str().unwrap(),
                case["datalog"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        wants,
        [
            ("accepted", "allows"),
            ("accepted", "allows"),
            ("right_widened", "allows"),
            ("right_widened", "allows"),
            ("too_deep", "denies"),
            ("cannot_ask", "denies"),
            ("call", "denies"),
            ("signature", "denies"),
            ("holder", "allows"),
            ("key", "denies"),
            ("terminal_key", "denies"),
            ("expired", "denies"),
            ("expired", "denies"),
            ("revoked", "allows"),
        ]
    );
}
