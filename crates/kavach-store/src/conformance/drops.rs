//! Dropped futures: a caller that goes away in the middle.

use std::future::Future;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use kavach_audit::{Query, SealedEvent};

use crate::conformance::dice::Dice;
use crate::conformance::fixture::{
    ALL, Compose, GRAPH, OTHER, QUIET, batch, bytes, changes, committed, events, handle, key, log,
    numbered, race, record, scale, sealed,
};
use crate::conformance::harness::Harness;
use crate::conformance::photo::Photo;
use crate::store::Store;
use crate::{Batch, Revision};

/// A future that is polled a few times and then dropped.
struct Abandoned<F> {
    inner: Pin<Box<F>>,
    polls: usize,
}

fn abandoned<F: Future>(inner: F, polls: usize) -> Abandoned<F> {
    Abandoned {
        inner: Box::pin(inner),
        polls,
    }
}

impl<F: Future> Future for Abandoned<F> {
    /// `None` if it was dropped before it was done.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        match self.inner.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if self.polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// The parts of one attempt, which land together or not at all.
struct Attempt {
    graph: crate::Key,
    quiet: crate::Key,
    event: SealedEvent,
}

impl Attempt {
    fn new(number: usize) -> Self {
        Self {
            graph: numbered(GRAPH, "attempt", number),
            quiet: numbered(QUIET, "attempt", number),
            event: sealed(log(1), number as u64, 100 + number as u64),
        }
    }

    fn batch(&self) -> Batch {
        // All of them contend for one record, so that they wait for each other.
        let shared = key(OTHER, "shared");
        batch()
            .put(&self.graph, "v")
            .put(&self.quiet, "v")
            .put(&shared, "v")
            .event(&self.event)
    }

