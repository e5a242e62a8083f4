//! Holder keys: whose they are, and until when.

use kavach::token::TERMINAL_SECRET;
use kavach::{ChangeError, Leaf};

use super::*;

fn refused<T: std::fmt::Debug>(made: Result<T, ChangeError>) -> Reason {
    match made {
        Err(ChangeError::Refused(refusal)) => refusal.reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_key_is_one_agents_and_once_removed_nobodys() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let kavach = desk.kavach();
    let reader = desk.world.agent("reader", &[]).await.id;
    let planner = desk.planner.id;
    let proof = |number, called: &str| {
        Registration::sign(&holder(number), kavach.tenant(), &name(called)).unwrap()
    };
    // Somebody else's proof, and a proof for somebody else.
    let add = async |agent, registration| kavach.add_holder_key(agent, &registration).await;
    assert_eq!(
        refused(add(&reader, proof(1, "planner")).await),
        Reason::WrongState
    );
    assert_eq!(
        refused(add(&reader, proof(0, "reader")).await),
        Reason::WrongState
    );
    assert_eq!(
        refused(add(&planner, proof(0, "planner")).await),
        Reason::WrongState
    );
    let nobody = AgentId::from_parts(9, 9);
    assert_eq!(
        refused(add(&nobody, proof(1, "reader")).await),
        Reason::NotFound
    );
    add(&reader, proof(1, "reader")).await.unwrap();
    assert_eq!(
        refused(kavach.remove_holder_key(&planner, &public(1)).await),
        Reason::NotFound
    );
    kavach.remove_holder_key(&reader, &public(1)).await.unwrap();
    assert_eq!(
        refused(kavach.remove_holder_key(&reader, &public(1)).await),
        Reason::AlreadyRevoked
    );
    assert_eq!(
        refused(add(&reader, proof(1, "reader")).await),
        Reason::WrongState
    );
    assert_eq!(
        refused(add(&planner, proof(1, "planner")).await),
        Reason::WrongState
    );
    let keys = kavach.holder_keys(&reader);
    assert_eq!(keys.len(), 1);
    assert_eq!(
        (keys[0].key, keys[0].removed_at),
        (public(1), Some(kavach.now()))
    );
    let terminal = HolderKey::from_bytes(&TERMINAL_SECRET);
    assert!(Registration::sign(&terminal, kavach.tenant(), &name("reader")).is_err());
}

#[tokio::test]
async fn eight_keys_live_at_a_time_and_not_for_the_dead() {
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let kavach = desk.kavach();
    let planner = desk.planner.id;
    for number in 1..8 {
        register(kavach, &planner, "planner", number).await;
    }
    let ninth = Registration::sign(&holder(8), kavach.tenant(), &name("planner")).unwrap();
    assert_eq!(
        refused(kavach.add_holder_key(&planner, &ninth).await),
        Reason::LimitReached
    );
    kavach
        .remove_holder_key(&planner, &public(3))
        .await
        .unwrap();
    kavach.suspend_agent(&planner).await.unwrap();
    kavach.add_holder_key(&planner, &ninth).await.unwrap();
    kavach.revoke_agent(&planner).await.unwrap();
    let tenth = Registration::sign(&holder(9), kavach.tenant(), &name("planner")).unwrap();
    assert_eq!(
        refused(kavach.add_holder_key(&planner, &tenth).await),
        Reason::AlreadyRevoked
    );
}

#[tokio::test]
async fn many_that_register_at_once_pass_no_bound_and_share_no_key() {
    let desk = Desk::new(&[]).await;
    let kavach = desk.kavach();
    let reader = desk.world.agent("reader", &[]).await.id;
    let racers = (1..30).map(|number| {
        let (kavach, reader, planner) = (kavach.clone(), reader, desk.planner.id);
        tokio::spawn(async move {
            let (agent, called) = if number % 2 == 0 {
                (reader, "reader")
            } else {
                (planner, "planner")
            };
            let proof = Registration::sign(&holder(number / 2 + 1), kavach.tenant(), &name(called))
                .unwrap();
            kavach.add_holder_key(&agent, &proof).await.is_ok()
        })
    });
    let racers: Vec<_> = racers.collect();
    for racer in racers {
        racer.await.unwrap();
    }
    let keys = [reader, desk.planner.id].map(|agent| kavach.holder_keys(&agent));
    assert!(keys.iter().all(|keys| keys.len() <= 8));
    let shared = keys[0]
        .iter()
        .filter(|known| keys[1].iter().any(|other| other.key == known.key));
    assert_eq!(shared.count(), 0);
}

#[tokio::test]
async fn a_key_that_was_removed_ends_all_that_went_through_it() {
    let desk = Desk::on(On::Redb, &["*:mcp:github:*"]).await;
    let kavach = desk.kavach();
    let reader = desk.world.agent("reader", &[]).await.id;
    register(kavach, &reader, "reader", 1).await;
    let token = desk.token().await;
    let passed = desk.pass(&token, 0, &reader.to_string());
    let further = desk.pass(&passed, 1, "next");
    let unseen = desk.pass(&further, 2, "last");
    for (number, token) in [(1, &passed), (2, &further)] {
        let presentation = desk.present(token, number, READ, number);
        assert_eq!(desk.decide(&presentation, READ).await, "allow");
    }
    kavach.remove_holder_key(&reader, &public(1)).await.unwrap();
    let check = async |desk: &Desk, nonce| {
        for (number, token, want) in [
            (0, &token, "allow"),
            (1, &passed, "refused: impostor at 1"),
            (2, &further, "refused: impostor at 1"),
            (3, &unseen, "refused: impostor at 1"),
        ] {
            let presentation = desk.present(token, number, READ, nonce + number);
            assert_eq!(desk.decide(&presentation, READ).await, want, "{number}");
        }
        // By another name it is the same key.
        let renamed = desk.pass(&token, 0, "innocent");
        let presentation = desk.present(&renamed, 1, READ, nonce + 9);
        assert_eq!(
            desk.decide(&presentation, READ).await,
            "refused: revoked at 1"
        );
    };
    check(&desk, 10).await;
    let Desk { world, planner } = desk;
    let desk = Desk {
        world: world.reopen().await,
        planner,
    };
    check(&desk, 30).await;
    // The planner's own key is the first holder's.
    let planner = desk.planner.id;
    desk.kavach()
        .remove_holder_key(&planner, &public(0))
        .await
        .unwrap();
    let presentation = desk.present(&token, 0, READ, 50);
    assert_eq!(
        desk.decide(&presentation, READ).await,
        "refused: impostor at 0"
    );
    let none = desk
        .kavach()
        .mint(&desk.new_token().via(Leaf::Root(planner)))
        .await;
    assert!(none.unwrap_err().to_string().contains("no holder key"));
}

#[tokio::test]
async fn no_token_is_minted_for_a_key_that_is_taken_away_meanwhile() {
    use crate::world::poll_once;
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let kavach = desk.kavach();
    desk.token().await;
    let (planner, key) = (desk.planner.id, public(0));
    let mut removing = Box::pin(kavach.remove_holder_key(&planner, &key));
    assert!(poll_once(&mut removing).is_pending());
    // It is there when the token is worked out, and gone when that is to be recorded.
    assert_eq!(kavach.holder_keys(&planner)[0].removed_at, None);
    let new = desk.new_token();
    let minted = kavach.mint(&new).await;
    removing.await.unwrap();
    assert!(minted.unwrap_err().to_string().contains("no holder key"));
}
