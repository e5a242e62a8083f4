//! How far a zone's clocks are from UTC, remembered for the hours that were asked about last.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A span has 2^15 seconds, about nine hours, from a multiple of that on.
const SPAN_BITS: u32 = 15;
const OFFSET_BITS: u32 = 20;
/// Makes spans positive, and none of them zero: [`Timestamp`] has far fewer before 1970.
const SPAN_BIAS: i64 = 1 << 40;
/// Makes offsets positive: they are less than 26 hours.
const OFFSET_BIAS: i64 = 1 << (OFFSET_BITS - 1);

/// The offset of a zone in the span that was asked about last; zero before any was.
///
/// Working it out goes through the zone's rules, and every decision under a window asks. It is a function of
/// zone and time, so what is remembered changes no answer; span and offset are one word, so nobody ever
/// reads half of it.
#[derive(Default)]
pub(super) struct KnownOffset(AtomicU64);

impl KnownOffset {
    /// Seconds that the clocks of `zone`, always the same for one of these, are ahead of UTC at `now_s`;
    /// `None` out of the range of years.
    #[inline]
    pub(super) fn at(&self, zone: &TimeZone, now_s: i64) -> Option<i64> {
        let span = (now_s >> SPAN_BITS) + SPAN_BIAS;
        let known = self.0.load(Ordering::Relaxed);
        if (known >> OFFSET_BITS) as i64 == span {
            return Some((known & ((1 << OFFSET_BITS) - 1)) as i64 - OFFSET_BIAS);
        }
        self.look_up(zone, now_s)
    }

    #[cold]
    fn look_up(&self, zone: &TimeZone, now_s: i64) -> Option<i64> {
        let now = Timestamp::from_second(now_s).ok()?;
        let offset_s = i64::from(zone.to_offset(now).seconds());
        if is_one_offset(zone, now_s >> SPAN_BITS, offset_s) == Some(true) {
            let span = ((now_s >> SPAN_BITS) + SPAN_BIAS) as u64;
            let word = span << OFFSET_BITS | (offset_s + OFFSET_BIAS) as u64;
            self.0.store(word, Ordering::Relaxed);
        }
        Some(offset_s)
    }
}

/// Whether the clocks are that far from UTC in all of a span; `None` if it is not all in the range of years.
fn is_one_offset(zone: &TimeZone, span: i64, offset_s: i64) -> Option<bool> {
    let first_s = span << SPAN_BITS;
    let last_s = first_s + (1 << SPAN_BITS) - 1;
    let first = Timestamp::from_second(first_s).ok()?;
    let last = Timestamp::from_second(last_s).ok()?;
    let same = |at| i64::from(zone.to_offset(at).seconds()) == offset_s;
    let next = zone.following(first).next();
    Some(same(first) && same(last) && next.is_none_or(|next| next.timestamp() > last))
}

impl Clone for KnownOffset {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.0.load(Ordering::Relaxed)))
    }
}

impl fmt::Debug for KnownOffset {
    /// What was asked before is no part of the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZoneDatabase;

    use super::KnownOffset;

    #[test]
    fn what_is_remembered_is_what_the_zone_says() {
        for name in [
            "Europe/Berlin",
            "UTC",
            "Asia/Kathmandu",
            "Africa/Casablanca",
            "Pacific/Apia",
        ] {
            let zone = TimeZoneDatabase::bundled().get(name).unwrap();
            let known = KnownOffset::default();
            let check = |at_s: i64| {
                let offset = zone.to_offset(Timestamp::from_second(at_s).unwrap());
                let wanted = Some(i64::from(offset.seconds()));
                assert_eq!(known.at(&zone, at_s), wanted, "{name} at {at_s}");
            };
            // Every hour and a half of some years, and around every change of the clocks.
            for year in [
                -2_208_988_800,
                1_325_300_000,
                1_790_000_000,
                4_000_000_000_i64,
            ] {
                (0..5_840).for_each(|step| check(year + step * 5_400));
            }
            let from = Timestamp::from_second(0).unwrap();
            for change in zone.following(from).take(400) {
                let at_s = change.timestamp().as_second();
                for turn in [-40_000, -1, 0, 1, 40_000, 1, 0, -1] {
                    check(at_s + turn);
                }
            }
        }
    }

    #[test]
    fn years_out_of_range_have_no_offset() {
        let zone = TimeZoneDatabase::bundled().get("UTC").unwrap();
        assert_eq!(KnownOffset::default().at(&zone, i64::MAX), None);
        assert_eq!(KnownOffset::default().at(&zone, i64::MIN), None);
    }
}
