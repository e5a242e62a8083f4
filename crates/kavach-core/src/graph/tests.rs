//! What copies share, and what is let go.

use alloc::format;
use alloc::vec::Vec;

use super::{Graph, GraphError, Loading, Record, Stamp};
use crate::agent::{Agent, AgentKind, AgentStatus, Owner, OwnerStatus};
use crate::counter::NothingRecorded;
use crate::decide::{Request, decide};
use crate::delegation::Delegation;
use crate::grant::Grants;
use crate::id::{AgentId, DelegationId, SubjectId, TenantId};
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp::from_s(0);
const TENANT: TenantId = TenantId::DEFAULT;

fn graph() -> Graph {
    let mut graph = Graph::new();
    graph.apply(owner(), Stamp(1)).unwrap();
    graph
}

fn owner() -> Record {
    let owner = Owner {
        id: SubjectId::from_u128(1),
        tenant: TENANT,
        status: OwnerStatus::Active,
        generation: 0,
        grants: Grants::default(),
    };
    Record::Owner(owner)
}

fn put(graph: &mut Graph, number: u128, texts: &[&str]) {
    graph.apply(agent(number, texts), Stamp(1)).unwrap();
}

fn agent(number: u128, texts: &[&str]) -> Record {
    Record::Agent(Agent {
        id: AgentId::from_u128(number),
        tenant: TENANT,
        owner: SubjectId::from_u128(1),
        owner_generation: 0,
        name: format!("agent-{number}").parse().unwrap(),
        kind: AgentKind::Service,
        status: AgentStatus::Active,
        generation: 0,
        created_at: NOW,
        expires_at: None,
        grants: Grants::of(texts.iter().map(|text| text.parse().unwrap())),
        credentials: Vec::new(),
        metadata: Default::default(),
    })
}

fn allows(graph: &Graph, number: u128, resource: &str) -> bool {
    let (action, resource) = ("read".parse().unwrap(), resource.parse().unwrap());
    let request = Request::new(TENANT, AgentId::from_u128(number), action, resource);
    decide(graph, &request, &NothingRecorded, NOW)
        .decision
        .is_allow()
}

#[test]
fn whatever_no_grant_says_any_more_is_let_go() {
    let mut graph = graph();
    let before = graph.words.kept();
    put(
        &mut graph,
        1,
        &["read,list:x-own:a:b*?rate=1/h", "read:mcp:shared"],
    );
    put(
        &mut graph,
        2,
        &["read,list:x-own:a:b*?rate=1/h", "read:mcp:shared"],
    );
    let both = graph.words.kept();
    // x-own, a, b, shared, read, list; one list of actions, one rate; one list of grants for both.
    assert_eq!(both, [6, 1, 1, 1]);
    for round in 0..500 {
        let text = format!("read,zap-{round}:mcp:tool-{round}:**?rate={round}/m");
        put(&mut graph, 2, &[&text, &text, "read:mcp:shared"]);
        assert!(allows(&graph, 1, "x-own:a:bc") && allows(&graph, 1, "mcp:shared"));
        assert!(!allows(&graph, 2, "x-own:a:bc") && allows(&graph, 2, "mcp:shared"));
    }
    // Its own tool and action beside those of the other.
    assert_eq!(graph.words.kept(), [8, 2, 2, 2]);
    put(&mut graph, 2, &[]);
    assert_eq!(graph.words.kept(), both);
    put(&mut graph, 1, &[]);
    assert_eq!(graph.words.kept(), before);
}

#[test]
fn a_copy_answers_as_before_whatever_becomes_of_the_original() {
    let mut graph = graph();
    for number in 1..1_000 {
        put(&mut graph, number, &[&format!("read:mcp:tool-{number}")]);
    }
    let copy = graph.clone();
    for number in 1..1_000 {
        // The words of the one are given out again for the other.
        put(&mut graph, number, &[&format!("read:mcp:other-{number}")]);
    }
    put(&mut graph, 1_000, &["read:mcp:more"]);
    for number in 1..1_000 {
        let (tool, other) = (format!("mcp:tool-{number}"), format!("mcp:other-{number}"));
        assert!(allows(&copy, number, &tool) && !allows(&copy, number, &other));
        assert!(allows(&graph, number, &other) && !allows(&graph, number, &tool));
    }
    assert!(allows(&graph, 1_000, "mcp:more") && !allows(&copy, 1_000, "mcp:more"));
}

