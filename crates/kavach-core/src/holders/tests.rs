use alloc::string::ToString;
use alloc::vec::Vec;

use super::*;
use crate::agent::{Agent, AgentKind, AgentStatus, Owner, OwnerStatus};
use crate::counter::NothingRecorded;
use crate::delegation::Delegation;
use crate::graph::Stamp;
use crate::id::{DelegationId, SubjectId};

const NOW: Timestamp = Timestamp::from_s(1_795_255_200);
const TENANT: TenantId = TenantId::DEFAULT;

fn graph(held: &[&[&str]]) -> Graph {
    let mut graph = Graph::new();
    let owner = SubjectId::from_parts(0, 1);
    let standing = Owner {
        id: owner,
        tenant: TENANT,
        status: OwnerStatus::Active,
        generation: 0,
        grants: Grants::default(),
    };
    graph.apply(Record::Owner(standing), Stamp(1)).unwrap();
    for (number, permissions) in held.iter().enumerate() {
        let record = Record::Agent(agent(owner, number as u128, permissions));
        graph.apply(record, Stamp(1)).unwrap();
    }
    graph
}

fn agent(owner: SubjectId, number: u128, permissions: &[&str]) -> Agent {
    Agent {
        id: AgentId::from_parts(0, number),
        tenant: TENANT,
        owner,
        owner_generation: 0,
        name: alloc::format!("a{number}").parse().unwrap(),
        kind: AgentKind::Service,
        status: AgentStatus::Active,
        generation: 0,
        created_at: NOW,
        expires_at: None,
        grants: Grants::of(permissions.iter().map(|text| text.parse().unwrap())),
        credentials: Vec::new(),
        metadata: Default::default(),
    }
}

fn ask(action: &str, resource: &str) -> Request {
    let nobody = AgentId::from_parts(9, 9);
    Request::new(
        TENANT,
        nobody,
        action.parse().unwrap(),
        resource.parse().unwrap(),
    )
}

/// The patterns of all shapes over a few words, and the resources that they speak of.
const PATTERNS: [&str; 20] = [
    "**",
    "mcp:**",
    "mcp:*",
    "mcp:a",
    "mcp:a*",
    "mcp:*:x",
    "mcp:a:*",
    "mcp:a:**",
    "mcp:a:x",
    "mcp:a:x*",
    "mcp:a:x:**",
    "mcp:a:x:y",
    "mcp:a:*:y",
    "app:a:x",
    "x-own:**",
    "x-own:a",
    "x-own:a*",
    "x-own:*:x",
    "x-own:a:x",
    "x-own:a:x*",
];
const RESOURCES: [&str; 12] = [
    "mcp:a",
    "mcp:ab",
    "mcp:b",
    "mcp:a:x",
    "mcp:a:xy",
    "mcp:b:x",
    "mcp:a:x:y",
    "mcp:a:z:y",
    "app:a:x",
    "x-own:a",
    "x-own:a:x",
    "x-own:a:xy",
];

/// Whose tenant is another one.
fn elsewhere() -> TenantId {
    TenantId::from_parts(0, 1)
}

#[test]
fn what_is_read_from_a_graph_is_what_is_noted_record_by_record() {
    let mut graph = Graph::new();
    let mut noted = Holders::default();
    let mut put = |record: Record| {
        noted.note(&record);
        graph.apply(record, Stamp(1)).unwrap();
    };
    let owner = SubjectId::from_parts(0, 1);
    for tenant in [TENANT, elsewhere()] {
        put(Record::Owner(Owner {
            id: owner,
            tenant,
            status: OwnerStatus::Active,
            generation: 0,
            grants: Grants::default(),
        }));
    }
    for (number, pattern) in (0..).zip(PATTERNS) {
        let text = alloc::format!("read:{pattern}");
        let mut mine = agent(owner, number, &[&text, "write:mcp:a:x?rate=1/h"]);
        let mut receiver = agent(owner, number + 100, &[]);
        if number % 3 == 0 {
            (mine.tenant, receiver.tenant) = (elsewhere(), elsewhere());
        }
        let delegation = Delegation {
            id: DelegationId::from_parts(0, number),
            tenant: mine.tenant,
            from: mine.id,
            to: receiver.id,
            parent: None,
            parent_generation: 0,
            depth: 1,
            grants: Grants::of([text.parse().unwrap()]),
            expires_at: None,
            max_depth: None,
            revoked: false,
            generation: 0,
            created_at: NOW,
        };
        put(Record::Agent(mine));
        put(Record::Agent(receiver));
        put(Record::Delegation(delegation));
    }
    let mut read = Holders::of(&graph);
    let mut found = 0;
    // The two hash by keys of their own; what is asked is whether they name the same.
    for tenant in [TENANT, elsewhere()] {
        for resource in RESOURCES {
            let resource = resource.parse().unwrap();
            let named = read.candidates(tenant, &resource);
            assert_eq!(named, noted.candidates(tenant, &resource), "{resource}");
            found += named.len();
        }
        let nothing = "data:z".parse().unwrap();
        let everywhere = read.candidates(tenant, &nothing);
        assert!(everywhere.len() <= 2, "only who holds `**`");
    }
    assert!(found > 100, "only {found} candidates");
    // Whoever was read and is noted again is named once.
    let again = graph.agents(TENANT).next().unwrap().clone();
    let resource = "mcp:a:x".parse().unwrap();
    let before = read.candidates(TENANT, &resource);
    read.note(&Record::Agent(again));
    assert_eq!(read.candidates(TENANT, &resource), before);
}

