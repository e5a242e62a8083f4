//! Random stories against the naive evaluator: the facade answers what the stored records mean.

use std::collections::BTreeSet;

use kavach::core::oracle::{Oracle, Requests};
use kavach::declare::{
    Applied, ApplyError, ApplyOptions, Declaration, DeclaredAgent, DeclaredDelegation, DeclaredEnd,
    DeclaredVia,
};
use kavach::{
    Action, AgentEdit, AgentId, Call, ChangeError, DelegationEdit, Edit, Kavach, Leaf, Mode,
    NewDelegation, Permission, Resource, TenantId, Timestamp,
};

use crate::dice::{Dice, scale};
use crate::world::{On, World, authorize, name, new_agent, new_spawn, records, short, subject};

const ACTIONS: [&str; 2] = ["read", "write"];
const RESOURCES: [&str; 6] = ["app:a", "app:ab", "app:b", "app:a:x", "app:b:x", "tool:a"];
const PATTERNS: [&str; 9] = [
    "app:a", "app:a*", "app:*", "app:**", "app:a:*", "app:*:x", "app:b:**", "tool:a", "**",
];
const OWNERS: [&str; 3] = ["user:alice", "user:bob", "service:cron"];

fn universe() -> Vec<(Action, Resource)> {
    let action = |text: &str| text.parse().unwrap();
    let all = ACTIONS.iter().flat_map(|one| {
        RESOURCES
            .iter()
            .map(move |other| (action(one), other.parse().unwrap()))
    });
    all.collect()
}

fn permission(dice: &mut Dice, now: Timestamp) -> Permission {
    let actions = dice.pick(&["read", "write", "read,write", "*"]);
    let mut text = format!("{actions}:{}", dice.pick(&PATTERNS));
    let mut sign = '?';
    if dice.once_in(5) {
        text = format!("{text}{sign}depth={}", dice.below(3));
        sign = '&';
    }
    if dice.once_in(6) {
        text = format!(
            "{text}{sign}expires={}",
            now.plus_s(1 + dice.below(20) as u64)
        );
    }
    text.parse().unwrap()
}

fn permissions(dice: &mut Dice, now: Timestamp) -> Vec<Permission> {
    (0..1 + dice.below(3))
        .map(|_| permission(dice, now))
        .collect()
}

fn delegation(dice: &mut Dice, now: Timestamp) -> NewDelegation {
    let asked = permissions(dice, now).into_iter();
    let mut new = asked.fold(NewDelegation::new(), NewDelegation::permit);
    if !dice.once_in(3) {
        new = new.attenuate();
    }
    if dice.once_in(5) {
        new = new.ttl_s(1 + dice.below(30) as u64);
    }
    if dice.once_in(5) {
        new = new.max_depth(dice.below(4) as u8);
    }
    new
}

fn edit_of(dice: &mut Dice, now: Timestamp) -> Edit<Timestamp> {
    match dice.below(3) {
        0 => Edit::Keep,
        1 => Edit::Clear,
        _ => Edit::Set(now.plus_s(dice.below(20) as u64)),
    }
}

