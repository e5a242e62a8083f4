//! Trust, from calls to levels: what moves a score, what does not, and that it survives whatever happens.

use std::pin::Pin;

use kavach::store::{Call, Fault, Space, When};
use kavach::{AgentId, Caller, Evidence, Leaf, TrustLevel, TrustScore};

use crate::world::{On, World, authorize, new_agent, on_each_store, poll_once, short, subject};

mod crash;
mod months;

/// Where facts lie.
const TRUST: Space = Space::quiet("trust");
const DAY_S: u64 = 24 * 60 * 60;
const READ: &str = "read app:x";
const WRITE: &str = "write app:x";

impl World {
    /// Where an agent stands.
    fn trust(&self, agent: &AgentId) -> TrustScore {
        self.kavach.trust(agent).unwrap()
    }

    fn score(&self, agent: &AgentId) -> u8 {
        self.trust(agent).score
    }

    async fn times(&self, count: usize, who: &AgentId, what: &str) {
        for _ in 0..count {
            let _ = self.authorize(who, what).await;
        }
    }
}

/// What one kind of evidence adds or takes.
fn part(score: &TrustScore, code: &str) -> i16 {
    let parts = score.contributions.iter();
    let mut found = parts.filter(|part| part.evidence.code() == code);
    found.next().map_or(0, |part| part.points)
}

#[tokio::test]
async fn nobody_is_trusted_who_is_not_known_here() {
    let world = World::on_memory().await;
    let agent = world.agent("reader", &["read:app:*"]).await;
    assert_eq!(world.kavach.trust(&AgentId::from_parts(1, 1)), None);
    assert_eq!(world.kavach.explain_trust(&AgentId::from_parts(1, 1)), None);
    let elsewhere = world.kavach.in_tenant(kavach::TenantId::from_parts(1, 1));
    assert_eq!(elsewhere.trust(&agent.id), None);
    assert_eq!(elsewhere.explain_trust(&agent.id), None);
}

#[tokio::test]
async fn who_tries_what_it_may_not_loses_what_asks_for_trust_and_earns_it_back() {
    let world = World::on_memory().await;
    let agent = world
        .agent("reader", &["read:app:x?min_trust=standard", "list:app:x"])
        .await
        .id;
    assert_eq!(world.decide(&agent, READ).await, "allow");
    world.times(10, &agent, WRITE).await;
    // 50, less ten denials beside one allowed call, and the first use of what asks for trust.
    let trust = world.trust(&agent);
    assert_eq!(
        (trust.score, trust.level),
        (32, TrustLevel::Limited),
        "{trust:?}"
    );
    assert_eq!(world.decide(&agent, READ).await, "deny: trust_too_low");
    assert_eq!(
        world.decide(&agent, "list app:x").await,
        "allow",
        "nothing else is touched"
    );
    // Time heals: half a week and some service.
    for days in 1.. {
        world.clock.advance_s(DAY_S);
        let (score, answer) = (world.score(&agent), world.decide(&agent, READ).await);
        if score < 40 {
            assert_eq!(answer, "deny: trust_too_low", "day {days}: {score}");
        } else {
            assert_eq!(answer, "allow", "day {days}: {score}");
            assert!((2..7).contains(&days), "{days}");
            break;
        }
    }
}

