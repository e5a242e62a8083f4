//! An allow is taken back if its line no longer holds by the time that it is on record.

use std::pin::Pin;

use kavach::audit::{Detail, EventKind, Outcome};
use kavach::store::{Call, Fault, Gate, When};
use kavach::{
    AgentEdit, Authorization, Caller, CannotDecide, Created, DelegationEdit, Edit, Name, Reason,
    Secret, Spawned,
};

use crate::world::{
    On, World, name, new_agent, new_delegation, new_spawn, poll_once, short, subject,
};

/// Alice's `top`, and `low` below it, which calls; and Bob's `other`, who has nothing to do with it.
struct Scene {
    world: World,
    top: Created,
    low: Spawned,
    other: Created,
    /// A credential of `low`'s that is accepted for 20 seconds more.
    earlier: Secret,
}

type Answer = Pin<Box<dyn Future<Output = Result<Authorization, CannotDecide>>>>;

impl Scene {
    async fn on(on: On) -> Self {
        let world = World::on(on).await;
        let kavach = &world.kavach;
        let top = new_agent("user:alice", "top", &["read:app:**"]);
        let top = kavach.create_agent(top).await.unwrap();
        let given = [
            "read:app:repos?expires=2026-11-21T10:00:30Z",
            "read:app:notes",
        ];
        let given = new_delegation(&given).ttl_s(40);
        let low = new_spawn("low", &[]).delegation(given);
        let mut low = kavach.spawn(&top.id, low).await.unwrap();
        let other = new_agent("user:bob", "other", &["read:app:**"]);
        let other = kavach.create_agent(other).await.unwrap();
        let rotated = kavach.rotate_credential(&low.id, 20).await.unwrap();
        let earlier = std::mem::replace(&mut low.credential, rotated.credential);
        Self {
            world,
            top,
            low,
            other,
            earlier,
        }
    }

    /// Asks whether `low` may read, up to where the answer waits for its event.
    fn ask(&self, who: &str) -> Answer {
        let caller = match who {
            "id" => Caller::from(self.low.id),
            "name" => Caller::from(&name("low") as &Name),
            "credential" => Caller::from(&self.low.credential),
            _ => Caller::from(&self.earlier),
        };
        let kavach = self.world.kavach.clone();
        let mut answer: Answer =
            Box::pin(async move { kavach.authorize(caller, "read", "app:repos").await });
        assert!(
            poll_once(&mut answer).is_pending(),
            "the answer did not wait"
        );
        answer
    }

    async fn happens(&self, what: &str) {
        let kavach = &self.world.kavach;
        let (top, low, other) = (&self.top.id, &self.low.id, &self.other.id);
        let permissions = |text: &str| Some(vec![text.parse().unwrap()]);
        let (mut agent, mut delegation) = (AgentEdit::default(), DelegationEdit::default());
        match what {
            "nothing" => {}
            "the agent is revoked" => drop(kavach.revoke_agent(low).await.unwrap()),
            "its parent is revoked" => drop(kavach.revoke_agent(top).await.unwrap()),
            "another agent is revoked" => drop(kavach.revoke_agent(other).await.unwrap()),
            "the agent is suspended" => drop(kavach.suspend_agent(low).await.unwrap()),
            "its parent is suspended" => drop(kavach.suspend_agent(top).await.unwrap()),
            "its parent is suspended and resumed" => {
                kavach.suspend_agent(top).await.unwrap();
                kavach.resume_agent(top).await.unwrap();
            }
            "the owner is off-boarded" | "the owner is off-boarded and reinstated" => {
                kavach.revoke_owner(&subject("user:alice")).await.unwrap();
                if what.ends_with("reinstated") {
                    kavach
                        .reinstate_owner(&subject("user:alice"))
                        .await
                        .unwrap();
                }
            }
            "another owner is off-boarded" => {
                kavach.revoke_owner(&subject("user:bob")).await.unwrap();
            }
            "the delegation is revoked" => {
                kavach
                    .revoke_delegation(&self.low.delegation)
                    .await
                    .unwrap();
            }
            "the delegation is narrowed" => {
                delegation.permissions = permissions("read:app:notes");
                kavach
                    .update_delegation(&self.low.delegation, delegation)
                    .await
                    .unwrap();
            }
            "its parent is narrowed" => {
                agent.permissions = permissions("read:app:notes");
                kavach.update_agent(top, agent).await.unwrap();
            }
            "its parent is widened" => {
                agent.permissions = permissions("*:**");
                kavach.update_agent(top, agent).await.unwrap();
            }
            "its parent's time passes" => {
                agent.expires_at = Edit::Set(kavach.now().plus_s(10));
                kavach.update_agent(top, agent).await.unwrap();
                self.world.clock.advance_s(10);
            }
            "the credential is rotated away" => {
                kavach.rotate_credential(low, 0).await.unwrap();
            }
            "19 seconds pass" => self.world.clock.advance_s(19),
            "20 seconds pass" => self.world.clock.advance_s(20),
            "29 seconds pass" => self.world.clock.advance_s(29),
            "30 seconds pass" => self.world.clock.advance_s(30),
            "40 seconds pass" => self.world.clock.advance_s(40),
            "it is revoked and its name taken again" => {
                kavach.revoke_agent(low).await.unwrap();
                let again = new_agent("user:alice", "low", &["read:app:**"]).recreate();
                kavach.create_agent(again).await.unwrap();
            }
            other => panic!("{other}"),
        }
    }
}

