//! Counters that cannot be cheated: not by many at once, not by sub-agents, not by restarts, not by failing.

use std::collections::BTreeMap;

use kavach::store::Space;
use kavach::{AgentId, Call, Kavach, SettleError, Settled};
use tokio::task::JoinSet;

use crate::world::{World, scan, short};

mod crash;
mod faults;
mod many;
mod settling;
mod shared;
mod windows;

/// A call that `who` makes at this cost.
pub(crate) fn call(who: AgentId, what: &str, cost: u64) -> Call {
    let (action, resource) = what.split_once(' ').unwrap();
    let mut call = Call::new(who, action.parse().unwrap(), resource.parse().unwrap());
    call.context.cost = Some(cost);
    call
}

/// The answer to a call at this cost, in short.
pub(crate) async fn spend(world: &World, who: AgentId, what: &str, cost: u64) -> String {
    let answer = world.kavach.authorize_call(call(who, what, cost)).await;
    short(&answer.unwrap())
}

/// How often each answer is given if so many calls are made by these at the same time.
pub(crate) async fn storm(
    kavach: &Kavach,
    who: &[AgentId],
    what: &'static str,
    calls: usize,
) -> BTreeMap<String, usize> {
    let mut tasks = JoinSet::new();
    for number in 0..calls {
        let (kavach, who) = (kavach.clone(), who[number % who.len()]);
        tasks
            .spawn(async move { short(&kavach.authorize_call(call(who, what, 1)).await.unwrap()) });
    }
    let mut answers = BTreeMap::new();
    for answer in tasks.join_all().await {
        *answers.entry(answer).or_default() += 1;
    }
    answers
}

/// What is used of each limit along the agent's only line, level by level: `2/5` is two of five.
pub(crate) fn used(kavach: &Kavach, who: AgentId) -> Vec<String> {
    let lines = kavach.remaining(&who).unwrap();
    assert_eq!(lines.len(), 1);
    let levels = lines[0].hops.iter().map(|hop| {
        let limits = hop.grants.iter().flat_map(|grant| &grant.limits);
        let limits = limits.map(|limit| {
            assert_eq!(limit.left, limit.limit.saturating_sub(limit.used));
            format!("{}/{}", limit.used, limit.limit)
        });
        limits.collect::<Vec<_>>().join(" ")
    });
    levels.collect()
}

/// How many records lie in a quiet space.
pub(crate) async fn records_in(world: &World, space: &'static str) -> usize {
    scan(&*world.store, Space::quiet(space)).await.len()
}

pub(crate) fn settle_words(settled: Result<Settled, SettleError>) -> String {
    match settled {
        Ok(settled) => format!("{} for {}", settled.cost, settled.reserved),
        Err(SettleError::NothingReserved(_)) => "nothing reserved".to_owned(),
        Err(SettleError::TooLate { until, .. }) => format!("too late, {until}"),
        Err(other) => panic!("{other}"),
    }
}
