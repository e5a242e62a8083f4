//! A presentation counts once.

use kavach::{ManualClock, MasterKey, MemoryStore, Revocable, Sharing, Timestamp};

use super::*;
use crate::world::time;

#[tokio::test]
async fn a_presentation_counts_once_whatever_the_answer() {
    for on in [On::Memory, On::Redb] {
        let desk = Desk::on(on, &["*:mcp:github:*"]).await;
        let token = desk.token().await;
        let presentation = desk.present(&token, 0, READ, 1);
        assert_eq!(desk.decide(&presentation, READ).await, "allow");
        assert_eq!(desk.decide(&presentation, READ).await, "refused: replayed");
        // Another one with the same nonce, by the same holder, is the same.
        desk.world.clock.advance_s(1);
        let again = desk.present(&token, 0, READ, 1);
        assert_eq!(desk.decide(&again, READ).await, "refused: replayed");
        // What the line denies is used up too.
        let presentation = desk.present(&token, 0, READ, 2);
        desk.kavach().suspend_agent(&desk.planner.id).await.unwrap();
        assert_eq!(
            desk.decide(&presentation, READ).await,
            "deny: agent_suspended"
        );
        desk.kavach().resume_agent(&desk.planner.id).await.unwrap();
        assert_eq!(desk.decide(&presentation, READ).await, "refused: replayed");
    }
}

#[tokio::test]
async fn it_stays_used_over_a_restart() {
    let desk = Desk::on(On::Redb, &["*:mcp:github:*"]).await;
    let token = desk.token().await;
    let [used, fresh] = [1, 2].map(|nonce| desk.present(&token, 0, READ, nonce));
    assert_eq!(desk.decide(&used, READ).await, "allow");
    let Desk { world, planner } = desk;
    let desk = Desk {
        world: world.reopen().await,
        planner,
    };
    assert_eq!(desk.decide(&used, READ).await, "refused: replayed");
    assert_eq!(desk.decide(&fresh, READ).await, "allow");
}

#[tokio::test]
async fn two_nodes_on_one_store_take_it_once_and_know_what_the_other_revoked() {
    let store = MemoryStore::new();
    let clock = Arc::new(ManualClock::new(time(crate::world::NOW)));
    let open = || async {
        let builder = Kavach::builder(store.clone()).clock(Arc::clone(&clock) as _);
        let builder = builder.master_key(MasterKey::from_bytes([7; 32]));
        builder.shared(Sharing::default()).open().await.unwrap()
    };
    let (one, other) = (open().await, open().await);
    let new = crate::world::new_agent("user:alice", "planner", &["*:mcp:github:*"]);
    let planner = one.create_agent(new).await.unwrap();
    register(&one, &planner.id, "planner", 0).await;
    // Both make the first root key, and it is one.
    let new = NewToken::new(planner.id, SERVICE);
    let (minted, again) = tokio::join!(one.mint(&new), other.mint(&new));
    let (token, again) = (minted.unwrap().token, again.unwrap().token);
    assert_eq!(one.root_keys().len(), 1);
    let now = one.now();
    let presentation = present(&token, 1, now);
    assert_eq!(told(&make(&one, &presentation, READ).await), "allow");
    assert_eq!(
        told(&make(&other, &presentation, READ).await),
        "refused: replayed"
    );
    assert_eq!(
        told(&make(&other, &present(&again, 3, now), READ).await),
        "allow"
    );
    let presentation = present(&token, 2, now);
    let racers = (0..16).map(|number| {
        let kavach = if number % 2 == 0 {
            one.clone()
        } else {
            other.clone()
        };
        let presentation = presentation.clone();
        tokio::spawn(async move { told(&make(&kavach, &presentation, READ).await) })
    });
    check_one_winner(racers.collect()).await;
    let what = Revocable::Token(token.line()[0].id());
    let revoked = one.revoke_tokens(what).await.unwrap();
    let mut late = call(&present(&token, 4, now), READ);
    late.at_least = Some(revoked.revision);
    let answer = other.authorize_call(late).await.unwrap();
    assert_eq!(told(&answer), "refused: revoked at 0");
    let removed = other
        .remove_holder_key(&planner.id, &public(0))
        .await
        .unwrap();
    let mut late = call(&present(&again, 5, now), READ);
    late.at_least = Some(removed.revision);
    let answer = one.authorize_call(late).await.unwrap();
    assert_eq!(told(&answer), "refused: impostor at 0");
}

fn present(token: &Token, nonce: u8, now: Timestamp) -> Presentation {
    let call = kavach::token::Call {
        audience: SERVICE.parse().unwrap(),
        action: "read".parse().unwrap(),
        resource: "mcp:github:repos".parse().unwrap(),
        arguments: ArgumentsHash::of(b""),
    };
    let nonce = Nonce::from_bytes([nonce; 16]);
    let moment = Moment {
        at: now,
        ttl_s: 60,
        nonce,
    };
    token.invoke(&holder(0), &call, moment).unwrap()
}

