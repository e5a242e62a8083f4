//! Which records the graph takes, and what they mean whatever wrote them.

use kavach_core::{
    AgentId, AgentName, AgentStatus, Delegation, DelegationId, Graph, GraphError, Leaf,
    OwnerStatus, Reason, Record, Stamp, Subject, SubjectId, SubjectName, TenantId,
};

use crate::world::{TENANT, World, denied};

/// What `apply` says to a record that the graph does not take, and that nothing changed.
#[track_caller]
fn refused_record(world: &World, record: Record, problem: &str) {
    let mut graph = world.graph.clone();
    let before = graph.size();
    let error: GraphError = graph.apply(record, Stamp(9)).unwrap_err();
    assert_eq!(error.problem, problem);
    assert_eq!(graph.size(), before);
    let message = error.to_string();
    assert!(message.ends_with("; restore a backup"), "{message}");
}

#[test]
fn the_graph_takes_no_agent_without_its_owner() {
    let mut world = World::new();
    let id = world.agent("agent", &["read:mcp:*"]);
    let agent = world.graph.agent(TENANT, id).unwrap().clone();
    let mut orphan = agent.clone();
    orphan.owner = SubjectId::from_u128(1);
    let mut moved = agent;
    moved.tenant = TenantId::from_u128(5);
    for changed in [orphan, moved] {
        let problem = "names an owner that is not there";
        refused_record(&world, Record::Agent(changed), problem);
    }
}

#[test]
fn the_graph_takes_no_delegation_that_hangs_elsewhere_than_it_says() {
    let mut world = World::new();
    let [first, second] = ["first", "second"].map(|name| world.agent(name, &["read:mcp:*"]));
    let third = world.agent("third", &[]);
    let one = world.delegate(first, second, &["read:mcp:*"]);
    let mut draft = world.delegation_draft(second, third, &["read:mcp:a"]);
    draft.via = Some(Leaf::Delegation(one));
    let two = world.try_delegate(draft).unwrap();
    let known = world.graph.delegation(TENANT, two).unwrap().clone();
    let mut fresh = known.clone();
    fresh.id = DelegationId::from_u128(1);

    type Tamper = fn(&mut Delegation);
    let edits: [(Tamper, &str); 4] = [
        (
            |new| new.to = AgentId::from_u128(1),
            "names an agent that is not there",
        ),
        (|new| new.tenant = TenantId::from_u128(5), "crosses tenants"),
        (
            |new| new.parent = Some(DelegationId::from_u128(3)),
            "rests on a delegation that is not there",
        ),
        (
            |new| new.from = new.to,
            "rests on a delegation to somebody else",
        ),
    ];
    for (edit, problem) in edits {
        let mut new = fresh.clone();
        edit(&mut new);
        refused_record(&world, Record::Delegation(new), problem);
    }
    for depth in [0, 1, 3, 8, 9, 255] {
        fresh.depth = depth;
        let problem = "has a depth that is not its own";
        refused_record(&world, Record::Delegation(fresh.clone()), problem);
    }
    let mut changed = known.clone();
    changed.from = first;
    let problem = "changes who gave it to whom";
    refused_record(&world, Record::Delegation(changed), problem);
    let mut nothing = Graph::new();
    assert!(nothing.apply(Record::Delegation(known), Stamp(1)).is_err());
}

/// The answer to the second of three agents in a line, and to the third, after `tamper` had its way with a
/// record; and whether the naive evaluator agrees.
#[track_caller]
fn after(tamper: impl Fn(&mut Record)) -> [String; 2] {
    let mut world = World::new();
    let first = world.agent("first", &["read:mcp:*"]);
    let [second, third] = ["second", "third"].map(|name| world.agent(name, &[]));
    world.delegate(first, second, &["read:mcp:*"]);
    world.delegate(second, third, &["read:mcp:*"]);
    for (mut record, stamp) in world.records() {
        tamper(&mut record);
        world.graph.apply(record.clone(), stamp).unwrap();
        world.oracle.put(&record);
    }
    [second, third].map(|agent| {
        let universe = [("read".parse().unwrap(), "mcp:a".parse().unwrap())];
        let told = world.ask(agent, "read", "mcp:a");
        let allowed = world.oracle.allowed(TENANT, agent, &universe, world.now);
        assert_eq!(told == "allow", allowed.contains(&0), "{told}");
        told
    })
}

#[test]
fn a_flag_alone_and_a_generation_alone_end_a_line() {
    let allow = || "allow".to_owned();
    let revoked = || denied(Reason::DelegationRevoked);
    assert_eq!(after(|_| {}), [allow(), allow()]);
    let flag = after(|record| {
        if let Record::Delegation(one) = record
            && one.depth == 1
        {
            one.revoked = true;
        }
    });
    assert_eq!(flag, [revoked(), revoked()]);
    let generation = after(|record| {
        if let Record::Delegation(one) = record
            && one.depth == 1
        {
            one.generation += 1;
        }
    });
    assert_eq!(generation, [allow(), revoked()]);
    let generation = after(|record| {
        if let Record::Agent(first) = record
            && !first.grants.is_empty()
        {
            first.generation += 1;
        }
    });
    assert_eq!(generation, [revoked(), revoked()]);
    let status = after(|record| {
        if let Record::Agent(first) = record
            && !first.grants.is_empty()
        {
            first.status = AgentStatus::Revoked;
        }
    });
    assert_eq!(
        status,
        [
            denied(Reason::AncestorRevoked),
            denied(Reason::AncestorRevoked)
        ]
    );
    let off_boarded = || denied(Reason::OwnerRevoked);
    let status = after(|record| {
        if let Record::Owner(owner) = record {
            owner.status = OwnerStatus::Offboarded;
        }
    });
    assert_eq!(status, [off_boarded(), off_boarded()]);
    let generation = after(|record| {
        if let Record::Owner(owner) = record {
            owner.generation += 1;
        }
    });
    assert_eq!(generation, [off_boarded(), off_boarded()]);
}

#[test]
fn an_error_about_a_record_names_it_and_no_person() {
    let world = World::new();
    let mut graph = world.graph;
    let id = SubjectId::from_u128(1);
    let subject = Subject::user("alice@example.com").unwrap();
    let record = SubjectName {
        id,
        tenant: TENANT,
        subject,
    };
    let message = graph
        .apply(Record::Subject(record), Stamp(1))
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "the name of a subject of `ten_default` names an owner that is not there; restore a backup"
    );
    let record = AgentName {
        name: "planner".parse().unwrap(),
        tenant: TENANT,
        agent: AgentId::from_u128(1),
    };
    let message = graph
        .apply(Record::Name(record), Stamp(1))
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "agent name `planner` of `ten_default` names an agent that is not there; restore a backup"
    );
}

#[test]
fn an_erased_subject_has_no_name_and_keeps_the_rest() {
    let mut world = World::new();
    let agent = world.agent("agent", &["read:mcp:a"]);
    let alice = Subject::user("alice").unwrap();
    let owner = world.graph.agent(TENANT, agent).unwrap().owner;
    assert_eq!(world.graph.subject(TENANT, owner), Some(&alice));
    let change = world.graph.erase_subject(TENANT, &alice);
    world.commit(change).unwrap();
    assert_eq!(world.graph.subject(TENANT, owner), None);
    assert_eq!(world.graph.subject_id(TENANT, &alice), None);
    assert_eq!(world.ask(agent, "read", "mcp:a"), "allow");
    let again = world.graph.erase_subject(TENANT, &alice).unwrap_err();
    assert_eq!(again.reason, Reason::NotFound);
}