/// What happens while an allow waits for its event, who asked, and why the allow is taken back.
const TABLE: [(&str, &str, Option<&str>); 27] = [
    ("the agent is revoked", "id", Some("agent_revoked")),
    ("the agent is revoked", "name", Some("agent_revoked")),
    ("the agent is revoked", "credential", Some("unknown_agent")),
    ("its parent is revoked", "id", Some("ancestor_revoked")),
    (
        "its parent is revoked",
        "credential",
        Some("ancestor_revoked"),
    ),
    ("the agent is suspended", "id", Some("agent_suspended")),
    ("its parent is suspended", "id", Some("ancestor_suspended")),
    (
        "its parent is suspended",
        "credential",
        Some("ancestor_suspended"),
    ),
    ("the owner is off-boarded", "id", Some("owner_revoked")),
    (
        "the owner is off-boarded and reinstated",
        "id",
        Some("owner_revoked"),
    ),
    (
        "the delegation is revoked",
        "id",
        Some("delegation_revoked"),
    ),
    (
        "the delegation is narrowed",
        "id",
        Some("no_matching_grant"),
    ),
    ("its parent is narrowed", "id", Some("ancestor_narrowed")),
    ("its parent's time passes", "id", Some("ancestor_expired")),
    ("30 seconds pass", "id", Some("grant_expired")),
    ("40 seconds pass", "name", Some("delegation_expired")),
    (
        "20 seconds pass",
        "earlier credential",
        Some("credential_expired"),
    ),
    (
        "the credential is rotated away",
        "credential",
        Some("unknown_agent"),
    ),
    (
        "the credential is rotated away",
        "earlier credential",
        Some("unknown_agent"),
    ),
    (
        "it is revoked and its name taken again",
        "name",
        Some("agent_revoked"),
    ),
    ("nothing", "id", None),
    ("its parent is suspended and resumed", "id", None),
    ("its parent is widened", "id", None),
    ("another agent is revoked", "id", None),
    ("another owner is off-boarded", "id", None),
    ("19 seconds pass", "earlier credential", None),
    ("29 seconds pass", "credential", None),
];

/// Looks at the answer and at the trail: the allow, what happened, and then the withdrawal.
async fn check(scene: Scene, answer: Authorization, what: &str, because: Option<&str>) {
    let world = scene.world;
    let events = world.events().await;
    let place = |found: &dyn Fn(&kavach::audit::Event) -> bool| events.iter().position(found);
    let allow = place(&|event| event.outcome == Outcome::Allow).unwrap();
    let withdrawn = place(&|event| event.kind == EventKind::Withdrawn);
    assert_eq!(events[allow].reason, Reason::Granted, "{what}");
    match because {
        None => {
            assert_eq!(short(&answer), "allow", "{what}");
            assert_eq!(answer.audit_id, Some(events[allow].id), "{what}");
            assert_eq!(withdrawn, None, "{what}");
        }
        Some(because) => {
            assert_eq!(short(&answer), "deny: withdrawn", "{what}");
            let last = events.len() - 1;
            assert_eq!(withdrawn, Some(last), "{what}");
            let event = &events[last];
            assert_eq!(answer.audit_id, Some(event.id), "{what}");
            assert_eq!(event.withdraws, Some(events[allow].id), "{what}");
            assert_eq!(
                (event.outcome, event.reason),
                (Outcome::Deny, Reason::Withdrawn)
            );
            let detail = Detail::Text(because.to_owned());
            assert_eq!(event.detail.get("because"), Some(&detail), "{what}");
            assert_eq!(event.agent, Some(scene.low.id));
            assert_eq!(event.line, events[allow].line);
            assert_eq!(answer.line, ["user:alice", "top", "low"], "{what}");
        }
    }
    // What happened stands after the allow.
    let changed = place(&|event| {
        event.index > 3 && event.kind != EventKind::Authorize && event.kind != EventKind::Withdrawn
    });
    assert!(
        changed.is_none_or(|at| at > allow),
        "{what}: {changed:?} and {allow}"
    );
    world.check_log().await;
    world.check_graph().await;
}

