//! The story that the project exists for, from the first agent to the last revocation.

use kavach::{
    AgentEdit, AgentId, BlastRadius, ChangeError, DelegationEdit, DelegationId, Edit, Kavach, Leaf,
    NewAgent, Reason, Spawn, Subject,
};

use crate::world::{
    World, callers, new_agent, new_delegation, new_spawn, on_each_store, permissions, subject,
};

on_each_store! {
    an_agent_spawns_another_that_can_do_less,
    a_call_is_answered_alike_by_id_name_and_credential,
    a_rotated_credential_is_accepted_until_its_overlap_ends,
    suspending_stops_an_agent_and_all_below_until_resumed,
    revoking_an_agent_is_final_and_stops_all_below,
    revoking_one_line_leaves_the_other,
    an_off_boarded_owner_has_no_agents_and_gets_none,
    a_revoked_name_is_taken_again_only_by_saying_so,
    everything_survives_reopening,
}

async fn check(world: &World, table: &[(&AgentId, &str, &str)]) {
    for (who, what, want) in table {
        assert_eq!(world.decide(*who, what).await, *want, "{what}");
    }
}

fn reason<T: std::fmt::Debug>(result: Result<T, ChangeError>) -> Reason {
    match result.unwrap_err() {
        ChangeError::Refused(refusal) => refusal.reason,
        other => panic!("{other}"),
    }
}

async fn an_agent_spawns_another_that_can_do_less(world: World) {
    let kavach = &world.kavach;
    let alice = Subject::user("alice").unwrap();
    let orchestrator = NewAgent::new(alice, "orchestrator")
        .allow("read:mcp:github:*")
        .unwrap()
        .allow("read,comment:mcp:github:pull_requests")
        .unwrap();
    let orchestrator = kavach.create_agent(orchestrator).await.unwrap();
    let searcher = Spawn::new("searcher")
        .allow("read:mcp:github:issues")
        .unwrap()
        .ttl_s(3600);
    let searcher = kavach.spawn(&orchestrator.id, searcher).await.unwrap();

    let wide = new_spawn("wide", &["read:mcp:**"]);
    assert_eq!(
        reason(kavach.spawn(&orchestrator.id, wide).await),
        Reason::WiderThanParent
    );
    assert_eq!(kavach.find_agent("wide"), None);

    let (top, sub) = (&orchestrator.id, &searcher.id);
    check(
        &world,
        &[
            (top, "write mcp:github:repos", "deny: no_matching_grant"),
            (top, "comment mcp:github:repos", "deny: no_matching_grant"),
            (top, "read mcp:github", "deny: no_matching_grant"),
            (top, "read mcp:github:repos", "allow"),
            (top, "comment mcp:github:pull_requests", "allow"),
            (sub, "read mcp:github:repos", "deny: no_matching_grant"),
            (sub, "comment mcp:github:issues", "deny: no_matching_grant"),
            (sub, "read mcp:github:issues", "allow"),
        ],
    )
    .await;
    assert_eq!(
        permissions(kavach, top),
        ["root: comment,read:mcp:github:pull_requests read:mcp:github:*"]
    );
    assert_eq!(
        permissions(kavach, sub),
        ["delegated: read:mcp:github:issues?expires=2026-11-21T11:00:00Z"]
    );

    let answer = world.authorize(sub, "read mcp:github:issues").await;
    assert_eq!(answer.line, ["user:alice", "orchestrator", "searcher"]);
    assert_eq!(answer.hops[1].delegation, Some(searcher.delegation));
    assert_eq!(answer.owner, kavach.subject_id(&subject("user:alice")));
    assert_eq!(answer.revision, searcher.revision);

    world.clock.advance_s(3599);
    check(&world, &[(sub, "read mcp:github:issues", "allow")]).await;
    world.clock.advance_s(1);
    check(
        &world,
        &[(sub, "read mcp:github:issues", "deny: delegation_expired")],
    )
    .await;
    world.check_log().await;
    world.check_graph().await;
}

