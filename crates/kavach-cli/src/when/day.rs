//! Whole days: `today`, `yesterday`, `last tuesday`, `2026-11-17`.

use jiff::civil::{Date, Weekday};
use jiff::{ToSpan, Zoned};

use super::Range;
use crate::failure::quoted;

/// The day that `text` means, from its first instant up to and without the next day's.
///
/// A day has 23 or 25 hours where clocks are changed. `last tuesday` on a Tuesday is the one a week ago.
pub(crate) fn day(text: &str, now: &Zoned) -> Result<Range, String> {
    let date = date(text, now.date()).ok_or_else(|| {
        let text = quoted(text);
        format!("{text} is not a day; write `2026-11-17`, `today`, `yesterday` or `last tuesday`")
    })?;
    let next = date.tomorrow().map_err(|_| out_of_calendar(text))?;
    Ok(Range {
        since: Some(start_of(date, now, text)?),
        until: Some(start_of(next, now, text)?),
    })
}

/// The first instant of a day, in the zone of `now`.
pub(super) fn start_of(date: Date, now: &Zoned, text: &str) -> Result<Zoned, String> {
    // Where clocks are put forward over midnight, this is the first time that there is.
    date.to_zoned(now.time_zone().clone())
        .map_err(|_| out_of_calendar(text))
}

/// The date that `text` means; `None` if it means none.
pub(super) fn date(text: &str, today: Date) -> Option<Date> {
    match text {
        "today" => return Some(today),
        "yesterday" => return today.yesterday().ok(),
        _ => {}
    }
    if let Some(weekday) = text.strip_prefix("last ") {
        let wanted = weekday_of(weekday.trim_start())?;
        let back = match today.weekday().since(wanted) {
            0 => 7,
            days => i64::from(days),
        };
        return today.checked_sub(back.days()).ok();
    }
    let is_date = text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if is_date { text.parse().ok() } else { None }
}

fn weekday_of(word: &str) -> Option<Weekday> {
    Some(match word {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

pub(super) fn out_of_calendar(text: &str) -> String {
    format!(
        "{} lies outside the calendar; name another time",
        quoted(text)
    )
}
