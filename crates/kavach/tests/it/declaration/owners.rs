//! What people may do in Kavach itself, in a file.

use kavach::declare::{ApplyError, Declaration, DeclaredOwner, Place};

use super::{plain, pruning, told};
use crate::world::{World, subject};

const APPROVE: &str = "approve:app:kavach:approvals";

fn owners(owners: &[(&str, &[&str])]) -> Declaration {
    let owners = owners.iter().map(|(name, permissions)| DeclaredOwner {
        subject: subject(name),
        permissions: permissions
            .iter()
            .map(|text| text.parse().unwrap())
            .collect(),
    });
    Declaration {
        owners: owners.collect(),
        ..Declaration::default()
    }
}

async fn held(world: &World, name: &str) -> Vec<String> {
    let owner = world.kavach.owner(&subject(name)).unwrap();
    owner
        .grants
        .permissions()
        .map(ToString::to_string)
        .collect()
}

#[tokio::test]
async fn people_get_what_is_declared_and_the_same_again_changes_nothing() {
    let world = World::on_memory().await;
    let file = owners(&[("user:bob", &[APPROVE]), ("user:carol", &[])]);
    let applied = world.kavach.apply(&file, &plain()).await.unwrap();
    assert_eq!(told(&applied).len(), 2);
    assert_eq!(held(&world, "user:bob").await, [APPROVE]);
    let events = world.events().await.len();
    let again = world.kavach.apply(&file, &plain()).await.unwrap();
    assert!(!again.is_change());
    assert_eq!(world.events().await.len(), events);

    let other = owners(&[("user:bob", &["read:app:x"]), ("user:carol", &[])]);
    assert!(
        world
            .kavach
            .apply(&other, &plain())
            .await
            .unwrap()
            .is_change()
    );
    assert_eq!(held(&world, "user:bob").await, ["read:app:x"]);
    world.check_log().await;
}

#[tokio::test]
async fn who_is_no_longer_named_is_stripped_only_where_that_is_asked_for() {
    let world = World::on_memory().await;
    let file = owners(&[("user:bob", &[APPROVE])]);
    world.kavach.apply(&file, &plain()).await.unwrap();
    // Carol was let by hand: no file takes that from her.
    let permission = [APPROVE.parse().unwrap()];
    world
        .kavach
        .grant_owner(&subject("user:carol"), &permission)
        .await
        .unwrap();

    let nobody = owners(&[]);
    assert!(
        !world
            .kavach
            .apply(&nobody, &plain())
            .await
            .unwrap()
            .is_change()
    );
    assert_eq!(held(&world, "user:bob").await, [APPROVE]);
    assert!(
        world
            .kavach
            .apply(&nobody, &pruning())
            .await
            .unwrap()
            .is_change()
    );
    assert!(held(&world, "user:bob").await.is_empty());
    assert_eq!(held(&world, "user:carol").await, [APPROVE]);
    assert!(
        !world
            .kavach
            .apply(&nobody, &pruning())
            .await
            .unwrap()
            .is_change()
    );
}

#[tokio::test]
async fn what_cannot_be_is_told_with_its_place_and_changes_nothing() {
    let world = World::on_memory().await;
    world
        .kavach
        .revoke_owner(&subject("user:gone"))
        .await
        .unwrap();
    let file = owners(&[
        ("user:bob", &[APPROVE]),
        ("user:bob", &[APPROVE]),
        ("user:gone", &[APPROVE]),
        ("service:bot", &[APPROVE]),
        ("user:eve", &["approve:app:kavach:approvals?rate=1/h"]),
    ]);
    let ApplyError::Rejected(problems) = world.kavach.apply(&file, &plain()).await.unwrap_err()
    else {
        panic!("it was not rejected");
    };
    let places: Vec<Place> = problems.iter().map(|problem| problem.place).collect();
    assert_eq!(
        places,
        [
            Place::Owner(1, "name"),
            Place::Owner(2, "name"),
            Place::Owner(3, "permissions"),
            Place::Owner(4, "permissions"),
        ]
    );
    assert!(world.kavach.owner(&subject("user:bob")).is_none());
}

#[tokio::test]
async fn an_owner_of_an_agent_in_the_same_file_is_one_person() {
    let world = World::on_memory().await;
    let mut file = owners(&[("user:alice", &[APPROVE])]);
    file.agents = vec![super::agent("worker", &["read:app:x"])];
    world.kavach.apply(&file, &plain()).await.unwrap();
    assert_eq!(held(&world, "user:alice").await, [APPROVE]);
    let agent = world.kavach.find_agent("worker").unwrap();
    assert_eq!(
        Some(agent.owner),
        world.kavach.subject_id(&subject("user:alice"))
    );
    world.reopen().await.check_graph().await;
}
