//! Files as values: what applying them does, and what it refuses.

use kavach::declare::{
    Applied, ApplyError, ApplyOptions, Declaration, DeclaredAgent, DeclaredDelegation, DeclaredEnd,
    DeclaredVia, Doing, Place,
};
use kavach::store::Call;
use kavach::{AgentKind, AgentStatus, DelegationId, Mode, Reason};

use crate::world::{World, name, permissions, subject, time};

mod lines;
mod owners;
mod unnamed;

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
        holder_keys: Vec::new(),
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
        ..Declaration::default()
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