async fn a_call_is_answered_alike_by_id_name_and_credential(world: World) {
    let kavach = &world.kavach;
    let agent = world.agent("agent", &["read:app:repos"]).await;
    let brief = new_agent("user:bob", "brief", &["read:app:repos"]).ttl_s(10);
    let brief = kavach.create_agent(brief).await.unwrap();
    let read = "read app:repos";
    // What happened, the answers for `agent`, and those for `brief`. The credentials of a revoked agent
    // are gone, so that nobody can tell by one whose it was.
    let gone = "deny: unknown_agent";
    for (done, agents, briefs) in [
        ("nothing", ["allow"; 3], ["allow"; 3]),
        ("suspended", ["deny: agent_suspended"; 3], ["allow"; 3]),
        ("resumed", ["allow"; 3], ["allow"; 3]),
        ("expired", ["allow"; 3], ["deny: agent_expired"; 3]),
        (
            "off-boarded",
            ["deny: owner_revoked"; 3],
            ["deny: agent_expired"; 3],
        ),
        (
            "revoked",
            ["deny: agent_revoked", "deny: agent_revoked", gone],
            ["deny: agent_expired"; 3],
        ),
    ] {
        match done {
            "suspended" => drop(kavach.suspend_agent(&agent.id).await.unwrap()),
            "resumed" => drop(kavach.resume_agent(&agent.id).await.unwrap()),
            "expired" => world.clock.advance_s(10),
            "off-boarded" => drop(kavach.revoke_owner(&subject("user:alice")).await.unwrap()),
            "revoked" => drop(kavach.revoke_agent(&agent.id).await.unwrap()),
            _ => {}
        }
        let agents = callers(agent.id, "agent", &agent.credential)
            .into_iter()
            .zip(agents);
        let briefs = callers(brief.id, "brief", &brief.credential)
            .into_iter()
            .zip(briefs);
        for ((way, caller), want) in agents.chain(briefs) {
            assert_eq!(world.decide(caller, read).await, want, "{done}, by {way}");
        }
    }
}

async fn a_rotated_credential_is_accepted_until_its_overlap_ends(world: World) {
    let kavach = &world.kavach;
    let agent = world.agent("agent", &["read:app:repos"]).await;
    let second = kavach.rotate_credential(&agent.id, 60).await.unwrap();
    let read = "read app:repos";
    let check = async |first: &str, other: &str| {
        assert_eq!(world.decide(&agent.credential, read).await, first);
        assert_eq!(world.decide(&second.credential, read).await, other);
    };
    check("allow", "allow").await;
    world.clock.advance_s(59);
    check("allow", "allow").await;
    world.clock.advance_s(1);
    check("deny: credential_expired", "allow").await;
    let third = kavach.rotate_credential(&agent.id, 0).await.unwrap();
    check("deny: unknown_agent", "deny: unknown_agent").await;
    assert_eq!(world.decide(&third.credential, read).await, "allow");

    for _ in 0..3 {
        kavach.rotate_credential(&agent.id, 60).await.unwrap();
    }
    let fifth = kavach.rotate_credential(&agent.id, 60).await;
    assert_eq!(reason(fifth), Reason::LimitReached);
    kavach.rotate_credential(&agent.id, 0).await.unwrap();
}

async fn suspending_stops_an_agent_and_all_below_until_resumed(world: World) {
    let kavach = &world.kavach;
    let top = world.agent("top", &["read:app:**"]).await;
    let mid = world.spawn(&top.id, "mid", &["read:app:**"]).await;
    let low = world.spawn(&mid.id, "low", &["read:app:repos"]).await;
    let read = "read app:repos";
    kavach.suspend_agent(&mid.id).await.unwrap();
    assert_eq!(
        reason(kavach.suspend_agent(&mid.id).await),
        Reason::WrongState
    );
    check(
        &world,
        &[
            (&top.id, read, "allow"),
            (&mid.id, read, "deny: agent_suspended"),
            (&low.id, read, "deny: ancestor_suspended"),
        ],
    )
    .await;
    kavach.resume_agent(&mid.id).await.unwrap();
    assert_eq!(
        reason(kavach.resume_agent(&mid.id).await),
        Reason::WrongState
    );
    check(
        &world,
        &[(&mid.id, read, "allow"), (&low.id, read, "allow")],
    )
    .await;
}

