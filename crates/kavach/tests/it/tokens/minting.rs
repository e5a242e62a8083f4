//! Tokens are of at most what their agent may do.

use kavach::token::{Inspection, SourceRecord};
use kavach::{Leaf, Minted, TokenError};

use super::*;

fn words(minted: Result<Minted, TokenError>) -> String {
    minted.unwrap_err().to_string()
}

fn allowed(token: &Token) -> Vec<String> {
    let shown: Inspection = token.to_string().parse().unwrap();
    shown
        .permissions(0)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[tokio::test]
async fn what_cannot_be_minted_is_refused_and_recorded() {
    let desk = Desk::new(&["read:mcp:github:*"]).await;
    let kavach = desk.kavach();
    let mint = async |new: NewToken| words(kavach.mint(&new).await);
    let new = || desk.new_token();
    assert!(
        mint(new().allow("write:mcp:github:*").unwrap())
            .await
            .contains("wider")
    );
    assert!(
        mint(new().key(public(1)))
            .await
            .contains("not a live holder key")
    );
    assert!(mint(new().audience("")).await.contains("audiences"));
    assert!(mint(new().ttl_s(0)).await.contains("times"));
    let reader = desk.world.agent("reader", &["read:app:x"]).await.id;
    assert!(
        mint(NewToken::new(reader, SERVICE))
            .await
            .contains("no holder key")
    );
    let nobody = AgentId::from_parts(9, 9);
    assert!(
        mint(NewToken::new(nobody, SERVICE))
            .await
            .contains("no such agent")
    );
    assert!(
        mint(new().via(Leaf::Root(reader)))
            .await
            .contains("no line")
    );
    register(kavach, &desk.planner.id, "planner", 1).await;
    assert!(mint(new()).await.contains("several holder keys"));
    kavach.suspend_agent(&desk.planner.id).await.unwrap();
    assert!(mint(new().key(public(0))).await.contains("no line"));
    let events = desk.world.events().await;
    let refused = events
        .iter()
        .filter(|event| event.kind.code() == "token.minted" && event.outcome.code() == "refused");
    assert_eq!(refused.count(), 7);
}

#[tokio::test]
async fn without_a_master_key_there_are_no_root_keys() {
    let world = World::on_memory().await;
    let planner = world.agent("planner", &["read:mcp:github:*"]).await;
    register(&world.kavach, &planner.id, "planner", 0).await;
    let refused = world.kavach.mint(&NewToken::new(planner.id, SERVICE)).await;
    assert!(matches!(refused, Err(TokenError::NoMasterKey)));
    assert!(matches!(
        world.kavach.rotate_root_key(0).await,
        Err(TokenError::NoMasterKey)
    ));
    assert!(matches!(
        world.kavach.sign_revocations().await,
        Err(TokenError::NoRootKey)
    ));
    assert!(world.kavach.key_set().is_none());
}

#[tokio::test]
async fn a_token_says_what_the_line_gives_and_no_more() {
    let desk = Desk::new(&[]).await;
    let kavach = desk.kavach();
    let lead = desk
        .world
        .agent("lead", &["read,write:mcp:github:*?rate=5/h"])
        .await;
    let given = crate::world::new_delegation(&["read:mcp:github:*?approve"])
        .ttl_s(600)
        .max_depth(1);
    let given = kavach
        .delegate(&lead.id, &desk.planner.id, given)
        .await
        .unwrap();
    let minted = kavach.mint(&desk.new_token()).await.unwrap();
    assert_eq!(minted.leaf, Leaf::Delegation(given.id));
    assert_eq!(minted.expires_at, kavach.now().plus_s(600));
    let shown: Inspection = minted.token.to_string().parse().unwrap();
    assert_eq!(shown.source().record, SourceRecord::Delegation(given.id));
    assert_eq!(shown.max_depth(0), Some(1));
    assert_eq!(
        allowed(&minted.token),
        ["read:mcp:github:*?approve&rate=5/h"]
    );
    assert_eq!(
        shown.signed_by(&kavach.key_set().unwrap(), kavach.now()),
        Ok(())
    );
    // A part of it, for less long.
    let part = desk.new_token().ttl_s(60).max_depth(0);
    let part = part.allow("*:mcp:**").unwrap().attenuate();
    let minted = kavach.mint(&part).await.unwrap();
    assert_eq!(minted.expires_at, kavach.now().plus_s(60));
    let narrowed: Vec<String> = allowed(&minted.token);
    assert_eq!(narrowed, ["read:mcp:github:*?approve&rate=5/h"]);
    let refused = minted.token.delegate(
        &holder(0),
        &public(1),
        Narrowing {
            id: TokenId::from_bytes([1; 16]),
            to: "next".parse().unwrap(),
            why: "".parse().unwrap(),
            at: kavach.now(),
            expires_at: None,
            max_depth: None,
            audiences: None,
            permissions: None,
            mode: Mode::Strict,
        },
    );
    assert!(refused.is_err());
    assert_ne!(minted.id, kavach.mint(&desk.new_token()).await.unwrap().id);
}

#[tokio::test]
async fn root_keys_are_sealed_and_found_again() {
    let desk = Desk::on(On::Redb, &["read:mcp:github:*"]).await;
    let first = desk.token().await;
    let keys = desk.kavach().root_keys();
    assert_eq!(keys.len(), 1);
    let Desk { world, planner } = desk;
    let world = world.reopen().await;
    let desk = Desk { world, planner };
    let second = desk.token().await;
    assert_eq!(desk.kavach().root_keys(), keys);
    let published = desk.kavach().key_set().unwrap();
    for token in [&first, &second] {
        assert_eq!(token.check(&published, desk.kavach().now()), Ok(()));
    }
    // What lies in the store is no secret key of this public one.
    let secrets = kavach::store::Space::quiet("token_root_secret");
    let sealed = crate::world::scan(&*desk.world.store, secrets).await;
    assert_eq!(sealed.len(), 1);
    for bytes in sealed.values() {
        let mut parts = bytes.windows(32);
        let secret = |part: &[u8]| HolderKey::from_bytes(part.try_into().unwrap()).public_key();
        assert!(!parts.any(|part| secret(part) == keys[0].key));
    }
    desk.kavach().rotate_root_key(0).await.unwrap();
    let sealed = crate::world::scan(&*desk.world.store, secrets).await;
    assert_eq!(sealed.len(), 1, "the secret of the one before is gone");
}

#[tokio::test]
async fn rotated_root_keys_are_listed_with_their_ends() {
    let desk = Desk::new(&["read:mcp:github:*"]).await;
    let kavach = desk.kavach();
    kavach.rotate_root_key(0).await.unwrap();
    kavach.rotate_root_key(3600).await.unwrap();
    desk.world.clock.advance_s(10);
    let set = kavach.rotate_root_key(u64::MAX).await.unwrap();
    let keys = kavach.root_keys();
    let ends: Vec<_> = keys.iter().map(|key| (key.id, key.expires_at)).collect();
    let now = kavach.now();
    let longest = now.plus_s(30 * 86_400);
    assert_eq!(
        ends,
        [(1, Some(now.plus_s(3590))), (2, Some(longest)), (3, None)]
    );
    assert_eq!(kavach.key_set(), Some(set));
}

#[tokio::test]
async fn notes_of_tokens_that_are_over_are_cleared_away() {
    let minted = kavach::store::Space::quiet("token_minted");
    let desk = Desk::new(&["read:mcp:github:*"]).await;
    for _ in 0..8 {
        desk.kavach()
            .mint(&desk.new_token().ttl_s(60))
            .await
            .unwrap();
    }
    desk.world.clock.advance_s(119);
    desk.token().await;
    assert_eq!(
        crate::world::scan(&*desk.world.store, minted).await.len(),
        9
    );
    desk.world.clock.advance_s(2);
    desk.token().await;
    assert_eq!(
        crate::world::scan(&*desk.world.store, minted).await.len(),
        6
    );
}