#[test]
fn every_shape_of_a_grant_is_the_same_when_packed() {
    let mut graph = graph();
    let texts = [
        "**",
        "mcp:**",
        "x-own:**",
        "mcp:a",
        "mcp:a*",
        "mcp:*",
        "mcp:a:b",
        "mcp:a:b*",
        "mcp:a:*",
        "mcp:*:b",
        "mcp:*:b*",
        "mcp:*:*",
        "mcp:a:**",
        "mcp:*:**",
        "mcp:a:b:**",
        "mcp:a:*:c",
        "mcp:*:b:c*",
        "x-own:a",
        "x-own:a*",
        "x-own:*:b",
        "x-own:a:b:*:d:e*",
        "mcp:a:b:c:d:e:f:g",
    ];
    let resources = [
        "mcp:a",
        "mcp:ab",
        "mcp:b",
        "mcp:a:b",
        "mcp:a:bc",
        "mcp:b:b",
        "mcp:a:b:c",
        "mcp:a:x:c",
        "mcp:x:b:cd",
        "x-own:a",
        "x-own:ab",
        "x-own:x:b",
        "x-own:a:b:c:d:ef",
        "x-other:a",
        "mcp:a:b:c:d:e:f:g",
        "mcp:a:b:c:d:e:f:h",
        "app:a",
    ];
    for (number, text) in (1..).zip(texts) {
        put(&mut graph, number, &[&format!("read:{text}")]);
        let pattern: crate::pattern::Pattern = text.parse().unwrap();
        for resource in resources {
            let wanted = pattern.matches(&resource.parse().unwrap());
            assert_eq!(
                allows(&graph, number, resource),
                wanted,
                "{text} {resource}"
            );
        }
    }
}

/// Records that put the same agents in again and again, with grants of which many are the same.
fn muddle(seed: u32) -> Vec<Record> {
    let texts = [
        "read:mcp:a",
        "read,list:mcp:a:*",
        "read:mcp:b*?rate=1/h",
        "list:x-own:a:b",
        "*:**",
        "read,list:mcp:b:**?depth=1",
        "read:app:a?rate=1/h",
    ];
    let mut drawn = seed;
    let mut draw = |below: u32| {
        drawn = drawn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (drawn >> 8) % below
    };
    let mut records = Vec::from([owner()]);
    for _ in 0..200 {
        let number = u128::from(draw(40));
        let count = draw(4);
        let held: Vec<&str> = (0..count).map(|_| texts[draw(7) as usize]).collect();
        records.push(agent(number, &held));
    }
    records
}

#[test]
fn loading_all_at_once_is_the_same_as_one_by_one() {
    for seed in 0..20 {
        let records = muddle(seed);
        let loaded = records.iter().cloned().zip((1..).map(Stamp));
        let mut loaded = Graph::load(loaded).unwrap();
        let mut applied = Graph::new();
        for (record, stamp) in records.iter().cloned().zip((1..).map(Stamp)) {
            applied.apply(record, stamp).unwrap();
        }
        assert_eq!(loaded.words.uses(), applied.words.uses());
        assert_eq!(loaded.words.kept(), applied.words.kept());
        assert_eq!(loaded.size(), applied.size());
        for record in &records {
            assert_eq!(loaded.stamp(&record.key()), applied.stamp(&record.key()));
        }
        for number in 0..40 {
            let id = AgentId::from_u128(number);
            assert_eq!(loaded.agent(TENANT, id), applied.agent(TENANT, id));
            for resource in ["mcp:a", "mcp:a:x", "mcp:bc", "mcp:b:c:d", "app:a", "data:x"] {
                let want = allows(&applied, number, resource);
                assert_eq!(allows(&loaded, number, resource), want, "{resource}");
            }
        }
        // Whatever was counted is let go in the end: not earlier, and not never.
        for number in 0..40 {
            put(&mut loaded, number, &[]);
        }
        assert_eq!(loaded.words.kept(), [0; 4]);
    }
}

#[test]
fn loading_ends_without_a_graph_where_a_record_does_not_fit() {
    // Its owner never comes.
    assert!(Graph::load([(agent(1, &[]), Stamp(1))]).is_err());
    // It changes whose it is.
    let Record::Agent(mut other) = agent(1, &[]) else {
        unreachable!()
    };
    other.owner = SubjectId::from_u128(99);
    let records = [owner(), agent(1, &[]), Record::Agent(other)];
    assert!(Graph::load(records.map(|record| (record, Stamp(1)))).is_err());
}

