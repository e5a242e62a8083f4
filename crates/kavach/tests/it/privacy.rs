//! What says something about a person is sealed, and can be erased while the log still verifies.

use std::net::IpAddr;

use kavach::audit::{Private, Query};
use kavach::store::Space;
use kavach::{AgentId, Authorization, Call, CannotDecide, Format, Kavach, OpenError, TenantId};
use serde_json::{Value, json};

use crate::world::{On, World, found, name, scan, sealed_events, short, subject};

mod arguments;
mod erasing;

const ADDRESS: &str = "203.0.113.77";

fn call(who: AgentId, address: &str) -> Call {
    let mut call = Call::new(who, "read".parse().unwrap(), "app:x".parse().unwrap());
    call.context.ip = Some(address.parse::<IpAddr>().unwrap());
    call
}

fn with_args(who: AgentId, args: Value) -> Call {
    let mut call = Call::new(who, "read".parse().unwrap(), "app:x".parse().unwrap());
    call.context.args = Some(args.into());
    call
}

/// The address beside the event of an answer.
async fn address(kavach: &Kavach, answer: &Authorization) -> String {
    let events = found(kavach, Query::default()).await;
    let event = events
        .iter()
        .find(|sealed| Some(sealed.event.id) == answer.audit_id)
        .unwrap();
    shown(kavach.private(&event.event).await)
}

fn shown(private: Result<Private, CannotDecide>) -> String {
    match private {
        Ok(Private::Shown(fields)) => fields.address.unwrap(),
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("error: {error}"),
    }
}

