//! Each way in which a presentation does not hold, with its own reason.

use kavach::token::{Audience, KeySet, Mint, PeerMessage, RootKey, Source, SourceRecord};
use kavach::{CannotDecide, Subject};
use serde_json::json;

use super::*;

#[tokio::test]
async fn another_call_than_the_one_that_was_made_is_refused() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let token = desk.token().await;
    let (args, changed) = (json!({"number": 7}), json!({"number": 8}));
    let presentation = desk.present_with(&token, 0, READ, Some(&args), 1);
    let kavach = desk.kavach();
    for (what, with, want) in [
        ("read mcp:github:issues", Some(&args), "refused: call"),
        ("write mcp:github:repos", Some(&args), "refused: call"),
        (READ, Some(&changed), "refused: arguments"),
        (READ, None, "refused: arguments"),
    ] {
        let answer = match with {
            Some(with) => make_with(kavach, &presentation, what, with.clone()).await,
            None => make(kavach, &presentation, what).await,
        };
        assert_eq!(told(&answer), want, "{what}");
        assert_eq!(answer.to_peer(), Some(PeerMessage::Refused));
    }
    for (audience, want) in [
        ("https://files.example/", "refused: audience"),
        ("https://other.example", "refused: audience"),
    ] {
        let mut call = call(&presentation, READ);
        call.context.audience = Some(audience.to_owned());
        call.context.args = Some(Arc::new(args.clone()));
        assert_eq!(told(&kavach.authorize_call(call).await.unwrap()), want);
    }
    let mut nowhere = call(&presentation, READ);
    nowhere.context.audience = None;
    let refused = kavach.authorize_call(nowhere).await;
    assert!(matches!(refused, Err(CannotDecide::NoAudience)));
    // None of that used it up.
    let answer = make_with(kavach, &presentation, READ, args).await;
    assert_eq!(told(&answer), "allow");
}

#[tokio::test]
async fn a_presentation_holds_from_thirty_seconds_before_until_its_minute_is_over() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let token = desk.token().await;
    let at = |ahead_s, nonce| {
        let moment = Moment {
            at: desk.kavach().now().plus_s(ahead_s),
            ttl_s: 60,
            nonce: Nonce::from_bytes([nonce; 16]),
        };
        let call = kavach::token::Call {
            audience: SERVICE.parse().unwrap(),
            action: "read".parse().unwrap(),
            resource: "mcp:github:repos".parse().unwrap(),
            arguments: ArgumentsHash::of(b""),
        };
        token.invoke(&holder(0), &call, moment).unwrap()
    };
    assert_eq!(desk.decide(&at(31, 1), READ).await, "refused: ahead at 1");
    assert_eq!(desk.decide(&at(30, 2), READ).await, "allow");
    let (last, over) = (at(0, 3), at(0, 4));
    desk.world.clock.advance_s(59);
    assert_eq!(desk.decide(&last, READ).await, "allow");
    desk.world.clock.advance_s(1);
    let answer = desk.make(&over, READ).await;
    assert_eq!(told(&answer), "refused: expired at 1");
    assert_eq!(answer.to_peer(), Some(PeerMessage::OutOfTime));
    desk.world.clock.advance_s(3600 - 60);
    assert!(
        desk.decide(&over, READ)
            .await
            .starts_with("refused: expired")
    );
}

#[tokio::test]
async fn a_root_key_that_is_not_the_tenants_or_counts_no_more_is_refused() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let kavach = desk.kavach();
    let ours = desk.token().await;
    let key_set = kavach.key_set().unwrap();
    // Somebody else's root key, with everything else as ours has it.
    let forged = RootKey::new(1, HolderKey::from_bytes(&[9; 32]));
    let mint = |root: &RootKey| forge(&desk, root, &key_set, 0);
    let presentation = desk.present(&mint(&forged), 0, READ, 1);
    let answer = desk.make(&presentation, READ).await;
    assert_eq!(told(&answer), "refused: signature at 0");
    assert_eq!((answer.agent, answer.holders.len()), (None, 0));
    let unknown = RootKey::new(2, HolderKey::from_bytes(&[9; 32]));
    let presentation = desk.present(&mint(&unknown), 0, READ, 1);
    assert_eq!(
        desk.decide(&presentation, READ).await,
        "refused: unknown_root_key"
    );

    let before = desk.present(&ours, 0, READ, 2);
    kavach.rotate_root_key(10).await.unwrap();
    assert_eq!(desk.decide(&before, READ).await, "allow");
    let overlapped = desk.present(&ours, 0, READ, 3);
    desk.world.clock.advance_s(9);
    assert_eq!(desk.decide(&overlapped, READ).await, "allow");
    desk.world.clock.advance_s(1);
    let late = desk.present(&ours, 0, READ, 4);
    assert_eq!(desk.decide(&late, READ).await, "refused: root_key_time");
    let fresh = desk.token().await;
    assert_eq!(
        fresh.check(&kavach.key_set().unwrap(), kavach.now()),
        Ok(())
    );
    assert_eq!(
        desk.decide(&desk.present(&fresh, 0, READ, 5), READ).await,
        "allow"
    );
}

