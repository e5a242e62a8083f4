//! A store that fails: no answer that is not on record, and nothing half done.

use std::collections::BTreeMap;
use std::pin::Pin;

use kavach::declare::{ApplyOptions, Declaration, DeclaredAgent, DeclaredEnd};
use kavach::store::{Call, Fault, Gate, When};
use kavach::{
    AgentEdit, AgentId, Authorization, CannotDecide, ChangeError, DelegationEdit, DelegationId,
    FailedCommit, Kavach, Reason, StoreErrorKind,
};

use crate::dice::{Dice, scale};
use crate::world::{World, name, new_agent, new_delegation, new_spawn, poll_once, short, subject};

const READ: &str = "read app:x";

/// A top agent, one below it, and one that is suspended.
struct Cast {
    top: AgentId,
    low: AgentId,
    given: DelegationId,
    idle: AgentId,
}

async fn cast(world: &World) -> Cast {
    let top = world.agent("top", &["read:app:**"]).await.id;
    let low = world.spawn(&top, "low", &["read:app:*"]).await;
    let idle = world.agent("idle", &["read:app:**"]).await.id;
    world.kavach.suspend_agent(&idle).await.unwrap();
    Cast {
        top,
        low: low.id,
        given: low.delegation,
        idle,
    }
}

/// The kinds of change, by a word.
const CHANGES: [&str; 12] = [
    "create",
    "spawn",
    "delegate",
    "update",
    "rotate",
    "suspend",
    "resume",
    "update delegation",
    "revoke delegation",
    "revoke owner",
    "erase",
    "revoke",
];

async fn change(kavach: &Kavach, cast: &Cast, what: &str) -> Result<(), ChangeError> {
    let (mut edit, mut delegation) = (AgentEdit::default(), DelegationEdit::default());
    match what {
        "create" => kavach
            .create_agent(new_agent("user:bob", "new", &["read:app:x"]))
            .await
            .map(drop),
        "spawn" => kavach
            .spawn(&cast.top, new_spawn("new", &["read:app:x"]))
            .await
            .map(drop),
        "delegate" => kavach
            .delegate(&cast.top, &cast.idle, new_delegation(&["read:app:x"]))
            .await
            .map(drop),
        "update" => {
            edit.permissions = Some(vec!["read:app:x".parse().unwrap()]);
            kavach.update_agent(&cast.top, edit).await.map(drop)
        }
        "rotate" => kavach.rotate_credential(&cast.top, 0).await.map(drop),
        "suspend" => kavach.suspend_agent(&cast.top).await.map(drop),
        "resume" => kavach.resume_agent(&cast.idle).await.map(drop),
        "update delegation" => {
            delegation.permissions = Some(vec!["read:app:x".parse().unwrap()]);
            kavach
                .update_delegation(&cast.given, delegation)
                .await
                .map(drop)
        }
        "revoke delegation" => kavach.revoke_delegation(&cast.given).await.map(drop),
        "revoke owner" => kavach.revoke_owner(&subject("user:alice")).await.map(drop),
        "erase" => kavach.erase_subject(&subject("user:alice")).await.map(drop),
        "revoke" => kavach.revoke_agent(&cast.low).await.map(drop),
        other => panic!("{other}"),
    }
}

/// Everything about the graph that the facade shows, ids left out where a change draws new ones.
fn picture(world: &World) -> String {
    let kavach = &world.kavach;
    let alice = kavach.subject_id(&subject("user:alice")).is_some();
    let bob = kavach.subject_id(&subject("user:bob")).is_some();
    let mut agents: Vec<String> = kavach
        .agents()
        .iter()
        .map(|agent| {
            let lines = crate::world::permissions(kavach, &agent.id);
            let (prefixes, status) = (agent.credentials.len(), agent.status);
            format!("{} {status} {prefixes} {lines:?}", agent.name)
        })
        .collect();
    agents.sort();
    format!("alice {alice}, bob {bob}\n{}", agents.join("\n"))
}