async fn check_one_winner(racers: Vec<tokio::task::JoinHandle<String>>) {
    let mut allowed = 0;
    for racer in racers {
        match racer.await.unwrap().as_str() {
            "allow" => allowed += 1,
            "refused: replayed" => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(allowed, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_that_present_the_same_one_is_allowed() {
    for on in [On::Memory, On::Redb] {
        let desk = Desk::on(on, &["*:mcp:github:*"]).await;
        let presentation = desk.present(&desk.token().await, 0, READ, 1);
        let racers = (0..64).map(|_| {
            let (kavach, presentation) = (desk.kavach().clone(), presentation.clone());
            tokio::spawn(async move { told(&make(&kavach, &presentation, READ).await) })
        });
        check_one_winner(racers.collect()).await;
        desk.world.check_log().await;
    }
}

#[tokio::test]
async fn what_is_over_is_cleared_away() {
    use crate::world::scan;
    let desk = Desk::new(&["*:mcp:github:*"]).await;
    let uses = kavach::store::Space::quiet("token_use");
    let ends = kavach::store::Space::quiet("token_use_end");
    let token = desk
        .kavach()
        .mint(&desk.new_token().ttl_s(86_400))
        .await
        .unwrap()
        .token;
    for nonce in 0..20 {
        let presentation = desk.present(&token, 0, READ, nonce);
        assert_eq!(desk.decide(&presentation, READ).await, "allow");
    }
    assert_eq!(scan(&*desk.world.store, uses).await.len(), 20);
    // For another minute they are kept: clocks that are corrected go back.
    desk.world.clock.advance_s(119);
    assert_eq!(
        desk.decide(&desk.present(&token, 0, READ, 30), READ).await,
        "allow"
    );
    assert_eq!(scan(&*desk.world.store, uses).await.len(), 21);
    desk.world.clock.advance_s(60);
    for nonce in 31..41 {
        let presentation = desk.present(&token, 0, READ, nonce);
        assert_eq!(desk.decide(&presentation, READ).await, "allow");
    }
    assert_eq!(scan(&*desk.world.store, uses).await.len(), 11);
    assert_eq!(scan(&*desk.world.store, ends).await.len(), 11);
}

#[tokio::test]
async fn it_stays_used_if_the_node_dies_between_the_commit_and_the_answer() {
    use kavach::store::{Call as StoreCall, Fault, Gate, When};
    let desk = Desk::on(On::Redb, &["*:mcp:github:*"]).await;
    let token = desk.token().await;
    let [lost, doubtful, undone] = [1, 2, 3].map(|nonce| desk.present(&token, 0, READ, nonce));
    let gate = Gate::new();
    let held = Fault::HeldAfter(gate.clone());
    desk.world
        .faults
        .inject(StoreCall::Commit, When::Nth(1), held);
    let (kavach, presentation) = (desk.kavach().clone(), lost.clone());
    let answering = tokio::spawn(async move { make(&kavach, &presentation, READ).await });
    gate.arrived(1).await;
    answering.abort();
    assert!(answering.await.is_err());
    gate.open();
    // Nobody knows whether it was done; it was. And it was not.
    let faults = &desk.world.faults;
    faults.inject(StoreCall::Commit, When::Nth(1), Fault::UnknownDone);
    assert_eq!(desk.decide(&doubtful, READ).await, "allow");
    faults.inject(StoreCall::Commit, When::Nth(1), Fault::UnknownNotDone);
    assert_eq!(desk.decide(&undone, READ).await, "deny: audit_unavailable");
    let Desk { world, planner } = desk;
    let desk = Desk {
        world: world.reopen().await,
        planner,
    };
    for presentation in [&lost, &doubtful] {
        assert_eq!(desk.decide(presentation, READ).await, "refused: replayed");
    }
    // What was never recorded was never answered, and counts once.
    assert_eq!(desk.decide(&undone, READ).await, "allow");
    assert_eq!(desk.decide(&undone, READ).await, "refused: replayed");
    desk.world.check_log().await;
}

#[tokio::test]
async fn a_node_that_does_not_know_what_others_changed_takes_none() {
    use kavach::store::{Call as StoreCall, Fault, Faults, FaultyStore, When};
    let store: Arc<dyn kavach::Store> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::new(time(crate::world::NOW)));
    let faults = Faults::new();
    let builder = Kavach::builder(FaultyStore::new(store, faults.clone()));
    let builder = builder.clock(Arc::clone(&clock) as _);
    let builder = builder.master_key(MasterKey::from_bytes([7; 32]));
    let kavach = builder.shared(Sharing::default()).open().await.unwrap();
    let new = crate::world::new_agent("user:alice", "planner", &["*:mcp:github:*"]);
    let planner = kavach.create_agent(new).await.unwrap();
    register(&kavach, &planner.id, "planner", 0).await;
    let token = kavach
        .mint(&NewToken::new(planner.id, SERVICE))
        .await
        .unwrap()
        .token;
    faults.inject(StoreCall::Changes, When::Each, Fault::Unavailable);
    clock.advance_s(1);
    let presentation = present(&token, 1, kavach.now());
    assert_eq!(
        told(&make(&kavach, &presentation, READ).await),
        "deny: stale_state"
    );
    faults.clear();
    let presentation = present(&token, 2, kavach.now());
    assert_eq!(told(&make(&kavach, &presentation, READ).await), "allow");
}