/// A token as ours are, signed by any key.
fn forge(desk: &Desk, root: &RootKey, keys: &KeySet, generation: u32) -> Token {
    let kavach = desk.kavach();
    let agent = desk.planner.id;
    let now = kavach.now();
    let alice: Subject = "user:alice".parse().unwrap();
    let audience: Audience = SERVICE.parse().unwrap();
    Token::mint(
        root,
        Mint {
            issuer: keys.issuer().clone(),
            id: TokenId::from_bytes([1; 16]),
            agent,
            holder: public(0),
            owner: kavach.subject_id(&alice).unwrap(),
            tenant: kavach.tenant(),
            source: Source {
                record: SourceRecord::Agent(agent),
                generation,
            },
            issued_at: now,
            not_before: now,
            expires_at: now.plus_s(3600),
            max_depth: 4,
            audiences: vec![audience],
            permissions: vec!["*:mcp:github:*".parse().unwrap()],
        },
    )
    .unwrap()
}

#[tokio::test]
async fn a_tenant_without_a_root_key_takes_no_token() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let presentation = desk.present(&desk.token().await, 0, READ, 1);
    let other = desk.kavach().in_tenant(TenantId::from_u128(5));
    let answer = make(&other, &presentation, READ).await;
    assert_eq!(told(&answer), "refused: unknown_root_key");
}

#[tokio::test]
async fn a_token_of_one_tenant_is_none_of_another() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let other = desk.kavach().in_tenant(TenantId::from_u128(5));
    // The same agent, the same holder, the same permissions, and root keys of its own.
    let new = crate::world::new_agent("user:alice", "planner", &["*:mcp:github:*"]);
    let there = other.create_agent(new).await.unwrap();
    register(&other, &there.id, "planner", 0).await;
    let token = other
        .mint(&NewToken::new(there.id, SERVICE))
        .await
        .unwrap()
        .token;
    let presentation = desk.present(&token, 0, READ, 1);
    assert!(
        desk.decide(&presentation, READ)
            .await
            .starts_with("refused: ")
    );
    desk.token().await;
    assert_eq!(
        desk.decide(&presentation, READ).await,
        "refused: signature at 0"
    );
    assert_eq!(told(&make(&other, &presentation, READ).await), "allow");
    // A registration is for one tenant too.
    let registration = Registration::sign(&holder(3), other.tenant(), &name("planner")).unwrap();
    let refused = desk
        .kavach()
        .add_holder_key(&desk.planner.id, &registration)
        .await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_hop_that_takes_a_registered_agents_name_needs_its_live_key() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let kavach = desk.kavach();
    let reader = desk.world.agent("reader", &["read:app:nothing"]).await;
    register(kavach, &reader.id, "reader", 5).await;
    let token = desk.token().await;
    // Holder 1 is somebody else, who is called by the reader's id.
    let passed = desk.pass(&token, 0, &reader.id.to_string());
    let presentation = desk.present(&passed, 1, READ, 1);
    assert_eq!(
        desk.decide(&presentation, READ).await,
        "refused: impostor at 1"
    );
    // Called by the reader's name it is only called so.
    let passed = desk.pass(&token, 0, "reader");
    let answer = desk.make(&desk.present(&passed, 1, READ, 2), READ).await;
    assert_eq!(told(&answer), "allow");
    assert_eq!(answer.agent, Some(desk.planner.id));
    assert_eq!(answer.holders[1].agent, None);
    let said = answer.holders[1].to_string();
    assert!(said.contains("called reader by its delegator"), "{said}");
    // With its own key it is the reader, once that is registered.
    register(kavach, &reader.id, "reader", 1).await;
    let passed = desk.pass(&token, 0, &reader.id.to_string());
    let answer = desk.make(&desk.present(&passed, 1, READ, 3), READ).await;
    assert_eq!(told(&answer), "allow");
    assert_eq!(answer.agent, Some(reader.id));
    // And what its stored grants give it is never added.
    let presentation = Presentation::clone(&desk.present(&passed, 1, READ, 4));
    assert_eq!(
        desk.decide(&presentation, "read app:nothing").await,
        "refused: call"
    );
}

#[tokio::test]
async fn bytes_that_are_no_presentation_are_refused_and_recorded() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let token = desk.token().await;
    let good = desk.present(&token, 0, READ, 1);
    let text = good.to_string();
    // One character off, as base64 still.
    let place = text.len() / 2;
    let other = if &text[place..=place] == "A" {
        "B"
    } else {
        "A"
    };
    let changed = [&text[..place], other, &text[place + 1..]].concat();
    let before = desk.world.events().await.len();
    for text in ["AAAA", &changed] {
        let presentation: Presentation = text.parse().unwrap();
        assert!(
            desk.decide(&presentation, READ)
                .await
                .starts_with("refused: "),
            "{text}"
        );
    }
    assert_eq!(desk.world.events().await.len(), before + 2);
    assert_eq!(desk.decide(&good, READ).await, "allow");
}
