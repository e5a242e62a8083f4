//! The policy engine's figures beside the plain decision: `cargo bench -p kavach-benches --bench engine`.
//!
//! Prints a line for each. Times are medians of CPU time, over batches long enough for the scheduler's clock.
//! `bytes` are counted by the allocator. A million agents need 6 GB; `AGENTS=100000` makes them fewer.
#![expect(clippy::expect_used, reason = "a bench stops where it fails")]

use std::env;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use kavach_benches::now;
use kavach_core::{
    Agent, AgentId, AgentKind, AgentStatus, Charge, Delegation, DelegationDraft, DelegationId,
    Grants, Graph, Guardrail, Holders, Leaf, Mode, NothingRecorded, Owner, OwnerStatus, Permission,
    Record, Recorded, Request, Room, Selector, Stamp, SubjectId, TenantId, Timestamp, TrustLevel,
    decide,
};

/// A Thursday at noon.
const NOW: Timestamp = Timestamp::from_s(1_795_089_600);
const TENANT: TenantId = TenantId::DEFAULT;
const OWNERS: u128 = 1_000;

fn main() {
    let agents = env::var("AGENTS").map_or(1_000_000, |text| text.parse().expect("a number"));
    everything_on();
    worst_case();
    delegating();
    shared_grants();
    many_agents(agents);
    revoking(agents + agents / 10);
}

/// Nanoseconds that one call takes: the median of eleven batches.
fn nanoseconds(batch: usize, mut job: impl FnMut(usize)) -> f64 {
    let mut taken: Vec<Duration> = Vec::new();
    for _ in 0..11 {
        let started = cpu_ns().map_or_else(|| Err(now()), Ok);
        (0..batch).for_each(&mut job);
        taken.push(match started {
            Ok(started) => Duration::from_nanos(cpu_ns().unwrap_or(started) - started),
            Err(started) => started.elapsed(),
        });
    }
    taken.sort_unstable();
    taken.get(5).map_or(0.0, Duration::as_secs_f64) * 1e9 / batch as f64
}

/// CPU time of this thread, where Linux tells it.
fn cpu_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}

fn id(number: u128) -> u128 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

fn agent_id(number: u128) -> AgentId {
    AgentId::from_parts(1, id(number))
}

fn delegation_id(number: u128) -> DelegationId {
    DelegationId::from_parts(1, id(number))
}

fn permission(text: &str) -> Permission {
    text.parse().expect("a permission")
}

fn agent(number: u128, grants: Grants) -> Record {
    Record::Agent(Agent {
        id: agent_id(number),
        tenant: TENANT,
        owner: SubjectId::from_parts(1, number % OWNERS),
        owner_generation: 0,
        name: format!("agent-{number}").parse().expect("a name"),
        kind: AgentKind::Autonomous,
        status: AgentStatus::Active,
        generation: 0,
        created_at: NOW,
        expires_at: None,
        grants,
        credentials: Vec::new(),
        metadata: Default::default(),
    })
}

/// A delegation from the root grants of `from`, or from the delegation with the number `parent`.
fn delegation(
    number: u128,
    from: u128,
    to: u128,
    above: Option<(u128, u8)>,
    grants: Grants,
) -> Record {
    Record::Delegation(Delegation {
        id: delegation_id(number),
        tenant: TENANT,
        from: agent_id(from),
        to: agent_id(to),
        parent: above.map(|(parent, _)| delegation_id(parent)),
        parent_generation: 0,
        depth: above.map_or(1, |(_, depth)| depth + 1),
        grants,
        expires_at: None,
        max_depth: None,
        revoked: false,
        generation: 0,
        created_at: NOW,
    })
}

fn put(graph: &mut Graph, record: Record) {
    graph.apply(record, Stamp(1)).expect("it fits");
}

fn owners() -> impl Iterator<Item = Record> {
    (0..OWNERS).map(|number| {
        Record::Owner(Owner {
            id: SubjectId::from_parts(1, number),
            tenant: TENANT,
            status: OwnerStatus::Active,
            generation: 0,
            grants: Grants::default(),
        })
    })
}

fn owned() -> Graph {
    let mut graph = Graph::new();
    owners().for_each(|owner| put(&mut graph, owner));
    graph
}

fn ask(agent: u128, action: &str, resource: &str) -> Request {
    let (action, resource) = (action.parse().expect("one"), resource.parse().expect("one"));
    Request::new(TENANT, agent_id(agent), action, resource)
}

/// Says yes to whatever is within its limit, as a node does whose counters are in memory.
struct Roomy;

