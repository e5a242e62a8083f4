//! What a file no longer names, and names that are taken again.

use kavach::AgentStatus;
use kavach::declare::{ApplyError, ApplyOptions, Declaration, Place};

use super::{agent, apply, file, given, nothing, plain, pruning, refused, usual};
use crate::world::{World, name};

#[tokio::test]
async fn what_is_no_longer_named_is_reported_and_pruned_only_if_asked() {
    let world = World::on_memory().await;
    apply(&world, &usual(), &plain()).await;
    let less = file([agent("orchestrator", &["read,comment:mcp:github:*"])], []);
    let unnamed = [
        "keep agent orchestrator",
        "unnamed agent reader",
        "unnamed agent searcher",
        "unnamed delegation orchestrator -> searcher",
        "unnamed delegation searcher -> reader",
    ];
    for _ in 0..2 {
        let mut steps = apply(&world, &less, &plain()).await;
        steps.sort();
        assert_eq!(steps, unnamed, "it is reported each time");
    }
    nothing(&world, &less, &plain()).await;
    let mut steps = apply(&world, &less, &pruning()).await;
    steps.sort();
    assert_eq!(
        steps
            .iter()
            .filter(|step| step.starts_with("revoke"))
            .count(),
        4,
        "{steps:?}"
    );
    for called in ["searcher", "reader"] {
        let status = world.kavach.find_agent(called).unwrap().status;
        assert_eq!(status, AgentStatus::Revoked);
    }
    nothing(&world, &less, &pruning()).await;
    // Their names are revoked ones now.
    let words = "was revoked";
    let places = [
        (Place::Delegation(0, "to"), words),
        (Place::Delegation(1, "from"), words),
    ];
    refused(&world, &usual(), &plain(), &places).await;
    let again = ApplyOptions {
        recreate: vec![name("searcher"), name("reader")],
        ..plain()
    };
    apply(&world, &usual(), &again).await;
    nothing(&world, &usual(), &plain()).await;
    assert_eq!(
        world
            .decide(&name("reader"), "read mcp:github:issues")
            .await,
        "allow"
    );
}

#[tokio::test]
async fn what_the_file_never_made_is_not_pruned_with_it() {
    let world = World::on_memory().await;
    let stranger = world.agent("stranger", &["read:app:x"]).await;
    let giver = world.agent("giver", &["read:app:**"]).await;
    let uses = file([], [given("giver", "stranger", &["read:app:y"])]);
    apply(&world, &uses, &plain()).await;
    let steps = apply(&world, &file([], []), &pruning()).await;
    assert_eq!(steps, ["revoke delegation giver -> stranger"]);
    assert_eq!(world.decide(stranger.id, "read app:x").await, "allow");
    assert_eq!(world.decide(giver.id, "read app:x").await, "allow");
    // What the file declares as its own is the file's, whoever made it.
    apply(
        &world,
        &file([agent("stranger", &["read:app:x"])], []),
        &plain(),
    )
    .await;
    let steps = apply(&world, &file([], []), &pruning()).await;
    assert_eq!(steps, ["revoke agent stranger"]);
}

#[tokio::test]
async fn pruning_does_not_take_away_what_the_file_rests_on() {
    let world = World::on_memory().await;
    apply(&world, &usual(), &plain()).await;
    let rests = file(
        [agent("orchestrator", &["read,comment:mcp:github:*"])],
        [given("searcher", "reader", &["read:mcp:github:issues"])],
    );
    let words = "it rests on delegation orchestrator -> searcher";
    refused(
        &world,
        &rests,
        &pruning(),
        &[(Place::Delegation(0, "via"), words)],
    )
    .await;
    let rests = file([], usual().delegations);
    nothing_but(&world, &rests, &["unnamed"]).await;
}

/// Applies, which may keep things, and do only this besides.
async fn nothing_but(world: &World, file: &Declaration, besides: &[&str]) {
    for step in apply(world, file, &plain()).await {
        let doing = step.split(' ').next().unwrap();
        assert!(doing == "keep" || besides.contains(&doing), "{step}");
    }
}

#[tokio::test]
async fn a_revoked_agent_of_the_file_is_created_again_only_by_name() {
    let world = World::on_memory().await;
    apply(&world, &usual(), &plain()).await;
    let first = world.kavach.find_agent("orchestrator").unwrap().id;
    world.kavach.revoke_agent(&first).await.unwrap();
    let words = "`orchestrator` was revoked; name another, or say `--recreate orchestrator`";
    let places = [
        (Place::Agent(0, "name"), words),
        (Place::Delegation(0, "from"), words),
    ];
    let wrong = ApplyOptions {
        recreate: vec![name("searcher")],
        ..plain()
    };
    for options in [plain(), wrong] {
        let ApplyError::Rejected(problems) =
            world.kavach.apply(&usual(), &options).await.unwrap_err()
        else {
            panic!()
        };
        for (problem, (place, words)) in problems.iter().zip(&places) {
            assert_eq!(problem.place, *place);
            assert!(problem.message.contains(words), "{}", problem.message);
        }
    }
    let again = ApplyOptions {
        recreate: vec![name("orchestrator")],
        ..plain()
    };
    let steps = apply(&world, &usual(), &again).await;
    assert!(
        steps[0].starts_with("create agent orchestrator"),
        "{steps:?}"
    );
    assert!(
        steps[1].starts_with("create delegation orchestrator -> searcher"),
        "{steps:?}"
    );
    assert!(
        steps[2].starts_with("create delegation searcher -> reader"),
        "{steps:?}"
    );
    assert_eq!(steps.len(), 3, "dead lines are not worth a word: {steps:?}");
    nothing(&world, &usual(), &plain()).await;
    nothing(&world, &usual(), &again).await;
    assert_eq!(
        world
            .decide(&name("reader"), "read mcp:github:issues")
            .await,
        "allow"
    );
}
