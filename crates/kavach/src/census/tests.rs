//! Whether the census knows every space, and what it finds.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::path::Path;

use kavach_audit::{Event, EventKind, Head, Outcome};
use kavach_core::{EventId, LogId, Name, Reason, TenantId};
use kavach_store::{Batch, Key, MemoryStore, Store, StoreErrorKind};

use super::{check, spaces};
use crate::committer::LOG_HEADS;
use crate::{Kavach, NewAgent};

/// The names behind `Space::quiet(` and `Space::graph(` in all sources below this folder, tests apart.
fn named_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().unwrap() != "tests" {
                named_below(&path, found);
            }
            continue;
        }
        if path.file_name().unwrap() == "tests.rs" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for call in ["Space::quiet(\"", "Space::graph(\""] {
            let names = text.split(call).skip(1);
            found.extend(names.map(|rest| rest.split('"').next().unwrap().to_owned()));
        }
    }
}

#[test]
fn every_space_is_counted() {
    let mut named = BTreeSet::new();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    named_below(&here.join("src"), &mut named);
    named_below(&here.join("../kavach-store/src/records"), &mut named);
    let records = std::fs::read_to_string(here.join("../kavach-store/src/records.rs")).unwrap();
    let graph = records.split("Space::graph(\"").skip(1);
    named.extend(graph.map(|rest| rest.split('"').next().unwrap().to_owned()));
    // The note of a copy is not part of what is copied.
    assert!(named.remove("store_copy"));
    let counted: BTreeSet<String> = spaces()
        .iter()
        .map(|space| space.name().to_owned())
        .collect();
    assert_eq!(named, counted);
}

/// A node with an agent, and two calls of it.
pub(crate) async fn some_history(store: MemoryStore, name: &str) -> Kavach {
    let kavach = Kavach::open(store).await.unwrap();
    let new = NewAgent::new("user:alice".parse().unwrap(), name);
    kavach.create_agent(new).await.unwrap();
    for action in ["read", "write"] {
        let name: Name = name.parse().unwrap();
        let _ = kavach.authorize(&name, action, "app:x:y").await.unwrap();
    }
    kavach
}

#[tokio::test]
async fn a_trail_with_a_hole_is_found() {
    let store = MemoryStore::new();
    some_history(store.clone(), "planner").await.close().await;
    let census = check(&store).await.unwrap();
    assert_eq!(census.events(), 3);
    assert_eq!(census.records["agent"], 1);

    // A head that stands for one event more, one that stands for others, and none.
    let page = store
        .scan(LOG_HEADS, (Bound::Unbounded, Bound::Unbounded), 10)
        .await
        .unwrap();
    let (key, record) = page.records[0].clone();
    let mut longer = Head::decode(&record.bytes).unwrap();
    let mut other = Head::empty(longer.log());
    for _ in 0..longer.size() {
        other.push(&[7; 32], longer.time_ns());
    }
    longer.push(&[7; 32], u64::MAX >> 1);
    for (bytes, words) in [
        (longer.encode(), "event 3 of"),
        (other.encode(), "not those"),
        (b"{}".to_vec(), "cannot be read"),
    ] {
        let puts = vec![(Key::new(LOG_HEADS, key.clone()), bytes)];
        store
            .commit(Batch {
                puts,
                ..Batch::default()
            })
            .await
            .unwrap();
        let error = check(&store).await.unwrap_err();
        assert_eq!(*error.kind(), StoreErrorKind::Corrupt);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn events_without_a_head_are_found() {
    let store = MemoryStore::new();
    some_history(store.clone(), "planner").await.close().await;
    let stray = Event {
        log: LogId::from_parts(1_790_000_000_000, 7),
        ..Event::new(
            EventId::from_parts(1_790_000_000_000, 7),
            TenantId::DEFAULT,
            EventKind::Authorize,
            Outcome::Deny,
            Reason::NoGrants,
        )
    };
    let batch = Batch {
        events: vec![stray.seal()],
        ..Batch::default()
    };
    store.commit(batch).await.unwrap();
    let error = check(&store).await.unwrap_err();
    assert!(error.to_string().contains("1 events lie behind"), "{error}");
}

#[tokio::test]
async fn events_of_every_tenant_are_counted() {
    let store = MemoryStore::new();
    let kavach = some_history(store.clone(), "planner").await;
    let stranger: TenantId = "ten_0123456789abcdefghjkmnpq12".parse().unwrap();
    let nobody: Name = "nobody".parse().unwrap();
    let strange = kavach.in_tenant(stranger);
    let _ = strange.authorize(&nobody, "read", "app:x:y").await.unwrap();
    strange.close().await;
    kavach.close().await;
    assert_eq!(check(&store).await.unwrap().events(), 4);
}
