//! Files as values: what applying them does, and what it refuses.

use kavach::declare::{
    Applied, ApplyError, ApplyOptions, Declaration, DeclaredAgent, DeclaredDelegation, DeclaredEnd,
    DeclaredVia, Doing, Place,
};
use kavach::store::Call;
use kavach::{AgentKind, AgentStatus, DelegationId, Mode, Reason};

use crate::world::{World, name, permissions, subject, time};

fn agent(called: &str, permissions: &[&str]) -> DeclaredAgent {
    DeclaredAgent {
        name: name(called),
        owner: subject("user:alice"),
        kind: None,
        permissions: permissions
            .iter()
            .map(|text| text.parse().unwrap())
            .collect(),
        end: DeclaredEnd::Never,
        metadata: Default::default(),
    }
}

fn given(from: &str, to: &str, permissions: &[&str]) -> DeclaredDelegation {
    DeclaredDelegation {
        from: name(from),
        to: name(to),
        via: None,
        permissions: permissions
            .iter()
            .map(|text| text.parse().unwrap())
            .collect(),
        end: DeclaredEnd::Never,
        max_depth: None,
        mode: Mode::Strict,
    }
}

fn by(via: DeclaredVia, delegation: DeclaredDelegation) -> DeclaredDelegation {
    DeclaredDelegation {
        via: Some(via),
        ..delegation
    }
}

fn file(
    agents: impl Into<Vec<DeclaredAgent>>,
    delegations: impl Into<Vec<DeclaredDelegation>>,
) -> Declaration {
    Declaration {
        agents: agents.into(),
        delegations: delegations.into(),
    }
}

fn plain() -> ApplyOptions {
    ApplyOptions::default()
}

fn pruning() -> ApplyOptions {
    ApplyOptions {
        prune: true,
        ..plain()
    }
}

/// Each step in a line, ids left out.
fn told(applied: &Applied) -> Vec<String> {
    let steps = applied.steps.iter().map(|step| {
        let doing = format!("{:?}", step.doing).to_lowercase();
        let what = step.what.split(" (").next().unwrap();
        format!("{doing} {what}: {}", step.details.join("; "))
    });
    steps
        .map(|step| step.trim_end_matches(": ").to_owned())
        .collect()
}

/// Applies after a dry run that must say the same and do nothing.
async fn apply(world: &World, file: &Declaration, options: &ApplyOptions) -> Vec<String> {
    let before = (world.kavach.revision(), world.check_log().await);
    let dry = ApplyOptions {
        dry_run: true,
        ..options.clone()
    };
    let predicted = world.kavach.apply(file, &dry).await.unwrap();
    assert_eq!(
        (world.kavach.revision(), world.check_log().await),
        before,
        "a dry run wrote"
    );
    assert!(predicted.steps.iter().all(|step| step.credential.is_none()));
    let done = world.kavach.apply(file, options).await.unwrap();
    assert_eq!(told(&done), told(&predicted));
    assert_eq!(done.is_change(), predicted.is_change());
    world.check_log().await;
    world.check_graph().await;
    told(&done)
}

/// Applies again, which must do nothing at all.
async fn nothing(world: &World, file: &Declaration, options: &ApplyOptions) {
    let before = (world.kavach.revision(), world.faults.seen(Call::Commit));
    let events = world.check_log().await;
    let again = world.kavach.apply(file, options).await.unwrap();
    assert!(!again.is_change(), "{:?}", told(&again));
    assert_eq!(again.revision, before.0);
    assert_eq!(
        (world.kavach.revision(), world.faults.seen(Call::Commit)),
        before
    );
    assert_eq!(world.check_log().await, events);
}

/// Applies, which must be refused with these problems, and change nothing.
async fn refused(
    world: &World,
    file: &Declaration,
    options: &ApplyOptions,
    want: &[(Place, &str)],
) {
    let before = (world.kavach.revision(), world.check_log().await);
    let problems = match world.kavach.apply(file, options).await {
        Err(ApplyError::Rejected(problems)) => problems,
        other => panic!("{other:?}"),
    };
    let places: Vec<Place> = problems.iter().map(|problem| problem.place).collect();
    let wanted: Vec<Place> = want.iter().map(|(place, _)| *place).collect();
    assert_eq!(places, wanted, "{problems:#?}");
    for (problem, (_, words)) in problems.iter().zip(want) {
        assert!(
            problem.message.contains(words),
            "{}\nlacks: {words}",
            problem.message
        );
    }
    assert_eq!((world.kavach.revision(), world.check_log().await), before);
}

