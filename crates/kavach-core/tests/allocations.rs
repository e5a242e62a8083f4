//! Deciding takes no memory. A binary of its own, because it counts what the whole process allocates.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::sync::Arc;

use kavach_core::{
    Agent, AgentId, AgentKind, AgentStatus, Charge, Decision, Delegation, DelegationId, Grants,
    Graph, Guardrail, Owner, OwnerStatus, Record, Recorded, Request, Room, Selector, Stamp,
    SubjectId, TenantId, Timestamp, TrustLevel, Verdict, decide, decide_via,
};

const NOW: Timestamp = Timestamp::from_s(1_795_255_200);
const TENANT: TenantId = TenantId::DEFAULT;

/// Every limit has room, or none has before a second from now.
struct Counts {
    room: bool,
}

impl Recorded for Counts {
    fn room(&self, _: TenantId, _: &Charge, now: Timestamp) -> Room {
        if self.room || now > NOW {
            Room::Enough
        } else {
            Room::From(NOW.plus_s(1))
        }
    }

    fn trust(&self, _: TenantId, _: AgentId, _: Timestamp) -> TrustLevel {
        TrustLevel::Standard
    }
}

fn grants(texts: &[&str]) -> Grants {
    Grants::of(texts.iter().map(|text| text.parse().unwrap()))
}

fn agent(number: u128, held: &[&str]) -> Agent {
    Agent {
        id: AgentId::from_u128(number),
        tenant: TENANT,
        owner: SubjectId::from_u128(1),
        owner_generation: 0,
        name: format!("agent-{number}").parse().unwrap(),
        kind: AgentKind::Autonomous,
        status: AgentStatus::Active,
        generation: 0,
        created_at: NOW,
        expires_at: None,
        grants: grants(held),
        credentials: Vec::new(),
        metadata: Default::default(),
    }
}

/// A line of four, each hop with every constraint, and a second line to its end; a guardrail in shadow and
/// one that denies.
fn graph() -> Graph {
    let mut graph = Graph::new();
    let mut put = |record| graph.apply(record, Stamp(1)).unwrap();
    put(Record::Owner(Owner {
        id: SubjectId::from_u128(1),
        tenant: TENANT,
        status: OwnerStatus::Active,
        generation: 0,
        grants: Grants::default(),
    }));
    let bounded = "read,list:mcp:github:*?approve&args/amount.max=10&budget=9/day&ip=10.0.0.0/8&\
                   min_trust=limited&rate=20/h,100/d&window=daily+00:00-24:00+Europe/Berlin";
    let others = [
        "write:mcp:github:*",
        "*:mcp:gitlab:**",
        "*:mcp:plain:a*",
        "*:data:**?depth=1",
    ];
    let all: Vec<&str> = others.into_iter().chain([bounded]).collect();
    for number in 1..5 {
        put(Record::Agent(agent(
            number,
            if number == 1 { &all } else { &[] },
        )));
        if number > 1 {
            put(delegation(number, number - 1, number, &all));
        }
    }
    put(Record::Agent(agent(9, &["read:**"])));
    put(delegation(19, 9, 4, &["read,write:mcp:plain:*"]));
    for (name, never, shadow) in [
        ("shadowed", "read:mcp:github:*?ip=10.0.0.0/8", true),
        ("strict", "delete:mcp:**", false),
    ] {
        put(Record::Guardrail(Guardrail {
            name: name.parse().unwrap(),
            tenant: TENANT,
            never: never.parse().unwrap(),
            agents: Selector::Owner(SubjectId::from_u128(1)),
            shadow,
            created_at: NOW,
        }));
    }
    graph
}

fn delegation(number: u128, from: u128, to: u128, held: &[&str]) -> Record {
    let first = from == 1 || from == 9;
    Record::Delegation(Delegation {
        id: DelegationId::from_u128(number),
        tenant: TENANT,
        from: AgentId::from_u128(from),
        to: AgentId::from_u128(to),
        parent: (!first).then(|| DelegationId::from_u128(from)),
        parent_generation: 0,
        depth: if first {
            1
        } else {
            u8::try_from(from).unwrap()
        },
        grants: grants(held),
        expires_at: None,
        max_depth: None,
        revoked: false,
        generation: 0,
        created_at: NOW,
    })
}

/// What `decide` answers, and what `decide_via` its line; neither may allocate.
#[track_caller]
fn answer(graph: &Graph, request: &Request, room: bool) -> Verdict {
    let counts = Counts { room };
    let mut found = None;
    let taken = allocation_counter::measure(|| {
        let verdict = decide(graph, request, &counts, NOW);
        let again = verdict
            .leaf
            .map(|leaf| decide_via(graph, request, leaf, &counts, NOW));
        found = Some((verdict, again));
    });
    let (verdict, again) = found.unwrap();
    assert_eq!(taken.count_total, 0, "{request:?}: {verdict:?}");
    assert!(again.is_none_or(|again| again.decision == verdict.decision));
    verdict
}

#[test]
fn deciding_allocates_nothing() {
    let graph = graph();
    let ask = |agent: u128, action: &str, resource: &str| {
        let (action, resource) = (action.parse().unwrap(), resource.parse().unwrap());
        Request::new(TENANT, AgentId::from_u128(agent), action, resource)
    };
    let told = |request: &Request, room| {
        let verdict = answer(&graph, request, room);
        match verdict.decision {
            Decision::Allow => "allow".to_owned(),
            Decision::NeedsApproval => "ask".to_owned(),
            Decision::Deny(reason) => reason.to_string(),
        }
    };
    let mut bounded = ask(4, "read", "mcp:github:repos");
    assert_eq!(told(&bounded, true), "address_not_allowed");
    bounded.address = Some("10.1.2.3".parse().unwrap());
    assert_eq!(told(&bounded, true), "arguments_not_allowed");
    bounded.args = Some(Arc::new(serde_json::json!({ "amount": 11 })));
    assert_eq!(told(&bounded, true), "arguments_not_allowed");
    bounded.args = Some(Arc::new(serde_json::json!({ "amount": 10 })));
    assert_eq!(told(&bounded, true), "ask");
    bounded.approvals = 1;
    assert_eq!(told(&bounded, true), "allow");
    let verdict = answer(&graph, &bounded, true);
    assert_eq!(verdict.matched.grants().len(), 4);
    assert_eq!(verdict.shadowed, 1);
    assert_eq!(graph.charges(&bounded, &verdict).len(), 12);
    assert_eq!(told(&bounded, false), "budget_used_up");
    assert_eq!(
        answer(&graph, &bounded, false).retry_at,
        Some(NOW.plus_s(1))
    );
    // Two lines with an answer each: told apart by their text.
    assert_eq!(told(&ask(4, "read", "mcp:plain:abc"), true), "allow");
    assert_eq!(
        told(&ask(4, "delete", "mcp:gitlab:x"), true),
        "guardrail_applies"
    );
    assert_eq!(told(&ask(4, "read", "data:x"), true), "too_deep");
    assert_eq!(
        told(&ask(4, "read", "app:unheard:of:it"), true),
        "no_matching_grant"
    );
    assert_eq!(told(&ask(77, "read", "app:x"), true), "unknown_agent");
}