impl Recorded for Roomy {
    fn room(&self, _: TenantId, charge: &Charge, _: Timestamp) -> Room {
        if charge.amount <= charge.limit {
            Room::Enough
        } else {
            Room::Never
        }
    }

    fn trust(&self, _: TenantId, _: AgentId, _: Timestamp) -> TrustLevel {
        TrustLevel::Standard
    }
}

/// Lines of 1, 3 and 5, each grant with a window, addresses, rules for arguments and a rate; a guardrail
/// that is somebody else's; what is charged, the obligations, and the line.
fn everything_on() {
    for hops in [1, 3, 5_u128] {
        let mut graph = owned();
        put(
            &mut graph,
            Record::Guardrail(Guardrail {
                name: "rail".parse().expect("a name"),
                tenant: TENANT,
                never: permission("delete:mcp:**"),
                agents: Selector::Everyone,
                shadow: false,
                created_at: NOW,
            }),
        );
        let mut requests = Vec::new();
        for line in 0..10_000 / hops {
            let ten = (0..10).map(|tool| {
                permission(&format!(
                    "read,list:mcp:server-{}:tool-{tool}:*?args/amount.max=10&ip=10.0.0.0/8&rate=20/h&\
                     window=mon-fri+08:00-18:00+Europe/Berlin",
                    line % 100
                ))
            });
            let grants = Grants::of(ten);
            for hop in 0..hops {
                let (number, root) = (line * hops + hop, hop == 0);
                let own = if root {
                    grants.clone()
                } else {
                    Grants::default()
                };
                put(&mut graph, agent(number, own));
                if !root {
                    let above = (hop > 1).then(|| (number - 1, hop as u8 - 1));
                    put(
                        &mut graph,
                        delegation(number, number - 1, number, above, grants.clone()),
                    );
                }
            }
            let resource = format!("mcp:server-{}:tool-{}:x", line % 100, line % 10);
            let action = if line % 10 == 9 { "write" } else { "read" };
            let mut request = ask(line * hops + hops - 1, action, &resource);
            request.address = "10.1.2.3".parse().ok();
            request.args = Some(Arc::new(serde_json::json!({ "amount": 5 })));
            requests.push(request);
        }
        let allowed = requests
            .iter()
            .filter(|request| decide(&graph, request, &Roomy, NOW).decision.is_allow());
        let tenths = allowed.count() * 10 / requests.len();
        assert_eq!(tenths, 9, "nine in ten are allowed");
        let plain = nanoseconds(200_000, |turn| {
            if let Some(request) = requests.get(turn % requests.len()) {
                black_box(decide(&graph, request, &Roomy, NOW).decision.is_allow());
            }
        });
        let whole = nanoseconds(200_000, |turn| {
            if let Some(request) = requests.get(turn % requests.len()) {
                let verdict = decide(&graph, request, &Roomy, NOW);
                black_box(graph.charges(request, &verdict));
                black_box(verdict.leaf.and_then(|leaf| graph.line(TENANT, leaf)));
            }
        });
        println!(
            "everything on, line of {hops}: {plain:.0} ns to decide, {whole:.0} ns with charges and line"
        );
    }
}

/// The most that one decision can be made to look at: 64 lines to one agent, each of 9 hops, with 256 grants a
/// hop that all match and all have a rate, a budget, a window, addresses and a rule for arguments. Once they all
/// hold, so that the best is sought among all of them; once none does, for the argument, which is looked at last
/// but for trust and limits.
fn worst_case() {
    let mut graph = owned();
    let grants = Grants::of((0..256).map(|number| {
        permission(&format!(
            "read:mcp:**?args/amount.max={}&budget=9/day&ip=10.0.0.0/8&rate={}/h&\
             window=mon-fri+08:00-18:00+Europe/Berlin",
            number + 10,
            number + 10
        ))
    }));
    let last = 1_000_000;
    put(&mut graph, agent(last, Grants::default()));
    for line in 0..64 {
        for hop in 0..9_u128 {
            let number = line * 9 + hop;
            if hop == 0 {
                put(&mut graph, agent(number, grants.clone()));
                continue;
            }
            let to = if hop == 8 { last } else { number };
            if hop < 8 {
                put(&mut graph, agent(number, Grants::default()));
            }
            let above = (hop > 1).then(|| (number - 1, hop as u8 - 1));
            put(
                &mut graph,
                delegation(number, number - 1, to, above, grants.clone()),
            );
        }
    }
    let mut request = ask(last, "read", "mcp:server:tool");
    request.address = "10.1.2.3".parse().ok();
    for (what, amount, allowed) in [("all allow", 5, true), ("none allows", 1_000, false)] {
        request.args = Some(Arc::new(serde_json::json!({ "amount": amount })));
        let decision = decide(&graph, &request, &Roomy, NOW).decision;
        assert_eq!(decision.is_allow(), allowed, "{decision:?}");
        let taken = nanoseconds(1, |_| {
            black_box(decide(&graph, &request, &Roomy, NOW).decision.is_allow());
        });
        println!(
            "worst case, 64 lines of 9 hops of 256 grants, {what}: {:.0} us",
            taken / 1e3
        );
    }
}