#[tokio::test]
async fn a_line_is_trusted_as_far_as_its_least_trusted_agent() {
    let world = World::on_memory().await;
    let top = world
        .agent("top", &["read:app:x?min_trust=standard"])
        .await
        .id;
    let middle = world.spawn(&top, "middle", &["read:app:x"]).await.id;
    let low = world.spawn(&middle, "low", &["read:app:x"]).await;
    assert_eq!(world.decide(&low.id, READ).await, "allow");
    world.times(20, &middle, WRITE).await;
    // It answers for its own calls only: this one was the first use of what asks for trust.
    assert_eq!(world.score(&low.id), 48);
    assert_eq!(world.score(&top), 50);
    assert_eq!(world.decide(&low.id, READ).await, "deny: trust_too_low");
    assert_eq!(world.decide(&top, READ).await, "allow");
    let explained = world.kavach.explain_trust(&low.id).unwrap();
    let [line] = explained.lines.as_slice() else {
        panic!("{explained:?}")
    };
    assert_eq!(line.leaf, Leaf::Delegation(low.delegation));
    assert_eq!((line.agent, line.score), (middle, world.score(&middle)));
    assert_eq!((line.level, line.fault), (TrustLevel::Limited, None));
    assert_eq!(explained.own, world.trust(&low.id));
    // Of those who stand alike, the one nearest to the owner is named; whoever has root grants has a line.
    let explained = world.kavach.explain_trust(&top).unwrap();
    assert_eq!(explained.lines[0].leaf, Leaf::Root(top));
}

#[tokio::test]
async fn a_child_starts_no_higher_than_its_parent_stands_then() {
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:x", "read:app:y"]).await.id;
    let before = world.spawn(&top, "before", &["read:app:x"]).await.id;
    world.times(25, &top, WRITE).await;
    let stands = world.score(&top);
    assert!(stands < 40, "{stands}");
    let after = world.spawn(&top, "after", &["read:app:x"]).await.id;
    assert_eq!((world.score(&before), world.score(&after)), (50, stands));
    let told = world.trust(&after).contributions;
    assert!(
        told.iter()
            .any(|part| part.evidence == Evidence::Ceiling(stands))
    );
    // What a parent does later is its own.
    world.times(50, &top, WRITE).await;
    assert_eq!(world.score(&after), stands);
    // Each day of service lifts it by one.
    world.clock.advance_s(3 * DAY_S);
    assert_eq!(world.score(&after), stands + 3);
    let world = world.reopen().await;
    assert_eq!(world.score(&after), stands + 3);
}

#[tokio::test]
async fn a_child_that_a_file_declares_starts_no_higher_either() {
    use kavach::declare::{ApplyOptions, Declaration, DeclaredDelegation, DeclaredEnd};
    let world = World::on_memory().await;
    let top = world.agent("top", &["read:app:x"]).await.id;
    world.times(25, &top, WRITE).await;
    let declared = Declaration {
        delegations: vec![DeclaredDelegation {
            from: "top".parse().unwrap(),
            to: "child".parse().unwrap(),
            via: None,
            permissions: vec!["read:app:x".parse().unwrap()],
            end: DeclaredEnd::Never,
            max_depth: None,
            mode: kavach::Mode::Strict,
        }],
        ..Declaration::default()
    };
    world
        .kavach
        .apply(&declared, &ApplyOptions::default())
        .await
        .unwrap();
    let child = world.kavach.find_agent("child").unwrap();
    assert_eq!(world.score(&child.id), world.score(&top));
}

#[tokio::test]
async fn what_is_done_to_an_agent_and_what_nobody_known_does_is_not_held_against_it() {
    let world = World::on_memory().await;
    let top = world
        .agent("top", &["read:app:x", "pay:app:x?approve"])
        .await
        .id;
    let made = world.agent("other", &["read:app:x"]).await;
    let low = world.spawn(&top, "low", &["read:app:x"]).await;
    // Others under its name: nobody here is called that.
    for _ in 0..50 {
        let _ = world.authorize(Caller::parse("topp").unwrap(), WRITE).await;
        let _ = world.authorize(AgentId::from_parts(1, 1), WRITE).await;
    }
    // Looking is free.
    let call = kavach::Call::new(top, "write".parse().unwrap(), "app:x".parse().unwrap());
    for _ in 0..50 {
        assert!(!world.kavach.simulate(&call, None).unwrap().is_allowed());
        world
            .kavach
            .explain(&call, &kavach::Supposed::default())
            .unwrap();
    }
    // A call that waits for approval.
    for _ in 0..50 {
        assert_eq!(world.decide(&top, "pay app:x").await, "needs approval");
    }
    // A credential that was replaced: whoever still has it is not known.
    let old = Caller::from(&made.credential);
    world.kavach.rotate_credential(&made.id, 0).await.unwrap();
    for _ in 0..50 {
        assert!(!world.authorize(old.clone(), WRITE).await.is_allowed());
    }
    // Suspended, then cut off.
    world.kavach.suspend_agent(&top).await.unwrap();
    world.times(50, &top, READ).await;
    world.times(50, &low.id, READ).await;
    world.kavach.resume_agent(&top).await.unwrap();
    world
        .kavach
        .revoke_delegation(&low.delegation)
        .await
        .unwrap();
    world.times(50, &low.id, READ).await;
    for agent in [top, made.id, low.id] {
        assert_eq!(world.score(&agent), 50, "{:?}", world.trust(&agent));
    }
}

