//! Many tasks at once: whatever has returned holds for whoever begins afterwards.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use kavach::audit::{Event, EventKind, Outcome};
use kavach::{
    AgentId, Authorization, Call, Caller, ChangeError, Decision, DelegationId, FailedCommit,
    Kavach, Leaf, Reason,
};
use tokio::task::JoinSet;

use crate::dice::{Dice, scale};
use crate::world::{On, World, name, new_agent, new_delegation, new_spawn, short, subject};

/// What was revoked, with the revision at which that returned.
#[derive(Default)]
struct Revoked {
    agents: HashMap<AgentId, u64>,
    delegations: HashMap<DelegationId, u64>,
}

/// What the tasks of one round know of each other.
struct Round {
    kavach: Kavach,
    agents: Mutex<Vec<AgentId>>,
    delegations: Mutex<Vec<DelegationId>>,
    revoked: Mutex<Revoked>,
    answers: Mutex<Vec<Authorization>>,
}

const RESOURCES: [&str; 3] = ["app:a", "app:b", "app:c"];

impl Round {
    fn agent(&self, dice: &mut Dice) -> AgentId {
        *dice.pick(&self.agents.lock().unwrap())
    }

    fn delegation(&self, dice: &mut Dice) -> DelegationId {
        *dice.pick(&self.delegations.lock().unwrap())
    }

    async fn spawn(&self, dice: &mut Dice, called: String) {
        let from = self.agent(dice);
        let given = [format!("read:{}", dice.pick(&RESOURCES))];
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        if let Ok(spawned) =
            check_change(self.kavach.spawn(&from, new_spawn(&called, &given)).await)
        {
            self.agents.lock().unwrap().push(spawned.id);
            self.delegations.lock().unwrap().push(spawned.delegation);
        }
    }

    async fn delegate(&self, dice: &mut Dice) {
        let (from, to) = (self.agent(dice), self.agent(dice));
        let given = new_delegation(&["read:app:*"]).attenuate();
        if let Ok(given) = check_change(self.kavach.delegate(&from, &to, given).await) {
            self.delegations.lock().unwrap().push(given.id);
        }
    }

    async fn revoke(&self, dice: &mut Dice) {
        if dice.once_in(2) {
            // The roots stay, or all would be over soon.
            let agents = self.agents.lock().unwrap().clone();
            let agent = *dice.pick(&agents[4..]);
            if let Ok(done) = check_change(self.kavach.revoke_agent(&agent).await) {
                self.revoked
                    .lock()
                    .unwrap()
                    .agents
                    .insert(agent, done.revision);
            }
        } else {
            let delegation = self.delegation(dice);
            if let Ok(done) = check_change(self.kavach.revoke_delegation(&delegation).await) {
                self.revoked
                    .lock()
                    .unwrap()
                    .delegations
                    .insert(delegation, done.revision);
            }
        }
    }

    async fn authorize(&self, dice: &mut Dice) {
        let (agents, delegations) = {
            let revoked = self.revoked.lock().unwrap();
            (revoked.agents.clone(), revoked.delegations.clone())
        };
        let caller = self.agent(dice);
        let resource: &str = dice.pick::<&str>(&RESOURCES);
        let answer = self
            .kavach
            .authorize(&caller, "read", resource)
            .await
            .unwrap();
        if answer.is_allowed() {
            for hop in &answer.hops {
                assert!(
                    !agents.contains_key(&hop.agent),
                    "allowed after the revocation returned"
                );
                let by = hop
                    .delegation
                    .is_some_and(|by| delegations.contains_key(&by));
                assert!(!by, "allowed after the revocation returned");
            }
        }
        self.answers.lock().unwrap().push(answer);
    }
}

/// Refusals are part of the race; a store that fails is not.
fn check_change<T>(made: Result<T, ChangeError>) -> Result<T, ()> {
    match made {
        Ok(made) => Ok(made),
        Err(ChangeError::Refused(_) | ChangeError::Commit(FailedCommit::Contended)) => Err(()),
        Err(other) => panic!("{other}"),
    }
}

