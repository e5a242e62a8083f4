//! A process that is killed: what it acknowledged is there, and of the rest all or nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kavach::audit::{Event, EventKind, Outcome};
use kavach::core::Record;
use kavach::{
    AgentId, AgentKind, AgentStatus, ChangeError, Kavach, ManualClock, NewAgent, Store, TenantId,
};
use kavach_store_redb::RedbStore;

use crate::dice::{Dice, scale};
use crate::world::{
    NOW, check_log, name, new_agent, new_delegation, new_spawn, records, sealed_events, subject,
    time,
};

/// Tells the process that it is the one that will be killed: the file of the store, and a seed.
const VICTIM: &str = "KAVACH_TEST_VICTIM";

async fn open(file: &Path) -> (Kavach, Arc<dyn Store>) {
    let store = RedbStore::open(file).unwrap();
    let clock = Arc::new(ManualClock::new(time(NOW)));
    let kavach = Kavach::builder(store.clone())
        .clock(clock)
        .open()
        .await
        .unwrap();
    (kavach, Arc::new(store))
}

#[test]
fn what_a_killed_process_acknowledged_is_there_and_the_rest_whole_or_absent() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.unwrap();
    match std::env::var(VICTIM) {
        Ok(orders) => runtime.block_on(live_until_killed(&orders)),
        Err(_) => runtime.block_on(kill_again_and_again()),
    }
}

