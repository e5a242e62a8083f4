//! What a reviewer should see whole: who may do what, and why not; and every reason there is.

use std::fmt::Write;

use kavach_core::{
    AgentEdit, AgentId, Leaf, Mode, NearMiss, NothingRecorded, Reason, Request, Subject, SubjectId,
    Timestamp, decide,
};

use crate::world::{TENANT, World, at, permissions, request, told};

const REQUESTS: [(&str, &str); 8] = [
    ("read", "mcp:github:repos"),
    ("write", "mcp:github:repos"),
    ("read", "mcp:github:issues"),
    ("delete", "mcp:github:issues"),
    ("read", "mcp:github:repos:1"),
    ("read", "mcp:jira:board"),
    ("write", "app:notes"),
    ("read", "app:notes"),
];

/// A company in which everything has happened once.
fn company() -> (World, Vec<(&'static str, AgentId)>) {
    let mut world = World::new();
    let mut agents = Vec::new();
    let planner = world.agent(
        "planner",
        &[
            "*:mcp:github:*",
            "read:mcp:jira:**?depth=1",
            "write:app:notes?expires=2026-01-01T00:30:00Z",
        ],
    );
    agents.push(("planner", planner));
    let mut from = planner;
    for name in ["coder", "tester", "runner"] {
        let to = world.agent(name, &[]);
        let mut draft = world.delegation_draft(
            from,
            to,
            &["read,write:mcp:github:*", "*:mcp:jira:**", "*:app:*"],
        );
        draft.mode = Mode::Attenuate;
        world.try_delegate(draft).unwrap();
        agents.push((name, to));
        from = to;
    }
    for (giver, receiver) in [
        ("sleeper", "of-sleeper"),
        ("fired", "of-fired"),
        ("short-lived", "of-short-lived"),
        ("narrowed", "of-narrowed"),
    ] {
        let mut draft = world.agent_draft(giver, &["read,write:mcp:github:*"]);
        draft.expires_at = (giver == "short-lived").then(|| at("2026-01-01T00:59:59Z"));
        let giver_id = world.create(draft);
        let receiver_id = world.agent(receiver, &[]);
        world.delegate(giver_id, receiver_id, &["read,write:mcp:github:*"]);
        agents.extend([(giver, giver_id), (receiver, receiver_id)]);
    }
    let id = |name: &str| agents.iter().find(|known| known.0 == name).unwrap().1;

    let borrower = world.agent("borrower", &["write:app:notes"]);
    for (end, from) in [
        ("2026-01-01T01:00:00Z", planner),
        ("2026-01-01T01:00:01Z", id("narrowed")),
    ] {
        let mut draft = world.delegation_draft(from, borrower, &["read:mcp:github:issues"]);
        draft.expires_at = Some(at(end));
        world.try_delegate(draft).unwrap();
    }
    let mut draft = world.agent_draft("of-bob", &["*:**"]);
    draft.owner = world.owner("bob");
    let of_bob = world.create(draft);
    let bare = world.agent("bare", &[]);

    let change = world.graph.suspend_agent(TENANT, id("sleeper"), world.now);
    world.commit(change).unwrap();
    let change = world.graph.revoke_agent(TENANT, id("fired"));
    world.commit(change).unwrap();
    let mut edit = AgentEdit::default();
    edit.permissions = Some(permissions(&["read:mcp:github:issues"]));
    let change = world
        .graph
        .update_agent(TENANT, id("narrowed"), edit, world.now);
    world.commit(change).unwrap();
    let bob = Subject::user("bob").unwrap();
    let change = world
        .graph
        .revoke_owner(TENANT, &bob, SubjectId::from_u128(1));
    world.commit(change).unwrap();
    world.now = at("2026-01-01T01:00:00Z");

    agents.extend([("borrower", borrower), ("of-bob", of_bob), ("bare", bare)]);
    agents.push(("nobody", AgentId::from_u128(7)));
    (world, agents)
}

/// The permission of a grant, by the line and the number that a verdict names.
fn grant_of(world: &World, leaf: Leaf, number: u32) -> String {
    let grants = match leaf {
        Leaf::Root(id) => &world.graph.agent(TENANT, id).unwrap().grants,
        Leaf::Delegation(id) => &world.graph.delegation(TENANT, id).unwrap().grants,
    };
    let grant = grants.iter().find(|grant| grant.id == number).unwrap();
    grant.permission.to_string()
}

#[test]
fn who_may_do_what() {
    let (world, agents) = company();
    let mut table = String::new();
    for (name, agent) in agents {
        writeln!(table, "{name}").unwrap();
        for (action, resource) in REQUESTS {
            let verdict = world.answer(agent, action, resource);
            let by = verdict.leaf.zip(verdict.grant);
            let by = by.map_or(String::new(), |(leaf, grant)| grant_of(&world, leaf, grant));
            let told = told(verdict.decision);
            let row = format!("  {action:6} {resource:18} {told:24} {by}");
            writeln!(table, "{}", row.trim_end()).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_each_line_gives() {
    let (world, agents) = company();
    let mut table = String::new();
    for (name, agent) in agents {
        if world.graph.agent(TENANT, agent).is_some() {
            writeln!(
                table,
                "{name:14} {}",
                world.holds(agent).join("\n               ")
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn why_not() {
    let (world, agents) = company();
    let id = |name: &str| agents.iter().find(|known| known.0 == name).unwrap().1;
    let mut table = String::new();
    for (name, action, resource) in [
        ("planner", "write", "app:notes"),
        ("planner", "write", "mcp:jira:board"),
        ("tester", "read", "mcp:jira:board"),
        ("of-narrowed", "write", "mcp:github:issues"),
        ("borrower", "read", "mcp:github:issues"),
    ] {
        let request = request(TENANT, id(name), action, resource);
        let explanation = world.graph.explain(&request, &NothingRecorded, world.now);
        let verdict = told(explanation.verdict.decision);
        writeln!(table, "{name} {action} {resource}: {verdict}").unwrap();
        for line in explanation.lines {
            let fault = line
                .fault
                .map_or(String::new(), |fault| format!(" ({fault})"));
            writeln!(table, "  line{fault}").unwrap();
            for hop in line.hops {
                let holder = agents.iter().find(|known| known.1 == hop.agent).unwrap().0;
                for (number, permission, miss) in hop.grants {
                    let miss = near_miss(miss);
                    writeln!(table, "    {holder} {number} {permission}: {miss}").unwrap();
                }
            }
        }
    }
    insta::assert_snapshot!(table);
}

fn near_miss(miss: Option<NearMiss>) -> String {
    match miss {
        None => "matches".into(),
        Some(NearMiss::Unrelated) => "unrelated".into(),
        Some(NearMiss::WrongAction) => "another action".into(),
        Some(NearMiss::WrongResource) => "another resource".into(),
        Some(NearMiss::ExpiredAt(end)) => format!("ran out at {end}"),
        Some(NearMiss::TooDeep) => "may not be passed on so far".into(),
        Some(NearMiss::OutsideWindow) => "at other times".into(),
        Some(NearMiss::AddressNotAllowed) => "from elsewhere".into(),
        Some(NearMiss::ArgumentsNotAllowed) => "with other arguments".into(),
        Some(NearMiss::TrustTooLow) => "for those who are trusted more".into(),
        Some(NearMiss::UsedUp(None)) => "used up for ever".into(),
        Some(NearMiss::UsedUp(Some(until))) => format!("used up until {until}"),
    }
}

#[test]
fn every_reason_there_is() {
    let codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    insta::assert_snapshot!(codes.join("\n"));
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reasons.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let told: Vec<&str> = rows.map(|(code, _)| code).collect();
    assert_eq!(
        told, codes,
        "docs/reasons.md lists other codes than there are"
    );
}

#[test]
fn nobody_is_told_apart_from_a_stranger() {
    let (world, agents) = company();
    let planner = agents[0].1;
    let elsewhere = kavach_core::TenantId::from_u128(9);
    let (action, resource) = ("read".parse().unwrap(), "mcp:github:repos".parse().unwrap());
    let foreign = Request::new(elsewhere, planner, action, resource);
    let unknown = Request::new(
        TENANT,
        AgentId::from_u128(7),
        foreign.action.clone(),
        foreign.resource.clone(),
    );
    let answers = [foreign, unknown]
        .map(|request| decide(&world.graph, &request, &NothingRecorded, world.now));
    assert_eq!(answers[0], answers[1]);
    let explained = world.graph.explain(
        &request(elsewhere, planner, "read", "app:a"),
        &NothingRecorded,
        Timestamp::from_s(0),
    );
    assert_eq!(explained.lines, []);
}
