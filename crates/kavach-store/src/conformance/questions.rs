//! Questions to the trail: each filter, and the time range.

use kavach_audit::{Event, EventKind, Hop, Outcome, Query, SealedEvent};
use kavach_core::{AgentId, DelegationId, Reason, SubjectId, TenantId, Timestamp};

use crate::conformance::dice::Dice;
use crate::conformance::fixture::{
    Compose, QUIET, batch, committed, event, events, log, numbered, scale, sealed,
};
use crate::conformance::harness::Harness;
use crate::limits::NUMBER_MAX;
use crate::store::Store;

pub(super) fn in_order(mut events: Vec<SealedEvent>) -> Vec<SealedEvent> {
    events.sort_by_key(|SealedEvent { event, .. }| (event.time_ns, event.log, event.index));
    events
}

/// Commits events in a shuffled order, a few at a time, beside records.
pub(super) async fn append_shuffled(store: &dyn Store, events: &[SealedEvent]) {
    let mut events = events.to_vec();
    Dice::new(23).shuffle(&mut events);
    for (number, chunk) in events.chunks(5).enumerate() {
        let head = batch().put(&numbered(QUIET, "head", number), "v");
        committed(store, chunk.iter().fold(head, Compose::event)).await;
    }
}

pub(super) fn agent(number: u128) -> AgentId {
    AgentId::from_parts(1_790_000_000_000, number)
}

pub(super) fn owner(number: u128) -> SubjectId {
    SubjectId::from_parts(1_790_000_000_000, number)
}

pub(super) fn tenant() -> TenantId {
    format!("ten_{}", "0123456789abcdefghjkmnpq12")
        .parse()
        .unwrap()
}

const ACTIONS: [&str; 4] = ["read", "Read", "READ", "read_all"];
const RESOURCES: [&str; 8] = [
    "mcp:github:repos",
    "mcp:GitHub:repos",
    "mcp:github:repos:1",
    "mcp:github:repos_x",
    "data:a_b:c",
    "data:axb:c",
    "data:a%25b:c",
    "mcp:github",
];
const PATTERNS: [&str; 9] = [
    "mcp:github:repos",
    "mcp:github:*",
    "mcp:github:**",
    "mcp:github:repos*",
    "data:a_b:*",
    "data:a%25b:c",
    "data:*:c",
    "x-none:at-all",
    "**",
];
const OUTCOMES: [Outcome; 3] = [Outcome::Allow, Outcome::Deny, Outcome::Done];
const REASONS: [Reason; 3] = [Reason::Granted, Reason::NoMatchingGrant, Reason::TooDeep];
const KINDS: [EventKind; 3] = [
    EventKind::Authorize,
    EventKind::Withdrawn,
    EventKind::Delegated,
];

/// An event in which each field is there or not, and differs from its neighbours'.
fn varied(number: u64, dice: &mut Dice) -> Event {
    let mut event = event(log(1 + number % 2), number, 1_000 + number / 2);
    event.tenant = if dice.once_in(4) {
        tenant()
    } else {
        TenantId::default()
    };
    event.kind = *dice.pick(&KINDS);
    event.outcome = *dice.pick(&OUTCOMES);
    event.reason = *dice.pick(&REASONS);
    if !dice.once_in(4) {
        event.owner = Some(owner(dice.below(3) as u128));
        event.action = Some(dice.pick(&ACTIONS).parse().unwrap());
        event.resource = Some(dice.pick(&RESOURCES).parse().unwrap());
    }
    if !dice.once_in(5) {
        // A line of one to four, which may leave out the agent that acts.
        let hop = |depth: usize, agent| Hop {
            agent,
            delegation: (depth > 0).then(|| DelegationId::from_parts(1, depth as u128)),
            at: Timestamp::from_s(1_790_000_000 + depth as i64),
        };
        let depth = 1 + dice.below(4);
        event.line = (0..depth)
            .map(|depth| hop(depth, agent(dice.below(6) as u128)))
            .collect();
        event.agent = if dice.once_in(3) {
            Some(agent(dice.below(6) as u128))
        } else {
            event.line.last().map(|hop| hop.agent)
        };
    } else if dice.once_in(2) {
        event.claimed = Some("somebody".to_owned());
    }
    event
}