async fn race(world: &World, seed: u64, steps: usize) -> Arc<Round> {
    let mut roots = Vec::new();
    for number in 0..4 {
        let owner = if number % 2 == 0 {
            "user:alice"
        } else {
            "user:bob"
        };
        let root = new_agent(owner, &format!("root{number}"), &["read:app:*"]);
        roots.push(world.kavach.create_agent(root).await.unwrap().id);
    }
    let first = world.spawn(&roots[0], "first", &["read:app:*"]).await;
    roots.push(first.id);
    let round = Arc::new(Round {
        kavach: world.kavach.clone(),
        agents: Mutex::new(roots),
        delegations: Mutex::new(vec![first.delegation]),
        revoked: Mutex::default(),
        answers: Mutex::default(),
    });
    let mut tasks = JoinSet::new();
    for task in 0..50_u64 {
        let round = Arc::clone(&round);
        let mut dice = Dice::new(seed * 1000 + task);
        tasks.spawn(async move {
            for step in 0..steps {
                match task {
                    0..8 => round.delegate(&mut dice).await,
                    8..16 => round.spawn(&mut dice, format!("t{task}s{step}")).await,
                    16..26 => round.revoke(&mut dice).await,
                    _ => round.authorize(&mut dice).await,
                }
                if dice.once_in(4) {
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    round
}

/// The trail tells of each answer once, as it was given, and no allow in it stands after what ended it.
fn check_trail(round: &Round, events: &[Event]) -> usize {
    let answers = round.answers.lock().unwrap();
    let by_id: HashMap<_, _> = events.iter().map(|event| (event.id, event)).collect();
    let mut allows = 0;
    for answer in answers.iter() {
        let event = by_id[&answer.audit_id.unwrap()];
        assert_eq!(event.reason, answer.reason());
        assert_eq!(event.agent, answer.agent);
        let outcome = match answer.decision {
            Decision::Allow => Outcome::Allow,
            Decision::NeedsApproval => Outcome::NeedsApproval,
            Decision::Deny(_) => Outcome::Deny,
        };
        assert_eq!(event.outcome, outcome);
        let line: Vec<_> = event
            .line
            .iter()
            .map(|hop| (hop.agent, hop.delegation))
            .collect();
        let hops: Vec<_> = answer
            .hops
            .iter()
            .map(|hop| (hop.agent, hop.delegation))
            .collect();
        assert_eq!(line, hops);
        allows += usize::from(answer.is_allowed());
    }
    let decisions = events
        .iter()
        .filter(|event| event.kind == EventKind::Authorize)
        .count();
    assert_eq!(
        decisions,
        answers.len(),
        "one event for each answer, besides withdrawals"
    );

    let withdrawn: HashMap<_, _> = events
        .iter()
        .filter_map(|event| Some((event.withdraws?, event)))
        .collect();
    let (mut dead_agents, mut dead_delegations) = (Vec::new(), Vec::new());
    for event in events {
        match (event.kind, event.outcome) {
            (EventKind::AgentRevoked, Outcome::Done) => dead_agents.extend(event.agent),
            (EventKind::DelegationRevoked, Outcome::Done) => {
                dead_delegations.extend(event.line.last().and_then(|hop| hop.delegation));
            }
            (EventKind::Authorize, Outcome::Allow) => {
                let dead = event.line.iter().any(|hop| {
                    dead_agents.contains(&hop.agent)
                        || hop
                            .delegation
                            .is_some_and(|by| dead_delegations.contains(&by))
                });
                let taken_back = withdrawn.get(&event.id);
                assert!(taken_back.is_none_or(|after| after.index > event.index));
                assert!(
                    !dead || taken_back.is_some(),
                    "an allow stands after what ended its line"
                );
            }
            _ => {}
        }
    }
    allows
}

/// What each agent is answered, without recording it.
fn all_answers(kavach: &Kavach) -> Vec<String> {
    let mut answers = Vec::new();
    for agent in kavach.agents() {
        for resource in RESOURCES {
            let call = Call::new(agent.id, "read".parse().unwrap(), resource.parse().unwrap());
            answers.push(short(&kavach.simulate(&call, None).unwrap()));
        }
    }
    answers
}

async fn rounds(on: On, rounds: usize, steps: usize) {
    let (mut answers, mut allows, mut withdrawals) = (0, 0, 0);
    for seed in 0..rounds as u64 {
        let world = World::on(on).await;
        let round = race(&world, seed, steps).await;
        {
            let revoked = round.revoked.lock().unwrap();
            for answer in round
                .answers
                .lock()
                .unwrap()
                .iter()
                .filter(|answer| answer.is_allowed())
            {
                for hop in &answer.hops {
                    let by = hop.delegation.and_then(|by| revoked.delegations.get(&by));
                    for at in by.into_iter().chain(revoked.agents.get(&hop.agent)) {
                        assert!(
                            answer.revision < *at,
                            "an allow is as new as what ended its line"
                        );
                    }
                }
            }
        }
        let events = world.events().await;
        answers += round.answers.lock().unwrap().len();
        allows += check_trail(&round, &events);
        withdrawals += events
            .iter()
            .filter(|event| event.kind == EventKind::Withdrawn)
            .count();
        drop(round);
        world.check_log().await;
        world.check_graph().await;
        let (before, agents) = (all_answers(&world.kavach), world.kavach.agents());
        let world = world.reopen().await;
        assert_eq!(world.kavach.agents(), agents);
        assert_eq!(
            all_answers(&world.kavach),
            before,
            "reopening changes an answer"
        );
    }
    println!(
        "{on:?}: {answers} answers, {allows} allows, {withdrawals} withdrawn, {rounds} rounds"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_allow_completes_after_a_revocation_returned_in_memory() {
    rounds(On::Memory, scale(12, 1000), 40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_allow_completes_after_a_revocation_returned_on_redb() {
    rounds(On::Redb, scale(3, 100), 25).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_owner_gets_one_id_however_many_agents_come_at_once() {
    for _ in 0..scale(5, 200) {
        let world = World::on_memory().await;
        let mut tasks = JoinSet::new();
        for number in 0..32 {
            let kavach = world.kavach.clone();
            tasks.spawn(async move {
                let new = new_agent("user:new", &format!("a{number}"), &[]);
                kavach.create_agent(new).await.unwrap()
            });
        }
        while let Some(created) = tasks.join_next().await {
            created.unwrap();
        }
        let owners: Vec<_> = world
            .kavach
            .agents()
            .iter()
            .map(|agent| agent.owner)
            .collect();
        let only = world.kavach.subject_id(&subject("user:new")).unwrap();
        assert_eq!(owners, [only; 32]);
        for event in world.events().await {
            assert!(event.outcome != Outcome::Done || event.owner == Some(only));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_gets_a_name() {
    for recreate in [false, true] {
        let world = World::on_memory().await;
        if recreate {
            let first = world.agent("wanted", &[]).await;
            world.kavach.revoke_agent(&first.id).await.unwrap();
        }
        let mut tasks = JoinSet::new();
        for _ in 0..32 {
            let kavach = world.kavach.clone();
            tasks.spawn(async move {
                let new = new_agent("user:alice", "wanted", &["read:app:a"]);
                kavach
                    .create_agent(if recreate { new.recreate() } else { new })
                    .await
            });
        }
        let mut won = Vec::new();
        while let Some(made) = tasks.join_next().await {
            match made.unwrap() {
                Ok(made) => won.push(made.id),
                Err(ChangeError::Refused(refusal)) => assert_eq!(refusal.reason, Reason::NameTaken),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won.len(), 1);
        assert_eq!(world.kavach.find_agent("wanted").unwrap().id, won[0]);
        let answer = world
            .authorize(Caller::from(&name("wanted")), "read app:a")
            .await;
        assert_eq!(answer.agent, Some(won[0]));
        world.check_graph().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_changes_of_one_agent_all_land() {
    let world = World::on_memory().await;
    let agent = world.agent("agent", &[]).await.id;
    let mut tasks = JoinSet::new();
    for number in 0..64 {
        let kavach = world.kavach.clone();
        tasks.spawn(async move {
            let mut edit = kavach::AgentEdit::default();
            edit.metadata = Some([("n".to_owned(), number.to_string())].into());
            kavach.update_agent(&agent, edit).await
        });
    }
    let mut landed = 0;
    while let Some(made) = tasks.join_next().await {
        match made.unwrap() {
            Ok(_) => landed += 1,
            Err(ChangeError::Commit(FailedCommit::Contended)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let events = world.events().await;
    assert_eq!(
        events.len(),
        1 + landed,
        "one event for each that landed, and none for a try"
    );
    assert!(landed >= 60, "{landed}");
    world.check_log().await;
    world.check_graph().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn off_boarding_races_creating_and_leaves_nobody_alive() {
    for seed in 0..scale(20, 1000) as u64 {
        let world = World::on_memory().await;
        let top = world.agent("top", &["read:app:*"]).await.id;
        let mut tasks = JoinSet::new();
        for number in 0..16 {
            let kavach = world.kavach.clone();
            let mut dice = Dice::new(seed * 100 + number);
            tasks.spawn(async move {
                for _ in 0..dice.below(4) {
                    tokio::task::yield_now().await;
                }
                let called = format!("a{number}");
                if number == 7 {
                    kavach.revoke_owner(&subject("user:alice")).await.unwrap();
                } else if number % 2 == 0 {
                    let _ = check_change(
                        kavach
                            .create_agent(new_agent("user:alice", &called, &["read:app:a"]))
                            .await,
                    );
                } else {
                    let _ = check_change(
                        kavach
                            .spawn(&top, new_spawn(&called, &["read:app:a"]))
                            .await,
                    );
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
        for agent in world.kavach.agents() {
            assert_eq!(
                world.decide(agent.id, "read app:a").await,
                "deny: owner_revoked"
            );
            assert_eq!(
                world.kavach.fault_of(Leaf::Root(agent.id)),
                Some(Reason::OwnerRevoked)
            );
        }
    }
}
