//! Points in time: `2026-11-17T14:00:00Z`, `2026-11-17`, `2h ago`, `last tuesday`.

use jiff::civil::DateTime;
use jiff::{Span, Timestamp, Zoned};

use super::day::{date, out_of_calendar, start_of};
use crate::failure::quoted;

/// The point in time that `text` means; a day means its first instant.
///
/// Days and weeks ago are counted on the calendar of the zone, shorter times on the clock.
pub(crate) fn moment(text: &str, now: &Zoned) -> Result<Zoned, String> {
    if text == "now" {
        return Ok(now.clone());
    }
    if let Some(date) = date(text, now.date()) {
        return start_of(date, now, text);
    }
    if let Some(span) = span(text.strip_suffix(" ago").unwrap_or(text)) {
        let then = span.and_then(|span| now.checked_sub(span));
        return then.map_err(|_| out_of_calendar(text));
    }
    let zone = now.time_zone().clone();
    if let Ok(exact) = text.parse::<Timestamp>() {
        return Ok(exact.to_zoned(zone));
    }
    let local = text.parse::<DateTime>().ok().filter(|_| text.contains(':'));
    match local {
        Some(local) => local.to_zoned(zone).map_err(|_| out_of_calendar(text)),
        None => Err(format!(
            "{} is not a time; write `2026-11-17T14:00:00Z`, `2026-11-17`, `2h ago` or `last tuesday`",
            quoted(text)
        )),
    }
}

/// A number and a unit, short or in full: `2h`, `2 hours`. `None` if it is neither; an error if it is more
/// than a calendar has.
fn span(text: &str) -> Option<Result<Span, jiff::Error>> {
    let unit_at = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let number: i64 = number.parse().ok()?;
    let span = Span::new();
    Some(match unit.trim_start() {
        "s" | "second" | "seconds" => span.try_seconds(number),
        "m" | "min" | "minute" | "minutes" => span.try_minutes(number),
        "h" | "hour" | "hours" => span.try_hours(number),
        "d" | "day" | "days" => span.try_days(number),
        "w" | "week" | "weeks" => span.try_weeks(number),
        _ => return None,
    })
}
