//! Hints: a store may give none, but those that it gives do no harm.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use tokio::task::yield_now;

use crate::Revision;
use crate::conformance::fixture::{
    Compose, GRAPH, QUIET, batch, bytes, committed, handle, key, log, numbered, sealed,
};
use crate::conformance::harness::Harness;
use crate::store::Store;

/// Hints without cause that a store may give in a row before it has to fall silent: those of commits that
/// were on their way, and of a connection that was made.
const SPURIOUS_MAX: usize = 32;
/// How often a hint is looked at before it counts as one that does not come.
const LOOKS: usize = 64;

/// Whether the hint comes while others run for a while.
async fn comes(mut hint: Pin<&mut (impl Future<Output = ()> + ?Sized)>) -> bool {
    for _ in 0..LOOKS {
        let looked = poll_fn(|context| Poll::Ready(hint.as_mut().poll(context).is_ready()));
        if looked.await {
            return true;
        }
        yield_now().await;
    }
    false
}

/// How many hints come one after the other, up to `most`.
async fn hints(store: &dyn Store, known: Revision, most: usize) -> usize {
    let mut count = 0;
    while count < most && comes(pin!(store.stirred(known))).await {
        count += 1;
    }
    count
}

pub(super) async fn hints_end_when_nobody_changes_anything(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    for round in 0..3 {
        let known = match round {
            0 => Revision::ZERO,
            _ => {
                let put = batch().put(&numbered(GRAPH, "k", round), "v");
                committed(&*handles[0], put).await.revision
            }
        };
        for store in &handles {
            let hints = hints(&**store, known, SPURIOUS_MAX + 1).await;
            assert!(
                hints <= SPURIOUS_MAX,
                "the store keeps saying that something changed after {known:?}"
            );
        }
    }
}

/// Otherwise every decision of a node would have all others ask.
pub(super) async fn quiet_batches_make_no_hints(harness: &mut dyn Harness) {
    let handles = [harness.fresh().await, harness.second_handle().await];
    let put = batch().put(&key(GRAPH, "k"), "v");
    let known = committed(&*handles[0], put).await.revision;
    let mut hints_of_all = 0;
    let commits = 4 * SPURIOUS_MAX;
    for number in 0..commits {
        let event = sealed(log(1), number as u64, 100);
        let put = batch().put(&key(QUIET, "k"), "v").event(&event);
        committed(&*handles[0], put).await;
        for store in &handles {
            hints_of_all += hints(&**store, known, 1).await;
        }
    }
    assert!(
        hints_of_all <= 2 * SPURIOUS_MAX,
        "{hints_of_all} hints by {commits} batches that change nothing of the graph"
    );
}

pub(super) async fn dropped_hints_do_no_harm(harness: &mut dyn Harness) {
    let handles: [Arc<dyn Store>; 2] = [harness.fresh().await, harness.second_handle().await];
    let mut known = Revision::ZERO;
    for round in 0..16 {
        let mut waiting = Vec::new();
        for number in 0..4 {
            // Some are dropped before the commit, some after it.
            let mut hint = handles[number % 2].stirred(known);
            let looked = poll_fn(|context| Poll::Ready(hint.as_mut().poll(context)));
            let _ = looked.await;
            if number < 2 {
                waiting.push(hint);
            }
        }
        let place = numbered(GRAPH, "k", round);
        let put = batch().absent(&place).put(&place, "v");
        let store = handle(&handles, round);
        let now = committed(&*store, put).await.revision;
        drop(waiting);
        assert_eq!(
            now.number(),
            known.number() + 1,
            "a commit beside hints that were dropped"
        );
        let found = bytes(&*handle(&handles, round + 1), &place).await;
        assert_eq!(found.as_deref(), Some(b"v".as_slice()), "round {round}");
        known = now;
    }
}
