//! Weekly times, at their edges, over midnight and when clocks change.

use kavach_core::Window;

use super::{allows, at};

/// The first second of it, and the first after it.
#[track_caller]
fn check_edges(window: &str, first: &str, after: &str) {
    let [first, after] = [first, after].map(|time| at(time).now);
    let shown = format!("window={}", window.replace(' ', "+"));
    for (seconds, want) in [
        (first.as_s() - 60, false),
        (first.as_s() - 1, false),
        (first.as_s(), true),
        (after.as_s() - 60, true),
        (after.as_s() - 1, true),
        (after.as_s(), false),
        (after.as_s() + 59, false),
    ] {
        let mut call = super::NOWHERE;
        call.now = kavach_core::Timestamp::from_s(seconds);
        assert_eq!(allows(&shown, call), want, "{window} at {}", call.now);
    }
}

#[test]
fn a_window_is_half_open_to_the_second_and_in_its_own_zone() {
    for (window, first, after) in [
        // 2026-11-20 is a Friday.
        (
            "mon-fri 09:00-17:00 UTC",
            "2026-11-20T09:00:00Z",
            "2026-11-20T17:00:00Z",
        ),
        (
            "mon-fri 09:00-17:00 Europe/Berlin",
            "2026-11-20T08:00:00Z",
            "2026-11-20T16:00:00Z",
        ),
        (
            "mon-fri 09:00-17:00 Europe/Berlin",
            "2026-07-03T07:00:00Z",
            "2026-07-03T15:00:00Z",
        ),
        (
            "mon-fri 09:00-17:00 Asia/Kolkata",
            "2026-11-20T03:30:00Z",
            "2026-11-20T11:30:00Z",
        ),
        (
            "mon-fri 09:00-17:00 Asia/Kathmandu",
            "2026-11-20T03:15:00Z",
            "2026-11-20T11:15:00Z",
        ),
        (
            "mon-fri 09:00-17:00 America/New_York",
            "2026-11-20T14:00:00Z",
            "2026-11-20T22:00:00Z",
        ),
        // Friday there, and Saturday, or Thursday still, at Greenwich.
        (
            "fri 20:00-23:00 America/Los_Angeles",
            "2026-11-21T04:00:00Z",
            "2026-11-21T07:00:00Z",
        ),
        (
            "fri 08:00-09:00 Pacific/Auckland",
            "2026-11-19T19:00:00Z",
            "2026-11-19T20:00:00Z",
        ),
        (
            "fri 00:00-24:00 UTC",
            "2026-11-20T00:00:00Z",
            "2026-11-21T00:00:00Z",
        ),
        (
            "daily 09:00-09:01 UTC",
            "2026-11-20T09:00:00Z",
            "2026-11-20T09:01:00Z",
        ),
        (
            "daily 23:59-24:00 UTC",
            "2026-11-20T23:59:00Z",
            "2026-11-21T00:00:00Z",
        ),
        (
            "fri-mon 00:00-24:00 UTC",
            "2026-11-20T00:00:00Z",
            "2026-11-24T00:00:00Z",
        ),
    ] {
        check_edges(window, first, after);
    }
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
    for (window, first, after) in [
        (
            "fri 22:00-06:00 UTC",
            "2026-11-20T22:00:00Z",
            "2026-11-21T06:00:00Z",
        ),
        (
            "fri 22:00-06:00 Europe/Berlin",
            "2026-11-20T21:00:00Z",
            "2026-11-21T05:00:00Z",
        ),
        (
            "sun 22:00-06:00 UTC",
            "2026-11-22T22:00:00Z",
            "2026-11-23T06:00:00Z",
        ),
        (
            "daily 23:59-00:01 UTC",
            "2026-11-20T23:59:00Z",
            "2026-11-21T00:01:00Z",
        ),
        (
            "daily 12:00-11:00 UTC",
            "2026-11-20T12:00:00Z",
            "2026-11-21T11:00:00Z",
        ),
    ] {
        check_edges(window, first, after);
    }
    // It does not begin on Saturday, and so the night after that has none of it.
    for (time, want) in [
        ("2026-11-20T05:00:00Z", false),
        ("2026-11-21T22:00:00Z", false),
        ("2026-11-22T05:00:00Z", false),
    ] {
        assert_eq!(
            allows("window=fri+22:00-06:00+UTC", at(time)),
            want,
            "{time}"
        );
    }
}