/// Every byte that the store gives out.
async fn all_bytes(world: &World) -> Vec<u8> {
    let mut bytes = Vec::new();
    for sealed in sealed_events(&*world.store, &[TenantId::DEFAULT]).await {
        bytes.extend(sealed.bytes);
    }
    for space in [
        "owner",
        "subject",
        "agent",
        "agent_name",
        "delegation",
        "node",
        "log_head",
        "person_key",
        "private_field",
        "tenant_key",
        "declared",
        "master_key_check",
    ] {
        let name: &'static str = space;
        for (key, record) in scan(&*world.store, Space::quiet(name)).await {
            bytes.extend(key);
            bytes.extend(record);
        }
    }
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn an_export_shows_addresses_until_they_are_erased() {
    let world = World::with_master_key(On::Memory, Some(7)).await;
    let agent = world.agent("agent", &["read:app:*"]).await.id;
    assert!(
        world
            .kavach
            .authorize_call(call(agent, ADDRESS))
            .await
            .unwrap()
            .is_allowed()
    );
    let export = async |format| {
        let mut out = Vec::new();
        world
            .kavach
            .export(Query::default(), format, &mut out, &mut |_| {})
            .await
            .unwrap();
        String::from_utf8(out).unwrap()
    };
    assert!(export(Format::Csv).await.contains(ADDRESS));
    assert!(!export(Format::Jsonl).await.contains(ADDRESS));
    let jsonl = export(Format::Jsonl).await;
    world
        .kavach
        .erase_subject(&subject("user:alice"))
        .await
        .unwrap();
    let csv = export(Format::Csv).await;
    assert!(
        !csv.contains(ADDRESS) && csv.contains(",erased,erased,"),
        "{csv}"
    );
    assert!(!csv.contains("user:alice"));
    assert!(
        export(Format::Jsonl).await.starts_with(&jsonl),
        "what was hashed does not change"
    );
}

#[tokio::test]
async fn without_a_master_key_nothing_about_a_person_is_recorded() {
    let world = World::on_memory().await;
    let agent = world.agent("agent", &["read:app:*"]).await.id;
    let answer = world
        .kavach
        .authorize_call(call(agent, ADDRESS))
        .await
        .unwrap();
    assert_eq!(address(&world.kavach, &answer).await, "None");
    for space in ["person_key", "private_field"] {
        assert!(scan(&*world.store, Space::quiet(space)).await.is_empty());
    }
    assert!(!holds(&all_bytes(&world).await, ADDRESS));
}

#[tokio::test]
async fn a_caller_whom_nobody_knows_leaves_no_address() {
    let world = World::with_master_key(On::Memory, Some(7)).await;
    let call = call(AgentId::from_parts(1, 1), ADDRESS);
    let answer = world.kavach.authorize_call(call).await.unwrap();
    assert_eq!(short(&answer), "deny: unknown_agent");
    assert_eq!(address(&world.kavach, &answer).await, "None");
    assert!(
        scan(&*world.store, Space::quiet("private_field"))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn a_denial_keeps_its_address_too() {
    let world = World::with_master_key(On::Memory, Some(7)).await;
    let agent = world.agent("agent", &[]).await.id;
    let answer = world
        .kavach
        .authorize_call(call(agent, ADDRESS))
        .await
        .unwrap();
    assert_eq!(short(&answer), "deny: no_grants");
    assert_eq!(address(&world.kavach, &answer).await, ADDRESS);
}

#[tokio::test]
async fn another_master_key_is_refused_with_a_word() {
    let world = World::with_master_key(On::Memory, Some(7)).await;
    let agent = world.agent("agent", &["read:app:*"]).await.id;
    let answer = world
        .kavach
        .authorize_call(call(agent, ADDRESS))
        .await
        .unwrap();
    let hashed = with_args(agent, json!({"a": 1}));
    assert!(
        world
            .kavach
            .authorize_call(hashed.clone())
            .await
            .unwrap()
            .is_allowed()
    );

    let other = kavach::MasterKey::from_bytes([8; 32]);
    let clock = std::sync::Arc::clone(&world.clock);
    let store = kavach::store::FaultyStore::new(
        std::sync::Arc::clone(&world.store),
        kavach::store::Faults::new(),
    );
    let opened = Kavach::builder(store)
        .clock(clock)
        .master_key(other)
        .open()
        .await;
    let error = opened.map(drop).unwrap_err();
    assert!(matches!(error, OpenError::WrongMasterKey), "{error}");
    assert!(
        error
            .to_string()
            .contains("use the one they were sealed with")
    );

    // Without any, what needs a key says so, and the rest works.
    let world = world.reopen_with(None).await;
    assert_eq!(world.decide(agent, "read app:x").await, "allow");
    let error = address(&world.kavach, &answer).await;
    assert!(
        error.contains("do not open with this master key"),
        "{error}"
    );
    let error = world
        .kavach
        .authorize_call(hashed.clone())
        .await
        .unwrap_err();
    assert!(matches!(error, CannotDecide::WrongMasterKey), "{error}");
    let before = world.check_log().await;
    let unsealed = world
        .kavach
        .authorize_call(call(agent, ADDRESS))
        .await
        .unwrap();
    assert!(unsealed.is_allowed());
    assert_eq!(world.check_log().await, before + 1);

    let world = world.reopen_with(Some(7)).await;
    assert_eq!(address(&world.kavach, &answer).await, ADDRESS);
    assert!(
        world
            .kavach
            .authorize_call(hashed)
            .await
            .unwrap()
            .is_allowed()
    );
}

#[tokio::test]
async fn a_key_that_somebody_put_into_the_store_in_clear_seals_nothing() {
    let world = World::with_master_key(On::Memory, Some(7)).await;
    let agent = world.agent("agent", &["read:app:*"]).await.id;
    let answer = world
        .kavach
        .authorize_call(call(agent, ADDRESS))
        .await
        .unwrap();
    let space = Space::quiet("person_key");
    let key = scan(&*world.store, space).await.into_keys().next().unwrap();
    let batch = kavach::store::Batch {
        puts: vec![(kavach::store::Key::new(space, key), vec![1; 32])],
        ..Default::default()
    };
    world.store.commit(batch).await.unwrap();
    let world = world.reopen().await;
    assert!(
        address(&world.kavach, &answer)
            .await
            .starts_with("error: the keys in the store")
    );
    let error = world
        .kavach
        .authorize_call(call(agent, ADDRESS))
        .await
        .unwrap_err();
    assert!(matches!(error, CannotDecide::WrongMasterKey), "{error}");
}

#[tokio::test]
async fn what_is_sealed_in_one_tenant_is_not_shown_to_another() {
    let world = World::with_master_key(On::Memory, Some(7)).await;
    let agent = world.agent("agent", &["read:app:*"]).await.id;
    assert!(
        world
            .kavach
            .authorize_call(call(agent, ADDRESS))
            .await
            .unwrap()
            .is_allowed()
    );
    let event = world.events().await.pop().unwrap();
    let elsewhere = world.kavach.in_tenant(TenantId::from_parts(1, 1));
    assert_eq!(shown(world.kavach.private(&event).await), ADDRESS);
    assert_eq!(shown(elsewhere.private(&event).await), "None");
}

#[tokio::test]
async fn nothing_that_is_printed_or_kept_holds_a_credential() {
    let world = World::on(On::Redb).await;
    let agent = world.agent("agent", &["read:app:*"]).await;
    let rotated = world.kavach.rotate_credential(&agent.id, 10).await.unwrap();
    let secrets = [agent.credential.expose(), rotated.credential.expose()];
    let call = Call::new(
        &agent.credential,
        "read".parse().unwrap(),
        "app:x".parse().unwrap(),
    );
    let answer = world.kavach.authorize_call(call.clone()).await.unwrap();
    let printed = format!(
        "{agent:?} {rotated:?} {call:?} {answer:?} {answer} {:?} {:?} {:?}",
        world.kavach,
        world.kavach.agents(),
        agent.credential,
    );
    let bytes = all_bytes(&world).await;
    let file = std::fs::read(world.file()).unwrap();
    for secret in secrets {
        assert!(!printed.contains(secret), "{printed}");
        // The first 8 characters are kept on purpose.
        assert!(!holds(&bytes, &secret[8..20]) && !holds(&file, &secret[8..20]));
        // Mistyped, it is not repeated in the error either.
        for typo in [
            secret[..secret.len() - 1].to_owned(),
            format!("{secret}\n"),
            format!(" {secret}"),
            format!("{secret}x"),
            secret.to_uppercase().replace("KV_", "kv_"),
        ] {
            let error = kavach::Caller::parse(&typo).unwrap_err();
            assert!(
                !format!("{error} {error:?}").contains(&typo.trim()[8..20]),
                "{error}"
            );
        }
    }
    assert_eq!(world.decide(&name("agent"), "read app:x").await, "allow");
}
