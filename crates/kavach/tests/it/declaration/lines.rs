//! Delegations in a file: by which line, in which order, and how much of it.

use kavach::declare::{Declaration, DeclaredDelegation, DeclaredEnd, DeclaredVia, Place};
use kavach::{DelegationId, Mode};

use super::{agent, apply, by, file, given, nothing, plain, refused};
use crate::world::{World, name, permissions};

#[tokio::test]
async fn the_order_of_delegations_does_not_count() {
    // `b` and `c` are declared, and hold nothing but what they are given.
    let agents = || {
        [
            agent("a", &["read:app:**"]),
            agent("b", &[]),
            agent("c", &[]),
        ]
    };
    let delegations = [
        given("a", "b", &["read:app:*"]),
        given("b", "c", &["read:app:x"]),
        given("c", "d", &["read:app:x"]),
        given("d", "e", &["read:app:x"]),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        let world = World::on_memory().await;
        let file = file(agents(), order.map(|place| delegations[place].clone()));
        let steps = apply(&world, &file, &plain()).await;
        let wanted = order.map(|place| {
            let DeclaredDelegation { from, to, .. } = &delegations[place];
            format!("create delegation {from} -> {to}")
        });
        for (step, want) in steps[3..].iter().zip(wanted) {
            assert!(
                step.starts_with(&want),
                "steps stand in the order of the file: {steps:?}"
            );
        }
        nothing(&world, &file, &plain()).await;
        assert_eq!(world.decide(&name("e"), "read app:x").await, "allow");
    }
}

#[tokio::test]
async fn agents_may_pass_on_to_each_other_in_a_ring() {
    for turned in [false, true] {
        let world = World::on_memory().await;
        let root = |given| by(DeclaredVia::Root, given);
        let mut ring = vec![
            root(given("a", "b", &["read:app:x"])),
            root(given("b", "c", &["read:app:y"])),
            given("c", "a", &["read:app:y"]),
        ];
        if turned {
            ring.reverse();
        }
        let agents = [
            agent("a", &["read:app:x"]),
            agent("b", &["read:app:y"]),
            agent("c", &[]),
        ];
        let ring = file(agents, ring);
        apply(&world, &ring, &plain()).await;
        nothing(&world, &ring, &plain()).await;
        assert_eq!(world.decide(&name("a"), "read app:y").await, "allow");
    }
    let world = World::on_memory().await;
    let ring = file(
        [],
        [
            given("x", "y", &["read:app:x"]),
            given("y", "x", &["read:app:x"]),
        ],
    );
    let words = "there is no agent";
    refused(
        &world,
        &ring,
        &plain(),
        &[
            (Place::Delegation(0, "from"), words),
            (Place::Delegation(1, "from"), words),
        ],
    )
    .await;
}

#[tokio::test]
async fn via_says_which_line() {
    let world = World::on_memory().await;
    // `mid` holds the same by itself, from `one`, and twice from `two`.
    let agents = || {
        [
            agent("one", &["read:app:**"]),
            agent("two", &["read:app:**"]),
            agent("mid", &["read:app:**"]),
        ]
    };
    let lines = || {
        vec![
            given("one", "mid", &["read:app:**"]),
            given("two", "mid", &["read:app:**"]),
        ]
    };
    apply(&world, &file(agents(), lines()), &plain()).await;
    let mut ambiguous = lines();
    ambiguous.push(given("mid", "low", &["read:app:x"]));
    let words = "several lines of the giver's cover the request";
    let place = (Place::Delegation(2, "via"), words);
    refused(&world, &file(agents(), ambiguous), &plain(), &[place]).await;

    let known = world.kavach.find_agent("mid").unwrap().id;
    let from_two = world.kavach.delegations().into_iter();
    let two = world.kavach.find_agent("two").unwrap().id;
    let from_two = from_two
        .into_iter()
        .find(|line| line.to == known && line.from == two)
        .unwrap();
    let mut told = lines();
    for (via, to) in [
        (DeclaredVia::Root, "by_root"),
        (DeclaredVia::From(name("one")), "by_one"),
        (DeclaredVia::Delegation(from_two.id), "by_two"),
    ] {
        told.push(by(via.clone(), given("mid", to, &["read:app:x"])));
        // One agent may receive by several lines, told apart.
        told.push(by(via, given("mid", "all", &["read:app:x"])));
    }
    let told = file(agents(), told);
    apply(&world, &told, &plain()).await;
    nothing(&world, &told, &plain()).await;
    for (called, line) in [
        ("by_root", vec!["user:alice", "mid", "by_root"]),
        ("by_one", vec!["user:alice", "one", "mid", "by_one"]),
        ("by_two", vec!["user:alice", "two", "mid", "by_two"]),
    ] {
        assert_eq!(
            world.authorize(&name(called), "read app:x").await.line,
            line
        );
    }
    let all = world.kavach.find_agent("all").unwrap().id;
    assert_eq!(permissions(&world.kavach, &all).len(), 3);
    refuse_vague(&world, &told, from_two.id).await;
}

/// Refuses what could be any of several, and what says the same one in two ways.
async fn refuse_vague(world: &World, told: &Declaration, from_two: DelegationId) {
    // Now that there are several, one must be named.
    let mut vague = told.clone();
    vague.delegations.retain(|line| line.to != name("all"));
    vague.delegations.push(given("mid", "all", &["read:app:x"]));
    let place = Place::Delegation(vague.delegations.len() - 1, "via");
    refused(
        world,
        &vague,
        &plain(),
        &[(place, "several delegations are meant")],
    )
    .await;

    // Two ways to say the same one are one too many.
    let mut twice = told.clone();
    twice.delegations.push(by(
        DeclaredVia::Delegation(from_two),
        given("mid", "by_one", &["read:app:x"]),
    ));
    twice.delegations.push(by(
        DeclaredVia::From(name("two")),
        given("mid", "by_one", &["read:app:x"]),
    ));
    let place = Place::Delegation(twice.delegations.len() - 1, "to");
    refused(world, &twice, &plain(), &[(place, "the same one")]).await;
}

#[tokio::test]
async fn attenuating_gives_what_there_is_and_is_stable() {
    let world = World::on_memory().await;
    let mut file = file(
        [agent("top", &["read:app:*?depth=2", "write:app:x"])],
        [
            given("top", "low", &["*:app:**"]),
            given("low", "deep", &["*:**"]),
        ],
    );
    for delegation in &mut file.delegations {
        delegation.mode = Mode::Attenuate;
        delegation.max_depth = Some(8);
        delegation.end = DeclaredEnd::In(1_000);
    }
    apply(&world, &file, &plain()).await;
    nothing(&world, &file, &plain()).await;
    world.clock.advance_s(500);
    nothing(&world, &file, &plain()).await;
    let low = world.kavach.find_agent("low").unwrap().id;
    let end = "expires=2026-11-21T10:16:40Z";
    assert_eq!(
        permissions(&world.kavach, &low),
        [format!(
            "delegated: read:app:*?depth=1&{end} write:app:x?depth=7&{end}"
        )]
    );
}