#[tokio::test]
async fn answers_that_were_withdrawn_are_not_held_against_an_agent() {
    let world = World::on_memory().await;
    let agent = world.agent("reader", &["read:app:x"]).await.id;
    for _ in 0..30 {
        let kavach = world.kavach.clone();
        let asked = async move { short(&authorize(&kavach, agent, READ).await) };
        let mut asked: Pin<Box<dyn Future<Output = String>>> = Box::pin(asked);
        assert!(poll_once(&mut asked).is_pending());
        world.kavach.suspend_agent(&agent).await.unwrap();
        assert_eq!(asked.await, "deny: withdrawn");
        world.kavach.resume_agent(&agent).await.unwrap();
    }
    assert_eq!(world.score(&agent), 50, "{:?}", world.trust(&agent));
}

#[tokio::test]
async fn people_who_say_no_count_once_and_so_does_each_guardrail() {
    let world = World::on_memory().await;
    let agent = world
        .agent("payer", &["pay:app:x?approve", "read:app:**"])
        .await
        .id;
    let approve = ["approve:app:kavach:approvals".parse().unwrap()];
    world
        .kavach
        .grant_owner(&subject("user:bob"), &approve)
        .await
        .unwrap();
    let asked = world.authorize(&agent, "pay app:x").await.approval.unwrap();
    let no = world
        .kavach
        .deny_approval(&asked, &subject("user:bob"), None)
        .await;
    no.unwrap();
    assert_eq!(part(&world.trust(&agent), "refusals"), -8);
    // Asking again and again gets the same no, and costs nothing more.
    for _ in 0..20 {
        assert_eq!(
            world.decide(&agent, "pay app:x").await,
            "deny: approval_denied"
        );
    }
    assert_eq!(world.score(&agent), 42);
    let never = kavach::NewGuardrail::new("no-keys", "read:app:keys").unwrap();
    world.kavach.set_guardrail(&never).await.unwrap();
    assert_eq!(
        world.decide(&agent, "read app:keys").await,
        "deny: guardrail_applies"
    );
    let trust = world.trust(&agent);
    assert_eq!(part(&trust, "guardrails"), -4, "{trust:?}");
}

#[tokio::test]
async fn limits_that_are_used_up_cost_little() {
    let world = World::on_memory().await;
    let agent = world.agent("reader", &["read:app:x?rate=1/h"]).await.id;
    assert_eq!(world.decide(&agent, READ).await, "allow");
    for _ in 0..200 {
        assert_eq!(world.decide(&agent, READ).await, "deny: rate_used_up");
    }
    let trust = world.trust(&agent);
    assert_eq!(
        (part(&trust, "limits"), part(&trust, "denials"), trust.score),
        (-5, 0, 45)
    );
}