async fn revoking_an_agent_is_final_and_stops_all_below(world: World) {
    let kavach = &world.kavach;
    let top = world.agent("top", &["read:app:**"]).await;
    let mid = world.spawn(&top.id, "mid", &["read:app:**"]).await;
    let low = world.spawn(&mid.id, "low", &["read:app:repos"]).await;
    let read = "read app:repos";
    let radius = kavach.blast_radius_of_agent(&mid.id).unwrap();
    assert_eq!(radius.agents.len(), 2);
    assert!(radius.agents.contains(&mid.id) && radius.agents.contains(&low.id));
    kavach.revoke_agent(&mid.id).await.unwrap();
    check(
        &world,
        &[
            (&top.id, read, "allow"),
            (&mid.id, read, "deny: agent_revoked"),
            (&low.id, read, "deny: ancestor_revoked"),
        ],
    )
    .await;
    for refused in [
        reason(kavach.revoke_agent(&mid.id).await),
        reason(kavach.resume_agent(&mid.id).await),
        reason(kavach.update_agent(&mid.id, AgentEdit::default()).await),
        reason(kavach.rotate_credential(&mid.id, 0).await),
        reason(
            kavach
                .spawn(&mid.id, new_spawn("more", &[read_all()]))
                .await,
        ),
    ] {
        assert_eq!(refused, Reason::AlreadyRevoked);
    }
    // A line through a dead agent cannot be passed on either.
    let more = kavach
        .spawn(&low.id, new_spawn("more", &["read:app:repos"]))
        .await;
    assert_eq!(reason(more), Reason::AncestorRevoked);
}

fn read_all() -> &'static str {
    "read:app:**"
}

async fn revoking_one_line_leaves_the_other(world: World) {
    let kavach = &world.kavach;
    let one = world.agent("one", &["read:app:**"]).await;
    let other = world.agent("other", &["read:app:**"]).await;
    let low = world.spawn(&one.id, "low", &["read:app:repos"]).await;
    let second = world
        .delegate(&other.id, &low.id, &["read:app:repos"])
        .await;
    let read = "read app:repos";
    let radius = kavach.blast_radius_of_delegation(&low.delegation).unwrap();
    assert_eq!(
        (radius.agents, radius.left_with_nothing),
        (vec![low.id], vec![])
    );

    kavach.revoke_delegation(&low.delegation).await.unwrap();
    let again = kavach.revoke_delegation(&low.delegation).await;
    assert_eq!(reason(again), Reason::AlreadyRevoked);
    let answer = world.authorize(&low.id, read).await;
    assert_eq!(answer.line, ["user:alice", "other", "low"]);
    let radius = kavach.blast_radius_of_delegation(&second.id).unwrap();
    assert_eq!(radius.left_with_nothing, [low.id]);
    kavach.revoke_delegation(&second.id).await.unwrap();
    check(&world, &[(&low.id, read, "deny: delegation_revoked")]).await;
}

async fn an_off_boarded_owner_has_no_agents_and_gets_none(world: World) {
    let kavach = &world.kavach;
    let alice = subject("user:alice");
    let old = world.agent("old", &["read:app:repos"]).await;
    let low = world.spawn(&old.id, "low", &["read:app:repos"]).await;
    let read = "read app:repos";
    assert_eq!(
        reason(kavach.reinstate_owner(&alice).await),
        Reason::WrongState
    );
    kavach.revoke_owner(&alice).await.unwrap();
    assert_eq!(
        reason(kavach.revoke_owner(&alice).await),
        Reason::AlreadyRevoked
    );
    check(
        &world,
        &[
            (&old.id, read, "deny: owner_revoked"),
            (&low.id, read, "deny: owner_revoked"),
        ],
    )
    .await;
    let new = || kavach.create_agent(new_agent("user:alice", "new", &["read:app:repos"]));
    assert_eq!(reason(new().await), Reason::OwnerRevoked);
    let spawned = kavach
        .spawn(&old.id, new_spawn("more", &["read:app:repos"]))
        .await;
    assert_eq!(reason(spawned), Reason::OwnerRevoked);

    kavach.reinstate_owner(&alice).await.unwrap();
    let new = new().await.unwrap();
    check(
        &world,
        &[
            (&old.id, read, "deny: owner_revoked"),
            (&low.id, read, "deny: owner_revoked"),
            (&new.id, read, "allow"),
        ],
    )
    .await;

    // Somebody who was never met can be off-boarded beforehand.
    let bob = subject("user:bob");
    assert_eq!(reason(kavach.reinstate_owner(&bob).await), Reason::NotFound);
    kavach.revoke_owner(&bob).await.unwrap();
    let his = kavach.create_agent(new_agent("user:bob", "his", &[])).await;
    assert_eq!(reason(his), Reason::OwnerRevoked);
    world.check_graph().await;
}

