//! Deciding alone: 10,000 agents with 10 grants each, chains of 1, 3 and 5, nine requests in ten allowed.
//!
//! Every answer is compared with the naive oracle's first. Rivals join with the engine's own issue.

#![expect(clippy::expect_used, reason = "a bench stops where it fails")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kavach_core::oracle::Oracle;
use kavach_core::{
    AgentDraft, AgentId, AgentKind, Credential, CredentialHash, DelegationDraft, DelegationId,
    Graph, Mode, OwnerDraft, Permission, Request, SpawnDraft, Stamp, Subject, SubjectId, TenantId,
    Timestamp, decide,
};

const NOW: Timestamp = Timestamp::from_s(1_790_000_000);
const AGENTS: u128 = 10_000;

fn credential(number: u128) -> Credential {
    let mut hash = [0; 32];
    hash[..16].copy_from_slice(&number.to_be_bytes());
    Credential {
        hash: CredentialHash::from_bytes(hash),
        prefix: "kv_bench".into(),
        created_at: NOW,
        expires_at: None,
    }
}

fn permissions(number: u128) -> Vec<Permission> {
    let ten = (0..10).map(|tool| format!("read,list:mcp:server-{}:tool-{tool}:*", number % 100));
    ten.map(|text| text.parse().expect("a permission"))
        .collect()
}

fn draft(number: u128, owner: OwnerDraft, permissions: Vec<Permission>) -> AgentDraft {
    AgentDraft {
        id: AgentId::from_parts(1, number),
        tenant: TenantId::DEFAULT,
        owner,
        name: format!("agent-{number}").parse().expect("a name"),
        kind: AgentKind::Autonomous,
        expires_at: None,
        permissions,
        credential: credential(number),
        metadata: Default::default(),
        recreate: false,
    }
}

/// Chains of this length, the same for the oracle, and the agent at the end of each.
fn forest(length: u128) -> (Graph, Oracle, Vec<AgentId>) {
    let (mut graph, mut leaves) = (Graph::new(), Vec::new());
    let mut oracle = Oracle::default();
    let mut apply = |graph: &mut Graph, change: kavach_core::Change| {
        for record in change.writes {
            oracle.put(&record);
            graph.apply(record, Stamp::default()).expect("fits");
        }
    };
    for chain in 0..AGENTS / length {
        let first = chain * length;
        let owner = OwnerDraft::Named {
            subject: Subject::user(&format!("owner-{}", chain % 1000)).expect("a subject"),
            fresh: SubjectId::from_parts(1, chain % 1000),
        };
        let root = draft(first, owner, permissions(chain));
        let owner = OwnerDraft::Known(SubjectId::from_parts(1, chain % 1000));
        let change = graph.create_agent(root, NOW).expect("created");
        apply(&mut graph, change);
        for number in first + 1..first + length {
            let delegation = DelegationDraft {
                id: DelegationId::from_parts(1, number),
                tenant: TenantId::DEFAULT,
                from: AgentId::from_parts(1, number - 1),
                to: AgentId::from_parts(1, number),
                via: None,
                permissions: permissions(chain),
                expires_at: None,
                max_depth: None,
                mode: Mode::Strict,
            };
            let agent = draft(number, owner.clone(), Vec::new());
            let change = graph
                .spawn(SpawnDraft { agent, delegation }, NOW)
                .expect("spawned");
            apply(&mut graph, change);
        }
        leaves.push(AgentId::from_parts(1, first + length - 1));
    }
    (graph, oracle, leaves)
}

/// Requests by all leaves in turn, nine in ten allowed.
fn requests(leaves: &[AgentId]) -> Vec<Request> {
    let request = |(place, agent): (usize, &AgentId)| {
        let action = if place % 10 == 9 { "delete" } else { "read" };
        let resource = format!("mcp:server-{}:tool-{}:x", place % 100, place % 10);
        let (action, resource) = (action.parse().expect("one"), resource.parse().expect("one"));
        Request::new(TenantId::DEFAULT, *agent, action, resource)
    };
    leaves.iter().enumerate().map(request).collect()
}

/// What both say.
fn agreed(graph: &Graph, oracle: &Oracle, request: &Request) -> bool {
    let allowed = decide(graph, request, NOW).decision.is_allow();
    let universe = [(request.action.clone(), request.resource.clone())];
    let set = oracle.allowed(request.tenant, request.agent, &universe, NOW);
    assert_eq!(!set.is_empty(), allowed, "{request:?}");
    allowed
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    for length in [1, 3, 5] {
        let (graph, oracle, leaves) = forest(length);
        let requests = requests(&leaves);
        let allowed = requests
            .iter()
            .filter(|request| agreed(&graph, &oracle, request))
            .count();
        assert_eq!(
            allowed * 10 / requests.len(),
            9,
            "the workload allows nine in ten"
        );
        let mut turn = requests.iter().cycle();
        group.bench_function(BenchmarkId::new("chain", length), |bencher| {
            bencher.iter(|| {
                let request = turn.next().expect("endless");
                black_box(decide(black_box(&graph), request, NOW))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
