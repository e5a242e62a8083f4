use jiff::Zoned;

use super::{day, moment, seconds};

/// A Tuesday, two days after clocks were put back in Europe.
const TUESDAY: &str = "2026-10-27T15:30:00+01:00[Europe/Berlin]";

fn shown(result: Result<Zoned, String>) -> String {
    result.map_or_else(|error| format!("error: {error}"), |at| at.to_string())
}

#[track_caller]
fn check_day(now: &str, text: &str, since: &str, until: &str) {
    let now: Zoned = now.parse().unwrap();
    let range = day(text, &now).unwrap();
    let ends = [range.since, range.until].map(|end| end.unwrap().to_string());
    assert_eq!(ends, [since, until], "{text}");
}

#[track_caller]
fn check_moment(text: &str, want: &str) {
    let now: Zoned = TUESDAY.parse().unwrap();
    assert_eq!(shown(moment(text, &now)), want, "{text}");
}

#[test]
fn a_day_is_from_its_first_instant_to_the_next_days() {
    let table = [
        (
            "today",
            "2026-10-27T00:00:00+01:00",
            "2026-10-28T00:00:00+01:00",
        ),
        (
            "yesterday",
            "2026-10-26T00:00:00+01:00",
            "2026-10-27T00:00:00+01:00",
        ),
        (
            "2026-11-17",
            "2026-11-17T00:00:00+01:00",
            "2026-11-18T00:00:00+01:00",
        ),
        // On a Tuesday, the last one was a week ago.
        (
            "last tuesday",
            "2026-10-20T00:00:00+02:00",
            "2026-10-21T00:00:00+02:00",
        ),
        (
            "last monday",
            "2026-10-26T00:00:00+01:00",
            "2026-10-27T00:00:00+01:00",
        ),
        (
            "last wednesday",
            "2026-10-21T00:00:00+02:00",
            "2026-10-22T00:00:00+02:00",
        ),
        // 25 hours, and 23.
        (
            "last sunday",
            "2026-10-25T00:00:00+02:00",
            "2026-10-26T00:00:00+01:00",
        ),
        (
            "2026-03-29",
            "2026-03-29T00:00:00+01:00",
            "2026-03-30T00:00:00+02:00",
        ),
        (
            "2028-02-29",
            "2028-02-29T00:00:00+01:00",
            "2028-03-01T00:00:00+01:00",
        ),
    ];
    for (text, since, until) in table {
        let zone = "[Europe/Berlin]";
        check_day(
            TUESDAY,
            text,
            &format!("{since}{zone}"),
            &format!("{until}{zone}"),
        );
    }
}

#[test]
fn a_day_whose_midnight_is_left_out_begins_when_it_does() {
    check_day(
        "2018-11-05T12:00:00-02:00[America/Sao_Paulo]",
        "yesterday",
        "2018-11-04T01:00:00-02:00[America/Sao_Paulo]",
        "2018-11-05T00:00:00-02:00[America/Sao_Paulo]",
    );
}

#[test]
fn what_day_it_is_depends_on_the_zone() {
    for (now, since, until) in [
        (
            "2026-11-17T23:30:00+00:00[UTC]",
            "2026-11-17T00:00:00+00:00[UTC]",
            "2026-11-18T00:00:00+00:00[UTC]",
        ),
        (
            "2026-11-18T08:30:00+09:00[Asia/Tokyo]",
            "2026-11-18T00:00:00+09:00[Asia/Tokyo]",
            "2026-11-19T00:00:00+09:00[Asia/Tokyo]",
        ),
    ] {
        check_day(now, "today", since, until);
    }
}