/// One change, whatever comes of it. Says whether it can only ever take away.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of change")]
async fn change(world: &World, dice: &mut Dice, step: usize) -> bool {
    let kavach = &world.kavach;
    let now = kavach.now();
    let agents = kavach.agents();
    let delegations = kavach.delegations();
    if agents.is_empty() || dice.once_in(8) {
        let permissions = permissions(dice, now);
        let mut new = new_agent(dice.pick::<&str>(&OWNERS), &called(dice, step), &[]);
        new = permissions.into_iter().fold(new, kavach::NewAgent::permit);
        if dice.once_in(6) {
            new = new.ttl_s(1 + dice.below(40) as u64);
        }
        check(kavach.create_agent(new.recreate()).await);
        return false;
    }
    let agent = dice.pick(&agents).id;
    let other = dice.pick(&agents).id;
    let line = delegations
        .get(dice.below(delegations.len().max(1)))
        .map(|found| found.id);
    match dice.below(14) {
        0..3 => {
            let spawn = new_spawn(&called(dice, step), &[]).delegation(delegation(dice, now));
            check(kavach.spawn(&agent, spawn.recreate()).await);
        }
        3..6 => {
            let mut new = delegation(dice, now);
            if dice.once_in(3) {
                new = new.via(line.map_or(Leaf::Root(agent), Leaf::Delegation));
            }
            check(kavach.delegate(&agent, &other, new).await);
        }
        6 => {
            let mut edit = AgentEdit::default();
            edit.permissions = dice.once_in(2).then(|| permissions(dice, now));
            edit.expires_at = edit_of(dice, now);
            check(kavach.update_agent(&agent, edit).await);
        }
        7 => {
            if let Some(line) = line {
                let mut edit = DelegationEdit::default();
                edit.permissions = dice.once_in(2).then(|| permissions(dice, now));
                edit.expires_at = edit_of(dice, now);
                edit.mode = *dice.pick(&[Mode::Strict, Mode::Attenuate]);
                check(kavach.update_delegation(&line, edit).await);
            }
        }
        8 => {
            check(kavach.suspend_agent(&agent).await);
            return true;
        }
        9 => check(kavach.resume_agent(&agent).await),
        10 if dice.once_in(2) => {
            check(kavach.revoke_agent(&agent).await);
            return true;
        }
        11 => {
            if let Some(line) = line {
                check(kavach.revoke_delegation(&line).await);
            }
            return true;
        }
        12 => {
            let owner = subject(dice.pick::<&str>(&OWNERS));
            match dice.below(8) {
                0 => {
                    check(kavach.revoke_owner(&owner).await);
                    return true;
                }
                1 => check(kavach.reinstate_owner(&owner).await),
                2 => check(kavach.erase_subject(&owner).await),
                _ => check(
                    kavach
                        .rotate_credential(&agent, dice.below(30) as u64)
                        .await,
                ),
            }
        }
        13 => world.clock.advance_s(dice.below(6) as u64),
        _ => {}
    }
    false
}

/// Names come back, so that they are taken again.
fn called(dice: &mut Dice, step: usize) -> String {
    if dice.once_in(3) {
        format!("again{}", dice.below(4))
    } else {
        format!("a{step}")
    }
}

fn check<T>(made: Result<T, ChangeError>) {
    match made {
        Ok(_) | Err(ChangeError::Refused(_)) => {}
        Err(other) => panic!("{other}"),
    }
}

async fn oracle(world: &World) -> Oracle {
    let mut oracle = Oracle::default();
    records(&*world.store)
        .await
        .iter()
        .for_each(|record| oracle.put(record));
    oracle
}

/// What an agent may do, by the facade.
fn allowed(kavach: &Kavach, agent: AgentId, universe: &[(Action, Resource)]) -> Requests {
    let mut allowed = BTreeSet::new();
    for (place, (action, resource)) in universe.iter().enumerate() {
        let call = Call::new(agent, action.clone(), resource.clone());
        let answer = kavach.simulate(&call, None).unwrap();
        if answer.is_allowed() {
            allowed.insert(place);
        }
    }
    allowed
}

/// Compares the facade with the stored records, and its ways of answering with each other.
async fn compare(world: &World, universe: &[(Action, Resource)], context: &str) -> usize {
    let kavach = &world.kavach;
    let oracle = oracle(world).await;
    let now = kavach.now();
    let mut compared = 0;
    for agent in kavach.agents() {
        let want = oracle.allowed(TenantId::DEFAULT, agent.id, universe, now);
        let have = allowed(kavach, agent.id, universe);
        assert_eq!(have, want, "{context}: {}", agent.name);
        compared += universe.len();
        // What it is said to be able to do is what it is allowed.
        let lines = kavach.permissions_of(&agent.id).unwrap();
        let listed = universe
            .iter()
            .enumerate()
            .filter(|(_, (action, resource))| {
                let mut given = lines.iter().flat_map(|line| &line.permissions);
                given.any(|given| given.matches(action, resource))
            });
        let listed: Requests = listed.map(|(place, _)| place).collect();
        assert_eq!(
            listed, want,
            "{context}: effective permissions of {}",
            agent.name
        );
    }
    compared
}

