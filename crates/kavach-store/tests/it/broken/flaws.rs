//! The flaws, and who must find them.

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    // Versions.
    VersionIsAHashOfTheContent,
    VersionsStartAgainAfterReopening,
    // Reads and scans.
    AnswersRepeatedKeysOnce,
    ReadsKeysOneByOne,
    CachesReads,
    CutsLongKeys,
    EmptyIsAbsent,
    ScansBackwards,
    IncludesTheUpperBound,
    ScansInTwoSteps,
    EndsAfterOnePage,
    LeaksSpacesWithTheSamePrefix,
    AcceptsPagesOfZero,
    // Batches.
    IgnoresAbsent,
    ExpectsAfterwards,
    NamesOneConflict,
    ConflictStillWrites,
    ConflictStillRecords,
    TheLastOfTwoWritesWins,
    RefusesToDeleteNothing,
    CutsKeysAtNul,
    FoldsCase,
    TrimsBlanks,
    RefusesLargeRecords,
    ChunksLargeBatches,
    // Revisions.
    StartsAtOne,
    QuietBatchesCount,
    DeletesOfNothingDoNotCount,
    TagsRepeatBetweenStores,
    OneTagForEachStore,
    // Races, drops, crashes.
    ChecksThenActs,
    ConflictsAtRandom,
    WritesOneByOne,
    LosesACommitAfterADrop,
    ForgetsOnReopen,
    HalvesOnCrash,
    LosesTheLastOnCrash,
    DoesNotCrash,
    // The feed.
    FeedHasGaps,
    FeedLeavesOutDeletes,
    FeedShowsOldValues,
    FeedSplitsCommits,
    FeedListsQuietRecords,
    FeedIgnoresTags,
    FeedAcceptsTheFuture,
    FeedForgetsOnReopen,
    FeedIsShort,
    // Hints.
    HintsNeverEnd,
    HintsAtEveryBatch,
    LosesACommitAfterADroppedHint,
    // Events.
    LosesEvents,
    SortsIndexesAsText,
    SkipsTiesBetweenPages,
    LogsKeepToOneTenant,
    LogsComeInOrderOfTime,
    LogsLeakIntoTheNext,
    LogsBeginBehind,
    UnderMeansAgent,
    IgnoresTheResource,
    EndsAtAnEmptyPage,
    IncludesTheEndOfTime,
    EncodesEventsAgain,
    DropsDuplicatesInSilence,
    AcceptsAnyCursor,
    CannotHoldEmoji,
    // The rest.
    IsNeverMigrated,
    CountsRevisionsAsEvents,
}