/// Ten permissions below ten.
fn delegating() {
    let mut graph = owned();
    let ten = |text: fn(u32) -> String| -> Vec<Permission> {
        (0..10).map(|tool| permission(&text(tool))).collect()
    };
    let held = ten(|tool| format!("read,list,write:mcp:server:tool-{tool}:**"));
    put(&mut graph, agent(1, Grants::of(held)));
    put(&mut graph, agent(2, Grants::default()));
    let draft = DelegationDraft {
        id: delegation_id(1),
        tenant: TENANT,
        from: agent_id(1),
        to: agent_id(2),
        via: Some(Leaf::Root(agent_id(1))),
        permissions: ten(|tool| format!("read,list:mcp:server:tool-{tool}:*")),
        expires_at: None,
        max_depth: None,
        mode: Mode::Strict,
    };
    let taken = nanoseconds(5_000, |_| {
        black_box(graph.delegate(draft.clone(), NOW)).expect("it is held");
    });
    println!(
        "delegate, 10 below 10: {:.1} us, the draft's copy included",
        taken / 1e3
    );
}

/// What an agent costs that shares its grants with others, its record aside.
fn shared_grants() {
    let mut graph = owned();
    let grants =
        Grants::of((0..10).map(|tool| permission(&format!("read,list:mcp:s:tool-{tool}:*"))));
    let bytes = held_beside_the_records(&mut graph, 100_000, |_| grants.clone());
    println!("memory beside the record, shared grants: {bytes:.0} bytes an agent");
}

/// Bytes that the graph takes for each of so many agents, beside their records.
fn held_beside_the_records(
    graph: &mut Graph,
    agents: u128,
    grants: impl Fn(u128) -> Grants,
) -> f64 {
    let mut beside = 0;
    for block in 0..agents / 10_000 {
        let numbers = block * 10_000..(block + 1) * 10_000;
        let records: Vec<Record> = numbers
            .map(|number| agent(number, grants(number)))
            .collect();
        let before = size_of_val(records.as_slice());
        let taken = allocation_counter::measure(|| {
            for record in records {
                put(graph, record);
            }
        });
        // The list that is used up is given back; a record stands in a box with two counts, stamp and place.
        let boxes = 10_000 * (size_of::<Agent>() + 4 * size_of::<usize>());
        beside += taken.bytes_current + before as i64 - boxes as i64;
    }
    beside as f64 / agents as f64
}

fn own_grants(number: u128) -> impl Iterator<Item = String> {
    (0..10).map(move |place| {
        format!(
            "server-{}:tool-{}",
            (number + place * 37) % 1000,
            (number / 1000 + place) % 1000
        )
    })
}

/// Ten grants of its own for each of so many agents, and requests by random ones.
/// Asking the other way round: who can do this, and which of a thousand tools may an agent call.
fn looking(graph: &Graph, requests: &[Request]) {
    let started = cpu_ns().unwrap_or(0);
    let holders = Holders::of(graph);
    let made = Duration::from_nanos(cpu_ns().unwrap_or(0) - started);
    let mut named = 0;
    let taken = nanoseconds(50, |turn| {
        if let Some(request) = requests.get(turn) {
            let found = holders.who_can(graph, request, &NothingRecorded, NOW, 10_000);
            assert!(found.complete, "a list that is not complete");
            named += found.agents.len();
        }
    });
    println!(
        "who can: {:.2} ms, {} named on average; the index made in {:.2} s",
        taken / 1e6,
        named / 550,
        made.as_secs_f64()
    );
    let tools: Vec<_> = requests
        .iter()
        .take(1_000)
        .map(|request| request.resource.clone())
        .collect();
    let taken = nanoseconds(20, |turn| {
        if let Some(request) = requests.get(turn) {
            let tools = tools.iter().cloned();
            black_box(
                graph
                    .which_tools(request, tools, &NothingRecorded, NOW)
                    .count(),
            );
        }
    });
    println!("which of 1,000 tools: {:.0} us", taken / 1e3);
}