async fn a_revoked_name_is_taken_again_only_by_saying_so(world: World) {
    let kavach = &world.kavach;
    let first = world.agent("bot", &["read:app:repos"]).await;
    let low = world.spawn(&first.id, "low", &["read:app:repos"]).await;
    let again = || new_agent("user:bob", "bot", &["read:app:repos"]);
    let read = "read app:repos";
    for new in [again(), again().recreate()] {
        assert_eq!(reason(kavach.create_agent(new).await), Reason::NameTaken);
    }
    kavach.revoke_agent(&first.id).await.unwrap();
    assert_eq!(
        reason(kavach.create_agent(again()).await),
        Reason::NameTaken
    );
    let second = kavach.create_agent(again().recreate()).await.unwrap();
    assert_ne!(first.id, second.id);
    let [_, (_, by_name), (_, by_credential)] = callers(first.id, "bot", &first.credential);
    let answer = world.authorize(by_name, read).await;
    assert_eq!(
        (answer.agent, answer.line[0].as_str()),
        (Some(second.id), "user:bob")
    );
    assert_eq!(
        world.decide(by_credential, read).await,
        "deny: unknown_agent"
    );
    check(
        &world,
        &[
            (&first.id, read, "deny: agent_revoked"),
            (&low.id, read, "deny: ancestor_revoked"),
        ],
    )
    .await;
    // `Bot` is another name.
    world.agent("Bot", &[]).await;
}

async fn everything_survives_reopening(world: World) {
    let kavach = &world.kavach;
    let top = world.agent("top", &["read:app:**"]).await;
    let low = world.spawn(&top.id, "low", &["read:app:repos"]).await;
    let gone = world.spawn(&top.id, "gone", &["read:app:repos"]).await;
    kavach.revoke_agent(&gone.id).await.unwrap();
    world.decide(&low.id, "read app:repos").await;
    let (agents, delegations, revision) =
        (kavach.agents(), kavach.delegations(), kavach.revision());
    let (events, log) = (world.events().await, world.check_log().await);

    let world = world.reopen().await;
    assert_eq!(world.kavach.agents(), agents);
    assert_eq!(world.kavach.delegations(), delegations);
    assert_eq!(world.kavach.revision(), revision);
    assert_eq!(world.events().await, events);
    assert_eq!(
        world.decide(&low.credential, "read app:repos").await,
        "allow"
    );
    assert_eq!(
        world.decide(&gone.id, "read app:repos").await,
        "deny: agent_revoked"
    );
    assert_eq!(world.check_log().await, log + 2);
}

#[tokio::test]
async fn editing_what_is_held_reaches_all_below() {
    let world = World::on_memory().await;
    let kavach = &world.kavach;
    let top = world.agent("top", &["read,write:app:**"]).await;
    let mid = world.spawn(&top.id, "mid", &["read,write:app:*"]).await;
    let low = world.spawn(&mid.id, "low", &["write:app:repos"]).await;
    let write = "write app:repos";
    check(&world, &[(&low.id, write, "allow")]).await;

    let mut edit = AgentEdit::default();
    edit.permissions = Some(vec!["read:app:**".parse().unwrap()]);
    kavach.update_agent(&top.id, edit.clone()).await.unwrap();
    check(&world, &[(&low.id, write, "deny: ancestor_narrowed")]).await;
    let refused = kavach
        .spawn(&low.id, new_spawn("more", &["write:app:repos"]))
        .await;
    assert_eq!(reason(refused), Reason::WiderThanParent);

    edit.permissions = Some(vec!["read,write:app:**".parse().unwrap()]);
    kavach.update_agent(&top.id, edit).await.unwrap();
    check(&world, &[(&low.id, write, "allow")]).await;

    let mut edit = DelegationEdit::default();
    edit.permissions = Some(vec!["read:app:*".parse().unwrap()]);
    kavach
        .update_delegation(&mid.delegation, edit)
        .await
        .unwrap();
    check(
        &world,
        &[
            (&mid.id, write, "deny: no_matching_grant"),
            (&low.id, write, "deny: ancestor_narrowed"),
        ],
    )
    .await;

    let mut edit = AgentEdit::default();
    edit.expires_at = Edit::Set(world.kavach.now().plus_s(5));
    kavach.update_agent(&top.id, edit).await.unwrap();
    world.clock.advance_s(5);
    check(
        &world,
        &[(&low.id, "read app:repos", "deny: ancestor_expired")],
    )
    .await;
    let late = kavach.update_agent(&top.id, AgentEdit::default()).await;
    assert_eq!(reason(late), Reason::AlreadyExpired);
}

#[tokio::test]
async fn a_name_that_looks_like_something_else_is_refused() {
    let world = World::on_memory().await;
    for name in [
        "",
        "two words",
        "agt_x",
        "kv_x",
        "a:b",
        "a/b",
        "é",
        "a\0",
        "-a",
        "*",
    ] {
        let made = world
            .kavach
            .create_agent(new_agent("user:alice", name, &[]))
            .await;
        assert!(
            matches!(made, Err(ChangeError::Invalid(_))),
            "{name:?}: {made:?}"
        );
    }
    assert_eq!(world.events().await.len(), 0);
}