#[test]
fn everybody_who_can_is_found_whatever_the_shape_of_the_pattern() {
    let held: Vec<_> = PATTERNS
        .iter()
        .map(|pattern| alloc::format!("read:{pattern}"))
        .collect();
    let held: Vec<[&str; 1]> = held.iter().map(|text| [&**text]).collect();
    let held: Vec<&[&str]> = held.iter().map(|one| &one[..]).collect();
    let graph = graph(&held);
    let holders = Holders::of(&graph);
    for resource in RESOURCES {
        let request = ask("read", resource);
        let found = holders.who_can(&graph, &request, &NothingRecorded, NOW, 100);
        let one_by_one = graph.agents(TENANT).filter_map(|agent| {
            let mut request = request.clone();
            request.agent = agent.id;
            let decision = decide(&graph, &request, &NothingRecorded, NOW).decision;
            decision.is_allow().then_some((agent.id, decision))
        });
        assert_eq!(found.agents, one_by_one.collect::<Vec<_>>(), "{resource}");
        assert!(found.complete && found.agents.len() >= 2, "{resource}");
    }
    assert!(
        holders
            .who_can(&graph, &ask("write", "mcp:a"), &NothingRecorded, NOW, 100)
            .agents
            .is_empty()
    );
}

#[test]
fn who_could_in_other_circumstances_is_named_with_what_stands_against_it() {
    let graph = graph(&[
        &["read:app:x?approve"],
        &["read:app:x?ip=10.0.0.0/8"],
        &["read:app:x?rate=0/h"],
        &["read:app:x?min_trust=elevated"],
        &["read:app:x?expires=2020-01-01T00:00:00Z"],
        &["read:app:y"],
    ]);
    let found =
        Holders::of(&graph).who_can(&graph, &ask("read", "app:x"), &NothingRecorded, NOW, 100);
    let told: Vec<_> = found
        .agents
        .iter()
        .map(|(_, decision)| decision.reason().to_string())
        .collect();
    let want = [
        "approval_required",
        "address_not_allowed",
        "rate_used_up",
        "trust_too_low",
    ];
    assert_eq!(told, want);
}

#[test]
fn a_list_that_is_cut_off_says_so() {
    let graph = graph(&[&["read:app:x"], &["read:app:*"], &["read:**"]]);
    let holders = Holders::of(&graph);
    let found = |most| holders.who_can(&graph, &ask("read", "app:x"), &NothingRecorded, NOW, most);
    assert_eq!((found(2).agents.len(), found(2).complete), (2, false));
    assert_eq!((found(3).agents.len(), found(3).complete), (3, true));
}

#[test]
fn what_is_new_is_found_and_what_is_gone_is_not_named() {
    let mut graph = graph(&[&["read:app:x"]]);
    let mut holders = Holders::of(&graph);
    let owner = SubjectId::from_parts(0, 1);
    for permissions in [&["read:app:y"][..], &["read:app:x", "read:app:x:y"], &[]] {
        let record = Record::Agent(agent(owner, 7, permissions));
        holders.note(&record);
        graph.apply(record, Stamp(2)).unwrap();
        let found = holders.who_can(&graph, &ask("read", "app:x"), &NothingRecorded, NOW, 9);
        let want = if permissions.contains(&"read:app:x") {
            2
        } else {
            1
        };
        assert_eq!(found.agents.len(), want, "{permissions:?}");
    }
}

#[test]
fn tools_are_answered_one_by_one_in_their_order() {
    let graph = graph(&[&["call:tool:a", "call:tool:c?approve"]]);
    let mut request = ask("call", "tool:z");
    request.agent = AgentId::from_parts(0, 0);
    let tools = ["tool:c", "tool:b", "tool:a"].map(|text| text.parse::<Resource>().unwrap());
    let answers = graph.which_tools(&request, tools, &NothingRecorded, NOW);
    let told: Vec<_> = answers
        .map(|(tool, decision)| alloc::format!("{tool} {}", decision.reason()))
        .collect();
    let want = [
        "tool:c approval_required",
        "tool:b no_matching_grant",
        "tool:a granted",
    ];
    assert_eq!(told, want);
}
