//! Nothing crosses a tenant, and what is another's looks like what never was.

use kavach::audit::Query;
use kavach::{
    AgentEdit, AgentId, Call, Caller, DelegationEdit, DelegationId, Kavach, Leaf, Secret,
    SubjectId, TenantId,
};

use crate::world::{
    World, check_log, found, name, new_agent, new_delegation, new_spawn, on_each_store, subject,
};

on_each_store! {
    another_tenants_ids_are_answered_like_ids_that_never_were,
    tenants_live_side_by_side,
}

fn tenant(number: u64) -> TenantId {
    TenantId::from_parts(number, number.into())
}

/// The ids that one tenant has, and another tries.
struct Ids {
    agent: AgentId,
    low: AgentId,
    delegation: DelegationId,
    owner: SubjectId,
    credential: Secret,
}

/// Every answer to somebody who tries these ids, without the ids themselves.
#[expect(clippy::too_many_lines, reason = "a table")]
async fn try_all(kavach: &Kavach, own: &Ids, ids: &Ids) -> Vec<String> {
    let mut answers: Vec<String> = Vec::new();
    macro_rules! note {
        ($($answer:expr,)*) => {
            $(answers.push(format!("{:?}", $answer));)*
        };
    }
    let delegation = || new_delegation(&["read:app:x"]);
    let via = || delegation().via(Leaf::Delegation(ids.delegation));
    let via_root = || delegation().via(Leaf::Root(ids.agent));
    let call = kavach::Call::new(ids.agent, "read".parse().unwrap(), "app:x".parse().unwrap());
    note![
        kavach.agent(&ids.agent),
        kavach.find_agent(&ids.agent.to_string()),
        kavach.delegation(&ids.delegation),
        kavach.subject(&ids.owner),
        kavach.fault_of(Leaf::Root(ids.agent)),
        kavach.fault_of(Leaf::Delegation(ids.delegation)),
        kavach.permissions_of(&ids.agent),
        kavach.explain(&call, &kavach::Supposed::default()).unwrap(),
        kavach.blast_radius_of_agent(&ids.agent),
        kavach.blast_radius_of_delegation(&ids.delegation),
        kavach.update_agent(&ids.agent, AgentEdit::default()).await,
        kavach.rotate_credential(&ids.agent, 0).await.map(drop),
        kavach.suspend_agent(&ids.agent).await,
        kavach.resume_agent(&ids.agent).await,
        kavach.revoke_agent(&ids.agent).await,
        kavach
            .spawn(&ids.agent, new_spawn("s", &["read:app:x"]))
            .await
            .map(drop),
        kavach
            .delegate(&ids.agent, &ids.low, delegation())
            .await
            .map(drop),
        kavach
            .delegate(&own.agent, &ids.low, delegation())
            .await
            .map(drop),
        kavach
            .delegate(&ids.agent, &own.low, delegation())
            .await
            .map(drop),
        kavach.delegate(&own.agent, &own.low, via()).await.map(drop),
        kavach
            .delegate(&own.agent, &own.low, via_root())
            .await
            .map(drop),
        kavach
            .update_delegation(&ids.delegation, DelegationEdit::default())
            .await,
        kavach.revoke_delegation(&ids.delegation).await,
    ];
    for caller in [
        Caller::from(ids.agent),
        Caller::from(ids.low),
        Caller::from(&ids.credential),
    ] {
        let call = Call::new(caller, "read".parse().unwrap(), "app:x".parse().unwrap());
        let simulated = kavach.simulate(&call, None).unwrap();
        let answer = kavach.authorize_call(call).await.unwrap();
        note![(simulated.decision, &simulated.line, simulated.to_string()),];
        note![(
            answer.decision,
            answer.agent,
            answer.owner,
            answer.hops,
            answer.grant
        ),];
    }
    for query in [
        Query {
            agent: Some(ids.agent),
            ..Query::default()
        },
        Query {
            under: Some(ids.agent),
            ..Query::default()
        },
        Query {
            owner: Some(ids.owner),
            ..Query::default()
        },
    ] {
        let events = found(kavach, query).await;
        let said = events.iter().map(|sealed| {
            let event = &sealed.event;
            let line = event.line.iter().map(|hop| hop.agent).collect::<Vec<_>>();
            (
                event.kind,
                event.outcome,
                event.reason,
                event.owner,
                line,
                event.detail.clone(),
            )
        });
        note![said.collect::<Vec<_>>(),];
    }
    let drawn = ids.agent.to_string();
    let (agent, low) = (format!("{:?}", ids.agent), format!("{:?}", ids.low));
    let texts = [
        (drawn, "AGENT"),
        (agent, "AGENT"),
        (ids.low.to_string(), "LOW"),
        (low, "LOW"),
        (ids.delegation.to_string(), "DELEGATION"),
        (format!("{:?}", ids.delegation), "DELEGATION"),
        (format!("{:?}", ids.owner), "OWNER"),
    ];
    for answer in &mut answers {
        for (id, word) in &texts {
            *answer = answer.replace(id, word);
        }
        *answer = without_new_ids(answer);
    }
    answers
}

