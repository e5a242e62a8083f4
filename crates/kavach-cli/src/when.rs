//! Times as people say them, and the zone that they mean.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use kavach::{Clock, SystemClock};

use crate::failure::{Failure, quoted};

mod day;
mod duration;
mod moment;

pub(crate) use day::day;
pub(crate) use duration::seconds;
pub(crate) use moment::moment;

#[cfg(test)]
mod tests;

/// From then, up to and without then.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Range {
    pub(crate) since: Option<Zoned>,
    pub(crate) until: Option<Zoned>,
}

impl Range {
    /// For people: the range with its zone. `None` if it has no ends.
    pub(crate) fn words(&self) -> Option<String> {
        let zone = zone_name(self.since.as_ref().or(self.until.as_ref())?.time_zone());
        let said = |word: &str, end: &Option<Zoned>| {
            end.as_ref().map(|end| {
                let seconds = if end.second() == 0 && end.subsec_nanosecond() == 0 {
                    ""
                } else {
                    ":%S"
                };
                format!(
                    "{word} {}",
                    end.strftime(&format!("%Y-%m-%d %H:%M{seconds}"))
                )
            })
        };
        let ends = [said("from", &self.since), said("to", &self.until)];
        let ends: Vec<String> = ends.into_iter().flatten().collect();
        Some(format!("{} {zone}", ends.join(" ")))
    }
}

/// What time it is, in the zone of this IANA name; in the system's if none is named, or else UTC.
pub(crate) fn now_in(zone: Option<&str>) -> Result<Zoned, Failure> {
    let zone = match zone {
        Some(name) => TimeZone::get(name).map_err(|_| {
            let name = quoted(name);
            Failure::error(format!(
                "{name} is not a time zone; write its IANA name, as in `Europe/Berlin` or `UTC`"
            ))
        })?,
        None => TimeZone::try_system().unwrap_or(TimeZone::UTC),
    };
    Ok(at_ns(SystemClock::default().now_ns(), zone))
}

/// These nanoseconds since the epoch, in this zone. What no calendar has is the end of it.
fn at_ns(ns: u64, zone: TimeZone) -> Zoned {
    Timestamp::from_nanosecond(i128::from(ns))
        .unwrap_or(Timestamp::MAX)
        .to_zoned(zone)
}

/// The same point in time as the trail counts it; what lies before 1970 is 1970.
pub(crate) fn as_ns(at: &Zoned) -> u64 {
    let ns = at.timestamp().as_nanosecond().max(0);
    u64::try_from(ns).unwrap_or(u64::MAX)
}

/// What the zone is called.
fn zone_name(zone: &TimeZone) -> String {
    match zone.iana_name() {
        Some("Etc/UTC") => "UTC".to_owned(),
        Some(name) => name.to_owned(),
        None => "UTC".to_owned(),
    }
}