#[tokio::test]
async fn a_decision_that_cannot_be_recorded_is_a_denial() {
    for (fault, recorded) in [
        (Fault::Unavailable, false),
        (Fault::OutOfSpace, false),
        (Fault::UnknownNotDone, false),
        (Fault::UnknownDone, true),
    ] {
        for what in [READ, "write app:x"] {
            let world = World::on_memory().await;
            let cast = cast(&world).await;
            let usual = world.decide(cast.low, what).await;
            let before = world.events().await.len();
            world
                .faults
                .inject(Call::Commit, When::Nth(1), fault.clone());
            let answer = world.authorize(cast.low, what).await;
            if recorded {
                assert_eq!(short(&answer), usual, "{fault:?}");
                let event = world.events().await.pop().unwrap();
                assert_eq!(answer.audit_id, Some(event.id));
            } else {
                assert_eq!(short(&answer), "deny: audit_unavailable", "{fault:?}");
                assert_eq!(answer.audit_id, None);
            }
            let after = before + usize::from(recorded);
            assert_eq!(world.check_log().await, after as u64, "{fault:?}");
            assert_eq!(
                world.decide(cast.low, what).await,
                usual,
                "{fault:?}: and then?"
            );
            assert_eq!(world.check_log().await, after as u64 + 1, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_store_that_is_down_denies_until_it_is_back() {
    let world = World::on_memory().await;
    let cast = cast(&world).await;
    let before = world.check_log().await;
    world
        .faults
        .inject(Call::Commit, When::Each, Fault::Unavailable);
    for _ in 0..3 {
        assert_eq!(
            world.decide(cast.low, READ).await,
            "deny: audit_unavailable"
        );
        let error = change(&world.kavach, &cast, "revoke").await.unwrap_err();
        assert!(
            matches!(error, ChangeError::Commit(FailedCommit::Store(_))),
            "{error}"
        );
    }
    world.faults.clear();
    assert_eq!(world.decide(cast.low, READ).await, "allow");
    assert_eq!(world.check_log().await, before + 1);
}

#[tokio::test]
async fn a_change_that_fails_changed_nothing_and_one_that_landed_is_told() {
    for what in CHANGES {
        let world = World::on_memory().await;
        let whole = cast(&world).await;
        change(&world.kavach, &whole, what).await.unwrap();
        let done = picture(&world);
        for (fault, lands) in [
            (Fault::Unavailable, false),
            (Fault::OutOfSpace, false),
            (Fault::UnknownNotDone, false),
            (Fault::UnknownDone, true),
        ] {
            let world = World::on_memory().await;
            let cast = cast(&world).await;
            let (before, events) = (picture(&world), world.check_log().await);
            // Erasing first takes the key away, in a commit of its own.
            let nth = if what == "erase" { 2 } else { 1 };
            world
                .faults
                .inject(Call::Commit, When::Nth(nth), fault.clone());
            let made = change(&world.kavach, &cast, what).await;
            match made {
                Ok(()) => assert!(lands, "{what}, {fault:?}"),
                Err(ChangeError::Commit(error)) => {
                    assert!(!lands, "{what}, {fault:?}: {error}");
                    assert!(!error.may_have_landed(), "{what}, {fault:?}: {error}");
                }
                Err(other) => panic!("{what}, {fault:?}: {other}"),
            }
            let want = if lands { &done } else { &before };
            assert_eq!(&picture(&world), want, "{what}, {fault:?}");
            assert_eq!(world.check_log().await, events + u64::from(lands));
            world.check_graph().await;
            // And life goes on: what did not land can be done now.
            let again = change(&world.kavach, &cast, what).await;
            if !lands {
                again.unwrap();
                assert_eq!(picture(&world), done, "{what}, {fault:?}");
            }
            let (live, revision) = (picture(&world), world.kavach.revision());
            let world = world.reopen().await;
            assert_eq!(
                (picture(&world), world.kavach.revision()),
                (live, revision),
                "{what}"
            );
            world.check_log().await;
        }
    }
}

#[tokio::test]
async fn an_outcome_that_nobody_can_find_out_is_told_as_unknown_and_found_out_later() {
    for (fault, landed) in [(Fault::UnknownDone, true), (Fault::UnknownNotDone, false)] {
        let world = World::on_memory().await;
        let cast = cast(&world).await;
        let before = world.check_log().await;
        world
            .faults
            .inject(Call::Commit, When::Nth(1), fault.clone());
        world
            .faults
            .inject(Call::Read, When::Each, Fault::Unavailable);
        let error = change(&world.kavach, &cast, "revoke").await.unwrap_err();
        let ChangeError::Commit(error) = error else {
            panic!("{error}")
        };
        assert!(error.may_have_landed(), "{error}");
        // Until the store can be asked, nothing is answered either.
        assert_eq!(
            world.decide(cast.low, READ).await,
            "deny: audit_unavailable"
        );
        world.faults.clear();
        // Nobody was told that it is revoked, so the first answer may still rest on the graph before; but
        // it is looked at again.
        let want = if landed { "deny: withdrawn" } else { "allow" };
        assert_eq!(world.decide(cast.low, READ).await, want, "{fault:?}");
        let want = if landed {
            "deny: agent_revoked"
        } else {
            "allow"
        };
        assert_eq!(world.decide(cast.low, READ).await, want, "{fault:?}");
        let more = if landed { 1 + 2 + 1 } else { 2 };
        assert_eq!(world.check_log().await, before + more);
        world.check_graph().await;
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Authorization, CannotDecide>>>>;

fn ask(kavach: &Kavach, who: AgentId) -> Answer {
    let kavach = kavach.clone();
    let mut answer: Answer = Box::pin(async move { kavach.authorize(&who, "read", "app:x").await });
    // One that is refused at once is ready at once, and is kept as it is.
    match poll_once(&mut answer) {
        std::task::Poll::Ready(ready) => Box::pin(std::future::ready(ready)),
        std::task::Poll::Pending => answer,
    }
}

#[tokio::test]
async fn a_full_queue_denies_at_once_and_keeps_changes_waiting() {
    let world = World::on_memory().await;
    let cast = cast(&world).await;
    let before = world.check_log().await;
    let gate = Gate::new();
    world
        .faults
        .inject(Call::Commit, When::Nth(1), Fault::HeldBefore(gate.clone()));
    let held = ask(&world.kavach, cast.top);
    gate.arrived(1).await;
    let mut waiting = Vec::new();
    let full = loop {
        let mut answer = ask(&world.kavach, cast.top);
        match poll_once(&mut answer) {
            std::task::Poll::Ready(answer) => break answer.unwrap(),
            std::task::Poll::Pending => waiting.push(answer),
        }
    };
    assert_eq!(
        (short(&full).as_str(), full.audit_id),
        ("deny: audit_unavailable", None)
    );
    assert_eq!(waiting.len(), 16_384);
    let change: Pin<Box<dyn Future<Output = _>>> = Box::pin(change(&world.kavach, &cast, "revoke"));
    let mut change = change;
    assert!(poll_once(&mut change).is_pending());
    gate.open();
    assert!(held.await.unwrap().is_allowed());
    for answer in waiting {
        assert!(answer.await.unwrap().is_allowed());
    }
    change.await.unwrap();
    assert_eq!(world.check_log().await, before + 16_384 + 2);
}

#[tokio::test]
async fn parts_of_one_batch_that_touch_one_record_are_told_apart() {
    let world = World::on_memory().await;
    let cast = cast(&world).await;
    let (kavach, faults) = (&world.kavach, &world.faults);
    let before = world.check_log().await;
    let gate = Gate::new();
    faults.inject(Call::Commit, When::Nth(1), Fault::HeldBefore(gate.clone()));
    let held = ask(kavach, cast.top);
    gate.arrived(1).await;
    let commits = faults.seen(Call::Commit);
    // All are planned on the same graph, and wait together.
    let first = ask(kavach, cast.low);
    let mut suspend: Pin<Box<dyn Future<Output = _>>> = Box::pin(kavach.suspend_agent(&cast.top));
    let mut again: Pin<Box<dyn Future<Output = _>>> = Box::pin(kavach.suspend_agent(&cast.top));
    let mut create: Pin<Box<dyn Future<Output = _>>> = Box::pin(change(kavach, &cast, "create"));
    assert!(poll_once(&mut suspend).is_pending());
    assert!(poll_once(&mut again).is_pending());
    let second = ask(kavach, cast.low);
    assert!(poll_once(&mut create).is_pending());
    gate.open();
    let (held, first, suspend, again, second, create) =
        tokio::join!(held, first, suspend, again, second, create);
    assert!(held.unwrap().is_allowed());
    assert_eq!(short(&first.unwrap()), "deny: withdrawn");
    suspend.unwrap();
    let ChangeError::Refused(refusal) = again.unwrap_err() else {
        panic!()
    };
    assert_eq!(refusal.reason, Reason::WrongState);
    // The neighbours of the one that was ejected landed.
    assert_eq!(short(&second.unwrap()), "deny: withdrawn");
    create.unwrap();
    // The first with the suspension, the conflict, the rest of it, then withdrawals and the refusal.
    let commits = faults.seen(Call::Commit) - commits;
    assert!((4..=6).contains(&commits), "{commits}");
    // Six were asked for, and two allows taken back.
    assert_eq!(world.check_log().await, before + 6 + 2);
    world.check_graph().await;
}

/// Notes that take about 200 KB in a record.
fn long_notes() -> BTreeMap<String, String> {
    (0..32)
        .map(|number| (format!("n{number}"), "\u{1}".repeat(1024)))
        .collect()
}

/// A declaration of so many agents, each by an owner of its own, and with long notes.
fn declaration(agents: usize) -> Declaration {
    let agents = (0..agents).map(|number| DeclaredAgent {
        name: name(&format!("declared{number}")),
        owner: subject(&format!("user:owner{number}")),
        kind: None,
        permissions: vec!["read:app:**".parse().unwrap()],
        end: DeclaredEnd::Never,
        metadata: long_notes(),
        holder_keys: Vec::new(),
    });
    Declaration {
        agents: agents.collect(),
        ..Declaration::default()
    }
}

#[tokio::test]
async fn a_part_that_is_too_large_fails_alone() {
    let world = World::on_memory().await;
    let cast = cast(&world).await;
    let kavach = &world.kavach;
    let gate = Gate::new();
    world
        .faults
        .inject(Call::Commit, When::Nth(1), Fault::HeldBefore(gate.clone()));
    let held = ask(kavach, cast.top);
    gate.arrived(1).await;
    let before: Vec<Answer> = (0..20).map(|_| ask(kavach, cast.low)).collect();
    let (large, options) = (declaration(400), ApplyOptions::default());
    let mut large: Pin<Box<dyn Future<Output = _>>> = Box::pin(kavach.apply(&large, &options));
    assert!(poll_once(&mut large).is_pending());
    let after: Vec<Answer> = (0..20).map(|_| ask(kavach, cast.low)).collect();
    gate.open();
    let error = large.await.map(|_| ()).unwrap_err();
    let kavach::declare::ApplyError::Change(ChangeError::Commit(FailedCommit::Store(error))) =
        error
    else {
        panic!("{error}")
    };
    assert_eq!(*error.kind(), StoreErrorKind::InvalidInput, "{error}");
    for answer in [held].into_iter().chain(before).chain(after) {
        assert!(answer.await.unwrap().is_allowed());
    }
    assert_eq!(kavach.agents().len(), 3, "nothing of it landed");
    world.check_log().await;
    world.check_graph().await;
}

#[tokio::test]
async fn many_long_changes_at_once_all_land() {
    let world = World::on_memory().await;
    let gate = Gate::new();
    world
        .faults
        .inject(Call::Commit, When::Nth(1), Fault::HeldBefore(gate.clone()));
    let nobody = AgentId::from_parts(1, 1);
    let held = ask(&world.kavach, nobody);
    gate.arrived(1).await;
    // All together are more than a batch takes.
    let create = |number: usize| {
        let new = new_agent(
            &format!("user:owner{number}"),
            &format!("long{number}"),
            &[],
        );
        let new = long_notes()
            .into_iter()
            .fold(new, |new, (key, note)| new.note(key, note));
        world.kavach.create_agent(new)
    };
    let mut waiting = Vec::new();
    for number in 0..scale(350, 1_000) {
        let mut future: Pin<Box<dyn Future<Output = _>>> = Box::pin(create(number));
        assert!(poll_once(&mut future).is_pending());
        waiting.push(future);
    }
    gate.open();
    assert_eq!(short(&held.await.unwrap()), "deny: unknown_agent");
    let made = waiting.len();
    for future in waiting {
        future.await.unwrap();
    }
    assert_eq!(world.kavach.agents().len(), made);
    world.check_log().await;
}

#[tokio::test]
async fn a_change_whose_future_is_dropped_is_done_or_not_done() {
    let mut dice = Dice::new(11);
    for _ in 0..scale(300, 20_000) {
        let world = World::on_memory().await;
        let cast = cast(&world).await;
        let before = picture(&world);
        let what = *dice.pick(&CHANGES);
        let polls = dice.below(4);
        {
            let mut future: Pin<Box<dyn Future<Output = _>>> =
                Box::pin(change(&world.kavach, &cast, what));
            for _ in 0..polls {
                if poll_once(&mut future).is_ready() {
                    break;
                }
                for _ in 0..dice.below(4) {
                    tokio::task::yield_now().await;
                }
            }
        }
        // Whatever was handed in is through once somebody else is.
        world.decide(cast.idle, READ).await;
        let after = picture(&world);
        world.check_graph().await;
        world.check_log().await;
        let again = change(&world.kavach, &cast, what).await;
        if after == before && what != "erase" {
            again.unwrap();
        }
    }
}

#[tokio::test]
async fn a_decision_whose_future_is_dropped_is_on_record_or_not() {
    let world = World::on_memory().await;
    let cast = cast(&world).await;
    let before = world.check_log().await;
    for _ in 0..10 {
        drop(ask(&world.kavach, cast.low));
    }
    assert_eq!(world.decide(cast.low, READ).await, "allow");
    assert_eq!(world.check_log().await, before + 11);
}

#[tokio::test]
async fn random_faults_leave_a_whole_log_and_a_true_graph() {
    for seed in 0..scale(60, 3_000) as u64 {
        let mut dice = Dice::new(seed);
        let world = World::on_memory().await;
        let mut told = 0;
        let mut agents = vec![world.agent("top", &["read:app:**"]).await.id];
        for step in 0..60 {
            if dice.once_in(3) {
                let fault = match dice.below(4) {
                    0 => Fault::Unavailable,
                    1 => Fault::OutOfSpace,
                    2 => Fault::UnknownNotDone,
                    _ => Fault::UnknownDone,
                };
                let call = *dice.pick(&[Call::Commit, Call::Commit, Call::Read, Call::Changes]);
                let fault = match call {
                    Call::Commit => fault,
                    _ => Fault::Unavailable,
                };
                world
                    .faults
                    .inject(call, When::Nth(1 + dice.below(2) as u64), fault);
            }
            let agent = *dice.pick(&agents);
            match dice.below(4) {
                0 => {
                    let spawned = new_spawn(&format!("a{step}"), &["read:app:x"]);
                    if let Ok(spawned) = world.kavach.spawn(&agent, spawned).await {
                        agents.push(spawned.id);
                    }
                }
                1 if dice.once_in(4) => drop(world.kavach.revoke_agent(&agent).await),
                2 => drop(world.kavach.suspend_agent(&agent).await),
                _ => {
                    let answer = world.authorize(agent, READ).await;
                    told += usize::from(answer.audit_id.is_some());
                    let on_record = world.kavach.agent(&agent).is_some();
                    assert!(on_record);
                }
            }
        }
        world.faults.clear();
        assert_eq!(
            world.decide(AgentId::from_parts(1, 1), READ).await,
            "deny: unknown_agent"
        );
        let events = world.check_log().await;
        assert!(events > told as u64);
        world.check_graph().await;
        for agent in agents {
            assert!(
                world.kavach.agent(&agent).is_some(),
                "an agent that was told of is gone"
            );
        }
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_made_is_made_by_the_next_call() {
    for fault in [
        Fault::Unavailable,
        Fault::UnknownNotDone,
        Fault::UnknownDone,
    ] {
        let world = World::on_memory().await;
        let cast = cast(&world).await;
        let before = world.check_log().await;
        let call = || {
            let mut call =
                kavach::Call::new(cast.low, "read".parse().unwrap(), "app:x".parse().unwrap());
            call.context.args = Some(serde_json::json!({"a": 1}).into());
            world.kavach.authorize_call(call)
        };
        world
            .faults
            .inject(Call::Commit, When::Nth(1), fault.clone());
        let error = call().await.unwrap_err();
        assert!(
            matches!(error, CannotDecide::Commit(_)),
            "{fault:?}: {error}"
        );
        assert!(call().await.unwrap().is_allowed(), "{fault:?}");
        assert_eq!(world.check_log().await, before + 1, "{fault:?}");
    }
}