async fn story(on: On, seed: u64, steps: usize) -> usize {
    let universe = universe();
    let mut dice = Dice::new(seed);
    let mut world = World::on(on).await;
    let mut compared = 0;
    for step in 0..steps {
        let context = format!("seed {seed}, step {step}");
        let before: Vec<(AgentId, Requests)> = match dice.once_in(3) {
            true => {
                let agents = world.kavach.agents();
                agents
                    .iter()
                    .map(|agent| (agent.id, allowed(&world.kavach, agent.id, &universe)))
                    .collect()
            }
            false => Vec::new(),
        };
        let takes_away = change(&world, &mut dice, step).await;
        if takes_away {
            for (agent, had) in &before {
                let has = allowed(&world.kavach, *agent, &universe);
                assert!(has.is_subset(had), "{context}: taking away gave something");
            }
        }
        if dice.once_in(4) || step + 1 == steps {
            compared += compare(&world, &universe, &context).await;
            world.check_graph().await;
        }
        // What is recorded is what is simulated.
        let agents = world.kavach.agents();
        if !agents.is_empty() {
            let agent = dice.pick(&agents).id;
            let (action, resource) = dice.pick(&universe).clone();
            let call = Call::new(agent, action.clone(), resource.clone());
            let simulated = world.kavach.simulate(&call, None).unwrap();
            let answer = authorize(&world.kavach, agent, &format!("{action} {resource}")).await;
            assert_eq!(short(&answer), short(&simulated), "{context}");
            assert_eq!(
                (&answer.line, answer.grant),
                (&simulated.line, simulated.grant)
            );
        }
        if dice.once_in(40) {
            world = world.reopen().await;
        }
    }
    world.check_log().await;
    let world = world.reopen().await;
    compared + compare(&world, &universe, &format!("seed {seed}, reopened")).await
}

#[tokio::test]
async fn a_random_story_is_answered_as_the_naive_evaluator_does_in_memory() {
    let mut compared = 0;
    for seed in 0..scale(40, 4_000) as u64 {
        compared += story(On::Memory, seed, 60).await;
    }
    println!("{compared} decisions compared");
}

#[tokio::test]
async fn a_random_story_is_answered_as_the_naive_evaluator_does_on_redb() {
    let mut compared = 0;
    for seed in 0..scale(4, 100) as u64 {
        compared += story(On::Redb, 1_000_000 + seed, 60).await;
    }
    println!("{compared} decisions compared");
}

const ALL: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g"];

/// A random file about a few names.
fn declaration(dice: &mut Dice, now: Timestamp) -> Declaration {
    let mut declaration = Declaration::default();
    for (number, called) in ALL[..5].iter().enumerate() {
        if dice.once_in(8) {
            continue;
        }
        let wide = vec!["*:**".parse().unwrap()];
        declaration.agents.push(DeclaredAgent {
            name: name(called),
            owner: subject(OWNERS[number % 3]),
            kind: None,
            permissions: match dice.below(4) {
                0 => permissions(dice, now),
                1 if number > 1 => Vec::new(),
                _ => wide,
            },
            end: match dice.below(8) {
                0 => DeclaredEnd::In(50 + dice.below(20) as u64),
                _ => DeclaredEnd::Never,
            },
            metadata: Default::default(),
            holder_keys: Vec::new(),
        });
    }
    for _ in 0..dice.below(6) {
        declaration.delegations.push(DeclaredDelegation {
            from: name(dice.pick::<&str>(&["a", "a", "a", "b", "b", "c", "d", "f"])),
            to: name(dice.pick::<&str>(&ALL)),
            via: match dice.below(8) {
                0 => Some(DeclaredVia::Root),
                1 => Some(DeclaredVia::From(name("a"))),
                _ => None,
            },
            permissions: permissions(dice, now),
            end: DeclaredEnd::Never,
            max_depth: None,
            mode: *dice.pick(&[Mode::Attenuate, Mode::Attenuate, Mode::Strict]),
        });
    }
    declaration
}

