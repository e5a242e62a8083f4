//! The judge of every backend: the contract as checks that run.
//!
//! A backend passes all of them, or is not one: nothing can be skipped and there are no flags for what
//! it can do. In its tests it implements [`Harness`] and says one line:
//!
//! ```
//! # use kavach_store::conformance::{Harness, Killed};
//! # use kavach_store::{Batch, Store};
//! # use std::sync::Arc;
//! # struct MyHarness;
//! # impl MyHarness { fn new() -> Self { Self } }
//! # #[async_trait::async_trait]
//! # impl Harness for MyHarness {
//! #     async fn fresh(&mut self) -> Arc<dyn Store> { unimplemented!() }
//! #     async fn second_handle(&mut self) -> Arc<dyn Store> { unimplemented!() }
//! #     async fn reopen(&mut self) -> Arc<dyn Store> { unimplemented!() }
//! #     async fn kill_mid_commit(&mut self, _: Vec<Batch>, _: u64) -> Killed { unimplemented!() }
//! # }
//! kavach_store::conformance_tests!(MyHarness::new());
//! ```
//!
//! That makes one test of each entry of [`CHECKS`]. With `KAVACH_CAMPAIGN=1` in the environment they
//! race more, crash at more places and draw more random operations; without it, every random choice
//! follows from a fixed seed. Nothing sleeps and nothing reads a clock.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the kit is a test"
)]

use std::fmt;
use std::future::Future;
use std::pin::Pin;

mod batches;
mod crashes;
mod dice;
mod drops;
mod feed;
mod fixture;
mod follower;
mod harness;
mod hints;
mod model;
mod photo;
mod questions;
mod races;
mod random;
mod reads;
mod revisions;
mod scans;
mod schema;
mod sizes;
mod text;
mod trail;
mod versions;

pub use harness::{Harness, Killed, commit_until_killed};

/// One check of the kit.
#[derive(Clone, Copy)]
pub struct Check(for<'a> fn(&'a mut dyn Harness) -> Running<'a>);

type Running<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl Check {
    /// Runs the check.
    ///
    /// # Panics
    /// If the backend does not keep the contract.
    pub async fn run(self, harness: &mut dyn Harness) {
        (self.0)(harness).await;
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Check(..)")
    }
}

/// Every check with its name, which says what a backend promises.
pub const CHECKS: &[(&str, Check)] = crate::conformance_tests!(@list checks ());

/// Runs the check called `name` on a runtime of its own, against the harness that `make` gives.
///
/// # Panics
/// If there is no such check, or the backend does not pass it.
pub fn run<H: Harness>(name: &str, make: impl Future<Output = H>) {
    let check = CHECKS.iter().find(|(known, _)| *known == name);
    let (_, check) = check.unwrap_or_else(|| panic!("the kit has no check called `{name}`"));
    // Several workers, so that races are real.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut harness = make.await;
        check.run(&mut harness).await;
    });
}

/// Makes one `#[test]` of each conformance check.
///
/// The argument is an expression for a [`Harness`](crate::conformance::Harness), evaluated anew for
/// each test, on a tokio runtime; it may `.await`. Put it in a module of its own.
#[macro_export]
macro_rules! conformance_tests {
    ($harness:expr $(,)?) => { $crate::conformance_tests!(@list tests ($harness)); };
    (@tests ($harness:expr) $($theme:ident :: $name:ident,)*) => {
        $(#[test]
        fn $name() {
            $crate::conformance::run(stringify!($name), async { $harness });
        })*
    };
    (@checks () $($theme:ident :: $name:ident,)*) => {
        &[$((stringify!($name), $crate::conformance::Check(|harness| Box::pin($theme::$name(harness)))),)*]
    };
    // The one list: `CHECKS` and the tests are both made of it, so they cannot differ.
    (@list $what:ident $arguments:tt) => {
        $crate::conformance_tests! {
            @$what $arguments
            versions::a_stale_version_does_not_match_a_record_created_again,
            versions::a_version_belongs_to_one_commit,
            versions::versions_are_not_reused_after_reopening,
            reads::a_read_answers_in_the_order_asked,
            reads::a_read_is_one_snapshot,
            reads::a_read_reflects_what_was_committed_before,
            reads::nothing_lies_under_a_key_of_the_wrong_length,
            scans::a_scan_is_in_key_order,
            scans::a_scan_keeps_to_its_bounds,
            scans::a_scan_page_is_one_snapshot,
            scans::pages_of_a_scan_join_up,
            scans::spaces_do_not_leak_into_each_other,
            scans::a_page_of_zero_is_refused,
            batches::an_expectation_decides,
            batches::an_expectation_is_about_the_state_before,
            batches::a_conflict_names_every_failed_expectation,
            batches::a_conflict_writes_nothing,
            batches::a_batch_that_is_not_in_order_is_refused,
            batches::deleting_what_is_not_there_succeeds,
            batches::an_empty_batch_changes_nothing,
            batches::every_byte_may_stand_in_keys_and_records,
            revisions::a_fresh_store_is_at_zero,
            revisions::a_quiet_batch_leaves_the_revision_alone,
            revisions::a_graph_batch_adds_exactly_one,
            revisions::every_revision_has_a_tag_of_its_own,
            races::one_of_64_racers_spends_a_code,
            races::no_child_is_delegated_after_its_parent_changed,
            races::a_limit_is_never_exceeded,
            races::an_idempotency_key_lets_one_batch_through,
            races::racers_on_different_keys_all_succeed,
            races::two_racers_do_not_both_leave_the_last_seat,
            drops::dropped_commits_land_whole_or_not_at_all,
            drops::dropped_reads_do_no_harm,
            crashes::what_was_acknowledged_survives_reopening,
            crashes::a_crash_halves_nothing_and_loses_nothing_acknowledged,
            feed::the_feed_lists_each_commit_once_in_order,
            feed::the_feed_shows_values_as_they_are_now,
            feed::pages_of_the_feed_hold_whole_commits,
            feed::the_feed_has_no_gaps_under_concurrent_writers,
            feed::quiet_records_stay_out_of_the_feed,
            feed::a_revision_that_never_was_is_unknown,
            feed::the_feed_survives_reopening,
            feed::the_feed_reaches_back_far_enough,
            hints::hints_end_when_nobody_changes_anything,
            hints::quiet_batches_make_no_hints,
            hints::dropped_hints_do_no_harm,
            trail::events_come_in_order_of_time_log_and_index,
            trail::pages_of_events_join_up,
            trail::a_log_comes_in_order_of_its_indexes,
            questions::each_part_of_a_query_filters,
            questions::a_time_range_is_half_open,
            trail::an_event_is_found_at_once,
            trail::an_event_comes_back_byte_for_byte,
            trail::a_second_event_at_the_same_place_is_refused,
            trail::events_of_racing_logs_are_all_there,
            trail::events_survive_reopening,
            trail::a_cursor_from_elsewhere_is_refused,
            text::strings_that_bite_databases_stay_different_keys,
            text::strings_that_bite_databases_come_back_in_events,
            sizes::a_large_record_comes_back,
            sizes::a_large_batch_lands_whole,
            schema::migrating_again_changes_nothing,
            schema::health_tells_what_is_there,
            random::random_operations_agree_with_a_simple_model,
        }
    };
}
