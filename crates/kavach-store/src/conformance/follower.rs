//! A reader of the change feed that believes nothing.

use std::collections::BTreeMap;

use crate::batch::Revision;
use crate::conformance::fixture::{ALL, scan};
use crate::key::Space;
use crate::store::{Record, Store};

/// Follows the feed, and checks what every page promises.
pub(super) struct Follower {
    at: Revision,
    /// Each revision that was listed, in order.
    pub(super) seen: Vec<Revision>,
    /// What the records are, as far as the feed told.
    pub(super) state: BTreeMap<(String, Vec<u8>), Record>,
}

impl Follower {
    /// One that starts from nothing.
    pub(super) fn new() -> Self {
        Self {
            at: Revision::ZERO,
            seen: Vec::new(),
            state: BTreeMap::new(),
        }
    }

    /// Reads one page, and says whether it was complete.
    pub(super) async fn page(&mut self, store: &dyn Store, limit: usize) -> bool {
        let page = store.changes(self.at, limit).await.unwrap();
        let mut before: Option<(String, Vec<u8>)> = None;
        let mut commits = 0;
        let mut last = self.at;
        for change in &page.changes {
            let place = (change.space.clone(), change.key.clone());
            if change.revision == last {
                assert!(
                    commits > 0,
                    "the page lists {last:?}, which was asked after"
                );
                assert!(
                    before < Some(place.clone()),
                    "a commit's changes are not in key order"
                );
            } else {
                let (found, want) = (change.revision.number(), last.number() + 1);
                assert_eq!(
                    found, want,
                    "the feed goes from {last:?} to {:?}",
                    change.revision
                );
                commits += 1;
                last = change.revision;
                self.seen.push(last);
            }
            before = Some(place);
        }
        assert!(
            page.changes.len() <= limit || commits == 1,
            "a page of {} changes of {commits} commits, with limit {limit}",
            page.changes.len()
        );
        assert!(
            commits > 0 || page.complete,
            "an empty page that is not complete"
        );
        assert_eq!(
            page.revision, last,
            "the page does not say how far it reaches"
        );
        self.at = page.revision;
        for change in page.changes {
            let place = (change.space, change.key);
            match change.record {
                Some(record) => self.state.insert(place, record),
                None => self.state.remove(&place),
            };
        }
        page.complete
    }

    /// Reads on until there is nothing further.
    pub(super) async fn catch_up(&mut self, store: &dyn Store, limit: usize) {
        while !self.page(store, limit).await {}
    }

    /// Checks that what the feed told is what lies in the store. Nobody may write meanwhile.
    pub(super) async fn check_state(&self, store: &dyn Store, spaces: &[Space]) {
        let mut want = BTreeMap::new();
        for space in spaces {
            for (key, record) in scan(store, *space, ALL, 1000).await {
                want.insert((space.name().to_owned(), key), record);
            }
        }
        assert_eq!(
            self.state, want,
            "who follows the feed does not have what is there"
        );
        assert_eq!(self.at, store.read(&[]).await.unwrap().revision);
    }
}