/// One query for each value of each part, and then some of several parts.
fn queries(dice: &mut Dice) -> Vec<Query> {
    let all = Query::default;
    let mut queries = vec![
        all(),
        Query {
            tenant: tenant(),
            ..all()
        },
    ];
    for number in 0..7 {
        queries.push(Query {
            agent: Some(agent(number)),
            ..all()
        });
        queries.push(Query {
            under: Some(agent(number)),
            ..all()
        });
        queries.push(Query {
            under: Some(agent(number)),
            tenant: tenant(),
            ..all()
        });
        queries.push(Query {
            owner: Some(owner(number)),
            ..all()
        });
    }
    for action in ACTIONS.into_iter().chain(["rea", "read_"]) {
        queries.push(Query {
            action: Some(action.parse().unwrap()),
            ..all()
        });
    }
    for pattern in PATTERNS {
        queries.push(Query {
            resource: Some(pattern.parse().unwrap()),
            ..all()
        });
    }
    queries.extend(OUTCOMES.map(|outcome| Query {
        outcome: Some(outcome),
        ..all()
    }));
    queries.extend(REASONS.map(|reason| Query {
        reason: Some(reason),
        ..all()
    }));
    queries.extend(KINDS.map(|kind| Query {
        kind: Some(kind),
        ..all()
    }));
    queries.push(Query {
        reason: Some(Reason::StaleState),
        ..all()
    });
    for _ in 0..scale(40, 1000) {
        queries.push(mixed(&queries, dice));
    }
    queries
}

/// A query with parts of several others.
fn mixed(queries: &[Query], dice: &mut Dice) -> Query {
    let mut query = Query::default();
    for _ in 0..1 + dice.below(3) {
        let part = dice.pick(queries).clone();
        query.tenant = part.tenant;
        query.agent = part.agent.or(query.agent);
        query.under = part.under.or(query.under);
        query.owner = part.owner.or(query.owner);
        query.action = part.action.or(query.action);
        query.resource = part.resource.or(query.resource);
        query.outcome = part.outcome.or(query.outcome);
        query.reason = part.reason.or(query.reason);
        query.kind = part.kind.or(query.kind);
    }
    if dice.once_in(2) {
        query.since_ns = Some(1_000 + dice.below(60) as u64);
        query.until_ns = Some(1_000 + dice.below(60) as u64);
    }
    query
}

pub(super) async fn each_part_of_a_query_filters(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let mut dice = Dice::new(29);
    let all: Vec<SealedEvent> = (0..120)
        .map(|number| varied(number, &mut dice).seal())
        .collect();
    append_shuffled(&*store, &all).await;
    let all = in_order(all);
    for query in queries(&mut dice) {
        let want: Vec<_> = all
            .iter()
            .filter(|found| query.matches(&found.event))
            .cloned()
            .collect();
        let limit = *dice.pick(&[1, 3, 1000]);
        let found = events(&*store, &query, limit).await;
        let ids = |events: &[SealedEvent]| -> Vec<u64> {
            events.iter().map(|found| found.event.index).collect()
        };
        assert_eq!(ids(&found), ids(&want), "{query:?}");
        assert_eq!(found, want, "{query:?}");
    }
}

pub(super) async fn a_time_range_is_half_open(harness: &mut dyn Harness) {
    let store = harness.fresh().await;
    let times = [0, 9, 10, 11, 19, 20, 21, NUMBER_MAX];
    for (index, time_ns) in times.into_iter().enumerate() {
        committed(
            &*store,
            batch().event(&sealed(log(1), index as u64, time_ns)),
        )
        .await;
    }
    let ends = [
        0,
        1,
        9,
        10,
        11,
        20,
        22,
        NUMBER_MAX,
        NUMBER_MAX + 1,
        u64::MAX,
    ];
    let ends: Vec<Option<u64>> = std::iter::once(None).chain(ends.map(Some)).collect();
    for &since_ns in &ends {
        for &until_ns in &ends {
            let query = Query {
                since_ns,
                until_ns,
                ..Query::default()
            };
            let found: Vec<u64> = events(&*store, &query, 3)
                .await
                .iter()
                .map(|found| found.event.time_ns)
                .collect();
            let want: Vec<u64> = times
                .into_iter()
                .filter(|time| since_ns.is_none_or(|since| *time >= since))
                .filter(|time| until_ns.is_none_or(|until| *time < until))
                .collect();
            assert_eq!(found, want, "from {since_ns:?} to {until_ns:?}");
        }
    }
}
