//! Two months of real calls, on a clock that the test moves.

use kavach::{AgentId, TrustLevel};

use super::{DAY_S, READ, part};
use crate::world::World;

/// From 8 to 18 each day, some calls.
async fn works(world: &World, agent: &AgentId, calls: usize) {
    world.clock.advance_s(8 * 60 * 60);
    for _ in 0..10 {
        world.times(calls, agent, READ).await;
        world.clock.advance_s(60 * 60);
    }
    world.clock.advance_s(6 * 60 * 60);
}

#[tokio::test]
async fn an_agent_rises_to_the_top_and_a_thief_brings_it_down_in_a_night() {
    let mut world = World::on_memory().await;
    let permissions = ["read:app:x", "read:app:payroll:*?min_trust=trusted"];
    let agent = world.agent("worker", &permissions).await.id;
    // It begins at ten; the next day at midnight.
    world.clock.advance_s(14 * 60 * 60);
    let mut reached = vec![world.trust(&agent).level];
    for day in 0..45 {
        works(&world, &agent, 3).await;
        let level = world.trust(&agent).level;
        if reached.last() != Some(&level) {
            reached.push(level);
        }
        if day % 20 == 10 {
            world = world.reopen().await;
        }
    }
    let rise = [
        TrustLevel::Standard,
        TrustLevel::Trusted,
        TrustLevel::Elevated,
    ];
    assert_eq!(reached, rise);
    assert_eq!(world.decide(&agent, "read app:payroll:1").await, "allow");

    // At three in the morning somebody else looks around.
    let before = world.score(&agent);
    world.clock.advance_s(3 * 60 * 60);
    world.times(40, &agent, READ).await;
    for number in 0..60 {
        let _ = world
            .authorize(&agent, &format!("write app:secrets:{number}"))
            .await;
    }
    for number in 2..6 {
        let _ = world
            .authorize(&agent, &format!("read app:payroll:{number}"))
            .await;
    }
    let trust = world.trust(&agent);
    assert!(trust.level < TrustLevel::Trusted, "{trust:?}");
    assert!(trust.score + 20 < before, "{trust:?}");
    for code in ["denials", "bursts", "unusual_hours"] {
        assert!(part(&trust, code) < 0, "{code}: {trust:?}");
    }
    assert_eq!(
        world.decide(&agent, "read app:payroll:7").await,
        "deny: trust_too_low"
    );

    // The same from the store, and a month later hardly anything is left of it.
    let world = world.reopen().await;
    assert_eq!(world.trust(&agent), trust);
    for _ in 0..30 {
        works(&world, &agent, 3).await;
    }
    assert!(
        world.score(&agent) + 5 >= before,
        "{:?}",
        world.trust(&agent)
    );
    world.clock.advance_s(64 * DAY_S);
    assert_eq!(
        world.score(&agent),
        59,
        "ten for service, and one less for an old secret"
    );
}
