//! Migration and health.

use crate::conformance::fixture::{Compose, GRAPH, QUIET, batch, committed, key, log, sealed};
use crate::conformance::harness::Harness;
use crate::conformance::photo::Photo;
use crate::store::Migration;

pub(super) async fn migrating_again_changes_nothing(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    let write = batch()
        .put(&key(GRAPH, "k"), "v")
        .put(&key(QUIET, "k"), "v");
    committed(&*store, write.event(&sealed(log(1), 0, 100))).await;
    let before = Photo::of(&*store).await;
    for reopened in [false, true] {
        if reopened {
            drop(store);
            store = harness.reopen().await;
        }
        for migration in [
            Migration::Check,
            Migration::Apply,
            Migration::Apply,
            Migration::Check,
        ] {
            let state = store.migrate(migration).await.unwrap();
            assert!(state.wanted >= 1, "versions of the schema count from 1");
            assert_eq!(state.found, state.wanted, "a fresh store is migrated");
            assert_eq!(Photo::of(&*store).await, before);
        }
    }
}

pub(super) async fn health_tells_what_is_there(harness: &mut dyn Harness) {
    let mut store = harness.fresh().await;
    assert_eq!(store.health().await.unwrap().events, 0);
    for index in 0..3 {
        let event = sealed(log(index), 7, 100);
        let revision = committed(&*store, batch().put(&key(GRAPH, "k"), "v").event(&event))
            .await
            .revision;
        let health = store.health().await.unwrap();
        assert_eq!((health.revision, health.events), (revision, index + 1));
        assert!(
            !health.backend.is_empty(),
            "people want to know which backend it is"
        );
        if index == 1 {
            drop(store);
            store = harness.reopen().await;
            assert_eq!(store.health().await.unwrap(), health);
        }
    }
}
