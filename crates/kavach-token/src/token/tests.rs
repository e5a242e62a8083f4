//! What a holder may pass on, and what nobody is given.

use kavach_core::{Mode, Reason};

use super::*;
use crate::key::HolderKey;
use crate::scene::{
    SERVICE, audience, call, chain, holder, keys, mint, minted, moment, narrowing, now, root,
};

const ALL: &[&str] = &["*:mcp:github:*"];

fn key(number: u8) -> PublicKey {
    holder(number).public_key()
}

/// What comes of passing `held` on, changed so.
fn narrowed(held: &[&str], change: impl FnOnce(&mut Narrowing)) -> Result<Token, IssueError> {
    let mut narrowing = narrowing(1);
    change(&mut narrowing);
    minted(held).delegate(&holder(0), &key(1), narrowing)
}

fn texts(permissions: &[&str]) -> Option<Vec<Permission>> {
    Some(
        permissions
            .iter()
            .map(|text| text.parse().unwrap())
            .collect(),
    )
}

/// The permissions of a token, without their bounds.
fn shown(token: &Token) -> Vec<String> {
    let permissions = token.permissions(now()).into_iter().map(|mut permission| {
        permission.constraints.expires_at = None;
        permission.constraints.max_depth = None;
        permission.to_string()
    });
    permissions.collect()
}

#[test]
fn strict_refuses_what_is_wider_and_names_it() {
    let refused = narrowed(ALL, |narrowing| {
        narrowing.permissions = texts(&["read:mcp:github:repos", "read:mcp:gitlab:repos"]);
    });
    let Err(IssueError::Narrowing(refusal)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refusal.reason, Reason::WiderThanParent);
    assert!(refusal.message.contains("mcp:gitlab:repos"), "{refusal}");
}

#[test]
fn attenuate_gives_the_part_that_is_held() {
    let token = narrowed(&["read:mcp:github:*", "write:mcp:gitlab:*"], |narrowing| {
        narrowing.permissions = texts(&["*:mcp:*:repos"]);
        narrowing.mode = Mode::Attenuate;
    });
    let mut permissions = shown(&token.unwrap());
    permissions.sort_unstable();
    assert_eq!(
        permissions,
        ["read:mcp:github:repos", "write:mcp:gitlab:repos"]
    );
    let nothing = narrowed(ALL, |narrowing| {
        narrowing.permissions = texts(&["read:mcp:gitlab:repos"]);
        narrowing.mode = Mode::Attenuate;
    });
    assert!(
        matches!(nothing, Err(IssueError::Narrowing(refusal)) if refusal.reason == Reason::NothingLeft)
    );
}

#[test]
fn a_request_that_two_grants_cover_together_is_split() {
    let token = narrowed(&["read:mcp:github:*", "write:mcp:github:*"], |narrowing| {
        narrowing.permissions = texts(&["read,write:mcp:github:repos"]);
    });
    let mut permissions = shown(&token.unwrap());
    permissions.sort_unstable();
    assert_eq!(
        permissions,
        ["read:mcp:github:repos", "write:mcp:github:repos"]
    );
}

#[test]
fn constraints_are_inherited_and_never_lost() {
    let held = ["read:mcp:github:*?ip=10.0.0.0/8&rate=20/h"];
    let token = narrowed(&held, |narrowing| {
        narrowing.permissions = texts(&["read:mcp:github:repos?ip=10.1.0.0/16"]);
    });
    assert_eq!(
        shown(&token.unwrap()),
        ["read:mcp:github:repos?ip=10.1.0.0/16&rate=20/h"]
    );
    let wider = narrowed(&held, |narrowing| {
        narrowing.permissions = texts(&["read:mcp:github:repos?rate=21/h"]);
    });
    assert!(matches!(wider, Err(IssueError::Narrowing(_))));
}

