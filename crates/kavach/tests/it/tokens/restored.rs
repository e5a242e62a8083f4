//! What becomes of tokens, keys and lists when a store is restored from a backup.

use std::io::Cursor;

use kavach::backup::{Export, Reopening, backup, restore};
use kavach::token::{RevocationList, Revocations};
use kavach::{Format, MasterKey, MemoryStore, Revocable, TokenError};

use super::*;
use crate::world::{name, subject};

fn key() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}

/// Loses the store after `since`, and makes it anew from a backup from before it. Answers what was exported.
async fn lose(desk: &Desk, since: impl AsyncFnOnce(&Desk)) -> (Desk, Vec<u8>) {
    let mut file = Cursor::new(Vec::new());
    let clock = &*desk.world.clock;
    backup(
        &*desk.world.store,
        &mut file,
        Some(&key()),
        clock,
        &mut |_| (),
    )
    .await
    .unwrap();
    clock.advance_s(10);
    since(desk).await;
    let mut trail = Vec::new();
    desk.kavach()
        .export(
            kavach::audit::Query::default(),
            Format::Jsonl,
            &mut trail,
            &mut |_| (),
        )
        .await
        .unwrap();
    let store = MemoryStore::new();
    restore(&mut file, &store, Some(&key()), clock, &mut |_| ())
        .await
        .unwrap();
    let world = World::over(store, Arc::clone(&desk.world.clock), Some(7)).await;
    let planner = Created::clone(&desk.planner);
    (Desk { world, planner }, trail)
}

async fn reopen(desk: &Desk, trail: &[u8]) {
    let export = Export::new("trail.jsonl", Cursor::new(trail.to_vec()));
    let with = Reopening::by(subject("user:alice")).export(export);
    desk.kavach().reopen(with).await.unwrap();
}

async fn accept(desk: &Desk) {
    let words = desk.kavach().restoration().unwrap().acceptance();
    let with = Reopening::by(subject("user:alice")).accept_loss(words);
    desk.kavach().reopen(with).await.unwrap();
}

#[tokio::test]
async fn nothing_is_signed_before_it_is_reopened() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    desk.token().await;
    let (restored, _) = lose(&desk, async |_| ()).await;
    let minted = restored.kavach().mint(&restored.new_token()).await;
    assert!(
        matches!(minted, Err(TokenError::StoreRestored)),
        "{minted:?}"
    );
    let list = restored.kavach().sign_revocations().await;
    assert!(matches!(list, Err(TokenError::StoreRestored)), "{list:?}");
    accept(&restored).await;
    restored.token().await;
    restored.kavach().sign_revocations().await.unwrap();
}

#[tokio::test]
async fn a_token_from_before_does_not_count_and_a_new_one_does() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let token = desk.token().await;
    let (restored, _) = lose(&desk, async |_| ()).await;
    let before = restored.present(&token, 0, READ, 1);
    assert_eq!(restored.decide(&before, READ).await, "deny: store_restored");
    accept(&restored).await;
    let answer = restored.decide(&before, READ).await;
    assert!(answer.starts_with("refused: "), "{answer}");
    let fresh = restored.token().await;
    let after = restored.present(&fresh, 0, READ, 2);
    assert_eq!(restored.decide(&after, READ).await, "allow");
}

#[tokio::test]
async fn keys_that_were_removed_and_tokens_that_were_revoked_stay_so() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let token = desk.token().await;
    let what = Revocable::Token(token.line()[0].id());
    let (restored, trail) = lose(&desk, async |desk| {
        let kavach = desk.kavach();
        // One that the backup knows, and one that came after it.
        register(kavach, &desk.planner.id, "planner", 1).await;
        for number in [0, 1] {
            let removed = kavach
                .remove_holder_key(&desk.planner.id, &public(number))
                .await;
            removed.unwrap();
        }
        kavach.revoke_tokens(what).await.unwrap();
    })
    .await;
    reopen(&restored, &trail).await;
    assert_eq!(restored.kavach().revoked_tokens(), [what]);
    for number in [0, 1] {
        let registration = Registration::sign(
            &holder(number),
            restored.kavach().tenant(),
            &name("planner"),
        );
        let added = restored
            .kavach()
            .add_holder_key(&restored.planner.id, &registration.unwrap())
            .await;
        assert!(
            added
                .unwrap_err()
                .to_string()
                .contains("never is one again"),
            "{number}"
        );
    }
}

#[tokio::test]
async fn a_verifier_that_knows_a_later_list_takes_the_next_one_and_none_before_it() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    desk.token().await;
    let first = desk.kavach().sign_revocations().await.unwrap();
    let mut latest = 0;
    let (restored, _) = lose(&desk, async |desk| {
        for number in 1..5 {
            let id = TokenId::from_bytes([number; 16]);
            desk.kavach()
                .revoke_tokens(Revocable::Token(id))
                .await
                .unwrap();
            latest = desk.kavach().sign_revocations().await.unwrap().version;
        }
    })
    .await;
    assert_eq!((first.version, latest), (1, 5));
    accept(&restored).await;
    let list = restored.kavach().sign_revocations().await.unwrap();
    assert!(list.version > 1_000_000_000, "{}", list.version);
    let again = restored.kavach().sign_revocations().await.unwrap();
    assert_eq!(again.version, list.version, "nothing changed");
    let keys = restored.kavach().key_set().unwrap();
    let now = restored.kavach().now();
    let mut followed = Revocations::following(60, latest + 1);
    followed.update(&list.text, &keys, now).unwrap();
    // Under the keys from before, it is nobody's.
    let before = desk.kavach().key_set().unwrap();
    assert!(RevocationList::open(&list.text, &before, now).is_err());
    // And a restored store that is restored again goes on above that.
    let (again, _) = lose(&restored, async |_| ()).await;
    accept(&again).await;
    let next = again.kavach().sign_revocations().await.unwrap();
    assert!(next.version > list.version);
}