/// An orchestrator, a searcher that is spawned, and a reader below that.
fn usual() -> Declaration {
    file(
        [agent("orchestrator", &["read,comment:mcp:github:*"])],
        [
            given("orchestrator", "searcher", &["read:mcp:github:issues"]),
            given("searcher", "reader", &["read:mcp:github:issues"]),
        ],
    )
}

#[tokio::test]
async fn a_file_is_applied_once() {
    let world = World::on_memory().await;
    let steps = apply(&world, &usual(), &plain()).await;
    assert_eq!(
        steps,
        [
            "create agent orchestrator: owner user:alice; + comment,read:mcp:github:*",
            "create delegation orchestrator -> searcher: spawns searcher; + read:mcp:github:issues",
            "create delegation searcher -> reader: spawns reader; + read:mcp:github:issues",
        ]
    );
    nothing(&world, &usual(), &plain()).await;
    nothing(&world, &usual(), &pruning()).await;
    let read = "read mcp:github:issues";
    for called in ["orchestrator", "searcher", "reader"] {
        assert_eq!(world.decide(&name(called), read).await, "allow");
    }
    let reader = world.kavach.find_agent("reader").unwrap();
    assert_eq!(reader.kind, AgentKind::Delegated);
    assert_eq!(
        world.kavach.subject(&reader.owner),
        Some(subject("user:alice"))
    );
    let world = world.reopen().await;
    nothing(&world, &usual(), &plain()).await;
}

#[tokio::test]
async fn an_empty_file_does_nothing() {
    let world = World::on_memory().await;
    assert!(apply(&world, &file([], []), &pruning()).await.is_empty());
    nothing(&world, &file([], []), &pruning()).await;
    assert_eq!((world.kavach.revision(), world.check_log().await), (0, 0));
}

#[tokio::test]
async fn each_new_agent_shows_its_credential_once() {
    let world = World::on_memory().await;
    let applied = world.kavach.apply(&usual(), &plain()).await.unwrap();
    let shown: Vec<_> = applied
        .steps
        .iter()
        .filter_map(|step| step.credential.clone())
        .collect();
    assert_eq!(shown.len(), 3);
    for (called, credential) in &shown {
        let answer = world.authorize(credential, "read mcp:github:issues").await;
        assert_eq!(
            answer.agent,
            Some(world.kavach.find_agent(called.as_str()).unwrap().id)
        );
    }
    let again = world.kavach.apply(&usual(), &plain()).await.unwrap();
    assert!(again.steps.iter().all(|step| step.credential.is_none()));
    assert!(
        !format!("{applied:?}").contains(shown[0].1.expose()),
        "a secret is printed"
    );
}

#[tokio::test]
async fn what_changes_in_the_file_changes_in_the_store() {
    let world = World::on_memory().await;
    apply(&world, &usual(), &plain()).await;
    let mut changed = usual();
    changed.agents[0].permissions = vec!["read:mcp:github:*".parse().unwrap()];
    changed.agents[0].kind = Some(AgentKind::Service);
    changed.agents[0]
        .metadata
        .insert("team".into(), "search".into());
    changed.agents[0].end = DeclaredEnd::At(time("2027-01-01T00:00:00Z"));
    changed.delegations[0].permissions = vec![
        "read:mcp:github:issues".parse().unwrap(),
        "read:mcp:github:wiki".parse().unwrap(),
    ];
    changed.delegations[1].max_depth = Some(0);
    let steps = apply(&world, &changed, &plain()).await;
    let end = "?expires=2027-01-01T00:00:00Z";
    assert_eq!(
        steps,
        [
            "update agent orchestrator: + read:mcp:github:*; - comment,read:mcp:github:*; expires \
             2027-01-01T00:00:00Z; kind service; metadata"
                .to_owned(),
            format!(
                "update delegation orchestrator -> searcher: + read:mcp:github:issues{end}; \
                 + read:mcp:github:wiki{end}; - read:mcp:github:issues"
            ),
            format!(
                "update delegation searcher -> reader: + read:mcp:github:issues{end}; \
                 - read:mcp:github:issues; max_depth 0"
            ),
        ]
    );
    nothing(&world, &changed, &plain()).await;
    // And back again.
    let back = apply(&world, &usual(), &plain()).await;
    assert_eq!(
        back.iter()
            .filter(|step| step.starts_with("update"))
            .count(),
        3,
        "{back:?}"
    );
    nothing(&world, &usual(), &plain()).await;
    let reader = world.kavach.find_agent("reader").unwrap();
    assert_eq!(
        permissions(&world.kavach, &reader.id),
        ["delegated: read:mcp:github:issues"]
    );
}