/// A forest with two owners, diamonds, dead and short-lived lines: its agents and delegations.
async fn forest(world: &World) -> (Vec<AgentId>, Vec<DelegationId>) {
    let kavach = &world.kavach;
    let all = "*:app:**";
    let a = world.agent("a", &[all]).await.id;
    let b = kavach
        .create_agent(new_agent("user:bob", "b", &[all]))
        .await
        .unwrap()
        .id;
    let c = world.spawn(&a, "c", &[all]).await;
    let d = world.spawn(&a, "d", &["read:app:**"]).await;
    let e = world.spawn(&c.id, "e", &["read:app:*"]).await;
    // e is reached by three lines, g by two that share a delegation, f by one that is revoked.
    let via = |id| new_delegation(&["read:app:x"]).via(Leaf::Delegation(id));
    let d_e = kavach
        .delegate(&d.id, &e.id, via(d.delegation))
        .await
        .unwrap()
        .id;
    let b_e = world.delegate(&b, &e.id, &["write:app:*"]).await.id;
    let f = world.spawn(&d.id, "f", &["read:app:x"]).await;
    let g = kavach
        .spawn(&e.id, new_spawn("g", &[]).delegation(via(d_e)))
        .await
        .unwrap();
    let e_g = kavach
        .delegate(&e.id, &g.id, via(e.delegation))
        .await
        .unwrap()
        .id;
    let back = kavach
        .delegate(&g.id, &a, via(g.delegation))
        .await
        .unwrap()
        .id;
    kavach.revoke_delegation(&f.delegation).await.unwrap();
    let brief = new_delegation(&["read:app:**"]).ttl_s(1);
    let brief = kavach.delegate(&b, &f.id, brief).await.unwrap().id;
    let under = kavach.delegate(&f.id, &c.id, via(brief)).await;
    let under = under.unwrap().id;
    world.clock.advance_s(1);
    let agents = vec![a, b, c.id, d.id, e.id, f.id, g.id];
    let delegations = vec![
        c.delegation,
        d.delegation,
        e.delegation,
        d_e,
        b_e,
        f.delegation,
        g.delegation,
        e_g,
        back,
        brief,
        under,
    ];
    (agents, delegations)
}

/// The lines that hold now, by agent.
fn live(kavach: &Kavach, agents: &[AgentId]) -> Vec<(AgentId, Leaf)> {
    let lines = agents.iter().flat_map(|agent| {
        let lines = kavach.permissions_of(agent).unwrap();
        let live = lines.into_iter().filter(|line| line.fault.is_none());
        live.map(|line| (*agent, line.leaf))
    });
    lines.collect()
}

#[tokio::test]
async fn the_blast_radius_is_what_actually_stops() {
    for target in 0..18 {
        let world = World::on_memory().await;
        let (agents, delegations) = forest(&world).await;
        let kavach = &world.kavach;
        let before = live(kavach, &agents);
        let radius: BlastRadius = match target {
            0..7 => kavach.blast_radius_of_agent(&agents[target]).unwrap(),
            _ => kavach
                .blast_radius_of_delegation(&delegations[target - 7])
                .unwrap(),
        };
        let revoked = match target {
            0..7 => kavach.revoke_agent(&agents[target]).await,
            _ => kavach.revoke_delegation(&delegations[target - 7]).await,
        };
        // One is revoked already.
        assert_eq!(revoked.is_err(), target == 7 + 5);
        let after = live(kavach, &agents);
        let stopped: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
        let mut lost: Vec<DelegationId> = stopped
            .iter()
            .filter_map(|(_, leaf)| match leaf {
                Leaf::Delegation(id) => Some(*id),
                Leaf::Root(_) => None,
            })
            .collect();
        lost.sort_unstable();
        assert_eq!(radius.delegations, lost, "delegations, target {target}");
        let mut losers: Vec<AgentId> = stopped.iter().map(|(agent, _)| *agent).collect();
        losers.extend(agents.get(target).filter(|_| target < 7));
        losers.sort_unstable();
        losers.dedup();
        assert_eq!(radius.agents, losers, "agents, target {target}");
        let mut nothing = losers.clone();
        nothing.retain(|agent| !after.iter().any(|(left, _)| left == agent));
        assert_eq!(
            radius.left_with_nothing, nothing,
            "left with nothing, target {target}"
        );
    }
}
