//! Erasing a person, whatever else goes on.

use std::pin::Pin;

use kavach::audit::Private;
use kavach::store::{Call as Verb, Fault, Gate, Space, When};
use kavach::{Authorization, CannotDecide, TenantId};

use super::{ADDRESS, address, all_bytes, call, holds, shown};
use crate::world::{On, World, new_agent, poll_once, scan, sealed_events, subject};

type Answer = Pin<Box<dyn Future<Output = Result<Authorization, CannotDecide>>>>;

#[tokio::test]
async fn an_address_is_sealed_and_shown_until_the_person_is_erased() {
    for on in [On::Memory, On::Redb] {
        let world = World::with_master_key(on, Some(7)).await;
        let agent = world.agent("agent", &["read:app:*"]).await.id;
        let others = new_agent("user:bob", "other", &["read:app:*"]);
        let other = world.kavach.create_agent(others).await.unwrap().id;
        let answer = world
            .kavach
            .authorize_call(call(agent, ADDRESS))
            .await
            .unwrap();
        let mapped = world
            .kavach
            .authorize_call(call(other, "::ffff:198.51.100.9"))
            .await
            .unwrap();
        assert!(answer.is_allowed() && mapped.is_allowed());
        assert_eq!(address(&world.kavach, &answer).await, ADDRESS);
        assert_eq!(
            address(&world.kavach, &mapped).await,
            "198.51.100.9",
            "in canonical form"
        );
        assert!(
            !holds(&all_bytes(&world).await, ADDRESS),
            "the address lies in clear"
        );

        let (alice, size) = (subject("user:alice"), world.check_log().await);
        let id = world.kavach.subject_id(&alice).unwrap();
        world.kavach.erase_subject(&alice).await.unwrap();
        assert_eq!(address(&world.kavach, &answer).await, "Erased");
        assert_eq!(
            address(&world.kavach, &mapped).await,
            "198.51.100.9",
            "somebody else's stays"
        );
        assert_eq!(world.check_log().await, size + 1, "the log still verifies");
        assert!(
            !holds(&all_bytes(&world).await, "user:alice"),
            "the name is still there"
        );
        assert_eq!(
            scan(&*world.store, Space::quiet("private_field"))
                .await
                .len(),
            1
        );
        assert_eq!(
            scan(&*world.store, Space::quiet("person_key")).await.len(),
            1
        );
        assert_eq!(world.kavach.subject(&id), None);
        assert_eq!(world.kavach.subject_id(&alice), None);
    }
}

#[tokio::test]
async fn the_agents_of_an_erased_person_go_on_and_nothing_is_kept_of_where_from() {
    for on in [On::Memory, On::Redb] {
        let world = World::with_master_key(on, Some(7)).await;
        let agent = world.agent("agent", &["read:app:*"]).await.id;
        let answer = world
            .kavach
            .authorize_call(call(agent, ADDRESS))
            .await
            .unwrap();
        let alice = subject("user:alice");
        let id = world.kavach.subject_id(&alice).unwrap();
        world.kavach.erase_subject(&alice).await.unwrap();
        let later = world
            .kavach
            .authorize_call(call(agent, ADDRESS))
            .await
            .unwrap();
        assert!(later.is_allowed());
        assert_eq!(address(&world.kavach, &later).await, "None");
        assert_eq!(later.line[0], id.to_string());
        let event = world.events().await.pop().unwrap();
        let sentence = world.kavach.sentence(&event, &Private::Erased);
        assert!(sentence.contains("delegated by erased at"), "{sentence}");
        assert!(
            sentence.ends_with("; address and note: erased"),
            "{sentence}"
        );

        let world = world.reopen().await;
        assert_eq!(address(&world.kavach, &answer).await, "Erased");
        // Who comes back is somebody new.
        world.agent("again", &[]).await;
        assert_ne!(world.kavach.subject_id(&alice), Some(id));
    }
}

#[tokio::test]
async fn erasing_races_deciding_and_leaves_nothing() {
    for polls in 0..12 {
        let world = World::with_master_key(On::Memory, Some(7)).await;
        let agent = world.agent("agent", &["read:app:*"]).await.id;
        let alice = subject("user:alice");
        // One call before, so that the key is known, or not.
        if polls % 2 == 0 {
            let first = world
                .kavach
                .authorize_call(call(agent, ADDRESS))
                .await
                .unwrap();
            assert!(first.is_allowed());
        }
        let mut waiting: Vec<Answer> = Vec::new();
        let mut erase: Pin<Box<dyn Future<Output = _>>> =
            Box::pin(world.kavach.erase_subject(&alice));
        for round in 0..polls {
            let kavach = world.kavach.clone();
            let mut answer: Answer =
                Box::pin(async move { kavach.authorize_call(call(agent, ADDRESS)).await });
            if poll_once(&mut answer).is_pending() {
                waiting.push(answer);
            }
            if round % 2 == 1 {
                let _ = poll_once(&mut erase);
            }
            tokio::task::yield_now().await;
        }
        erase.await.unwrap();
        for answer in waiting {
            assert!(answer.await.unwrap().is_allowed(), "{polls}");
        }
        let left = scan(&*world.store, Space::quiet("private_field")).await;
        assert!(
            left.is_empty(),
            "{polls}: {} addresses are left",
            left.len()
        );
        for sealed in sealed_events(&*world.store, &[TenantId::DEFAULT]).await {
            let private = shown(world.kavach.private(&sealed.event).await);
            assert!(
                ["None", "Erased"].contains(&private.as_str()),
                "{polls}: {private}"
            );
        }
        world.check_log().await;
        world.check_graph().await;
    }
}

