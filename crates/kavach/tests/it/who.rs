//! Asking the other way round, on a node that changes.

use kavach::{AgentId, Context, Decision, Reason};

use crate::world::World;

fn who(world: &World, resource: &str) -> Vec<(AgentId, Decision)> {
    let (action, resource) = ("read".parse().unwrap(), resource.parse().unwrap());
    let found = world
        .kavach
        .who_can(&action, &resource, &Context::default())
        .unwrap();
    assert!(found.complete && found.agents.is_sorted_by_key(|(agent, _)| *agent));
    found.agents
}

#[tokio::test]
async fn the_list_follows_every_change_after_the_first_question() {
    let world = World::on_memory().await;
    let first = world.agent("first", &["read:app:*"]).await.id;
    assert_eq!(who(&world, "app:x"), [(first, Decision::Allow)]);
    let second = world.agent("second", &["read:app:x"]).await.id;
    let third = world.agent("third", &["read:**"]).await.id;
    let allow = |agent: AgentId| (agent, Decision::Allow);
    let all = |agents: &[AgentId]| {
        let mut agents = agents.to_vec();
        agents.sort_unstable();
        agents.into_iter().map(allow).collect::<Vec<_>>()
    };
    assert_eq!(who(&world, "app:x"), all(&[first, second, third]));
    world.kavach.revoke_agent(&second).await.unwrap();
    assert_eq!(who(&world, "app:x"), all(&[first, third]));
    world.kavach.suspend_agent(&third).await.unwrap();
    assert_eq!(who(&world, "app:x"), [allow(first)]);
    world.kavach.resume_agent(&third).await.unwrap();
    assert_eq!(who(&world, "app:x"), all(&[first, third]));
}

#[tokio::test]
async fn a_limit_that_is_used_up_is_named_and_asking_charges_nothing() {
    let world = World::on_memory().await;
    let agent = world.agent("agent", &["read:app:x?rate=1/h"]).await.id;
    for _ in 0..3 {
        assert_eq!(who(&world, "app:x"), [(agent, Decision::Allow)]);
    }
    assert_eq!(world.decide(agent, "read app:x").await, "allow");
    let used_up = Decision::Deny(Reason::RateUsedUp);
    assert_eq!(who(&world, "app:x"), [(agent, used_up)]);
}