/// Works in eight tasks, and prints what was acknowledged, for ever.
async fn live_until_killed(orders: &str) {
    let (seed, file) = orders.split_once(' ').unwrap();
    let (kavach, _) = open(Path::new(file)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..8 {
        let kavach = kavach.clone();
        let seed: u64 = seed.parse().unwrap();
        tasks.spawn(async move {
            let mut dice = Dice::new(seed * 8 + task);
            for step in 0.. {
                one_step(&kavach, &mut dice, &format!("l{seed}t{task}s{step}")).await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

fn acknowledge(done: &str, what: impl std::fmt::Display) {
    println!("ack {done} {what}");
}

/// Prints what the answer says; a refusal is fine too.
fn told<T>(made: Result<T, ChangeError>, acknowledged: impl FnOnce(T)) {
    match made {
        Ok(made) => acknowledged(made),
        Err(ChangeError::Refused(_)) => {}
        Err(other) => panic!("{other}"),
    }
}

async fn one_step(kavach: &Kavach, dice: &mut Dice, fresh: &str) {
    let agents = kavach.agents();
    let delegations = kavach.delegations();
    if agents.is_empty() || dice.once_in(6) {
        let owner = format!("user:{}", dice.pick(&["alice", "bob", fresh]));
        let new: NewAgent = new_agent(&owner, fresh, &["read:app:**"]);
        return told(kavach.create_agent(new).await, |made| {
            acknowledge(
                "created",
                format_args!("{} {owner} {}", made.id, made.audit_id),
            );
        });
    }
    let agent = dice.pick(&agents).id;
    match dice.below(8) {
        0 | 1 => told(
            kavach
                .spawn(&agent, new_spawn(fresh, &["read:app:*"]))
                .await,
            |made| {
                acknowledge(
                    "spawned",
                    format_args!("{} {} {}", made.id, made.delegation, made.audit_id),
                );
            },
        ),
        2 => {
            let to = dice.pick(&agents).id;
            let given = new_delegation(&["read:app:*"]).attenuate();
            told(kavach.delegate(&agent, &to, given).await, |made| {
                acknowledge("delegated", format_args!("{} {}", made.id, made.audit_id));
            });
        }
        3 => told(kavach.suspend_agent(&agent).await, |made| {
            acknowledge("suspended", format_args!("{agent} {}", made.audit_id));
        }),
        4 if dice.once_in(3) => told(kavach.revoke_agent(&agent).await, |made| {
            acknowledge("revoked", format_args!("{agent} {}", made.audit_id));
        }),
        5 if !delegations.is_empty() => {
            let delegation = dice.pick(&delegations).id;
            told(kavach.revoke_delegation(&delegation).await, |made| {
                acknowledge("cut", format_args!("{delegation} {}", made.audit_id));
            });
        }
        _ => {
            let answer = kavach.authorize(&agent, "read", "app:x").await.unwrap();
            acknowledge(
                "answered",
                format_args!("{} {}", answer.reason(), answer.audit_id.unwrap()),
            );
        }
    }
}

async fn kill_again_and_again() {
    let stores = scale(1, 40);
    let mut total = 0;
    for store in 0..stores {
        total += kill_over_one_store(store * LIVES).await;
    }
    println!("{} lives, {total} acknowledged", stores * LIVES);
}

/// Lives that go on with the same store.
const LIVES: usize = 8;

/// Returns how many things were acknowledged.
async fn kill_over_one_store(first: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kavach.redb");
    let mut acknowledged: Vec<Vec<String>> = Vec::new();
    for life in first..first + LIVES {
        let before = acknowledged.len();
        kill_after(&file, life, &mut acknowledged);
        let (kavach, store) = open(&file).await;
        check_what_is_left(&kavach, &store, &acknowledged).await;
        assert!(
            acknowledged.len() > before,
            "nothing was acknowledged in life {life}"
        );
        kavach.close().await;
    }
    acknowledged.len()
}

/// Lets a process live until it has acknowledged some number of things, and kills it.
fn kill_after(file: &Path, life: usize, acknowledged: &mut Vec<Vec<String>>) {
    static NEVER: AtomicUsize = AtomicUsize::new(0);
    let mut dice = Dice::new(life as u64);
    let enough = 1 + dice.below(150);
    let this = std::env::current_exe().unwrap();
    let test = "crashes::what_a_killed_process_acknowledged_is_there_and_the_rest_whole_or_absent";
    let mut victim = Command::new(this)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(VICTIM, format!("{life} {}", file.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard = 0;
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    for line in lines {
        let line = line.unwrap();
        // Who is killed may be in the middle of a line: the last word of a whole one is an id.
        if let Some(said) = line.strip_prefix("ack ")
            && let Some((_, id)) = said.rsplit_once(' ')
            && id.parse::<kavach::EventId>().is_ok()
        {
            acknowledged.push(said.split(' ').map(str::to_owned).collect());
            heard += 1;
        }
        if heard == enough {
            // A moment within a commit, not the moment at which it was acknowledged.
            for spin in 0..dice.below(200_000) {
                NEVER.fetch_max(spin, Ordering::Relaxed);
            }
            victim.kill().unwrap();
            heard += 1;
        }
    }
    assert!(!victim.wait().unwrap().success());
    assert!(
        heard > enough,
        "the process ended by itself, after {heard} of {enough}"
    );
}

/// Looks at the store after a death.
async fn check_what_is_left(kavach: &Kavach, store: &Arc<dyn Store>, acknowledged: &[Vec<String>]) {
    let size = check_log(&**store, &[TenantId::DEFAULT]).await;
    let events = sealed_events(&**store, &[TenantId::DEFAULT]).await;
    let events: BTreeMap<String, Event> = events
        .into_iter()
        .map(|sealed| (sealed.event.id.to_string(), sealed.event))
        .collect();
    assert_eq!(events.len() as u64, size);
    for said in acknowledged {
        check_acknowledged(kavach, &events, said);
    }
    check_whole(kavach, &records(&**store).await, &events);
}

fn check_acknowledged(kavach: &Kavach, events: &BTreeMap<String, Event>, said: &[String]) {
    let event = events.get(said.last().unwrap());
    let event = event.unwrap_or_else(|| panic!("{said:?} is not in the trail"));
    let agent = |id: &str| kavach.agent(&id.parse().unwrap());
    match said[0].as_str() {
        "created" => {
            let agent = agent(&said[1]).unwrap();
            assert_eq!(kavach.subject(&agent.owner), Some(subject(&said[2])));
        }
        "spawned" => {
            let agent = agent(&said[1]).unwrap();
            let delegation = kavach.delegation(&said[2].parse().unwrap()).unwrap();
            assert_eq!(
                (delegation.to, agent.kind),
                (agent.id, AgentKind::Delegated)
            );
        }
        "delegated" => assert!(kavach.delegation(&said[1].parse().unwrap()).is_some()),
        "suspended" => assert_ne!(agent(&said[1]).unwrap().status, AgentStatus::Active),
        "revoked" => assert_eq!(agent(&said[1]).unwrap().status, AgentStatus::Revoked),
        "cut" => assert!(
            kavach
                .delegation(&said[1].parse().unwrap())
                .unwrap()
                .revoked
        ),
        "answered" => assert_eq!(event.reason.to_string(), said[1]),
        other => panic!("{other}"),
    }
}

/// Each record has the others that were written with it, and its event.
fn check_whole(kavach: &Kavach, records: &[Record], events: &BTreeMap<String, Event>) {
    let made: Vec<&Event> = events
        .values()
        .filter(|event| event.outcome == Outcome::Done)
        .collect();
    let of_kind = |kind: EventKind| made.iter().filter(move |event| event.kind == kind);
    let created: BTreeSet<Option<AgentId>> = of_kind(EventKind::AgentCreated)
        .chain(of_kind(EventKind::Delegated).filter(|event| event.detail.contains_key("spawned")))
        .map(|event| event.agent)
        .collect();
    let given: BTreeSet<_> = of_kind(EventKind::Delegated)
        .map(|event| event.line.last().unwrap().delegation.unwrap())
        .collect();
    let revoked: BTreeSet<_> = of_kind(EventKind::AgentRevoked)
        .map(|event| event.agent)
        .collect();
    let mut counts = [0; 3];
    for record in records {
        match record {
            Record::Owner(owner) => assert!(kavach.subject(&owner.id).is_some(), "no name"),
            Record::Subject(subject) => {
                assert_eq!(kavach.subject_id(&subject.subject), Some(subject.id));
                counts[2] += 1;
            }
            Record::Agent(agent) => {
                assert!(
                    created.contains(&Some(agent.id)),
                    "an agent without its event"
                );
                assert!(
                    kavach.subject(&agent.owner).is_some(),
                    "an agent without its owner"
                );
                let found = kavach.find_agent(agent.name.as_str()).unwrap();
                assert_eq!(found.id, agent.id, "an agent without its name");
                let dead = agent.status == AgentStatus::Revoked;
                assert_eq!(revoked.contains(&Some(agent.id)), dead);
                let mut delegations = records.iter().filter(|record| {
                    matches!(record, Record::Delegation(delegation) if delegation.to == agent.id)
                });
                let spawned = agent.kind == AgentKind::Delegated;
                assert!(
                    !spawned || delegations.next().is_some(),
                    "spawned without its delegation"
                );
                counts[0] += 1;
            }
            Record::Name(named) => {
                let agent = kavach.agent(&named.agent).unwrap();
                assert_eq!(
                    (&agent.name, &name(agent.name.as_str())),
                    (&named.name, &named.name)
                );
            }
            Record::Delegation(delegation) => {
                assert!(
                    given.contains(&delegation.id),
                    "a delegation without its event"
                );
                counts[1] += 1;
            }
            Record::Guardrail(_) => panic!("nobody set a guardrail"),
        }
    }
    assert_eq!(
        counts[..2],
        [created.len(), given.len()],
        "events without what they tell of"
    );
}