fn many_agents(agents: u128) {
    // The records are made a block at a time, and the time for that taken off.
    let mut making = 0;
    let blocks = (0..agents / 10_000).flat_map(|block| {
        let started = cpu_ns().unwrap_or(0);
        let numbers = block * 10_000..(block + 1) * 10_000;
        let records: Vec<Record> = numbers
            .map(|number| {
                let texts = own_grants(number).map(|target| format!("read,list:mcp:{target}:*"));
                agent(number, Grants::of(texts.map(|text| permission(&text))))
            })
            .collect();
        making += cpu_ns().unwrap_or(0) - started;
        records
    });
    let records = owners().chain(blocks).map(|record| (record, Stamp(1)));
    let started = cpu_ns().unwrap_or(0);
    let mut graph = Graph::load(records).expect("they fit");
    let taken = Duration::from_nanos(cpu_ns().unwrap_or(0) - started - making);
    println!(
        "load {agents} agents x 10 grants: {:.2} s",
        taken.as_secs_f64()
    );
    let mut drawn = 88_172_645_463_325_252_u64;
    let mut draw = || {
        drawn ^= drawn << 13;
        drawn ^= drawn >> 7;
        drawn ^= drawn << 17;
        u128::from(drawn)
    };
    let requests: Vec<Request> = (0..500_000)
        .map(|turn| {
            let number = draw() % agents;
            let target = own_grants(number).nth((draw() % 10) as usize).expect("ten");
            let action = if turn % 10 == 9 { "delete" } else { "read" };
            ask(number, action, &format!("mcp:{target}:x"))
        })
        .collect();
    looking(&graph, &requests);
    let taken = nanoseconds(200_000, |turn| {
        if let Some(request) = requests.get(turn % requests.len()) {
            black_box(
                decide(&graph, request, &NothingRecorded, NOW)
                    .decision
                    .is_allow(),
            );
        }
    });
    println!("decide, {agents} agents, uniformly random: {taken:.0} ns");
    changing(&mut graph, agents);
    drop(graph);
    let bytes = held_beside_the_records(&mut owned(), 100_000, |number| {
        let texts = own_grants(number).map(|target| format!("read,list:mcp:{target}:*"));
        Grants::of(texts.map(|text| permission(&text)))
    });
    println!("memory beside the record, 10 grants of its own: {bytes:.0} bytes an agent");
}

/// What one change costs while somebody reads the graph as it was.
fn changing(graph: &mut Graph, agents: u128) {
    let mut taken: Vec<Duration> = Vec::new();
    for turn in 0..201 {
        let read = graph.clone();
        let mut changed = graph
            .agent(TENANT, agent_id(turn * 499 % agents))
            .expect("there")
            .clone();
        changed.status = AgentStatus::Suspended;
        let started = now();
        put(graph, Record::Agent(changed));
        taken.push(started.elapsed());
        drop(read);
    }
    taken.sort_unstable();
    let median = taken.get(100).copied().unwrap_or_default();
    println!("suspend one of {agents} while an earlier copy is read: {median:?}");
}

/// Revoking what many rest on: 100 below the root, and the rest below these.
fn revoking(descendants: u128) {
    let mut graph = owned();
    let grants = Grants::of([permission("read:mcp:**")]);
    put(&mut graph, agent(0, grants.clone()));
    for number in 1..=descendants {
        put(&mut graph, agent(number, Grants::default()));
        let (from, above) = if number <= 100 {
            (0, None)
        } else {
            (number % 100 + 1, Some((number % 100 + 1, 1)))
        };
        put(
            &mut graph,
            delegation(number, from, number, above, grants.clone()),
        );
    }
    let last = ask(descendants, "read", "mcp:x");
    assert!(
        decide(&graph, &last, &NothingRecorded, NOW)
            .decision
            .is_allow()
    );
    let mut change = graph.revoke_agent(TENANT, agent_id(0)).expect("it lives");
    let record = change.writes.pop().expect("one record");
    let mut taken: Vec<Duration> = Vec::new();
    for _ in 0..201 {
        let mut copy = graph.clone();
        // The first write to a copy copies what it touches; what is measured is the one after.
        put(&mut copy, record.clone());
        let again = record.clone();
        let started = now();
        put(&mut copy, again);
        taken.push(started.elapsed());
        assert!(
            !decide(&copy, &last, &NothingRecorded, NOW)
                .decision
                .is_allow()
        );
    }
    taken.sort_unstable();
    let median = taken.get(100).copied().unwrap_or_default();
    println!("revoke above {descendants} descendants: {median:?}, and the next decision denies");
}
