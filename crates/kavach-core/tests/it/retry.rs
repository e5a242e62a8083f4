//! When a call that a limit denies may be made again.

use kavach_core::{
    AgentEdit, AgentId, Charge, Reason, Recorded, Room, Span, TenantId, Timestamp, TrustLevel,
    Verdict, decide,
};

use crate::world::{TENANT, World, at, permissions, request};

/// What has no room, by the time that it counts over, and from when on it does; `None` for never.
struct UsedUp(Vec<(Span, Option<Timestamp>)>);

impl Recorded for UsedUp {
    fn room(&self, _: TenantId, charge: &Charge, now: Timestamp) -> Room {
        let known = self.0.iter().find(|(span, _)| *span == charge.counter.span);
        match known {
            Some((_, Some(free))) if now < *free => Room::From(*free),
            Some((_, None)) => Room::Never,
            _ => Room::Enough,
        }
    }

    fn trust(&self, _: TenantId, _: AgentId, _: Timestamp) -> TrustLevel {
        TrustLevel::Standard
    }
}

/// Thursday, 2026-01-01, midnight.
const START: &str = "2026-01-01T00:00:00Z";

fn second(number: u64) -> Timestamp {
    at(START).plus_s(number)
}

/// A minute frees up in second 10, an hour in second 20, the day in second 30, the month in second 60; for ever
/// never.
fn used_up() -> UsedUp {
    UsedUp(vec![
        (Span::Sliding(60), Some(second(10))),
        (Span::Sliding(3600), Some(second(20))),
        (Span::Day, Some(second(30))),
        (Span::Month, Some(second(60))),
        (Span::Total, None),
    ])
}

fn answer(world: &World, agent: AgentId) -> Verdict {
    let request = request(TENANT, agent, "read", "mcp:a");
    decide(&world.graph, &request, &used_up(), world.now)
}

/// Root grants, and when the agent may read again, in seconds from the start.
#[track_caller]
fn check(grants: &[&str], reason: Reason, retry_s: Option<u64>) {
    let mut world = World::new();
    let agent = world.agent("a", grants);
    let verdict = answer(&world, agent);
    assert_eq!(verdict.decision.reason(), reason);
    assert_eq!(verdict.retry_at, retry_s.map(second));
}

#[test]
fn a_call_may_be_made_again_when_all_limits_of_a_grant_have_room() {
    check(&["read:mcp:*?rate=1/m"], Reason::RateUsedUp, Some(10));
    check(&["read:mcp:*?rate=1/m,1/h"], Reason::RateUsedUp, Some(20));
    check(
        &["read:mcp:*?budget=1/day&rate=1/m"],
        Reason::BudgetUsedUp,
        Some(30),
    );
}

#[test]
fn of_several_grants_the_first_to_have_room_says_when() {
    check(
        &["read:mcp:*?rate=1/h", "read:mcp:a?rate=1/m"],
        Reason::RateUsedUp,
        Some(10),
    );
    check(
        &["read:mcp:*?budget=1/day", "read:mcp:a?rate=1/h"],
        Reason::RateUsedUp,
        Some(20),
    );
    check(
        &["read:mcp:*?budget=1/total", "read:mcp:a?rate=1/h"],
        Reason::RateUsedUp,
        Some(20),
    );
}

#[test]
fn nothing_is_promised_where_it_would_not_be_kept() {
    check(&["read:mcp:*?budget=1/total"], Reason::BudgetUsedUp, None);
    check(
        &["read:mcp:*?budget=1/total&rate=1/m"],
        Reason::BudgetUsedUp,
        None,
    );
    check(&["read:mcp:*?rate=0/d"], Reason::RateUsedUp, None);
    // It runs out before; in that second it is over already.
    check(
        &["read:mcp:*?expires=2026-01-01T00:00:11Z&rate=1/m"],
        Reason::RateUsedUp,
        Some(10),
    );
    check(
        &["read:mcp:*?expires=2026-01-01T00:00:10Z&rate=1/m"],
        Reason::RateUsedUp,
        None,
    );
    // The same for the hours in which it holds, which are looked at for both times.
    check(
        &["read:mcp:*?budget=1/month&window=thu+00:00-00:02+UTC"],
        Reason::BudgetUsedUp,
        Some(60),
    );
    check(
        &["read:mcp:*?budget=1/month&window=thu+00:00-00:01+UTC"],
        Reason::BudgetUsedUp,
        None,
    );
}

#[test]
fn along_a_line_the_last_hop_to_have_room_says_when() {
    for (above, below, retry_s) in [
        ("rate=1/h", "rate=1/m", Some(20)),
        ("rate=1/m", "rate=1/h", Some(20)),
        ("rate=1/m", "rate=1/m", Some(10)),
        ("budget=1/total", "rate=1/m", None),
    ] {
        let mut world = World::new();
        let root = world.agent("root", &["read:mcp:**"]);
        let middle = world.agent("middle", &[]);
        world.delegate(root, middle, &[&format!("read:mcp:*?{below}")]);
        // Later, so that what is below does not have it as well.
        let mut edit = AgentEdit::default();
        edit.permissions = Some(permissions(&[&format!("read:mcp:**?{above}")]));
        let change = world.graph.update_agent(TENANT, root, edit, world.now);
        world.commit(change).unwrap();
        assert_eq!(
            answer(&world, middle).retry_at,
            retry_s.map(second),
            "{above} {below}"
        );
    }
}

#[test]
fn of_several_lines_the_first_to_have_room_says_when() {
    let mut world = World::new();
    let slow = world.agent("slow", &["read:mcp:**?budget=1/day"]);
    let quick = world.agent("quick", &["read:mcp:**?rate=1/m"]);
    let both = world.agent("both", &[]);
    world.delegate(slow, both, &["read:mcp:*"]);
    world.delegate(quick, both, &["read:mcp:*"]);
    assert_eq!(answer(&world, both).retry_at, Some(second(10)));
}

#[test]
fn a_line_that_only_a_limit_denies_comes_nearer_than_one_that_a_guardrail_denies() {
    let mut world = World::new();
    let barred = world.agent("barred", &["read:mcp:**"]);
    let used = world.agent("used", &["read:mcp:**?rate=1/m"]);
    let both = world.agent("both", &[]);
    world.delegate(barred, both, &["read:mcp:*"]);
    world.delegate(used, both, &["read:mcp:*"]);
    let draft = kavach_core::GuardrailDraft {
        name: "bar".parse().unwrap(),
        tenant: TENANT,
        never: "read:mcp:**".parse().unwrap(),
        agents: kavach_core::Selector::Agents(vec![barred]),
        shadow: false,
    };
    let change = world.graph.set_guardrail(draft, world.now);
    world.commit(change).unwrap();
    let verdict = answer(&world, both);
    assert_eq!(verdict.decision.reason(), Reason::RateUsedUp);
    assert_eq!(
        (verdict.retry_at, verdict.guardrail),
        (Some(second(10)), None)
    );
    assert_eq!(
        answer(&world, barred).decision.reason(),
        Reason::GuardrailApplies
    );
}