#[test]
fn actions_that_were_packed_last_and_let_go_are_kept_anew() {
    let mut graph = graph();
    put(&mut graph, 1, &["read,list:mcp:a"]);
    put(&mut graph, 1, &[]);
    put(&mut graph, 1, &["read,list:mcp:a"]);
    assert!(allows(&graph, 1, "mcp:a"));
    put(&mut graph, 1, &[]);
    assert_eq!(graph.words.kept(), [0; 4]);
}

/// The delegation with this number, from agent to agent, below the one with the number before if it is not
/// the first.
fn link(number: u128) -> Record {
    let above = (number > 1).then(|| DelegationId::from_u128(number - 1));
    Record::Delegation(Delegation {
        id: DelegationId::from_u128(number),
        tenant: TENANT,
        from: AgentId::from_u128(number - 1),
        to: AgentId::from_u128(number),
        parent: above,
        parent_generation: 0,
        depth: u8::try_from(number).unwrap(),
        grants: Grants::of(["read:mcp:x".parse().unwrap()]),
        expires_at: None,
        max_depth: None,
        revoked: false,
        generation: 0,
        created_at: NOW,
    })
}

/// Loads four links of a chain in this order.
fn loaded(order: [u128; 4]) -> Result<Graph, GraphError> {
    let mut loading = Loading::new();
    loading.put(owner(), Stamp(1))?;
    for number in 0..=4 {
        loading.put(agent(number, &["read:mcp:x"]), Stamp(1))?;
    }
    for number in order {
        loading.put(link(number), Stamp(number as u64))?;
    }
    loading.finish()
}

#[test]
fn a_delegation_whose_parent_never_comes_is_refused() {
    let error = loaded([4, 3, 2, 2]).unwrap_err();
    assert_eq!(error.key, link(2).key());
}

#[test]
fn delegations_are_loaded_in_any_order() {
    for order in [[1, 2, 3, 4], [4, 3, 2, 1], [2, 4, 1, 3], [3, 1, 4, 2]] {
        let graph = loaded(order).unwrap();
        assert_eq!(graph.size(), (5, 4), "{order:?}");
        assert!(allows(&graph, 4, "mcp:x"), "{order:?}");
        for number in 1..=4 {
            let stamp = graph.stamp(&link(number).key());
            assert_eq!(stamp, Some(Stamp(number as u64)), "{order:?}");
        }
    }
}

#[test]
fn what_is_cited_may_come_last_and_what_is_put_in_again_is_the_newer() {
    let mut loading = Loading::new();
    // Read before what they cite, and as they were then.
    loading.put(link(1), Stamp(1)).unwrap();
    loading.put(agent(1, &["read:mcp:x"]), Stamp(1)).unwrap();
    assert!(loading.is_waiting());
    loading.put(owner(), Stamp(1)).unwrap();
    loading.put(agent(0, &["read:mcp:x"]), Stamp(1)).unwrap();
    // As they are now.
    loading.put(agent(1, &["read:mcp:y"]), Stamp(2)).unwrap();
    let Record::Delegation(mut revoked) = link(1) else {
        unreachable!()
    };
    revoked.revoked = true;
    loading.put(Record::Delegation(revoked), Stamp(2)).unwrap();
    let graph = loading.finish().unwrap();
    assert!(allows(&graph, 1, "mcp:y") && !allows(&graph, 1, "mcp:x"));
    for key in [agent(1, &[]).key(), link(1).key()] {
        assert_eq!(graph.stamp(&key), Some(Stamp(2)), "{key}");
    }
}

#[test]
fn records_that_hold_the_same_share_one_list_and_others_do_not() {
    let mut loading = Loading::new();
    loading.put(owner(), Stamp(1)).unwrap();
    for (number, held) in [(1, "read:mcp:x"), (2, "read:mcp:x"), (3, "read:mcp:y")] {
        loading.put(agent(number, &[held]), Stamp(1)).unwrap();
    }
    let graph = loading.finish().unwrap();
    let first = |number| {
        let agent = graph.agent(TENANT, AgentId::from_u128(number)).unwrap();
        let grants = agent.grants.iter();
        core::ptr::from_ref(grants.into_iter().next().unwrap())
    };
    assert_eq!(first(1), first(2));
    assert_ne!(first(1), first(3));
    assert!(allows(&graph, 2, "mcp:x") && !allows(&graph, 2, "mcp:y"));
    assert!(allows(&graph, 3, "mcp:y") && !allows(&graph, 3, "mcp:x"));
}