#[test]
fn when_the_clock_goes_forward_the_hour_that_is_skipped_does_not_come() {
    // Berlin, 2026-03-29: 01:59:59 is followed by 03:00:00, at 01:00 UTC.
    let whole = |time| allows("window=sun+02:00-03:00+Europe/Berlin", at(time));
    assert!(!whole("2026-03-29T00:59:59Z"));
    assert!(!whole("2026-03-29T01:00:00Z"));
    check_edges(
        "sun 02:30-03:30 Europe/Berlin",
        "2026-03-29T01:00:00Z",
        "2026-03-29T01:30:00Z",
    );
    check_edges(
        "sun 01:30-02:30 Europe/Berlin",
        "2026-03-29T00:30:00Z",
        "2026-03-29T01:00:00Z",
    );
    // New York, 2026-03-08 at 07:00 UTC; a window over that night is an hour shorter.
    check_edges(
        "sat 22:00-06:00 America/New_York",
        "2026-03-08T03:00:00Z",
        "2026-03-08T10:00:00Z",
    );
}

#[test]
fn when_the_clock_goes_back_the_hour_that_is_repeated_comes_twice() {
    // Berlin, 2026-10-25: 02:59:59 is followed by 02:00:00, at 01:00 UTC.
    check_edges(
        "sun 02:00-03:00 Europe/Berlin",
        "2026-10-25T00:00:00Z",
        "2026-10-25T02:00:00Z",
    );
    let half = |time| allows("window=sun+02:00-02:30+Europe/Berlin", at(time));
    for (time, want) in [
        ("2026-10-24T23:59:59Z", false),
        ("2026-10-25T00:00:00Z", true),
        ("2026-10-25T00:29:59Z", true),
        ("2026-10-25T00:30:00Z", false),
        ("2026-10-25T00:59:59Z", false),
        ("2026-10-25T01:00:00Z", true),
        ("2026-10-25T01:29:59Z", true),
        ("2026-10-25T01:30:00Z", false),
    ] {
        assert_eq!(half(time), want, "{time}");
    }
    check_edges(
        "sat 22:00-06:00 Europe/Berlin",
        "2026-10-24T20:00:00Z",
        "2026-10-25T05:00:00Z",
    );
}

#[test]
fn the_rules_of_a_zone_go_on_beyond_those_that_are_listed() {
    // A Friday in the summer, and one in the winter, of 2400.
    check_edges(
        "fri 09:00-17:00 Europe/Berlin",
        "2400-07-07T07:00:00Z",
        "2400-07-07T15:00:00Z",
    );
    check_edges(
        "fri 09:00-17:00 Europe/Berlin",
        "2400-01-07T08:00:00Z",
        "2400-01-07T16:00:00Z",
    );
}

#[test]
fn windows_in_a_list_all_hold_or_none_does() {
    let both = |time| {
        allows(
            "window=mon-fri+09:00-17:00+UTC;daily+12:00-20:00+UTC",
            at(time),
        )
    };
    assert!(!both("2026-11-20T11:59:59Z"));
    assert!(both("2026-11-20T12:00:00Z"));
    assert!(both("2026-11-20T16:59:59Z"));
    assert!(!both("2026-11-20T17:00:00Z"));
    assert!(!both("2026-11-21T13:00:00Z"));
    for hour in 0..48 {
        let mut never = at("2026-11-20T00:00:00Z");
        never.now = never.now.plus_s(hour * 3600);
        assert!(
            !allows("window=fri+00:00-12:00+UTC;fri+12:00-24:00+UTC", never),
            "{}",
            never.now
        );
    }
}

#[test]
fn every_minute_of_a_fortnight_is_as_the_naive_evaluation_has_it() {
    // Over both changes of the clock in Berlin, and that of Lord Howe by half an hour.
    for (window, start) in [
        (
            "mon,wed-fri+09:30-17:15+Europe/Berlin",
            "2026-03-23T00:00:00Z",
        ),
        ("sat-mon+22:10-03:20+Europe/Berlin", "2026-10-19T00:00:00Z"),
        (
            "sun+01:15-02:45+Australia/Lord_Howe",
            "2026-09-28T00:00:00Z",
        ),
        (
            "sat+23:00-02:10+Australia/Lord_Howe",
            "2026-03-30T00:00:00Z",
        ),
    ] {
        let text = format!("window={window}");
        let start = at(start).now;
        let mut held = 0;
        let parsed = super::constraints(&text).windows;
        for minute in 0..14 * 24 * 60 {
            let mut call = super::NOWHERE;
            call.now = start.plus_s(minute * 60);
            let real = parsed[0].holds_at(call.now);
            // The naive evaluation is slow: all of the edges, and one minute in 61.
            let edge =
                real != parsed[0].holds_at(kavach_core::Timestamp::from_s(call.now.as_s() - 60));
            if edge || minute % 61 == 0 {
                assert_eq!(allows(&text, call), real);
            }
            held += u32::from(real);
        }
        assert!((60..10_000).contains(&held), "{window}: {held} minutes");
    }
}

#[test]
fn the_zones_are_of_a_known_version() {
    assert!(
        Window::zones_version().starts_with("20"),
        "{}",
        Window::zones_version()
    );
}