#[tokio::test]
async fn a_random_file_does_what_its_dry_run_said_and_nothing_the_second_time() {
    let universe = universe();
    let (mut applied, mut rejected) = (0, 0);
    for seed in 0..scale(40, 3_000) as u64 {
        let mut dice = Dice::new(seed);
        let world = World::on_memory().await;
        for step in 0..12 {
            let context = format!("seed {seed}, step {step}");
            let declaration = declaration(&mut dice, world.kavach.now());
            let any = || ALL.iter().map(|called| name(called)).collect();
            let options = ApplyOptions {
                dry_run: false,
                prune: dice.once_in(4),
                recreate: if dice.once_in(4) { Vec::new() } else { any() },
            };
            let predicted = predict(&world, &mut dice, &declaration, &options, &context).await;
            match apply_twice(&world, &declaration, &options, predicted, &context).await {
                true => applied += 1,
                false => rejected += 1,
            }
            let agents = world.kavach.agents();
            if dice.once_in(4) && !agents.is_empty() {
                let agent = dice.pick(&agents).id;
                check(world.kavach.revoke_agent(&agent).await);
            }
        }
        world.check_graph().await;
        compare(&world, &universe, &format!("seed {seed}")).await;
    }
    println!("{applied} files applied, {rejected} rejected");
    assert!(
        4 * applied > rejected,
        "{applied} of {rejected}: too few files are any good"
    );
}

/// A dry run, which does nothing, and says the same for the file in another order.
async fn predict(
    world: &World,
    dice: &mut Dice,
    declaration: &Declaration,
    options: &ApplyOptions,
    context: &str,
) -> Result<Applied, ApplyError> {
    let kavach = &world.kavach;
    let options = ApplyOptions {
        dry_run: true,
        ..options.clone()
    };
    let before = (kavach.revision(), kavach.agents(), kavach.delegations());
    let events = world.check_log().await;
    let predicted = kavach.apply(declaration, &options).await;
    let mut shuffled = declaration.clone();
    shuffled.delegations.reverse();
    let turn = dice.below(shuffled.delegations.len().max(1));
    let turn = turn.min(shuffled.delegations.len());
    shuffled.delegations.rotate_left(turn);
    let otherwise = kavach.apply(&shuffled, &options).await;
    assert_eq!(
        sorted(&otherwise),
        sorted(&predicted),
        "{context}: the order counts"
    );
    let now = (kavach.revision(), kavach.agents(), kavach.delegations());
    assert_eq!(now, before, "{context}: a dry run wrote something");
    assert_eq!(
        world.check_log().await,
        events,
        "{context}: a dry run recorded something"
    );
    predicted
}

/// Whether the file was applied, and then not again; or rejected as predicted, and nothing was changed.
async fn apply_twice(
    world: &World,
    declaration: &Declaration,
    options: &ApplyOptions,
    predicted: Result<Applied, ApplyError>,
    context: &str,
) -> bool {
    let kavach = &world.kavach;
    let before = (kavach.revision(), kavach.agents(), kavach.delegations());
    match (predicted, kavach.apply(declaration, options).await) {
        (Ok(predicted), Ok(done)) => {
            assert_eq!(told(&predicted, false), told(&done, false), "{context}");
            let (revision, events) = (kavach.revision(), world.check_log().await);
            let commits = world.faults.seen(kavach::store::Call::Commit);
            let plain = ApplyOptions {
                recreate: Vec::new(),
                ..options.clone()
            };
            let again = kavach.apply(declaration, &plain).await;
            let again = again.unwrap_or_else(|error| panic!("{context}: {error:?}"));
            assert!(!again.is_change(), "{context}: {:?}", told(&again, true));
            assert_eq!(kavach.revision(), revision);
            assert_eq!(world.check_log().await, events);
            assert_eq!(world.faults.seen(kavach::store::Call::Commit), commits);
            true
        }
        (Err(ApplyError::Rejected(predicted)), Err(ApplyError::Rejected(done))) => {
            assert_eq!(predicted.len(), done.len(), "{context}");
            assert!(!predicted.is_empty(), "{context}");
            let now = (kavach.revision(), kavach.agents(), kavach.delegations());
            assert_eq!(now, before, "{context}: a rejected file changed something");
            false
        }
        (predicted, done) => panic!("{context}: {predicted:?} and then {done:?}"),
    }
}

/// What is done, in no order; nothing if it is rejected.
fn sorted(applied: &Result<Applied, ApplyError>) -> Option<Vec<String>> {
    let mut told = told(applied.as_ref().ok()?, false);
    told.sort();
    Some(told)
}

/// The steps of an application, without ids.
fn told(applied: &Applied, details: bool) -> Vec<String> {
    let steps = applied.steps.iter().map(|step| {
        let what = step.what.split(" (").next().unwrap();
        match details {
            true => format!("{:?} {what} {:?}", step.doing, step.details),
            false => format!("{:?} {what} {}", step.doing, step.details.len()),
        }
    });
    steps.collect()
}
