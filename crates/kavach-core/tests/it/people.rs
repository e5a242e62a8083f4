//! What people may do in Kavach itself.

use kavach_core::{Action, Reason, Resource, Subject, SubjectId, Timestamp};

use crate::world::{TENANT, World, at, permissions};

const BOB: SubjectId = SubjectId::from_u128(7);

fn bob() -> Subject {
    Subject::user("bob").unwrap()
}

fn grant(world: &mut World, texts: &[&str]) {
    let change = world
        .graph
        .grant_owner(TENANT, &bob(), BOB, &permissions(texts), world.now);
    world.commit(change).unwrap();
}

fn may(world: &World, what: &str, now: Timestamp) -> bool {
    let (action, resource) = what.split_once(' ').unwrap();
    let (action, resource): (Action, Resource) =
        (action.parse().unwrap(), resource.parse().unwrap());
    let owner = world.graph.owner(TENANT, BOB).unwrap();
    owner.may(&action, &resource, now)
}

const APPROVE: &str = "approve app:kavach:approvals";

#[test]
fn a_person_may_what_they_were_granted_and_nothing_else() {
    let mut world = World::new();
    grant(&mut world, &["approve:app:kavach:*"]);
    for (what, want) in [
        (APPROVE, true),
        ("approve app:kavach:x", true),
        ("deny app:kavach:approvals", false),
        ("approve app:kavach", false),
        ("approve app:kavach:approvals:x", false),
        ("Approve app:kavach:approvals", false),
    ] {
        assert_eq!(may(&world, what, world.now), want, "{what}");
    }
    grant(&mut world, &[]);
    assert!(!may(&world, APPROVE, world.now));
}

#[test]
fn a_persons_permission_ends_at_its_second() {
    let mut world = World::new();
    grant(
        &mut world,
        &["approve:app:kavach:*?expires=2026-01-01T00:01:00Z"],
    );
    assert!(may(&world, APPROVE, at("2026-01-01T00:00:59Z")));
    assert!(!may(&world, APPROVE, at("2026-01-01T00:01:00Z")));
}

#[test]
fn a_persons_weekly_times_are_half_open() {
    let mut world = World::new();
    grant(
        &mut world,
        &["approve:app:kavach:*?window=thu+09:00-17:00+UTC"],
    );
    for (time, want) in [
        ("2026-01-01T08:59:59Z", false),
        ("2026-01-01T09:00:00Z", true),
        ("2026-01-01T16:59:59Z", true),
        ("2026-01-01T17:00:00Z", false),
        ("2026-01-02T09:00:00Z", false),
    ] {
        assert_eq!(may(&world, APPROVE, at(time)), want, "{time}");
    }
}

#[test]
fn what_cannot_be_held_against_a_person_is_refused() {
    let world = World::new();
    let refused = |who: &str, texts: &[&str]| {
        let change = world.graph.grant_owner(
            TENANT,
            &who.parse().unwrap(),
            BOB,
            &permissions(texts),
            world.now,
        );
        change.unwrap_err().reason
    };
    for bound in [
        "rate=1/h",
        "rate=0/h",
        "budget=1/day",
        "ip=10.0.0.0/8",
        "approve",
        "min_trust=limited",
        "depth=0",
        "args/x.max=1",
    ] {
        let text = format!("approve:app:kavach:*?{bound}");
        assert_eq!(refused("user:bob", &[&text]), Reason::WrongState, "{bound}");
    }
    assert_eq!(
        refused("service:bot", &["approve:app:kavach:*"]),
        Reason::WrongState
    );
    let over = "approve:app:kavach:*?expires=2026-01-01T00:00:00Z";
    assert_eq!(refused("user:bob", &[over]), Reason::TimeInPast);
    let many: Vec<String> = (0..257)
        .map(|number| format!("read:app:{number}"))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(refused("user:bob", &many), Reason::LimitReached);
}

#[test]
fn off_boarding_takes_everything_and_reinstating_gives_nothing_back() {
    let mut world = World::new();
    grant(&mut world, &["approve:app:kavach:*"]);
    let change = world.graph.revoke_owner(TENANT, &bob(), BOB);
    world.commit(change).unwrap();
    assert!(!may(&world, APPROVE, world.now));
    let given = permissions(&["approve:app:kavach:*"]);
    let refused = world
        .graph
        .grant_owner(TENANT, &bob(), BOB, &given, world.now);
    assert_eq!(refused.unwrap_err().reason, Reason::OwnerRevoked);

    let change = world.graph.reinstate_owner(TENANT, &bob());
    world.commit(change).unwrap();
    assert!(!may(&world, APPROVE, world.now));
    assert_eq!(world.graph.owner(TENANT, BOB).unwrap().generation, 1);
    grant(&mut world, &["approve:app:kavach:*"]);
    assert!(may(&world, APPROVE, world.now));
    // A number is never given out twice.
    let owner = world.graph.owner(TENANT, BOB).unwrap();
    assert_eq!(owner.grants.iter().next().unwrap().id, 2);
}

#[test]
fn a_person_who_was_met_keeps_their_id_and_their_agents_get_nothing() {
    let mut world = World::new();
    let mut draft = world.agent_draft("hers", &["read:mcp:a"]);
    draft.owner = world.owner("bob");
    let agent = world.create(draft);
    let known = world.graph.subject_id(TENANT, &bob()).unwrap();
    grant(&mut world, &["*:**"]);
    assert_eq!(world.graph.subject_id(TENANT, &bob()), Some(known));
    let owner = world.graph.owner(TENANT, known).unwrap();
    assert_eq!(owner.grants.len(), 1);
    assert_eq!(
        world.ask(agent, "write", "mcp:a"),
        crate::world::denied(Reason::NoMatchingGrant)
    );
}