#[test]
fn a_right_that_may_not_be_passed_on_is_not() {
    let held = ["read:mcp:github:*?depth=0", "write:mcp:github:*?depth=1"];
    let once = narrowed(&held, |_| {}).unwrap();
    assert_eq!(shown(&once), ["write:mcp:github:*"]);
    let twice = once.delegate(&holder(1), &key(2), narrowing(2));
    assert!(matches!(twice, Err(IssueError::Permissions)), "{twice:?}");
}

#[test]
fn a_token_may_be_passed_on_as_deep_as_it_says() {
    let token = narrowed(ALL, |narrowing| narrowing.max_depth = Some(0)).unwrap();
    let deeper = token.delegate(&holder(1), &key(2), narrowing(2));
    assert!(matches!(deeper, Err(IssueError::Depth)));
    let wider = narrowed(ALL, |narrowing| narrowing.max_depth = Some(4));
    assert!(matches!(wider, Err(IssueError::Depth)));
    assert!(narrowed(ALL, |narrowing| narrowing.max_depth = Some(3)).is_ok());
}

#[test]
fn a_chain_of_fourteen_delegations_and_a_call_is_sixteen_blocks() {
    let mut deep = mint(&["read:mcp:github:*"]);
    deep.max_depth = 14;
    let mut token = Token::mint(&root(), deep).unwrap();
    for number in 1..=14 {
        token = token
            .delegate(&holder(number - 1), &key(number), narrowing(number))
            .unwrap();
    }
    // However deep, what is shown of it can be read again, and passed on.
    for hop in token.line() {
        assert!(hop.key().to_string().len() == 64 && !hop.party().to_string().is_empty());
    }
    let shown = |token: &Token| {
        let permissions = token.permissions(now());
        let texts = permissions.iter().map(ToString::to_string);
        texts
            .map(|text| {
                let again: Permission = text.parse().unwrap();
                assert_eq!(again.to_string(), text);
                text
            })
            .collect::<Vec<_>>()
    };
    assert!(shown(&token)[0].contains("depth=0"), "{:?}", shown(&token));
    let mut deep = mint(&["read:mcp:github:*"]);
    deep.max_depth = 14;
    let first = Token::mint(&root(), deep).unwrap();
    assert!(shown(&first)[0].contains("depth=8"), "{:?}", shown(&first));
    let more = token.delegate(&holder(14), &key(15), narrowing(15));
    assert!(matches!(more, Err(IssueError::Depth)));
    let call = call("read", "mcp:github:repos");
    let presentation = token.invoke(&holder(14), &call, moment(1)).unwrap();
    let verified = crate::scene::verify_at(presentation.as_bytes(), &call, now()).unwrap();
    assert_eq!(
        (verified.line().len(), verified.work().signatures),
        (15, 16)
    );
}

#[test]
fn times_and_audiences_are_narrowed_too() {
    let until = now().plus_s(3601);
    let later = |narrowing: &mut Narrowing| narrowing.expires_at = Some(until);
    assert!(matches!(narrowed(ALL, later), Err(IssueError::Times)));
    let token = narrowed(ALL, |narrowing| {
        later(narrowing);
        narrowing.mode = Mode::Attenuate;
    });
    assert_eq!(token.unwrap().expires_at(), now().plus_s(3600));
    let evil = Some(vec![audience(SERVICE), audience("https://evil.example")]);
    let refused = narrowed(ALL, |narrowing| narrowing.audiences.clone_from(&evil));
    assert!(matches!(refused, Err(IssueError::Audience)));
    let token = narrowed(ALL, |narrowing| {
        narrowing.audiences = evil;
        narrowing.mode = Mode::Attenuate;
    });
    assert_eq!(token.unwrap().line()[1].audiences(), [audience(SERVICE)]);
    let nobody = narrowed(ALL, |narrowing| narrowing.audiences = Some(vec![]));
    assert!(matches!(nobody, Err(IssueError::Audience)));
}