#[tokio::test]
async fn what_is_used_for_the_first_time_counts_where_its_grant_asks_for_trust() {
    let world = World::on_memory().await;
    let agent = world
        .agent(
            "reader",
            &["read:app:payroll:*?min_trust=limited", "read:app:open:*"],
        )
        .await
        .id;
    for number in 0..4 {
        let what = format!("read app:open:{number}");
        assert_eq!(world.decide(&agent, &what).await, "allow");
    }
    assert_eq!(world.score(&agent), 50);
    for number in 0..4 {
        let what = format!("read app:payroll:{number}");
        assert_eq!(world.decide(&agent, &what).await, "allow");
        assert_eq!(world.decide(&agent, &what).await, "allow");
    }
    assert_eq!(part(&world.trust(&agent), "first_uses"), -5);
}

on_each_store! {
    an_opening_finds_what_was_recorded,
    whatever_the_store_does_each_call_counts_once,
}

/// Where each agent stands, with all that it is made of.
fn everything(world: &World) -> Vec<(AgentId, TrustScore)> {
    let agents = world.kavach.agents();
    agents
        .iter()
        .map(|agent| (agent.id, world.trust(&agent.id)))
        .collect()
}

async fn an_opening_finds_what_was_recorded(mut world: World) {
    let top = world.agent("top", &["read:app:x"]).await.id;
    let low = world.spawn(&top, "low", &["read:app:x"]).await.id;
    // Over what a closing node leaves to the trail, and under it; each time with another day.
    for count in [200, 20, 300, 1] {
        world.times(count, &top, READ).await;
        world.times(count / 10, &low, WRITE).await;
        let before = everything(&world);
        world = world.reopen().await;
        assert_eq!(everything(&world), before, "{count}");
        world.clock.advance_s(DAY_S);
    }
    assert!(!crate::world::scan(&*world.store, TRUST).await.is_empty());
}

async fn whatever_the_store_does_each_call_counts_once(world: World) {
    let agent = world.agent("reader", &["read:app:x"]).await.id;
    for fault in [
        Fault::Unavailable,
        Fault::UnknownNotDone,
        Fault::UnknownDone,
    ] {
        for _ in 0..5 {
            world
                .faults
                .inject(Call::Commit, When::Nth(1), fault.clone());
            let _ = world.authorize(&agent, WRITE).await;
            // Then it cannot be found out at once, either.
            world
                .faults
                .inject(Call::Commit, When::Nth(1), fault.clone());
            world
                .faults
                .inject(Call::Read, When::Nth(1), Fault::Unavailable);
            let _ = world.authorize(&agent, WRITE).await;
            world.faults.clear();
        }
    }
    let _ = world.authorize(&agent, READ).await;
    let before = everything(&world);
    let denied = world.events().await;
    let denied = denied
        .iter()
        .filter(|event| event.reason.code() == "no_matching_grant");
    // 49 for each denied call, less the one that was allowed, of 50 for each of them and twenty more.
    let denied = denied.count() as f64;
    let share = (49.0 * denied - 1.0) / (50.0 * (denied + 21.0));
    assert_eq!(
        part(&before[0].1, "denials"),
        -(50.0 * share).round() as i16
    );
    let world = world.reopen().await;
    assert_eq!(everything(&world), before);
}

#[tokio::test]
async fn a_tenant_has_trust_of_its_own() {
    let world = World::on(On::Memory).await;
    let there = world.kavach.in_tenant(kavach::TenantId::from_parts(1, 1));
    let here = world.agent("reader", &["read:app:x"]).await.id;
    let new = new_agent("user:alice", "reader", &["read:app:x"]);
    let other = there.create_agent(new).await.unwrap().id;
    for _ in 0..30 {
        let _ = authorize(&there, other, WRITE).await;
    }
    assert_eq!(world.score(&here), 50);
    let theirs = there.trust(&other).unwrap();
    assert!(theirs.score < 40);
    let world = world.reopen().await;
    let there = world.kavach.in_tenant(kavach::TenantId::from_parts(1, 1));
    assert_eq!(there.trust(&other), Some(theirs));
}
