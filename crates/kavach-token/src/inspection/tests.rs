//! What is shown of tokens, good and bad.

use super::*;
use crate::bearer::BearerToken;
use crate::envelope;
use crate::key::Sign;
use crate::scene::{
    Forge, SERVICE, authority, call, chain, delegation, holder, invocation, keys, mint, moment,
    narrowing, now, root,
};

const ALL: &[&str] = &["*:mcp:github:*?rate=5/h"];

#[test]
fn what_is_no_token_or_none_of_ours_shows_nothing() {
    for text in [
        "",
        "kv1.",
        "kv1.AAAA",
        "kv2.AAAA",
        "AAAA",
        "\u{1b}[31m",
        "é",
    ] {
        assert!(text.parse::<Inspection>().is_err(), "{text}");
    }
    let long = "A".repeat(2 * TOKEN_BYTES_MAX + 1);
    assert_eq!(long.parse::<Inspection>().err(), Some(Refusal::TooLarge));
}

#[test]
fn each_form_is_told_apart() {
    let token = chain(ALL, 1);
    let presented = token
        .invoke(&holder(1), &call("read", "mcp:github:repos"), moment(1))
        .unwrap();
    let bearer = BearerToken::mint(&root(), mint(ALL), &[44; 32]).unwrap();
    let sealed = BearerToken::mint_sealed(&root(), mint(ALL), &[44; 32]).unwrap();
    for (text, form) in [
        (token.to_string(), Form::Open),
        (presented.to_string(), Form::Presentation),
        (bearer.expose_text(), Form::Bearer),
        (sealed.expose_text(), Form::Sealed),
    ] {
        let shown: Inspection = text.parse().unwrap();
        assert_eq!((shown.form(), shown.fault()), (form, None));
        assert_eq!(shown.signed_by(&keys(), now()), Ok(()));
        assert_eq!(shown.invocation().is_some(), form == Form::Presentation);
    }
}

#[test]
fn a_signature_that_does_not_hold_is_told_and_the_rest_is_shown() {
    let token = chain(ALL, 2);
    let mut bytes = token.as_bytes().to_vec();
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    let shown = Inspection::from_bytes(&bytes).unwrap();
    assert_eq!(shown.line().len(), 3);
    let refused = shown.signed_by(&keys(), now());
    assert_eq!(refused, Err(Refusal::Signature { block: 2 }));
}

#[test]
fn what_follows_a_fault_is_not_shown() {
    let mut wide = delegation(2, &["*:**"]);
    wide.why = "to take more".parse().unwrap();
    let forge = Forge::authority(&authority(ALL)).delegation(1, &delegation(1, ALL));
    let wide = forge.clone().delegation(2, &wide);
    let shown = Inspection::from_bytes(&wide.bytes).unwrap();
    assert_eq!(shown.fault(), Some(Refusal::RightWidened { block: 2 }));
    assert_eq!(shown.line().len(), 2);
    assert!(shown.signed_by(&keys(), now()).is_err());

    // An invocation that somebody with the terminal key's secret went on from.
    let terminal = crate::key::HolderKey::from_bytes(&TERMINAL_SECRET);
    let once = invocation(&call("read", "mcp:github:repos"), 1);
    let twice = forge.clone().invocation(1, &once);
    let twice = twice.then(&once, &terminal, &TERMINAL_KEY).present();
    let shown = Inspection::from_bytes(&twice).unwrap();
    assert_eq!(shown.fault(), Some(Refusal::TerminalKey { block: 3 }));

    // A proof with the terminal key's secret, and no invocation.
    let mut none = forge.bytes;
    envelope::prove(&mut none, &TERMINAL_SECRET);
    let shown = Inspection::from_bytes(&none).unwrap();
    assert_eq!(shown.fault(), Some(Refusal::NoInvocation));
}

#[test]
fn a_hop_shows_what_it_allows_and_how_deep() {
    let token = chain(ALL, 1);
    let narrowed = crate::token::Narrowing {
        max_depth: Some(0),
        permissions: Some(vec!["read:mcp:github:repos".parse().unwrap()]),
        ..narrowing(2)
    };
    let token = token
        .delegate(&holder(1), &holder(2).public_key(), narrowed)
        .unwrap();
    let shown: Inspection = token.to_string().parse().unwrap();
    let permissions = |hop| {
        shown
            .permissions(hop)
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(permissions(0), ["*:mcp:github:*?rate=5/h"]);
    assert_eq!(permissions(2), ["read:mcp:github:repos?rate=5/h"]);
    assert!(permissions(3).is_empty());
    assert_eq!(
        [0, 1, 2, 3].map(|hop| shown.max_depth(hop)),
        [Some(4), Some(3), Some(0), None]
    );
    assert_eq!(shown.line()[2].audiences()[0].as_str(), SERVICE);
}