#[tokio::test]
async fn a_call_that_lands_while_a_person_is_erased_leaves_nothing() {
    let world = World::with_master_key(On::Memory, Some(7)).await;
    let agent = world.agent("agent", &["read:app:*"]).await.id;
    let alice = subject("user:alice");
    let gate = Gate::new();
    // What is sealed was looked for and found to be nothing; the name is still there.
    let held = Fault::HeldAfter(gate.clone());
    world.faults.inject(Verb::Scan, When::Nth(1), held);
    let mut erase: Pin<Box<dyn Future<Output = _>>> = Box::pin(world.kavach.erase_subject(&alice));
    let between = async {
        gate.arrived(1).await;
        let answer = world
            .kavach
            .authorize_call(call(agent, ADDRESS))
            .await
            .unwrap();
        assert_eq!(address(&world.kavach, &answer).await, ADDRESS);
        gate.open();
        answer
    };
    assert!(poll_once(&mut erase).is_pending());
    let (done, answer) = tokio::join!(erase, between);
    done.unwrap();
    assert_eq!(address(&world.kavach, &answer).await, "Erased");
    for space in ["private_field", "person_key"] {
        assert!(
            scan(&*world.store, Space::quiet(space)).await.is_empty(),
            "{space}"
        );
    }
}

#[tokio::test]
async fn erasing_that_failed_can_be_called_again() {
    for failing in 1..=3 {
        let world = World::with_master_key(On::Memory, Some(7)).await;
        let agent = world.agent("agent", &["read:app:*"]).await.id;
        let alice = subject("user:alice");
        let answer = world
            .kavach
            .authorize_call(call(agent, ADDRESS))
            .await
            .unwrap();
        world
            .faults
            .inject(Verb::Commit, When::Nth(failing), Fault::Unavailable);
        world.kavach.erase_subject(&alice).await.unwrap_err();
        assert!(
            world.kavach.subject_id(&alice).is_some(),
            "it can still be said who"
        );
        world.faults.clear();
        world.kavach.erase_subject(&alice).await.unwrap();
        assert_eq!(address(&world.kavach, &answer).await, "Erased");
        assert!(
            scan(&*world.store, Space::quiet("private_field"))
                .await
                .is_empty()
        );
    }
    // The name is gone, and what is left over cannot be opened.
    let world = World::with_master_key(On::Memory, Some(7)).await;
    let agent = world.agent("agent", &["read:app:*"]).await.id;
    let answer = world
        .kavach
        .authorize_call(call(agent, ADDRESS))
        .await
        .unwrap();
    world
        .faults
        .inject(Verb::Commit, When::Nth(4), Fault::Unavailable);
    world
        .kavach
        .erase_subject(&subject("user:alice"))
        .await
        .unwrap();
    assert_eq!(address(&world.kavach, &answer).await, "Erased");
}

/// A page that is free keeps its bytes until it is used again: a name in clear, and a key that only the
/// master key opens. So they may lie in the file for some commits more, and not for ever.
#[tokio::test]
async fn the_file_of_an_erased_person_is_clean_once_its_free_pages_were_used_again() {
    let world = World::with_master_key(On::Redb, Some(7)).await;
    let agents = new_agent("user:alice-whose-name-is-long", "agent", &["read:app:*"]);
    let agent = world.kavach.create_agent(agents).await.unwrap().id;
    let answer = world
        .kavach
        .authorize_call(call(agent, ADDRESS))
        .await
        .unwrap();
    for number in 0..60 {
        let other = new_agent(
            &format!("user:other{number}"),
            &format!("other{number}"),
            &[],
        );
        world.kavach.create_agent(other).await.unwrap();
    }
    let keys = scan(&*world.store, Space::quiet("person_key")).await;
    let key = keys.values().next().unwrap().clone();
    let path = world.file();
    let left = || {
        let file = std::fs::read(&path).unwrap();
        assert!(!holds(&file, ADDRESS), "an address was written in clear");
        let key_left = file
            .windows(key.len())
            .any(|window| window == key.as_slice());
        (holds(&file, "alice-whose-name-is-long"), key_left)
    };
    assert_eq!(left(), (true, true), "this looks where nothing is");
    let alice = subject("user:alice-whose-name-is-long");
    world.kavach.erase_subject(&alice).await.unwrap();
    let mut commits = 0;
    while left() != (false, false) {
        let what = format!("read app:x{commits}");
        assert_eq!(world.decide(agent, &what).await, "allow");
        commits += 1;
        assert!(commits < 2_000, "it is never used again: {:?}", left());
    }
    println!("name and key were gone from the file {commits} commits after the person was erased");
    assert_eq!(address(&world.kavach, &answer).await, "Erased");
    let world = world.reopen().await;
    assert_eq!(left(), (false, false));
    assert_eq!(world.check_log().await, 63 + commits);
}