#[test]
fn only_the_holder_passes_on_or_calls() {
    let token = minted(ALL);
    let stranger = token.delegate(&holder(5), &key(1), narrowing(1));
    assert!(matches!(stranger, Err(IssueError::NotTheHolder)));
    let call = call("read", "mcp:github:repos");
    let stranger = token.invoke(&holder(5), &call, moment(1));
    assert!(matches!(stranger, Err(IssueError::NotTheHolder)));
}

#[test]
fn nobody_is_given_a_token_twice_in_one_chain_nor_the_terminal_key() {
    let token = chain(ALL, 1);
    for taken in [
        key(0),
        key(1),
        PublicKey::from_bytes(&TERMINAL_KEY).unwrap(),
    ] {
        let refused = token.delegate(&holder(1), &taken, narrowing(2));
        assert!(matches!(refused, Err(IssueError::Key)));
    }
}

#[test]
fn a_call_that_the_token_does_not_allow_is_not_signed() {
    let token = minted(&["read:mcp:github:*"]);
    let mut elsewhere = call("read", "mcp:github:repos");
    elsewhere.audience = audience("https://evil.example");
    for wrong in [
        call("write", "mcp:github:repos"),
        call("read", "mcp:gitlab:repos"),
        elsewhere,
    ] {
        let made = token.invoke(&holder(0), &wrong, moment(1));
        assert!(matches!(made, Err(IssueError::NotAllowed)));
    }
    for ttl_s in [0, 61] {
        let moment = Moment { ttl_s, ..moment(1) };
        let made = token.invoke(&holder(0), &call("read", "mcp:github:repos"), moment);
        assert!(matches!(made, Err(IssueError::Times)));
    }
}

#[test]
fn a_token_is_not_minted_from_parts_that_do_not_fit() {
    let changed = |change: fn(&mut Mint)| {
        let mut mint = mint(ALL);
        change(&mut mint);
        Token::mint(&root(), mint)
            .err()
            .map(|error| error.to_string())
    };
    let said = |error: IssueError| Some(error.to_string());
    assert_eq!(changed(|_| {}), None);
    assert_eq!(
        changed(|mint| mint.expires_at = now()),
        said(IssueError::Times)
    );
    assert_eq!(changed(|mint| mint.max_depth = 15), said(IssueError::Depth));
    assert_eq!(
        changed(|mint| mint.audiences.clear()),
        said(IssueError::Audience)
    );
    assert_eq!(
        changed(|mint| mint.permissions.clear()),
        said(IssueError::Permissions)
    );
    assert_eq!(
        changed(|mint| mint.holder = root().public_key()),
        said(IssueError::Key)
    );
    let terminal = |mint: &mut Mint| mint.holder = PublicKey::from_bytes(&TERMINAL_KEY).unwrap();
    assert_eq!(changed(terminal), said(IssueError::Key));
}

#[test]
fn a_delegatee_looks_at_what_it_was_given() {
    let token = chain(ALL, 2);
    let again: Token = token.to_string().parse().unwrap();
    assert_eq!(again.as_bytes(), token.as_bytes());
    assert_eq!(again.check(&keys(), now()), Ok(()));
    assert_eq!(
        again.check(&keys(), now().plus_s(3600)),
        Err(Refusal::Expired { block: 2 })
    );
    let bytes = token.as_bytes();
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.to_vec();
        changed[at] ^= 4;
        let read = Token::from_bytes(&changed).and_then(|token| token.check(&keys(), now()));
        assert!(read.is_err(), "byte {at}");
    }
}

#[test]
fn a_signer_that_signs_wrongly_is_found_at_once() {
    struct Broken(HolderKey);
    impl Sign for Broken {
        fn public_key(&self) -> PublicKey {
            self.0.public_key()
        }
        fn sign(&self, _message: &[u8]) -> Result<crate::Signature, crate::SignError> {
            self.0.sign(b"something else")
        }
    }
    let broken = Broken(holder(0));
    let made = minted(ALL).delegate(&broken, &key(1), narrowing(1));
    assert!(matches!(
        made,
        Err(IssueError::Sign(crate::SignError::Wrong))
    ));
}

