//! Arguments are recorded as a hash that only the tenant can make.

use kavach::audit::Query;
use kavach::store::Space;
use kavach::{AgentId, Kavach, TenantId};
use serde_json::json;

use super::{holds, with_args};
use crate::world::{World, found, new_agent, poll_once, scan};

#[tokio::test]
async fn arguments_are_hashed_alike_if_they_mean_the_same_and_for_each_tenant_apart() {
    let world = World::on_memory().await;
    let one = world.agent("one", &["read:app:*"]).await.id;
    let elsewhere = world.kavach.in_tenant(TenantId::from_parts(1, 1));
    let other = elsewhere
        .create_agent(new_agent("user:alice", "one", &["read:app:*"]))
        .await;
    let other = other.unwrap().id;
    let hash = async |kavach: &Kavach, who: AgentId, args: &str| {
        let call = with_args(who, serde_json::from_str(args).unwrap());
        assert!(kavach.authorize_call(call).await.unwrap().is_allowed());
        let event = found(kavach, Query::default()).await.pop().unwrap();
        assert!(!holds(&event.bytes, "secret"), "arguments lie in clear");
        event.event.args_hash.unwrap()
    };
    let first = hash(&world.kavach, one, r#"{"a":1,"b":["secret",1.0]}"#).await;
    for (args, same) in [
        (r#"{ "b" : ["secret", 1], "a" : 1.0 }"#, true),
        (r#"{"b":["secret",1e0],"a":10e-1}"#, true),
        (r#"{"a":1,"b":["secret",2]}"#, false),
        (r#"{"a":"1","b":["secret",1]}"#, false),
        (r#"{"a":1,"b":[1,"secret"]}"#, false),
        (r#"{"a":1,"b":["secret",1],"c":null}"#, false),
        ("null", false),
    ] {
        assert_eq!(
            hash(&world.kavach, one, args).await == first,
            same,
            "{args}"
        );
    }
    let same = hash(&elsewhere, other, r#"{"a":1,"b":["secret",1.0]}"#).await;
    assert_ne!(same, first, "two tenants with the same arguments");
    let world = world.reopen().await;
    assert_eq!(
        hash(&world.kavach, one, r#"{"a":1,"b":["secret",1.0]}"#).await,
        first
    );
}

#[tokio::test]
async fn the_key_for_arguments_is_made_once_however_many_come_first() {
    let world = World::on_memory().await;
    let one = world.agent("one", &["read:app:*"]).await.id;
    let calls = (0..20).map(|_| world.kavach.authorize_call(with_args(one, json!([1]))));
    let calls: Vec<_> = calls.map(Box::pin).collect();
    let mut waiting = calls;
    for call in &mut waiting {
        assert!(poll_once(call).is_pending());
    }
    for call in waiting {
        assert!(call.await.unwrap().is_allowed());
    }
    let events = world.events().await;
    let mut hashes: Vec<_> = events.iter().filter_map(|event| event.args_hash).collect();
    assert_eq!(hashes.len(), 20);
    hashes.dedup();
    assert_eq!(hashes.len(), 1);
    assert_eq!(
        scan(&*world.store, Space::quiet("tenant_key")).await.len(),
        1
    );
}
