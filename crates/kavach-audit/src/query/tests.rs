use kavach_core::{AgentId, EventId, Reason, SubjectId, TenantId, Timestamp};

use super::*;
use crate::event::Hop;

const ORCHESTRATOR: AgentId = AgentId::from_u128(1);
const SEARCHER: AgentId = AgentId::from_u128(2);
const STRANGER: AgentId = AgentId::from_u128(3);
const ALICE: SubjectId = SubjectId::from_u128(10);
const BOB: SubjectId = SubjectId::from_u128(11);

/// The searcher, below the orchestrator, read `mcp:github:repos` at 1,000 ns.
fn event() -> Event {
    let (id, tenant) = (EventId::from_u128(1), TenantId::DEFAULT);
    let mut event = Event::new(
        id,
        tenant,
        EventKind::Authorize,
        Outcome::Allow,
        Reason::Granted,
    );
    let hop = |agent| Hop {
        agent,
        delegation: None,
        at: Timestamp::from_s(0),
    };
    event.time_ns = 1_000;
    event.agent = Some(SEARCHER);
    event.owner = Some(ALICE);
    event.line = vec![hop(ORCHESTRATOR), hop(SEARCHER)];
    event.action = Some("read".parse().unwrap());
    event.resource = Some("mcp:github:repos".parse().unwrap());
    event
}

/// An agent that nobody knows, whose request named nothing.
fn sparse() -> Event {
    let (id, tenant) = (EventId::from_u128(2), TenantId::DEFAULT);
    let reason = Reason::UnknownAgent;
    Event {
        time_ns: 1_000,
        ..Event::new(id, tenant, EventKind::Authorize, Outcome::Deny, reason)
    }
}

#[track_caller]
fn check(event: &Event, want: bool, ask: impl FnOnce(&mut Query)) {
    let mut query = Query::default();
    ask(&mut query);
    assert_eq!(query.matches(event), want, "{query:?}");
}

#[test]
fn only_the_own_tenant_is_seen() {
    check(&event(), false, |query| {
        query.tenant = TenantId::from_parts(1, 1)
    });
    check(&event(), true, |_| {});
}

#[test]
fn an_agent_is_itself_and_under_is_everything_below_it_too() {
    for (agent, is, under) in [
        (STRANGER, false, false),
        (ORCHESTRATOR, false, true),
        (SEARCHER, true, true),
    ] {
        check(&event(), is, |query| query.agent = Some(agent));
        check(&event(), under, |query| query.under = Some(agent));
        check(&sparse(), false, |query| query.agent = Some(agent));
        check(&sparse(), false, |query| query.under = Some(agent));
    }
}

#[test]
fn an_agent_is_under_itself_where_the_event_has_no_line() {
    let event = Event {
        line: Vec::new(),
        ..event()
    };
    check(&event, false, |query| query.under = Some(ORCHESTRATOR));
    check(&event, true, |query| query.under = Some(SEARCHER));
}

#[test]
fn an_owner_is_the_one_in_the_event() {
    check(&event(), false, |query| query.owner = Some(BOB));
    check(&sparse(), false, |query| query.owner = Some(ALICE));
    check(&event(), true, |query| query.owner = Some(ALICE));
}

#[test]
fn time_is_half_open() {
    for (since, until, want) in [
        (Some(1_001), None, false),
        (None, Some(1_000), false),
        (Some(1_000), Some(1_000), false),
        (Some(0), Some(999), false),
        (Some(1_000), None, true),
        (None, Some(1_001), true),
        (Some(1_000), Some(1_001), true),
    ] {
        check(&event(), want, |query| {
            (query.since_ns, query.until_ns) = (since, until)
        });
    }
}

#[test]
fn a_pattern_matches_as_in_a_permission() {
    for (pattern, want) in [
        ("mcp:github", false),
        ("mcp:gitlab:*", false),
        ("mcp:github:repos:*", false),
        ("mcp:github:repos", true),
        ("mcp:github:*", true),
        ("mcp:**", true),
        ("**", true),
    ] {
        check(&event(), want, |query| {
            query.resource = Some(pattern.parse().unwrap())
        });
        check(&sparse(), false, |query| {
            query.resource = Some(pattern.parse().unwrap())
        });
    }
}

#[test]
fn words_are_compared_whole() {
    check(&event(), false, |query| {
        query.action = Some("Read".parse().unwrap())
    });
    check(&sparse(), false, |query| {
        query.action = Some("read".parse().unwrap())
    });
    check(&event(), true, |query| {
        query.action = Some("read".parse().unwrap())
    });
    check(&event(), false, |query| query.outcome = Some(Outcome::Deny));
    check(&event(), true, |query| query.outcome = Some(Outcome::Allow));
    check(&event(), false, |query| {
        query.reason = Some(Reason::NoGrants)
    });
    check(&event(), true, |query| query.reason = Some(Reason::Granted));
    check(&event(), false, |query| {
        query.kind = Some(EventKind::Delegated)
    });
    check(&event(), true, |query| {
        query.kind = Some(EventKind::Authorize)
    });
}

#[test]
fn every_part_must_hold() {
    check(&event(), false, |query| {
        query.agent = Some(SEARCHER);
        query.owner = Some(BOB);
    });
    check(&event(), true, |query| {
        query.agent = Some(SEARCHER);
        query.owner = Some(ALICE);
    });
}