#[tokio::test]
async fn expires_in_counts_from_the_creation_and_is_no_change_later() {
    let world = World::on_memory().await;
    let mut brief = file(
        [
            agent("top", &["read:app:**"]),
            agent("brief", &["read:app:**"]),
        ],
        [
            given("top", "low", &["read:app:x"]),
            given("brief", "under", &["read:app:x"]),
        ],
    );
    brief.agents[1].end = DeclaredEnd::In(100);
    brief.delegations[0].end = DeclaredEnd::In(50);
    apply(&world, &brief, &plain()).await;
    for seconds in [1, 48, 1, 1, 48, 1, 1, 10_000] {
        world.clock.advance_s(seconds);
        nothing(&world, &brief, &plain()).await;
    }
    // Declared with another end, what ran out is made anew; an agent is not.
    brief.delegations[0].end = DeclaredEnd::In(60_000);
    let steps = apply(&world, &brief, &plain()).await;
    assert!(
        steps[2].starts_with("create delegation top -> low"),
        "{steps:?}"
    );
    nothing(&world, &brief, &plain()).await;
    brief.agents[1].end = DeclaredEnd::In(200_000);
    let words = "past its time";
    refused(
        &world,
        &brief,
        &plain(),
        &[(Place::Agent(1, "permissions"), words)],
    )
    .await;
}

#[tokio::test]
async fn a_permission_that_ran_out_as_declared_is_no_change() {
    let world = World::on_memory().await;
    let brief = "read:app:x?expires=2026-11-21T10:00:10Z";
    let file = file(
        [agent("top", &["read:app:**", brief])],
        [given("top", "low", &["read:app:y", brief])],
    );
    apply(&world, &file, &plain()).await;
    world.clock.advance_s(9);
    nothing(&world, &file, &plain()).await;
    world.clock.advance_s(1);
    nothing(&world, &file, &plain()).await;
}

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

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn a_file_that_is_wrong_in_any_way_is_refused_whole() {
    let world = World::on_memory().await;
    world.agent("taken", &["read:app:x"]).await;
    let bobs = kavach::NewAgent::new(subject("user:gone"), "his");
    world.kavach.create_agent(bobs).await.unwrap();
    world
        .kavach
        .revoke_owner(&subject("user:gone"))
        .await
        .unwrap();
    let other_owner = |called| DeclaredAgent {
        owner: subject("user:bob"),
        ..agent(called, &[])
    };
    let gone = |called| DeclaredAgent {
        owner: subject("user:gone"),
        ..agent(called, &[])
    };
    let past = DeclaredAgent {
        end: DeclaredEnd::At(time("2026-11-21T10:00:00Z")),
        ..agent("past", &[])
    };
    let many: Vec<String> = (0..300)
        .map(|number| format!("read:app:x{number}"))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let everything = file(
        [
            agent("good", &["read:app:**"]),
            other_owner("taken"),
            agent("good", &["read:app:**"]),
            gone("new"),
            past,
            agent("many", &many),
        ],
        [
            given("good", "ok", &["read:app:x"]),
            given("good", "wide", &["write:app:x"]),
            given("nobody", "x", &["read:app:x"]),
            given("good", "ok", &["read:app:x"]),
            by(
                DeclaredVia::From(name("ok")),
                given("good", "y", &["read:app:x"]),
            ),
            by(
                DeclaredVia::Delegation(DelegationId::from_parts(1, 1)),
                given("good", "z", &["read:app:x"]),
            ),
            given("wide", "below", &["read:app:x"]),
            given("good", "ended", &[]),
        ],
    );
    let places = [
        (
            Place::Agent(1, "owner"),
            "the owner of `taken` never changes",
        ),
        (Place::Agent(2, "name"), "declared twice"),
        (Place::Agent(3, "owner"), "off-boarded"),
        (Place::Agent(4, "permissions"), "lies in the past"),
        (
            Place::Agent(5, "permissions"),
            "300 permissions are too many",
        ),
        (
            Place::Delegation(1, "permissions"),
            "wider than what its giver holds",
        ),
        (Place::Delegation(2, "from"), "there is no agent `nobody`"),
        (Place::Delegation(3, "to"), "declared twice"),
        (
            Place::Delegation(4, "via"),
            "`good` has 0 delegations from `ok`",
        ),
        (
            Place::Delegation(5, "permissions"),
            "is not a line of the giver's",
        ),
        (Place::Delegation(6, "from"), "there is no agent `wide`"),
        (Place::Delegation(7, "permissions"), "nothing is left"),
    ];
    refused(&world, &everything, &plain(), &places).await;
    assert_eq!(world.kavach.find_agent("good"), None);
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

#[tokio::test]
async fn a_suspended_agent_stays_so() {
    let world = World::on_memory().await;
    apply(&world, &usual(), &plain()).await;
    let top = world.kavach.find_agent("orchestrator").unwrap().id;
    world.kavach.suspend_agent(&top).await.unwrap();
    // Nothing can be passed on by a line that does not hold, so nothing is compared below it.
    nothing(&world, &usual(), &plain()).await;
    let applied = world.kavach.apply(&usual(), &plain()).await.unwrap();
    assert!(applied.steps.iter().all(|step| step.doing == Doing::Keep));
    assert_eq!(
        applied.steps[2].details,
        ["is suspended further up, and was not compared"]
    );
    assert_eq!(
        world.kavach.agent(&top).unwrap().status,
        AgentStatus::Suspended
    );
}

#[tokio::test]
async fn an_event_tells_of_each_thing_that_was_changed() {
    let world = World::on_memory().await;
    apply(&world, &usual(), &plain()).await;
    let events = world.events().await;
    let kinds: Vec<String> = events.iter().map(|event| event.kind.to_string()).collect();
    assert_eq!(kinds, ["agent.created", "delegated", "delegated"]);
    assert!(
        events
            .iter()
            .all(|event| event.reason == Reason::Done && !event.line.is_empty())
    );
    apply(&world, &file([], []), &pruning()).await;
    let kinds: Vec<String> = world
        .events()
        .await
        .iter()
        .skip(3)
        .map(|event| event.kind.to_string())
        .collect();
    assert_eq!(kinds.len(), 5);
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "agent.revoked").count(),
        3
    );
}