#[tokio::test]
async fn no_allow_leaves_after_what_ended_its_line_has_returned() {
    for on in [On::Memory, On::Redb] {
        for (what, who, because) in TABLE {
            let scene = Scene::on(on).await;
            let waiting = scene.ask(who);
            scene.happens(what).await;
            // Whatever happened has returned by now.
            let answer = waiting.await.unwrap();
            check(scene, answer, what, because).await;
        }
    }
}

#[tokio::test]
async fn an_allow_in_one_commit_with_what_ends_its_line_does_not_leave() {
    for (what, because) in [
        ("the agent is revoked", "agent_revoked"),
        ("its parent is revoked", "ancestor_revoked"),
        ("the owner is off-boarded", "owner_revoked"),
        ("the delegation is revoked", "delegation_revoked"),
        ("the agent is suspended", "agent_suspended"),
        ("its parent is narrowed", "ancestor_narrowed"),
    ] {
        let scene = Scene::on(On::Memory).await;
        let gate = Gate::new();
        let faults = scene.world.faults.clone();
        let before = faults.seen(Call::Commit);
        faults.inject(Call::Commit, When::Nth(1), Fault::HeldBefore(gate.clone()));
        // Another answer holds the committer up, so that the next two gather behind it.
        let other = scene.world.kavach.clone();
        let held = scene.other.id;
        let held = tokio::spawn(async move { other.authorize(&held, "write", "app:repos").await });
        gate.arrived(1).await;
        let waiting = scene.ask("id");
        let mut change: Pin<Box<dyn Future<Output = ()>>> = Box::pin(scene.happens(what));
        assert!(poll_once(&mut change).is_pending());
        gate.open();
        assert_eq!(
            short(&held.await.unwrap().unwrap()),
            "deny: no_matching_grant"
        );
        let (answer, ()) = tokio::join!(waiting, change);
        // One for the other answer, one for both, one for the withdrawal.
        assert_eq!(faults.seen(Call::Commit), before + 3, "{what}");
        check(scene, answer.unwrap(), what, Some(because)).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_on_record_and_not_yet_given_is_looked_at_again() {
    // The store has the event, and has not said so yet.
    let scene = Scene::on(On::Memory).await;
    let gate = Gate::new();
    scene
        .world
        .faults
        .inject(Call::Commit, When::Nth(1), Fault::HeldAfter(gate.clone()));
    let waiting = scene.ask("id");
    let what = "its parent is revoked";
    let mut change: Pin<Box<dyn Future<Output = ()>>> = Box::pin(scene.happens(what));
    assert!(poll_once(&mut change).is_pending());
    let open = async {
        gate.arrived(1).await;
        gate.open();
        change.await;
    };
    open.await;
    check(
        scene,
        waiting.await.unwrap(),
        what,
        Some("ancestor_revoked"),
    )
    .await;
}

#[tokio::test]
async fn a_withdrawal_that_cannot_be_recorded_is_a_denial_all_the_same() {
    let scene = Scene::on(On::Memory).await;
    let waiting = scene.ask("id");
    scene.happens("the agent is revoked").await;
    scene
        .world
        .faults
        .inject(Call::Commit, When::Each, Fault::Unavailable);
    let answer = waiting.await.unwrap();
    assert_eq!(
        (short(&answer).as_str(), answer.audit_id),
        ("deny: withdrawn", None)
    );
    scene.world.check_log().await;
}

#[tokio::test]
async fn a_denial_is_not_looked_at_again() {
    let scene = Scene::on(On::Memory).await;
    let kavach = scene.world.kavach.clone();
    let low = scene.low.id;
    let mut waiting: Answer =
        Box::pin(async move { kavach.authorize(&low, "write", "app:repos").await });
    assert!(poll_once(&mut waiting).is_pending());
    scene.happens("its parent is revoked").await;
    assert_eq!(short(&waiting.await.unwrap()), "deny: no_matching_grant");
}

#[tokio::test]
async fn an_allow_says_how_far_the_graph_had_come_when_it_left() {
    let scene = Scene::on(On::Memory).await;
    let before = scene.world.kavach.revision();
    let waiting = scene.ask("id");
    scene.happens("another agent is revoked").await;
    let answer = waiting.await.unwrap();
    assert_eq!(answer.revision, before + 1);
    let events = scene.world.events().await;
    let event = events
        .iter()
        .find(|event| Some(event.id) == answer.audit_id)
        .unwrap();
    assert_eq!(event.revision, before, "the event says when it was decided");
}