#[test]
fn a_time_is_said_in_many_ways() {
    for (text, want) in [
        ("now", TUESDAY),
        (
            "2026-11-17T14:00:00Z",
            "2026-11-17T15:00:00+01:00[Europe/Berlin]",
        ),
        (
            "2026-11-17T14:00:00.5+05:30",
            "2026-11-17T09:30:00.5+01:00[Europe/Berlin]",
        ),
        (
            "2026-11-17T14:00",
            "2026-11-17T14:00:00+01:00[Europe/Berlin]",
        ),
        (
            "2026-11-17 14:00:07",
            "2026-11-17T14:00:07+01:00[Europe/Berlin]",
        ),
        ("2026-11-17", "2026-11-17T00:00:00+01:00[Europe/Berlin]"),
        ("yesterday", "2026-10-26T00:00:00+01:00[Europe/Berlin]"),
        ("last friday", "2026-10-23T00:00:00+02:00[Europe/Berlin]"),
        ("2h ago", "2026-10-27T13:30:00+01:00[Europe/Berlin]"),
        ("2h", "2026-10-27T13:30:00+01:00[Europe/Berlin]"),
        ("90 minutes ago", "2026-10-27T14:00:00+01:00[Europe/Berlin]"),
        ("45s", "2026-10-27T15:29:15+01:00[Europe/Berlin]"),
        // Over the change of clocks, days keep the time of day, and hours do not.
        ("3d ago", "2026-10-24T15:30:00+02:00[Europe/Berlin]"),
        ("72h ago", "2026-10-24T16:30:00+02:00[Europe/Berlin]"),
        ("1 week ago", "2026-10-20T15:30:00+02:00[Europe/Berlin]"),
        ("0s ago", TUESDAY),
    ] {
        check_moment(text, want);
    }
}

#[test]
fn what_is_no_time_is_told_so() {
    let now: Zoned = TUESDAY.parse().unwrap();
    for text in [
        "",
        "tuesday",
        "last",
        "last ",
        "last march",
        "ago",
        "2",
        "h",
        "-2h",
        "2h ago ago",
        "2y",
        "2026-13-01",
        "2026-02-30",
        "26-11-17",
        "2026-11-1",
        "noon",
        "2026-11-17T25:00:00Z",
        "1e3s",
        "\u{663}h",
        " 2h",
        "99999999999999999999h",
    ] {
        let error = moment(text, &now).unwrap_err();
        assert!(error.contains("is not a time; write"), "{text}: {error}");
        let error = day(text, &now).unwrap_err();
        assert!(error.contains("is not a day; write"), "{text}: {error}");
    }
    assert!(day("2h ago", &now).is_err());
    let error = moment("9999999w ago", &now).unwrap_err();
    assert!(error.contains("lies outside the calendar"), "{error}");
    assert!(
        day("9999-12-31", &now)
            .unwrap_err()
            .contains("lies outside the calendar")
    );
}

#[test]
fn a_duration_is_a_number_and_a_unit() {
    for (text, want) in [
        ("0s", Ok(0)),
        ("90s", Ok(90)),
        ("30m", Ok(1_800)),
        ("1h", Ok(3_600)),
        ("7d", Ok(604_800)),
        ("2w", Ok(1_209_600)),
    ] {
        assert_eq!(seconds(text), want, "{text}");
    }
    for text in [
        "", "1", "h", "1 h", "1H", "-1h", "+1h", "1.5h", "1h30m", "\u{661}h", "1month",
    ] {
        assert!(
            seconds(text).unwrap_err().contains("a number and one of"),
            "{text}"
        );
    }
    for text in ["99999999999999999999s", "18446744073709551615w"] {
        assert!(
            seconds(text)
                .unwrap_err()
                .contains("longer than any calendar"),
            "{text}"
        );
    }
}

#[test]
fn a_range_names_its_zone() {
    let now: Zoned = TUESDAY.parse().unwrap();
    let range = day("2026-11-17", &now).unwrap();
    assert_eq!(
        range.words().unwrap(),
        "from 2026-11-17 00:00 to 2026-11-18 00:00 Europe/Berlin"
    );
    let open = super::Range {
        since: Some(moment("45s", &now).unwrap()),
        until: None,
    };
    assert_eq!(
        open.words().unwrap(),
        "from 2026-10-27 15:29:15 Europe/Berlin"
    );
    assert_eq!(
        super::Range {
            since: None,
            until: None
        }
        .words(),
        None
    );
}
