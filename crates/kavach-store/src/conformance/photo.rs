//! All that can be seen of a store, to compare before and after.

use std::collections::BTreeMap;

use kavach_audit::{Query, SealedEvent};

use crate::batch::Revision;
use crate::conformance::fixture::{ALL, GRAPH, OTHER, QUIET, changes, events, scan};
use crate::store::{Change, Record, Store};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Photo {
    /// By the name of the space, then by key.
    pub(super) records: BTreeMap<&'static str, Vec<(Vec<u8>, Record)>>,
    pub(super) revision: Revision,
    /// From the beginning.
    pub(super) changes: Vec<Change>,
    /// Those of the default tenant.
    pub(super) events: Vec<SealedEvent>,
    /// Of all tenants.
    pub(super) event_count: u64,
}

impl Photo {
    /// Photographs the spaces of the fixture. Nobody may write meanwhile.
    pub(super) async fn of(store: &dyn Store) -> Self {
        let mut records = BTreeMap::new();
        for space in [GRAPH, OTHER, QUIET] {
            records.insert(space.name(), scan(store, space, ALL, 1000).await);
        }
        let (changes, covered) = changes(store, Revision::ZERO, 1000).await;
        let health = store.health().await.unwrap();
        let revision = store.read(&[]).await.unwrap().revision;
        assert_eq!(
            health.revision, revision,
            "health and read disagree about the revision"
        );
        assert_eq!(
            covered, revision,
            "the feed ends before the revision of a read"
        );
        Self {
            records,
            revision,
            changes,
            events: events(store, &Query::default(), 1000).await,
            event_count: health.events,
        }
    }
}