    /// Whether it landed; it panics if only a part did. An attempt may still land while this looks.
    async fn landed(&self, store: &dyn Store) -> bool {
        let recorded = async || {
            events(store, &Query::default(), 1000)
                .await
                .contains(&self.event)
        };
        let before = recorded().await;
        let records = store
            .read(&[self.graph.clone(), self.quiet.clone()])
            .await
            .unwrap()
            .records;
        let there: Vec<bool> = records.iter().map(Option::is_some).collect();
        assert_eq!(
            there[0], there[1],
            "one record of a batch landed without the other"
        );
        assert!(there[0] || !before, "an event landed without its records");
        assert!(
            !there[0] || recorded().await,
            "records landed without their event"
        );
        there[0]
    }
}

pub(super) async fn dropped_commits_land_whole_or_not_at_all(harness: &mut dyn Harness) {
    let mut dice = Dice::new(17);
    let mut handles = vec![harness.fresh().await, harness.second_handle().await];
    let storms = scale(10, 200);
    let mut acknowledged = Vec::new();
    for storm in 0..storms {
        acknowledged.extend(rage(&handles, storm, &mut dice).await);
        // Later writes work, on every connection that a dropped one may have left behind.
        for round in 0..8 {
            let (writer, reader) = (handle(&handles, round), handle(&handles, round + 1));
            let key = numbered(QUIET, "later", storm * 8 + round);
            committed(&*writer, batch().put(&key, "v")).await;
            assert!(
                record(&*reader, &key).await.is_some(),
                "a later write is not there"
            );
        }
    }
    for number in (0..storms * 16).step_by(storms) {
        Attempt::new(number).landed(&*handles[1]).await;
    }

    handles.clear();
    let store = harness.reopen().await;
    let landed = count_landed(&*store, storms * 16, &acknowledged).await;
    for round in 0..storms * 8 {
        let later = bytes(&*store, &numbered(QUIET, "later", round)).await;
        assert!(later.is_some(), "a later write is gone");
    }
    let (listed, revision) = changes(&*store, Revision::ZERO, 1000).await;
    assert_eq!(
        revision.number(),
        landed,
        "not one revision for each batch that landed"
    );
    assert_eq!(
        listed.len() as u64,
        2 * landed,
        "the feed does not list each batch whole"
    );
}

/// Sixteen commits at once, most of them dropped somewhere; answers those that were acknowledged.
async fn rage(handles: &[Arc<dyn Store>], storm: usize, dice: &mut Dice) -> Vec<usize> {
    let polls: Vec<usize> = (0..16).map(|_| dice.below(5)).collect();
    let answers = race(16, |racer| {
        let (store, polls) = (handle(handles, racer), polls[racer]);
        let batch = Attempt::new(storm * 16 + racer).batch();
        async move {
            if racer % 2 == 0 {
                return abandoned(store.commit(batch), polls).await;
            }
            // The other way to go away: a task that is aborted wherever it may be.
            let task = tokio::spawn(async move { store.commit(batch).await });
            for _ in 0..polls * 3 {
                tokio::task::yield_now().await;
            }
            task.abort();
            task.await.ok()
        }
    })
    .await;
    let mut acknowledged = Vec::new();
    for (racer, answer) in answers.into_iter().enumerate() {
        // Nothing contradicts the batches, so one that was answered was answered with yes.
        if let Some(answer) = answer {
            answer.expect("a commit that was not dropped failed");
            acknowledged.push(storm * 16 + racer);
        }
    }
    acknowledged
}

/// How many of so many attempts landed. Nothing is under way any more.
async fn count_landed(store: &dyn Store, attempts: usize, acknowledged: &[usize]) -> u64 {
    let recorded = events(store, &Query::default(), 1000).await;
    let mut landed = 0;
    for number in 0..attempts {
        let attempt = Attempt::new(number);
        let records = store
            .read(&[attempt.graph, attempt.quiet])
            .await
            .unwrap()
            .records;
        let recorded = recorded.contains(&attempt.event);
        let there = [records[0].is_some(), records[1].is_some(), recorded];
        let whole = there == [true; 3] || there == [false; 3];
        assert!(whole, "attempt {number} landed by half: {there:?}");
        assert!(
            there[0] || !acknowledged.contains(&number),
            "an acknowledged batch is gone"
        );
        landed += u64::from(there[0]);
    }
    landed
}

pub(super) async fn dropped_reads_do_no_harm(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    for number in 0..40 {
        let batch = batch()
            .put(&numbered(GRAPH, "k", number), "v")
            .put(&numbered(QUIET, "k", number), "v");
        committed(
            &*handles[0],
            batch.event(&sealed(log(1), number as u64, 100)),
        )
        .await;
    }
    let before = Photo::of(&*handles[0]).await;
    let mut dice = Dice::new(19);
    for _ in 0..scale(10, 200) {
        let choices: Vec<(usize, usize)> =
            (0..16).map(|_| (dice.below(5), dice.below(4))).collect();
        race(16, |racer| {
            let (store, (call, polls)) = (handle(&handles, racer), choices[racer]);
            async move {
                let keys = [key(GRAPH, "k/1"), key(QUIET, "k/2")];
                let from = (Bound::Included(b"k".to_vec()), Bound::Unbounded);
                let query = Query::default();
                match call {
                    0 => drop(abandoned(store.read(&keys), polls).await),
                    1 => drop(abandoned(store.scan(GRAPH, from, 7), polls).await),
                    2 => drop(abandoned(store.changes(Revision::ZERO, 7), polls).await),
                    3 => drop(abandoned(store.audit_scan(&query, None, 7), polls).await),
                    _ => drop(abandoned(store.health(), polls).await),
                }
            }
        })
        .await;
        let page = handle(&handles, choices.len())
            .scan(GRAPH, ALL, 100)
            .await
            .unwrap();
        assert_eq!(page.records.len(), 40);
    }
    for store in &handles {
        assert_eq!(Photo::of(&**store).await, before);
        committed(&**store, batch().put(&key(QUIET, "later"), "v")).await;
        assert!(record(&**store, &key(QUIET, "later")).await.is_some());
        committed(&**store, batch().delete(&key(QUIET, "later"))).await;
    }
}