#[tokio::test]
async fn two_files_at_once_do_not_mix() {
    let world = World::on_memory().await;
    let one = file(
        [
            agent("shared", &["read:app:x"]),
            agent("one", &["read:app:x"]),
        ],
        [],
    );
    let two = file(
        [
            agent("shared", &["read:app:y"]),
            agent("two", &["read:app:y"]),
        ],
        [],
    );
    let options = plain();
    let (first, second) = tokio::join!(
        world.kavach.apply(&one, &options),
        world.kavach.apply(&two, &options)
    );
    first.unwrap();
    let second = second.unwrap();
    assert!(
        told(&second)[0].starts_with("update agent shared"),
        "{:?}",
        told(&second)
    );
    assert!(told(&second).contains(&"unnamed agent one".to_owned()));
    world.check_graph().await;
    assert_eq!(world.check_log().await, 4);
}

#[tokio::test]
async fn another_tenants_names_and_lines_are_nobodys() {
    let world = World::on_memory().await;
    apply(&world, &usual(), &plain()).await;
    let theirs = world.kavach.delegations()[0].id;
    let other = world.kavach.in_tenant(kavach::TenantId::from_parts(1, 1));
    other
        .apply(
            &file([agent("orchestrator", &["read:app:x"])], []),
            &plain(),
        )
        .await
        .unwrap();
    let lines = [by(
        DeclaredVia::Delegation(theirs),
        given("orchestrator", "x", &["read:app:x"]),
    )];
    let lines = file([agent("orchestrator", &["read:app:x"])], lines);
    let ApplyError::Rejected(problems) = other.apply(&lines, &plain()).await.unwrap_err() else {
        panic!()
    };
    assert!(problems[0].message.contains("is not a line of the giver's"));
    other.apply(&file([], []), &pruning()).await.unwrap();
    assert_eq!(
        world
            .decide(&name("reader"), "read mcp:github:issues")
            .await,
        "allow"
    );
}