#[test]
fn a_hop_adds_few_bytes() {
    // Ten grants of one shape, and ten of three. The first hop brings the words of the checks.
    let names = [
        "issues", "pulls", "actions", "wiki", "labels", "teams", "hooks", "keys", "pages", "gists",
    ];
    let one: Vec<String> = names
        .iter()
        .map(|name| format!("read:mcp:github:{name}"))
        .collect();
    let mixed = names.iter().zip(["", "*", ":**"].iter().cycle());
    let mixed: Vec<String> = mixed
        .map(|(name, ending)| format!("read:mcp:github:{name}{ending}"))
        .collect();
    for (permissions, most) in [(one, [950, 800]), (mixed, [1_250, 1_100])] {
        let permissions: Vec<&str> = permissions.iter().map(String::as_str).collect();
        let mut token = minted(&["*:**"]);
        let mut added = Vec::new();
        for number in 1..=2 {
            let mut narrowing = narrowing(number);
            narrowing.permissions = texts(&permissions);
            let narrower = token
                .delegate(&holder(number - 1), &key(number), narrowing)
                .unwrap();
            added.push(narrower.as_bytes().len() - token.as_bytes().len());
            token = narrower;
        }
        assert!(
            added[0] <= most[0] && added[1] <= most[1],
            "{added:?} bytes"
        );
    }
}

/// Bytes of the last block of `token`: around its contents, its strings, its facts but the last `rights`, those,
/// and its checks.
fn parts(token: &Token, rights: usize) -> [usize; 5] {
    let envelope = Envelope::read(token.as_bytes()).unwrap();
    let payload = envelope.blocks.last().unwrap().payload;
    let mut reader = crate::wire::Reader::new(payload);
    let mut left = payload.len();
    let mut since = |reader: &crate::wire::Reader<'_>| {
        let bytes = left - reader.left();
        left = reader.left();
        bytes
    };
    while reader.optional_bytes(1).unwrap().is_some() {}
    let strings = since(&reader);
    reader.integer(3).unwrap();
    let mut facts = vec![since(&reader)];
    while reader.optional_bytes(4).unwrap().is_some() {
        facts.push(since(&reader));
    }
    let (others, rights) = facts.split_at(facts.len() - rights);
    let [others, rights] = [others, rights].map(|facts| facts.iter().sum());
    let begins = envelope.blocks[envelope.blocks.len() - 2].end;
    let around = token.as_bytes().len() - begins - payload.len();
    [around, strings, others, rights, reader.left()]
}

#[test]
fn the_page_says_where_the_bytes_of_a_hop_are() {
    let names = [
        "issues", "pulls", "actions", "wiki", "labels", "teams", "hooks", "keys", "pages", "gists",
    ];
    let permissions = names.map(|name| format!("read:mcp:github:{name}"));
    let permissions: Vec<&str> = permissions.iter().map(String::as_str).collect();
    let mut narrowing = narrowing(1);
    narrowing.permissions = texts(&permissions);
    let first = minted(&["*:mcp:github:*"]);
    let first = first.delegate(&holder(0), &key(1), narrowing).unwrap();
    let mut further = crate::scene::narrowing(2);
    further.audiences = None;
    let second = first.delegate(&holder(1), &key(2), further).unwrap();
    assert_eq!(parts(&first, 10), [112, 138, 152, 300, 191]);
    assert_eq!(parts(&second, 10), [112, 10, 152, 300, 191]);
}

#[test]
fn an_open_token_in_the_hand_of_everybody_is_none() {
    let mut first = crate::scene::authority(ALL);
    first.holder = TERMINAL_KEY;
    let forge = crate::scene::Forge::authority(&first);
    let read = Token::from_bytes(&forge.bytes);
    assert_eq!(read.err(), Some(Refusal::TerminalKey { block: 0 }));
}