/// Each flaw, and the checks that must find it.
pub(super) const FLAWS: &[(Flaw, &[&str])] = {
    use Flaw::*;
    &[
        (
            VersionIsAHashOfTheContent,
            &[
                "a_stale_version_does_not_match_a_record_created_again",
                "a_version_belongs_to_one_commit",
                "random_operations_agree_with_a_simple_model",
            ],
        ),
        (
            VersionsStartAgainAfterReopening,
            &[
                "a_stale_version_does_not_match_a_record_created_again",
                "versions_are_not_reused_after_reopening",
            ],
        ),
        (
            AnswersRepeatedKeysOnce,
            &["a_read_answers_in_the_order_asked"],
        ),
        (ReadsKeysOneByOne, &["a_read_is_one_snapshot"]),
        (CachesReads, &["a_read_reflects_what_was_committed_before"]),
        (
            CutsLongKeys,
            &["nothing_lies_under_a_key_of_the_wrong_length"],
        ),
        (
            EmptyIsAbsent,
            &[
                "every_byte_may_stand_in_keys_and_records",
                "a_large_record_comes_back",
                "random_operations_agree_with_a_simple_model",
            ],
        ),
        (
            ScansBackwards,
            &[
                "a_scan_is_in_key_order",
                "random_operations_agree_with_a_simple_model",
            ],
        ),
        (
            IncludesTheUpperBound,
            &[
                "a_scan_keeps_to_its_bounds",
                "random_operations_agree_with_a_simple_model",
            ],
        ),
        (ScansInTwoSteps, &["a_scan_page_is_one_snapshot"]),
        (
            EndsAfterOnePage,
            &[
                "pages_of_a_scan_join_up",
                "random_operations_agree_with_a_simple_model",
            ],
        ),
        (
            LeaksSpacesWithTheSamePrefix,
            &["spaces_do_not_leak_into_each_other"],
        ),
        (AcceptsPagesOfZero, &["a_page_of_zero_is_refused"]),
        (
            IgnoresAbsent,
            &[
                "an_expectation_decides",
                "an_idempotency_key_lets_one_batch_through",
            ],
        ),
        (
            ExpectsAfterwards,
            &["an_expectation_is_about_the_state_before"],
        ),
        (
            NamesOneConflict,
            &["a_conflict_names_every_failed_expectation"],
        ),
        (
            ConflictStillWrites,
            &[
                "a_conflict_writes_nothing",
                "one_of_64_racers_spends_a_code",
                "random_operations_agree_with_a_simple_model",
            ],
        ),
        (
            ConflictStillRecords,
            &[
                "a_conflict_writes_nothing",
                "one_of_64_racers_spends_a_code",
            ],
        ),
        (
            TheLastOfTwoWritesWins,
            &["a_batch_that_is_not_in_order_is_refused"],
        ),
        (
            RefusesToDeleteNothing,
            &["deleting_what_is_not_there_succeeds"],
        ),
        (
            CutsKeysAtNul,
            &[
                "every_byte_may_stand_in_keys_and_records",
                "strings_that_bite_databases_stay_different_keys",
                "a_scan_is_in_key_order",
            ],
        ),
        (
            FoldsCase,
            &["strings_that_bite_databases_stay_different_keys"],
        ),
        (
            TrimsBlanks,
            &["strings_that_bite_databases_stay_different_keys"],
        ),
        (RefusesLargeRecords, &["a_large_record_comes_back"]),
        (ChunksLargeBatches, &["a_large_batch_lands_whole"]),
        (StartsAtOne, &["a_fresh_store_is_at_zero"]),
        (
            QuietBatchesCount,
            &[
                "a_quiet_batch_leaves_the_revision_alone",
                "an_empty_batch_changes_nothing",
                "random_operations_agree_with_a_simple_model",
            ],
        ),
        (
            DeletesOfNothingDoNotCount,
            &["a_graph_batch_adds_exactly_one"],
        ),
        (
            TagsRepeatBetweenStores,
            &["every_revision_has_a_tag_of_its_own"],
        ),
        (
            OneTagForEachStore,
            &[
                "every_revision_has_a_tag_of_its_own",
                "random_operations_agree_with_a_simple_model",
            ],
        ),
        (
            ChecksThenActs,
            &[
                "one_of_64_racers_spends_a_code",
                "no_child_is_delegated_after_its_parent_changed",
                "a_limit_is_never_exceeded",
                "an_idempotency_key_lets_one_batch_through",
                "two_racers_do_not_both_leave_the_last_seat",
            ],
        ),
        (ConflictsAtRandom, &["racers_on_different_keys_all_succeed"]),
        (
            WritesOneByOne,
            &[
                "dropped_commits_land_whole_or_not_at_all",
                "a_read_is_one_snapshot",
            ],
        ),
        (
            LosesACommitAfterADrop,
            &[
                "dropped_commits_land_whole_or_not_at_all",
                "dropped_reads_do_no_harm",
            ],
        ),
        (
            ForgetsOnReopen,
            &[
                "what_was_acknowledged_survives_reopening",
                "events_survive_reopening",
                "every_byte_may_stand_in_keys_and_records",
            ],
        ),
        (
            HalvesOnCrash,
            &["a_crash_halves_nothing_and_loses_nothing_acknowledged"],
        ),
        (
            LosesTheLastOnCrash,
            &["a_crash_halves_nothing_and_loses_nothing_acknowledged"],
        ),
        (
            DoesNotCrash,
            &["a_crash_halves_nothing_and_loses_nothing_acknowledged"],
        ),
        (
            FeedHasGaps,
            &[
                "the_feed_has_no_gaps_under_concurrent_writers",
                "random_operations_agree_with_a_simple_model",
            ],
        ),
        (
            FeedLeavesOutDeletes,
            &["the_feed_lists_each_commit_once_in_order"],
        ),
        (
            FeedShowsOldValues,
            &["the_feed_shows_values_as_they_are_now"],
        ),
        (FeedSplitsCommits, &["pages_of_the_feed_hold_whole_commits"]),
        (
            FeedListsQuietRecords,
            &["quiet_records_stay_out_of_the_feed"],
        ),
        (FeedIgnoresTags, &["a_revision_that_never_was_is_unknown"]),
        (
            FeedAcceptsTheFuture,
            &["a_revision_that_never_was_is_unknown"],
        ),
        (FeedForgetsOnReopen, &["the_feed_survives_reopening"]),
        (FeedIsShort, &["the_feed_reaches_back_far_enough"]),
        (
            HintsNeverEnd,
            &[
                "hints_end_when_nobody_changes_anything",
                "quiet_batches_make_no_hints",
            ],
        ),
        (HintsAtEveryBatch, &["quiet_batches_make_no_hints"]),
        (LosesACommitAfterADroppedHint, &["dropped_hints_do_no_harm"]),
        (
            LosesEvents,
            &[
                "an_event_is_found_at_once",
                "events_of_racing_logs_are_all_there",
            ],
        ),
        (
            SortsIndexesAsText,
            &["events_come_in_order_of_time_log_and_index"],
        ),
        (SkipsTiesBetweenPages, &["pages_of_events_join_up"]),
        (
            LogsKeepToOneTenant,
            &["a_log_comes_in_order_of_its_indexes"],
        ),
        (
            LogsComeInOrderOfTime,
            &["a_log_comes_in_order_of_its_indexes"],
        ),
        (
            LogsLeakIntoTheNext,
            &["a_log_comes_in_order_of_its_indexes"],
        ),
        (LogsBeginBehind, &["a_log_comes_in_order_of_its_indexes"]),
        (UnderMeansAgent, &["each_part_of_a_query_filters"]),
        (IgnoresTheResource, &["each_part_of_a_query_filters"]),
        (EndsAtAnEmptyPage, &["each_part_of_a_query_filters"]),
        (IncludesTheEndOfTime, &["a_time_range_is_half_open"]),
        (EncodesEventsAgain, &["an_event_comes_back_byte_for_byte"]),
        (
            DropsDuplicatesInSilence,
            &["a_second_event_at_the_same_place_is_refused"],
        ),
        (AcceptsAnyCursor, &["a_cursor_from_elsewhere_is_refused"]),
        (
            CannotHoldEmoji,
            &["strings_that_bite_databases_come_back_in_events"],
        ),
        (IsNeverMigrated, &["migrating_again_changes_nothing"]),
        (CountsRevisionsAsEvents, &["health_tells_what_is_there"]),
    ]
};