/// The text without the ids and credentials that are drawn anew each time.
fn without_new_ids(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = [
        "evt_", "dlg_", "agt_", "EventId(", "AgentId(", "prefix", "kv_",
    ]
    .iter()
    .filter_map(|start| rest.find(start))
    .min()
    {
        kept.push_str(&rest[..at]);
        let end = rest[at..]
            .find([',', ')', '}', ' '])
            .map_or(rest.len(), |end| at + end);
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept
}

async fn somebody(kavach: &Kavach) -> Ids {
    let top = kavach
        .create_agent(new_agent("user:alice", "top", &["read:app:**"]))
        .await
        .unwrap();
    let low = kavach
        .spawn(&top.id, new_spawn("low", &["read:app:x"]))
        .await
        .unwrap();
    Ids {
        agent: top.id,
        low: low.id,
        delegation: low.delegation,
        owner: kavach.subject_id(&subject("user:alice")).unwrap(),
        credential: top.credential,
    }
}

/// Ids of the same age that nobody ever had.
fn nobody(like: &Ids) -> Ids {
    let random = 0x2_5a5a_5a5a_5a5a_5a5a;
    let ms = (like.agent.as_u128() >> 80) as u64;
    Ids {
        agent: AgentId::from_parts(ms, random),
        low: AgentId::from_parts(ms, random + 1),
        delegation: DelegationId::from_parts(ms, random),
        owner: SubjectId::from_parts(ms, random),
        credential: format!("kv_{}", "z".repeat(51) + "0").parse().unwrap(),
    }
}

async fn another_tenants_ids_are_answered_like_ids_that_never_were(world: World) {
    let theirs = somebody(&world.kavach).await;
    // Two tenants alike, one of which tries what is another's, and one what never was.
    let (curious, harmless) = (
        world.kavach.in_tenant(tenant(1)),
        world.kavach.in_tenant(tenant(2)),
    );
    let (own, other) = (somebody(&curious).await, somebody(&harmless).await);
    let tried = try_all(&curious, &own, &theirs).await;
    let blank = try_all(&harmless, &other, &nobody(&theirs)).await;
    assert_eq!(tried.len(), blank.len());
    for (tried, blank) in tried.iter().zip(&blank) {
        // What differs may only be the revision that the store has come to.
        assert_eq!(without_revision(tried), without_revision(blank));
    }
    // And nothing was done to those whose ids they were.
    assert_eq!(world.decide(theirs.low, "read app:x").await, "allow");
    assert_eq!(
        world.decide(&theirs.credential, "read app:x").await,
        "allow"
    );
    assert_eq!(world.events().await.len(), 2 + 2);
    check_log(&*world.store, &[TenantId::DEFAULT, tenant(1), tenant(2)]).await;
}

fn without_revision(text: &str) -> String {
    let Some(at) = text.find("revision: ") else {
        return text.to_owned();
    };
    let end = text[at + 10..].find(|c: char| !c.is_ascii_digit()).unwrap();
    format!("{}{}", &text[..at], &text[at + 10 + end..])
}

async fn tenants_live_side_by_side(world: World) {
    let here = &world.kavach;
    let there = here.in_tenant(tenant(1));
    let (ours, theirs) = (somebody(here).await, somebody(&there).await);
    // The same names and owners, and each tenant's own.
    assert_ne!(ours.agent, theirs.agent);
    assert_ne!(ours.owner, theirs.owner);
    assert_eq!(here.find_agent("top").unwrap().id, ours.agent);
    assert_eq!(there.find_agent("top").unwrap().id, theirs.agent);
    assert_eq!((here.agents().len(), there.agents().len()), (2, 2));
    assert_eq!(
        (here.delegations().len(), there.delegations().len()),
        (1, 1)
    );
    there.revoke_owner(&subject("user:alice")).await.unwrap();
    assert_eq!(world.decide(&name("low"), "read app:x").await, "allow");
    let answer = there
        .authorize(&name("low"), "read", "app:x")
        .await
        .unwrap();
    assert!(!answer.is_allowed());
    // A query that names another tenant asks its own all the same.
    let sly = Query {
        tenant: tenant(1),
        ..Query::default()
    };
    let events = found(here, sly).await;
    assert_eq!(events.len(), 3);
    assert!(
        events
            .iter()
            .all(|sealed| sealed.event.tenant == TenantId::DEFAULT)
    );
    assert_eq!(found(&there, Query::default()).await.len(), 4);
    // Private fields of another tenant's event are nobody's.
    let event = &found(&there, Query::default()).await[0].event;
    assert_eq!(
        here.private(event).await.unwrap(),
        kavach::audit::Private::None
    );
    check_log(&*world.store, &[TenantId::DEFAULT, tenant(1)]).await;
}
